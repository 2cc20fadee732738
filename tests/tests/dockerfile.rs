//! Dockerfiles, end to end: what one says is what its steps see and what is in the image.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use cooperage_tests::{Cooper, Outcome, busybox, folder, run};

fn cooper() -> Cooper {
    let cooper = Cooper::new();
    busybox(&cooper);
    cooper
}

fn build(cooper: &Cooper, arguments: &[&str], files: &[(&str, &str)]) -> Outcome {
    let arguments = [&["-t", "app"], arguments].concat();
    cooper.build(&arguments, folder(files).path()).ok()
}

/// The lines that steps printed, without number and time.
fn said(outcome: &Outcome) -> Vec<&str> {
    outcome
        .stderr
        .lines()
        .filter_map(|line| {
            let mut words = line.strip_prefix('#')?.splitn(3, ' ');
            words.next()?.parse::<u32>().ok()?;
            words.next()?.parse::<f64>().ok()?;
            words.next()
        })
        .collect()
}

#[test]
fn heredocs_write_files_and_run_scripts() {
    let dockerfile = "FROM busybox:test
ARG NAME=ada
COPY <<one <<-\"two\" /docs/
hello $NAME
one
\tnot $NAME
two
RUN <<EOF
set -e
cat /docs/one
cat /docs/two
EOF
RUN cat <<A - && echo after
inside
A
RUN <<PY
#!/bin/sed 1d
the second line
PY
";
    let outcome = build(&cooper(), &[], &[("Dockerfile", dockerfile)]);
    assert_eq!(said(&outcome), ["hello ada", "not $NAME", "inside", "after", "the second line"]);
}

#[test]
fn copies_with_owner_mode_parents_and_exclude() {
    let dockerfile = "# syntax=docker/dockerfile:1-labs
FROM busybox:test
COPY --chown=ada:staff --chmod=u=rwX,go=rX tree /owned
COPY --chown=7:8 --chmod=0600 tree/a.txt /ids
COPY --parents tree/./deep/*/x.txt /parents/
COPY --exclude=*.log --exclude=deep tree /excluded
RUN stat -c '%n %a %u %g' /owned /owned/a.txt /ids; find /parents /excluded -type f | sort
";
    let files = [
        ("Dockerfile", dockerfile),
        ("tree/a.txt", "a"),
        ("tree/b.log", "b"),
        ("tree/deep/one/x.txt", "x"),
        ("tree/deep/two/x.txt", "x"),
        ("tree/deep/two/y.txt", "y"),
    ];
    let outcome = build(&cooper(), &[], &files);
    let expected = [
        "/owned 755 1000 50",
        "/owned/a.txt 644 1000 50",
        "/ids 600 7 8",
        "/excluded/a.txt",
        "/parents/deep/one/x.txt",
        "/parents/deep/two/x.txt",
    ];
    assert_eq!(said(&outcome), expected);
}

#[test]
fn ignored_files_are_not_there() {
    let files = [
        ("Dockerfile", "FROM busybox:test\nCOPY . /all\nRUN find /all -type f | sort\n"),
        (".dockerignore", "# no secrets\n*.key\n**/target\n!keep.key\nDockerfile\n.dockerignore\n"),
        ("a.key", ""),
        ("keep.key", ""),
        ("sub/target/x", ""),
        ("sub/b.key", ""),
    ];
    let outcome = build(&cooper(), &[], &files);
    assert_eq!(said(&outcome), ["/all/keep.key", "/all/sub/b.key"]);
}

#[test]
fn an_archive_is_unpacked_by_add_and_not_by_copy() {
    let context = folder(&[
        (
            "Dockerfile",
            "FROM busybox:test\nADD a.tar.gz /added\nCOPY a.tar.gz /copied/\nRUN find /added /copied -type f\n",
        ),
        ("in/x/y", "text"),
    ]);
    let archive = context.path().join("a.tar.gz");
    run(Command::new("tar").arg("-C").arg(context.path().join("in")).arg("-czf").arg(&archive).arg("x"));
    let outcome = cooper().build(&["-t", "app"], context.path()).ok();
    assert_eq!(said(&outcome), ["/added/x/y", "/copied/a.tar.gz"]);
}

