//! Change sets written, unpacked, and compared; and what an overlay makes of the directories.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;

use super::model::*;
use crate::layer::{write_directory, write_layer};
use crate::media_type::Compression;
use crate::tree::{Change, ChangeDir, Changes, LinkGroup, Meta, Name, SpecialKind, Timestamp};

fn any_name() -> impl Strategy<Value = Name> {
    prop_oneof![
        "[a-e]{1,2}".prop_map(|text| name(&text)),
        proptest::collection::vec(1_u8..=255, 1..12).prop_filter_map("a name", |bytes| Name::new(&bytes)
            .ok()
            .filter(|n| !n.as_bytes().starts_with(b".wh."))),
        (90_usize..250).prop_map(|n| name(&"long".repeat(64)[..n])),
    ]
}

fn any_meta() -> impl Strategy<Value = Meta> {
    let id = prop_oneof![Just(0_u32), 1_u32..70_000, Just(2_097_152), Just(u32::MAX - 1)];
    let time = prop_oneof![0_i64..2_000_000_000, -1_000_i64..0];
    let xattr = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40));
    (0_u32..=0o7777, id.clone(), id, time, xattr).prop_map(|(mode, uid, gid, secs, xattr)| Meta {
        mode,
        uid,
        gid,
        mtime: Timestamp { secs, nanos: 0 },
        xattrs: xattr.map(|value| Arc::new(BTreeMap::from([(name("user.x"), value)]))),
    })
}

fn any_leaf() -> impl Strategy<Value = Change> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..1500);
    prop_oneof![
        4 => (any_meta(), bytes).prop_map(|(meta, bytes)| file_with(meta, &bytes, None)),
        1 => "[a-z/.]{1,150}".prop_map(|target| symlink(&target)),
        1 => (0_u32..300, 0_u32..70_000).prop_filter("not a whiteout", |d| *d != (0, 0))
            .prop_map(|(major, minor)| special(SpecialKind::CharDevice { major, minor })),
        1 => Just(special(SpecialKind::Fifo)),
        2 => Just(Change::Whiteout),
    ]
}

fn any_dir() -> impl Strategy<Value = ChangeDir> {
    let of = |entry: BoxedStrategy<Change>| {
        (any_meta(), any::<bool>(), proptest::collection::btree_map(any_name(), entry, 0..6))
            .prop_map(|(meta, opaque, entries)| ChangeDir { meta, implied: false, opaque, entries })
    };
    let leaf = any_leaf().boxed();
    of(leaf.clone()).prop_recursive(3, 40, 6, move |inner| {
        of(prop_oneof![2 => any_leaf(), 1 => inner.prop_map(Change::Dir)].boxed())
    })
}

/// Any change set; some files of the root have a second name below.
fn any_changes() -> impl Strategy<Value = Changes> {
    (any_dir(), any::<bool>()).prop_map(|(mut root, root_changed)| {
        if !root_changed {
            root.meta = Meta::new(0o755, Timestamp::default());
        }
        let mut links = BTreeMap::new();
        for (n, change) in &mut root.entries {
            if let Change::File(file) = change {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(
                    &mut crate::layer::ContentReader::open(&Inline, file).unwrap(),
                    &mut bytes,
                )
                .unwrap();
                *change = file_with(file.meta.clone(), &bytes, Some(LinkGroup::fresh()));
                links.insert(n.clone(), change.clone());
            }
        }
        let linked = ChangeDir { meta: meta(0o555), implied: false, opaque: false, entries: links };
        root.entries.insert(name("zz-links"), Change::Dir(linked));
        Changes { root, root_changed }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// A layer says what it was made of; and the directories of both ways are the same.
    #[test]
    fn tier_root_layers_round_trip(changes in any_changes()) {
        if !may_run() {
            return Ok(());
        }
        let dir = tempfile::tempdir().unwrap();
        let (bytes, diff_id) = write(&changes, Compression::Gzip);
        let unpacked = unpack_bytes(&bytes, dir.path()).unwrap();
        prop_assert_eq!(unpacked.diff_id, diff_id);
        prop_assert_eq!(text(&unpacked.changes, &Below(dir.path())), text(&changes, &Inline));
        let mut again = Vec::new();
        write_layer(&unpacked.changes, Compression::Gzip, None, None, &Below(dir.path()), &mut again).unwrap();
        prop_assert!(again == bytes);

        let direct = tempfile::tempdir().unwrap();
        write_directory(&changes, direct.path(), &Inline, ownership()).unwrap();
        prop_assert_eq!(listing(direct.path()), listing(dir.path()));
    }
}

/// What the system says of all that is below a directory, as text.
fn listing(dir: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut out = String::new();
    for path in paths {
        let found = path.symlink_metadata().unwrap();
        let name = path.file_name().unwrap();
        let attributes = ["user.x", "user.overlay.opaque", "trusted.overlay.opaque"].map(|attribute| {
            let mut value = [0; 64];
            rustix::fs::lgetxattr(&path, attribute, &mut value[..]).ok().map(|n| value[..n].to_vec())
        });
        let whiteout = found.rdev() == 0 && found.mode() & 0o170_000 == 0o020_000;
        let own = (found.mode(), found.uid(), found.gid(), found.rdev(), std::fs::read_link(&path).ok());
        // A whiteout has no time of its own; a directory's size and link count are the file system's.
        let time = (!whiteout).then(|| found.mtime());
        let links = (!found.is_dir()).then(|| (found.nlink(), found.size()));
        out.push_str(&format!("{name:?} {own:?} {time:?} {links:?} {attributes:?}\n"));
        if found.is_dir() {
            out.push_str(&format!("[\n{}]\n", listing(&path)));
        }
    }
    out
}

/// Tests of the tier `root` need it; where the machine cannot, they are passed over unless they must run.
fn may_run() -> bool {
    let root = rustix::process::geteuid().is_root();
    let must = std::env::var("COOPER_TIERS_MUST_RUN").unwrap_or_default();
    assert!(
        root || !must.split(',').any(|tier| tier == "root"),
        "the tests of tier root must run, but this is not root"
    );
    root
}

fn mount_overlay(lower: &str, at: &Path, options: &str) -> Result<(), String> {
    let options = format!("lowerdir={lower}{options}");
    let out =
        Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options]).arg(at).output().unwrap();
    if out.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
}

