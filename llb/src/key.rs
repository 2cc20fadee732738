//! Cache keys: what a step's result is known by.
//!
//! Two kinds for each step. *By definition*: the op's digest and the identities of its inputs' results.
//! *By content*: the op's digest and the digests of exactly what the op reads. Nothing of the machine
//! enters either: no mtime, inode, umask, caller, path of the context, locale or clock. The form is
//! docs/formats/key.md.

use std::fmt;

use cooperage_image::digest::{Digest, Hasher};
use serde::{Deserialize, Serialize};

/// A key: a digest over named components, which are kept to explain a later miss.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    kind: KeyKind,
    components: Vec<Component>,
    digest: Digest,
}

/// How a key was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyKind {
    /// From the identities of the inputs' results.
    Definition,
    /// From the contents of what is read.
    Content,
}

/// One named part of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Component {
    /// What it is: `op`, `input 0`, `src/main.rs`. Stable between builds of the same step.
    pub name: String,
    /// Its identity.
    pub digest: Digest,
}

/// Identity of a step's result: the digest of the key under which it was first recorded. A later key
/// that leads to the same result does not change it, so that an early cut-off reaches the steps after.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResultId(pub Digest);

impl Key {
    /// The key of `components`; their order counts.
    pub fn new(kind: KeyKind, components: Vec<Component>) -> Self {
        let mut hasher = Hasher::new();
        hasher.field(match kind {
            KeyKind::Definition => b"definition v1",
            KeyKind::Content => b"content v1",
        });
        for component in &components {
            hasher.field(component.name.as_bytes());
            hasher.field(component.digest.as_bytes());
        }
        Self { kind, components, digest: hasher.finish() }
    }

    /// How it was made.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Its parts.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The key itself.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl fmt::Display for ResultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ResultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.short())
    }
}
