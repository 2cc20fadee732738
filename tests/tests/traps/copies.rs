//! COPY and ADD.

use std::process::Command;

use cooperage_tests::{folder, run};

use crate::{cooper, said};

#[test]
fn trap_02_link_follows_no_links_and_overrides_modes() {
    let dockerfile = "FROM busybox:test
RUN mkdir -p -m 700 /real /kept && ln -s real /link
COPY --link f /link/f
COPY --link f /kept/f
COPY f /real/plain
RUN ls -ld /link | cut -c1; test -e /real/f || echo not followed; stat -c '%n %a' /kept /real
";
    let expected = ["d", "not followed", "/kept 755", "/real 700"];
    assert_eq!(said(dockerfile, &[("f", "")]), expected);
}

#[test]
fn trap_03_a_pattern_may_match_nothing_and_a_name_may_not() {
    assert_eq!(said("FROM busybox:test\nCOPY no*such f /d/\nRUN ls /d\n", &[("f", "")]), ["f"]);
    let context = folder(&[("Dockerfile", "FROM scratch\nCOPY nosuch /d/\n"), ("f", "")]);
    cooper().build(&[], context.path()).fails_with(1).says("\"/nosuch\": not found");
}

#[test]
fn trap_04_matched_directories_give_their_contents() {
    let dockerfile = "FROM busybox:test\nCOPY dir* /x/\nRUN ls /x\n";
    assert_eq!(said(dockerfile, &[("dir1/a", ""), ("dir2/b", "")]), ["a", "b"]);
}

#[test]
fn trap_32_archives_are_known_by_their_content() {
    let context = folder(&[
        ("in/f", "inside\n"),
        ("no.tar.gz", "no archive\n"),
        ("Dockerfile", "FROM busybox:test\nADD data /d/\nADD no.tar.gz /d/\nRUN cat /d/f /d/no.tar.gz\n"),
    ]);
    let pack = ["--zstd", "-cf", "data", "-C", "in", "f"];
    run(Command::new("tar").args(pack).current_dir(context.path()));
    let outcome = cooper().build(&[], context.path()).ok();
    assert_eq!(crate::lines(&outcome), ["inside", "no archive"]);
}

#[test]
fn trap_33_archives_keep_their_modes_and_go_into_a_directory() {
    let context = folder(&[
        ("in/f", ""),
        (
            "Dockerfile",
            "FROM busybox:test\nADD --chmod=600 --chown=7:8 a.tar /d\nRUN stat -c '%n %a %u:%g' /d/f\n",
        ),
    ]);
    run(Command::new("sh")
        .args(["-c", "chmod 640 in/f && tar cf a.tar -C in f"])
        .current_dir(context.path()));
    let outcome = cooper().build(&[], context.path()).ok();
    assert_eq!(crate::lines(&outcome), ["/d/f 640 7:8"]);
}

#[test]
fn trap_36_files_of_the_context_are_root_s_and_those_of_a_stage_keep_their_owner() {
    let dockerfile = "FROM busybox:test AS a
RUN echo > /f && chown 7:8 /f
FROM busybox:test
COPY f /context
COPY --from=a /f /stage
COPY --from=a --chown=root /f /changed
RUN stat -c '%n %u:%g' /context /stage /changed
";
    assert_eq!(said(dockerfile, &[("f", "")]), ["/context 0:0", "/stage 7:8", "/changed 0:0"]);
}

#[test]
fn trap_37_a_name_that_is_not_there_is_root() {
    let dockerfile = "FROM busybox:test
COPY --chown=nobody:nogroup f /nobody
COPY --chown=ada f /ada
RUN stat -c '%n %u:%g' /nobody /ada
";
    assert_eq!(said(dockerfile, &[("f", "")]), ["/nobody 0:0", "/ada 1000:1000"]);
}

