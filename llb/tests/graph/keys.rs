//! What enters keys, and what does not.

use cooperage_image::Digest;
use cooperage_image::digest::Hasher;
use cooperage_llb::key::{
    Component, DifferingInput, InputIdentity, Key, Read, ResultId, Slot, op_digest, reads,
};
use cooperage_llb::pb::{self, file_action::Action, op::Op};

use crate::definitions::{action, bind, by_name, copy, exec, file, input, merge, root, source};

fn op(inputs: usize, body: Op) -> pb::Op {
    pb::Op {
        inputs: (0..inputs).map(|at| input(&at.to_string(), 0)).collect(),
        op: Some(body),
        ..Default::default()
    }
}

fn run(change: impl FnOnce(&mut pb::ExecOp)) -> pb::Op {
    let mut body = exec("make", vec![root(0), bind(1, "src", "/src")]);
    change(&mut body);
    op(2, Op::Exec(body))
}

fn copying(src: &str) -> pb::Op {
    op(2, file(vec![action(0, 1, 0, Action::Copy(copy(src, "/usr/bin/")))]))
}

fn meta(change: impl FnOnce(&mut pb::Meta)) -> pb::Op {
    run(|op| change(op.meta.as_mut().unwrap()))
}

fn identity(name: &str) -> InputIdentity {
    InputIdentity { result: ResultId(Digest::of(name.as_bytes())), output: 0 }
}

fn subtree(path: &str) -> Slot {
    Slot::Paths(vec![Read::Subtree(path.to_owned())])
}

#[test]
fn what_changes_the_result_changes_the_op() {
    let usual = op_digest(&run(|_| ()));
    let secret = || pb::SecretEnv { id: "token".to_owned(), ..Default::default() };
    let platform = pb::Platform { architecture: "arm64".to_owned(), ..Default::default() };
    for (what, other) in [
        ("args", meta(|meta| meta.args.push("-j".to_owned()))),
        ("env", meta(|meta| meta.env.push("A=1".to_owned()))),
        ("cwd", meta(|meta| meta.cwd = "/src".to_owned())),
        ("user", meta(|meta| meta.user = "app".to_owned())),
        (
            "hosts",
            meta(|meta| meta.extra_hosts.push(pb::HostIp { host: "db".to_owned(), ip: String::new() })),
        ),
        ("network", run(|op| op.network = pb::NetMode::None.into())),
        ("secrets", run(|op| op.secretenv.push(secret()))),
        ("mounts", run(|op| op.mounts[1].dest = "/other".to_owned())),
        ("platform", pb::Op { platform: Some(platform), ..run(|_| ()) }),
    ] {
        assert_ne!(op_digest(&other), usual, "{what}");
    }
    assert_ne!(op_digest(&op(1, merge(&[0]))), op_digest(&op(2, merge(&[0]))));
    assert_ne!(op_digest(&op(0, source("local://a"))), op_digest(&op(0, source("local://b"))));
}

#[test]
fn what_is_of_the_machine_does_not() {
    let usual = op_digest(&run(|_| ()));
    let proxy = pb::ProxyEnv { http_proxy: "http://here".to_owned(), ..Default::default() };
    let constraints = pb::WorkerConstraints { filter: vec!["here".to_owned()] };
    for (what, other) in [
        ("proxy", meta(|meta| meta.proxy_env = Some(proxy))),
        ("constraints", pb::Op { constraints: Some(constraints), ..run(|_| ()) }),
        ("inputs", pb::Op { inputs: vec![input("a", 0), input("b", 1)], ..run(|_| ()) }),
        ("selector", run(|op| op.mounts[1].selector = "elsewhere".to_owned())),
    ] {
        assert_eq!(op_digest(&other), usual, "{what}");
    }
    let host = |ip: &str| {
        op_digest(&meta(|meta| {
            meta.extra_hosts.push(pb::HostIp { host: "db".to_owned(), ip: ip.to_owned() })
        }))
    };
    assert_eq!(host("10.0.0.1"), host("10.0.0.2"));
    let cache = |id: &str, sharing: i32| {
        op_digest(&run(|op| {
            op.mounts.push(pb::Mount {
                input: -1,
                dest: "/c".to_owned(),
                output: -1,
                mount_type: pb::MountType::Cache.into(),
                cache_opt: Some(pb::CacheOpt { id: id.to_owned(), sharing }),
                ..Default::default()
            });
        }))
    };
    assert_eq!(cache("/c", 0), cache("ns/mine", 2));
    assert_ne!(cache("/c", 0), usual);
}

/// The same file from another directory is the same copy; from another name it is not.
#[test]
fn a_copy_is_known_by_the_last_component() {
    assert_eq!(op_digest(&copying("/out/app")), op_digest(&copying("/build/out/app")));
    assert_ne!(op_digest(&copying("/out/app")), op_digest(&copying("/out/tool")));
    assert_ne!(
        op_digest(&copying("/out/app")),
        op_digest(&copying("/out/app/")),
        "a directory's own metadata"
    );
    let key = |src: &str| {
        let op = copying(src);
        Key::by_definition(op_digest(&op), &reads(&op), &[identity("base"), identity("build")])
    };
    assert_ne!(key("/out/app").digest(), key("/build/out/app").digest(), "by definition they differ");
}

