//! Trying again: how often, and after what pause.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use cooperage_llb::ports::registry::RegistryError;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

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

/// The pause that a `Retry-After` header asks for (RFC 9110, section 10.2.3): seconds, or a time by the other side's
/// own clock, which its `Date` tells.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = time_of(headers.get(DATE)?.to_str().ok()?)?;
    // What is over already asks for no pause.
    Duration::try_from(time_of(text)? - now).ok()
}

/// An HTTP date in its preferred form: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn time_of(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text.trim(), &Rfc2822).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_in_seconds_and_until_a_time_of_the_other_side() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (asked, date, seconds) in [
            ("7", "", Some(7)),
            (" 7 ", date, Some(7)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", date, Some(30)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", date, None),
            ("Sun, 06 Nov 1994 08:50:07 GMT", "", None),
            ("soon", date, None),
            ("-1", date, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, asked.parse().unwrap());
            headers.insert(DATE, date.parse().unwrap());
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{asked}");
        }
    }
}
