//! Bytes by anyone: an answer, and no panic, then or later.

use cooperage_image::Digest;
use cooperage_llb::graph::{Graph, action_order};
use cooperage_llb::key::{op_digest, reads};
use cooperage_llb::pb::{self, file_action::Action, op::Op};
use proptest::prelude::*;
use prost::Message;

use crate::definitions::{action, by_name, copy, small_build, source};

/// Everything that is done with a graph.
fn use_all(definition: &pb::Definition) -> bool {
    let Ok(graph) = Graph::from_definition(definition) else { return false };
    let _json = graph.to_json().to_string();
    let _dot = graph.to_dot();
    for vertex in graph.vertices() {
        let _name = vertex.name();
        assert_eq!(reads(&vertex.op).len(), vertex.inputs.len());
        let _digest = op_digest(&vertex.op);
        for edge in &vertex.inputs {
            assert!(edge.output < graph.vertex(edge.vertex).outputs());
        }
        if let Op::File(op) = vertex.body() {
            assert_eq!(action_order(op, vertex.inputs.len()).len(), op.actions.len());
        }
    }
    true
}

fn index() -> impl Strategy<Value = i64> {
    prop_oneof![8 => -2..5i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN)]
}

fn any_mount() -> impl Strategy<Value = pb::Mount> {
    let dest = prop_oneof![Just("/"), Just("/a"), Just("")];
    (index(), dest, index(), any::<bool>(), -1..6i32, -1..4i32).prop_map(
        |(input, dest, output, readonly, mount_type, content_cache)| pb::Mount {
            input,
            dest: dest.to_owned(),
            output,
            readonly,
            mount_type,
            content_cache,
            ..Default::default()
        },
    )
}

fn any_action() -> impl Strategy<Value = pb::FileAction> {
    let kind = (0..4u8, index()).prop_map(|(kind, named)| {
        let owner = Some(pb::ChownOpt { user: by_name("u", named), group: by_name("g", named) });
        match kind {
            0 => Action::Copy(pb::FileActionCopy { owner, ..copy("a/", "b") }),
            1 => Action::Copy(copy("///", "\u{1}\"")),
            2 => Action::Symlink(pb::FileActionSymlink {
                owner,
                newpath: "l".to_owned(),
                ..Default::default()
            }),
            _ => Action::Rm(pb::FileActionRm { path: "/".to_owned(), ..Default::default() }),
        }
    });
    (index(), index(), index(), kind)
        .prop_map(|(input, from, output, kind)| action(input, from, output, kind))
}

fn any_body() -> impl Strategy<Value = Op> {
    let many = || proptest::collection::vec(index(), 0..4);
    prop_oneof![
        proptest::collection::vec(any_mount(), 0..4)
            .prop_map(|mounts| Op::Exec(crate::definitions::exec("é\n", mounts))),
        proptest::collection::vec(any_action(), 0..4).prop_map(crate::definitions::file),
        many().prop_map(|inputs| crate::definitions::merge(&inputs)),
        many().prop_map(|outputs| Op::Passthrough(pb::PassthroughOp { outputs, ..Default::default() })),
        (index(), index()).prop_map(|(lower, upper)| Op::Diff(pb::DiffOp {
            lower: Some(pb::DiffInput { input: lower }),
            upper: Some(pb::DiffInput { input: upper }),
        })),
        index().prop_map(|builder| Op::Build(pb::BuildOp { builder, ..Default::default() })),
    ]
}

/// An op on a few sources, and the result.
fn definition(body: Op, inputs: Vec<i64>, result: i64) -> pb::Definition {
    let base = pb::Op { op: Some(source("local://a")), ..Default::default() }.encode_to_vec();
    let digest = Digest::of(&base).to_string();
    let inputs = inputs.into_iter().map(|index| pb::Input { digest: digest.clone(), index }).collect();
    let op = pb::Op { inputs, op: Some(body), ..Default::default() }.encode_to_vec();
    let result = pb::Input { digest: Digest::of(&op).to_string(), index: result };
    let last = pb::Op { inputs: vec![result], ..Default::default() }.encode_to_vec();
    pb::Definition { def: vec![base, op, last], ..Default::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_indexes(
        body in any_body(),
        inputs in proptest::collection::vec(prop_oneof![9 => Just(0i64), 1 => index()], 0..4),
        result in 0..2i64,
    ) {
        use_all(&definition(body, inputs, result));
    }

    #[test]
    fn any_bytes(def in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..5)) {
        use_all(&pb::Definition { def, ..Default::default() });
    }

    /// A sound definition with one byte changed; the digests above it are made to fit.
    #[test]
    fn a_byte_changed(op in 0..6usize, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut definition = small_build();
        let place = at.index(definition.def[op].len());
        definition.def[op][place] = byte;
        let digest = Digest::of(&definition.def[op]).to_string();
        let input = pb::Input { digest, index: 0 };
        *definition.def.last_mut().unwrap() = pb::Op { inputs: vec![input], ..Default::default() }.encode_to_vec();
        use_all(&definition);
    }
}

/// The strategies above are not refused at the door: what they say of later code is said of something.
#[test]
fn some_of_it_is_sound() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let sound = (0..2000).filter(|_| {
        let body = any_body().new_tree(&mut runner).unwrap().current();
        use_all(&definition(body, vec![0, 0, 0], 0))
    });
    assert!(sound.count() > 50);
}
