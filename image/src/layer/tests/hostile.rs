//! Archives that nobody should make.

use std::path::Path;

use super::model::*;
use crate::layer::tar::encode::Header;
use crate::layer::tar::{END, kind, padding};

/// An archive of such entries: path, type, link target, contents.
fn archive(entries: &[(&str, u8, &str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (path, kind, link, bytes) in entries {
        let header = Header {
            mode: 0o755,
            size_bytes: bytes.len() as u64,
            link: link.as_bytes(),
            ..Header::bare(path.as_bytes(), *kind)
        };
        header.encode(&mut out);
        out.extend_from_slice(bytes);
        out.resize(out.len() + padding(bytes.len() as u64), 0);
    }
    out.extend_from_slice(&END);
    out
}

/// Unpacks below a directory whose neighbours must stay as they are.
fn attempt(bytes: &[u8]) -> Result<String, String> {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("a/b/root");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(temp.path().join("a/secret"), "secret").unwrap();
    let result = unpack_bytes(bytes, &dir);
    assert_eq!(names(temp.path()), ["a"]);
    assert_eq!(names(&temp.path().join("a")), ["b", "secret"]);
    assert_eq!(names(&temp.path().join("a/b")), ["root"]);
    assert_eq!(std::fs::read(temp.path().join("a/secret")).unwrap(), b"secret");
    match result {
        Ok(unpacked) => Ok(text(&unpacked.changes, &Below(&dir))
            .lines()
            .map(|line| line.split(" sha256").next().unwrap_or(line).replace('"', ""))
            .collect::<Vec<_>>()
            .join("; ")),
        Err(error) => Err(error.to_string()),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn nothing_leaves_the_root() {
    let (f, d, s, h) = (kind::FILE, kind::DIRECTORY, kind::SYMLINK, kind::HARD_LINK);
    let mut out = String::new();
    for entries in [
        &[("../x", f, "", &b"x"[..])][..],
        &[("a/../../x", f, "", b"x")],
        &[("/abs", f, "", b"x")],
        &[("s", s, "../..", b""), ("s/x", f, "", b"x")],
        &[("s", s, "/etc", b""), ("s/x", f, "", b"x")],
        &[("s", s, "../../secret", b""), ("s", f, "", b"x")],
        &[("s", s, "s", b""), ("s/x", f, "", b"x")],
        &[("h", h, "../../secret", b"")],
        &[("h", h, "/etc/passwd", b"")],
        &[("s", s, "../..", b""), ("h", h, "s/secret", b"")],
        &[("s", s, "../../secret", b""), ("h", h, "s", b"")],
        &[("d/", d, "", b""), ("h", h, "d", b"")],
        &[("f", f, "", b"x"), ("f/g", f, "", b"x")],
        &[("f", f, "", b"x"), ("f", h, "f", b"")],
        &[("d/f", f, "", b"x"), ("d", h, "d/f", b"")],
        &[("d/f", f, "", b"x"), ("d", s, "e", b""), ("d/g", f, "", b"y")],
        &[("f", f, "", b"x"), ("f/", d, "", b""), ("f", f, "", b"yy")],
        &[("a", f, "", b"old"), ("b", h, "a", b""), ("a", f, "", b"newer")],
        &[("x", b'Z', "", b"x")],
        &[("s", s, "", b"")],
        &[("", f, "", b"x")],
        &[("./", f, "", b"x")],
    ] {
        let what: Vec<_> =
            entries.iter().map(|(path, kind, link, _)| format!("{path}({}){link}", *kind as char)).collect();
        let result = match attempt(&archive(entries)) {
            Ok(text) => text,
            Err(error) => format!("ERROR {error}"),
        };
        out.push_str(&format!("{}\n    {result}\n", what.join(" ")));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn whiteouts() {
    let (f, d) = (kind::FILE, kind::DIRECTORY);
    let mut out = String::new();
    for entries in [
        &[(".wh.x", f, "", &b""[..])][..],
        &[("d/.wh.x", f, "", b"")],
        &[("x", f, "", b"1"), (".wh.x", f, "", b"")],
        &[(".wh.x", f, "", b""), ("x", f, "", b"1")],
        &[(".wh.x", f, "", b""), ("x/", d, "", b"")],
        &[(".wh.x", f, "", b""), ("x/y", f, "", b"1")],
        &[("x/y", f, "", b"1"), (".wh.x", f, "", b"")],
        &[("d/.wh..wh..opq", f, "", b"")],
        &[(".wh..wh..opq", f, "", b"")],
        &[(".wh..wh.plnk", f, "", b""), (".wh..wh.aufs/1.2", f, "", b"x")],
        &[(".wh.", f, "", b"")],
        &[("d/.wh...", f, "", b"")],
        &[(".wh.x/y", f, "", b"")],
    ] {
        let what: Vec<_> = entries.iter().map(|(path, ..)| *path).collect();
        let result = attempt(&archive(entries)).unwrap_or_else(|error| format!("ERROR {error}"));
        out.push_str(&format!("{}\n    {result}\n", what.join(" ")));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn cut_off_and_overlong() {
    let whole =
        archive(&[("f", kind::FILE, "", &[b'x'; 1000]), (&"long/".repeat(40), kind::DIRECTORY, "", b"")]);
    // The end may be missing at a border of entries; anywhere else it is an error.
    let mut accepted = Vec::new();
    for len in (1..whole.len()).filter(|len| matches!(len % 512, 0 | 1 | 511) || len % 97 == 0) {
        if attempt_quietly(&whole[..len]).is_ok() {
            accepted.push(len);
        }
    }
    let end = whole.len() - 1024;
    assert_eq!(accepted[0], 512 + 1024, "after the first file");
    assert!(accepted[1..].iter().all(|len| *len == end || *len >= end + 512), "{accepted:?}");

    let mut huge = Vec::new();
    Header { size_bytes: u64::MAX / 2, ..Header::bare(b"huge", kind::FILE) }.encode(&mut huge);
    assert_eq!(
        attempt(&huge).unwrap_err(),
        "malformed archive at byte 1536 of the tar stream: it ends within a file"
    );

    for kind in [b'x', b'L', b'K'] {
        let mut bomb = Vec::new();
        Header { size_bytes: 8 << 30, ..Header::bare(b"bomb", kind) }.encode(&mut bomb);
        // The size of an extended header is not itself extended.
        let bomb = &bomb[bomb.len() - 512..];
        let mut block: [u8; 512] = bomb.try_into().unwrap();
        block[124..136].copy_from_slice(b"77777777777\0");
        let error = attempt(&with_checksum(block)).unwrap_err();
        assert!(error.ends_with("extended headers longer than 1 MiB"), "{error}");
    }

    let deep = "d/".repeat(600);
    assert!(
        attempt(&archive(&[(&deep, kind::DIRECTORY, "", b"")])).unwrap_err().contains("512 directories deep")
    );
    let deep = "d/".repeat(500);
    assert!(attempt(&archive(&[(&deep, kind::DIRECTORY, "", b"")])).is_ok());
    assert!(attempt(&archive(&[(&"n".repeat(5000), kind::FILE, "", b"")])).unwrap_err().contains("4096"));
    assert!(
        attempt(&archive(&[(&"n".repeat(256), kind::FILE, "", b"")]))
            .unwrap_err()
            .contains("cannot be a file name")
    );
    assert!(attempt(b"no tar at all").is_err());
    assert!(attempt(&[b'x'; 4096]).unwrap_err().contains("checksum"));
    assert_eq!(attempt(b"").unwrap(), "");
}

#[test]
fn extended_headers_are_bounded_together() {
    // Each is within bounds, and all are kept until the entry comes.
    let mut bytes = Vec::new();
    for n in 0..20 {
        let records = record(&format!("SCHILY.xattr.user.{n}"), &"v".repeat(60_000));
        extended(&mut bytes, &records);
    }
    Header::bare(b"f", kind::FILE).encode(&mut bytes);
    assert!(attempt(&bytes).unwrap_err().ends_with("extended headers longer than 1 MiB"));
}

#[test]
fn an_empty_value_takes_a_number_back() {
    let mut bytes = Vec::new();
    extended(&mut bytes, &[record("uid", "7"), record("mtime", "9"), record("size", "5")].concat());
    extended(&mut bytes, &["uid", "gid", "mtime", "size"].map(|key| record(key, "")).concat());
    Header { mode: 0o644, gid: 3, ..Header::bare(b"f", kind::FILE) }.encode(&mut bytes);
    assert_eq!(attempt(&bytes).unwrap(), "/f file 644 0:3 0 None");
}

#[test]
fn a_prefix_counts_whatever_the_version_says() {
    let mut bytes = Vec::new();
    Header { mode: 0o644, ..Header::bare(b"name", kind::FILE) }.encode(&mut bytes);
    let mut block: [u8; 512] = bytes.as_slice().try_into().unwrap();
    block[263..265].fill(0);
    block[345..348].copy_from_slice(b"dir");
    assert_eq!(attempt(&with_checksum(block)).unwrap(), "/dir dir implied; /dir/name file 644 0:0 0 None");
}

fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let digits = (rest.len() + 5).to_string().len();
    let length =
        (1..=digits).rev().map(|digits| rest.len() + digits).find(|n| n.to_string().len() + rest.len() == *n);
    format!("{}{rest}", length.unwrap()).into_bytes()
}

fn extended(out: &mut Vec<u8>, records: &[u8]) {
    Header { size_bytes: records.len() as u64, ..Header::bare(b"x", b'x') }.encode(out);
    out.extend_from_slice(records);
    out.resize(out.len() + padding(records.len() as u64), 0);
}

fn attempt_quietly(bytes: &[u8]) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    unpack_bytes(bytes, dir.path()).map(drop).map_err(|error| error.to_string())
}

fn with_checksum(mut block: [u8; 512]) -> [u8; 512] {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Archives with fields overwritten, their checksums made right again: none panics, none leaves the root,
    /// and what unpacks can be written and read again.
    #[test]
    fn mutated(
        changes in proptest::collection::vec((0_usize..12, 0_usize..512, proptest::prelude::any::<u8>()), 1..6),
        cut in proptest::option::of(0_usize..6000),
    ) {
        let long = "long/".repeat(30);
        let mut bytes = archive(&[
            ("d/", kind::DIRECTORY, "", b""),
            ("d/s", kind::SYMLINK, "../d", b""),
            ("d/s/f", kind::FILE, "", &[b'x'; 600]),
            ("h", kind::HARD_LINK, "d/f", b""),
            (&long, kind::FILE, "", b"y"),
            (".wh.d", kind::FILE, "", b""),
        ]);
        for (block, offset, byte) in changes {
            let Some(block) = bytes.chunks_exact_mut(512).nth(block) else { continue };
            block[offset] = byte;
            let fixed = with_checksum(block.try_into().unwrap());
            block.copy_from_slice(&fixed);
        }
        bytes.truncate(cut.unwrap_or(usize::MAX));
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("root");
        std::fs::create_dir(&dir).unwrap();
        let result = unpack_bytes(&bytes, &dir);
        proptest::prop_assert_eq!(names(temp.path()), ["root"]);
        if let Ok(unpacked) = result {
            let mut out = Vec::new();
            crate::layer::write_layer(&unpacked.changes, crate::media_type::Compression::Zstd, None, None, &Below(&dir), &mut out).unwrap();
            let again = tempfile::tempdir().unwrap();
            let second = unpack_bytes(&out, again.path()).unwrap();
            proptest::prop_assert_eq!(text(&second.changes, &Below(again.path())), text(&unpacked.changes, &Below(&dir)));
        }
    }
}

/// What GNU tar and Python write, in every dialect, reads as what was packed.
#[test]
fn other_writers() {
    let source = tempfile::tempdir().unwrap();
    let long = "directory-with-a-long-name/".repeat(5);
    std::fs::create_dir_all(source.path().join(&long)).unwrap();
    std::fs::write(source.path().join(&long).join("f\u{e9}"), "contents").unwrap();
    std::os::unix::fs::symlink("directory-with-a-long-name", source.path().join("link")).unwrap();
    let holes = std::fs::File::create(source.path().join("holes")).unwrap();
    for offset in [70_000_u64, 1_000_000, 30_000_000] {
        std::os::unix::fs::FileExt::write_all_at(&holes, b"data", offset).unwrap();
    }
    holes.set_len(40_000_000).unwrap();
    let mut texts = Vec::new();
    for args in [
        &["--format=gnu"][..],
        &["--format=gnu", "--sparse"],
        &["--format=pax"],
        &["--format=pax", "--sparse", "--sparse-version=0.0"],
        &["--format=pax", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--sparse", "--sparse-version=1.0"],
        &["--format=ustar"],
    ] {
        let out = std::process::Command::new("tar")
            .args(["-c", "--mtime=@1600000000", "--pax-option=delete=atime,delete=ctime", "-C"])
            .arg(source.path())
            .args(args)
            .arg(".")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr);
        let out = if out.status.success() {
            out.stdout
        } else {
            // Only PAX formats take --pax-option.
            assert!(stderr.contains("pax-option"), "{args:?}: {stderr}");
            let out = std::process::Command::new("tar")
                .args(["-c", "--mtime=@1600000000", "-C"])
                .arg(source.path())
                .args(args)
                .arg(".")
                .output()
                .unwrap();
            assert!(out.status.success(), "{args:?}");
            out.stdout
        };
        let dir = tempfile::tempdir().unwrap();
        let unpacked = unpack_bytes(&out, dir.path()).unwrap_or_else(|error| panic!("{args:?}: {error}"));
        texts.push(text(&unpacked.changes, &Below(dir.path())));
    }
    assert!(texts[0].contains("holes"));
    for other in &texts[1..] {
        assert_eq!(*other, texts[0]);
    }
}
