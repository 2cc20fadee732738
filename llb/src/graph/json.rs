//! A graph as JSON: BuildKit's field names, fields at their default left out, except indexes.

use serde_json::{Map, Value, json};

use super::{Graph, Vertex};
use crate::pb::file_action::Action;
use crate::pb::op::Op;
use crate::pb::{self, user_opt};

pub(super) fn graph(graph: &Graph) -> Value {
    json!({
        "result": graph.result().map(|edge| json!({"vertex": edge.vertex.0, "output": edge.output})),
        "vertices": graph.vertices().map(|v| vertex(graph, v)).collect::<Vec<_>>(),
    })
}

fn vertex(graph: &Graph, vertex: &Vertex) -> Value {
    let inputs: Vec<_> = vertex
        .inputs
        .iter()
        .map(|edge| {
            let digest = graph.vertex(edge.vertex).digest.to_string();
            json!({"vertex": edge.vertex.0, "output": edge.output, "digest": digest})
        })
        .collect();
    set(&[
        ("id", json!(vertex.id.0)),
        ("digest", json!(vertex.digest.to_string())),
        ("name", json!(vertex.name())),
        ("inputs", json!(inputs)),
        ("op", body(vertex.body())),
        ("platform", vertex.op.platform.as_ref().map_or(Value::Null, platform)),
        ("metadata", metadata(&vertex.metadata)),
        ("locations", json!(vertex.locations.iter().map(location).collect::<Vec<_>>())),
    ])
}

/// An object of the fields that say something.
fn set(fields: &[(&str, Value)]) -> Value {
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(set) => *set,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    };
    let always = ["id", "input", "output"];
    let fields = fields.iter().filter(|(name, value)| always.contains(name) || says(value));
    Value::Object(fields.map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Map<_, _>>())
}

fn body(op: &Op) -> Value {
    let (kind, body) = match op {
        Op::Exec(op) => ("exec", exec(op)),
        Op::Source(op) => {
            ("source", set(&[("identifier", json!(op.identifier)), ("attrs", json!(op.attrs))]))
        }
        Op::File(op) => ("file", json!({"actions": op.actions.iter().map(action).collect::<Vec<_>>()})),
        Op::Build(op) => ("build", build(op)),
        Op::Merge(op) => {
            ("merge", json!({"inputs": op.inputs.iter().map(|input| input.input).collect::<Vec<_>>()}))
        }
        Op::Diff(op) => (
            "diff",
            json!({"lower": op.lower.as_ref().map(|i| i.input), "upper": op.upper.as_ref().map(|i| i.input)}),
        ),
        Op::Passthrough(op) => ("passthrough", json!({"id": op.id, "outputs": op.outputs})),
    };
    json!({ kind: body })
}

fn build(op: &pb::BuildOp) -> Value {
    let inputs: Map<_, _> =
        op.inputs.iter().map(|(name, input)| (name.clone(), json!(input.input))).collect();
    json!({"builder": op.builder, "inputs": inputs, "attrs": op.attrs})
}

fn exec(op: &pb::ExecOp) -> Value {
    let security =
        if op.security() == pb::SecurityMode::Sandbox { String::new() } else { word(op.security()) };
    let network = if op.network() == pb::NetMode::Unset { String::new() } else { word(op.network()) };
    set(&[
        ("meta", op.meta.as_ref().map_or(Value::Null, meta)),
        ("mounts", json!(op.mounts.iter().map(mount).collect::<Vec<_>>())),
        ("network", json!(network)),
        ("security", json!(security)),
        (
            "secretenv",
            op.secretenv
                .iter()
                .map(|e| {
                    set(&[("ID", json!(e.id)), ("name", json!(e.name)), ("optional", json!(e.optional))])
                })
                .collect(),
        ),
        (
            "cdiDevices",
            op.cdi_devices
                .iter()
                .map(|d| set(&[("name", json!(d.name)), ("optional", json!(d.optional))]))
                .collect(),
        ),
    ])
}

fn meta(meta: &pb::Meta) -> Value {
    let proxy = meta.proxy_env.as_ref().map(|proxy| {
        set(&[
            ("http_proxy", json!(proxy.http_proxy)),
            ("https_proxy", json!(proxy.https_proxy)),
            ("ftp_proxy", json!(proxy.ftp_proxy)),
            ("no_proxy", json!(proxy.no_proxy)),
            ("all_proxy", json!(proxy.all_proxy)),
        ])
    });
    let ulimits = meta.ulimit.iter().map(|l| json!({"Name": l.name, "Soft": l.soft, "Hard": l.hard}));
    set(&[
        ("args", json!(meta.args)),
        ("env", json!(meta.env)),
        ("cwd", json!(meta.cwd)),
        ("user", json!(meta.user)),
        ("proxy_env", json!(proxy)),
        ("extraHosts", meta.extra_hosts.iter().map(|h| json!({"Host": h.host, "IP": h.ip})).collect()),
        ("hostname", json!(meta.hostname)),
        ("ulimit", ulimits.collect()),
        ("cgroupParent", json!(meta.cgroup_parent)),
        ("removeMountStubsRecursive", json!(meta.remove_mount_stubs_recursive)),
        ("validExitCodes", json!(meta.valid_exit_codes)),
    ])
}

