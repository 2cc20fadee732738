//! Any graph, any order of events, any moment of failure. A failing case prints as the arguments of `case`
//! or `faulty_case`, which can be pasted into a test like [`pasted`].

use std::collections::BTreeSet;

use cooperage_llb::graph::{Graph, VertexId};
use cooperage_llb::key::ResultId;
use cooperage_llb::pb::op::Op;
use cooperage_solver::{How, Outcome, Progress, State, step};
use proptest::prelude::*;

use crate::build::{Fault, Plan, Seen, build, options};
use crate::nodes::{Node, any_nodes, graph};
use crate::oracle;
use crate::world::{Leaves, Store};

fn any_plan() -> impl Strategy<Value = Plan> {
    let order = proptest::collection::vec(any::<u8>(), 0..60);
    (order, proptest::option::of(1..3u32), any::<bool>()).prop_map(|(order, max_parallel, stops)| Plan {
        order,
        fault: None,
        max_parallel,
        stops,
    })
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![(0..40usize).prop_map(Fault::Fail), (0..40usize).prop_map(Fault::Cancel)]
}

fn is_source(graph: &Graph, vertex: VertexId) -> bool {
    matches!(graph.vertex(vertex).body(), Op::Source(_))
}

/// Everything that needs `vertex`, directly or not.
fn above(graph: &Graph, vertex: VertexId) -> BTreeSet<VertexId> {
    let mut found = BTreeSet::new();
    let mut open = vec![vertex];
    while let Some(next) = open.pop() {
        open.extend(graph.dependants(next).into_iter().filter(|other| found.insert(*other)));
    }
    found
}

fn finishes_like_the_oracle(graph: &Graph, leaves: &Leaves, seen: &Seen) {
    assert_eq!(seen.outcome, Outcome::Done(oracle::result(graph, leaves)));
    assert_eq!(seen.how.len(), graph.len(), "all that is needed was done");
    let counts = seen.state.counts();
    assert_eq!(counts.ran as usize, seen.ran.len());
    assert_eq!(counts.failed, 0);
    assert_eq!((counts.resolved + counts.cached + counts.shared + counts.ran) as usize, graph.len());
}

fn identity(seen: &Seen, vertex: VertexId) -> Option<ResultId> {
    match seen.state.progress(vertex) {
        Some(Progress::Done { result, .. }) => *result,
        other => panic!("{vertex} is {other:?}"),
    }
}

/// A build, the same again, and once more after an edit.
fn case(nodes: &[Node], plan: &Plan, edit: (u8, u8)) {
    let graph = graph(nodes, false);
    let (mut leaves, mut store) = (Leaves::default(), Store::default());
    let first = build(&graph, &leaves, &mut store, plan);
    finishes_like_the_oracle(&graph, &leaves, &first);

    let second = build(&graph, &leaves, &mut store, plan);
    finishes_like_the_oracle(&graph, &leaves, &second);
    assert_eq!(second.ran, [], "nothing had changed");

    let before = leaves.clone();
    let sources: Vec<_> = graph
        .vertices()
        .filter_map(|vertex| match vertex.body() {
            Op::Source(source) => Some(source.identifier.clone()),
            _ => None,
        })
        .collect();
    if let Some(source) = sources.get(usize::from(edit.0) % sources.len().max(1)) {
        leaves.edits.insert((source.clone(), edit.1 % 3), 1);
    }
    let third = build(&graph, &leaves, &mut store, plan);
    finishes_like_the_oracle(&graph, &leaves, &third);
    let again = oracle::done_again(&graph, &before, &leaves);
    let made: Vec<_> = third.ran.iter().map(|vertex| identity(&third, *vertex)).collect();
    for (vertex, how) in &third.how {
        match how {
            How::Resolved => assert!(is_source(&graph, *vertex)),
            How::Ran => assert!(again.contains(vertex), "{vertex} was done again for nothing"),
            How::Shared => {}
            // An exec may see the contents that another one of this build saw, too.
            How::Matched if made.contains(&identity(&third, *vertex)) => {}
            How::CachedByDefinition | How::CachedByContent | How::Matched => {
                assert!(!again.contains(vertex), "{vertex} had to be done again");
            }
            How::Adopted => panic!("{vertex}: there is no other process"),
        }
    }
}

