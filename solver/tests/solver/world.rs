//! The machine of the model: performs effects at once, and answers when it is told to.

use std::collections::{BTreeMap, HashMap};

use cooperage_image::Digest;
use cooperage_image::tree::LayerId;
use cooperage_llb::graph::Graph;
use cooperage_llb::key::{Component, Key, ResultId};
use cooperage_llb::pb::op::Op;
use cooperage_llb::ports::result_index::{Chain, StepResult};
use cooperage_solver::{Effect, Event, Input};

use crate::tree::{Tree, apply, chain, digest, part, value};

/// What is in the sources.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Leaves {
    /// By source and path: how often it was changed.
    pub(crate) edits: BTreeMap<(String, u8), u8>,
}

impl Leaves {
    pub(crate) fn tree(&self, source: &str) -> Tree {
        let file = |path: u8| {
            let edits = self.edits.get(&(source.to_owned(), path)).copied().unwrap_or_default();
            (format!("/p{path}"), value(&[source.as_bytes(), &[path, edits]]))
        };
        (0..3).map(file).collect()
    }
}

/// What outlives a build.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    pub(crate) results: HashMap<Digest, StepResult>,
    trees: HashMap<LayerId, Tree>,
    runs: Vec<Run>,
}

/// A candidate for matches.
#[derive(Debug, Clone)]
struct Run {
    op: Digest,
    key: Key,
    /// Contents of its inputs.
    contents: Vec<Digest>,
    result: StepResult,
}

impl Store {
    fn keep(&mut self, tree: Tree) -> Chain {
        let chain = chain(&tree);
        self.trees.insert(chain.layers[0].clone(), tree);
        chain
    }

    fn tree(&self, chain: &Chain) -> Tree {
        self.trees[&chain.layers[0]].clone()
    }

    fn contents(&self, inputs: &[Input]) -> Vec<Digest> {
        inputs.iter().map(|input| digest(&self.tree(&input.chain))).collect()
    }

    /// What succeeds when `effect` is performed; `None` for effects that are not answered.
    pub(crate) fn perform(&mut self, graph: &Graph, leaves: &Leaves, effect: &Effect) -> Option<Event> {
        match effect.clone() {
            Effect::Source { vertex } => {
                let Op::Source(source) = graph.vertex(vertex).body() else { panic!("{vertex} is no source") };
                let tree = leaves.tree(&source.identifier);
                let is_image = source.identifier.starts_with("docker-image://");
                let identity = is_image.then(|| ResultId(digest(&tree)));
                Some(Event::Sourced { vertex, output: self.keep(tree), identity })
            }
            Effect::Lookup { vertex, key } => {
                Some(Event::Looked { vertex, hit: self.results.get(key.digest()).cloned() })
            }
            Effect::Digest { vertex, inputs } => {
                let one = |read, input: &Input| part(&self.tree(&input.chain), read);
                let digests = inputs.iter().flat_map(|asked| {
                    asked.reads.iter().map(move |read| Component {
                        name: format!("contents of input {}", asked.index),
                        digest: one(read, &asked.input),
                    })
                });
                Some(Event::Digested { vertex, digests: digests.collect() })
            }
            Effect::MatchContent { vertex, op, inputs, keys } => {
                let contents = self.contents(&inputs);
                let matches = |run: &&Run| {
                    let differing = keys.first().differing_inputs(&run.key);
                    let same = |index: u32| run.contents[index as usize] == contents[index as usize];
                    run.op == op
                        && differing.is_some_and(|inputs| inputs.iter().all(|input| same(input.index)))
                };
                let found = self.runs.iter().rev().find(matches);
                Some(Event::Matched { vertex, hit: found.map(|run| run.result.clone()) })
            }
            Effect::Run { vertex, inputs, .. } => {
                let trees: Vec<_> = inputs.iter().map(|input| self.tree(&input.chain)).collect();
                let made = apply(graph.vertex(vertex).body(), &trees);
                Some(Event::Ran { vertex, outputs: made.into_iter().map(|tree| self.keep(tree)).collect() })
            }
            Effect::Record { vertex, keys, replace, result, .. } => {
                let first = keys.iter().find_map(|key| self.results.get(key.digest()).cloned());
                let kept = first.unwrap_or(result);
                for key in keys.iter().chain(&replace) {
                    self.results.insert(*key.digest(), kept.clone());
                }
                Some(Event::Recorded { vertex, result: kept })
            }
            Effect::Cancel { .. } | Effect::Done { .. } | Effect::Finish(_) => None,
        }
    }

    /// Remembers a run as a candidate for matches, once it is recorded.
    pub(crate) fn remember(&mut self, op: Digest, key: Key, inputs: &[Input], result: StepResult) {
        let contents = self.contents(inputs);
        self.runs.push(Run { op, key, contents, result });
    }
}