fn mount(mount: &pb::Mount) -> Value {
    let file = |id: &str, uid: u32, gid: u32, mode: u32, optional: bool| {
        set(&[
            ("ID", json!(id)),
            ("uid", json!(uid)),
            ("gid", json!(gid)),
            ("mode", json!(format!("{mode:04o}"))),
            ("optional", json!(optional)),
        ])
    };
    let cache =
        mount.cache_opt.as_ref().map(|cache| json!({"ID": cache.id, "sharing": word(cache.sharing())}));
    set(&[
        ("dest", json!(mount.dest)),
        ("input", json!(mount.input)),
        ("selector", json!(mount.selector)),
        ("output", json!(mount.output)),
        ("readonly", json!(mount.readonly)),
        ("mountType", json!(word(mount.mount_type()))),
        ("TmpfsOpt", mount.tmpfs_opt.as_ref().map_or(Value::Null, |t| json!({"size": t.size}))),
        ("cacheOpt", json!(cache)),
        (
            "secretOpt",
            json!(mount.secret_opt.as_ref().map(|s| file(&s.id, s.uid, s.gid, s.mode, s.optional))),
        ),
        ("SSHOpt", json!(mount.ssh_opt.as_ref().map(|s| file(&s.id, s.uid, s.gid, s.mode, s.optional)))),
        ("contentCache", json!(mount.content_cache)),
    ])
}

fn action(action: &pb::FileAction) -> Value {
    let mut out = json!({"input": action.input, "output": action.output});
    let (kind, body) = match &action.action {
        Some(Action::Copy(op)) => {
            out["secondaryInput"] = json!(action.secondary_input);
            ("copy", copy(op))
        }
        Some(Action::Mkfile(op)) => (
            "mkfile",
            made(&op.path, op.mode, op.owner.as_ref(), op.timestamp, ("data_bytes", op.data.len().into())),
        ),
        Some(Action::Mkdir(op)) => {
            let parents = ("makeParents", op.make_parents.into());
            ("mkdir", made(&op.path, op.mode, op.owner.as_ref(), op.timestamp, parents))
        }
        Some(Action::Rm(op)) => (
            "rm",
            set(&[
                ("path", json!(op.path)),
                ("allowNotFound", json!(op.allow_not_found)),
                ("allowWildcard", json!(op.allow_wildcard)),
            ]),
        ),
        Some(Action::Symlink(op)) => (
            "symlink",
            set(&[
                ("oldpath", json!(op.oldpath)),
                ("newpath", json!(op.newpath)),
                ("owner", owner(op.owner.as_ref())),
                ("timestamp", json!(op.timestamp)),
            ]),
        ),
        None => ("nothing", Value::Null),
    };
    out[kind] = body;
    out
}

fn made(path: &str, mode: i32, who: Option<&pb::ChownOpt>, timestamp: i64, more: (&str, Value)) -> Value {
    let mode = format!("{mode:04o}");
    let when = json!(timestamp);
    set(&[("path", json!(path)), ("mode", json!(mode)), ("owner", owner(who)), ("timestamp", when), more])
}

fn copy(op: &pb::FileActionCopy) -> Value {
    let mode = if op.mode < 0 { String::new() } else { format!("{:04o}", op.mode) };
    set(&[
        ("src", json!(op.src)),
        ("dest", json!(op.dest)),
        ("owner", owner(op.owner.as_ref())),
        ("mode", json!(mode)),
        ("modeStr", json!(op.mode_str)),
        ("followSymlink", json!(op.follow_symlink)),
        ("dirCopyContents", json!(op.dir_copy_contents)),
        ("attemptUnpackDockerCompatibility", json!(op.attempt_unpack_docker_compatibility)),
        ("createDestPath", json!(op.create_dest_path)),
        ("allowWildcard", json!(op.allow_wildcard)),
        ("allowEmptyWildcard", json!(op.allow_empty_wildcard)),
        ("timestamp", json!(op.timestamp)),
        ("include_patterns", json!(op.include_patterns)),
        ("exclude_patterns", json!(op.exclude_patterns)),
        ("alwaysReplaceExistingDestPaths", json!(op.always_replace_existing_dest_paths)),
        ("required_paths", json!(op.required_paths)),
    ])
}

fn owner(owner: Option<&pb::ChownOpt>) -> Value {
    let one = |opt: &pb::UserOpt| match &opt.user {
        Some(user_opt::User::ByName(named)) => json!({"name": named.name, "input": named.input}),
        Some(user_opt::User::ById(id)) => json!(id),
        None => Value::Null,
    };
    owner.map_or(
        Value::Null,
        |owner| json!({"user": owner.user.as_ref().map(one), "group": owner.group.as_ref().map(one)}),
    )
}

fn platform(platform: &pb::Platform) -> Value {
    set(&[
        ("Architecture", json!(platform.architecture)),
        ("OS", json!(platform.os)),
        ("Variant", json!(platform.variant)),
        ("OSVersion", json!(platform.os_version)),
        ("OSFeatures", json!(platform.os_features)),
    ])
}

fn metadata(metadata: &pb::OpMetadata) -> Value {
    let group = metadata.progress_group.as_ref();
    set(&[
        ("ignore_cache", json!(metadata.ignore_cache)),
        ("description", json!(metadata.description)),
        ("caps", json!(metadata.caps)),
        ("progress_group", json!(group.map(|group| json!({"id": group.id, "name": group.name})))),
    ])
}

fn location(location: &pb::Location) -> Value {
    let position = |p: &Option<pb::Position>| json!(p.as_ref().map(|p| [p.line, p.character]));
    let ranges: Vec<_> = location
        .ranges
        .iter()
        .map(|r| json!({"start": position(&r.start), "end": position(&r.end)}))
        .collect();
    json!({"sourceIndex": location.source_index, "ranges": ranges})
}

/// Names of enumerations are single words, so Rust's form of them is the field's, but for the case.
fn word(name: impl std::fmt::Debug) -> String {
    format!("{name:?}").to_lowercase()
}
