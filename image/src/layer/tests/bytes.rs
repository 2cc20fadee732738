//! The bytes themselves: golden ones, and what other programs make of them.

use std::process::{Command, Stdio};

use super::model::*;
use crate::Digest;
use crate::layer::{WriteError, write_layer};
use crate::media_type::Compression;
use crate::tree::{Change, Changes, LinkGroup, Meta, SpecialKind, Timestamp};

/// One of everything.
fn everything() -> Changes {
    let group = Some(LinkGroup::fresh());
    let mut capable = meta(0o4755);
    capable.xattrs = Some(std::sync::Arc::new(
        [(name("security.capability"), vec![1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]
            .into(),
    ));
    let far =
        Meta { uid: 3_000_000, gid: 4_000_000_000, mtime: Timestamp { secs: -5, nanos: 7 }, ..meta(0o640) };
    let mut changes = changes([
        ("bin", dir([("ping", file_with(capable, b"\x7fELF", None))])),
        (
            "dev",
            dir([
                ("null", special(SpecialKind::CharDevice { major: 1, minor: 3 })),
                ("sda", special(SpecialKind::BlockDevice { major: 8, minor: 0 })),
            ]),
        ),
        ("empty", file(b"")),
        ("far", file_with(far, b"far away", None)),
        ("gone", Change::Whiteout),
        ("link-a", file_with(meta(0o644), b"linked", group)),
        ("link-b", file_with(meta(0o644), b"linked", group)),
        ("pipe", special(SpecialKind::Fifo)),
        ("sym", symlink("bin/ping")),
        (&"n".repeat(120), symlink(&"t/".repeat(100))),
        ("\u{fc}ml\u{e4}ut", file(b"utf-8")),
    ]);
    changes.root_changed = true;
    changes
}

#[test]
fn golden() {
    // The first is also what every other builder calls an empty layer.
    let (bytes, diff_id) = write(&changes([]), Compression::Uncompressed);
    assert_eq!(bytes, [0; 1024]);
    assert_eq!(
        diff_id.to_string(),
        "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    );
    let (bytes, diff_id) = write(&everything(), Compression::Uncompressed);
    assert_eq!(diff_id.0, Digest::of(&bytes));
    insta::assert_snapshot!(diff_id);
    let (gzip, same) = write(&everything(), Compression::Gzip);
    assert_eq!(same, diff_id);
    assert_eq!(gzip[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    insta::assert_snapshot!(Digest::of(&gzip));
    let (zstd, same) = write(&everything(), Compression::Zstd);
    assert_eq!(same, diff_id);
    insta::assert_snapshot!(Digest::of(&zstd));
}

/// Python's reader, which shares nothing with ours, lists what is in the layer.
/// The headers that Go's `archive/tar` makes of the same entries in its PAX format: what containerd, and so every
/// other builder, writes. `go-headers.tar` is what `go-headers.go` printed with Go 1.27.
#[test]
fn headers_are_those_of_go() {
    use crate::layer::tar::encode::Header;
    use crate::layer::tar::{END, kind, padding};
    let capability: crate::tree::Xattrs =
        Some(std::sync::Arc::new([(name("security.capability"), vec![1, 0, 0, 2])].into()));
    let (file, dir) = ((kind::FILE, 0o644), (kind::DIRECTORY, 0o755));
    let mut out = Vec::new();
    let mut add = |path: &str, (kind, mode): (u8, u32), change: &dyn Fn(Header<'_>, &mut Vec<u8>)| {
        let body: &[u8] = if kind == kind::FILE { b"x" } else { b"" };
        let size_bytes = body.len() as u64;
        let mtime_secs = 1_700_000_000;
        change(Header { mode, size_bytes, mtime_secs, ..Header::bare(path.as_bytes(), kind) }, &mut out);
        out.extend_from_slice(body);
        out.resize(out.len() + padding(size_bytes), 0);
    };
    let plain = |header: Header<'_>, out: &mut Vec<u8>| header.encode(out);
    add("plain/", dir, &plain);
    add("plain/f", file, &plain);
    add("\u{fc}ml\u{e4}ut/", dir, &plain);
    add("\u{fc}ml\u{e4}ut/s\u{fc}b/", dir, &plain);
    add("\u{fc}ml\u{e4}ut/s\u{fc}b/f", file, &plain);
    add(&format!("{}/f", "n".repeat(99)), file, &plain);
    add(&format!("{}e/f", "d/".repeat(49)), file, &plain);
    add(&format!("{}/", "l".repeat(110)), dir, &plain);
    let target = "t/".repeat(60);
    add("s", (kind::SYMLINK, 0o777), &|header, out| {
        Header { link: target.as_bytes(), ..header }.encode(out);
    });
    add("far", (kind::FILE, 0o640), &|header, out| {
        Header { uid: 3_000_000, gid: 4_000_000_000, mtime_secs: -5, ..header }.encode(out);
    });
    add("cap", (kind::FILE, 0o755), &|header, out| Header { xattrs: &capability, ..header }.encode(out));
    add("null", (kind::CHAR_DEVICE, 0o666), &|header, out| Header { device: (1, 3), ..header }.encode(out));
    out.extend_from_slice(&END);
    let expected = include_bytes!("go-headers.tar");
    for (number, (ours, theirs)) in out.chunks(512).zip(expected.chunks(512)).enumerate() {
        assert_eq!(ours.escape_ascii().to_string(), theirs.escape_ascii().to_string(), "block {number}");
    }
    assert_eq!(out.len(), expected.len());
}

#[test]
fn read_by_python() {
    let script = "
import tarfile, sys, io
t = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()))
for m in t:
    x = {k: v for k, v in m.pax_headers.items() if k.startswith('SCHILY')}
    print(m.name if len(m.name) < 50 else len(m.name), m.type.decode(), oct(m.mode), m.uid, m.gid, m.size, m.mtime,
          m.linkname if len(m.linkname) < 50 else len(m.linkname), m.devmajor, m.devminor, repr(m.uname), len(x))
";
    let (gzip, _) = write(&everything(), Compression::Gzip);
    insta::assert_snapshot!(pipe("python3", &["-c", script], &gzip));
}

/// GNU tar lists the layer without complaint, each name once.
#[test]
fn read_by_gnu_tar() {
    let (plain, _) = write(&everything(), Compression::Uncompressed);
    insta::assert_snapshot!(pipe(
        "tar",
        &["-t", "-v", "--numeric-owner", "--utc", "--quoting-style=escape", "-f", "-"],
        &plain
    ));
}

/// The decompressors people have accept what we write, and it is one gzip member.
#[test]
fn decompressed_by_others() {
    let big: Vec<u8> = (0..3_000_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
    let layer = changes([("big", file(&big)), ("small", file(b"x"))]);
    let (plain, _) = write(&layer, Compression::Uncompressed);
    let (gzip, _) = write(&layer, Compression::Gzip);
    let (zstd, _) = write(&layer, Compression::Zstd);
    assert!(pipe_bytes("gzip", &["-dc"], &gzip) == plain);
    assert!(pipe_bytes("zstd", &["-dc"], &zstd) == plain);
    let mut single = Vec::new();
    std::io::Read::read_to_end(&mut flate2::bufread::GzDecoder::new(&gzip[..]), &mut single).unwrap();
    assert!(single == plain);
}

#[test]
fn every_level_is_read_back() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 27) as u8).collect();
    let layer = changes([("f", file(&bytes))]);
    let (plain, _) = write(&layer, Compression::Uncompressed);
    let levels =
        (0..=9).map(|n| (Compression::Gzip, n)).chain([0, 1, 19, 22].map(|n| (Compression::Zstd, n)));
    for (compression, level) in levels {
        let mut out = Vec::new();
        write_layer(&layer, compression, Some(level), None, &Inline, &mut out).unwrap();
        let mut back = Vec::new();
        std::io::Read::read_to_end(&mut crate::layer::decoder(&out[..]).unwrap().1, &mut back).unwrap();
        assert!(back == plain, "{compression:?} {level}");
    }
    for (compression, level) in
        [(Compression::Gzip, 10), (Compression::Zstd, 23), (Compression::Uncompressed, 1)]
    {
        let error =
            write_layer(&layer, compression, Some(level), None, &Inline, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, WriteError::Level { .. }), "{error}");
    }
}

