//! Getting a token (distribution's "Token Authentication Specification" and its OAuth2 variant).

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use crate::authorizer::{Authorization, Scopes, redact};
use crate::challenge::Bearer;
use crate::credentials::Secret;
use crate::failure::Failure;
use crate::refusal::refusal;
use crate::target::{Target, is_loopback};
use crate::transport::{Request, Transport, bare};

/// The longest answer of a token server.
const MAX_ANSWER_BYTES: u64 = 1 << 20;
/// How long a token lives whose server does not say, and the least that is believed, in seconds.
const LEAST_LIFE_SECONDS: u64 = 60;
/// The most that is believed.
const MOST_LIFE_SECONDS: u64 = 24 * 60 * 60;
/// Who we are to the token server.
const CLIENT_ID: &str = "cooper";

/// A token and how long to use it. No `Debug`: it must not reach a log.
pub(crate) struct Token {
    text: String,
    fresh_until: Instant,
}

impl Token {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether nine tenths of its life are not over.
    pub(crate) fn is_fresh(&self) -> bool {
        Instant::now() < self.fresh_until
    }
}

/// Gets a token for `scopes` from the server that `challenge` names.
pub(crate) async fn fetch(
    transport: &Transport,
    target: &Target,
    challenge: &Bearer,
    scopes: &Scopes,
    secret: &Secret,
) -> Result<Token, Failure> {
    let realm = &challenge.realm;
    if realm.scheme() != "https" && !target.is_plain() && !is_loopback(realm) {
        let detail = format!("the token server {} is not encrypted", bare(realm));
        return Err(Failure::Protocol(detail));
    }
    let started = Instant::now();
    if let Secret::Identity(token) = secret {
        let request =
            by_post(challenge, scopes, &[("grant_type", "refresh_token"), ("refresh_token", token)]);
        let answer = transport.send(&request, None).await.map_err(|failure| at_server(failure, secret))?;
        return granted(transport, &request, answer, None, secret, started).await;
    }
    let (request, authorization) = by_get(challenge, scopes, secret)?;
    let answer = transport.send(&request, authorization.as_ref()).await;
    let answer = answer.map_err(|failure| at_server(failure, secret))?;
    let wants_post = matches!(
        answer.status(),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNAUTHORIZED
    );
    if let Secret::Password { user, password } = secret
        && wants_post
    {
        let form = [("grant_type", "password"), ("username", user.as_str()), ("password", password.as_str())];
        let by_post = by_post(challenge, scopes, &form);
        let second = transport.send(&by_post, None).await.map_err(|failure| at_server(failure, secret))?;
        if second.status().is_success() {
            return granted(transport, &by_post, second, None, secret, started).await;
        }
    }
    granted(transport, &request, answer, authorization.as_ref(), secret, started).await
}

fn by_get(
    challenge: &Bearer,
    scopes: &Scopes,
    secret: &Secret,
) -> Result<(Request, Option<Authorization>), Failure> {
    let mut url = challenge.realm.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = &challenge.service {
            query.append_pair("service", service);
        }
        for scope in scopes.as_slice() {
            query.append_pair("scope", scope);
        }
        if let Secret::Password { user, .. } = secret {
            query.append_pair("account", user);
        }
    }
    let authorization = match secret {
        Secret::Password { user, password } => Some(Authorization::basic(user, password)?),
        Secret::None | Secret::Identity(_) | Secret::Bearer(_) => None,
    };
    Ok((Request::new(Method::GET, url), authorization))
}

fn by_post(challenge: &Bearer, scopes: &Scopes, grant: &[(&str, &str)]) -> Request {
    // The query of a URL has the encoding of a form.
    let mut form = challenge.realm.clone();
    form.set_query(None);
    form.query_pairs_mut()
        .extend_pairs(grant)
        .append_pair("service", challenge.service.as_deref().unwrap_or_default())
        .append_pair("client_id", CLIENT_ID)
        .append_pair("scope", &scopes.as_slice().join(" "));
    let body = form.query().unwrap_or_default().to_owned();
    let mut request = Request::new(Method::POST, challenge.realm.clone());
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers.insert(CONTENT_TYPE, form_type);
    request.body = Bytes::from(body);
    request.secret = true;
    request
}

async fn granted(
    transport: &Transport,
    request: &Request,
    answer: Response,
    used: Option<&Authorization>,
    secret: &Secret,
    started: Instant,
) -> Result<Token, Failure> {
    if !answer.status().is_success() {
        let name = format!("{} {}", request.method, bare(answer.url()));
        let failure = refusal(transport, &name, answer, used).await;
        return Err(match at_server(failure, secret) {
            Failure::Missing => Failure::Protocol(format!("there is no token server {}", bare(&request.url))),
            other => other,
        });
    }
    let server = bare(&request.url);
    let wrong = |what: &str| Failure::Protocol(format!("the token server {server} answered {what}"));
    let body = transport.read(answer, MAX_ANSWER_BYTES).await?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| wrong("something that is not JSON"))?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let text = text("token").or_else(|| text("access_token")).ok_or_else(|| wrong("without a token"))?;
    let life = body.get("expires_in").and_then(Value::as_u64).unwrap_or(LEAST_LIFE_SECONDS);
    let life = life.clamp(LEAST_LIFE_SECONDS, MOST_LIFE_SECONDS);
    Ok(Token { text: text.to_owned(), fresh_until: started + Duration::from_millis(life * 900) })
}

/// A token server's failure, without the secret that it may repeat.
fn at_server(failure: Failure, secret: &Secret) -> Failure {
    let secrets = match secret {
        Secret::None => Vec::new(),
        Secret::Password { password, .. } => vec![password.clone()],
        Secret::Identity(token) | Secret::Bearer(token) => vec![token.clone()],
    };
    let clean = |detail: String| redact(&detail, &secrets);
    match failure {
        Failure::Denied(detail) => Failure::Denied(clean(detail)),
        Failure::Protocol(detail) => Failure::Protocol(clean(detail)),
        Failure::Hopeless(detail) => Failure::Hopeless(clean(detail)),
        Failure::Transient { detail, retry_after } => {
            Failure::Transient { detail: clean(detail), retry_after }
        }
        other @ (Failure::Missing | Failure::Config { .. } | Failure::Store(_)) => other,
    }
}
