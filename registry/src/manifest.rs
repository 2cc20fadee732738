//! Manifests and indexes (distribution-spec, "Pulling manifests", "Pushing Manifests").

use bytes::Bytes;
use cooperage_image::{Descriptor, Digest, Reference, media_type};
use cooperage_llb::ports::registry::RegistryError;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use crate::RegistryClient;
use crate::authorizer::Scopes;
use crate::content_digest::{announced, compare};
use crate::failure::Failure;
use crate::target::Target;
use crate::transport::Request;

/// The longest manifest that registries must take (distribution-spec, "Pushing Manifests").
const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// Everything that we read, best first.
const ACCEPTED: [&str; 4] =
    [media_type::OCI_INDEX, media_type::OCI_MANIFEST, media_type::DOCKER_INDEX, media_type::DOCKER_MANIFEST];

impl RegistryClient {
    pub(crate) async fn resolve_manifest(&self, image: &Reference) -> Result<Descriptor, RegistryError> {
        let (target, mut attempts) = self.begin(image, None).await?;
        loop {
            match self.head_manifest(&target, image).await {
                Ok(Some(descriptor)) => return Ok(descriptor),
                Ok(None) => return self.get_manifest(image).await.map(|(descriptor, _)| descriptor),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    pub(crate) async fn get_manifest(
        &self,
        image: &Reference,
    ) -> Result<(Descriptor, Vec<u8>), RegistryError> {
        let (target, mut attempts) = self.begin(image, None).await?;
        loop {
            match self.get_manifest_once(&target, image).await {
                Ok(found) => return Ok(found),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    pub(crate) async fn put_manifest(
        &self,
        image: &Reference,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Digest, RegistryError> {
        let (target, mut attempts) = self.begin(image, None).await?;
        let digest = Digest::of(bytes);
        let name = image.tag().map_or_else(|| digest.to_string(), str::to_owned);
        let mut request = Request::new(Method::PUT, target.url(&format!("manifests/{name}")));
        let Ok(content_type) = HeaderValue::from_str(media_type) else {
            let detail = format!("{media_type:?} is not a media type");
            return Err(attempts.error(Failure::Protocol(detail)));
        };
        request.headers.insert(CONTENT_TYPE, content_type);
        request.body = Bytes::copy_from_slice(bytes);
        let expected = [StatusCode::CREATED, StatusCode::OK, StatusCode::ACCEPTED];
        loop {
            let pushed = self.call(&target, &Scopes::push(&target), &request, &expected).await;
            let pushed = pushed.and_then(|response| match announced(&response) {
                Some(stored) => compare("but the registry stored", &stored, &digest),
                None => Ok(()),
            });
            match pushed {
                Ok(()) => return Ok(digest),
                Err(failure) => attempts.again(failure).await?,
            }
        }
    }

    /// What HEAD tells; `None` if it tells too little.
    async fn head_manifest(&self, target: &Target, image: &Reference) -> Result<Option<Descriptor>, Failure> {
        let request = manifest_request(Method::HEAD, target, image);
        let unclear = [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::METHOD_NOT_ALLOWED];
        let response = self.call(target, &Scopes::pull(target), &request, &unclear).await?;
        if response.status() != StatusCode::OK {
            return Ok(None);
        }
        let digest = announced(&response);
        let size_bytes = header(response.headers(), CONTENT_LENGTH.as_str()).and_then(|s| s.parse().ok());
        let media_type = content_type(&response).filter(|media_type| ACCEPTED.contains(&media_type.as_str()));
        let (Some(digest), Some(size_bytes), Some(media_type)) = (digest, size_bytes, media_type) else {
            return Ok(None);
        };
        if let Some(pinned) = image.digest() {
            compare("asked for was", pinned, &digest)?;
        }
        Ok(Some(Descriptor::new(media_type, digest, size_bytes)))
    }

    async fn get_manifest_once(
        &self,
        target: &Target,
        image: &Reference,
    ) -> Result<(Descriptor, Vec<u8>), Failure> {
        let request = manifest_request(Method::GET, target, image);
        let response = self.call(target, &Scopes::pull(target), &request, &[StatusCode::OK]).await?;
        let (announced, content_type) = (announced(&response), content_type(&response));
        let bytes = self.transport.read(response, MAX_MANIFEST_BYTES).await?;
        let digest = Digest::of(&bytes);
        if let Some(pinned) = image.digest() {
            compare("asked for was", pinned, &digest)?;
        }
        if let Some(announced) = announced {
            compare("but Docker-Content-Digest says", &announced, &digest)?;
        }
        let media_type = manifest_type(content_type, &bytes)?;
        Ok((Descriptor::new(media_type, digest, bytes.len() as u64), bytes))
    }
}

fn manifest_request(method: Method, target: &Target, image: &Reference) -> Request {
    let mut request = Request::new(method, target.url(&format!("manifests/{}", image.version())));
    let accepted = HeaderValue::from_str(&ACCEPTED.join(", "));
    request.headers.insert(ACCEPT, accepted.expect("media types are made of what headers may hold"));
    request
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The media type of an answer, without parameters.
fn content_type(response: &Response) -> Option<String> {
    let text = header(response.headers(), CONTENT_TYPE.as_str())?;
    let text = text.split(';').next().unwrap_or_default().trim();
    Some(text.to_ascii_lowercase()).filter(|text| !text.is_empty())
}

/// What a manifest is. The header and the body's own field must not contradict each other, or two readers
/// of the same bytes could see two images (image-spec manifest.md, "mediaType").
fn manifest_type(content_type: Option<String>, bytes: &[u8]) -> Result<String, Failure> {
    let wrong = |what: String| Failure::Protocol(format!("the manifest {what}"));
    let body: Value =
        serde_json::from_slice(bytes).map_err(|error| wrong(format!("is not JSON: {error}")))?;
    let inside = body.get("mediaType").and_then(Value::as_str);
    // Plain servers send files with types of their own.
    let outside = content_type.filter(|text| text.starts_with("application/vnd."));
    let media_type = match (outside, inside) {
        (Some(outside), Some(inside)) if outside != inside => {
            return Err(wrong(format!("was sent as {outside}, but says that it is {inside}")));
        }
        (Some(media_type), _) => media_type,
        (None, Some(media_type)) => media_type.to_owned(),
        (None, None) if body.get("manifests").is_some() => media_type::OCI_INDEX.to_owned(),
        (None, None) if body.get("layers").is_some() => media_type::OCI_MANIFEST.to_owned(),
        (None, None) => return Err(wrong("names no media type".to_owned())),
    };
    let list = if media_type::is_index(&media_type) { "manifests" } else { "layers" };
    if !ACCEPTED.contains(&media_type.as_str()) {
        return Err(wrong(format!("has the media type {media_type}, which is not one of images")));
    }
    if body.get(list).is_none() {
        return Err(wrong(format!("is of type {media_type}, but lists no {list}")));
    }
    Ok(media_type)
}
