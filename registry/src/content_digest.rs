//! `Docker-Content-Digest`: what a registry says that the content is (distribution-spec, "Pulling manifests").

use cooperage_image::Digest;
use reqwest::Response;

use crate::failure::Failure;

/// The digest that an answer announces. `None` without one, or with one of an algorithm that we don't
/// verify: the header is the registry's choice, and what we asked for is compared anyway.
pub(crate) fn announced(response: &Response) -> Option<Digest> {
    response.headers().get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

/// Fails unless `actual` is `expected`; `who` said that it would be.
pub(crate) fn compare(who: &str, expected: &Digest, actual: &Digest) -> Result<(), Failure> {
    if expected == actual {
        return Ok(());
    }
    Err(Failure::Protocol(format!("the content is {actual}, {who} {expected}")))
}
