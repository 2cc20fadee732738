//! Building LLB definitions: add vertices, name edges, finish into [`pb::Definition`].
//!
//! A vertex is added with the edges it reads; nothing is encoded before [`Builder::finish`], so a source
//! may still be narrowed after its consumers were added. `finish` encodes what the result needs and
//! nothing else, inputs before consumers, equal ops once. The same calls give the same bytes.
//!
//! ```
//! use cooperage_llb::definition::{Builder, Exec, Metadata, Mount, source};
//!
//! let mut graph = Builder::new();
//! let base = graph.source(source::image("docker.io/library/busybox:latest", None), Metadata::default());
//! let exec = Exec {
//!     args: vec!["/bin/true".into()],
//!     mounts: vec![Mount::root(Some(base))],
//!     ..Exec::new("/")
//! };
//! let root = graph.exec(exec, Metadata::named("RUN true")).root().expect("the root is writable");
//! let definition = graph.finish(Some(root));
//! assert_eq!(definition.def.len(), 3); // image, exec, and the op that names the result
//! ```

mod exec;
mod file;
pub mod source;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cooperage_image::{Digest, Platform};
use prost::Message;

pub use exec::{CacheSharing, Device, Exec, ExecOutputs, Mount, MountKind, Secret, Ssh};
pub use file::{Action, Copy, FileChain, Mode, Owner, User};
pub use source::{Git, Source};

use crate::pb;

/// One output of a vertex of the [`Builder`] that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    vertex: usize,
    output: i64,
}

/// What is known of a vertex besides its op: none of it enters the digest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metadata {
    /// `llb.customname`: how progress shows it.
    pub name: Option<String>,
    /// `com.docker.dockerfile.v1.command`: the instruction it stands for.
    pub command: Option<String>,
    /// Do it again even if a result is known.
    pub ignore_cache: bool,
    /// Vertices that progress folds into one line.
    pub group: Option<pb::ProgressGroup>,
    /// Where it was written: the index of a [`Builder::source_file`], and the ranges in it.
    pub locations: Vec<pb::Location>,
}

impl Metadata {
    /// Only a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }
}

/// Capabilities, by BuildKit's ids (buildkit: solver/pb/caps.go).
pub(crate) type Caps = BTreeSet<&'static str>;

#[derive(Debug, Clone)]
struct Vertex {
    kind: VertexKind,
    metadata: Metadata,
}

#[derive(Debug, Clone)]
enum VertexKind {
    Source(Source),
    Exec(Box<Exec>),
    File(FileChain),
    Merge(Vec<Edge>),
    Diff { lower: Option<Edge>, upper: Option<Edge> },
}

