//! What of a step is a change.

use std::os::unix::fs::{FileTypeExt, MetadataExt};

use cooperage_image::tree::*;
use cooperage_llb::ports::step_runner::*;

use crate::Case;
use crate::bench::{Bench, run, sh};

pub(crate) const CASES: &[Case] = &[
    ("nothing", nothing),
    ("files and their contents", files),
    ("removals", removals),
    ("opaque directories", opaque),
    ("renamed directories", renamed),
    ("copies that changed nothing", unchanged),
    ("hard links", links),
    ("xattrs and file capabilities", attributes),
    ("special files", special),
    ("the root itself", root_itself),
    ("deep stacks", deep_stack),
    ("a failed step keeps what it wrote", failed),
    ("base of scratch", scratch),
    ("deep directories", deep_directories),
];

fn nothing(runner: &dyn StepRunner) {
    let ran = sh(runner, &Bench::new(), "ls -R / > /dev/null");
    assert_eq!(ran.listing(), "");
    assert!(!ran.changes[0].root_changed);
    assert_eq!(std::fs::read_dir(&ran.scratch).unwrap().count(), 1, "only fs is left");
    assert_eq!(
        std::fs::read_dir(ran.scratch.join("fs"))
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name() != "etc")
            .count(),
        0
    );
}

fn files(runner: &dyn StepRunner) {
    let ran = sh(
        runner,
        &Bench::new(),
        "echo new > /lib/new; echo more >> /lib/one; chmod 600 /lib/two; chown 5:6 /lib/sub/three",
    );
    assert_eq!(ran.listing(), "+ lib/\n+ lib/new\n+ lib/one\n+ lib/sub/\n+ lib/sub/three\n+ lib/two");
    let new = ran.file("lib/new");
    assert_eq!((new.meta.mode, new.size_bytes, new.link), (0o644, 4, None), "the umask is 022");
    let Content::Local { path, seen } = &new.content else { panic!("{:?}", new.content) };
    assert_eq!(std::fs::read_to_string(path).unwrap(), "new\n");
    assert_eq!(seen.inode, std::fs::metadata(path).unwrap().ino());
    assert_eq!(ran.file("lib/two").meta.mode, 0o600);
    let three = ran.file("lib/sub/three");
    assert_eq!((three.meta.uid, three.meta.gid), (5, 6));
}

fn removals(runner: &dyn StepRunner) {
    let ran = sh(runner, &Bench::new(), "rm -r /lib/sub /lib/one /home; echo x > /gone; rm /gone");
    assert_eq!(ran.listing(), "- home\n+ lib/\n- lib/one\n- lib/sub");
    let found = std::fs::symlink_metadata(ran.on_disk("home")).unwrap();
    assert!(found.file_type().is_char_device() && found.rdev() == 0);
}

fn opaque(runner: &dyn StepRunner) {
    let ran =
        sh(runner, &Bench::new(), "rm -r /lib; mkdir /lib; echo again > /lib/two; touch -d @1000000000 /lib");
    assert_eq!(ran.listing(), "+ lib/\n- lib/one\n- lib/sub\n+ lib/two");
    let dir = ran.on_disk("lib");
    assert_eq!(std::fs::metadata(&dir).unwrap().mtime(), 1_000_000_000);
    for name in ["trusted.overlay.opaque", "user.overlay.opaque"] {
        assert!(rustix::fs::getxattr(&dir, name, &mut [0; 8][..]).is_err(), "{name}");
    }
    let hidden = std::fs::symlink_metadata(dir.join("one")).unwrap();
    assert!(hidden.file_type().is_char_device() && hidden.rdev() == 0);
}

fn renamed(runner: &dyn StepRunner) {
    let ran = sh(runner, &Bench::new(), "mv /lib /usr; cat /usr/sub/three");
    assert_eq!(ran.listing(), "- lib\n+ usr/\n+ usr/one\n+ usr/sub/\n+ usr/sub/three\n+ usr/two");
}

fn unchanged(runner: &dyn StepRunner) {
    let bench = Bench::new();
    assert_eq!(
        sh(runner, &bench, "chmod 644 /lib/one; chown 0:0 /lib /lib/sub/three; touch -r /lib/two /lib/two")
            .listing(),
        ""
    );
    // Contents that changed behind an unchanged time and size.
    let script = "touch -r /lib/one /tmp/t; echo 9 > /lib/one; touch -r /tmp/t /lib/one; rm /tmp/t";
    assert!(sh(runner, &bench, script).listing().contains("+ lib/one"));
}

