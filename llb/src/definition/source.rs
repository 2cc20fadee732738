//! Source ops (llb.md, section 3).

use std::collections::BTreeMap;

use cooperage_image::{Digest, Platform};

use super::Caps;
use crate::pb;

/// A source op: `scheme://` identifier and attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// With its scheme.
    pub identifier: String,
    /// Attributes by BuildKit's names.
    pub attrs: BTreeMap<String, String>,
    /// Of images only.
    pub platform: Option<Platform>,
}

/// An image of a registry, by its normalised reference, pinned or not.
pub fn image(reference: &str, platform: Option<Platform>) -> Source {
    Source { identifier: format!("docker-image://{reference}"), attrs: BTreeMap::new(), platform }
}

/// An image of the OCI layout that the client calls `store`.
pub fn oci_layout(store: &str, digest: &Digest, platform: Option<Platform>) -> Source {
    Source {
        identifier: format!("oci-layout://{store}@{digest}"),
        attrs: BTreeMap::from([("oci.store".to_owned(), store.to_owned())]),
        platform,
    }
}

/// A directory of the client. Narrow it with [`Source::exclude`] and [`Source::follow`].
pub fn local(name: &str) -> Source {
    Source { identifier: format!("local://{name}"), attrs: BTreeMap::new(), platform: None }
}

impl Source {
    /// Sets an attribute.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.attrs.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Of a local source: patterns (`.dockerignore` grammar) of what is left out; none removes the
    /// attribute.
    pub fn exclude(&mut self, patterns: &[String]) {
        self.set_list("local.excludepatterns", patterns);
    }

    /// Of a local source: the only paths that are needed, with what they link to; none means all.
    pub fn follow(&mut self, paths: &[String]) {
        self.set_list("local.followpaths", paths);
    }

    fn set_list(&mut self, name: &str, list: &[String]) {
        if list.is_empty() {
            self.attrs.remove(name);
        } else {
            let json = serde_json::to_string(list).expect("strings are JSON");
            self.attrs.insert(name.to_owned(), json);
        }
    }

    pub(super) fn to_op(&self, caps: &mut Caps) -> pb::op::Op {
        let scheme = self.identifier.split("://").next().unwrap_or_default();
        caps.extend(match scheme {
            "docker-image" => Some("source.image"),
            "oci-layout" => Some("source.ocilayout"),
            "local" => Some("source.local"),
            "git" => Some("source.git"),
            "http" | "https" => Some("source.http"),
            _ => None,
        });
        for name in self.attrs.keys() {
            caps.extend(match name.as_str() {
                "local.includepattern" => Some("source.local.includepatterns"),
                "local.excludepatterns" => Some("source.local.excludepatterns"),
                "local.followpaths" => Some("source.local.followpaths"),
                "local.sharedkeyhint" => Some("source.local.sharedkeyhint"),
                "image.layerlimit" => Some("source.image.layerlimit"),
                "image.checksum" => Some("source.image.checksum"),
                _ => None,
            });
        }
        pb::op::Op::Source(pb::SourceOp { identifier: self.identifier.clone(), attrs: self.attrs.clone() })
    }
}
