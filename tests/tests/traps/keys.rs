//! What is done again, and what is not.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use cooperage_tests::folder;

use crate::{cooper, hits};

#[test]
fn trap_34_modes_are_part_of_the_content_and_times_are_not() {
    let cooper = cooper();
    let context = folder(&[("Dockerfile", "FROM busybox:test\nCOPY f /f\nRUN cat /f\n"), ("f", "x\n")]);
    let path = context.path();
    let file = std::fs::File::options().write(true).open(path.join("f")).unwrap();
    cooper.build(&[], path).ok();
    file.set_modified(SystemTime::now() - Duration::from_secs(5000)).unwrap();
    assert_eq!(cooper.build(&[], path).ok().count("ran"), 0);
    file.set_permissions(std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(cooper.build(&[], path).ok().count("ran") > 0);
}

#[test]
fn trap_35_a_file_that_moved_is_the_same_file() {
    let cooper = cooper();
    let before =
        folder(&[("Dockerfile", "FROM busybox:test\nCOPY one/f /f\nRUN cat /f\n"), ("one/f", "x\n")]);
    let after = folder(&[("Dockerfile", "FROM busybox:test\nCOPY two/f /f\nRUN cat /f\n"), ("two/f", "x\n")]);
    assert!(hits(&cooper, (&[], before.path()), (&[], after.path())));
}

#[test]
fn trap_47_how_a_cache_is_called_and_shared_is_not_part_of_the_key() {
    let cooper = cooper();
    let of = |mount: &str| {
        let text = format!("FROM busybox:test\nRUN --mount=type=cache,target=/c,{mount} true\n");
        folder(&[("Dockerfile", &text)])
    };
    let (one, two) = (of("id=one"), of("id=two,sharing=locked"));
    assert!(hits(&cooper, (&[], one.path()), (&[], two.path())));
    // BuildKit keeps the default ones in its keys, so that old records still match; there are none here.
    let default = of("id=/c");
    assert_eq!(cooper.build(&[], default.path()).ok().count("ran"), 0);
}

#[test]
fn trap_50_names_of_hosts_are_part_of_the_key_and_their_addresses_are_not() {
    let cooper = cooper();
    let context = folder(&[("Dockerfile", "FROM busybox:test\nRUN grep box /etc/hosts\n")]);
    let path = context.path();
    assert!(hits(&cooper, (&["--add-host=box:10.0.0.1"], path), (&["--add-host=box:10.0.0.2"], path)));
    assert!(cooper.build(&["--add-host=boxes:10.0.0.1"], path).ok().count("ran") > 0);
}

#[test]
fn trap_62_the_epoch_is_in_config_and_history() {
    let cooper = cooper();
    let context = folder(&[("Dockerfile", "FROM busybox:test\nARG SOURCE_DATE_EPOCH\nRUN echo > /f\n")]);
    let arguments = ["-t", "app", "--build-arg", "SOURCE_DATE_EPOCH=1700000000"];
    cooper.build(&arguments, context.path()).ok();
    let shown = cooper.run(["inspect", "app"]).ok().stdout;
    assert_eq!(shown.matches("2023-11-14T22:13:20Z").count(), 3, "{shown}");
}
