//! The language, as far as only a build shows it.

use std::process::Command;

use cooperage_tests::{Cooper, busybox, folder, run, write};

fn cooper() -> Cooper {
    let cooper = Cooper::new();
    busybox(&cooper);
    cooper
}

/// Builds `dockerfile` with `files` and looks for what its steps print.
fn prints(dockerfile: &str, files: &[(&str, &str)], expected: &[&str]) {
    let context = folder(files);
    write(context.path(), &[("Dockerfile", dockerfile)]);
    let outcome = cooper().build(&[], context.path()).ok();
    for text in expected {
        assert!(outcome.stderr.contains(text), "{text:?} is not printed:\n{}", outcome.stderr);
    }
}

#[test]
fn copies_with_owners_modes_patterns_and_heredocs() {
    let dockerfile = "FROM busybox:test
COPY --chown=ada:staff --chmod=640 one /d/
COPY --chown=7 two /d/
COPY *.txt /txt/
COPY --parents deep/./er/file /p/
COPY --exclude=*.skip dir /dir/
COPY <<EOF /here
value $PATH
EOF
RUN stat -c '%n %a %u:%g' /d/one /d/two && ls /txt /dir && cat /p/er/file /here
";
    let files = [
        ("one", "1"),
        ("two", "2"),
        ("a.txt", ""),
        ("b.txt", ""),
        ("deep/er/file", "found\n"),
        ("dir/kept", ""),
        ("dir/left.skip", ""),
    ];
    prints(
        dockerfile,
        &files,
        &["/d/one 640 1000:50", "/d/two 644 7:7", "a.txt", "kept", "found", "value /bin"],
    );
}

#[test]
fn archives_are_unpacked_by_add_and_not_by_copy() {
    let context = folder(&[("in/file", "inside\n")]);
    let pack = |name: &str, how: &str| {
        run(Command::new("tar").args([how, name, "-C", "in", "."]).current_dir(context.path()));
    };
    pack("a.tar.gz", "-czf");
    pack("b.data", "-cJf");
    let dockerfile = "FROM busybox:test
ADD a.tar.gz /gz/
ADD b.data /xz
COPY a.tar.gz /copied.tar.gz
RUN cat /gz/file /xz/file && test -f /copied.tar.gz && echo all right
";
    write(context.path(), &[("Dockerfile", dockerfile)]);
    cooper().build(&[], context.path()).ok().says("inside").says("all right");
}