/// A graph in the making.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    vertices: Vec<Vertex>,
    files: Vec<pb::SourceInfo>,
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file that [`Metadata::locations`] may speak of; its index. `language` is a name that
    /// GitHub's linguist knows.
    pub fn source_file(&mut self, name: &str, language: &str, text: &[u8]) -> i32 {
        self.files.push(pb::SourceInfo {
            filename: name.to_owned(),
            data: text.to_vec(),
            definition: None,
            language: language.to_owned(),
        });
        i32::try_from(self.files.len() - 1).expect("fewer source files than 2^31")
    }

    /// Adds a source.
    pub fn source(&mut self, source: Source, metadata: Metadata) -> Edge {
        Edge { vertex: self.add(VertexKind::Source(source), metadata), output: 0 }
    }

    /// The source that an edge of [`Builder::source`] comes from, to narrow it while its consumers become
    /// known. `None` for an edge of another op.
    pub fn source_mut(&mut self, edge: Edge) -> Option<&mut Source> {
        match &mut self.vertices.get_mut(edge.vertex)?.kind {
            VertexKind::Source(source) => Some(source),
            _ => None,
        }
    }

    /// Adds an exec op; the edges of what its writable mounts hold afterwards.
    pub fn exec(&mut self, mut exec: Exec, metadata: Metadata) -> ExecOutputs {
        exec.mounts.sort_by(|a, b| a.dest.cmp(&b.dest));
        let outputs = exec.outputs();
        let vertex = self.add(VertexKind::Exec(Box::new(exec)), metadata);
        let edge = |(dest, output)| (dest, Edge { vertex, output });
        ExecOutputs(outputs.into_iter().map(edge).collect())
    }

    /// Adds a file op: the tree after all actions.
    pub fn file(&mut self, chain: FileChain, metadata: Metadata) -> Edge {
        Edge { vertex: self.add(VertexKind::File(chain), metadata), output: 0 }
    }

    /// Adds a merge op, later inputs above earlier ones. Empty inputs have no effect: none left is an
    /// empty tree (`None`), one left is that one, and no op is added.
    pub fn merge(&mut self, inputs: &[Option<Edge>], metadata: Metadata) -> Option<Edge> {
        let inputs: Vec<Edge> = inputs.iter().flatten().copied().collect();
        match inputs.as_slice() {
            [] => None,
            [one] => Some(*one),
            _ => Some(Edge { vertex: self.add(VertexKind::Merge(inputs), metadata), output: 0 }),
        }
    }

    /// Adds a diff op: what `upper` changes on `lower`. `None` is an empty tree.
    pub fn diff(&mut self, lower: Option<Edge>, upper: Option<Edge>, metadata: Metadata) -> Edge {
        Edge { vertex: self.add(VertexKind::Diff { lower, upper }, metadata), output: 0 }
    }

    fn add(&mut self, kind: VertexKind, metadata: Metadata) -> usize {
        self.vertices.push(Vertex { kind, metadata });
        self.vertices.len() - 1
    }

    /// The definition of `result`, which is the input of the last op. Without a result (an empty tree)
    /// the definition is empty.
    pub fn finish(&self, result: Option<Edge>) -> pb::Definition {
        let Some(result) = result else { return pb::Definition::default() };
        let mut encoder = Encoder { builder: self, digests: HashMap::new(), out: pb::Definition::default() };
        let mut source = pb::Source { infos: self.files.clone(), ..pb::Source::default() };
        for vertex in self.needed(result.vertex) {
            encoder.encode(vertex, &mut source);
        }
        encoder.terminal(result);
        let mut definition = encoder.out;
        definition.source = Some(source);
        definition
    }

    /// The vertices that `result` needs, itself included. Inputs exist before their consumers are added,
    /// so ascending order is a topological one.
    fn needed(&self, result: usize) -> BTreeSet<usize> {
        let mut needed = BTreeSet::from([result]);
        let mut open = vec![result];
        while let Some(vertex) = open.pop() {
            for input in self.vertices[vertex].kind.reads() {
                if needed.insert(input.vertex) {
                    open.push(input.vertex);
                }
            }
        }
        needed
    }
}

impl VertexKind {
    fn reads(&self) -> Vec<Edge> {
        match self {
            Self::Source(_) => Vec::new(),
            Self::Exec(exec) => exec.mounts.iter().filter_map(Mount::input).collect(),
            Self::File(chain) => chain.reads(),
            Self::Merge(inputs) => inputs.clone(),
            Self::Diff { lower, upper } => [lower, upper].into_iter().flatten().copied().collect(),
        }
    }
}

struct Encoder<'a> {
    builder: &'a Builder,
    digests: HashMap<usize, Digest>,
    out: pb::Definition,
}

impl Encoder<'_> {
    fn encode(&mut self, index: usize, source: &mut pb::Source) {
        let vertex = &self.builder.vertices[index];
        let mut inputs = Inputs::new(&self.digests);
        let mut caps = Caps::new();
        let (op, platform) = vertex.kind.to_op(&mut inputs, &mut caps);
        let op = pb::Op {
            inputs: inputs.list,
            op: Some(op),
            platform: platform.map(platform_to_pb),
            constraints: Some(pb::WorkerConstraints::default()),
        };
        let bytes = op.encode_to_vec();
        let digest = Digest::of(&bytes);
        self.digests.insert(index, digest);
        let name = digest.to_string();
        if !vertex.metadata.locations.is_empty() {
            let known = source.locations.entry(name.clone()).or_default();
            for location in &vertex.metadata.locations {
                if known.locations.len() < MAX_LOCATIONS && !known.locations.contains(location) {
                    known.locations.push(location.clone());
                }
            }
        }
        match self.out.metadata.entry(name) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(metadata_to_pb(&vertex.metadata, &caps));
                self.out.def.push(bytes);
            }
            // Who asks for an op to be done again means it for the same op elsewhere too.
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                entry.get_mut().ignore_cache |= vertex.metadata.ignore_cache;
            }
        }
    }

    fn terminal(&mut self, result: Edge) {
        let inputs = Inputs::new(&self.digests);
        let op = pb::Op { inputs: vec![inputs.input(result)], ..pb::Op::default() };
        let mut caps = Caps::from(["constraints", "platform"]);
        for metadata in self.out.metadata.values() {
            if metadata.ignore_cache {
                caps.insert("meta.ignorecache");
            }
            if !metadata.description.is_empty() {
                caps.insert("meta.description");
            }
        }
        let bytes = op.encode_to_vec();
        let metadata = metadata_to_pb(&Metadata::default(), &caps);
        self.out.metadata.insert(Digest::of(&bytes).to_string(), metadata);
        self.out.def.push(bytes);
    }
}

