//! What is an archive, and what ADD makes of one.

use std::process::Command;

use super::*;
use crate::tree::Content;

fn run(program: &str, args: &[&str], dir: &Path) -> Vec<u8> {
    let out = Command::new(program).args(args).current_dir(dir).output().unwrap();
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

#[test]
fn told_by_content() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("text"), "text\n".repeat(2_000)).unwrap();
    let tar = run("tar", &["-c", "text"], temp.path());
    std::fs::write(temp.path().join("tar"), &tar).unwrap();
    assert_eq!(detect(&tar[..]).unwrap(), Some(ArchiveKind::Tar));
    for (program, kind) in [
        ("gzip", ArchiveKind::Gzip),
        ("zstd", ArchiveKind::Zstd),
        ("bzip2", ArchiveKind::Bzip2),
        ("xz", ArchiveKind::Xz),
    ] {
        let packed = run(program, &["-c", "tar"], temp.path());
        assert_eq!(detect(&packed[..]).unwrap(), Some(kind));
        assert_eq!(detect(&packed[..packed.len().min(40)]).unwrap(), None, "{program}, cut off");
        assert_eq!(
            detect(&run(program, &["-c", "text"], temp.path())[..]).unwrap(),
            None,
            "{program} of a text"
        );
    }
    for plain in [&b""[..], b"x", &[0; 1024], &[0x1f, 0x8b, 8, 0], &tar[3..], &b"text\n".repeat(500)] {
        assert_eq!(detect(plain).unwrap(), None);
    }
}

#[test]
fn an_unreadable_file_is_an_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is on fire"))
        }
    }
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    assert_eq!(detect(head.chain(Broken)).unwrap_err().to_string(), "the disk is on fire");
}

#[test]
fn whiteout_names_are_files() {
    let source = tempfile::tempdir().unwrap();
    for name in [".wh.x", ".wh..wh..opq", "y"] {
        std::fs::write(source.path().join(name), "text").unwrap();
    }
    std::fs::hard_link(source.path().join("y"), source.path().join("z")).unwrap();
    let tar = run("tar", &["-cz", ".wh.x", ".wh..wh..opq", "y", "z"], source.path());
    let dir = tempfile::tempdir().unwrap();
    let UnpackedArchive { tree, implied } = unpack_archive(&tar[..], dir.path(), Ownership::Caller).unwrap();
    assert!(implied.is_empty());
    let names: Vec<_> = tree.root().entries.keys().map(ToString::to_string).collect();
    assert_eq!(names, [".wh..wh..opq", ".wh.x", "y", "z"]);
    let mut groups = Vec::new();
    for node in tree.root().entries.values() {
        let Node::File(file) = node else { panic!("{node:?}") };
        let Content::Local { path, seen } = &file.content else { panic!("{file:?}") };
        assert_eq!(std::fs::read(path).unwrap(), b"text");
        let stat = rustix::fs::stat(&**path).unwrap();
        assert_eq!((seen.inode, seen.ctime.secs, seen.size_bytes), (stat.st_ino, stat.st_ctime, 4));
        groups.push(file.link);
    }
    assert_eq!((groups[0], groups[1], groups[2]), (None, None, groups[3]));
    assert!(groups[3].is_some());
}
