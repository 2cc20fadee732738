//! Stages, bases, platforms and contexts.

use cooperage_frontend::lower::{Inputs, NamedContext};

use crate::{err, ok, ok_with};

#[test]
fn trap_10_only_a_base_word_has_case() {
    ok("FROM scratch AS build\nCOPY a /\nFROM scratch\nCOPY --from=Build a /").lacks("docker-image");
    err("FROM scratch AS build\nFROM Build").has(&["expected an image or an earlier stage", "did you mean"]);
    let target = |inputs: &mut Inputs| inputs.target = Some("BUILD".to_owned());
    ok_with("FROM scratch AS build\nCOPY a /\nFROM busybox", target).lacks("busybox");
}

#[test]
fn trap_11_of_one_name_from_takes_the_earlier_and_copy_the_last_stage() {
    let dockerfile = "FROM one AS a
FROM a AS based
RUN base
FROM two AS a
RUN last
FROM scratch
COPY --from=based /x /
COPY --from=a /y /";
    let lowered = ok(dockerfile);
    lowered.has(&["library/one:latest", "library/two:latest", "Duplicate stage name"]);
}

#[test]
fn trap_12_a_number_is_a_stage_for_copy_and_an_image_for_a_mount() {
    ok("FROM scratch\nCOPY a /\nFROM scratch\nCOPY --from=0 a /").lacks("docker-image");
    ok("FROM busybox\nRUN --mount=from=0,target=/m true").has(&["docker-image://docker.io/library/0:latest"]);
}

#[test]
fn trap_13_sources_have_no_variables() {
    let help = "define a stage with FROM";
    err("FROM busybox\nARG A\nCOPY --from=$A a /").has(&["variable expansion is not supported", help]);
    err("FROM busybox\nARG A\nRUN --mount=from=$A,target=/m true").has(&["'from' doesn't support", help]);
}

#[test]
fn trap_29_an_unknown_directive_ends_the_directives() {
    // The file is read with backslashes: the directive came too late.
    ok("# unknown=x\n# escape=`\nFROM busybox\nENV a=b\\\nc").has(&["\"a=bc\""]);
    ok("# escape=`\nFROM busybox\nENV a=b`\nc").has(&["\"a=bc\""]);
}

#[test]
fn trap_52_an_explicit_platform_is_stamped_on_the_result() {
    let arm = |inputs: &mut Inputs| {
        inputs.platform = "linux/arm64".parse().unwrap();
        inputs.platform_is_explicit = true;
    };
    ok_with("FROM --platform=linux/amd64 busybox", arm)
        .has(&["platform linux/amd64\n", "\"architecture\": \"arm64\""]);
}

#[test]
fn trap_53_the_platform_of_a_base_changes_no_argument() {
    ok("FROM --platform=linux/arm64 busybox\nARG TARGETPLATFORM\nARG BUILDARCH\nRUN true").has(&[
        "\"TARGETPLATFORM=linux/amd64\"",
        "\"BUILDARCH=amd64\"",
        "platform linux/arm64",
    ]);
}

#[test]
fn trap_54_a_context_named_like_a_stage_replaces_it() {
    let replaced = |inputs: &mut Inputs| {
        let image = NamedContext::Image(Some("other".parse().unwrap()));
        inputs.contexts.insert("base".to_owned(), image);
    };
    ok_with("FROM busybox AS base\nRUN never\nFROM base\nRUN after", replaced)
        .lacks("never")
        .lacks("busybox")
        .has(&["library/other:latest", "after"]);
}

#[test]
fn trap_55_triggers_of_the_same_file_fire_and_leave_no_history_themselves() {
    let lowered = ok("FROM busybox AS a\nONBUILD RUN triggered\nFROM a\nRUN own");
    lowered.has(&["ONBUILD RUN triggered", "RUN /bin/sh -c triggered # buildkit"]).lacks("\"OnBuild\"");
    let stored = ok("FROM busybox\nONBUILD RUN later").has(&["\"OnBuild\": [\n      \"RUN later\""]);
    assert_eq!(stored.count("created_by"), 1, "the base's own");
}

#[test]
fn trap_60_of_a_base_created_goes_and_author_and_history_stay() {
    let lowered = ok("FROM busybox\nMAINTAINER me\nENV a=b");
    lowered
        .has(&["\"created_by\": \"base\"", "\"author\": \"me\""])
        .lacks("  \"created\": \"2024\",\n  \"config");
}

#[test]
fn trap_61_an_unreachable_stage_is_not_looked_at() {
    ok("FROM missing:tag AS unused\nCOPY --chown=x /a /\nRUN --network=none x\nFROM scratch\nCOPY a /")
        .lacks("missing");
}

#[test]
fn trap_62_the_epoch_is_the_time_of_what_workdir_makes() {
    let epoch = |inputs: &mut Inputs| inputs.epoch = Some(7);
    ok_with("FROM busybox\nWORKDIR /w\nCOPY a b", epoch).has(&["time 7000000000", "epoch 7"]);
    ok("FROM busybox\nWORKDIR /w").has(&["time -1"]);
}

#[test]
fn trap_73_a_platform_does_not_count_where_no_image_is_named() {
    let dockerfile = "FROM --platform=linux/arm64 scratch AS a\nFROM --platform=linux/arm64 a\nRUN true";
    ok(dockerfile).has(&["platform linux/amd64"]).lacks("platform linux/arm64\n");
}

#[test]
fn trap_79_unreachable_stages_are_checked_all_the_same() {
    for (wrong, said) in [
        ("FROM $EMPTY", "should not be blank"),
        ("FROM --platform=x/y/z/w busybox", "failed to parse platform"),
        ("FROM busybox\nCOPY --from=9 a /", "invalid stage index 9"),
        ("FROM busybox\nCOPY --from=$A a /", "variable expansion is not supported"),
        ("FROM busybox\nRUN --network=x true", "unsupported network mode"),
        ("FROM busybox\nHEALTHCHECK --interval=x CMD true", "invalid duration"),
        ("FROM busybox AS c\nCOPY --from=c a /", "circular dependency"),
    ] {
        err(&format!("{wrong}\nFROM scratch\nCOPY a /")).has(&[said]);
    }
}
