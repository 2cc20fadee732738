//! A registry that says what a test wrote down, request by request, and remembers what it was asked.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What to do with one request.
#[derive(Clone)]
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    sent: usize,
    delay: Duration,
    reset: bool,
}

/// An answer with `status` (`200 OK`) and nothing else.
pub(crate) fn reply(status: &str) -> Reply {
    Reply {
        head: format!("HTTP/1.1 {status}"),
        body: Vec::new(),
        sent: 0,
        delay: Duration::ZERO,
        reset: false,
    }
}

/// The connection breaks after the request was read.
pub(crate) fn reset() -> Reply {
    Reply { reset: true, ..reply("000") }
}

impl Reply {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head = format!("{}\r\n{name}: {value}", self.head);
        self
    }

    /// With a body and its length.
    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let sent = body.len();
        Self { body, sent, ..self }.length(sent)
    }

    /// With a body that only the end of the connection ends.
    pub(crate) fn endless(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { sent: body.len(), body, ..self }
    }

    pub(crate) fn length(self, length: usize) -> Self {
        self.header("Content-Length", &length.to_string())
    }

    /// Breaks the connection after `sent` bytes of the body.
    pub(crate) fn cut_after(self, sent: usize) -> Self {
        Self { sent, ..self }
    }

    /// Waits before the answer.
    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `GET /v2/a/manifests/1?x=y`
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A running script.
pub(crate) struct Script {
    pub(crate) host: String,
    listener: TcpListener,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Script {
    /// Listens, so that the address is known before the replies are written.
    pub(crate) fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        Self { host, listener, state: Arc::default() }
    }

    /// Listens and plays.
    pub(crate) fn of(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = Self::bind();
        script.play(replies);
        script
    }

    /// Answers each request with the next of `replies`.
    pub(crate) fn play(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.replies.lock().unwrap().extend(replies);
        let (listener, state) = (self.listener.try_clone().unwrap(), Arc::clone(&self.state));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), Arc::clone(&state));
                std::thread::spawn(move || state.serve(stream));
            }
        });
    }

    /// What was asked. Every reply must have been used, and no more asked than that.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        assert_eq!(
            self.state.replies.lock().unwrap().len(),
            0,
            "replies nobody asked for: {:#?}",
            self.lines()
        );
        self.state.seen.lock().unwrap().clone()
    }

    /// The request lines of [`seen`](Self::seen).
    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().iter().map(|seen| seen.line.clone()).collect()
    }

    /// The most requests that were served at once.
    pub(crate) fn peak(&self) -> usize {
        self.state.peak.load(Ordering::SeqCst)
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let Some(seen) = read_request(&mut stream) else { return };
        let head_only = seen.line.starts_with("HEAD");
        self.seen.lock().unwrap().push(seen);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(now, Ordering::SeqCst);
        let next = self.replies.lock().unwrap().pop_front();
        let reply = next.unwrap_or_else(|| reply("418 The Script Is Over").length(0));
        std::thread::sleep(reply.delay);
        self.now.fetch_sub(1, Ordering::SeqCst);
        if reply.reset {
            return;
        }
        let body = if head_only { &[] } else { &reply.body[..reply.sent] };
        // A client that had enough hangs up.
        let _ = write!(stream, "{}\r\nConnection: close\r\n\r\n", reply.head)
            .and_then(|()| stream.write_all(body));
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut seen = Seen { line, headers, body: Vec::new() };
    let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    seen.body = vec![0; length];
    stream.read_exact(&mut seen.body).ok()?;
    Some(seen)
}
