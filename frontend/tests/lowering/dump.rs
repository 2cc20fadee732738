//! A build as text: a paragraph for each op, then the config.

use std::fmt::Write as _;

use cooperage_frontend::lower::{Build, ImageLocation, ImageNeed, TimeNeed};
use cooperage_image::Digest;
use cooperage_llb::pb;
use prost::Message;

pub(crate) fn needs(needs: &[ImageNeed]) -> String {
    let mut out = String::new();
    for ImageNeed { location, platform } in needs {
        let _ = match location {
            ImageLocation::Registry(reference) => writeln!(out, "needs {reference} for {platform}"),
            ImageLocation::OciLayout(context) => writeln!(out, "needs oci-layout {context} for {platform}"),
        };
    }
    out + "\n"
}

pub(crate) fn needs_time(need: &TimeNeed) -> String {
    let mut out = format!("needs the time of {}\n", need.identifier);
    for (name, value) in &need.attrs {
        let _ = writeln!(out, "  {name} {value}");
    }
    out + "\n"
}

pub(crate) fn build(build: &Build) -> String {
    let mut out = String::new();
    let definition = &build.definition;
    for bytes in &definition.def {
        let digest = Digest::of(bytes);
        let op = pb::Op::decode(bytes.as_slice()).unwrap();
        let inputs: Vec<String> = op.inputs.iter().map(edge).collect();
        match &op.op {
            None => {
                let _ = writeln!(out, "result {}\n", inputs.join(" "));
                continue;
            }
            Some(kind) => out += &self::op(&digest, kind, &inputs),
        }
        if let Some(platform) = &op.platform {
            let variant = if platform.variant.is_empty() { "" } else { "/" };
            let pb::Platform { os, architecture, .. } = platform;
            let _ = writeln!(out, "  platform {os}/{architecture}{variant}{}", platform.variant);
        }
        out += &metadata(definition, &digest);
        out += "\n";
    }
    let _ = writeln!(out, "platform {}", build.platform);
    if let Some(epoch) = build.epoch {
        let _ = writeln!(out, "epoch {epoch}");
    }
    let json: serde_json::Value = serde_json::from_slice(&build.config.to_bytes()).unwrap();
    let _ = writeln!(out, "config {}", serde_json::to_string_pretty(&json).unwrap());
    out
}

fn edge(input: &pb::Input) -> String {
    let digest: Digest = input.digest.parse().unwrap();
    match input.index {
        0 => digest.short(),
        index => format!("{}#{index}", digest.short()),
    }
}

fn metadata(definition: &pb::Definition, digest: &Digest) -> String {
    let mut out = String::new();
    let metadata = &definition.metadata[&digest.to_string()];
    for (key, value) in &metadata.description {
        let key = key.rsplit(['.']).next().unwrap();
        let _ = writeln!(out, "  {key} {value:?}");
    }
    if metadata.ignore_cache {
        out += "  ignore_cache\n";
    }
    if let Some(group) = &metadata.progress_group {
        let _ = writeln!(out, "  group {:?}{}", group.name, if group.weak { " weak" } else { "" });
    }
    let caps: Vec<&str> = metadata.caps.keys().map(String::as_str).collect();
    let _ = writeln!(out, "  caps {}", caps.join(" "));
    let source = definition.source.as_ref().unwrap();
    for location in source.locations.get(&digest.to_string()).iter().flat_map(|known| &known.locations) {
        for range in &location.ranges {
            let (start, end) = (range.start.as_ref().unwrap(), range.end.as_ref().unwrap());
            let _ = writeln!(out, "  at {}:{}-{}:{}", start.line, start.character, end.line, end.character);
        }
    }
    out
}

fn op(digest: &Digest, op: &pb::op::Op, inputs: &[String]) -> String {
    let short = digest.short();
    let inputs = if inputs.is_empty() { String::new() } else { format!(" of {}", inputs.join(" ")) };
    match op {
        pb::op::Op::Source(source) => {
            let mut out = format!("{short} source {}\n", source.identifier);
            for (name, value) in &source.attrs {
                let _ = writeln!(out, "  {name} {value}");
            }
            out
        }
        pb::op::Op::File(file) => {
            let actions: String = file.actions.iter().map(action).collect();
            format!("{short} file{inputs}\n{actions}")
        }
        pb::op::Op::Exec(exec) => format!("{short} exec{inputs}\n{}", self::exec(exec)),
        pb::op::Op::Merge(merge) => {
            let order: Vec<String> = merge.inputs.iter().map(|input| input.input.to_string()).collect();
            format!("{short} merge{inputs}\n  order {}\n", order.join(" "))
        }
        other => format!("{short} {other:?}\n"),
    }
}

