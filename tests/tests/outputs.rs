//! What comes out is accepted by other people's tools.

use std::path::Path;
use std::process::{Command, Stdio};

use cooperage_tests::{Cooper, Registry, busybox, folder, peer, run};

fn app() -> tempfile::TempDir {
    let dockerfile = "FROM busybox:test
LABEL a=b
ENV GREETING=hello
RUN mkdir -p /data/sub && echo one > /data/one && ln /data/one /data/two && ln -s one /data/three \\
    && chown -R ada:staff /data && chmod 750 /data/sub && rm /etc/group
HEALTHCHECK --interval=5s CMD true
SHELL [\"/bin/sh\", \"-ec\"]
WORKDIR /work
CMD [\"/bin/sh\", \"-c\", \"echo $GREETING from the image\"]
";
    folder(&[("Dockerfile", dockerfile)])
}

fn cooper() -> Cooper {
    let cooper = Cooper::new();
    busybox(&cooper);
    cooper
}

fn skopeo(arguments: &[&str]) -> String {
    run(Command::new(peer("skopeo")).args(arguments))
}

#[test]
fn an_oci_archive_is_unpacked_by_umoci_and_run_by_runc() {
    let (cooper, work) = (cooper(), tempfile::tempdir().unwrap());
    let layout = work.path().join("layout");
    let output = format!("type=oci,tar=false,dest={}", layout.display());
    cooper.build(&["-t", "app:1", "--output", &output], app().path()).ok();
    let bundle = work.path().join("bundle");
    run(Command::new(peer("umoci"))
        .args(["unpack", "--image"])
        .arg(format!("{}:1", layout.display()))
        .arg(&bundle));
    let root = bundle.join("rootfs");
    let stat = |path: &str| run(Command::new("stat").args(["-c", "%a %u %g %h %F"]).arg(root.join(path)));
    assert_eq!(stat("data/one"), "644 1000 50 2 regular file\n");
    assert_eq!(stat("data/sub"), "750 1000 50 2 directory\n");
    assert_eq!(std::fs::read_link(root.join("data/three")).unwrap(), Path::new("one"));
    assert!(!root.join("etc/group").exists(), "removed by the step");
    for path in ["etc/resolv.conf", "etc/hosts"] {
        assert!(!root.join(path).exists(), "{path} is only there while a step runs");
    }
    // No terminal here.
    let config = bundle.join("config.json");
    let text = std::fs::read_to_string(&config).unwrap().replace("\"terminal\": true", "\"terminal\": false");
    std::fs::write(&config, text).unwrap();
    let name = format!("cooper-test-{}", std::process::id());
    let said = run(Command::new(peer("runc"))
        .args(["run", "--bundle"])
        .arg(&bundle)
        .arg(&name)
        .stdin(Stdio::null()));
    assert_eq!(said, "hello from the image\n");
}

#[test]
fn archives_are_read_by_skopeo() {
    let (cooper, work) = (cooper(), tempfile::tempdir().unwrap());
    let oci = work.path().join("oci.tar");
    let docker = work.path().join("docker.tar");
    let outcome = cooper.build(
        &[
            "-t",
            "app:1",
            "--output",
            &format!("type=oci,dest={}", oci.display()),
            "--output",
            &format!("type=docker,dest={},compression=zstd", docker.display()),
        ],
        app().path(),
    );
    let outcome = outcome.ok();
    let inspected: serde_json::Value =
        serde_json::from_str(&skopeo(&["inspect", &format!("oci-archive:{}", oci.display())])).unwrap();
    assert_eq!(inspected["Digest"], outcome.digest());
    assert_eq!(inspected["Labels"]["a"], "b");
    skopeo(&["inspect", &format!("docker-archive:{}:app:1", docker.display())]);
    let config: serde_json::Value = serde_json::from_str(&skopeo(&[
        "inspect",
        "--config",
        "--raw",
        &format!("oci-archive:{}", oci.display()),
    ]))
    .unwrap();
    assert_eq!(config["config"]["Healthcheck"]["Test"][0], "CMD-SHELL");
    assert_eq!(config["config"]["Shell"][1], "-ec");
    let layers = config["rootfs"]["diff_ids"].as_array().unwrap().len();
    let history = config["history"].as_array().unwrap();
    assert_eq!(history.iter().filter(|entry| entry["empty_layer"] != true).count(), layers);
}

#[test]
fn a_pushed_image_is_pulled_again_and_copied_by_skopeo() {
    let (registry, other) = (Registry::with_password("ada", "right"), Registry::open());
    let config = folder(&[(
        "config.json",
        // ada:right
        &format!("{{\"auths\": {{\"{}\": {{\"auth\": \"YWRhOnJpZ2h0\"}}}}}}", registry.host()),
    )]);
    let login = config.path().to_str().unwrap();
    let cooper = cooper().env("DOCKER_CONFIG", login);
    let name = format!("{}/team/app:1", registry.host());
    let pushed = cooper.build(&["-t", &name, "--push"], app().path()).ok();
    let copied = format!("docker://{}/copy:1", other.host());
    skopeo(&[
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--src-creds=ada:right",
        &format!("docker://{name}"),
        &copied,
    ]);
    let inspected: serde_json::Value =
        serde_json::from_str(&skopeo(&["inspect", "--tls-verify=false", &copied])).unwrap();
    assert_eq!(inspected["Digest"], pushed.digest());
    // As a base, in an empty store; and whole, by pull.
    let fresh = Cooper::new();
    let context = folder(&[("Dockerfile", &format!("FROM {}/copy:1\nRUN cat /data/two\n", other.host()))]);
    let first = fresh.build(&[], context.path()).ok();
    assert!(first.stderr.contains("one") && first.count("pulled_blobs") > 0);
    let again = fresh.build(&[], context.path()).ok();
    assert_eq!((again.count("ran"), again.count("pulled_blobs")), (0, 0));
    let copy = format!("{}/copy:1", other.host());
    let pulled = fresh.run(["pull", &copy]).ok();
    assert!(pulled.stdout.contains(&pushed.digest()));
    fresh.run(["tag", &copy, &format!("{}/third:1", other.host())]).ok();
    fresh.run(["push", &format!("{}/third:1", other.host())]).ok();
    skopeo(&["inspect", "--tls-verify=false", &format!("docker://{}/third:1", other.host())]);
}

#[test]
fn file_trees_come_out_as_directory_and_tar() {
    let (cooper, work) = (cooper(), tempfile::tempdir().unwrap());
    let dest = work.path().join("tree");
    let context = folder(&[
        ("Dockerfile", "FROM scratch\nCOPY --chmod=640 a /d/a\nCOPY link /d/\n"),
        ("a", "contents"),
    ]);
    std::os::unix::fs::symlink("a", context.path().join("link")).unwrap();
    cooper.build(&["--output", dest.to_str().unwrap()], context.path()).ok();
    assert_eq!(std::fs::read_to_string(dest.join("d/a")).unwrap(), "contents");
    let mut tar = cooper
        .command(["build", "-q", "--output", "-"])
        .arg(context.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let listed = run(Command::new("tar").arg("tv").stdin(tar.stdout.take().unwrap()));
    assert!(tar.wait().unwrap().success());
    assert!(listed.contains("-rw-r----- 0/0") && listed.contains("d/a"), "{listed}");
}

#[test]
fn ids_and_metadata_are_written() {
    let (cooper, work) = (cooper(), tempfile::tempdir().unwrap());
    let iidfile = work.path().join("iid");
    let context = app();
    let outcome =
        cooper.build(&["--iidfile", iidfile.to_str().unwrap(), "-t", "a", "-t", "b:2"], context.path()).ok();
    let id = std::fs::read_to_string(&iidfile).unwrap();
    assert_eq!(outcome.metadata["containerimage.config.digest"], id.as_str());
    assert_eq!(outcome.metadata["image.name"], "docker.io/library/a:latest,docker.io/library/b:2");
    let quiet = cooper.run([std::ffi::OsStr::new("build"), "-q".as_ref(), context.path().as_os_str()]).ok();
    assert_eq!((quiet.stdout.trim(), quiet.stderr.as_str()), (id.as_str(), ""));
}

#[test]
fn images_come_and_go() {
    let cooper = cooper();
    let context = app();
    cooper.build(&["-t", "app:1"], context.path()).ok();
    cooper.run(["tag", "app:1", "app:2"]).ok();
    let listed = cooper.run(["images", "-q"]).ok().stdout;
    assert_eq!(listed, "app:1\napp:2\nbusybox:test\n");
    let details: serde_json::Value =
        serde_json::from_str(&cooper.run(["inspect", "app:2"]).ok().stdout).unwrap();
    assert_eq!(details[0]["config"]["config"]["Labels"]["a"], "b");
    cooper.run(["rmi", "app:1"]).ok();
    cooper.run(["prune"]).fails_with(2).says("--force");
    cooper.run(["prune", "--force"]).ok();
    let archive = tempfile::NamedTempFile::new().unwrap();
    let from = folder(&[("Dockerfile", "FROM app:2\nRUN cat /data/one\n")]);
    let output = format!("type=oci,dest={}", archive.path().display());
    cooper.build(&["--output", &output], from.path()).ok();
    cooper.run(["prune", "--all", "--force"]).ok();
    assert_eq!(cooper.run(["images", "-q"]).ok().stdout, "");
    let usage = cooper.run(["du"]).ok().stdout;
    assert!(usage.contains("total"), "{usage}");
    busybox(&cooper);
    cooper.build(&["-t", "app:1"], context.path()).ok();
}