impl VertexKind {
    /// The op, and the platform it is for: only exec ops and images have one (llb.md, section 1).
    fn to_op(&self, inputs: &mut Inputs<'_>, caps: &mut Caps) -> (pb::op::Op, Option<&Platform>) {
        match self {
            Self::Source(source) => (source.to_op(caps), source.platform.as_ref()),
            Self::Exec(exec) => (exec.to_op(inputs, caps), exec.platform.as_ref()),
            Self::File(chain) => (chain.to_op(inputs, caps), None),
            Self::Merge(edges) => {
                caps.insert("mergeop");
                let inputs = edges.iter().map(|edge| pb::MergeInput { input: inputs.append(*edge) });
                (pb::op::Op::Merge(pb::MergeOp { inputs: inputs.collect() }), None)
            }
            Self::Diff { lower, upper } => {
                caps.insert("diffop");
                let mut side = |edge: &Option<Edge>| {
                    Some(pb::DiffInput { input: edge.map_or(EMPTY, |edge| inputs.append(edge)) })
                };
                let (lower, upper) = (side(lower), side(upper));
                (pb::op::Op::Diff(pb::DiffOp { lower, upper }), None)
            }
        }
    }
}

/// Most places of one op: where equal ops were written is of use for a few of them.
const MAX_LOCATIONS: usize = 32;

/// The input index of an empty tree.
pub(crate) const EMPTY: i64 = -1;

/// The inputs of the op that is being encoded.
pub(crate) struct Inputs<'a> {
    digests: &'a HashMap<usize, Digest>,
    list: Vec<pb::Input>,
    /// The first place of each in the list.
    places: HashMap<(Digest, i64), i64>,
}

impl<'a> Inputs<'a> {
    fn new(digests: &'a HashMap<usize, Digest>) -> Self {
        Self { digests, list: Vec::new(), places: HashMap::new() }
    }

    fn input(&self, edge: Edge) -> pb::Input {
        let digest = self.digests.get(&edge.vertex).expect("inputs are encoded before their consumers");
        pb::Input { digest: digest.to_string(), index: edge.output }
    }

    /// The index of `edge` in a new place, equal to another or not: a merge keeps its order.
    fn append(&mut self, edge: Edge) -> i64 {
        let input = self.input(edge);
        self.list.push(input);
        self.len() - 1
    }

    /// The index of `edge`; equal inputs share one. [`EMPTY`] for an empty tree.
    pub(crate) fn index(&mut self, edge: Option<Edge>) -> i64 {
        let Some(edge) = edge else { return EMPTY };
        let digest = *self.digests.get(&edge.vertex).expect("inputs are encoded before their consumers");
        let next = self.len();
        let place = *self.places.entry((digest, edge.output)).or_insert(next);
        if place == next {
            let input = self.input(edge);
            self.list.push(input);
        }
        place
    }

    pub(crate) fn len(&self) -> i64 {
        i64::try_from(self.list.len()).expect("fewer inputs than 2^63")
    }
}

fn metadata_to_pb(metadata: &Metadata, caps: &Caps) -> pb::OpMetadata {
    let mut description = BTreeMap::new();
    if let Some(name) = &metadata.name {
        description.insert("llb.customname".to_owned(), name.clone());
    }
    if let Some(command) = &metadata.command {
        description.insert("com.docker.dockerfile.v1.command".to_owned(), command.clone());
    }
    pb::OpMetadata {
        ignore_cache: metadata.ignore_cache,
        description,
        caps: caps.iter().map(|cap| ((*cap).to_owned(), true)).collect(),
        progress_group: metadata.group.clone(),
        ..pb::OpMetadata::default()
    }
}

fn platform_to_pb(platform: &Platform) -> pb::Platform {
    pb::Platform {
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        variant: platform.variant.clone().unwrap_or_default(),
        os_version: platform.os_version.clone().unwrap_or_default(),
        os_features: platform.os_features.clone(),
    }
}

#[cfg(test)]
mod tests;
