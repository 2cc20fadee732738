//! Pull and push over the distribution protocol, with credentials.
//!
//! [`RegistryClient`] implements the port [`cooperage_llb::ports::Registry`], and, since this room is the one
//! that speaks HTTP, [`cooperage_llb::ports::Downloads`] (docs/sources.md). It speaks HTTP/1.1 through
//! `reqwest`, on a TLS configuration of its own, and never holds a blob in memory. How it finds credentials,
//! when it uses plain HTTP, and what it retries, is in `docs/registry.md`.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod authorizer;
mod bearer_token;
mod blob_pull;
mod blob_push;
mod challenge;
mod client;
mod content_digest;
mod credentials;
mod download;
mod failure;
mod manifest;
mod options;
mod refusal;
mod resolver;
mod retry;
mod target;
mod tls;
mod transport;
mod upload_body;

pub use client::RegistryClient;
pub use credentials::CredentialSources;
pub use options::{Options, OptionsError, RetryPolicy, Timeouts};
pub use tls::Roots;
