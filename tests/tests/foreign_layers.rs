//! Archives of other tools, which list files and not the directories that they are in.

use std::path::Path;
use std::process::Command;

use cooperage_tests::{Cooper, busybox, folder, peer, run, write};

/// A base whose directories have owners and modes of their own.
const BASE: &str = "FROM busybox:test
RUN mkdir -p -m 1777 /tmp && mkdir -p /home/ada && chown ada:ada /home/ada && chmod 700 /home/ada
";
/// What a step sees of them; it is itself one that needs them as they were.
const LOOK: &str = "USER ada
RUN echo mine > /home/ada/mine && echo x > /tmp/y && stat -c '%n %a %u' /tmp /home/ada > /home/ada/seen
";
const SEEN: &str = "/tmp 1777 0\n/home/ada 700 1000\n";

/// A tar of a file in each of the two, and of nothing else.
fn files_alone(work: &Path) {
    std::fs::create_dir_all(work.join("root/home/ada")).unwrap();
    std::fs::create_dir_all(work.join("root/tmp")).unwrap();
    write(&work.join("root"), &[("home/ada/file", "ours\n"), ("tmp/x", "x\n")]);
    run(Command::new("tar")
        .args(["-c", "--owner=1000", "--group=1000", "-C"])
        .arg(work.join("root"))
        .arg("-f")
        .arg(work.join("files.tar"))
        .args(["home/ada/file", "tmp/x"]));
}

/// Builds `dockerfile` in `work` and looks at the image.
fn check(cooper: &Cooper, arguments: &[&str], work: &Path, dockerfile: &str) {
    write(work, &[("Dockerfile", dockerfile)]);
    let layout = work.join("image");
    let output = format!("type=oci,tar=false,dest={}", layout.display());
    cooper.build(&[arguments, &["-t", "app:1", "--output", &output]].concat(), work).ok();
    let bundle = work.join("bundle");
    run(Command::new(peer("umoci"))
        .args(["unpack", "--image"])
        .arg(format!("{}:1", layout.display()))
        .arg(&bundle));
    let root = bundle.join("rootfs");
    assert_eq!(std::fs::read_to_string(root.join("home/ada/seen")).unwrap(), SEEN);
    assert_eq!(std::fs::read_to_string(root.join("home/ada/file")).unwrap(), "ours\n");
    let stat = |path: &str| run(Command::new("stat").args(["-c", "%a %u"]).arg(root.join(path)));
    assert_eq!((stat("tmp"), stat("home/ada")), ("1777 0\n".to_owned(), "700 1000\n".to_owned()));
}

#[test]
fn a_base_layer_that_lists_files_alone_leaves_directories_as_they_were() {
    let (cooper, work) = (Cooper::new(), tempfile::tempdir().unwrap());
    busybox(&cooper);
    files_alone(work.path());
    let base = work.path().join("base");
    let output = format!("type=oci,tar=false,dest={}", base.display());
    cooper.build(&["-t", "base:1", "--output", &output], folder(&[("Dockerfile", BASE)]).path()).ok();
    run(Command::new(peer("umoci"))
        .args(["raw", "add-layer", "--image"])
        .arg(format!("{}:1", base.display()))
        .arg(work.path().join("files.tar")));
    let context = format!("--build-context=base=oci-layout://{}:1", base.display());
    check(&cooper, &[&context], work.path(), &format!("FROM base\n{LOOK}"));
}

#[test]
fn an_added_archive_of_files_alone_leaves_directories_as_they_were() {
    let (cooper, work) = (Cooper::new(), tempfile::tempdir().unwrap());
    busybox(&cooper);
    files_alone(work.path());
    check(&cooper, &[], work.path(), &format!("{BASE}ADD files.tar /\n{LOOK}"));
}
