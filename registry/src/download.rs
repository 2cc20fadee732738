//! Downloading a single file by its URL (docs/sources.md, "HTTP").

use std::io::{self, Write};

use cooperage_llb::ports::Downloads;
use cooperage_llb::ports::downloads::{Download, DownloadError, DownloadRequest, Fetched};
use cooperage_llb::ports::registry::BoxFuture;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_DISPOSITION, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use reqwest::{Method, Response, StatusCode, Url};

use crate::RegistryClient;
use crate::authorizer::Authorization;
use crate::failure::Failure;
use crate::retry::{Pauses, retry_after};
use crate::transport::{Request, bare};

mod file_name;
mod file_sink;

use file_sink::FileSink;

impl Downloads for RegistryClient {
    fn download<'a>(
        &'a self,
        request: &'a DownloadRequest,
        open: &'a (dyn Fn() -> io::Result<Box<dyn Write + Send>> + Sync),
    ) -> BoxFuture<'a, Result<Download, DownloadError>> {
        Box::pin(self.fetch_file(request, open))
    }
}

/// How one attempt ended without the file.
enum Ended {
    /// By a failure of the connection or the protocol.
    Failure(Failure),
    /// By an answer that is final.
    Status(StatusCode),
    /// By the file that is written to.
    Write(io::Error),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// A request, taken apart.
struct Asked {
    url: Url,
    headers: HeaderMap,
    authorization: Option<Authorization>,
    known: Option<String>,
}

impl RegistryClient {
    async fn fetch_file(
        &self,
        request: &DownloadRequest,
        open: &(dyn Fn() -> io::Result<Box<dyn Write + Send>> + Sync),
    ) -> Result<Download, DownloadError> {
        let asked = Asked::of(request)?;
        let url = bare(&asked.url);
        if let Some(unchanged) = self.is_unchanged(&asked).await {
            return Ok(unchanged);
        }
        let mut pauses = Pauses::new(&self.options.retry);
        loop {
            let failure = match self.get_file(&asked, open).await {
                Ok(download) => return Ok(download),
                Err(Ended::Status(status)) => {
                    return Err(DownloadError::Status { url, status: status.to_string() });
                }
                Err(Ended::Write(source)) => return Err(DownloadError::Write { url, source }),
                Err(Ended::Failure(failure)) => failure,
            };
            if let Err(failure) = pauses.again(failure).await {
                return Err(error(url, pauses.made(), failure));
            }
        }
    }

    /// Some servers give entity tags and do not heed them in conditions, so HEAD is tried first, as BuildKit
    /// does. Whatever goes wrong here, GET finds out.
    async fn is_unchanged(&self, asked: &Asked) -> Option<Download> {
        let known = asked.known.as_ref()?;
        let response =
            self.transport.send(&asked.request(Method::HEAD), asked.authorization.as_ref()).await.ok()?;
        let same = match (response.status(), etag(&response)) {
            (StatusCode::OK, etag) => etag.as_ref() == Some(known),
            // Only one tag was sent, so an answer without one is about that one.
            (StatusCode::NOT_MODIFIED, etag) => etag.is_none_or(|etag| etag == *known),
            _ => false,
        };
        same.then(|| Download::Unchanged { file_name: file_name(&response) })
    }

    async fn get_file(
        &self,
        asked: &Asked,
        open: &(dyn Fn() -> io::Result<Box<dyn Write + Send>> + Sync),
    ) -> Result<Download, Ended> {
        let _place = self.transfer().await;
        let request = asked.request(Method::GET);
        let mut response = self.transport.send(&request, asked.authorization.as_ref()).await?;
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED && asked.known.is_some() {
            return Ok(Download::Unchanged { file_name: file_name(&response) });
        }
        if status != StatusCode::OK {
            return Err(refused(&response));
        }
        let announced = response.content_length();
        let mut sink = FileSink::start(open().map_err(Ended::Write)?);
        let mut received = 0;
        while let Some(piece) = self.transport.chunk(&mut response).await? {
            received += piece.len() as u64;
            sink.write(piece).await.map_err(Ended::Write)?;
        }
        if announced.is_some_and(|announced| announced != received) {
            let detail =
                format!("the body ended after {received} of {} bytes", announced.unwrap_or_default());
            return Err(Failure::transient(detail).into());
        }
        let digest = sink.finish().await.map_err(Ended::Write)?;
        Ok(Download::Fetched(Fetched {
            digest,
            size_bytes: received,
            etag: etag(&response),
            last_modified: header(&response, LAST_MODIFIED),
            file_name: file_name(&response),
        }))
    }
}

/// An answer that is not the file.
fn refused(response: &Response) -> Ended {
    let status = response.status();
    let again = match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
        status => status.is_server_error(),
    };
    if !again {
        return Ended::Status(status);
    }
    let detail = format!("invalid response status {status}");
    Failure::Transient { detail, retry_after: retry_after(response.headers()) }.into()
}

