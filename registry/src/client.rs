//! The client: the port's methods, and the request with its authorization that all of them use.

use std::collections::HashMap;
use std::sync::Mutex;

use cooperage_image::{Descriptor, Digest, Reference};
use cooperage_llb::ports::registry::{BoxFuture, Registry, RegistryError};
use cooperage_llb::ports::{BlobReader, BlobWriter, StoreError};
use reqwest::{Response, StatusCode, Url};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::authorizer::{Authorizer, Scopes};
use crate::failure::{Failure, Subject};
use crate::refusal::refusal;
use crate::retry::Attempts;
use crate::target::Target;
use crate::transport::{Request, Transport, request_name};
use crate::{Options, OptionsError};

/// Registries over HTTP. Cheap to make: it reads no file and opens no connection before it is used. Share
/// one: it keeps connections, tokens and the limit on transfers. Dropping a future stops what it does.
pub struct RegistryClient {
    pub(crate) options: Options,
    pub(crate) transport: Transport,
    pub(crate) authorizer: Authorizer,
    /// Upload sessions that a registry opened instead of mounting, by host, repository and digest.
    pub(crate) sessions: Mutex<HashMap<(String, String, Digest), Url>>,
    transfers: Semaphore,
}

impl RegistryClient {
    /// A client; fails on options that contradict themselves.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        options.check()?;
        Ok(Self {
            transport: Transport::new(options.clone()),
            authorizer: Authorizer::new(options.credentials.clone()),
            sessions: Mutex::default(),
            transfers: Semaphore::new(options.max_transfers),
            options,
        })
    }

    /// Where `image` lives, and the attempts of an operation on `what` of it.
    pub(crate) async fn begin(
        &self,
        image: &Reference,
        what: Option<&Digest>,
    ) -> Result<(Target, Attempts), RegistryError> {
        let name = match what {
            None => image.to_string(),
            Some(digest) => format!("{digest} of {}/{}", image.host(), image.repository()),
        };
        let mut subject = Subject {
            image: name,
            address: image.host().to_owned(),
            credentials: cooperage_llb::ports::registry::CredentialSource::Anonymous,
        };
        let Some(target) = Target::new(image, &self.options) else {
            let detail = format!("{:?} is not a host and port", image.host());
            return Err(subject.error(Failure::Hopeless(detail), 0));
        };
        subject.address = target.address();
        match self.authorizer.credentials(&target).await {
            Ok(credentials) => subject.credentials = credentials.source,
            Err(failure) => return Err(subject.error(failure, 0)),
        }
        Ok((target, Attempts::new(&self.options.retry, subject)))
    }

    /// Sends `request`, once more with fresh authorization if the registry asks for it, and returns an
    /// answer whose status is in `expected`.
    pub(crate) async fn call(
        &self,
        target: &Target,
        scopes: &Scopes,
        request: &Request,
        expected: &[StatusCode],
    ) -> Result<Response, Failure> {
        let transport = &self.transport;
        let mut shown = self.authorizer.known(transport, target, scopes).await?;
        let mut response = transport.send(request, shown.as_ref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let renewed =
                self.authorizer.renewed(transport, target, scopes, &response, shown.as_ref()).await?;
            if renewed.is_some() {
                response = transport.send(request, renewed.as_ref()).await?;
                shown = renewed;
            }
        }
        if expected.contains(&response.status()) {
            return Ok(response);
        }
        let name = request_name(&request.method, &request.url, response.url());
        Err(refusal(transport, &name, response, shown.as_ref()).await)
    }

    /// Waits for one of the places for transfers.
    pub(crate) async fn transfer(&self) -> SemaphorePermit<'_> {
        self.transfers.acquire().await.expect("the semaphore is never closed")
    }
}

impl std::fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryClient").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Registry for RegistryClient {
    fn resolve<'a>(&'a self, image: &'a Reference) -> BoxFuture<'a, Result<Descriptor, RegistryError>> {
        Box::pin(self.resolve_manifest(image))
    }

    fn manifest<'a>(
        &'a self,
        image: &'a Reference,
    ) -> BoxFuture<'a, Result<(Descriptor, Vec<u8>), RegistryError>> {
        Box::pin(self.get_manifest(image))
    }

    fn pull_blob<'a>(
        &'a self,
        image: &'a Reference,
        blob: &'a Descriptor,
        into: Box<dyn BlobWriter>,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<(), RegistryError>> {
        Box::pin(self.get_blob(image, blob, into, progress))
    }

    fn has_blob<'a>(
        &'a self,
        image: &'a Reference,
        digest: &'a Digest,
    ) -> BoxFuture<'a, Result<bool, RegistryError>> {
        Box::pin(self.head_blob(image, digest))
    }

    fn mount_blob<'a>(
        &'a self,
        image: &'a Reference,
        digest: &'a Digest,
        from: &'a str,
    ) -> BoxFuture<'a, Result<bool, RegistryError>> {
        Box::pin(self.mount(image, digest, from))
    }

    fn push_blob<'a>(
        &'a self,
        image: &'a Reference,
        blob: &'a Descriptor,
        open: &'a (dyn Fn() -> Result<Box<dyn BlobReader>, StoreError> + Sync),
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<(), RegistryError>> {
        Box::pin(self.upload(image, blob, open, progress))
    }

    fn push_manifest<'a>(
        &'a self,
        image: &'a Reference,
        media_type: &'a str,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<Digest, RegistryError>> {
        Box::pin(self.put_manifest(image, media_type, bytes))
    }
}
