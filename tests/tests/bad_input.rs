//! What a user reads when something is wrong, and with which exit code.

use std::process::Command;
use std::time::Duration;

use cooperage_tests::{Cooper, Registry, busybox, folder, run};

#[test]
fn a_dockerfile_error_is_underlined() {
    let cooper = Cooper::new();
    let context = folder(&[("Dockerfile", "FROM scratch\nRUNN echo\nCOPY --frm=x a b\n")]);
    let outcome = cooper.build(&[], context.path()).fails_with(2);
    let outcome = outcome
        .says("unknown instruction: RUNN")
        .says("Dockerfile:2:1")
        .says("did you mean RUN?")
        .says("^^^^");
    outcome.says("unknown flag: --frm").says("Dockerfile:3");
}

#[test]
fn a_failing_step_shows_its_end_and_place() {
    let cooper = Cooper::new();
    busybox(&cooper);
    let dockerfile = "FROM busybox:test\nRUN for i in 1 2 3; do echo line $i; done; exit 7\nRUN never\n";
    let context = folder(&[("Dockerfile", dockerfile)]);
    let outcome = cooper.build(&[], context.path()).fails_with(1);
    let outcome = outcome.says("exit code: 7").says("line 3").says("Dockerfile:2").says("2 | >>> RUN for");
    assert!(!outcome.stderr.contains("RUN never\n#"), "what depends on it did not start");
    // Nothing of it was cached.
    cooper.build(&[], context.path()).fails_with(1);
}

#[test]
fn a_missing_source_names_its_neighbour() {
    let cooper = Cooper::new();
    let context = folder(&[
        ("Dockerfile", "FROM scratch\nCOPY confg.txt /\n"),
        ("config.txt", "x"),
        ("Dockerfile.hidden", "FROM scratch\nCOPY config.txt /\n"),
        ("Dockerfile.hidden.dockerignore", "*.txt\n"),
    ]);
    cooper.build(&[], context.path()).fails_with(1).says("confg.txt").says("did you mean /config.txt?");
    let hidden = context.path().join("Dockerfile.hidden");
    let outcome = cooper.build(&["-f", hidden.to_str().unwrap()], context.path()).fails_with(1);
    outcome.says("the ignore file leaves it out");
}

#[test]
fn an_unreachable_registry_is_named() {
    let cooper = Cooper::new();
    let context = folder(&[("Dockerfile", "FROM localhost:1/x:1\n")]);
    let outcome = cooper.build(&[], context.path()).fails_with(3);
    outcome.says("http://localhost:1").says("no credentials").says("5 attempts");
}

#[test]
fn wrong_credentials_name_their_file() {
    let registry = Registry::with_password("ada", "right");
    let config = folder(&[(
        "config.json",
        // ada:wrong
        &format!("{{\"auths\": {{\"{}\": {{\"auth\": \"YWRhOndyb25n\"}}}}}}", registry.host()),
    )]);
    let cooper = Cooper::new().env("DOCKER_CONFIG", config.path().to_str().unwrap());
    let context = folder(&[("Dockerfile", &format!("FROM {}/x:1\n", registry.host()))]);
    let outcome = cooper.build(&[], context.path()).fails_with(3);
    outcome.says("refused").says("config.json");
}

#[test]
fn usage_errors() {
    let cooper = Cooper::new();
    let empty = folder(&[]);
    cooper.build(&[], empty.path()).fails_with(2).says("no Dockerfile");
    cooper.build(&["--what"], empty.path()).fails_with(2);
    cooper.build(&[], &empty.path().join("missing")).fails_with(2).says("does not exist");
    let context = folder(&[("Dockerfile", "FROM scratch AS one\nCOPY Dockerfile /\n")]);
    cooper.build(&["--target", "tow"], context.path()).fails_with(2).says("tow");
    cooper.build(&["--output", "type=what"], context.path()).fails_with(2).says("unknown type what");
    cooper.build(&["--push"], context.path()).fails_with(2).says("a name is needed");
    cooper.run(["inspect", "nothing"]).fails_with(2).says("no image named nothing");
}