fn links(runner: &dyn StepRunner) {
    let ran = sh(runner, &Bench::new(), "echo x > /a; ln /a /lib/b; ln /lib/one /c; echo y > /d");
    let group = |path: &str| ran.file(path).link;
    assert!(group("a").is_some() && group("a") == group("lib/b"));
    assert!(group("c").is_some() && group("c") == group("lib/one") && group("c") != group("a"));
    assert_eq!(group("d"), None);
}

fn attributes(runner: &dyn StepRunner) {
    // busybox sets no xattrs, so a binary of the test does: none is needed for what lies below.
    let mut bench = Bench::new();
    let capability: &[u8] = &[1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bench.layer(|layer| {
        std::fs::write(layer.join("ping"), "x").unwrap();
        rustix::fs::setxattr(
            layer.join("ping"),
            "security.capability",
            capability,
            rustix::fs::XattrFlags::empty(),
        )
        .unwrap();
        rustix::fs::setxattr(layer.join("ping"), "user.note", b"hi", rustix::fs::XattrFlags::empty())
            .unwrap();
    });
    let ran = sh(runner, &bench, "touch -d @5 /ping; echo x > /plain");
    let xattrs = ran.file("ping").meta.xattrs.as_ref().unwrap();
    let got: Vec<(String, &[u8])> =
        xattrs.iter().map(|(name, value)| (name.to_string(), &value[..])).collect();
    assert_eq!(got, [("security.capability".to_owned(), capability), ("user.note".to_owned(), &b"hi"[..])]);
    assert_eq!(ran.file("plain").meta.xattrs, None);
}

fn special(runner: &dyn StepRunner) {
    let ran =
        sh(runner, &Bench::new(), "mkfifo /pipe; ln -s /lib/one /link; (nc -l -s local:/sock & sleep 0.1)");
    assert_eq!(ran.listing(), "+ link\n+ pipe");
    assert!(matches!(ran.change("pipe"), Change::Special(s) if s.kind == SpecialKind::Fifo));
    assert!(
        matches!(ran.change("link"), Change::Symlink(l) if &*l.target == b"/lib/one" && l.meta.mode == 0o777)
    );
    let node = run(runner, &Bench::new().step("mknod /null c 1 3 && stat -c '%t %T' /null"));
    match runner.tier() {
        // As in a container: CAP_MKNOD is held, the kernel refuses it in a user namespace.
        "root" => {
            assert_eq!(node.out, "1 3\n");
            let kind = SpecialKind::CharDevice { major: 1, minor: 3 };
            assert!(matches!(node.change("null"), Change::Special(s) if s.kind == kind));
        }
        _ => assert_eq!(node.outcome, StepOutcome::Exited(1)),
    }
}

fn root_itself(runner: &dyn StepRunner) {
    let ran = sh(runner, &Bench::new(), "chmod 700 /");
    assert!(ran.changes[0].root_changed);
    assert_eq!((ran.changes[0].root.meta.mode, ran.listing().as_str()), (0o700, ""));
}

fn deep_stack(runner: &dyn StepRunner) {
    let mut bench = Bench::new();
    for n in 0..130 {
        bench.layer(|layer| std::fs::write(layer.join(format!("f{n}")), format!("{n}\n")).unwrap());
    }
    let ran = sh(runner, &bench, "cat /f0 /f129 /lib/one; rm /f7");
    assert_eq!((ran.out.as_str(), ran.listing().as_str()), ("0\n129\n1\n", "- f7"));
}

fn failed(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let ran = run(runner, &bench.step("echo kept > /kept; exit 4"));
    assert_eq!(ran.outcome, StepOutcome::Exited(4));
    assert_eq!(std::fs::read_to_string(ran.on_disk("kept")).unwrap(), "kept\n");
}

fn scratch(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let mut step = bench.step("echo $(ls /)");
    step.root.directories = vec![];
    step.root.tree = Tree::empty();
    step.mounts = vec![StepMount {
        target: "/bin".into(),
        source: MountSource::Host(bench.layers[0].join("bin")),
        read_only: true,
    }];
    let ran = run(runner, &step);
    // BuildKit leaves these three too, and no other.
    let left = "+ dev/\n+ proc/\n+ sys/";
    assert_eq!((ran.out.as_str(), ran.listing().as_str()), ("bin dev etc proc sys\n", left));
    assert_eq!(ran.changes[0].root.meta.mtime, Timestamp::default());
}

fn deep_directories(runner: &dyn StepRunner) {
    let ran =
        sh(runner, &Bench::new(), "p=; for i in $(seq 1 500); do p=$p/d; done; mkdir -p $p; echo x > $p/f");
    assert_eq!(ran.listing().lines().count(), 501);
}
