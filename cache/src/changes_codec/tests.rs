use std::fmt::Write;
use std::sync::OnceLock;

use cooperage_image::tree::{ChangeDir, File, Fingerprint, LinkGroup, Special, Symlink};
use proptest::prelude::*;

use super::*;

fn id() -> LayerId {
    LayerId::of(&Digest::of(b"the layer"))
}

/// The change set as text that does not depend on link groups' numbers in this process, nor on whether
/// contents of the layer itself are still in a local directory.
fn text(changes: &Changes) -> String {
    let mut groups: Vec<LinkGroup> = Vec::new();
    let mut text = format!("{} {:?} {}\n", changes.root_changed, changes.root.meta, changes.root.opaque);
    visit(changes, |path, change| {
        let line = match change {
            Change::Dir(dir) => format!("dir {:?} {} {}", dir.meta, dir.opaque, dir.implied),
            Change::File(file) => {
                let link = file.link.map(|group| {
                    groups.iter().position(|known| *known == group).unwrap_or_else(|| {
                        groups.push(group);
                        groups.len() - 1
                    })
                });
                let content = match &file.content {
                    Content::Local { .. } => Content::Layer { layer: id(), path: path.into() },
                    other => other.clone(),
                };
                format!("{:?} {} {content:?} {link:?} {:?}", file.meta, file.size_bytes, file.digest.get())
            }
            Change::Symlink(link) => format!("{link:?}"),
            Change::Special(special) => format!("{special:?}"),
            Change::Whiteout => "whiteout".to_owned(),
        };
        writeln!(text, "{path:?} {line}").unwrap();
    });
    text
}

fn any_name() -> impl Strategy<Value = Name> {
    proptest::collection::vec(any::<u8>(), 1..12).prop_filter_map("a name", |bytes| Name::new(&bytes).ok())
}

fn any_meta() -> impl Strategy<Value = Meta> {
    let xattrs = proptest::collection::btree_map(any_name(), any::<Vec<u8>>(), 0..3);
    (0..0o10000u32, any::<[u32; 2]>(), any::<i64>(), 0..1_000_000_000u32, xattrs).prop_map(
        |(mode, [uid, gid], secs, nanos, xattrs)| Meta {
            mode,
            uid,
            gid,
            mtime: Timestamp { secs, nanos },
            xattrs: (!xattrs.is_empty()).then(|| Arc::new(xattrs)),
        },
    )
}

fn any_content() -> impl Strategy<Value = Content> {
    let seen = Fingerprint {
        dev: 1,
        inode: 2,
        size_bytes: 3,
        mtime: Timestamp::default(),
        ctime: Timestamp::default(),
    };
    prop_oneof![
        any::<Vec<u8>>().prop_map(|bytes| Content::Inline(bytes.into())),
        Just(Content::Local { path: std::path::Path::new("/somewhere").into(), seen }),
        (0..3u8, any::<Vec<u8>>()).prop_map(|(layer, path)| Content::Layer {
            layer: if layer == 0 { id() } else { LayerId::of(&Digest::of(&[layer])) },
            path: path.into(),
        }),
    ]
}

fn any_leaf() -> impl Strategy<Value = Change> {
    // Groups are those of the process: a few of them, so that some files share one.
    static GROUPS: OnceLock<[LinkGroup; 3]> = OnceLock::new();
    let groups = GROUPS.get_or_init(|| std::array::from_fn(|_| LinkGroup::fresh()));
    let file = (any_meta(), any::<u64>(), any_content(), 0..6usize, any::<Option<[u8; 32]>>()).prop_map(
        |(meta, size_bytes, content, link, digest)| {
            let digest = digest.map(Digest::from_bytes).map_or_else(OnceLock::new, OnceLock::from);
            let link = groups.get(link).copied();
            Change::File(Arc::new(File { meta, size_bytes, content, link, digest }))
        },
    );
    let kinds = prop_oneof![
        any::<(u32, u32)>().prop_map(|(major, minor)| SpecialKind::CharDevice { major, minor }),
        any::<(u32, u32)>().prop_map(|(major, minor)| SpecialKind::BlockDevice { major, minor }),
        Just(SpecialKind::Fifo),
    ];
    prop_oneof![
        4 => file,
        1 => (any_meta(), any::<Vec<u8>>())
            .prop_map(|(meta, target)| Change::Symlink(Arc::new(Symlink { meta, target: target.into() }))),
        1 => (any_meta(), kinds).prop_map(|(meta, kind)| Change::Special(Arc::new(Special { meta, kind }))),
        1 => Just(Change::Whiteout),
    ]
}

