//! What the caller gives a build: secrets, agents, hosts, entitlements.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use cooperage_tests::{Cooper, busybox, folder, write};

fn cooper() -> Cooper {
    let cooper = Cooper::new().env("GIVEN", "from the environment");
    busybox(&cooper);
    cooper
}

fn in_store(cooper: &Cooper, text: &str) -> bool {
    let found = Command::new("grep").args(["-rqF", text]).arg(cooper.root()).status().unwrap();
    found.success()
}

#[test]
fn tier_root_a_secret_is_seen_and_leaves_no_trace() {
    let cooper = cooper();
    let files = folder(&[("token", "hush-in-a-file\n")]);
    let dockerfile = "FROM busybox:test
RUN --mount=type=secret,id=token stat -c '%a %u:%g' /run/secrets/token && wc -c < /run/secrets/token
RUN --mount=type=secret,id=token,target=/s,mode=0440,uid=7,gid=8 stat -c '%a %u:%g' /s && ! echo x > /s
RUN --mount=type=secret,id=var,env=VAR test ${#VAR} = 20 && test ! -e /run/secrets/var
RUN test ! -e /run/secrets && test ! -e /s
";
    let context = folder(&[("Dockerfile", dockerfile)]);
    let token = format!("id=token,src={}", files.path().join("token").display());
    let arguments = ["--secret", &token, "--secret", "id=var,env=GIVEN"];
    let first = cooper.build(&arguments, context.path()).ok();
    let first = first.says("400 0:0").says("15").says("440 7:8");
    assert!(!in_store(&cooper, "hush-in-a-file") && !in_store(&cooper, "from the environment"));
    // Neither is it in a key.
    write(files.path(), &[("token", "something else")]);
    let second = cooper.build(&arguments, context.path()).ok();
    assert_eq!((second.count("ran"), second.digest()), (0, first.digest()));
}

#[test]
fn tier_root_secrets_and_agents_that_are_missing() {
    let cooper = cooper();
    let optional = "FROM busybox:test
RUN --mount=type=secret,id=a --mount=type=secret,id=b,env=B test ! -e /run/secrets/a && test -z \"$B\"
RUN --mount=type=ssh test ! -e /run/buildkit
";
    let context = folder(&[("Dockerfile", optional)]);
    cooper.build(&[], context.path()).ok();
    for (mount, says) in [
        ("type=secret,id=a,required", "secret a: not found"),
        ("type=secret,id=a,env=A,required=true", "--secret id=a,src=FILE"),
        ("type=ssh,required", "--ssh default"),
    ] {
        write(context.path(), &[("Dockerfile", &format!("FROM busybox:test\nRUN --mount={mount} true\n"))]);
        cooper.build(&[], context.path()).fails_with(2).says(says).says("Dockerfile:2");
    }
    for (arguments, says) in [
        (["--secret", "id=a,src=/nowhere"], "/nowhere does not exist"),
        (["--secret", "src=/nowhere"], "the id is missing"),
        (["--secret", "id=a,file=/x"], "unknown key"),
        (["--ssh", "default=/etc/passwd"], "no agent's socket"),
        (["--ssh", "default=/nowhere"], "No such file"),
    ] {
        cooper.build(&arguments, context.path()).fails_with(2).says(says);
    }
}

/// Answers one connection with what it was sent.
fn agent(path: &Path) -> std::thread::JoinHandle<()> {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut byte = [0; 6];
        stream.read_exact(&mut byte).unwrap();
        stream.write_all(b"agent-says-").and_then(|()| stream.write_all(&byte)).unwrap();
    })
}

#[test]
#[ignore = "run in a step by tier_root_an_agent_is_forwarded"]
fn asks_an_agent() {
    let mut stream = UnixStream::connect(std::env::var("SSH_AUTH_SOCK").unwrap()).unwrap();
    stream.write_all(b"hello-").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    println!("{answer}");
}

#[test]
fn tier_root_an_agent_is_forwarded() {
    let cooper = cooper();
    let sockets = tempfile::tempdir().unwrap();
    let socket = sockets.path().join("agent");
    let answering = agent(&socket);
    let dockerfile = "FROM busybox:test
COPY client /
RUN --mount=type=ssh,uid=7,mode=0600 stat -c '%F %a %u' $SSH_AUTH_SOCK && /client --ignored --nocapture asks_an_agent
RUN test ! -e /run/buildkit && test -z \"$SSH_AUTH_SOCK\"
";
    let context = folder(&[("Dockerfile", dockerfile)]);
    // This program is static, so that it runs anywhere.
    std::fs::copy(std::env::current_exe().unwrap(), context.path().join("client")).unwrap();
    let given = format!("default={}", socket.display());
    let built = cooper.build(&["--ssh", &given], context.path()).ok();
    built.says("socket 600 7").says("agent-says-hello-");
    answering.join().unwrap();
}

#[test]
fn tier_root_entitlements_are_asked_for() {
    let cooper = cooper();
    let dockerfile = "FROM busybox:test
RUN grep -i capeff /proc/self/status
RUN --security=insecure mkdir /mnt && mount -t tmpfs none /mnt && umount /mnt
RUN --network=host true
";
    let context = folder(&[("Dockerfile", dockerfile)]);
    let refused = cooper.build(&[], context.path()).fails_with(2);
    let refused = refused
        .says("security.insecure is not allowed")
        .says("Dockerfile:3")
        .says("--allow security.insecure");
    assert!(!refused.stderr.contains("\n#2 "), "nothing ran: {}", refused.stderr);
    let refused = cooper.build(&["--allow", "security.insecure"], context.path()).fails_with(2);
    refused.says("network.host is not allowed");
    cooper.build(&["--allow", "security.insecure,network.host"], context.path()).ok();
    cooper.build(&["--allow=security.insecure", "--network=host"], context.path()).ok();
    cooper
        .build(&["--allow", "root"], context.path())
        .fails_with(2)
        .says("network.host or security.insecure");
}

#[test]
fn tier_root_limits_and_shared_memory() {
    let cooper = cooper();
    let dockerfile = "FROM busybox:test\nRUN ulimit -n; ulimit -Hn; df -k /dev/shm | tail -1\n";
    let context = folder(&[("Dockerfile", dockerfile)]);
    let built = cooper.build(&["--ulimit=nofile=123:456", "--shm-size=3m"], context.path()).ok();
    built.says("123\n").says("456\n").says(" 3072 ");
    assert_eq!(cooper.build(&[], context.path()).ok().count("ran"), 1, "they are in the key");
    cooper.build(&["--ulimit=nofiles=1"], context.path()).fails_with(2).says("unknown limit");
    cooper.build(&["--shm-size=x"], context.path()).fails_with(2).says("for example 64m");
}

#[test]
fn tier_root_hosts_are_added() {
    let cooper = cooper();
    let context = folder(&[("Dockerfile", "FROM busybox:test\nRUN grep -E 'one|two' /etc/hosts\n")]);
    let built =
        cooper.build(&["--add-host=one:10.0.0.1", "--add-host=two=10.0.0.2,[::2]"], context.path()).ok();
    built.says("10.0.0.1\tone").says("10.0.0.2\ttwo").says("::2\ttwo");
    cooper.build(&["--add-host=one:there"], context.path()).fails_with(2).says("no IP address");
}
