//! One request and its answer: connections, time-outs, redirects, bodies.

use std::error::Error as _;
use std::sync::OnceLock;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, Url};

use crate::authorizer::Authorization;
use crate::failure::Failure;
use crate::resolver::Resolver;
use crate::target::{is_loopback, named};
use crate::{Options, Timeouts};

/// Redirects that are followed, one after the other; as many as Go's client follows for BuildKit.
const MAX_REDIRECTS: usize = 10;

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the body proves who we are: then it goes to no other place than `url`'s.
    pub(crate) secret: bool,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new(), secret: false }
    }
}

/// Connections to registries. Nothing is read or opened before the first request.
pub(crate) struct Transport {
    options: Options,
    direct: OnceLock<Client>,
    proxied: OnceLock<Client>,
    tls: OnceLock<(rustls::ClientConfig, usize)>,
}

impl Transport {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, direct: OnceLock::new(), proxied: OnceLock::new(), tls: OnceLock::new() }
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.options.timeouts
    }

    /// Sends `request` and follows its redirects. `authorization` is shown to the origin of the first URL
    /// only, and no more once a redirect left it.
    pub(crate) async fn send(
        &self,
        request: &Request,
        authorization: Option<&Authorization>,
    ) -> Result<Response, Failure> {
        let mut url = request.url.clone();
        let mut authorization = authorization;
        for _ in 0..=MAX_REDIRECTS {
            let mut next = reqwest::Request::new(request.method.clone(), url.clone());
            *next.headers_mut() = request.headers.clone();
            if let Some(authorization) = authorization {
                next.headers_mut().insert(AUTHORIZATION, authorization.header());
            }
            if request.body.is_empty() && matches!(request.method, Method::POST | Method::PUT) {
                // Some proxies want to hear that nothing follows.
                next.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            *next.body_mut() = Some(request.body.clone().into());
            let sent = self.client(&url)?.execute(next);
            let name = request_name(&request.method, &request.url, &url);
            let response = tokio::time::timeout(self.options.timeouts.idle, sent)
                .await
                .map_err(|_| self.idle(&name))?
                .map_err(|error| self.broken(&name, error))?;
            let Some(to) = redirect(&request.method, &response)? else { return Ok(response) };
            self.check_downgrade(&url, &to)?;
            if to.origin() != url.origin() {
                authorization = None;
                if request.secret {
                    let detail = format!("{} leads to {}, which gets no credentials", bare(&url), bare(&to));
                    return Err(Failure::Protocol(detail));
                }
            }
            url = to;
        }
        let name = request_name(&request.method, &request.url, &request.url);
        Err(Failure::Protocol(format!("{name} was redirected more than {MAX_REDIRECTS} times")))
    }

    /// Sends a body that can be read only once. Only the connection's time-out applies: an upload takes as
    /// long as it takes. Not redirected.
    pub(crate) async fn send_once(
        &self,
        request: &Request,
        body: reqwest::Body,
        authorization: Option<&Authorization>,
    ) -> Result<Response, Failure> {
        let mut once = reqwest::Request::new(request.method.clone(), request.url.clone());
        *once.headers_mut() = request.headers.clone();
        if let Some(authorization) = authorization {
            once.headers_mut().insert(AUTHORIZATION, authorization.header());
        }
        *once.body_mut() = Some(body);
        let name = request_name(&request.method, &request.url, &request.url);
        self.client(&request.url)?.execute(once).await.map_err(|error| self.broken(&name, error))
    }

    /// The next piece of a body; `None` at its end.
    pub(crate) async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, Failure> {
        let next = tokio::time::timeout(self.options.timeouts.idle, response.chunk()).await;
        match next {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(self.broken("the body", error)),
            Err(_) => Err(self.idle("the body")),
        }
    }

    /// A whole body that is expected to be small; one of more than `limit_bytes` breaks the protocol.
    pub(crate) async fn read(&self, response: Response, limit_bytes: u64) -> Result<Vec<u8>, Failure> {
        let name = format!("the answer to GET {}", response.url().path());
        let bytes = self.read_up_to(response, limit_bytes.saturating_add(1)).await?;
        if bytes.len() as u64 > limit_bytes {
            return Err(Failure::Protocol(format!("{name} is longer than {limit_bytes} bytes")));
        }
        Ok(bytes)
    }

    /// The first `limit_bytes` of a body.
    pub(crate) async fn read_up_to(
        &self,
        mut response: Response,
        limit_bytes: u64,
    ) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 >= limit_bytes {
                bytes.truncate(usize::try_from(limit_bytes).unwrap_or(usize::MAX));
                break;
            }
        }
        Ok(bytes)
    }

    /// Refuses to go from an encrypted place to one that is not, unless that one was named insecure.
    pub(crate) fn check_downgrade(&self, from: &Url, to: &Url) -> Result<(), Failure> {
        let host = match (to.host_str().unwrap_or_default(), to.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let insecure = named(&self.options.insecure_hosts, &host);
        if from.scheme() != "https" || to.scheme() == "https" || insecure {
            return Ok(());
        }
        Err(Failure::Protocol(format!("{} leads to {}, which is not encrypted", bare(from), bare(to))))
    }

    /// The client for `url`: as Go's programs do, loopback is never asked through a proxy.
    fn client(&self, url: &Url) -> Result<&Client, Failure> {
        let direct = is_loopback(url);
        let slot = if direct { &self.direct } else { &self.proxied };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let mut builder = Client::builder()
            .tls_backend_preconfigured(self.tls()?.0.clone())
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.options.timeouts.connect)
            .dns_resolver(Resolver::of("/etc/resolv.conf"))
            .user_agent(self.options.user_agent.as_str());
        if direct {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| Failure::Hopeless(causes(&error)))?;
        Ok(slot.get_or_init(|| client))
    }

    fn tls(&self) -> Result<&(rustls::ClientConfig, usize), Failure> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let tls = self.options.roots.client_config()?;
        Ok(self.tls.get_or_init(|| tls))
    }

    fn idle(&self, what: &str) -> Failure {
        Failure::transient(format!("{what}: nothing came for {} s", self.options.timeouts.idle.as_secs_f64()))
    }

    /// The failure of a connection that could not be made or did not last.
    fn broken(&self, what: &str, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let detail = format!("{what}: {}", causes(&error));
        match tls_error(&error) {
            // A signature is wrong where an authority was made anew under its old name.
            Some(rustls::Error::InvalidCertificate(
                rustls::CertificateError::UnknownIssuer | rustls::CertificateError::BadSignature,
            )) => {
                let trusted = self.tls.get().map_or(0, |(_, count)| *count);
                let hint = self.options.roots.hint(trusted);
                Failure::Hopeless(format!("{detail} ({hint})"))
            }
            Some(rustls::Error::InvalidCertificate(_)) => Failure::Hopeless(detail),
            Some(rustls::Error::InvalidMessage(_)) => {
                let hint = "if it speaks plain HTTP, name it as an insecure registry";
                Failure::Hopeless(format!("{detail} ({hint})"))
            }
            _ => Failure::transient(detail),
        }
    }
}

