//! A token server on loopback, over TLS (distribution's "Token Authentication Specification"): one user, who
//! may do what is granted. Every request is written down.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::Authority;

/// Who the server is, in its tokens.
pub(crate) const ISSUER: &str = "cooper tests";
/// What the registry is called there.
pub(crate) const SERVICE: &str = "test registry";

/// A server that ends with the test.
pub struct TokenServer {
    state: Arc<State>,
    port: u16,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// One request for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// Whether user and password were shown, and right.
    pub known: bool,
    /// What was asked for: `repository:NAME:pull`.
    pub scopes: Vec<String>,
    /// The status of the answer.
    pub status: u16,
}

struct State {
    login: String,
    grants: Vec<(String, Vec<String>)>,
    tls: Arc<rustls::ServerConfig>,
    key: PrivateKeyDer<'static>,
    certificate: CertificateDer<'static>,
    requests: Mutex<Vec<TokenRequest>>,
    over: AtomicBool,
}

impl TokenServer {
    /// Starts one. `user` may do with each repository of `grants` what stands beside it (`pull,push`); who is
    /// nobody gets tokens that allow nothing.
    pub fn start(authority: &Authority, user: &str, password: &str, grants: &[(&str, &str)]) -> Self {
        let certificate =
            CertificateDer::from_pem_file(authority.server_certificate()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(authority.server_key()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.clone_key())
            .expect("the certificate fits the key");
        let grants = grants.iter().map(|(name, actions)| ((*name).to_owned(), words(actions, ','))).collect();
        let state = Arc::new(State {
            login: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
            grants,
            tls: Arc::new(tls),
            key,
            certificate,
            requests: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let serving = Arc::clone(&state);
        let thread = std::thread::spawn(move || serve(&listener, &serving));
        Self { state, port, thread: Some(thread) }
    }

    /// Where tokens are given out, under a name that other people's programs resolve too.
    pub fn realm(&self) -> String {
        format!("https://localhost:{}/token", self.port)
    }

    /// The requests since the last call.
    pub fn requests(&self) -> Vec<TokenRequest> {
        std::mem::take(&mut *self.state.requests.lock().expect("no thread panicked"))
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Release);
        // Wakes the thread; if it is gone already, so be it.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        drop(self.thread.take().map(std::thread::JoinHandle::join));
    }
}

fn serve(listener: &TcpListener, state: &Arc<State>) {
    for connection in listener.incoming() {
        if state.over.load(Ordering::Acquire) {
            return;
        }
        let state = Arc::clone(state);
        // A client may hang up, or not trust us: that is its own affair.
        std::thread::spawn(move || drop(connection.and_then(|connection| answer(connection, &state))));
    }
}

fn answer(connection: TcpStream, state: &State) -> std::io::Result<()> {
    let tls = rustls::ServerConnection::new(Arc::clone(&state.tls)).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(rustls::StreamOwned::new(tls, connection));
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let named = head.iter().filter_map(|line| line.split_once(':'));
        named
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .next()
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = String::new();
    stream.by_ref().take(length).read_to_string(&mut body)?;
    let (status, body) = state.decide(&head[0], header("authorization").as_deref());
    let body = body.to_string();
    let mut stream = stream.into_inner();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()?;
    stream.conn.send_close_notify();
    stream.flush()
}

impl State {
    /// The answer to a request.
    fn decide(&self, request_line: &str, authorization: Option<&str>) -> (u16, Value) {
        let scopes = scopes(request_line);
        let known = authorization.is_some_and(|shown| shown == self.login);
        let status = match () {
            () if !request_line.starts_with("GET /token") => 405,
            () if authorization.is_some() && !known => 401,
            () => 200,
        };
        let body = match status {
            200 => json!({"token": self.token(&scopes, known), "expires_in": 300}),
            401 => json!({"errors": [{"code": "UNAUTHORIZED", "message": "wrong user or password"}]}),
            _ => json!({}),
        };
        let request = TokenRequest { known, scopes, status };
        self.requests.lock().expect("no thread panicked").push(request);
        (status, body)
    }

    /// A signed token (RFC 7519) for what is granted of `scopes`.
    fn token(&self, scopes: &[String], known: bool) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_secs();
        let access: Vec<Value> =
            scopes.iter().filter(|_| known).filter_map(|scope| self.access(scope)).collect();
        let head = json!({"typ": "JWT", "alg": "RS256", "x5c": [STANDARD.encode(&self.certificate)]});
        let claims = json!({
            "iss": ISSUER, "sub": "", "aud": SERVICE, "jti": now.to_string(),
            "nbf": now - 60, "iat": now - 60, "exp": now + 300, "access": access,
        });
        let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{head}.{claims}");
        let key = rustls::crypto::ring::sign::any_supported_type(&self.key).expect("a key that signs");
        let signer = key.choose_scheme(&[rustls::SignatureScheme::RSA_PKCS1_SHA256]).expect("an RSA key");
        let signature = signer.sign(text.as_bytes()).expect("ring signs");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// What of `repository:NAME:ACTIONS` is granted.
    fn access(&self, scope: &str) -> Option<Value> {
        let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
        let (_, granted) = self.grants.iter().find(|(granted, _)| granted == name)?;
        let actions: Vec<String> =
            words(actions, ',').into_iter().filter(|action| granted.contains(action)).collect();
        Some(json!({"type": "repository", "name": name, "actions": actions}))
    }
}

/// The `scope` parameters of a request.
fn scopes(request_line: &str) -> Vec<String> {
    let target = request_line.split(' ').nth(1).unwrap_or_default();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let of = query.split('&').filter_map(|pair| pair.strip_prefix("scope="));
    of.flat_map(|scope| words(&scope.replace("%3A", ":").replace("%2C", ",").replace("%2F", "/"), '+'))
        .collect()
}

fn words(text: &str, separator: char) -> Vec<String> {
    text.split(separator).map(str::to_owned).collect()
}
