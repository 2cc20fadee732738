//! Trying again: how often, and after what pause.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use cooperage_llb::ports::registry::RegistryError;

use crate::RetryPolicy;
use crate::failure::{Failure, Subject};

/// When to try again, and when to give up.
pub(crate) struct Pauses {
    policy: RetryPolicy,
    delays: ExponentialBackoff,
    made: u32,
    fruitless: u32,
}

impl Pauses {
    pub(crate) fn new(policy: &RetryPolicy) -> Self {
        Self { policy: policy.clone(), delays: delays(policy), made: 0, fruitless: 0 }
    }

    /// How many attempts failed.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    fn progressed(&mut self) {
        self.fruitless = 0;
        self.delays = delays(&self.policy);
    }

    /// Waits until another attempt is due, or returns what the failure comes to.
    pub(crate) async fn again(&mut self, failure: Failure) -> Result<(), Failure> {
        self.made += 1;
        self.fruitless += 1;
        let pause = match &failure {
            Failure::Transient { retry_after, .. } if self.fruitless < self.policy.attempts => {
                let pause = self.delays.next().unwrap_or(self.policy.max_delay);
                pause.max(retry_after.unwrap_or_default())
            }
            _ => return Err(failure),
        };
        if let Failure::Transient { detail, retry_after: Some(asked) } = &failure
            && *asked > self.policy.max_retry_after
        {
            return Err(Failure::Hopeless(format!("{detail}; it asks to wait {} s", asked.as_secs())));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// The attempts of one operation on a registry.
pub(crate) struct Attempts {
    pauses: Pauses,
    subject: Subject,
}

impl Attempts {
    pub(crate) fn new(policy: &RetryPolicy, subject: Subject) -> Self {
        Self { pauses: Pauses::new(policy), subject }
    }

    /// Whether no attempt failed yet.
    pub(crate) fn is_first(&self) -> bool {
        self.pauses.made == 0
    }

    /// The attempt that will fail next got a good part of the work done: it does not count against the limit.
    pub(crate) fn progressed(&mut self) {
        self.pauses.progressed();
    }

    /// Waits until another attempt is due, or returns the error of the operation.
    pub(crate) async fn again(&mut self, failure: Failure) -> Result<(), RegistryError> {
        self.pauses.again(failure).await.map_err(|failure| self.error(failure))
    }

    /// The operation's error.
    pub(crate) fn error(&self, failure: Failure) -> RegistryError {
        self.subject.clone().error(failure, self.pauses.made)
    }
}

fn delays(policy: &RetryPolicy) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(policy.first_delay)
        .with_max_delay(policy.max_delay)
        .without_max_times()
        .with_jitter()
        .build()
}

/// The pause that a `Retry-After` header asks for, in its form of seconds (RFC 9110, section 10.2.3). A date
/// would need the clock of the other side to be right; the back-off serves as well.
pub(crate) fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
