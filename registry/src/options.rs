//! What a host program may set.

use std::time::Duration;

use crate::{CredentialSources, Roots};

/// How a [`RegistryClient`](crate::RegistryClient) behaves. The default has no credentials, the machine's
/// certificates, and the limits that each field names.
#[derive(Debug, Clone)]
pub struct Options {
    /// Hosts (`host` or `host:port`, as in references) that speak plain HTTP. A host without a port means
    /// all its ports.
    pub insecure_hosts: Vec<String>,
    /// Loopback hosts, in the same form, that speak TLS nonetheless.
    pub tls_hosts: Vec<String>,
    /// Where credentials are looked for; none by default.
    pub credentials: CredentialSources,
    /// Certificates of the authorities to trust.
    pub roots: Roots,
    /// How many blobs move at the same time, up and down together; 6 by default.
    pub max_transfers: usize,
    /// When and how often to try again.
    pub retry: RetryPolicy,
    /// How long to wait for the other side.
    pub timeouts: Timeouts,
    /// The `User-Agent` header; `cooper/VERSION` by default.
    pub user_agent: String,
}

/// When and how often a request is tried again (see `docs/registry.md`, "Retries").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; 5 by default.
    pub attempts: u32,
    /// Pause before the second attempt, doubled for each further one, with up to as much again at random;
    /// 500 ms by default.
    pub first_delay: Duration,
    /// The longest such pause; 10 s by default.
    pub max_delay: Duration,
    /// The longest pause that a registry's `Retry-After` may ask for; one that asks for more fails the
    /// request at once. 60 s by default.
    pub max_retry_after: Duration,
}

/// How long to wait for the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, with its TLS handshake; 10 s by default.
    pub connect: Duration,
    /// For an answer, and for the next byte in either direction; 60 s by default.
    pub idle: Duration,
    /// For the answer to an upload whose last byte is sent, since a registry may verify all of it first;
    /// 5 minutes by default.
    pub verify: Duration,
}

/// Options that contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Not of the form `host` or `host:port`.
    #[error("{0:?} is not a registry host: expected host or host:port, without a scheme or a path")]
    Host(String),
    /// A limit of zero.
    #[error("{0} of 0 would never do anything: expected at least 1")]
    Zero(&'static str),
    /// A user agent that a header cannot hold.
    #[error("{0:?} cannot be a user agent")]
    UserAgent(String),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            insecure_hosts: Vec::new(),
            tls_hosts: Vec::new(),
            credentials: CredentialSources::default(),
            roots: Roots::Machine,
            max_transfers: 6,
            retry: RetryPolicy::default(),
            timeouts: Timeouts::default(),
            user_agent: concat!("cooper/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(60),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            verify: Duration::from_secs(300),
        }
    }
}

impl Options {
    /// Whether the options can be worked with.
    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        for host in self.insecure_hosts.iter().chain(&self.tls_hosts) {
            if crate::target::base_url("https", host).is_none() {
                return Err(OptionsError::Host(host.clone()));
            }
        }
        if self.max_transfers == 0 {
            return Err(OptionsError::Zero("max_transfers"));
        }
        if self.retry.attempts == 0 {
            return Err(OptionsError::Zero("retry.attempts"));
        }
        if reqwest::header::HeaderValue::from_str(&self.user_agent).is_err() {
            return Err(OptionsError::UserAgent(self.user_agent.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_zero_and_a_url_for_a_host_are_refused() {
        let check = |options: Options| options.check().unwrap_err().to_string();
        assert!(Options::default().check().is_ok());
        assert_eq!(
            check(Options { max_transfers: 0, ..Options::default() }),
            "max_transfers of 0 would never do anything: expected at least 1"
        );
        assert_eq!(
            check(Options { insecure_hosts: vec!["http://a".into()], ..Options::default() }),
            "\"http://a\" is not a registry host: expected host or host:port, without a scheme or a path"
        );
    }
}
