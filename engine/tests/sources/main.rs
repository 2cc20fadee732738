//! Source ops on servers that a test wrote: what is asked for, what comes out, what is asked for again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bench;
mod git;
mod http;
mod repository;
mod server;
