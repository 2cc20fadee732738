//! Trying again: how often, and after what pause.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use cooperage_llb::ports::registry::RegistryError;

use crate::RetryPolicy;
use crate::failure::{Failure, Subject};

/// The attempts of one operation.
pub(crate) struct Attempts {
    policy: RetryPolicy,
    subject: Subject,
    delays: ExponentialBackoff,
    made: u32,
    fruitless: u32,
}

impl Attempts {
    pub(crate) fn new(policy: &RetryPolicy, subject: Subject) -> Self {
        let delays = delays(policy);
        Self { policy: policy.clone(), subject, delays, made: 0, fruitless: 0 }
    }

    /// Whether no attempt failed yet.
    pub(crate) fn is_first(&self) -> bool {
        self.made == 0
    }

    /// The attempt that will fail next got a good part of the work done: it does not count against the limit.
    pub(crate) fn progressed(&mut self) {
        self.fruitless = 0;
        self.delays = delays(&self.policy);
    }

    /// Waits until another attempt is due, or returns the error of the operation.
    pub(crate) async fn again(&mut self, failure: Failure) -> Result<(), RegistryError> {
        self.made += 1;
        self.fruitless += 1;
        let pause = match &failure {
            Failure::Transient { retry_after, .. } if self.fruitless < self.policy.attempts => {
                let pause = self.delays.next().unwrap_or(self.policy.max_delay);
                pause.max(retry_after.unwrap_or_default())
            }
            _ => return Err(self.error(failure)),
        };
        if let Failure::Transient { detail, retry_after: Some(asked) } = &failure
            && *asked > self.policy.max_retry_after
        {
            let detail = format!("{detail}; it asks to wait {} s", asked.as_secs());
            return Err(self.error(Failure::Hopeless(detail)));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// The operation's error.
    pub(crate) fn error(&self, failure: Failure) -> RegistryError {
        self.subject.clone().error(failure, self.made)
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
