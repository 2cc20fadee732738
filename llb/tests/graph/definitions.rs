//! Definitions to test with.

use cooperage_image::Digest;
use cooperage_llb::pb::{self, file_action::Action, op::Op};
use prost::Message;

/// A definition under construction.
#[derive(Default)]
pub(crate) struct Definition(pub(crate) pb::Definition);

/// An op's digest, as inputs name it.
pub(crate) type Name = String;

impl Definition {
    pub(crate) fn add(&mut self, inputs: &[&Name], body: Op) -> Name {
        let inputs = inputs.iter().map(|digest| input(digest, 0)).collect();
        self.add_op(pb::Op { inputs, op: Some(body), ..Default::default() })
    }

    pub(crate) fn add_op(&mut self, op: pb::Op) -> Name {
        let bytes = op.encode_to_vec();
        let name = Digest::of(&bytes).to_string();
        self.0.def.push(bytes);
        name
    }

    pub(crate) fn call(&mut self, vertex: &Name, name: &str) {
        let metadata = self.0.metadata.entry(vertex.clone()).or_default();
        metadata.description.insert("llb.customname".to_owned(), name.to_owned());
    }

    pub(crate) fn finish(mut self, result: &Name) -> pb::Definition {
        self.add_op(pb::Op { inputs: vec![input(result, 0)], ..Default::default() });
        self.0
    }
}

pub(crate) fn input(digest: &str, index: i64) -> pb::Input {
    pb::Input { digest: digest.to_owned(), index }
}

pub(crate) fn source(identifier: &str) -> Op {
    Op::Source(pb::SourceOp { identifier: identifier.to_owned(), ..Default::default() })
}

pub(crate) fn root(input: i64) -> pb::Mount {
    pb::Mount { input, dest: "/".to_owned(), ..Default::default() }
}

pub(crate) fn bind(input: i64, selector: &str, dest: &str) -> pb::Mount {
    let (selector, dest) = (selector.to_owned(), dest.to_owned());
    pb::Mount { input, selector, dest, output: -1, readonly: true, ..Default::default() }
}

pub(crate) fn exec(script: &str, mounts: Vec<pb::Mount>) -> pb::ExecOp {
    let args = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let meta = pb::Meta { args, cwd: "/".to_owned(), ..Default::default() };
    pb::ExecOp { meta: Some(meta), mounts, ..Default::default() }
}

pub(crate) fn copy(src: &str, dest: &str) -> pb::FileActionCopy {
    let (src, dest) = (src.to_owned(), dest.to_owned());
    pb::FileActionCopy { src, dest, mode: -1, timestamp: -1, ..Default::default() }
}

pub(crate) fn action(input: i64, secondary_input: i64, output: i64, action: Action) -> pb::FileAction {
    pb::FileAction { input, secondary_input, output, action: Some(action) }
}

pub(crate) fn file(actions: Vec<pb::FileAction>) -> Op {
    Op::File(pb::FileOp { actions })
}

pub(crate) fn by_name(name: &str, input: i64) -> Option<pb::UserOpt> {
    let named = pb::NamedUserOpt { name: name.to_owned(), input };
    Some(pb::UserOpt { user: Some(pb::user_opt::User::ByName(named)) })
}

pub(crate) fn merge(inputs: &[i64]) -> Op {
    Op::Merge(pb::MergeOp { inputs: inputs.iter().map(|&input| pb::MergeInput { input }).collect() })
}

/// A small build with every kind of op that a Dockerfile leads to.
pub(crate) fn small_build() -> pb::Definition {
    let mut all = Definition::default();
    let base = all.add(&[], source("docker-image://docker.io/library/alpine:3.20"));
    let context = all.add(&[], source("local://context"));
    let mut make = exec("make\nall", vec![root(0), bind(1, "src", "/src")]);
    make.mounts.push(pb::Mount {
        input: -1,
        dest: "/root/.cache".to_owned(),
        output: -1,
        mount_type: pb::MountType::Cache.into(),
        cache_opt: Some(pb::CacheOpt { id: "ns//root/.cache".to_owned(), sharing: 0 }),
        ..Default::default()
    });
    let made = all.add(&[&base, &context], Op::Exec(make));
    all.call(&made, "[build 2/2] RUN make \"all\"");
    let mut copied = copy("/out/app", "/usr/bin/");
    copied.owner = Some(pb::ChownOpt { user: by_name("app", 0), group: None });
    let dir =
        pb::FileActionMkDir { path: "/srv".to_owned(), mode: 0o755, timestamp: -1, ..Default::default() };
    let actions = vec![action(0, -1, -1, Action::Mkdir(dir)), action(2, 1, 0, Action::Copy(copied))];
    let image = all.add(&[&base, &made], file(actions));
    let linked = all.add(&[&context], file(vec![action(-1, 0, 0, Action::Copy(copy("/README", "/")))]));
    let merged = all.add(&[&image, &linked], merge(&[0, 1]));
    all.add(&[], source("git://example.org/not/needed"));
    all.0.source = Some(pb::Source {
        locations: [(merged.clone(), pb::Locations { locations: vec![line(7)] })].into(),
        infos: vec![pb::SourceInfo { filename: "Dockerfile".to_owned(), ..Default::default() }],
    });
    all.finish(&merged)
}

fn line(line: i32) -> pb::Location {
    let at = |line| Some(pb::Position { line, character: 0 });
    pb::Location { source_index: 0, ranges: vec![pb::Range { start: at(line), end: at(line) }] }
}
