//! File systems of the model, and what each op makes of them.

use std::collections::BTreeMap;

use cooperage_image::Digest;
use cooperage_image::digest::Hasher;
use cooperage_image::tree::LayerId;
use cooperage_llb::key::Read;
use cooperage_llb::pb::file_action::Action;
use cooperage_llb::pb::{self, op::Op};
use cooperage_llb::ports::result_index::Chain;

/// Paths and what is in them.
pub(crate) type Tree = BTreeMap<String, Digest>;

pub(crate) fn value(parts: &[&[u8]]) -> Digest {
    let mut hasher = Hasher::new();
    parts.iter().for_each(|part| hasher.field(part));
    hasher.finish()
}

pub(crate) fn digest(tree: &Tree) -> Digest {
    let mut hasher = Hasher::new();
    for (path, content) in tree {
        hasher.field(path.as_bytes());
        hasher.field(content.as_bytes());
    }
    hasher.finish()
}

/// Equal trees have equal chains: what a build makes can be compared with what the oracle makes.
pub(crate) fn chain(tree: &Tree) -> Chain {
    Chain { layers: vec![LayerId::of(&digest(tree))] }
}

/// The part of `tree` that is read.
pub(crate) fn part(tree: &Tree, read: &Read) -> Digest {
    match read {
        Read::Copy(copy) => file(tree, &copy.src),
        Read::File(path) => file(tree, path),
        Read::Subtree(path) if path == "/" => digest(tree),
        Read::Subtree(path) => file(tree, path),
    }
}

fn file(tree: &Tree, path: &str) -> Digest {
    tree.get(path).copied().unwrap_or_else(|| Digest::of(b"nothing"))
}

/// What a step makes: exactly what its real brother would read, it reads.
pub(crate) fn apply(op: &Op, inputs: &[Tree]) -> Vec<Tree> {
    let input = |index: i64| usize::try_from(index).map(|at| inputs[at].clone()).unwrap_or_default();
    match op {
        Op::Exec(exec) => vec![run(exec, input)],
        Op::File(op) => vec![op.actions.iter().fold(input(op.actions[0].input), |mut tree, action| {
            match action.action.as_ref().unwrap() {
                Action::Copy(copy) => {
                    tree.insert(copy.dest.clone(), file(&input(action.secondary_input), &copy.src));
                }
                Action::Mkfile(made) => {
                    tree.insert(made.path.clone(), Digest::of(&made.data));
                }
                other => panic!("the model has no {other:?}"),
            }
            tree
        })],
        Op::Merge(merge) => vec![merge.inputs.iter().flat_map(|from| input(from.input)).collect()],
        other => panic!("the model has no {other:?}"),
    }
}

/// Commands: `hash TAG` writes a digest of all it sees to `/out`; `const TAG` writes the same always, and
/// removes the rest.
fn run(exec: &pb::ExecOp, input: impl Fn(i64) -> Tree) -> Tree {
    let args = &exec.meta.as_ref().unwrap().args;
    let root = input(exec.mounts[0].input);
    if args[0] == "const" {
        return Tree::from([("/out".to_owned(), value(&[b"const", args[1].as_bytes()]))]);
    }
    let mut seen = vec![digest(&root)];
    for mount in &exec.mounts[1..] {
        seen.push(file(&input(mount.input), &mount.selector));
    }
    let mut parts: Vec<&[u8]> = vec![args[1].as_bytes()];
    parts.extend(seen.iter().map(|digest| &digest.as_bytes()[..]));
    let mut tree = root;
    tree.insert("/out".to_owned(), value(&parts));
    tree
}
