//! What is cached and what is not: by the log of what ran, never by time.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use cooperage_tests::{Cooper, busybox, folder, run, write};

const APP: &str = "FROM busybox:test AS build
WORKDIR /src
COPY src src
RUN grep -v '^#' src/main > /app
FROM busybox:test
COPY --from=build /app /app
RUN cp /app /copied
";

fn app() -> tempfile::TempDir {
    folder(&[("Dockerfile", APP), ("src/main", "# a comment\nprogram\n"), ("src/other", "x\n")])
}

/// A store with the base and one build of the app.
fn built() -> (Cooper, tempfile::TempDir) {
    let cooper = Cooper::new();
    busybox(&cooper);
    let context = app();
    cooper.build(&["-t", "app"], context.path()).ok();
    (cooper, context)
}

#[test]
fn a_second_build_does_nothing() {
    let (cooper, context) = built();
    let first = cooper.build(&["-t", "app"], context.path()).ok();
    let second = cooper.build(&["-t", "app"], context.path()).ok();
    assert_eq!((second.count("ran"), second.count("pulled_blobs")), (0, 0), "{}", second.stderr);
    assert_eq!(second.count("cached"), 5);
    assert_eq!(first.digest(), second.digest());
}

#[test]
fn the_checkout_does_not_matter() {
    let (cooper, context) = built();
    let elsewhere = tempfile::tempdir().unwrap();
    run(Command::new("cp").arg("-r").arg(context.path().join(".")).arg(elsewhere.path()));
    for file in ["src", "src/main", "src/other"] {
        let path = elsewhere.path().join(file);
        let mode = if path.is_dir() { 0o777 } else { 0o666 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    run(Command::new("touch").arg("-d").arg("2001-02-03").arg(elsewhere.path().join("src/main")));
    let again = cooper.build(&["-t", "app"], elsewhere.path()).ok();
    assert_eq!(again.count("ran"), 0, "{}", again.stderr);
}

#[test]
fn a_comment_stops_rebuilding_where_the_result_is_the_same() {
    let (cooper, context) = built();
    write(context.path(), &[("src/main", "# another comment\nprogram\n")]);
    let again = cooper.build(&["-t", "app"], context.path()).ok();
    assert_eq!(again.end_of("COPY src src"), "DONE");
    assert_eq!(again.end_of("RUN grep"), "DONE");
    assert_eq!(again.end_of("COPY --from=build"), "CACHED");
    assert_eq!(again.end_of("RUN cp"), "CACHED");
    assert!(again.stderr.contains("main changed"), "the miss is explained:\n{}", again.stderr);
}

#[test]
fn a_run_whose_root_has_the_same_contents_is_not_run() {
    let cooper = Cooper::new();
    busybox(&cooper);
    let dockerfile = |n: u32| format!("FROM busybox:test\nRUN : {n}; echo same > /f\nRUN cat /f > /g\n");
    let context = folder(&[("Dockerfile", &dockerfile(1))]);
    cooper.build(&[], context.path()).ok();
    write(context.path(), &[("Dockerfile", &dockerfile(2))]);
    let again = cooper.build(&[], context.path()).ok();
    assert_eq!(again.end_of("RUN : 2"), "DONE");
    assert_eq!(again.end_of("RUN cat"), "CACHED");
}

#[test]
fn a_change_reruns_what_depends_on_it() {
    let (cooper, context) = built();
    write(context.path(), &[("src/main", "another program\n")]);
    let again = cooper.build(&["-t", "app"], context.path()).ok();
    for step in ["COPY src src", "RUN grep", "COPY --from=build", "RUN cp"] {
        assert_eq!(again.end_of(step), "DONE", "{step}");
    }
    assert_eq!(again.end_of("WORKDIR"), "CACHED");
}

#[test]
fn arguments_count_and_no_cache_replaces() {
    let cooper = Cooper::new();
    busybox(&cooper);
    let context =
        folder(&[("Dockerfile", "FROM busybox:test\nARG V=1\nRUN cat /proc/uptime > /r; echo $V\n")]);
    let build = |arguments: &[&str]| cooper.build(arguments, context.path()).ok();
    let first = build(&[]);
    assert_eq!(build(&[]).count("ran"), 0);
    assert_eq!(build(&["--build-arg", "V=2"]).count("ran"), 1);
    assert_eq!(build(&["--build-arg", "V=1"]).digest(), first.digest());
    std::thread::sleep(std::time::Duration::from_millis(20));
    let anew = build(&["--no-cache"]);
    assert_eq!(anew.count("ran"), 1);
    assert_ne!(anew.digest(), first.digest());
    let after = build(&[]);
    assert_eq!((after.count("ran"), after.digest()), (0, anew.digest()));
}

#[test]
fn a_copy_that_no_run_looked_at_is_cached_too() {
    let cooper = Cooper::new();
    busybox(&cooper);
    let dockerfile = "FROM scratch AS files\nCOPY a b /\nFROM busybox:test\nCOPY --from=files /a /a\n";
    let context = folder(&[("Dockerfile", dockerfile), ("a", "1"), ("b", "2")]);
    cooper.build(&[], context.path()).ok();
    let again = cooper.build(&[], context.path()).ok();
    assert_eq!(again.count("ran"), 0, "{}", again.stderr);
}

#[test]
fn same_inputs_give_the_same_digest_from_empty_stores() {
    let digest = |arguments: &[&str]| {
        let cooper = Cooper::new().env("SOURCE_DATE_EPOCH", "1700000000");
        busybox(&cooper);
        cooper.build(arguments, app().path()).ok().digest()
    };
    let first = digest(&[]);
    assert_eq!(first, digest(&[]));
    assert_eq!(first, digest(&["--isolation=userns"]));
    assert_eq!(first, digest(&["--max-parallelism=1"]));
}

#[test]
fn two_builds_share_a_store_and_work_once() {
    let cooper = Cooper::new();
    busybox(&cooper);
    let context = folder(&[("Dockerfile", "FROM busybox:test\nRUN sleep 1; cat /proc/uptime > /r\n")]);
    let build = |at: &Path| cooper.build(&[], at).ok();
    let (a, b) = std::thread::scope(|scope| {
        let a = scope.spawn(|| build(context.path()));
        let b = scope.spawn(|| build(context.path()));
        (a.join().unwrap(), b.join().unwrap())
    });
    assert_eq!(a.digest(), b.digest());
    assert_eq!(a.count("ran") + b.count("ran"), 1, "{}{}", a.stderr, b.stderr);
}
