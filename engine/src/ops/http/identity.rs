//! What an HTTP source is, by its attributes, and what its result is known by (buildkit: source/http/source.go).

use std::collections::BTreeMap;

use cooperage_image::tree::Timestamp;
use cooperage_image::{Digest, Hasher};
use cooperage_llb::pb;

/// The mode of a file when nobody gave one.
const DEFAULT_PERM: u32 = 0o600;
/// The name of a file when neither the source, the server nor the URL has one that is usable.
const NAMELESS: &str = "download";
/// Headers that a definition may set; others are left out silently, as BuildKit does.
const SETTABLE: [&str; 2] = ["accept", "user-agent"];

/// An HTTP source op, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpSource {
    pub(super) url: String,
    pub(super) checksum: Option<Digest>,
    pub(super) filename: Option<String>,
    pub(super) perm: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The ID of a secret that is the `Authorization` header.
    pub(super) auth_secret: Option<String>,
    /// By name in lower case.
    pub(super) headers: BTreeMap<String, String>,
}

impl HttpSource {
    /// Reads the op; what is wrong with it otherwise.
    pub(super) fn of(op: &pb::SourceOp) -> Result<Self, String> {
        let mut source = Self {
            url: op.identifier.clone(),
            checksum: None,
            filename: None,
            perm: DEFAULT_PERM,
            uid: 0,
            gid: 0,
            auth_secret: None,
            headers: BTreeMap::new(),
        };
        for (name, value) in &op.attrs {
            let number = || number(value).ok_or_else(|| format!("{name} is no number: {value:?}"));
            match name.as_str() {
                "http.checksum" => {
                    let digest = value.parse().map_err(|e| format!("{name} {value:?}: {e}"))?;
                    source.checksum = Some(digest);
                }
                "http.filename" => source.filename = Some(value.clone()).filter(|name| !name.is_empty()),
                "http.perm" => {
                    source.perm = Some(number()? & 0o7777).filter(|perm| *perm != 0).unwrap_or(DEFAULT_PERM);
                }
                "http.uid" => source.uid = number()?,
                "http.gid" => source.gid = number()?,
                "http.authheadersecret" => source.auth_secret = Some(value.clone()),
                "http.sig.pubkey" | "http.sig.signature" => {
                    return Err("signatures of files cannot be verified yet".to_owned());
                }
                name => {
                    let header = name.strip_prefix("http.header.").map(str::to_ascii_lowercase);
                    if let Some(header) = header.filter(|header| SETTABLE.contains(&header.as_str())) {
                        source.headers.insert(header, value.clone());
                    }
                }
            }
        }
        Ok(source)
    }

    /// The file's name: the source's own, else the server's, else the URL's.
    pub(super) fn file_name(&self, of_server: Option<&str>) -> String {
        if let Some(name) = &self.filename {
            return safe_name(name);
        }
        let of_server = of_server.filter(|name| !name.ends_with('/'));
        of_server.map_or_else(|| safe_name(path_of(&self.url)), safe_name)
    }

    /// What the result is known by: the file's contents and metadata, never the URL.
    pub(super) fn key(&self, name: &str, digest: &Digest, last_modified: Option<Timestamp>) -> Digest {
        let mut hasher = Hasher::new();
        hasher.field(b"http source v1");
        hasher.field(name.as_bytes());
        for number in [self.perm, self.uid, self.gid] {
            hasher.field(&number.to_le_bytes());
        }
        hasher.field(digest.as_bytes());
        hasher.field(&last_modified.map_or(Vec::new(), |time| time.secs.to_le_bytes().to_vec()));
        self.request_fields(&mut hasher);
        hasher.finish()
    }

    /// What is remembered of the URL is filed under this.
    pub(super) fn record_name(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.field(self.url.as_bytes());
        hasher.field(self.filename.as_deref().unwrap_or_default().as_bytes());
        for number in [self.perm, self.uid, self.gid] {
            hasher.field(&number.to_le_bytes());
        }
        self.request_fields(&mut hasher);
        hasher.finish()
    }