#[test]
fn later_times_become_the_epoch() {
    let old = Meta { mtime: Timestamp { secs: 100, nanos: 999_999_999 }, ..meta(0o644) };
    let layer = changes([("new", file(b"n")), ("old", file_with(old, b"o", None))]);
    let mut out = Vec::new();
    let epoch = Some(Timestamp { secs: 1_000, nanos: 0 });
    write_layer(&layer, Compression::Uncompressed, None, epoch, &Inline, &mut out).unwrap();
    let listing = pipe("tar", &["-t", "-v", "--utc", "--full-time", "-f", "-"], &out);
    assert!(listing.contains("1970-01-01 00:16:40 new"), "{listing}");
    assert!(listing.contains("1970-01-01 00:01:40 old"), "{listing}");
}

#[test]
fn what_a_layer_cannot_say() {
    let wrong = |layer: Changes| {
        write_layer(&layer, Compression::Gzip, None, None, &Inline, &mut Vec::new()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(wrong(changes([("d", dir([(".wh.x", file(b""))]))])), @"d/.wh.x cannot be in a layer: names that begin with .wh. are whiteouts there");
    let huge = SpecialKind::CharDevice { major: 1 << 21, minor: 0 };
    insta::assert_snapshot!(wrong(changes([("x", special(huge))])), @"x cannot be in a layer: its device number does not fit a tar header");
    let Change::File(template) = file(b"four") else { unreachable!() };
    for (size_bytes, expected) in [
        (5, "x has 4 bytes or more where 5 were expected: it changed while it was read"),
        (3, "x has 4 bytes or more where 3 were expected: it changed while it was read"),
    ] {
        let file = crate::tree::File {
            meta: template.meta.clone(),
            size_bytes,
            content: template.content.clone(),
            link: None,
            digest: Default::default(),
        };
        assert_eq!(wrong(changes([("x", Change::File(file.into()))])), expected);
    }
}

fn pipe(program: &str, args: &[&str], input: &[u8]) -> String {
    String::from_utf8(pipe_bytes(program, args, input)).unwrap()
}

/// Runs `program`; the tests need GNU tar, gzip, zstd and Python.
fn pipe_bytes(program: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || std::io::Write::write_all(&mut stdin, input).unwrap());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program}: {}", output.status);
        output.stdout
    })
}
