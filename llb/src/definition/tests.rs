use std::collections::BTreeMap;

use super::*;

fn ops(definition: &pb::Definition) -> Vec<pb::Op> {
    definition.def.iter().map(|bytes| pb::Op::decode(bytes.as_slice()).unwrap()).collect()
}

fn copy(from: Option<Edge>, source: &str) -> Action {
    Action::Copy(Box::new(Copy { from, source: source.into(), dest: "/".into(), ..Copy::default() }))
}

#[test]
fn bytes_are_buildkits() {
    // An op written out by hand from the field numbers of ops.proto: source 3 {identifier 1}, platform 10
    // {Architecture 1, OS 2}, constraints 11, which is there though it is empty.
    let mut graph = Builder::new();
    let platform = Platform::new("linux", "amd64", None);
    let edge = graph.source(source::image("a", Some(platform)), Metadata::default());
    let mut expected = b"\x1a\x12\x0a\x10docker-image://a".to_vec();
    expected.extend(b"\x52\x0e\x0a\x05amd64\x12\x05linux");
    expected.extend(b"\x5a\x00");
    let definition = graph.finish(Some(edge));
    assert_eq!(definition.def[0], expected);
    let digest = Digest::of(&expected).to_string();
    assert_eq!(ops(&definition)[1].inputs, [pb::Input { digest: digest.clone(), index: 0 }]);
    assert!(ops(&definition)[1].op.is_none());
    assert!(definition.metadata[&digest].caps["source.image"]);
}

#[test]
fn equal_ops_are_one_and_unneeded_ones_are_none() {
    let mut graph = Builder::new();
    let a = graph.source(source::local("a"), Metadata::named("first"));
    let again =
        graph.source(source::local("a"), Metadata { ignore_cache: true, ..Metadata::named("second") });
    graph.source(source::local("unneeded"), Metadata::default());
    let both = graph.merge(&[Some(a), None, Some(again)], Metadata::default());
    let definition = graph.finish(both);
    assert_eq!(definition.def.len(), 3);
    let source = &definition.metadata[&Digest::of(&definition.def[0]).to_string()];
    assert_eq!(source.description["llb.customname"], "first");
    assert!(source.ignore_cache);
    assert_eq!(ops(&definition)[1].inputs.len(), 2, "a merge keeps equal inputs apart");
}

#[test]
fn a_merge_of_less_than_two_is_no_op() {
    let mut graph = Builder::new();
    let a = graph.source(source::local("a"), Metadata::default());
    assert_eq!(graph.merge(&[None, Some(a)], Metadata::default()), Some(a));
    assert_eq!(graph.merge(&[None, None], Metadata::default()), None);
    assert_eq!(graph.finish(None), pb::Definition::default());
}

#[test]
fn a_source_may_be_narrowed_after_its_use() {
    let mut graph = Builder::new();
    let context = graph.source(source::local("context"), Metadata::default());
    let result =
        graph.file(FileChain { base: None, actions: vec![copy(Some(context), "/a")] }, Metadata::default());
    graph.source_mut(context).unwrap().follow(&["a".into()]);
    assert!(graph.source_mut(result).is_none());
    let definition = graph.finish(Some(result));
    let Some(pb::op::Op::Source(source)) = &ops(&definition)[0].op else { panic!("a source") };
    assert_eq!(source.attrs, BTreeMap::from([("local.followpaths".into(), r#"["a"]"#.into())]));
}

#[test]
fn actions_are_chained_and_equal_inputs_shared() {
    let mut graph = Builder::new();
    let base = graph.source(source::image("a", None), Metadata::default());
    let context = graph.source(source::local("context"), Metadata::default());
    let actions = vec![copy(Some(context), "/a"), copy(Some(context), "/b"), copy(None, "/c")];
    let result = graph.file(FileChain { base: Some(base), actions }, Metadata::default());
    let ops = ops(&graph.finish(Some(result)));
    assert_eq!(ops[2].inputs.len(), 2);
    let Some(pb::op::Op::File(file)) = &ops[2].op else { panic!("a file op") };
    let wiring: Vec<_> = file.actions.iter().map(|a| (a.input, a.secondary_input, a.output)).collect();
    assert_eq!(wiring, [(0, 1, -1), (2, 1, -1), (3, -1, 0)]);
}

#[test]
fn mounts_are_sorted_and_outputs_numbered() {
    let mut graph = Builder::new();
    let base = graph.source(source::image("a", None), Metadata::default());
    let bind = |dest: &str, readonly, discard| Mount {
        dest: dest.into(),
        readonly,
        kind: MountKind::Bind { input: Some(base), selector: String::new(), discard },
    };
    let mounts = vec![
        bind("/z", false, false),
        bind("/r", true, false),
        Mount { dest: "/m".into(), readonly: false, kind: MountKind::Tmpfs { size_bytes: 0 } },
        bind("/d", false, true),
        Mount::root(Some(base)),
    ];
    let outputs = graph.exec(Exec { mounts, ..Exec::new("/") }, Metadata::default());
    assert_eq!(outputs.mount("/d"), None);
    let (root, z) = (outputs.root().unwrap(), outputs.mount("/z").unwrap());
    let ops = ops(&graph.finish(Some(z)));
    assert_eq!(ops[1].inputs.len(), 1);
    let Some(pb::op::Op::Exec(exec)) = &ops[1].op else { panic!("an exec op") };
    let mounts: Vec<_> = exec.mounts.iter().map(|m| (m.dest.as_str(), m.input, m.output)).collect();
    assert_eq!(mounts, [("/", 0, 0), ("/d", 0, -1), ("/m", -1, -1), ("/r", 0, -1), ("/z", 0, 1)]);
    assert_eq!((root.output, z.output), (0, 1));
    assert_eq!(ops[2].inputs[0].index, 1);
}

#[test]
fn secrets_and_agents_have_no_output() {
    let mut graph = Builder::new();
    let secret = Secret {
        id: "s".into(),
        dest: Some("/s".into()),
        env: None,
        uid: 0,
        gid: 0,
        mode: 0o400,
        optional: true,
    };
    let ssh = Ssh { id: String::new(), dest: None, uid: 0, gid: 0, mode: 0o600, optional: true };
    let exec = Exec {
        args: vec!["x".into()],
        mounts: vec![Mount::root(None)],
        secrets: vec![secret],
        ssh: vec![ssh],
        ..Exec::new("/")
    };
    let root = graph.exec(exec, Metadata::default()).root();
    let definition = graph.finish(root);
    let Some(pb::op::Op::Exec(exec)) = &ops(&definition)[0].op else { panic!("an exec op") };
    assert_eq!(exec.meta.as_ref().unwrap().env, ["SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0"]);
    let graph = crate::graph::Graph::from_definition(&definition).unwrap();
    assert_eq!(graph.vertices().next().unwrap().outputs(), 1);
}

#[test]
fn owners() {
    let name = |name: &str| Some(User::Name(name.into()));
    let id = |id| Some(User::Id(id));
    for (text, user, group) in [
        ("1000", id(1000), None),
        ("root:staff", id(0), name("staff")),
        ("www:0", name("www"), id(0)),
        ("a:", name("a"), id(0)),
        (":5", id(0), id(5)),
        ("4294967296", name("4294967296"), None),
    ] {
        assert_eq!(Owner::parse(text), Owner { user, group }, "{text}");
    }
}