#[test]
fn a_store_that_cannot_be_used() {
    let context = folder(&[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let newer = folder(&[("version", "999\n")]);
    Cooper::at(newer.path()).build(&[], context.path()).fails_with(3).says("999");
    assert_eq!(std::fs::read_to_string(newer.path().join("version")).unwrap(), "999\n");
    let file = folder(&[("root", "a file")]);
    Cooper::at(&file.path().join("root")).build(&[], context.path()).fails_with(3);
}

#[test]
fn a_name_without_its_image_is_not_given_on() {
    let cooper = Cooper::new();
    let context = folder(&[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let digest = cooper.build(&["-t", "app:1"], context.path()).ok().digest();
    std::fs::remove_file(cooper.root().join("blobs/sha256").join(digest.trim_start_matches("sha256:")))
        .unwrap();
    cooper.run(["tag", "app:1", "other:1"]).fails_with(3).says("is gone: build or pull it again");
}

#[test]
fn tier_root_a_full_disk_is_said_and_the_next_build_works() {
    let mount = tempfile::tempdir().unwrap();
    let path = mount.path().to_str().unwrap();
    run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "none", path]));
    let context = folder(&[("Dockerfile", "FROM scratch\nCOPY . /\n"), ("small", "x")]);
    // Bytes that do not compress.
    run(Command::new("dd")
        .args(["if=/dev/urandom", "bs=1M", "count=24"])
        .arg(format!("of={}", context.path().join("large").display())));
    let cooper = Cooper::at(&mount.path().join("root"));
    let outcome = cooper.build(&[], context.path());
    std::fs::remove_file(context.path().join("large")).unwrap();
    let next = cooper.build(&[], context.path());
    run(Command::new("umount").arg(path));
    outcome.fails_with(3).says("no space left");
    next.ok();
}

#[test]
fn tier_root_a_cancelled_build_leaves_nothing() {
    let cooper = Cooper::new();
    busybox(&cooper);
    let context = folder(&[("Dockerfile", "FROM busybox:test\nRUN echo started; sleep 987654; true\n")]);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut command = cooper.command(["build", "--progress=plain"]);
        let child = command.arg(context.path()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let waiting = std::thread::spawn(move || child.wait_with_output().unwrap());
        std::thread::sleep(Duration::from_millis(1500));
        run(Command::new("kill").arg(format!("-{signal}")).arg(id.to_string()));
        let output = waiting.join().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains("started"), "{text}");
        let left = Command::new("pgrep").args(["-f", "sleep 987654"]).output().unwrap();
        assert!(left.stdout.is_empty(), "a step outlived its build");
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(cooper.root().to_str().unwrap()), "{mounts}");
    let fine = folder(&[("Dockerfile", "FROM busybox:test\nRUN true\n")]);
    cooper.build(&[], fine.path()).ok();
}

#[test]
fn what_would_do_nothing_is_refused_before_anything_is_done() {
    let cooper = Cooper::new();
    let context = folder(&[("Dockerfile", "FROM localhost:1/never-asked:1\n")]);
    let path = context.path().to_str().unwrap();
    let refused = |arguments: &[&str], why: &str| {
        let outcome = cooper.run(arguments.iter().chain([&path])).fails_with(2).says(why);
        assert!(!outcome.stderr.contains("load metadata"), "{}", outcome.stderr);
    };
    refused(&["build", "--output=type=cacheonly", "--iidfile=id"], "no output of this build is an image");
    refused(&["build", "-o", "-", "-o", "type=oci"], "only one output");
    refused(&["debug", "dump-llb", "--push"], "--push does nothing here");
    refused(&["debug", "solve", "--definition=/dev/null", "--target=x"], "--target does nothing here");
    refused(&["build", "-f", "/dev/zero"], "larger than 128 MiB");
    let mut command = cooper.command(["build", "--build-arg=STRANGE", path]);
    command.env("STRANGE", <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("STRANGE in the environment is not UTF-8"), "{said}");
}

#[test]
fn standard_output_that_cannot_be_written_is_the_machines_fault() {
    let cooper = Cooper::new();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status =
        cooper.command(["images"]).stdout(full()).stderr(std::process::Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(3));
}