fn any_dir() -> impl Strategy<Value = ChangeDir> {
    let dir = |entries: BTreeMap<Name, Change>, meta, (opaque, implied)| ChangeDir {
        meta,
        implied,
        opaque,
        entries,
    };
    let leaf = (any_meta(), any::<(bool, bool)>())
        .prop_map(move |(meta, marks)| Change::Dir(dir(BTreeMap::new(), meta, marks)));
    let change = prop_oneof![4 => any_leaf(), 1 => leaf].prop_recursive(4, 40, 6, move |inner| {
        let entries = proptest::collection::btree_map(any_name(), inner, 0..6);
        (entries, any_meta(), any::<(bool, bool)>())
            .prop_map(move |(entries, meta, marks)| Change::Dir(dir(entries, meta, marks)))
    });
    (proptest::collection::btree_map(any_name(), change, 0..8), any_meta(), any::<(bool, bool)>())
        .prop_map(move |(entries, meta, marks)| dir(entries, meta, marks))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(root in any_dir(), root_changed in any::<bool>()) {
        let changes = Changes { root, root_changed };
        let encoded = encode(&id(), &changes);
        let (read, entries) = decode(&id(), &encoded.bytes).unwrap();
        prop_assert_eq!(text(&read), text(&changes));
        prop_assert_eq!(entries, text(&changes).lines().count() - 1);
        // Bytes are a function of the change set, and so of what was read of them.
        prop_assert_eq!(encode(&id(), &read).bytes, encoded.bytes);
        prop_assert!(!encoded.needs.contains(&id()));
    }

    #[test]
    fn foreign_bytes_are_an_error(body in any::<Vec<u8>>(), bytes in any::<Vec<u8>>()) {
        prop_assert!(decode(&id(), &bytes).is_err());
        // Even with a digest that is right.
        prop_assert!(decode(&id(), &seal(body)).is_err());
    }

    #[test]
    fn changed_bytes_are_an_error(root in any_dir(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = encode(&id(), &Changes { root, root_changed: false }).bytes;
        let at = at.index(bytes.len());
        prop_assert!(decode(&id(), &bytes[..at]).is_err());
        bytes[at] ^= 1 << bit;
        prop_assert!(decode(&id(), &bytes).is_err());
    }
}

#[test]
fn deep_directories_need_no_stack() {
    let mut dir = leaf_dir();
    for _ in 0..3000 {
        let entries = [(Name::new(b"d").unwrap(), Change::Dir(dir))].into();
        dir = ChangeDir { entries, ..leaf_dir() };
    }
    let encoded = encode(&id(), &Changes { root: dir, root_changed: false });
    assert_eq!(decode(&id(), &encoded.bytes).unwrap().1, 3000);
}

fn leaf_dir() -> ChangeDir {
    ChangeDir {
        meta: Meta::new(0o755, Timestamp::default()),
        implied: false,
        opaque: false,
        entries: BTreeMap::new(),
    }
}

fn example() -> Changes {
    let meta = || Meta::new(0o644, Timestamp { secs: 1_700_000_000, nanos: 5 });
    let file = |content, link| {
        let digest = OnceLock::from(Digest::of(b"hi"));
        Change::File(Arc::new(File { meta: meta(), size_bytes: 2, content, link, digest }))
    };
    let group = LinkGroup::fresh();
    let own = |path: &str| Content::Layer { layer: id(), path: path.as_bytes().into() };
    let name = |bytes: &[u8]| Name::new(bytes).unwrap();
    let inner = [(name(b"a"), file(own("d/a"), Some(group))), (name(b"\xff"), file(own("d/a"), Some(group)))];
    let dir = ChangeDir { entries: inner.into(), opaque: true, ..leaf_dir() };
    let entries = [
        (name(b"d"), Change::Dir(dir)),
        (name(b"here"), file(Content::Inline(b"hi"[..].into()), None)),
        (name(b"old"), Change::Whiteout),
    ];
    Changes { root: ChangeDir { entries: entries.into(), ..leaf_dir() }, root_changed: false }
}

/// The bytes in the document are those that this program writes.
#[test]
fn the_document_has_an_example() {
    let document = include_str!("../../../docs/formats/layer-changes.md");
    let block = document.split("```hex\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let digits = block.lines().flat_map(|line| line.split('#').next().unwrap().split_whitespace());
    let bytes: Vec<u8> = digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect();
    let written = encode(&id(), &example()).bytes;
    let dump = written.iter().fold(String::new(), |dump, byte| dump + &format!("{byte:02x} "));
    assert_eq!(text(&decode(&id(), &bytes).expect(&dump).0), text(&example()));
    assert_eq!(bytes, written, "{dump}");
}

#[test]
#[ignore = "a measurement, not a test: cargo test --release -- --ignored --nocapture decoding"]
fn decoding_a_large_layer() {
    let file = |n: u32| {
        let meta = Meta::new(0o644, Timestamp { secs: 1_700_000_000 + i64::from(n), nanos: n });
        let digest = OnceLock::from(Digest::of(&n.to_le_bytes()));
        let content =
            Content::Layer { layer: id(), path: format!("usr/{}/file-{n}", n / 100).as_bytes().into() };
        let file = File { meta, size_bytes: u64::from(n), content, link: None, digest };
        (Name::new(format!("file-{n}").as_bytes()).unwrap(), Change::File(Arc::new(file)))
    };
    let dir = |n: u32| {
        let entries = (n * 100..n * 100 + 100).map(file).collect();
        (Name::new(n.to_string().as_bytes()).unwrap(), Change::Dir(ChangeDir { entries, ..leaf_dir() }))
    };
    let usr = ChangeDir { entries: (0..200).map(dir).collect(), ..leaf_dir() };
    let entries = [(Name::new(b"usr").unwrap(), Change::Dir(usr))].into();
    let changes = Changes { root: ChangeDir { entries, ..leaf_dir() }, root_changed: false };
    for _ in 0..5 {
        let start = std::time::Instant::now();
        let encoded = encode(&id(), &changes);
        let wrote = start.elapsed();
        let (_, entries) = decode(&id(), &encoded.bytes).unwrap();
        println!(
            "{entries} entries, {} bytes: encode {wrote:?}, both {:?}",
            encoded.bytes.len(),
            start.elapsed()
        );
    }
}
