//! Uploading a blob (distribution-spec, "Pushing blobs"): look, mount, or send it in one request.

use std::sync::PoisonError;
use std::time::Duration;

use cooperage_image::{Descriptor, Digest, Reference};
use cooperage_llb::ports::registry::RegistryError;
use cooperage_llb::ports::{BlobReader, StoreError};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};

use crate::RegistryClient;
use crate::authorizer::{Authorization, Scopes};
use crate::content_digest::{announced, compare};
use crate::failure::Failure;
use crate::refusal::refusal;
use crate::target::Target;
use crate::transport::{Request, location, request_name};
use crate::upload_body::{self, Sent};

/// Upload sessions that are remembered between a refused mount and the upload.
const MAX_SESSIONS: usize = 256;

impl RegistryClient {
    /// With the right to push: a registry may hide from a reader what is not there yet, and the token serves
    /// the upload too.
    pub(crate) async fn head_blob(&self, image: &Reference, digest: &Digest) -> Result<bool, RegistryError> {
        let (target, mut attempts) = self.begin(image, Some(digest)).await?;
        loop {
            match self.head_blob_once(&target, &Scopes::push(&target), digest).await {
                Ok(there) => return Ok(there),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    async fn head_blob_once(
        &self,
        target: &Target,
        scopes: &Scopes,
        digest: &Digest,
    ) -> Result<bool, Failure> {
        let request = Request::new(Method::HEAD, target.url(&format!("blobs/{digest}")));
        match self.call(target, scopes, &request, &[StatusCode::OK]).await {
            Ok(_) => Ok(true),
            Err(Failure::Missing) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    pub(crate) async fn mount(
        &self,
        image: &Reference,
        digest: &Digest,
        from: &str,
    ) -> Result<bool, RegistryError> {
        let (target, mut attempts) = self.begin(image, Some(digest)).await?;
        let mut url = target.url("blobs/uploads/");
        url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        let request = Request::new(Method::POST, url);
        let scopes = Scopes::push(&target).and_pull(from);
        let expected = [StatusCode::CREATED, StatusCode::ACCEPTED];
        loop {
            match self.call(&target, &scopes, &request, &expected).await {
                Ok(response) if response.status() == StatusCode::CREATED => return Ok(true),
                Ok(response) => {
                    // It wants an upload, and has opened the session for it.
                    if let Ok(session) = self.session(&target, &response) {
                        self.remember_session(&target, digest, session);
                    }
                    return Ok(false);
                }
                // Who may not read the other repository, or asks a registry whose mounts do not work, can
                // still upload; who may not write here either learns it from that.
                Err(Failure::Denied(_) | Failure::Missing | Failure::Protocol(_)) => return Ok(false),
                Err(failure @ Failure::Transient { .. }) => {
                    if attempts.again(failure).await.is_err() {
                        return Ok(false);
                    }
                }
                Err(failure) => return Err(attempts.error(failure)),
            }
        }
    }

    pub(crate) async fn upload(
        &self,
        image: &Reference,
        blob: &Descriptor,
        open: &(dyn Fn() -> Result<Box<dyn BlobReader>, StoreError> + Sync),
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(), RegistryError> {
        let (target, mut attempts) = self.begin(image, Some(&blob.digest)).await?;
        let scopes = Scopes::push(&target);
        let mut upload = Upload { target, scopes, blob, told: 0, progress, refused: false };
        loop {
            // The answer to an attempt may have been lost after the upload was done.
            let done = !attempts.is_first()
                && matches!(
                    self.head_blob_once(&upload.target, &upload.scopes, &blob.digest).await,
                    Ok(true)
                );
            if done {
                upload.reach(blob.size_bytes);
                return Ok(());
            }
            match self.upload_once(&mut upload, open()?).await {
                Ok(()) => return Ok(()),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    async fn upload_once(&self, upload: &mut Upload<'_>, reader: Box<dyn BlobReader>) -> Result<(), Failure> {
        let _place = self.transfer().await;
        let (request, shown) = self.prepare_put(upload).await?;
        let (body, reading, sent) = upload_body::start(reader, upload.blob);
        let answer = {
            let sending = self.transport.send_once(&request, reqwest::Body::wrap(body), shown.as_ref());
            self.watch(sending, &sent, upload).await
        };
        // The body is gone, so the thread has ended or is about to.
        match reading.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Failure::Store(error)),
            Err(_) => return Err(Failure::Hopeless("the thread that reads the blob was stopped".to_owned())),
        }
        let response = answer?;
        if matches!(response.status(), StatusCode::CREATED | StatusCode::OK | StatusCode::NO_CONTENT) {
            if let Some(stored) = announced(&response) {
                compare("but the registry stored", &stored, &upload.blob.digest)?;
            }
            upload.reach(upload.blob.size_bytes);
            return Ok(());
        }
        let name = request_name(&request.method, &upload.target.url(""), response.url());
        let status = response.status();
        let failure = refusal(&self.transport, &name, response, shown.as_ref()).await;
        Err(upload.judged(status, &name, failure))
    }

    /// The request that closes a session with the whole blob, and what to show with it.
    async fn prepare_put(&self, upload: &Upload<'_>) -> Result<(Request, Option<Authorization>), Failure> {
        let Upload { target, scopes, blob, .. } = upload;
        let mut url = match self.take_session(target, &blob.digest) {
            Some(session) => session,
            None => self.open_session(target, scopes).await?,
        };
        url.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let shown = match target.owns(&url) {
            true => self.authorizer.known(&self.transport, target, scopes).await?,
            false => None,
        };
        let mut request = Request::new(Method::PUT, url);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        request.headers.insert(CONTENT_LENGTH, HeaderValue::from(blob.size_bytes));
        Ok((request, shown))
    }

    /// Waits for the answer, as long as bytes move.
    async fn watch(
        &self,
        sending: impl Future<Output = Result<Response, Failure>>,
        sent: &Sent,
        upload: &mut Upload<'_>,
    ) -> Result<Response, Failure> {
        let size_bytes = upload.blob.size_bytes;
        let timeouts = self.transport.timeouts();
        let mut sending = std::pin::pin!(sending);
        loop {
            let patience = if sent.bytes() < size_bytes { timeouts.idle } else { timeouts.verify };
            tokio::select! {
                answer = &mut sending => return answer,
                () = sent.moved() => upload.reach(sent.bytes()),
                () = tokio::time::sleep(patience) => return Err(stuck(sent.bytes(), size_bytes, patience)),
            }
        }
    }

    async fn open_session(&self, target: &Target, scopes: &Scopes) -> Result<Url, Failure> {
        let request = Request::new(Method::POST, target.url("blobs/uploads/"));
        let response = self.call(target, scopes, &request, &[StatusCode::ACCEPTED]).await?;
        self.session(target, &response)
    }

    /// The URL of the session that `response` opened.
    fn session(&self, target: &Target, response: &Response) -> Result<Url, Failure> {
        let session = location(response)?;
        self.transport.check_downgrade(&target.url(""), &session)?;
        Ok(session)
    }

    fn remember_session(&self, target: &Target, digest: &Digest, session: Url) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        // A session that is not remembered costs one request, and the registry drops it in time.
        if sessions.len() < MAX_SESSIONS {
            sessions.insert((target.host.clone(), target.repository.clone(), *digest), session);
        }
    }

    fn take_session(&self, target: &Target, digest: &Digest) -> Option<Url> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(&(target.host.clone(), target.repository.clone(), *digest))
    }
}

fn stuck(sent: u64, size: u64, patience: Duration) -> Failure {
    let seconds = patience.as_secs_f64();
    Failure::transient(match sent < size {
        true => format!("the upload stopped at {sent} of {size} bytes for {seconds} s"),
        false => format!("the upload of {size} bytes was not answered within {seconds} s"),
    })
}

/// A blob on its way to a registry.
struct Upload<'a> {
    target: Target,
    scopes: Scopes,
    blob: &'a Descriptor,
    /// Bytes the caller was told of. An upload that begins anew repeats bytes, which are told once.
    told: u64,
    progress: &'a (dyn Fn(u64) + Sync),
    /// Whether a body was answered 401 before.
    refused: bool,
}

impl Upload<'_> {
    fn reach(&mut self, bytes: u64) {
        if bytes > self.told {
            (self.progress)(bytes - self.told);
            self.told = bytes;
        }
    }

    /// What a refused body means.
    fn judged(&mut self, status: StatusCode, name: &str, failure: Failure) -> Failure {
        match failure {
            // The session is over; the repository is not missing.
            Failure::Missing => Failure::transient(format!("{name} was answered {status}")),
            // The session was opened, so the token expired since. A second time there is another reason.
            Failure::Denied(detail) if status == StatusCode::UNAUTHORIZED && !self.refused => {
                self.refused = true;
                Failure::transient(detail)
            }
            failure => failure,
        }
    }
}