#[test]
fn triggers_of_a_base_run_in_the_build_on_it() {
    let cooper = cooper();
    build(
        &cooper,
        &["-t", "base"],
        &[("Dockerfile", "FROM busybox:test\nONBUILD COPY file /\nONBUILD RUN cat /file\n")],
    );
    let outcome =
        build(&cooper, &[], &[("Dockerfile", "FROM base\nRUN echo then this\n"), ("file", "triggered\n")]);
    assert_eq!(said(&outcome), ["triggered", "then this"]);
}

#[test]
fn variables_users_shells_and_directories_reach_the_steps() {
    let dockerfile = "ARG VERSION=1.2
FROM busybox:test
ARG VERSION
ARG NAME=none
ENV GREETING=\"hi $NAME\" PLAIN=${VERSION%.*}
USER ada
WORKDIR /work
WORKDIR sub
RUN pwd; id -un; stat -c %U /work; echo $GREETING $PLAIN $VERSION
SHELL [\"/bin/sh\", \"-ec\"]
RUN false; echo never || true
";
    let outcome = cooper().build(&["--build-arg", "NAME=eve"], folder(&[("Dockerfile", dockerfile)]).path());
    let outcome = outcome.fails_with(1).says("exit code: 1");
    assert_eq!(said(&outcome), ["/work/sub", "ada", "ada", "hi eve 1 1.2"]);
}

#[test]
fn mounts_show_what_they_say_and_leave_nothing() {
    let dockerfile = "FROM busybox:test AS source
RUN echo from-stage > /file
FROM busybox:test
RUN --mount=type=bind,from=source,source=/file,target=/in/file --mount=type=bind,target=/ctx cat /in/file /ctx/text
RUN --mount=type=tmpfs,target=/scratch touch /scratch/x && ls /scratch
RUN --mount=type=cache,target=/cache,id=c echo run >> /cache/log; cat /cache/log | wc -l
RUN --mount=type=cache,target=/cache,id=c echo run >> /cache/log; cat /cache/log | wc -l
RUN test ! -e /cache && test ! -e /scratch && test ! -e /ctx && echo nothing
";
    let outcome = build(&cooper(), &[], &[("Dockerfile", dockerfile), ("text", "from-context\n")]);
    assert_eq!(
        said(&outcome),
        ["from-stage", "from-context", "x", "1", "2", "nothing"],
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_step_without_network_has_loopback_alone() {
    let dockerfile = "FROM busybox:test\nRUN --network=none ls /sys/class/net /proc/sys/net/ipv4/conf | grep -cE '^(eth|ens|enp)' || true\n\
        RUN --network=none ip -o link | wc -l\n";
    let outcome = build(&cooper(), &[], &[("Dockerfile", dockerfile)]);
    assert_eq!(said(&outcome).last(), Some(&"1"), "{}", outcome.stderr);
}

#[test]
fn named_contexts_of_each_kind() {
    let cooper = cooper();
    let work = folder(&[("directory/file", "from a directory\n")]);
    let layout = work.path().join("layout");
    let output = format!("type=oci,tar=false,dest={}", layout.display());
    let other = [("Dockerfile", "FROM busybox:test\nRUN echo from a layout > /file\n")];
    build(&cooper, &["-t", "x:1", "-o", &output], &other);
    build(
        &cooper,
        &["-t", "image"],
        &[("Dockerfile", "FROM busybox:test\nRUN echo from an image > /file\n")],
    );
    let contexts = [
        format!("--build-context=dir={}", work.path().join("directory").display()),
        format!("--build-context=lay=oci-layout://{}:1", layout.display()),
        "--build-context=img=docker-image://image".to_owned(),
        // A stage's name is overridden too.
        "--build-context=late=docker-image://image".to_owned(),
    ];
    let dockerfile = "FROM scratch AS late
COPY nothing-like-this /
FROM lay
RUN cat /file
COPY --from=dir file /a
COPY --from=img file /b
COPY --from=late file /c
RUN cat /a /b /c
";
    let contexts: Vec<&str> = contexts.iter().map(String::as_str).collect();
    let outcome = build(&cooper, &contexts, &[("Dockerfile", dockerfile)]);
    let image = "from an image";
    assert_eq!(said(&outcome), ["from a layout", "from a directory", image, image]);
}

#[test]
fn a_stage_that_nobody_needs_is_not_built() {
    let dockerfile = "FROM busybox:test AS broken
RUN echo must not run; exit 1
FROM no-such-registry.invalid/never:1 AS unreachable
FROM busybox:test AS wanted
RUN echo wanted
FROM broken
RUN echo neither
";
    let outcome = build(&cooper(), &["--target", "wanted"], &[("Dockerfile", dockerfile)]);
    assert_eq!(said(&outcome), ["wanted"]);
}

/// What a layer can hold survives RUN, layer, COPY --from and a directory again.
#[test]
fn tier_root_names_links_attributes_and_removals_survive() {
    let dockerfile = r#"FROM busybox:test AS made
RUN mkdir -p /t/gone /t/empty /t/kept && echo x > /t/gone/file && echo y > /t/kept/old
RUN rm -r /t/gone && mkdir /t/gone && rm /t/kept/old && echo new > /t/kept/new
RUN cd /t && printf a > "$(printf 'odd\377name')" && printf b > "$(printf 'two\nlines')" && echo c > 'sp ace' && echo linked > one && ln one kept/two && ln -s ../missing dangling
COPY capable /t/capable
RUN chmod 4755 "/t/sp ace" && chmod 1777 /t/empty
FROM scratch
COPY --from=made /t /t
"#;
    let context = folder(&[("Dockerfile", dockerfile), ("capable", "#!/bin/sh\n")]);
    run(Command::new("/usr/sbin/setcap").arg("cap_net_raw+ep").arg(context.path().join("capable")));
    let work = tempfile::tempdir().unwrap();
    let out = work.path().join("out");
    let tar = work.path().join("out.tar");
    // A directory of the user's gets no set-id bits: the tar has everything.
    cooper().build(&["-o", &format!("type=tar,dest={}", tar.display())], context.path()).ok();
    std::fs::create_dir(&out).unwrap();
    let unpack = ["--xattrs", "--xattrs-include=*", "-xpf"];
    run(Command::new("tar").arg("-C").arg(&out).args(unpack).arg(&tar));
    let root = out.join("t");
    let mode = |path: &str| std::fs::symlink_metadata(root.join(path)).unwrap().mode() & 0o7777;
    assert_eq!(std::fs::read_dir(root.join("gone")).unwrap().count(), 0, "emptied");
    assert!(!root.join("kept/old").exists(), "removed");
    assert_eq!(std::fs::read_to_string(root.join("kept/new")).unwrap(), "new\n");
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"odd\xffname");
    assert_eq!(std::fs::read(root.join(odd)).unwrap(), b"a");
    assert_eq!(std::fs::read(root.join("two\nlines")).unwrap(), b"b");
    assert_eq!(std::fs::read(root.join("sp ace")).unwrap(), b"c\n");
    let (one, two) = (root.join("one").metadata().unwrap(), root.join("kept/two").metadata().unwrap());
    assert_eq!((one.ino(), one.nlink()), (two.ino(), 2), "a hard link");
    assert_eq!(std::fs::read_link(root.join("dangling")).unwrap(), Path::new("../missing"));
    assert_eq!((mode("sp ace"), mode("empty")), (0o4755, 0o1777));
    let capabilities = run(Command::new("/usr/sbin/getcap").arg(root.join("capable")));
    assert!(capabilities.contains("cap_net_raw=ep"), "{capabilities:?}");
}

/// The tier is how a step is isolated, and nothing of it is in the image.
#[test]
fn tier_userns_makes_the_same_image_as_root() {
    let dockerfile = "FROM busybox:test
RUN echo eve:x:1234:1234::/:/bin/sh >> /etc/passwd && mkdir /data && echo hers > /data/file && chown -R eve:staff /data && chmod 2750 /data
RUN rm /etc/group && ln -s /data/file /link && ln /data/file /data/twin
USER eve
RUN id > /tmp-id 2>/dev/null || true
COPY --chown=eve text /text
";
    let digest = |tier: &str| {
        let cooper = Cooper::new().env("SOURCE_DATE_EPOCH", "1700000000");
        busybox(&cooper);
        build(&cooper, &["--isolation", tier], &[("Dockerfile", dockerfile), ("text", "x")]).digest()
    };
    assert_eq!(digest("root"), digest("userns"));
}
