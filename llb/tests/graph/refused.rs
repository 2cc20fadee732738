//! Each rule, broken; the message says which.

use cooperage_llb::graph::{Graph, GraphError, MAX_VERTICES, action_order};
use cooperage_llb::pb::{self, file_action::Action, op::Op};
use prost::Message;

use crate::definitions::{
    Definition, Name, action, bind, by_name, copy, exec, file, input, merge, root, source,
};

fn load(definition: &pb::Definition) -> Result<Graph, GraphError> {
    Graph::from_definition(definition)
}

/// The error of an op on one source, without the digest before it.
fn error_of(body: Op) -> String {
    let mut all = Definition::default();
    let base = all.add(&[], source("local://context"));
    let broken = all.add(&[&base], body);
    match load(&all.finish(&broken)) {
        Err(GraphError::Op { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

fn mkdir(output: i64) -> pb::FileAction {
    action(0, 0, output, Action::Mkdir(pb::FileActionMkDir { path: "/d".to_owned(), ..Default::default() }))
}

fn exec_error(change: impl FnOnce(&mut pb::ExecOp)) -> String {
    let mut op = exec("true", vec![root(0)]);
    change(&mut op);
    error_of(Op::Exec(op))
}

fn mount_error(change: impl FnOnce(&mut pb::Mount)) -> String {
    let mut mount = bind(0, "", "/in");
    change(&mut mount);
    exec_error(|op| op.mounts.push(mount))
}

#[test]
fn no_ops_are_scratch() {
    let graph = load(&pb::Definition::default()).unwrap();
    assert_eq!((graph.result(), graph.is_empty()), (None, true));
}

#[test]
fn the_last_op_names_the_result() {
    let lone = Definition::default().finish(&"sha256:00".to_owned());
    assert_eq!(load(&lone).unwrap_err(), GraphError::Terminal("it is the only op"));
    let mut all = Definition::default();
    let name = all.add(&[], source("local://context"));
    assert_eq!(load(&all.0).unwrap_err(), GraphError::Terminal("it has a body"));
    let both = vec![input(&name, 0), input(&name, 0)];
    all.add_op(pb::Op { inputs: both, ..Default::default() });
    assert_eq!(load(&all.0).unwrap_err(), GraphError::Terminal("it has to have one input"));
}

#[test]
fn inputs_have_to_be_there() {
    let mut all = Definition::default();
    let missing: Name = "sha256:nowhere".to_owned();
    let op = all.add(&[&missing], merge(&[0]));
    let error = load(&all.finish(&op)).unwrap_err().to_string();
    assert_eq!(error, format!("input 0 of {op} is \"sha256:nowhere\", which is not in the definition"));
}

#[test]
fn outputs_have_to_be_there() {
    for index in [-1, 1, i64::MAX, i64::MIN] {
        let mut all = Definition::default();
        let base = all.add(&[], source("local://context"));
        let inputs = vec![input(&base, index)];
        let op = all.add_op(pb::Op { inputs: inputs.clone(), op: Some(merge(&[0])), ..Default::default() });
        assert!(matches!(load(&all.finish(&op)), Err(GraphError::Index { outputs: 1, .. })), "{index}");
        let mut all = Definition::default();
        all.add(&[], source("local://context"));
        all.add_op(pb::Op { inputs, ..Default::default() });
        assert!(matches!(load(&all.0), Err(GraphError::Index { outputs: 1, .. })), "{index}");
    }
}

#[test]
fn bytes_have_to_be_ops_and_different() {
    let mut all = Definition::default();
    let base = all.add(&[], source("local://context"));
    all.0.def.push(vec![0xff; 3]);
    assert!(matches!(load(&all.finish(&base)), Err(GraphError::Malformed { position: 1, .. })));
    let mut all = Definition::default();
    let base = all.add(&[], source("local://context"));
    all.add(&[], source("local://context"));
    assert_eq!(load(&all.finish(&base)).unwrap_err(), GraphError::Duplicate(base.parse().unwrap()));
}

#[test]
fn locations_have_to_be_in_a_source() {
    let mut all = Definition::default();
    let base = all.add(&[], source("local://context"));
    let location = pb::Location { source_index: 1, ..Default::default() };
    let locations = [(base.clone(), pb::Locations { locations: vec![location] })].into();
    all.0.source = Some(pb::Source { locations, infos: vec![pb::SourceInfo::default()] });
    assert!(matches!(load(&all.finish(&base)), Err(GraphError::Location { index: 1, sources: 1, .. })));
}

#[test]
fn file_ops() {
    let copied = |input, from| action(input, from, 0, Action::Copy(copy("a", "b")));
    assert_eq!(error_of(file(vec![])), "file op without actions");
    assert_eq!(error_of(file(vec![mkdir(-1)])), "missing output index 0");
    assert_eq!(error_of(file(vec![mkdir(1)])), "missing output index 0");
    assert_eq!(error_of(file(vec![mkdir(0), mkdir(2)])), "missing output index 1");
    assert_eq!(error_of(file(vec![mkdir(0), mkdir(0)])), "output index 0 is negative or given twice");
    assert_eq!(error_of(file(vec![mkdir(-2)])), "output index -2 is negative or given twice");
    assert_eq!(error_of(file(vec![copied(2, 0)])), "a file action's base is input 2, of 2");
    assert_eq!(error_of(file(vec![copied(0, -2)])), "a copy's source is input -2, of 2");
    assert_eq!(error_of(file(vec![copied(0, 1)])), "file action 0 needs its own result");
    let ring = vec![copied(2, 0), action(1, -1, 1, mkdir(1).action.unwrap())];
    assert!(error_of(file(ring)).ends_with("needs its own result"));
    let mut owned = copy("a", "b");
    owned.owner = Some(pb::ChownOpt { user: by_name("app", -1), group: None });
    let owned = action(0, 0, 0, Action::Copy(owned));
    assert_eq!(error_of(file(vec![owned])), "an owner's user database is input -1, of 2");
    let nothing = pb::FileAction { output: 0, ..Default::default() };
    assert_eq!(error_of(file(vec![nothing])), "file op without an action's kind");
}

#[test]
fn file_actions_may_refer_to_later_ones() {
    let copied = action(2, 0, 0, Action::Copy(copy("a", "b")));
    let op = pb::FileOp { actions: vec![copied, mkdir(-1)] };
    let mut all = Definition::default();
    let base = all.add(&[], source("local://context"));
    let name = all.add(&[&base], Op::File(op.clone()));
    load(&all.finish(&name)).unwrap();
    assert_eq!(action_order(&op, 1), [1, 0]);
}

#[test]
fn exec_ops() {
    assert_eq!(exec_error(|op| op.meta = None), "exec op without meta");
    assert_eq!(exec_error(|op| op.meta.as_mut().unwrap().args.clear()), "exec op without args");
    assert_eq!(
        exec_error(|op| op.meta.as_mut().unwrap().cwd = "src".to_owned()),
        "the working directory \"src\" is not absolute"
    );
    assert_eq!(exec_error(|op| op.mounts.clear()), "exec op without root mount");
    assert_eq!(exec_error(|op| op.mounts.push(root(0))), "there are two root mounts");
    assert_eq!(
        exec_error(|op| op.mounts[0].mount_type = pb::MountType::Tmpfs.into()),
        "mount \"/\" cannot have an output, only binds can"
    );
    assert_eq!(exec_error(|op| op.mounts[0].output = 1), "missing output index 0");
    assert_eq!(exec_error(|op| op.network = 3), "network 3 is unknown");
    assert_eq!(exec_error(|op| op.security = -1), "security mode -1 is unknown");
}

#[test]
fn mounts() {
    assert_eq!(mount_error(|mount| mount.input = 1), "a mount's source is input 1, of 1");
    assert_eq!(
        mount_error(|mount| mount.input = i64::MIN),
        format!("a mount's source is input {}, of 1", i64::MIN)
    );
    assert_eq!(mount_error(|mount| mount.mount_type = 5), "mount type 5 is unknown");
    assert_eq!(mount_error(|mount| mount.content_cache = 3), "content cache mode 3 is unknown");
    assert_eq!(mount_error(|mount| mount.dest.clear()), "exec op without destination of a mount");
    for kind in [pb::MountType::Secret, pb::MountType::Ssh, pb::MountType::Cache] {
        let error = mount_error(|mount| mount.mount_type = kind.into());
        assert_eq!(error, "mount \"/in\" has no options, which its type needs");
    }
    let error =
        mount_error(|mount| mount.cache_opt = Some(pb::CacheOpt { sharing: 9, ..Default::default() }));
    assert_eq!(error, "cache sharing 9 is unknown");
    let error = mount_error(|mount| {
        *mount = pb::Mount { selector: "a".to_owned(), output: 1, readonly: false, ..mount.clone() };
        mount.content_cache = pb::MountContentCache::On.into();
    });
    assert!(error.starts_with("mount \"/in\" cannot be matched by content"), "{error}");
    let error = mount_error(|mount| mount.result_id = "ref".to_owned());
    assert_eq!(error, "mount \"/in\" names a result of a gateway, of which there is none");
}

#[test]
fn other_ops() {
    assert_eq!(error_of(source("local://x")), "a source has no inputs");
    assert_eq!(error_of(merge(&[])), "merge op without inputs");
    assert_eq!(error_of(merge(&[1])), "an input of the merge is input 1, of 1");
    let half = pb::DiffOp { lower: Some(pb::DiffInput { input: 0 }), upper: None };
    assert_eq!(error_of(Op::Diff(half)), "diff op without upper");
    let wrong =
        pb::DiffOp { lower: Some(pb::DiffInput { input: 4 }), upper: Some(pb::DiffInput { input: -1 }) };
    assert_eq!(error_of(Op::Diff(wrong)), "the diff's lower is input 4, of 1");
    let pass = pb::PassthroughOp { outputs: vec![0, -1], ..Default::default() };
    assert_eq!(error_of(Op::Passthrough(pass)), "an output of the passthrough is input -1, of 1");
    let build = pb::BuildOp { builder: 1, ..Default::default() };
    assert_eq!(error_of(Op::Build(build)), "the builder is input 1, of 1");
    let mut all = Definition::default();
    let bodiless = all.add_op(pb::Op { inputs: vec![], op: None, ..Default::default() });
    let error = load(&all.finish(&bodiless)).unwrap_err().to_string();
    assert_eq!(error, format!("{bodiless}: an op without body"));
    let mut all = Definition::default();
    let odd = all.add(&[], source("alpine"));
    assert!(load(&all.finish(&odd)).unwrap_err().to_string().contains("\"alpine\" is not scheme://name"));
}

#[test]
fn there_is_a_most() {
    let definition = pb::Definition { def: vec![Vec::new(); MAX_VERTICES + 2], ..Default::default() };
    assert_eq!(load(&definition).unwrap_err(), GraphError::TooLarge(MAX_VERTICES + 1));
}

/// A chain far deeper than a stack would be.
#[test]
fn depth_is_no_problem() {
    let mut all = Definition::default();
    let mut last = all.add(&[], source("local://context"));
    for _ in 0..100_000 {
        last = all.add(&[&last], merge(&[0]));
    }
    let definition = all.finish(&last);
    assert!(definition.encoded_len() > 100_000);
    assert_eq!(load(&definition).unwrap().len(), 100_001);
}