/// Whiteouts and opaque directories hide what they should in a real overlay, in both attribute forms.
#[test]
fn tier_root_an_overlay_understands_the_directory() {
    if !may_run() {
        return;
    }
    let base = changes([
        ("gone", file(b"")),
        ("kept", file(b"")),
        ("d", dir([("hidden", file(b""))])),
        ("replaced", dir([("hidden", file(b""))])),
    ]);
    let mut opaque = change_dir([("shown", file(b""))]);
    opaque.opaque = true;
    let top =
        changes([("gone", Change::Whiteout), ("d", Change::Dir(opaque)), ("replaced", file(b"now a file"))]);
    for options in ["", ",userxattr"] {
        let temp = tempfile::tempdir().unwrap();
        let [lower, upper, merged] = ["lower", "upper", "merged"].map(|n| temp.path().join(n));
        for dir in [&lower, &upper, &merged] {
            std::fs::create_dir(dir).unwrap();
        }
        unpack_bytes(&write(&base, Compression::Gzip).0, &lower).unwrap();
        unpack_bytes(&write(&top, Compression::Zstd).0, &upper).unwrap();
        mount_overlay(&format!("{}:{}", upper.display(), lower.display()), &merged, options).unwrap();
        let found = Command::new("find")
            .arg(&merged)
            .args(["-mindepth", "1", "-printf", "%P %y\n"])
            .output()
            .unwrap();
        assert!(Command::new("umount").arg(&merged).status().unwrap().success());
        let mut lines: Vec<_> = std::str::from_utf8(&found.stdout).unwrap().lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["d d", "d/shown f", "kept f", "replaced f"], "{options}");
    }
}

/// The caller's form needs no right and can be read and removed, whatever the modes are.
#[test]
fn the_callers_directory() {
    use std::os::unix::fs::MetadataExt;
    let unreadable = Meta { uid: 5, gid: 6, ..meta(0) };
    let mut closed = change_dir([("f", file_with(unreadable, b"x", None))]);
    closed.meta.mode = 0o6000;
    let layer = changes([
        ("closed", Change::Dir(closed)),
        ("null", special(SpecialKind::CharDevice { major: 1, minor: 3 })),
        ("suid", file_with(meta(0o4755), b"x", None)),
    ]);
    let dir = tempfile::tempdir().unwrap();
    write_directory(&layer, dir.path(), &Inline, crate::layer::Ownership::Caller).unwrap();
    let caller = rustix::process::geteuid().as_raw();
    for (path, mode) in [("closed", 0o40700), ("closed/f", 0o100600), ("null", 0o100600), ("suid", 0o100755)]
    {
        let found = std::fs::metadata(dir.path().join(path)).unwrap();
        assert_eq!((found.mode(), found.uid()), (mode, caller), "{path}");
    }
}
