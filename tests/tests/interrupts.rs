//! Signals: a command that waits for somebody else stops at the first.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use cooperage_tests::{Cooper, folder, run};
use rustix::process::{Pid, Signal, kill_process};

/// Long enough for anything but waiting for what never comes.
const PATIENCE: Duration = Duration::from_secs(50);

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// How it ended, which it must do by itself.
fn end(child: Child) -> Output {
    let pid = Pid::from_child(&child);
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(child.wait_with_output().unwrap()));
    told.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        kill_process(pid, Signal::KILL).unwrap();
        panic!("it goes on after the signal")
    })
}

/// A registry whose one image has a layer that never comes. Says which path is asked for.
fn registry_that_stalls() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let tell = tell.clone();
            std::thread::spawn(move || serve(connection.unwrap(), &tell));
        }
    });
    (host, told)
}

fn serve(mut connection: TcpStream, tell: &Sender<String>) {
    let digest = |text: &str| format!("sha256:{}", sha256(text));
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        digest("the layer")
    );
    let descriptor = |kind: &str, text: &str| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{}","size":{}}}"#,
            digest(text),
            text.len()
        )
    };
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
        descriptor("config.v1+json", &config),
        descriptor("layer.v1.tar", "the layer")
    );
    let mut requests = BufReader::new(connection.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if requests.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap().to_owned();
        while line.trim_end() != "" {
            line.clear();
            requests.read_line(&mut line).unwrap();
        }
        let body = match &path {
            path if path.contains("/manifests/") => &manifest,
            path if path.ends_with(&digest(&config)) => &config,
            _ => {
                // The test may be over.
                drop(tell.send(path));
                // Until the client is gone.
                drop(requests.read_to_end(&mut Vec::new()));
                return;
            }
        };
        let kind =
            if path.contains("/manifests/") { "vnd.oci.image.manifest.v1+json" } else { "octet-stream" };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/{kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).unwrap();
        connection.write_all(body.as_bytes()).unwrap();
    }
}

fn sha256(text: &str) -> String {
    let folder = folder(&[("text", text)]);
    run(Command::new("sha256sum").arg(folder.path().join("text")))[..64].to_owned()
}

#[test]
fn a_pull_and_a_base_on_its_way_to_a_run_stop() {
    let (host, asked) = registry_that_stalls();
    let context = folder(&[("Dockerfile", &format!("FROM {host}/base:1\nRUN [\"/step\"]\n"))]);
    let context = context.path().to_str().unwrap();
    for (arguments, by, code) in [
        (vec!["pull".to_owned(), format!("{host}/base:1")], Signal::INT, 130),
        (
            vec!["build".to_owned(), "--platform=linux/amd64".to_owned(), context.to_owned()],
            Signal::TERM,
            143,
        ),
    ] {
        let cooper = Cooper::new();
        let child = start(&mut cooper.command(&arguments));
        asked.recv_timeout(PATIENCE).unwrap();
        signal(&child, by);
        let output = end(child);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains("cancelled by signal"), "{said}");
        let left = std::fs::read_dir(cooper.root().join("tmp")).unwrap().count();
        assert_eq!(left, 0, "nothing half-done stays");
    }
}

#[test]
fn a_signal_that_the_caller_ignores_is_ignored() {
    let (host, asked) = registry_that_stalls();
    let cooper = Cooper::new();
    let pull = cooper.command(["pull", &format!("{host}/base:1")]);
    let mut nohup = Command::new("/bin/sh");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(pull.get_program()).args(pull.get_args());
    let child = start(&mut nohup);
    asked.recv_timeout(PATIENCE).unwrap();
    signal(&child, Signal::HUP);
    signal(&child, Signal::TERM);
    let output = end(child);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cancelled by signal 15"), "{said}");
    assert_eq!(output.status.code(), Some(143));
}

#[test]
fn who_waits_for_standard_input_ends_as_everybody_does() {
    let cooper = Cooper::new();
    cooper.run(["images"]).ok();
    let child = start(cooper.command(["build", "-"]).stdin(Stdio::piped()));
    signal(&child, Signal::INT);
    let output = end(child);
    assert_eq!(output.status.signal(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