/// When the source counts as a whole there is no content digest that could stand for the directories.
#[test]
fn what_counts_as_a_whole_keeps_its_paths_in_the_op() {
    let itself = |src: &str| op_digest(&op(1, file(vec![action(0, 0, 0, Action::Copy(copy(src, "/")))])));
    assert_ne!(itself("/a/x"), itself("/b/x"));
    let made = |src: &str| {
        let first = action(0, -1, -1, Action::Mkdir(Default::default()));
        op_digest(&op(1, file(vec![first, action(0, 1, 0, Action::Copy(copy(src, "/")))])))
    };
    assert_ne!(made("/a/x"), made("/b/x"));
    let written = |selector: &str| {
        op_digest(&run(|op| {
            op.mounts[1] = pb::Mount { output: 1, readonly: false, ..bind(1, selector, "/src") };
        }))
    };
    assert_ne!(written("a"), written("b"));
}

#[test]
fn reads_of_execs() {
    assert_eq!(reads(&run(|_| ())), [Slot::Whole, subtree("/src")]);
    let thrown_away = run(|op| op.mounts[1].readonly = false);
    assert_eq!(reads(&thrown_away), [Slot::Whole, subtree("/src")]);
    let output = run(|op| op.mounts[1] = pb::Mount { output: 1, readonly: false, ..op.mounts[1].clone() });
    assert_eq!(reads(&output), [Slot::Whole, Slot::Whole]);
    let on = run(|op| op.mounts[0].content_cache = pb::MountContentCache::On.into());
    assert_eq!(reads(&on), [subtree("/"), subtree("/src")]);
    let off = run(|op| op.mounts[1].content_cache = pb::MountContentCache::Off.into());
    assert_eq!(reads(&off), [Slot::Whole, Slot::Whole]);
    let both = run(|op| op.mounts[1].input = 0);
    assert_eq!(reads(&both), [Slot::Whole, Slot::Whole], "the root wins, and nothing refers to input 1");
    let twice = run(|op| op.mounts.push(bind(1, "/doc/", "/doc")));
    let two = ["/src", "/doc"].map(|path| Read::Subtree(path.to_owned()));
    assert_eq!(reads(&twice), [Slot::Whole, Slot::Paths(two.to_vec())]);
}

#[test]
fn reads_of_file_ops() {
    let mut owned = copy("src/", "/");
    owned.exclude_patterns = vec!["*.o".to_owned()];
    owned.owner = Some(pb::ChownOpt { user: by_name("app", 2), group: by_name("app", 2) });
    let op = op(3, file(vec![action(0, 1, 0, Action::Copy(owned))]));
    let [Slot::Whole, Slot::Paths(copied), Slot::Paths(names)] = &reads(&op)[..] else {
        panic!("{:?}", reads(&op))
    };
    assert!(
        matches!(&copied[..], [Read::Copy(copy)] if copy.src == "src/" && copy.exclude_patterns == ["*.o"])
    );
    assert_eq!(names[..], ["/etc/passwd", "/etc/group"].map(|path| Read::File(path.to_owned())));
}

#[test]
fn differences_are_in_inputs_or_none() {
    let digest =
        |name: &str| Component { name: "input 1: a".to_owned(), digest: Digest::of(name.as_bytes()) };
    let key = |base: InputIdentity, contents: &str| {
        Key::by_content(Digest::of(b"op"), &[Some(base), None], vec![digest(contents)])
    };
    let second = InputIdentity { output: 1, ..identity("old") };
    let now = key(identity("new"), "same");
    assert_eq!(
        now.differing_inputs(&key(identity("old"), "same")),
        Some(vec![DifferingInput { index: 0, earlier: identity("old") }])
    );
    assert_eq!(now.differing_inputs(&now), Some(vec![]));
    assert_eq!(now.differing_inputs(&key(identity("old"), "other")), None);
    assert_eq!(now.differing_inputs(&key(second, "same")), None, "another output");
    assert_eq!(
        key(InputIdentity { output: 1, ..identity("new") }, "same").differing_inputs(&key(second, "same")),
        Some(vec![DifferingInput { index: 0, earlier: second }])
    );
}

/// docs/formats/key.md: the example's digests are what the page's own rules give, and what the code makes.
#[test]
fn the_page_tells_the_truth() {
    let page = include_str!("../../../docs/formats/key.md");
    let op = copying("/out/app");
    let slots = reads(&op);
    let contents = Component { name: "input 1: app".to_owned(), digest: Digest::of(b"contents") };
    let definition = Key::by_definition(op_digest(&op), &slots, &[identity("base"), identity("build")]);
    let content = Key::by_content(op_digest(&op), &[Some(identity("base")), None], vec![contents]);

    let mut lines = Vec::new();
    for (title, domain, key) in
        [("by definition", "definition v1", &definition), ("by content", "content v1", &content)]
    {
        let mut hasher = Hasher::new();
        hasher.field(domain.as_bytes());
        for component in key.components() {
            hasher.field(component.name.as_bytes());
            hasher.field(component.digest.as_bytes());
            lines.push(format!("    {:<14} {}", component.name, component.digest));
        }
        assert_eq!(hasher.finish(), *key.digest());
        lines.push(format!("    {:<14} {}", title, key.digest()));
    }
    let example: Vec<_> =
        page.lines().skip_while(|line| *line != "## Example").filter(|l| l.starts_with("    ")).collect();
    assert_eq!(example, lines);

    let mut selector = Hasher::new();
    selector.field(b"copy");
    selector.field(b"/out/app");
    assert_eq!(
        definition.components()[3],
        Component { name: "reads 1".to_owned(), digest: selector.finish() }
    );
}
