//! Event by event, for reading.

use cooperage_image::Digest;
use cooperage_llb::graph::VertexId;
use cooperage_llb::key::{Component, Key, Read, ResultId};
use cooperage_llb::ports::result_index::{Chain, StepResult};
use cooperage_solver::{Effect, Event, How, Outcome, State, Unexpected, step};

use crate::build::options;
use crate::nodes::{Node, graph};
use crate::tree::{chain, value};

const V0: VertexId = VertexId(0);
const V1: VertexId = VertexId(1);
const V2: VertexId = VertexId(2);

fn started(nodes: &[Node], max_parallel: Option<u32>) -> (State, Vec<Effect>) {
    let mut state = State::new(&graph(nodes, false), options(max_parallel, 0));
    let effects = step(&mut state, Event::Start).unwrap();
    (state, effects)
}

fn some_chain(name: &str) -> Chain {
    chain(&[(name.to_owned(), value(&[]))].into())
}

fn some_result(name: &str) -> StepResult {
    StepResult { id: ResultId(Digest::of(name.as_bytes())), outputs: vec![some_chain(name)] }
}

fn image(vertex: VertexId) -> Event {
    Event::Sourced { vertex, output: some_chain("base"), identity: Some(some_result("base").id) }
}

fn directory(vertex: VertexId) -> Event {
    Event::Sourced { vertex, output: some_chain("dir"), identity: None }
}

fn key_of(effects: &[Effect]) -> Key {
    match effects {
        [Effect::Lookup { key, .. }] => key.clone(),
        other => panic!("no lookup: {other:?}"),
    }
}

/// Kinds of effects, in words.
fn words(effects: &[Effect]) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::Source { vertex } => format!("source {vertex}"),
        Effect::Lookup { vertex, .. } => format!("lookup {vertex}"),
        Effect::Digest { vertex, .. } => format!("digest {vertex}"),
        Effect::MatchContent { vertex, .. } => format!("match {vertex}"),
        Effect::Run { vertex, .. } => format!("run {vertex}"),
        Effect::Record { vertex, keys, .. } => format!("record {vertex} under {}", keys.len()),
        Effect::Cancel { vertex } => format!("cancel {vertex}"),
        Effect::Done { vertex, how } => format!("done {vertex} {how:?}"),
        Effect::Finish(outcome) => {
            format!("finish {}", if matches!(outcome, Outcome::Done(_)) { "done" } else { "not" })
        }
    };
    effects.iter().map(word).collect()
}

/// Tells `event`, and compares what it leads to.
#[track_caller]
fn tell(state: &mut State, event: Event, expected: &[&str]) -> Vec<Effect> {
    let effects = step(state, event).unwrap();
    assert_eq!(words(&effects), expected);
    effects
}

