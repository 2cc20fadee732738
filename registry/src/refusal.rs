//! What a registry says when it does not do what was asked (distribution-spec, "Error Codes").

use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::authorizer::Authorization;
use crate::failure::Failure;
use crate::retry::retry_after;
use crate::transport::Transport;

/// The longest error body that is read.
const MAX_BODY_BYTES: u64 = 64 << 10;
/// The longest text of one that is shown, in characters.
const MAX_SHOWN: usize = 400;

/// The failure that an answer to `request` other than the expected one means. `used` holds the secrets that
/// must not show.
pub(crate) async fn refusal(
    transport: &Transport,
    request: &str,
    response: Response,
    used: Option<&Authorization>,
) -> Failure {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    // The status alone still tells what to do: a body that cannot be read only takes the words away.
    let body = transport.read_up_to(response, MAX_BODY_BYTES).await.unwrap_or_default();
    let mut detail = format!("{request} was answered {status}");
    let said = used.map_or_else(|| words(&body), |used| used.redact(&words(&body)));
    if !said.is_empty() {
        detail = format!("{detail}: {said}");
    }
    match status {
        StatusCode::NOT_FOUND => Failure::Missing,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Denied(detail),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Failure::Transient { detail, retry_after }
        }
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => Failure::Protocol(detail),
        status if status.is_server_error() => Failure::Transient { detail, retry_after },
        _ => Failure::Protocol(detail),
    }
}

/// The words of an error body: `CODE: message` of each error, or the text itself.
fn words(body: &[u8]) -> String {
    let errors = serde_json::from_slice::<Value>(body).ok();
    let errors = errors.as_ref().and_then(|body| body.get("errors")).and_then(Value::as_array);
    let Some(errors) = errors else {
        let text = String::from_utf8_lossy(body);
        // A proxy's page of HTML says less than the status.
        return if text.trim_start().starts_with('<') { String::new() } else { tame(&text) };
    };
    let text = |error: &Value, name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let said: Vec<_> = errors
        .iter()
        .map(|error| match (text(error, "code"), text(error, "message")) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (code, message) => code.or(message).unwrap_or_default(),
        })
        .filter(|said| !said.is_empty())
        .collect();
    tame(&said.join("; "))
}

/// Foreign text made fit for one line of a terminal.
pub(crate) fn tame(text: &str) -> String {
    let mut tame: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_SHOWN + 1)
        .collect();
    if tame.chars().count() > MAX_SHOWN {
        tame.pop();
        tame.push('…');
    }
    tame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_error_bodies() {
        let both = br#"{"errors":[{"code":"DENIED","message":"not you"},{"code":"X"},{"message":"y"},{}]}"#;
        assert_eq!(words(both), "DENIED: not you; X; y");
        assert_eq!(words(b"plain\n  text\x1b[31m"), "plain text[31m");
        assert_eq!(words(b"<html><body>502"), "");
        assert_eq!(words(b""), "");
        assert_eq!(words(&[b'x'; 1000]).chars().count(), MAX_SHOWN + 1);
    }
}
