//! COPY, ADD, heredocs and mounts.

use crate::{err, ok, ok_with};

#[test]
fn trap_01_link_with_chmod_is_a_plain_copy() {
    ok("FROM busybox\nCOPY --link --chmod=644 a /a").lacks("merge").has(&["mode 644"]);
    ok("FROM busybox\nCOPY --link a /a").has(&["merge of"]);
}

#[test]
fn trap_05_quotes_group_no_words_and_json_strings_are_still_processed() {
    err("FROM scratch\nCOPY \"a b\" /d/").has(&["looking for matching double-quote"]);
    err("FROM scratch\nVOLUME \"a b\"").has(&["looking for matching double-quote"]);
    ok("FROM scratch\nARG d=dir\nCOPY [\"a b\", \"'$d'-$d/\"]").has(&["\"/a b\" to \"/$d-dir/\""]);
}

#[test]
fn trap_22_heredocs_are_escaped_by_backslashes_whatever_the_directive_says() {
    let dockerfile = "# escape=`\nFROM scratch\nARG a=1\nCOPY <<EOF /f\n\\$a `$a $a\nEOF\n";
    ok(dockerfile).has(&[r#""$a `1 1\n""#]);
}

#[test]
fn trap_23_tabs_go_and_blanks_stay() {
    ok("FROM scratch\nCOPY <<-EOF /f\n\ta\n\t  b\n\t\tEOF\n").has(&[r#""a\n  b\n""#]);
    err("FROM scratch\nCOPY <<-EOF /f\na\n  EOF\n").has(&["unterminated heredoc", "only tabs may stand"]);
}

#[test]
fn trap_31_what_ends_in_git_is_cloned() {
    ok("FROM scratch\nADD https://x/y.git /a\nADD https://x/y /b").has(&[
        "source git://x/y.git",
        "source https://x/y\n",
        "http.filename y",
    ]);
}

#[test]
fn trap_37_a_name_needs_a_passwd_file_and_numbers_do_not() {
    err("FROM scratch\nCOPY --chown=web a /").has(&["the stage is empty", "give numbers"]);
    ok("FROM scratch\nCOPY --chown=root:7 a /").has(&["owner 0:7"]);
}

#[test]
fn trap_38_a_number_is_its_own_group() {
    // The group is left out in the op; whoever solves it takes the user's number.
    ok("FROM scratch\nCOPY --chown=1000 a /").has(&["owner 1000:\n"]);
}

#[test]
fn trap_40_ignore_files_are_for_directories() {
    let ignore = |inputs: &mut cooperage_frontend::lower::Inputs| inputs.ignore = vec!["x".to_owned()];
    let dockerfile = "FROM scratch\nCOPY a /";
    ok_with(dockerfile, ignore).has(&["local.excludepatterns [\"x\"]"]);
    ok_with(dockerfile, |inputs| {
        ignore(inputs);
        let url = "https://example.com/x.tar".to_owned();
        inputs.context = cooperage_frontend::lower::MainContext::Url { url, archive: true };
    })
    .lacks("exclude");
}

#[test]
fn trap_66_of_two_heredocs_of_one_name_the_last_body_is_used() {
    let twice = ok("FROM scratch\nCOPY <<a <<a /d/\nfirst\na\nsecond\na\n");
    assert_eq!(twice.count(r#""second\n""#), 1, "equal ops are one");
    twice.lacks("first\\n");
    ok("FROM busybox\nRUN cat <<a - <<a\nfirst\na\nsecond\na\n").has(&["first\\na\\nsecond\\na"]);
}

#[test]
fn trap_68_an_empty_target_is_the_working_directory() {
    for kind in ["bind", "cache", "tmpfs"] {
        let dockerfile = format!("FROM busybox\nWORKDIR /w\nRUN --mount=type={kind} true");
        ok(&dockerfile).has(&["mount /w "]);
    }
    err("FROM busybox\nRUN --mount=type=bind true").has(&["invalid mount target"]);
}

#[test]
fn trap_70_what_is_fetched_is_no_pattern_and_is_not_unpacked() {
    let dockerfile = "FROM scratch\nADD https://x/[a].tar /a/\nADD https://x/y.git /b/\nADD <<EOF /c/\nEOF\n";
    ok(dockerfile).lacks("wildcard").lacks("unpack").has(&["\"/[a].tar\" to \"/a/\""]);
    ok("FROM scratch\nADD --unpack https://x/a.tar /a/").has(&["unpack"]).lacks("wildcard");
}

#[test]
fn trap_71_sources_of_a_stage_are_relative_to_its_root() {
    ok("FROM busybox AS a\nWORKDIR /w\nFROM scratch\nWORKDIR /v\nCOPY --from=a . f g/")
        .has(&["\"/\" to \"/v/g/\"", "\"/f\" to \"/v/g/\""]);
}

#[test]
fn trap_75_a_blank_after_the_opening_is_for_run_alone() {
    ok("FROM scratch\nCOPY << EOF /x\nbody\nEOF\n").has(&["\"/<<\" to", "\"/EOF\" to"]).lacks("body");
    ok("FROM busybox\nRUN << EOF\nbody\nEOF\n").has(&[r#""-c", "body\n"]"#]);
    err("FROM busybox\nRUN <<- EOF\nbody\nEOF\n").has(&["unknown instruction: body"]);
}

#[test]
fn trap_76_relative_cache_targets_share_a_directory() {
    let dockerfile = "FROM busybox
WORKDIR /a
RUN --mount=type=cache,target=cache one
WORKDIR /b
RUN --mount=type=cache,target=cache two";
    let lowered = ok(dockerfile).has(&["mount /a/cache", "mount /b/cache"]);
    assert_eq!(lowered.count("id /cache Shared"), 2);
}

#[test]
fn trap_81_a_run_uses_all_of_its_stage_and_a_copy_what_it_names() {
    let directory = |inputs: &mut cooperage_frontend::lower::Inputs| {
        let local = cooperage_frontend::lower::NamedContext::Local { ignore: Vec::new() };
        inputs.contexts.insert("dir".to_owned(), local);
    };
    let copied = "FROM dir AS a\nFROM scratch\nCOPY --from=a /x /";
    ok_with(copied, directory).has(&["local.followpaths [\"x\"]"]);
    let run = "FROM dir AS a\nRUN true\nFROM scratch\nCOPY --from=a /x /";
    ok_with(run, directory).lacks("followpaths");
}
