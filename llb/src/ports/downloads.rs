//! Single files over HTTP.

use std::io::{self, Write};

use cooperage_image::Digest;

use super::BoxFuture;

/// Fetches files by their URLs. Retries what is worth retrying, within a bounded number of attempts; an error
/// is the last one.
pub trait Downloads: Send + Sync {
    /// Streams what is at the URL into a file that `open` makes empty, once an attempt; nothing of it is
    /// kept in memory. With [`known_etag`](DownloadRequest::known_etag) the server is asked first whether
    /// there is anything new.
    fn download<'a>(
        &'a self,
        request: &'a DownloadRequest,
        open: &'a (dyn Fn() -> io::Result<Box<dyn Write + Send>> + Sync),
    ) -> BoxFuture<'a, Result<Download, DownloadError>>;
}

/// What is to be fetched.
#[derive(Clone, Default)]
pub struct DownloadRequest {
    /// `http://` or `https://`.
    pub url: String,
    /// Headers beside those that every request has.
    pub headers: Vec<(String, String)>,
    /// The value of the `Authorization` header, shown to the URL's own scheme, host and port alone. It
    /// wins over a user and password in the URL.
    pub authorization: Option<String>,
    /// The entity tag of what is known already, without `W/`.
    pub known_etag: Option<String>,
}

/// Without the headers, which may be secrets.
impl std::fmt::Debug for DownloadRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DownloadRequest").field("known_etag", &self.known_etag).finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Download {
    /// What is known is what is there.
    Unchanged {
        /// The name that the server gives the file (`Content-Disposition`), which may be any text.
        file_name: Option<String>,
    },
    /// All of it is in the file that was opened last.
    Fetched(Fetched),
}

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Of its bytes.
    pub digest: Digest,
    /// Their number.
    pub size_bytes: u64,
    /// Its entity tag, without `W/`.
    pub etag: Option<String>,
    /// The `Last-Modified` header, as it came.
    pub last_modified: Option<String>,
    /// The name that the server gives the file (`Content-Disposition`), which may be any text.
    pub file_name: Option<String>,
}

/// Why a file could not be fetched. URLs are without user, password and query, which may be secrets.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// Not a URL of HTTP.
    #[error("{url:?} is not a URL that can be fetched: {detail}")]
    Url {
        /// As it was written.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The server does not give it.
    #[error("{url} was answered with invalid response status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// `404 Not Found`
        status: String,
    },
    /// No answer, or answers that stayed wrong.
    #[error("{url} could not be fetched ({attempts} attempts): {detail}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        detail: String,
    },
    /// An answer that a repetition would not change.
    #[error("{url} was answered wrongly: {detail}")]
    Protocol {
        /// What was asked for.
        url: String,
        /// What is wrong.
        detail: String,
    },
    /// The file that is written to.
    #[error("writing what {url} sends")]
    Write {
        /// What was asked for.
        url: String,
        /// The errno.
        #[source]
        source: io::Error,
    },
}
