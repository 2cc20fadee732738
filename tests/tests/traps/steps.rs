//! RUN: what a step sees, and what stays of it.

use cooperage_tests::folder;

use crate::{cooper, lines, said};

#[test]
fn trap_42_hosts_and_resolv_conf_are_read_only_and_in_no_layer() {
    let dockerfile = "FROM busybox:test
RUN (echo x >> /etc/hosts) 2>/dev/null || echo read-only; test -s /etc/hosts && echo there
FROM busybox:test
COPY --from=0 /etc /copied
RUN ls /copied
";
    assert_eq!(said(dockerfile, &[]), ["read-only", "there", "group", "passwd"]);
}

#[test]
fn trap_43_run_stays_and_shm_does_not() {
    let dockerfile = "FROM busybox:test
RUN mkdir -p /run && echo stays > /run/f && echo goes > /dev/shm/f
RUN cat /run/f; test -e /dev/shm/f || echo gone
";
    assert_eq!(said(dockerfile, &[]), ["stays", "gone"]);
}

#[test]
fn trap_44_places_made_for_mounts_go_unless_something_is_in_them() {
    let dockerfile = "FROM busybox:test
RUN --mount=type=tmpfs,target=/a/b/c true
RUN --mount=type=tmpfs,target=/d/e echo > /d/kept
RUN test -e /a || echo gone; ls /d
";
    assert_eq!(said(dockerfile, &[]), ["gone", "kept"]);
}

#[test]
fn trap_45_what_is_written_to_a_bind_mount_is_thrown_away() {
    let dockerfile = "FROM busybox:test AS s
RUN mkdir /t && echo old > /t/f
FROM busybox:test
RUN --mount=from=s,source=/t,target=/m,rw echo new > /m/f && cat /m/f && echo > /m/more
RUN --mount=from=s,source=/t,target=/m cat /m/f && ls /m; ls -d /m
COPY --from=s /t /t
RUN cat /t/f
";
    assert_eq!(said(dockerfile, &[]), ["new", "old", "f", "/m", "old"]);
}

#[test]
fn trap_46_secrets_and_sockets_may_be_missing_unless_they_are_required() {
    let dockerfile = "FROM busybox:test
RUN --mount=type=secret,id=s --mount=type=ssh --mount=type=secret,id=e,env=E \
    test -e /run/secrets/s || echo \"no secret, $E${SSH_AUTH_SOCK:+socket}\"
";
    let outcome = cooper().build(&[], folder(&[("Dockerfile", dockerfile)]).path()).ok();
    assert!(lines(&outcome)[0].starts_with("no secret, "), "{}", outcome.stderr);
    for mount in ["type=secret,id=s,required", "type=ssh,required=true", "type=secret,id=s,env=E,required"] {
        let dockerfile = format!("FROM busybox:test\nRUN --mount={mount} echo ran\n");
        let outcome = cooper().build(&[], folder(&[("Dockerfile", &dockerfile)]).path());
        assert!(outcome.code != Some(0) && lines(&outcome).is_empty(), "{}", outcome.stderr);
    }
}

#[test]
fn trap_48_attributes_of_a_cache_count_when_it_is_made() {
    let dockerfile = "FROM busybox:test
RUN --mount=type=cache,target=/c,uid=7,mode=700 stat -c '%u %a' /c && chmod 711 /c
RUN --mount=type=cache,target=/c,uid=7,mode=700 stat -c '%u %a' /c
RUN --mount=type=cache,target=/c,uid=9,mode=750 stat -c '%u %a' /c
";
    // Other attributes are another beginning, and so another directory.
    assert_eq!(said(dockerfile, &[]), ["7 700", "7 711", "9 750"]);
}

/// Each of two steps waits for a file of the other one.
const MEET: &str = "i=0; until [ -e /c/OTHER ] || [ $i -gt 100 ]; do sleep 0.1; i=$((i+1)); done";

#[test]
fn trap_49_caches_are_shared_locked_or_private() {
    let stage = |sharing: &str, own: &str, other: &str| {
        let meet = MEET.replace("OTHER", other);
        format!(
            "FROM busybox:test AS {own}\nRUN --mount=type=cache,target=/c,sharing={sharing} echo > /c/{own}; {meet}; ls /c > /seen\n"
        )
    };
    let both =
        "FROM busybox:test\nCOPY --from=a /seen /a\nCOPY --from=b /seen /b\nRUN cat /a; echo -; cat /b\n";
    let shared = stage("shared", "a", "b") + &stage("shared", "b", "a") + both;
    assert_eq!(said(&shared, &[]), ["a", "b", "-", "a", "b"]);
    // One after the other: the directory that a step makes and removes is never there for the other.
    let locked = |own: &str| {
        format!(
            "FROM busybox:test AS {own}\nRUN --mount=type=cache,target=/c,sharing=locked mkdir /c/lock && sleep 0.3 && rmdir /c/lock && echo {own} > /seen\n"
        )
    };
    assert_eq!(said(&(locked("a") + &locked("b") + both), &[]), ["a", "-", "b"]);
    // Each its own: as long as the first one works, the second one does not see its file.
    let private = |own: &str, more: &str| {
        format!(
            "FROM busybox:test AS {own}\nRUN --mount=type=cache,target=/c,sharing=private --mount=type=cache,target=/meet touch /c/{own} /meet/{own}; {more}; ls /c > /seen\n"
        )
    };
    let wait = |other: &str| MEET.replace("/c/OTHER", &format!("/meet/{other}"));
    let private = private("a", &wait("b")) + &private("b", &wait("a")) + both;
    assert_eq!(said(&private, &[]), ["a", "-", "b"]);
}

#[test]
fn trap_58_a_volume_loses_nothing_that_is_built_into_it() {
    let dockerfile = "FROM busybox:test\nVOLUME /v\nRUN mkdir -p /v && echo kept > /v/f\nRUN cat /v/f\n";
    assert_eq!(said(dockerfile, &[]), ["kept"]);
}
