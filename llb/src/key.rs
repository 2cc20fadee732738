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

/// An input whose result is another one than in an earlier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DifferingInput {
    /// Its index among the op's inputs.
    pub index: u32,
    /// What it was then. A result that is not a source's is in the index under its identity.
    pub earlier: InputIdentity,
}

impl Key {
    /// The key by definition: the op, and for each input its identity and what is read of it. One slot
    /// and one identity an input, in the op's order.
    pub fn by_definition(op: Digest, slots: &[Slot], inputs: &[InputIdentity]) -> Self {
        let mut components = vec![Component::op(op)];
        for (index, (slot, input)) in slots.iter().zip(inputs).enumerate() {
            components.push(input.component(index));
            if let Some(selector) = slot.selector() {
                components.push(Component { name: format!("reads {index}"), digest: selector });
            }
        }
        Self::new(KeyKind::Definition, components)
    }

    /// The key by content: the op, the identities of the inputs that count as wholes (`None` for those
    /// that `digests` cover), and the digests of what is read.
    pub fn by_content(op: Digest, wholes: &[Option<InputIdentity>], digests: Vec<Component>) -> Self {
        let wholes = wholes.iter().enumerate();
        let wholes = wholes.filter_map(|(index, input)| input.map(|input| input.component(index)));
        let components = std::iter::once(Component::op(op)).chain(wholes).chain(digests).collect();
        Self::new(KeyKind::Content, components)
    }

    /// How this key differs from an `earlier` one of the same op, if in nothing but which results its inputs
    /// are: a step whose differing inputs have equal contents has an equal result. `None` if anything else
    /// differs.
    pub fn differing_inputs(&self, earlier: &Self) -> Option<Vec<DifferingInput>> {
        if self.kind != earlier.kind || self.components.len() != earlier.components.len() {
            return None;
        }
        let mut found = Vec::new();
        for (ours, theirs) in self.components.iter().zip(&earlier.components) {
            if ours.name != theirs.name {
                return None;
            }
            if ours.digest != theirs.digest {
                let (index, output) = ours.as_input()?;
                found.push(DifferingInput {
                    index,
                    earlier: InputIdentity { result: ResultId(theirs.digest), output },
                });
            }
        }
        Some(found)
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

    /// Which input and which output of its result, if the component is an input's identity.
    fn as_input(&self) -> Option<(u32, u32)> {
        let rest = self.name.strip_prefix("input ")?;
        let (index, output) = rest.split_once(" output ").unwrap_or((rest, "0"));
        Some((index.parse().ok()?, output.parse().ok()?))
    }
}

impl ResultId {
    /// The identity of what is first recorded under `key`.
    pub fn of(key: &Key) -> Self {
        Self(*key.digest())
    }
}

impl InputIdentity {
    fn component(&self, index: usize) -> Component {
        let name = match self.output {
            0 => format!("input {index}"),
            output => format!("input {index} output {output}"),
        };
        Component { name, digest: self.result.0 }
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