#[test]
fn users_directories_shells_and_arguments() {
    let dockerfile = "ARG FROM_OUTSIDE=out
FROM busybox:test
ARG FROM_OUTSIDE
ENV HERE=env
USER ada
WORKDIR /home/ada/work
RUN echo \"$(id -un) $(pwd) $FROM_OUTSIDE $HERE $(stat -c %u .)\"
SHELL [\"/bin/sh\", \"-xc\"]
RUN echo traced
RUN <<EOF
echo first
echo second
EOF
RUN <<'EOF' cat
$not expanded
EOF
USER 0
RUN [\"/bin/busybox\", \"echo\", \"exec form\"]
";
    let expected =
        ["ada /home/ada/work out env 1000", "+ echo traced", "first", "second", "$not expanded", "exec form"];
    prints(dockerfile, &[], &expected);
}

#[test]
fn mounts_and_networks() {
    let dockerfile = "FROM busybox:test AS other
RUN echo from another stage > /f
FROM busybox:test
RUN --mount=type=bind,target=/ctx cat /ctx/file && (echo x > /ctx/file || echo cannot write)
RUN --mount=type=bind,from=other,target=/o,rw cat /o/f && echo gone > /o/f
RUN --mount=type=cache,target=/cache echo kept >> /cache/log
RUN --mount=type=cache,target=/cache cat /cache/log; test ! -e /o
RUN --mount=type=tmpfs,target=/t echo x > /t/x && grep /t.tmpfs /proc/mounts
RUN --network=none test $(ls /sys/class/net | wc -l) = 1 && echo only loopback
RUN ls -d /cache /t /ctx || echo no stubs
";
    let expected =
        ["context file", "cannot write", "from another stage", "kept", "tmpfs", "only loopback", "no stubs"];
    prints(dockerfile, &[("file", "context file\n")], &expected);
}

#[test]
fn triggers_targets_and_stages_that_nobody_needs() {
    let cooper = cooper();
    let base =
        folder(&[("Dockerfile", "FROM busybox:test\nONBUILD RUN echo triggered\nONBUILD COPY f /f\n")]);
    cooper.build(&["-t", "with-triggers"], base.path()).ok();
    let dockerfile = "FROM with-triggers AS wanted
RUN cat /f
FROM localhost:1/does/not:exist AS broken
RUN never
FROM busybox:test
RUN exit 1
";
    let context = folder(&[("Dockerfile", dockerfile), ("f", "the file\n")]);
    cooper.build(&["--target", "wanted"], context.path()).ok().says("triggered").says("the file");
}

#[test]
fn named_contexts() {
    let cooper = cooper();
    let (extra, work) = (folder(&[("e", "extra\n"), ("no", ""), (".dockerignore", "no\n")]), folder(&[]));
    let layout = work.path().join("layout");
    let image = folder(&[("Dockerfile", "FROM busybox:test\nCOPY <<EOF /l\nlayout\nEOF\n")]);
    let output = format!("type=oci,tar=false,dest={}", layout.display());
    cooper.build(&["-t", "x:1", "--output", &output], image.path()).ok();
    let dockerfile = "FROM from-layout AS a
FROM replaced
COPY --from=dir . /dir
COPY --from=a /l /l
RUN cat /dir/e /l && test ! -e /dir/no && echo ignored there
";
    let context = folder(&[("Dockerfile", dockerfile)]);
    let contexts = [
        format!("--build-context=dir={}", extra.path().display()),
        format!("--build-context=from-layout=oci-layout://{}:1", layout.display()),
        "--build-context=replaced=docker-image://busybox:test".to_owned(),
    ];
    let arguments: Vec<&str> = contexts.iter().map(String::as_str).collect();
    cooper.build(&arguments, context.path()).ok().says("extra").says("layout").says("ignored there");
    let again = cooper.build(&arguments, context.path()).ok();
    assert_eq!(again.count("ran"), 0, "{}", again.stderr);
}

#[test]
fn what_steps_remove_rename_and_link_stays_so() {
    let dockerfile = "FROM busybox:test AS one
RUN mkdir -p /tree/a/b && echo 1 > /tree/hard && ln /tree/hard /tree/a/b/f && ln -s a/b /tree/soft && mkfifo /tree/pipe
RUN rm -r /tree/a && mkdir /tree/a && echo new > /tree/a/g
RUN mv /tree/a /tree/z && printf odd > \"$(printf '/tree/\\377name')\"
FROM busybox:test
COPY --from=one /tree /tree
RUN test -p /tree/pipe && test -L /tree/soft && test ! -e /tree/a && cat /tree/hard /tree/z/g /tree/?name && echo all there
";
    prints(dockerfile, &[], &["all there", "new", "odd"]);
}

#[test]
fn attributes_of_files_reach_the_layer() {
    let context = folder(&[("Dockerfile", "FROM scratch\nCOPY tool /tool\n"), ("tool", "x")]);
    let tool = context.path().join("tool");
    rustix::fs::setxattr(&tool, "user.note", b"kept", rustix::fs::XattrFlags::empty()).unwrap();
    let archive = context.path().join("out.tar");
    let output = format!("type=tar,dest={}", archive.display());
    Cooper::new().build(&["--output", &output], context.path()).ok();
    let bytes = std::fs::read(&archive).unwrap();
    let needle = b"SCHILY.xattr.user.note=kept";
    assert!(bytes.windows(needle.len()).any(|window| window == needle), "the attribute is in the layer");
}

#[test]
fn a_server_that_does_not_answer_is_named_with_its_line() {
    let context = folder(&[("Dockerfile", "FROM scratch\nADD https://localhost:1/x /x\n")]);
    let outcome = Cooper::new().build(&[], context.path()).fails_with(3);
    outcome.says("https://localhost:1/x could not be fetched").says("Dockerfile:2");
}

/// An image that cannot be had is said where it is named, and what may have been meant.
#[test]
fn an_image_that_is_not_there_may_be_a_misspelt_stage() {
    let dockerfile = "FROM scratch AS builder\nCOPY f /\nFROM scratch\nCOPY --from=localhost:1/buidler f /\n";
    let context = folder(&[("Dockerfile", dockerfile), ("f", "")]);
    let outcome = Cooper::new().build(&[], context.path()).fails_with(3);
    outcome.says("Dockerfile:4:6").says("needed here").says("localhost:1");
}

/// A definition that no Dockerfile made: BuildKit's bytes in, the same result out.
#[test]
fn a_definition_is_solved_whoever_made_it() {
    let cooper = cooper();
    let context =
        folder(&[("Dockerfile", "FROM busybox:test\nCOPY f /f\nRUN cat /f\n"), ("f", "from the graph\n")]);
    let dump = |format: &str| {
        let mut command = cooper.command(["debug", "dump-llb", "--progress=quiet", "--format", format]);
        let output = command.arg(context.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let json: serde_json::Value = serde_json::from_slice(&dump("json")).unwrap();
    assert!(json.to_string().contains("docker-image://docker.io/library/busybox:test@sha256:"));
    assert!(String::from_utf8(dump("dot")).unwrap().starts_with("digraph"));
    let definition = context.path().join("definition.pb");
    std::fs::write(&definition, dump("pb")).unwrap();
    let mut command = cooper.command(["debug", "solve", "--progress=plain", "-t", "solved", "--definition"]);
    let output = command.arg(&definition).arg(context.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("from the graph"), "{said}");
    cooper.run(["inspect", "solved"]).ok();
    // Bytes that are none.
    std::fs::write(&definition, [0xff; 40]).unwrap();
    let output = cooper
        .command(["debug", "solve", "--definition"])
        .arg(&definition)
        .arg(context.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