    /// What the answer may depend on. Of a secret, its name alone.
    fn request_fields(&self, hasher: &mut Hasher) {
        hasher.field(self.auth_secret.as_deref().unwrap_or_default().as_bytes());
        for (name, value) in &self.headers {
            hasher.field(name.as_bytes());
            hasher.field(value.as_bytes());
        }
    }

    /// The host of the URL without its port, for the names of secrets.
    pub(super) fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        }
    }
}

/// The last component of a path, if it can be a file's name.
fn safe_name(text: &str) -> String {
    let text = text.trim();
    let name = text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if matches!(name, "" | "." | "..") || name.len() > 255 || name.chars().any(char::is_control) {
        return NAMELESS.to_owned();
    }
    name.to_owned()
}

/// The path of a URL.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    path.split_once('/').map_or("", |(_, path)| path)
}

/// A number as Go's `strconv.ParseInt(text, 0, 64)` reads it.
fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', b'b' | b'B', ..] => (&text[2..], 2),
        [b'0', b'o' | b'O', ..] => (&text[2..], 8),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    u32::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str, attrs: &[(&str, &str)]) -> Result<HttpSource, String> {
        let attrs = attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HttpSource::of(&pb::SourceOp { identifier: url.to_owned(), attrs })
    }

    #[test]
    fn attributes() {
        let found = source(
            "https://h/a",
            &[
                ("http.perm", "0644"),
                ("http.uid", "7"),
                ("http.gid", "0x10"),
                ("http.header.Accept", "x"),
                ("http.header.cookie", "y"),
                ("http.authheadersecret", "s"),
            ],
        );
        let found = found.unwrap();
        assert_eq!((found.perm, found.uid, found.gid), (0o644, 7, 16));
        assert_eq!(found.headers.keys().collect::<Vec<_>>(), ["accept"]);
        assert_eq!(source("https://h/a", &[]).unwrap().perm, 0o600);
        assert_eq!(source("https://h/a", &[("http.perm", "0")]).unwrap().perm, 0o600);
        for wrong in [("http.perm", "u=rw"), ("http.checksum", "abc"), ("http.uid", "-1")] {
            assert!(source("https://h/a", &[wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_of_files() {
        let name = |url: &str, server| source(url, &[]).unwrap().file_name(server);
        assert_eq!(name("https://h/a/b.txt?x=/y#/z", None), "b.txt");
        assert_eq!(name("https://h/a/b/", None), "b");
        assert_eq!(name("https://h", None), "download");
        assert_eq!(name("https://h/..", None), "download");
        assert_eq!(name("https://h/a", Some("../../etc/passwd")), "passwd");
        assert_eq!(name("https://h/a", Some("dir/")), "a");
        assert_eq!(name("https://h/a", Some("b\u{7}")), "download");
        let own = source("https://h/a", &[("http.filename", "/x/y")]).unwrap();
        assert_eq!(own.file_name(Some("z")), "y");
    }

    #[test]
    fn hosts() {
        for (url, host) in
            [("https://a@h:8/x", "h"), ("http://[::1]:8/x", "::1"), ("http://h?x@y", "h"), ("x", "")]
        {
            assert_eq!(source(url, &[]).unwrap().host(), host, "{url}");
        }
    }

    #[test]
    fn the_key_has_all_but_the_url() {
        let a = source("https://h/a", &[]).unwrap();
        let digest = Digest::of(b"x");
        let key = a.key("f", &digest, None);
        assert_eq!(key, source("https://other/b", &[]).unwrap().key("f", &digest, None));
        let time = Timestamp { secs: 1, nanos: 0 };
        let others = [
            a.key("g", &digest, None),
            a.key("f", &Digest::of(b"y"), None),
            a.key("f", &digest, Some(time)),
            source("https://h/a", &[("http.perm", "0644")]).unwrap().key("f", &digest, None),
            source("https://h/a", &[("http.gid", "1")]).unwrap().key("f", &digest, None),
            source("https://h/a", &[("http.authheadersecret", "s")]).unwrap().key("f", &digest, None),
        ];
        assert!(others.iter().all(|other| *other != key));
        assert_ne!(a.record_name(), source("https://h/b", &[]).unwrap().record_name());
    }
}
