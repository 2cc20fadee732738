//! Manifests and indexes (image-spec manifest.md and image-index.md).
//!
//! Foreign ones are read into these types but never written back from them: what is stored and
//! pushed are the exact bytes that were hashed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::media_type::{self, Family};
use crate::{Descriptor, Platform};

/// An image manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Own media type; foreign manifests may lack it.
    #[serde(default)]
    pub media_type: String,
    /// Type of an artifact that is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration blob.
    pub config: Descriptor,
    /// Layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// An image index or manifest list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// Own media type; foreign indexes may lack it.
    #[serde(default)]
    pub media_type: String,
    /// What it lists.
    pub manifests: Vec<Descriptor>,
    /// Free annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// A manifest of `config` and `layers` (lowest first).
    pub fn new(family: Family, config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: match family {
                Family::Oci => media_type::OCI_MANIFEST,
                Family::Docker => media_type::DOCKER_MANIFEST,
            }
            .to_owned(),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The bytes to store and push: JSON with two-space indent, as BuildKit writes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a manifest holds nothing that JSON cannot")
    }
}

impl Index {
    /// An index of `manifests`.
    pub fn new(family: Family, manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: match family {
                Family::Oci => media_type::OCI_INDEX,
                Family::Docker => media_type::DOCKER_INDEX,
            }
            .to_owned(),
            manifests,
            annotations: BTreeMap::new(),
        }
    }

    /// The bytes to store and push: JSON with two-space indent, as BuildKit writes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("an index holds nothing that JSON cannot")
    }

    /// The manifest for `wanted`: the first exact match, else the first of the same system and
    /// architecture whose variant is absent or lower than the one wanted (as `arm/v6` runs on `arm/v7`).
    pub fn select(&self, wanted: &Platform) -> Option<&Descriptor> {
        let of = |descriptor: &&Descriptor| descriptor.platform.as_ref().map(normalised);
        let exact = self.manifests.iter().find(|d| of(d).is_some_and(|p| p.matches(wanted)));
        exact.or_else(|| {
            self.manifests
                .iter()
                .filter(|d| {
                    of(d).is_some_and(|p| {
                        p.os == wanted.os
                            && p.architecture == wanted.architecture
                            && p.variant <= wanted.variant
                    })
                })
                .max_by_key(|d| of(d).and_then(|p| p.variant))
        })
    }
}

fn normalised(platform: &Platform) -> Platform {
    Platform::new(&platform.os, &platform.architecture, platform.variant.as_deref())
}
