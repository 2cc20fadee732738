//! Cache keys: what a step's result is known by.
//!
//! Two kinds for each step. *By definition*: the op's digest and the identities of its inputs' results.
//! *By content*: the op's digest and the digests of exactly what the op reads. Nothing of the machine
//! enters either: no mtime, inode, umask, caller, path of the context, locale or clock. The form is
//! docs/formats/key.md.

mod op;
mod reads;

use std::fmt;

use cooperage_image::digest::{Digest, Hasher};
use serde::{Deserialize, Serialize};

pub use op::op_digest;
pub use reads::{CopyRead, Read, Slot, reads};

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

/// One output of one result: how a dependant's key names its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InputIdentity {
    /// The result.
    pub result: ResultId,
    /// Which of its outputs.
    pub output: u32,
}

impl Key {
    /// The key by definition: the op, and for each input its identity with what is read of it. One slot
    /// and one identity an input, in the op's order.
    pub fn by_definition(op: Digest, slots: &[Slot], inputs: &[InputIdentity]) -> Self {
        let inputs = slots.iter().zip(inputs).enumerate();
        let inputs = inputs.map(|(index, (slot, input))| input.component(index, Some(slot)));
        let components = std::iter::once(Component::op(op)).chain(inputs).collect();
        Self::new(KeyKind::Definition, components)
    }

    /// The key by content: the op, the identities of the inputs that count as wholes (`None` for those
    /// that `digests` cover), and the digests of what is read.
    pub fn by_content(op: Digest, wholes: &[Option<InputIdentity>], digests: Vec<Component>) -> Self {
        let wholes = wholes.iter().enumerate();
        let wholes = wholes.filter_map(|(index, input)| input.map(|input| input.component(index, None)));
        let components = std::iter::once(Component::op(op)).chain(wholes).chain(digests).collect();
        Self::new(KeyKind::Content, components)
    }

    /// A key that nothing was ever recorded under, for a vertex whose cache is to be ignored. `nonce`
    /// has to be new for each build.
    pub fn fresh(op: Digest, vertex: Digest, nonce: Digest) -> Self {
        let vertex = Component { name: "vertex".to_owned(), digest: vertex };
        let nonce = Component { name: "nonce".to_owned(), digest: nonce };
        Self::new(KeyKind::Definition, vec![Component::op(op), vertex, nonce])
    }

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

impl Component {
    fn op(digest: Digest) -> Self {
        Self { name: "op".to_owned(), digest }
    }
}

impl ResultId {
    /// The identity of what is first recorded under `key`.
    pub fn of(key: &Key) -> Self {
        Self(*key.digest())
    }
}

impl InputIdentity {
    fn component(&self, index: usize, slot: Option<&Slot>) -> Component {
        let mut hasher = Hasher::new();
        hasher.field(self.result.0.as_bytes());
        hasher.field(&self.output.to_le_bytes());
        if let Some(slot) = slot {
            slot.enter(&mut hasher);
        }
        Component { name: format!("input {index}"), digest: hasher.finish() }
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
