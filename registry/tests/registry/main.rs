//! The client against registries: scripted ones that misbehave, and the real one of the package
//! docker-registry. Everything is on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod auth;
mod bench;
mod docker_registry;
mod download;
mod pull;
mod push;
mod real;
mod script;