#[test]
fn trap_38_a_number_is_its_own_group() {
    let dockerfile = "FROM busybox:test\nCOPY --chown=1000 f /f\nRUN stat -c '%u:%g' /f\n";
    assert_eq!(said(dockerfile, &[("f", "")]), ["1000:1000"]);
}

#[test]
fn trap_39_octal_modes_are_for_made_directories_too_and_symbolic_ones_are_not() {
    let dockerfile = "FROM busybox:test
COPY --chmod=700 f /octal/sub/f
COPY --chmod=u=rwx,go= f /symbolic/sub/f
RUN stat -c '%n %a' /octal /octal/sub/f /symbolic /symbolic/sub/f
";
    let expected = ["/octal 700", "/octal/sub/f 700", "/symbolic 755", "/symbolic/sub/f 700"];
    assert_eq!(said(dockerfile, &[("f", "")]), expected);
}

#[test]
fn trap_40_the_dockerfile_s_own_ignore_file_replaces_the_other() {
    let files = [
        (".dockerignore", "a\n"),
        ("Dockerfile.dockerignore", "b\n"),
        ("Dockerfile", "FROM busybox:test\nCOPY . /d\nRUN cd /d && ls a b; true\n"),
        ("a", ""),
        ("b", ""),
    ];
    let outcome = cooper().build(&[], folder(&files).path()).ok();
    outcome.says("ls: b: No such file");
}

#[test]
fn trap_41_an_ignored_dockerfile_builds_and_cannot_be_copied() {
    let files = [
        (".dockerignore", "Dockerfile\n.dockerignore\n"),
        ("Dockerfile", "FROM busybox:test\nCOPY . /d\nRUN ls -A /d\n"),
        ("f", ""),
    ];
    let outcome = cooper().build(&[], folder(&files).path()).ok();
    assert_eq!(crate::lines(&outcome), ["f"]);
}

#[test]
fn trap_64_what_a_pattern_matched_itself_is_not_excluded() {
    let dockerfile = "FROM busybox:test\nCOPY --exclude=*.txt a* /d/\nRUN ls /d\n";
    assert_eq!(said(dockerfile, &[("a.txt", ""), ("ab/c.txt", ""), ("ab/d", "")]), ["a.txt", "d"]);
}

#[test]
fn trap_65_excludes_are_read_like_an_ignore_file() {
    let files = [("d/a.txt", ""), ("d/s/b.txt", ""), ("d/s/c", "")];
    let top = "FROM busybox:test\nCOPY --exclude=*.txt d /d\nRUN cd /d && find . -type f | sort\n";
    assert_eq!(said(top, &files), ["./s/b.txt", "./s/c"]);
    let all = "FROM busybox:test\nCOPY --exclude=**/*.txt d /d\nRUN cd /d && find . -type f | sort\n";
    assert_eq!(said(all, &files), ["./s/c"]);
}

#[test]
fn trap_72_without_a_slash_the_destination_is_a_file() {
    let dockerfile = "FROM busybox:test\nCOPY a newdir\nCOPY a b other\nRUN cat /newdir /other\n";
    assert_eq!(said(dockerfile, &[("a", "from a\n"), ("b", "from b\n")]), ["from a", "from b"]);
}

#[test]
fn trap_80_octal_modes_reach_directories_in_the_tree_and_set_id_bits_count() {
    let dockerfile = "FROM busybox:test AS s
RUN mkdir -p /t/d && echo > /t/d/f && ln -s d /t/l
FROM busybox:test
COPY --from=s --chmod=644 /t /octal
COPY --from=s --chmod=u=rwX,go=rX /t /symbolic
COPY --from=s --chmod=4755 /t/d/f /set
RUN stat -c '%n %a' /octal/d /octal/d/f /octal/l /symbolic/d /symbolic/d/f /set
";
    let expected = [
        "/octal/d 644",
        "/octal/d/f 644",
        "/octal/l 777",
        "/symbolic/d 755",
        "/symbolic/d/f 644",
        "/set 4755",
    ];
    assert_eq!(said(dockerfile, &[]), expected);
}
