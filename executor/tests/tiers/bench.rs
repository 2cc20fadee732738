//! A root of busybox, made in the test, and steps on it.

use std::collections::BTreeMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use cooperage_image::tree::*;
use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::step_runner::*;

/// Collects what a step prints.
#[derive(Default)]
pub(crate) struct Log(Mutex<(Vec<u8>, Vec<u8>)>);

impl StepLog for Log {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut log = self.0.lock().unwrap();
        match stream {
            Stream::Stdout => log.0.extend_from_slice(bytes),
            Stream::Stderr => log.1.extend_from_slice(bytes),
        }
    }
}

/// The end of a step.
pub(crate) struct Ran {
    pub(crate) outcome: StepOutcome,
    pub(crate) changes: Vec<Changes>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) scratch: PathBuf,
    /// Keeps the scratch directory.
    dir: Option<Arc<tempfile::TempDir>>,
}

/// A temporary directory with a base layer; further layers can be put on top.
pub(crate) struct Bench {
    pub(crate) dir: Arc<tempfile::TempDir>,
    pub(crate) layers: Vec<PathBuf>,
    pub(crate) tree: Tree,
}

const APPLETS: &str = "sh ash cat ls echo id pwd mkdir rm mv ln cp chmod chown touch mknod mount umount unshare \
    hostname kill sleep seq head wc stat find sort tr test true false env ps dd grep sed setsid nohup ip readlink \
    rmdir printf mkfifo sync su tail expr usleep basename dirname whoami nc";