fn exec(exec: &pb::ExecOp) -> String {
    let mut out = String::new();
    let meta = exec.meta.as_ref().unwrap();
    let _ = writeln!(out, "  args {:?}", meta.args);
    let _ = writeln!(out, "  env {:?}", meta.env);
    let _ = writeln!(out, "  cwd {}", meta.cwd);
    for (name, value) in [("user", &meta.user), ("hostname", &meta.hostname)] {
        if !value.is_empty() {
            let _ = writeln!(out, "  {name} {value}");
        }
    }
    if let Some(proxy) = &meta.proxy_env {
        let _ = writeln!(
            out,
            "  proxy http={} https={} ftp={} no={} all={}",
            proxy.http_proxy, proxy.https_proxy, proxy.ftp_proxy, proxy.no_proxy, proxy.all_proxy
        );
    }
    for host in &meta.extra_hosts {
        let _ = writeln!(out, "  host {} {}", host.host, host.ip);
    }
    if exec.network() != pb::NetMode::Unset {
        let _ = writeln!(out, "  network {:?}", exec.network());
    }
    if exec.security() != pb::SecurityMode::Sandbox {
        let _ = writeln!(out, "  security {:?}", exec.security());
    }
    assert!(meta.remove_mount_stubs_recursive);
    for mount in &exec.mounts {
        out += &self::mount(mount);
    }
    for device in &exec.cdi_devices {
        let _ = writeln!(out, "  device {}{}", device.name, optional(device.optional));
    }
    for secret in &exec.secretenv {
        let _ = writeln!(out, "  secretenv {} {}{}", secret.name, secret.id, optional(secret.optional));
    }
    out
}

fn optional(optional: bool) -> &'static str {
    if optional { " optional" } else { "" }
}

fn mount(mount: &pb::Mount) -> String {
    let mut out = format!("  mount {} {:?}", mount.dest, mount.mount_type());
    let _ = write!(out, " input {} output {}", mount.input, mount.output);
    if mount.readonly {
        out += " readonly";
    }
    if !mount.selector.is_empty() {
        let _ = write!(out, " selector {}", mount.selector);
    }
    if let Some(cache) = &mount.cache_opt {
        let _ = write!(out, " id {} {:?}", cache.id, cache.sharing());
    }
    if let Some(tmpfs) = &mount.tmpfs_opt {
        let _ = write!(out, " size {}", tmpfs.size);
    }
    if let Some(pb::SecretOpt { id, uid, gid, mode, optional }) = &mount.secret_opt {
        let _ = write!(out, " id {id} {uid}:{gid} {mode:o}{}", self::optional(*optional));
    }
    if let Some(pb::SshOpt { id, uid, gid, mode, optional }) = &mount.ssh_opt {
        let _ = write!(out, " id {id:?} {uid}:{gid} {mode:o}{}", self::optional(*optional));
    }
    out + "\n"
}

fn action(action: &pb::FileAction) -> String {
    let wiring = format!("{} {} -> {}", action.input, action.secondary_input, action.output);
    match action.action.as_ref().unwrap() {
        pb::file_action::Action::Copy(copy) => format!("  copy {wiring}\n{}", self::copy(copy)),
        pb::file_action::Action::Mkfile(file) => format!(
            "  mkfile {wiring} {} {:o} time {}{}\n    {:?}\n",
            file.path,
            file.mode,
            file.timestamp,
            owner(&file.owner),
            String::from_utf8_lossy(&file.data)
        ),
        pb::file_action::Action::Mkdir(dir) => format!(
            "  mkdir {wiring} {} {:o}{} time {}{}\n",
            dir.path,
            dir.mode,
            if dir.make_parents { " parents" } else { "" },
            dir.timestamp,
            owner(&dir.owner)
        ),
        other => format!("  {wiring} {other:?}\n"),
    }
}

fn copy(copy: &pb::FileActionCopy) -> String {
    let mut out = format!("    {:?} to {:?}{}", copy.src, copy.dest, owner(&copy.owner));
    match (copy.mode, copy.mode_str.as_str()) {
        (-1, "") => {}
        (mode, "") => {
            let _ = write!(out, " mode {mode:o}");
        }
        (mode, text) => {
            let _ = write!(out, " mode {text:?} ({mode})");
        }
    }
    assert_eq!(copy.timestamp, -1);
    assert!(!copy.always_replace_existing_dest_paths);
    let flags = [
        ("follow", copy.follow_symlink),
        ("contents", copy.dir_copy_contents),
        ("unpack", copy.attempt_unpack_docker_compatibility),
        ("mkdest", copy.create_dest_path),
        ("wildcard", copy.allow_wildcard),
        ("empty-wildcard", copy.allow_empty_wildcard),
    ];
    let flags: Vec<&str> = flags.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    let _ = writeln!(out, "\n    {}", flags.join(" "));
    for (name, list) in [
        ("include", &copy.include_patterns),
        ("exclude", &copy.exclude_patterns),
        ("required", &copy.required_paths),
    ] {
        if !list.is_empty() {
            let _ = writeln!(out, "    {name} {list:?}");
        }
    }
    out
}

fn owner(owner: &Option<pb::ChownOpt>) -> String {
    let Some(owner) = owner else { return String::new() };
    let side = |user: &Option<pb::UserOpt>| match user.as_ref().and_then(|user| user.user.as_ref()) {
        None => String::new(),
        Some(pb::user_opt::User::ById(id)) => id.to_string(),
        Some(pb::user_opt::User::ByName(name)) => format!("{}@{}", name.name, name.input),
    };
    format!(" owner {}:{}", side(&owner.user), side(&owner.group))
}