/// A build in which something goes wrong, and the same build again, sound.
fn faulty_case(nodes: &[Node], plan: &Plan) {
    let graph = graph(nodes, false);
    let (leaves, mut store) = (Leaves::default(), Store::default());
    let seen = build(&graph, &leaves, &mut store, plan);
    match (&seen.outcome, plan.fault) {
        (Outcome::Failed { vertex }, Some(Fault::Fail(_))) => {
            assert_eq!(seen.state.progress(*vertex), Some(&Progress::Failed { origin: *vertex }));
            assert_eq!(seen.state.counts().failed, 1);
            for other in above(&graph, *vertex) {
                assert_eq!(seen.state.progress(other), Some(&Progress::Failed { origin: *vertex }));
                assert!(!seen.recorded.contains(&other) && !seen.how.contains_key(&other));
            }
        }
        (Outcome::Cancelled, Some(Fault::Cancel(_))) => assert_eq!(seen.state.counts().failed, 0),
        // It was over before.
        (Outcome::Done(_), Some(_)) => finishes_like_the_oracle(&graph, &leaves, &seen),
        other => panic!("{other:?}"),
    }
    let sound = build(&graph, &leaves, &mut store, &Plan { fault: None, ..plan.clone() });
    finishes_like_the_oracle(&graph, &leaves, &sound);
    for vertex in &seen.recorded {
        assert!(seen.outcome != Outcome::Cancelled || !sound.ran.contains(vertex), "{vertex} was recorded");
    }
}

/// A usual build, one that ignores the cache, and a usual one again.
fn ignoring_case(nodes: &[Node], plan: &Plan) {
    let (usual, ignoring) = (graph(nodes, false), graph(nodes, true));
    let (leaves, mut store) = (Leaves::default(), Store::default());
    build(&usual, &leaves, &mut store, plan);
    let seen = build(&ignoring, &leaves, &mut store, plan);
    finishes_like_the_oracle(&ignoring, &leaves, &seen);
    let steps = ignoring.vertices().filter(|vertex| !is_source(&ignoring, vertex.id)).count();
    assert_eq!(seen.ran.len() + seen.state.counts().shared as usize, steps);
    let after = build(&usual, &leaves, &mut store, plan);
    assert_eq!(after.ran, []);
}

/// Cases that were found by the tests below and shrunk.
mod pasted {
    use super::*;
    use Node::*;

    /// The same op on the same inputs, with another path of them mounted, is another step.
    #[test]
    fn a_match_by_content_looks_at_selectors() {
        let steps = [
            Local(0),
            Mkfile(0),
            Mounted { root: 1, from: 0, path: 0, tag: 0 },
            Mounted { root: 1, from: 0, path: 1, tag: 0 },
            Merge { lower: 2, upper: 3 },
        ];
        case(&steps, &Plan::default(), (0, 0));
    }

    /// So it is by definition: both inputs have identities here.
    #[test]
    fn a_definition_key_has_the_selector() {
        let steps = [
            Image(0),
            Mkfile(0),
            Mounted { root: 1, from: 0, path: 0, tag: 0 },
            Mounted { root: 1, from: 0, path: 1, tag: 0 },
            Merge { lower: 2, upper: 3 },
        ];
        case(&steps, &Plan::default(), (0, 0));
    }

    /// Two vertices that ignore the cache and have one content key are one step.
    #[test]
    fn what_ignores_the_cache_is_done_once() {
        let steps = [
            Local(0),
            Copy { base: 0, from: 0, path: 0 },
            Copy { base: 0, from: 1, path: 0 },
            Copy { base: 1, from: 2, path: 2 },
        ];
        ignoring_case(&steps, &Plan::default());
    }

    /// An exec may be matched by one of the same build.
    #[test]
    fn equal_contents_by_two_ways_run_once() {
        let steps = [
            Image(0),
            Exec { root: 0, tag: 0, proxy: false },
            Exec { root: 1, tag: 2, proxy: false },
            Merge { lower: 2, upper: 1 },
            Exec { root: 3, tag: 2, proxy: false },
        ];
        case(&steps, &Plan::default(), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_makes_what_the_oracle_makes(
        nodes in any_nodes(12), plan in any_plan(), edit in any::<(u8, u8)>(),
    ) {
        case(&nodes, &plan, edit);
    }

    #[test]
    fn any_moment_of_failure_ends_cleanly(
        nodes in any_nodes(12), plan in any_plan(), fault in any_fault(),
    ) {
        faulty_case(&nodes, &Plan { fault: Some(fault), ..plan });
    }

    #[test]
    fn ignoring_the_cache_does_all_again_and_the_next_build_finds_that(
        nodes in any_nodes(10), plan in any_plan(),
    ) {
        ignoring_case(&nodes, &plan);
    }

    #[test]
    fn a_recorded_list_of_events_replays(nodes in any_nodes(12), plan in any_plan()) {
        let graph = graph(&nodes, false);
        let seen = build(&graph, &Leaves::default(), &mut Store::default(), &plan);
        let mut state = State::new(&graph, options(plan.max_parallel, 7));
        for event in seen.events {
            step(&mut state, event).expect("it was admitted before");
        }
        assert_eq!(state, seen.state);
    }
}
