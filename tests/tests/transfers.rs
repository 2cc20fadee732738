//! Whole images on their way: what a store lacks is had from where it is.

use std::process::Command;

use cooperage_tests::{Cooper, Registry, folder, peer, run};
use serde_json::Value;

/// What skopeo says that is there, raw.
fn skopeo(name: &str) -> Value {
    let name = format!("docker://{name}");
    let text = run(Command::new(peer("skopeo")).args(["inspect", "--raw", "--tls-verify=false", &name]));
    serde_json::from_str(&text).unwrap()
}

/// A base for two platforms in `registry`.
fn base(registry: &Registry) -> String {
    let name = format!("{}/base:1", registry.host());
    let context = folder(&[
        ("Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /\n"),
        ("amd64", "a"),
        ("arm64", "b"),
    ]);
    Cooper::new().build(&["--platform=linux/amd64,linux/arm64", "-t", &name, "--push"], context.path()).ok();
    name
}

#[test]
fn an_image_whose_base_was_never_fetched_is_pushed() {
    let (registry, other) = (Registry::open(), Registry::open());
    let dockerfile = format!("FROM {}\nCOPY --link Dockerfile /\n", base(&registry));
    let context = folder(&[("Dockerfile", &dockerfile)]);
    let cooper = Cooper::new();
    let names = [format!("{}/app:1", registry.host()), format!("{}/app:1", other.host())];
    let built =
        cooper.build(&["--platform=linux/amd64", "-t", &names[0], "-t", &names[1]], context.path()).ok();
    assert_eq!(built.count("pulled_blobs"), 0);
    for name in &names {
        let pushed = cooper.run(["push", name]).ok();
        assert!(pushed.stdout.contains(&built.digest()), "{}", pushed.stdout);
        let layers = skopeo(name)["layers"].as_array().unwrap().len();
        assert_eq!(layers, 2);
        run(Command::new(peer("skopeo"))
            .args(["copy", "--src-tls-verify=false", "--override-arch=amd64", &format!("docker://{name}")])
            .arg(format!("dir:{}", tempfile::tempdir().unwrap().path().display())));
    }
}

#[test]
fn an_image_that_was_pulled_for_one_platform_is_pushed_for_that_one() {
    let registry = Registry::open();
    let (base, copy) = (base(&registry), format!("{}/copy:1", registry.host()));
    let index = skopeo(&base);
    let cooper = Cooper::new();
    cooper.run(["pull", "--platform=linux/arm64", &base]).ok();
    cooper.run(["tag", &base, &copy]).ok();
    let pushed = cooper.run(["push", &copy]).ok().says("without the platforms that were not pulled");
    assert_eq!(index["manifests"][1]["platform"]["architecture"], "arm64");
    let digest = index["manifests"][1]["digest"].as_str().unwrap();
    assert!(pushed.stdout.contains(digest), "{}", pushed.stdout);
    assert!(skopeo(&copy)["layers"].is_array());
    cooper.run(["pull", "--platform=linux/amd64", &base]).ok();
    cooper.run(["push", &copy]).ok();
    assert_eq!(skopeo(&copy), index, "now that all of it is there");
}

#[test]
fn a_base_that_was_pulled_for_another_platform_is_asked_for() {
    let registry = Registry::open();
    let base = base(&registry);
    let context = folder(&[("Dockerfile", &format!("FROM {base}\nCOPY Dockerfile /\n"))]);
    let cooper = Cooper::new();
    cooper.run(["pull", "--platform=linux/arm64", &base]).ok();
    cooper.build(&["--platform=linux/amd64"], context.path()).ok();
}

#[test]
fn a_compression_level_is_of_its_own_output_alone() {
    let context =
        folder(&[("Dockerfile", "FROM scratch\nCOPY text /\n"), ("text", &"some text, ".repeat(9999))]);
    let (cooper, work) = (Cooper::new(), tempfile::tempdir().unwrap());
    let archive = |name: &str, level: &str| format!("type=oci,dest={}/{name}{level}", work.path().display());
    let build = |cooper: &Cooper, outputs: &[String]| {
        let mut arguments: Vec<&str> = outputs.iter().flat_map(|output| ["--output", output]).collect();
        arguments.extend(["--build-arg", "SOURCE_DATE_EPOCH=0"]);
        cooper.build(&arguments, context.path()).ok().digest()
    };
    let plain = build(&Cooper::new(), &[archive("a", "")]);
    let small = build(&cooper, &[archive("b", ",compression-level=9")]);
    assert_ne!(plain, small);
    assert_eq!(build(&cooper, &[archive("c", "")]), plain, "what was built before does not matter");
    let both = [archive("d", ""), archive("e", ",compression-level=9")];
    build(&Cooper::new(), &both);
    let bytes = |name: &str| std::fs::metadata(work.path().join(name)).unwrap().len();
    assert!(bytes("e") < bytes("d"));
}