/// Where `response` leads, if it is a redirect that `method` may follow.
fn redirect(method: &Method, response: &Response) -> Result<Option<Url>, Failure> {
    let reading = matches!(*method, Method::GET | Method::HEAD);
    let leads = match response.status() {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => reading,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        _ => false,
    };
    if !leads {
        return Ok(None);
    }
    location(response).map(Some)
}

/// The `Location` of an answer, relative to what was asked; without user and fragment.
pub(crate) fn location(response: &Response) -> Result<Url, Failure> {
    let wrong = |what: &str| {
        Failure::Protocol(format!("{} was answered {} {what}", bare(response.url()), response.status()))
    };
    let header = response.headers().get(LOCATION).ok_or_else(|| wrong("without a Location"))?;
    let text = header.to_str().map_err(|_| wrong("with a malformed Location"))?;
    let mut url = response.url().join(text).map_err(|_| wrong("with a malformed Location"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => {
            url.set_fragment(None);
            // Both can be set where there is a host.
            let _always = url.set_username("").and_then(|()| url.set_password(None));
            Ok(url)
        }
        _ => Err(wrong("with a Location that is not of HTTP")),
    }
}

/// A request for messages: the path alone while it stays with the registry. Queries may hold secrets.
pub(crate) fn request_name(method: &Method, asked: &Url, answered: &Url) -> String {
    if asked.origin() == answered.origin() {
        return format!("{method} {}", answered.path());
    }
    format!("{method} {}", bare(answered))
}

/// `url` without what may be a secret.
pub(crate) fn bare(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// The two deepest causes of an error: what was done, and what came of it. Those above say that it was HTTP.
fn causes(error: &reqwest::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.split_off(texts.len().saturating_sub(2)).join(": ")
}

/// The error of TLS below `error`. An `io::Error` hides the one that it wraps from `source`.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_not_left_unless_told() {
        let options = Options { insecure_hosts: vec!["plain.example".into()], ..Options::default() };
        let transport = Transport::new(options);
        let check = |from: &str, to: &str| {
            transport.check_downgrade(&Url::parse(from).unwrap(), &Url::parse(to).unwrap())
        };
        assert!(check("https://a.example/x", "https://b.example/").is_ok());
        assert!(check("http://a.example/x", "http://b.example/").is_ok());
        assert!(check("https://a.example/x", "http://plain.example:81/").is_ok());
        match check("https://a.example/x?secret", "http://a.example/y?secret") {
            Err(Failure::Protocol(detail)) => {
                assert_eq!(detail, "https://a.example/x leads to http://a.example/y, which is not encrypted")
            }
            other => panic!("{other:?}"),
        }
    }
}