#[test]
fn a_run_that_was_never_done() {
    let (mut state, first) = started(&[Node::Image(0), Node::Exec { root: 0, tag: 0, proxy: false }], None);
    assert_eq!(words(&first), ["source v0"]);
    let key = key_of(&tell(&mut state, image(V0), &["done v0 Resolved", "lookup v1"])[1..]);
    tell(&mut state, Event::Looked { vertex: V1, hit: None }, &["match v1"]);
    tell(&mut state, Event::Matched { vertex: V1, hit: None }, &["run v1"]);
    let made = Event::Ran { vertex: V1, outputs: vec![some_chain("made")] };
    let effects = tell(&mut state, made, &["record v1 under 1"]);
    let [Effect::Record { result, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(result.id, ResultId::of(&key), "the identity is the digest of the first key");
    let recorded = Event::Recorded { vertex: V1, result: result.clone() };
    let last = tell(&mut state, recorded, &["done v1 Ran", "finish done"]);
    assert_eq!(last[1], Effect::Finish(Outcome::Done(some_chain("made"))));
    assert_eq!((state.counts().resolved, state.counts().ran, state.counts().cached), (1, 1, 0));
}

#[test]
fn a_run_that_is_known() {
    let (mut state, _) = started(&[Node::Image(0), Node::Exec { root: 0, tag: 0, proxy: false }], None);
    tell(&mut state, image(V0), &["done v0 Resolved", "lookup v1"]);
    let hit = Some(some_result("known"));
    tell(&mut state, Event::Looked { vertex: V1, hit }, &["done v1 CachedByDefinition", "finish done"]);
}

/// Early cut-off: the definition is new, the contents are not; the new key leads there from now on.
#[test]
fn a_copy_whose_source_was_made_anew() {
    let nodes = [Node::Image(0), Node::Image(1), Node::Copy { base: 0, from: 1, path: 0 }];
    let (mut state, _) = started(&nodes, None);
    tell(&mut state, image(V0), &["done v0 Resolved"]);
    tell(&mut state, image(V1), &["done v1 Resolved", "lookup v2"]);
    let asked = tell(&mut state, Event::Looked { vertex: V2, hit: None }, &["digest v2"]);
    let [Effect::Digest { inputs, .. }] = &asked[..] else { panic!("{asked:?}") };
    let [one] = &inputs[..] else { panic!("the base is no content: {inputs:?}") };
    assert!(matches!(&one.reads[..], [Read::Copy(copy)] if one.index == 1 && copy.src == "/p0"));
    let digests = vec![Component { name: "p0".to_owned(), digest: value(&[]) }];
    tell(&mut state, Event::Digested { vertex: V2, digests }, &["lookup v2"]);
    let hit = Event::Looked { vertex: V2, hit: Some(some_result("old")) };
    let alias = tell(&mut state, hit, &["record v2 under 1"]);
    let [Effect::Record { result, .. }] = &alias[..] else { panic!("{alias:?}") };
    assert_eq!(*result, some_result("old"), "the old result keeps its identity");
    let recorded = Event::Recorded { vertex: V2, result: result.clone() };
    tell(&mut state, recorded, &["done v2 CachedByContent", "finish done"]);
}

#[test]
fn a_copy_of_a_local_directory_has_no_key_by_definition() {
    let nodes = [Node::Image(0), Node::Local(0), Node::Copy { base: 0, from: 1, path: 0 }];
    let (mut state, _) = started(&nodes, None);
    tell(&mut state, directory(V1), &["done v1 Resolved"]);
    tell(&mut state, image(V0), &["done v0 Resolved", "digest v2"]);
    tell(&mut state, Event::Digested { vertex: V2, digests: vec![] }, &["lookup v2"]);
    tell(&mut state, Event::Looked { vertex: V2, hit: None }, &["run v2"]);
}

/// A vertex that differs in its proxy alone waits for the other, whatever the other's answer.
#[test]
fn equal_keys_are_worked_on_once() {
    let nodes = [
        Node::Image(0),
        Node::Exec { root: 0, tag: 0, proxy: false },
        Node::Exec { root: 0, tag: 0, proxy: true },
        Node::Merge { lower: 1, upper: 2 },
    ];
    let (mut state, _) = started(&nodes, None);
    tell(&mut state, image(V0), &["done v0 Resolved", "lookup v1"]);
    tell(
        &mut state,
        Event::Looked { vertex: V1, hit: Some(some_result("known")) },
        &["done v1 CachedByDefinition", "done v2 Shared", "lookup v3"],
    );
}

#[test]
fn execs_wait_for_room_in_order() {
    let exec = |tag| Node::Exec { root: 0, tag, proxy: false };
    let nodes = [Node::Image(0), exec(0), exec(1), Node::Merge { lower: 1, upper: 2 }];
    let (mut state, _) = started(&nodes, Some(1));
    tell(&mut state, image(V0), &["done v0 Resolved", "lookup v1", "lookup v2"]);
    for vertex in [V2, V1] {
        tell(&mut state, Event::Looked { vertex, hit: None }, &[&format!("match {vertex}")]);
    }
    tell(&mut state, Event::Matched { vertex: V2, hit: None }, &["run v2"]);
    tell(&mut state, Event::Matched { vertex: V1, hit: None }, &[]);
    let ran = Event::Ran { vertex: V2, outputs: vec![some_chain("made")] };
    tell(&mut state, ran, &["record v2 under 1", "run v1"]);
}

/// The other branch is told to stop; it succeeded before it heard that, and its result is whole.
#[test]
fn a_failure_stops_the_other_branch() {
    let exec = |tag| Node::Exec { root: 0, tag, proxy: false };
    let nodes = [Node::Image(0), exec(0), exec(1), Node::Merge { lower: 1, upper: 2 }];
    let (mut state, _) = started(&nodes, None);
    step(&mut state, image(V0)).unwrap();
    for vertex in [V1, V2] {
        step(&mut state, Event::Looked { vertex, hit: None }).unwrap();
        step(&mut state, Event::Matched { vertex, hit: None }).unwrap();
    }
    tell(&mut state, Event::Failed { vertex: V1 }, &["cancel v2"]);
    let late = Event::Ran { vertex: V2, outputs: vec![some_chain("late")] };
    tell(&mut state, late, &["record v2 under 1"]);
    let recorded = Event::Recorded { vertex: V2, result: some_result("late") };
    let last = tell(&mut state, recorded, &["done v2 Ran", "finish not"]);
    assert_eq!(last[1], Effect::Finish(Outcome::Failed { vertex: V1 }));
    assert_eq!(step(&mut state, Event::Cancel), Ok(vec![]), "it has ended");
}

#[test]
fn another_process_was_faster() {
    let nodes = [Node::Image(0), Node::Exec { root: 0, tag: 0, proxy: false }];
    let (mut state, _) = started(&nodes, None);
    step(&mut state, image(V0)).unwrap();
    step(&mut state, Event::Looked { vertex: V1, hit: None }).unwrap();
    step(&mut state, Event::Matched { vertex: V1, hit: None }).unwrap();
    let adopted = Event::Adopted { vertex: V1, result: some_result("theirs") };
    tell(&mut state, adopted, &["record v1 under 1"]);
    let recorded = Event::Recorded { vertex: V1, result: some_result("theirs") };
    let last = tell(&mut state, recorded, &["done v1 Adopted", "finish done"]);
    assert_eq!(last[0], Effect::Done { vertex: V1, how: How::Adopted });
    assert_eq!((state.counts().cached, state.counts().ran), (1, 0));
}

#[test]
fn scratch_is_done_at_once() {
    let graph = cooperage_llb::graph::Graph::from_definition(&Default::default()).unwrap();
    let mut state = State::new(&graph, options(None, 0));
    assert_eq!(step(&mut state, Event::Start), Ok(vec![Effect::Finish(Outcome::Done(Chain::default()))]));
    assert_eq!(step(&mut state, Event::Start), Err(Unexpected::Start));
}

#[test]
fn a_build_that_is_cancelled_before_it_starts_ends() {
    let mut state = State::new(&graph(&[Node::Image(0)], false), options(None, 0));
    assert_eq!(step(&mut state, Event::Cancel), Ok(vec![Effect::Finish(Outcome::Cancelled)]));
    assert!(state.is_finished());
}