impl Bench {
    /// With `/bin` of busybox, `/etc/passwd`, `/etc/group`, some files to change, and the usual mount points.
    pub(crate) fn new() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let base = dir.path().join("base");
        std::fs::create_dir_all(base.join("bin")).unwrap();
        std::fs::copy("/bin/busybox", base.join("bin/busybox")).unwrap();
        for applet in APPLETS.split_whitespace() {
            std::os::unix::fs::symlink("busybox", base.join("bin").join(applet)).unwrap();
        }
        for directory in ["dev", "etc", "home/app", "lib/sub", "proc", "sys", "tmp"] {
            std::fs::create_dir_all(base.join(directory)).unwrap();
        }
        let file = |path: &str, text: &str| std::fs::write(base.join(path), text).unwrap();
        file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n");
        file("etc/group", "root:x:0:\napp:x:1001:\nvideo:x:44:app\naudio:x:29:app\n");
        file("lib/one", "1\n");
        file("lib/two", "2\n");
        file("lib/sub/three", "3\n");
        let mut bench = Self { dir, layers: vec![base], tree: Tree::empty() };
        bench.read_tree();
        bench
    }

    /// Puts a layer on top, made by `make`.
    pub(crate) fn layer(&mut self, make: impl FnOnce(&Path)) {
        let path = self.dir.path().join(format!("layer{}", self.layers.len()));
        std::fs::create_dir(&path).unwrap();
        make(&path);
        self.layers.push(path);
        self.read_tree();
    }

    fn read_tree(&mut self) {
        let top = self.layers.last().unwrap();
        let meta = read_meta(&std::fs::symlink_metadata(top).unwrap());
        let mut root = Dir { meta, entries: BTreeMap::new() };
        for layer in &self.layers {
            merge(layer, &mut root);
        }
        self.tree = Tree::new(Arc::new(root));
    }

    pub(crate) fn stack(&self) -> Layers {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let scratch = self.dir.path().join(format!("scratch{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&scratch).unwrap();
        Layers { directories: self.layers.clone(), tree: self.tree.clone(), scratch: Some(scratch) }
    }

    /// `sh -c script`.
    pub(crate) fn step(&self, script: &str) -> Step {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Step {
            id: format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            args: ["/bin/sh", "-c", script].map(String::from).to_vec(),
            env: vec!["PATH=/bin".into()],
            cwd: "/".into(),
            user: String::new(),
            hostname: String::new(),
            root: self.stack(),
            mounts: vec![],
            network: Network::Host,
            insecure: false,
            extra_hosts: vec![],
            ulimits: vec![],
            limits: Limits::default(),
            timeout: None,
        }
    }
}

/// Runs a step that is expected to be runnable.
pub(crate) fn run(runner: &dyn StepRunner, step: &Step) -> Ran {
    try_run(runner, step)
        .unwrap_or_else(|e| panic!("{}: {e}: {:?}", step.args.join(" "), std::error::Error::source(&e)))
}

pub(crate) fn try_run(runner: &dyn StepRunner, step: &Step) -> Result<Ran, RunError> {
    let log = Log::default();
    let report = runner.run(step, &log, &CancelToken::new())?;
    let (out, err) = log.0.into_inner().unwrap();
    Ok(Ran {
        outcome: report.outcome,
        changes: report.changes,
        out: String::from_utf8_lossy(&out).into_owned(),
        err: String::from_utf8_lossy(&err).into_owned(),
        scratch: step.root.scratch.clone().unwrap_or_default(),
        dir: None,
    })
}

/// Runs a script that is expected to exit 0, and gives what it printed.
pub(crate) fn sh(runner: &dyn StepRunner, bench: &Bench, script: &str) -> Ran {
    let mut ran = run(runner, &bench.step(script));
    assert_eq!(ran.outcome, StepOutcome::Exited(0), "{script}\n{}{}", ran.out, ran.err);
    ran.dir = Some(Arc::clone(&bench.dir));
    ran
}

impl Ran {
    /// The root's changes, a line each: `+ path` or `- path`, sorted.
    pub(crate) fn listing(&self) -> String {
        let mut lines = vec![];
        list(&self.changes[0].root, "", &mut lines);
        lines.join("\n")
    }

    /// A changed thing of the root.
    pub(crate) fn change(&self, path: &str) -> &Change {
        let mut dir = &self.changes[0].root;
        let (above, last) = path.rsplit_once('/').unwrap_or(("", path));
        for part in above.split('/').filter(|part| !part.is_empty()) {
            match &dir.entries[part.as_bytes()] {
                Change::Dir(below) => dir = below,
                other => panic!("{part} of {path} is {other:?}"),
            }
        }
        dir.entries
            .get(last.as_bytes())
            .unwrap_or_else(|| panic!("{path} did not change: {}", self.listing()))
    }

    pub(crate) fn file(&self, path: &str) -> &Arc<File> {
        match self.change(path) {
            Change::File(file) => file,
            other => panic!("{path} is {other:?}"),
        }
    }

    pub(crate) fn on_disk(&self, path: &str) -> PathBuf {
        self.scratch.join("fs").join(path)
    }
}

fn list(dir: &ChangeDir, above: &str, lines: &mut Vec<String>) {
    assert!(!dir.opaque, "{above} is opaque");
    for (name, change) in &dir.entries {
        let path = format!("{above}{name}");
        match change {
            Change::Dir(below) => {
                lines.push(format!("+ {path}/"));
                list(below, &format!("{path}/"), lines);
            }
            Change::Whiteout => lines.push(format!("- {path}")),
            _ => lines.push(format!("+ {path}")),
        }
    }
}

fn read_meta(found: &std::fs::Metadata) -> Meta {
    Meta {
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        mtime: Timestamp { secs: found.mtime(), nanos: found.mtime_nsec() as u32 },
        xattrs: None,
    }
}

/// A test's own reading of a layer directory, apart from the code that is tested.
fn merge(path: &Path, into: &mut Dir) {
    into.meta = read_meta(&std::fs::symlink_metadata(path).unwrap());
    let mut links: BTreeMap<u64, LinkGroup> = BTreeMap::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        let name = Name::new(&entry.file_name().into_vec()).unwrap();
        let found = std::fs::symlink_metadata(entry.path()).unwrap();
        let meta = read_meta(&found);
        let kind = found.file_type();
        let node = if kind.is_char_device() && found.rdev() == 0 {
            into.entries.remove(&name);
            continue;
        } else if kind.is_dir() {
            let mut dir = match into.entries.get(&name) {
                Some(Node::Dir(dir)) => (**dir).clone(),
                _ => Dir { meta, entries: BTreeMap::new() },
            };
            merge(&entry.path(), &mut dir);
            Node::Dir(Arc::new(dir))
        } else if kind.is_symlink() {
            let target = std::fs::read_link(entry.path()).unwrap();
            let meta = Meta { mode: 0o777, ..meta };
            Node::Symlink(Arc::new(Symlink { meta, target: target.as_os_str().as_bytes().into() }))
        } else {
            let link =
                (found.nlink() > 1).then(|| *links.entry(found.ino()).or_insert_with(LinkGroup::fresh));
            Node::File(Arc::new(File {
                meta,
                size_bytes: found.size(),
                content: Content::Inline(Arc::from(&b""[..])),
                link,
                digest: OnceLock::new(),
            }))
        };
        into.entries.insert(name, node);
    }
}

impl Log {
    /// What came on stdout.
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap().0).into_owned()
    }
}
