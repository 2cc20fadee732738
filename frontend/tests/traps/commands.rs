//! The text of a file, commands, and what becomes of the image's config.

use crate::{err, ok};

#[test]
fn trap_06_broken_json_is_a_shell_line_and_a_number_in_an_array_is_an_error() {
    ok("FROM busybox\nRUN ['a', 'b']").has(&[r#"args ["/bin/sh", "-c", "['a', 'b']"]"#]);
    ok("FROM busybox\nENTRYPOINT [\"a\", ]").has(&[r#""[\"a\", ]""#]);
    err("FROM busybox\nCMD [\"a\", 1]").has(&["arrays must be comprised of strings only"]);
}

#[test]
fn trap_07_entrypoint_drops_the_cmd_of_the_base_and_not_the_stage_s_own() {
    ok("FROM busybox\nENTRYPOINT [\"e\"]").lacks("\"Cmd\"");
    ok("FROM busybox\nCMD [\"c\"]\nENTRYPOINT [\"e\"]").has(&["\"Cmd\": [\n      \"c\""]);
    ok("FROM busybox AS a\nCMD [\"c\"]\nFROM a\nENTRYPOINT [\"e\"]").lacks("\"Cmd\"");
}

#[test]
fn trap_08_cmd_sets_args_escaped() {
    ok("FROM busybox\nCMD x").has(&["\"ArgsEscaped\": true"]);
    ok("FROM busybox\nENTRYPOINT [\"x\"]").lacks("ArgsEscaped");
}

#[test]
fn trap_09_workdir_makes_a_layer_that_is_the_user_s_and_the_root_none() {
    let lowered = ok("FROM busybox\nUSER 7\nWORKDIR /w");
    lowered.has(&["mkdir", "owner 7:", "\"created_by\": \"WORKDIR /w\",\n      \"comment\""]);
    ok("FROM busybox\nWORKDIR /")
        .lacks("mkdir")
        .has(&["\"created_by\": \"WORKDIR /\"", "\"empty_layer\": true"]);
}

#[test]
fn trap_24_a_heredoc_alone_is_the_script_quoted_or_not() {
    for opening in ["<<EOF", "<<'EOF'", "<<\"EOF\""] {
        ok(&format!("FROM busybox\nRUN {opening}\necho $x\nEOF\n")).has(&[r#""-c", "echo $x\n"]"#]);
    }
    // With other words the shell reads the heredoc, quotes and all.
    ok("FROM busybox\nRUN cat <<'EOF' > f\n$x\nEOF\n").has(&[r#""cat <<'EOF' > f\n$x\nEOF"]"#]);
}

#[test]
fn trap_25_a_script_with_its_own_interpreter_is_mounted_and_run_by_the_shell() {
    ok("FROM busybox\nSHELL [\"/bin/ash\", \"-x\"]\nRUN <<S\n#!/bin/sed p\nS\n").has(&[
        "mkfile -1 -1 -> 0 /S 755",
        "mount /dev/pipes/ Bind",
        "readonly",
        r#"args ["/bin/ash", "-x", "/dev/pipes/S"]"#,
    ]);
}

#[test]
fn trap_26_comments_and_blank_lines_among_continuations_vanish() {
    ok("FROM busybox\nRUN a \\\n# b \\\n\n   # c\n  d").has(&[r#""-c", "a   d"]"#, "NoEmptyContinuation"]);
    ok("FROM busybox\n# comment \\\nRUN a").has(&[r#""-c", "a"]"#]);
}

#[test]
fn trap_27_blanks_may_follow_the_backslash_and_two_of_them_end_the_line() {
    ok("FROM busybox\nRUN a \\ \t \nb").has(&[r#""a b""#]);
    err("FROM busybox\nRUN a \\\\\nb").has(&["unknown instruction: b"]);
}

#[test]
fn trap_28_a_line_has_at_most_64_kib() {
    let long = "x".repeat(65_536);
    err(&format!("FROM busybox\nRUN {long}"))
        .has(&["dockerfile line greater than max", "put it in a heredoc"]);
    let half = &long[..40_000];
    ok(&format!("FROM busybox\nRUN <<EOF\n{half}\n{half}\nEOF\n")).lacks("error");
}

#[test]
fn trap_51_network_and_security_are_part_of_the_op() {
    ok("FROM busybox\nRUN --network=none true\nRUN --network=host true")
        .has(&["network None", "network Host"]);
    ok("FROM busybox\nRUN --security=insecure true").has(&["security Insecure"]);
}

#[test]
fn trap_56_healthcheck_none_ignores_flags_and_expose_sorts() {
    ok("FROM busybox\nHEALTHCHECK --whatever=1 NONE").has(&["\"NONE\""]);
    ok("FROM busybox\nEXPOSE 9 10/udp 1").has(&["EXPOSE [1/tcp 10/udp 9/tcp]"]);
}

#[test]
fn trap_59_maintainer_is_the_author_and_no_label() {
    ok("FROM busybox\nMAINTAINER me").has(&["\"author\": \"me\"", "MaintainerDeprecated"]).lacks("Labels");
}

#[test]
fn trap_78_flags_of_arg_and_stopsignal_are_dropped() {
    ok("FROM busybox\nARG --foo X=1\nENV Y=$X\nSTOPSIGNAL --bar 9")
        .has(&["\"Y=1\"", "\"StopSignal\": \"9\""]);
}
