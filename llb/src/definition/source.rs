//! Source ops (llb.md, section 3).

use std::collections::BTreeMap;

use cooperage_image::{Digest, Platform};

use super::Caps;
use crate::path::below_root;
use crate::pb;

/// A source op: `scheme://` identifier and attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// With its scheme.
    pub identifier: String,
    /// Attributes by BuildKit's names.
    pub attrs: BTreeMap<String, String>,
    /// Of images only.
    pub platform: Option<Platform>,
}

/// An image of a registry, by its normalised reference, pinned or not.
pub fn image(reference: &str, platform: Option<Platform>) -> Source {
    Source { identifier: format!("docker-image://{reference}"), attrs: BTreeMap::new(), platform }
}

/// An image of the OCI layout that the client calls `store`.
pub fn oci_layout(store: &str, digest: &Digest, platform: Option<Platform>) -> Source {
    Source {
        identifier: format!("oci-layout://{store}@{digest}"),
        attrs: BTreeMap::from([("oci.store".to_owned(), store.to_owned())]),
        platform,
    }
}

/// A directory of the client. Narrow it with [`Source::exclude`] and [`Source::follow`].
pub fn local(name: &str) -> Source {
    Source { identifier: format!("local://{name}"), attrs: BTreeMap::new(), platform: None }
}

/// A file on a server, by its `http://` or `https://` URL. `http.filename` says how it is called in its tree.
pub fn remote(url: &str) -> Source {
    Source { identifier: url.to_owned(), attrs: BTreeMap::new(), platform: None }
}

/// What [`git`] fetches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Git {
    /// With the port.
    pub host: String,
    /// In the URL.
    pub path: String,
    /// What git is given: a URL, or `user@host:path`.
    pub remote: String,
    /// Branch, tag or commit; empty is the default branch.
    pub reference: String,
    /// Directory of the repository; empty is all.
    pub subdir: String,
    /// Keep `.git`.
    pub keep_git_dir: bool,
    /// Commit that the reference has to be; empty is any.
    pub checksum: String,
    /// Leave submodules out.
    pub skip_submodules: bool,
    /// `checkout` or `commit`: which times files get; empty is the first.
    pub mtime: String,
    /// Fetch the commit of `checksum` without asking what the reference is.
    pub fetch_by_commit: bool,
    /// Whether it is reached by ssh.
    pub ssh: bool,
}

/// A tree of a git repository. The identifier is the same for all protocols; `git.fullurl` says which one.
pub fn git(git: &Git) -> Source {
    let mut identifier = format!("git://{}/{}", git.host, below_root(&git.path));
    if !git.reference.is_empty() || !git.subdir.is_empty() {
        identifier = format!("{identifier}#{}", git.reference);
    }
    if !git.subdir.is_empty() {
        identifier = format!("{identifier}:{}", git.subdir);
    }
    let switch = |on: bool| if on { "true" } else { "" };
    let attrs = [
        ("git.fullurl", git.remote.as_str()),
        ("git.authheadersecret", "GIT_AUTH_HEADER"),
        ("git.authtokensecret", "GIT_AUTH_TOKEN"),
        ("git.mountsshsock", if git.ssh { "default" } else { "" }),
        ("git.keepgitdir", switch(git.keep_git_dir)),
        ("git.checksum", git.checksum.as_str()),
        ("git.skipsubmodules", switch(git.skip_submodules)),
        ("git.mtime", git.mtime.as_str()),
        ("git.fetchbycommit", switch(git.fetch_by_commit)),
    ];
    let given = attrs.into_iter().filter(|(_, value)| !value.is_empty());
    let attrs = given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Source { identifier, attrs, platform: None }
}

impl Source {
    /// Sets an attribute.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.attrs.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Of a local source: patterns (`.dockerignore` grammar) of what is left out; none removes the
    /// attribute.
    pub fn exclude(&mut self, patterns: &[String]) {
        self.set_list("local.excludepatterns", patterns);
    }

    /// Of a local source: the only paths that are needed, with what they link to; none means all.
    pub fn follow(&mut self, paths: &[String]) {
        self.set_list("local.followpaths", paths);
    }

    fn set_list(&mut self, name: &str, list: &[String]) {
        if list.is_empty() {
            self.attrs.remove(name);
        } else {
            // Go's encoder escapes these, and the text is part of the op's digest.
            let json = serde_json::to_string(list).expect("strings are JSON");
            let json = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
            self.attrs.insert(name.to_owned(), json);
        }
    }

    pub(super) fn to_op(&self, caps: &mut Caps) -> pb::op::Op {
        let scheme = self.identifier.split("://").next().unwrap_or_default();
        caps.extend(match scheme {
            "docker-image" => Some("source.image"),
            "oci-layout" => Some("source.ocilayout"),
            "local" => Some("source.local"),
            "git" => Some("source.git"),
            "http" | "https" => Some("source.http"),
            _ => None,
        });
        for name in self.attrs.keys() {
            caps.extend(match name.as_str() {
                "local.includepattern" => Some("source.local.includepatterns"),
                "local.excludepatterns" => Some("source.local.excludepatterns"),
                "local.followpaths" => Some("source.local.followpaths"),
                "local.sharedkeyhint" => Some("source.local.sharedkeyhint"),
                "image.layerlimit" => Some("source.image.layerlimit"),
                "image.checksum" => Some("source.image.checksum"),
                "git.keepgitdir" => Some("source.git.keepgitdir"),
                "git.fullurl" => Some("source.git.fullurl"),
                "git.mountsshsock" => Some("source.git.mountsshsock"),
                "git.checksum" => Some("source.git.checksum"),
                "git.skipsubmodules" => Some("source.git.skipsubmodules"),
                "git.mtime" => Some("source.git.mtime"),
                "git.fetchbycommit" => Some("source.git.fetchbycommit"),
                "http.checksum" => Some("source.http.checksum"),
                _ => None,
            });
        }
        pb::op::Op::Source(pb::SourceOp { identifier: self.identifier.clone(), attrs: self.attrs.clone() })
    }
}
