//! Graphs of the model, as lists that can be generated, shrunk, and pasted into a test.

use cooperage_image::Digest;
use cooperage_llb::graph::Graph;
use cooperage_llb::pb::{self, file_action::Action, op::Op};
use proptest::prelude::*;
use prost::Message;

/// A vertex. Inputs are numbers that are taken modulo the place of the node, so that every list is a graph;
/// the last node is the result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// An image; has an identity.
    Image(u8),
    /// A local directory; has none.
    Local(u8),
    /// A file out of nothing.
    Mkfile(u8),
    /// `COPY --from=FROM /pPATH /c` onto `base`.
    Copy { base: u8, from: u8, path: u8 },
    /// A command that sees all of its root. `proxy` changes its bytes and nothing else.
    Exec { root: u8, tag: u8, proxy: bool },
    /// A command whose result is always the same.
    Const { root: u8, tag: u8 },
    /// A command that sees its root and one path of another tree.
    Mounted { root: u8, from: u8, path: u8, tag: u8 },
    /// Two trees, one over the other.
    Merge { lower: u8, upper: u8 },
}

pub(crate) fn any_nodes(most: usize) -> impl Strategy<Value = Vec<Node>> {
    let leaf = prop_oneof![
        (0..3u8).prop_map(Node::Image),
        (0..3u8).prop_map(Node::Local),
        (0..3u8).prop_map(Node::Mkfile)
    ];
    let step = prop_oneof![
        (any::<u8>(), any::<u8>(), 0..3u8).prop_map(|(base, from, path)| Node::Copy { base, from, path }),
        (any::<u8>(), 0..3u8, any::<bool>()).prop_map(|(root, tag, proxy)| Node::Exec { root, tag, proxy }),
        (any::<u8>(), 0..2u8).prop_map(|(root, tag)| Node::Const { root, tag }),
        (any::<u8>(), any::<u8>(), 0..3u8, 0..2u8).prop_map(|(root, from, path, tag)| Node::Mounted {
            root,
            from,
            path,
            tag
        }),
        (any::<u8>(), any::<u8>()).prop_map(|(lower, upper)| Node::Merge { lower, upper }),
    ];
    let leaves = proptest::collection::vec(leaf, 1..4);
    let steps = proptest::collection::vec(step, 0..most);
    (leaves, steps).prop_map(|(mut nodes, steps)| {
        nodes.extend(steps);
        nodes
    })
}

/// The graph of `nodes`. With `ignore_cache`, all but sources ignore it.
pub(crate) fn graph(nodes: &[Node], ignore_cache: bool) -> Graph {
    let mut definition = pb::Definition::default();
    let mut digests: Vec<String> = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        let bytes = op(node, place, &digests).encode_to_vec();
        let digest = Digest::of(&bytes).to_string();
        if !digests.contains(&digest) {
            definition.def.push(bytes);
            if ignore_cache && !matches!(node, Node::Image(_) | Node::Local(_)) {
                let metadata = pb::OpMetadata { ignore_cache, ..Default::default() };
                definition.metadata.insert(digest.clone(), metadata);
            }
        }
        digests.push(digest);
    }
    let result = pb::Input { digest: digests.last().expect("a graph has a result").clone(), index: 0 };
    definition.def.push(pb::Op { inputs: vec![result], ..Default::default() }.encode_to_vec());
    Graph::from_definition(&definition).expect("the model makes sound graphs")
}

fn op(node: &Node, place: usize, digests: &[String]) -> pb::Op {
    let source = |identifier: String| (vec![], Op::Source(pb::SourceOp { identifier, ..Default::default() }));
    let (inputs, body) = match *node {
        Node::Image(name) => source(format!("docker-image://image{name}")),
        Node::Local(name) => source(format!("local://dir{name}")),
        Node::Mkfile(data) => {
            let made =
                pb::FileActionMkFile { path: "/p0".to_owned(), data: vec![data], ..Default::default() };
            (vec![], file(-1, -1, Action::Mkfile(made)))
        }
        Node::Copy { base, from, path } => {
            let (src, dest) = (format!("/p{path}"), "/p1".to_owned());
            let copy = pb::FileActionCopy { src, dest, mode: -1, timestamp: -1, ..Default::default() };
            (vec![base, from], file(0, 1, Action::Copy(copy)))
        }
        Node::Exec { root, tag, proxy } => (vec![root], exec("hash", tag, proxy, vec![])),
        Node::Const { root, tag } => (vec![root], exec("const", tag, false, vec![])),
        Node::Mounted { root, from, path, tag } => {
            let (selector, dest) = (format!("/p{path}"), "/in".to_owned());
            let mount =
                pb::Mount { input: 1, selector, dest, output: -1, readonly: true, ..Default::default() };
            (vec![root, from], exec("hash", tag, false, vec![mount]))
        }
        Node::Merge { lower, upper } => {
            let inputs = vec![pb::MergeInput { input: 0 }, pb::MergeInput { input: 1 }];
            (vec![lower, upper], Op::Merge(pb::MergeOp { inputs }))
        }
    };
    let inputs =
        inputs.iter().map(|&at| pb::Input { digest: digests[usize::from(at) % place].clone(), index: 0 });
    pb::Op { inputs: inputs.collect(), op: Some(body), ..Default::default() }
}

fn file(input: i64, secondary_input: i64, action: Action) -> Op {
    Op::File(pb::FileOp {
        actions: vec![pb::FileAction { input, secondary_input, output: 0, action: Some(action) }],
    })
}

fn exec(command: &str, tag: u8, proxy: bool, mounts: Vec<pb::Mount>) -> Op {
    let proxy_env =
        proxy.then(|| pb::ProxyEnv { http_proxy: "http://proxy".to_owned(), ..Default::default() });
    let args = vec![command.to_owned(), tag.to_string()];
    let root = pb::Mount { dest: "/".to_owned(), ..Default::default() };
    Op::Exec(pb::ExecOp {
        meta: Some(pb::Meta { args, cwd: "/".to_owned(), proxy_env, ..Default::default() }),
        mounts: std::iter::once(root).chain(mounts).collect(),
        ..Default::default()
    })
}
