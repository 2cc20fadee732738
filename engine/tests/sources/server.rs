//! A server of files in memory that remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What is at a path.
#[derive(Clone, Default)]
pub(crate) struct Page {
    status: Option<&'static str>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    cut_after: Option<usize>,
}

impl Page {
    pub(crate) fn of(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    pub(crate) fn status(status: &'static str) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Breaks the connection in the middle of the body.
    pub(crate) fn cut_after(self, sent: usize) -> Self {
        Self { cut_after: Some(sent), ..self }
    }

    fn etag(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == "ETag").map(|(_, value)| value.as_str())
    }
}

/// A running server. It heeds `If-None-Match`.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) host: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    pages: Mutex<BTreeMap<String, Page>>,
    asked: Mutex<Vec<String>>,
    heads: Mutex<Vec<String>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { host: listener.local_addr().unwrap().to_string(), state: Arc::default() };
        let state = Arc::clone(&server.state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || state.serve(stream.unwrap()));
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    pub(crate) fn put(&self, path: &str, page: Page) {
        self.state.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// Serves the files below `directory`, as they are now.
    pub(crate) fn put_directory(&self, path: &str, directory: &Path) {
        self.state.pages.lock().unwrap().retain(|known, _| !known.starts_with(&format!("{path}/")));
        let mut left = vec![directory.to_owned()];
        while let Some(next) = left.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let entry = entry.unwrap().path();
                if entry.is_dir() {
                    left.push(entry);
                } else {
                    let below = entry.strip_prefix(directory).unwrap().display();
                    self.put(&format!("{path}/{below}"), Page::of(std::fs::read(&entry).unwrap()));
                }
            }
        }
    }

    /// What was asked since the last call: `GET /a`.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.asked.lock().unwrap())
    }

    /// The whole heads of all requests.
    pub(crate) fn heads(&self) -> String {
        self.state.heads.lock().unwrap().join("\n")
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        let (method, path) = line.split_once(' ').unwrap();
        let bare = path.split('?').next().unwrap();
        let pages = self.pages.lock().unwrap();
        let page = pages.get(path).or_else(|| pages.get(bare)).cloned();
        drop(pages);
        let page = page.unwrap_or(Page::status("404 Not Found"));
        let condition = head.lines().find_map(|line| line.strip_prefix("if-none-match: "));
        let known = condition.is_some() && condition == page.etag().map(|etag| etag.trim_start_matches("W/"));
        self.asked.lock().unwrap().push(line.clone());
        self.heads.lock().unwrap().push(head.clone());
        let (status, body) = match known {
            true => ("304 Not Modified", &[][..]),
            false => (page.status.unwrap_or("200 OK"), &page.body[..]),
        };
        let mut answer =
            format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in &page.headers {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
        let sent = if method == "HEAD" { &[] } else { &body[..page.cut_after.unwrap_or(body.len())] };
        // A client that had enough hangs up.
        let _ = write!(stream, "{answer}\r\n").and_then(|()| stream.write_all(sent));
    }
}