fn error(url: String, attempts: u32, failure: Failure) -> DownloadError {
    match failure {
        Failure::Transient { detail, .. } | Failure::Hopeless(detail) => {
            DownloadError::Unreachable { url, attempts, detail }
        }
        Failure::Protocol(detail) | Failure::Denied(detail) => DownloadError::Protocol { url, detail },
        Failure::Missing => DownloadError::Status { url, status: StatusCode::NOT_FOUND.to_string() },
        Failure::Config { path, detail } => {
            DownloadError::Protocol { url, detail: format!("{}: {detail}", path.display()) }
        }
        Failure::Store(error) => DownloadError::Write { url, source: io::Error::other(error) },
    }
}

impl Asked {
    fn of(request: &DownloadRequest) -> Result<Self, DownloadError> {
        let wrong = |detail: String| DownloadError::Url { url: without_secrets(&request.url), detail };
        let mut url = Url::parse(&request.url).map_err(|e| wrong(e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("expected http:// or https:// and a host".to_owned()));
        }
        url.set_fragment(None);
        let in_url = take_user(&mut url);
        let authorization = match (&request.authorization, in_url) {
            (Some(header), _) => Some(Authorization::verbatim(header)),
            (None, Some((user, password))) => Some(Authorization::basic(&user, &password)),
            (None, None) => None,
        };
        let authorization = authorization
            .transpose()
            .map_err(|_| wrong("its credentials hold what a header cannot".to_owned()))?;
        let mut headers = HeaderMap::new();
        // The bytes themselves are wanted, not a form of them that a proxy likes better.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| wrong(e.to_string()))?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|e| wrong(e.to_string()))?);
        }
        if let Some(known) = &request.known_etag {
            headers.insert(IF_NONE_MATCH, HeaderValue::from_str(known).map_err(|e| wrong(e.to_string()))?);
        }
        Ok(Self { url, headers, authorization, known: request.known_etag.clone() })
    }

    fn request(&self, method: Method) -> Request {
        let mut request = Request::new(method, self.url.clone());
        request.headers = self.headers.clone();
        request
    }
}

/// User and password of `url`, which is without them afterwards.
fn take_user(url: &mut Url) -> Option<(String, String)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let text = |encoded: &str| percent_encoding::percent_decode_str(encoded).decode_utf8_lossy().into_owned();
    let found = (text(url.username()), text(url.password().unwrap_or_default()));
    // Refused only by URLs without a host, which were told apart before.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    Some(found)
}

/// A text that is no URL, fit for a message: what stands before `@` may be a password.
fn without_secrets(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => text.to_owned(),
    }
}

fn etag(response: &Response) -> Option<String> {
    let text = header(response, ETAG)?;
    Some(text.strip_prefix("W/").unwrap_or(&text).to_owned())
}

fn file_name(response: &Response) -> Option<String> {
    file_name::of(&header(response, CONTENT_DISPOSITION)?)
}

fn header(response: &Response, name: HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_taken_out() {
        let mut url = Url::parse("https://a%40b:c%20d@host/x").unwrap();
        assert_eq!(take_user(&mut url), Some(("a@b".to_owned(), "c d".to_owned())));
        assert_eq!(url.as_str(), "https://host/x");
        assert_eq!(take_user(&mut url), None);
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        let url = |url: &str| DownloadRequest { url: url.to_owned(), ..DownloadRequest::default() };
        for bad in ["ftp://u:secret@host/x?secret", "http://", "https://u:secret@host:99999999/"] {
            let error = Asked::of(&url(bad)).map(drop).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
