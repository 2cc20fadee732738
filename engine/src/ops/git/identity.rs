//! What a git source is, by its identifier and attributes, and what its result is known by (buildkit:
//! source/git/source.go and identifier.go).

use cooperage_image::{Digest, Hasher};
use cooperage_llb::path::below_root;
use cooperage_llb::pb;

/// Protocols that a repository may be reached by.
const SCHEMES: [&str; 4] = ["https", "http", "git", "ssh"];

/// A git source op, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct GitSource {
    /// What git is given: a URL, or `user@host:path`.
    pub(super) remote: String,
    /// Branch, tag or commit; empty is the default branch.
    pub(super) reference: String,
    /// Directory in it, without slashes at its ends; empty is all.
    pub(super) subdir: String,
    /// The beginning of the commit that it has to be, in lower case; empty is any.
    pub(super) checksum: String,
    pub(super) keep_git_dir: bool,
    pub(super) skip_submodules: bool,
    /// Whether files get the time of the commit.
    pub(super) commit_time: bool,
    /// Whether the checksum is the commit, whatever the reference is.
    pub(super) fetch_by_commit: bool,
    /// The ID of the secret that is a whole `Authorization` header.
    pub(super) auth_header: String,
    /// The ID of the secret that is a token.
    pub(super) auth_token: String,
    /// The ID of the agent for ssh; empty if none is needed.
    pub(super) agent: String,
    /// Keys of hosts for ssh; empty trusts any.
    pub(super) known_hosts: String,
}

impl GitSource {
    /// Reads the op; what is wrong with it otherwise. `rest` is the identifier without `git://`.
    pub(super) fn of(op: &pb::SourceOp, rest: &str) -> Result<Self, String> {
        let (place, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (reference, subdir) = fragment.split_once(':').unwrap_or((fragment, ""));
        let mut source = Self {
            remote: with_scheme(place),
            reference: reference.to_owned(),
            subdir: below_root(subdir),
            ..Self::default()
        };
        for (name, value) in &op.attrs {
            let is_on = value == "true";
            match name.as_str() {
                "git.fullurl" => source.remote = with_scheme(value),
                "git.keepgitdir" => source.keep_git_dir = is_on,
                "git.skipsubmodules" => source.skip_submodules = is_on,
                "git.fetchbycommit" => source.fetch_by_commit = is_on,
                "git.mtime" => source.commit_time = value == "commit",
                "git.checksum" => source.checksum = value.to_ascii_lowercase(),
                "git.authheadersecret" => source.auth_header.clone_from(value),
                "git.authtokensecret" => source.auth_token.clone_from(value),
                "git.mountsshsock" => source.agent.clone_from(value),
                "git.knownsshhosts" => source.known_hosts.clone_from(value),
                name if name == "git.bundle" || name == "git.checkoutbundle" => {
                    return Err("bundles are not supported yet".to_owned());
                }
                name if name.starts_with("git.sig.") => {
                    return Err("signatures of commits cannot be verified yet".to_owned());
                }
                _ => {}
            }
        }
        source.check()?;
        Ok(source)
    }

    /// Refuses what git would take for something else than a repository or a reference.
    fn check(&self) -> Result<(), String> {
        let odd = |text: &str| text.starts_with('-') || text.chars().any(|c| c.is_control());
        if odd(&self.remote) || odd(self.host()) || !is_transport(&self.remote) {
            return Err("it is no repository: expected https://, http://, git://, ssh:// or user@host:path"
                .to_owned());
        }
        if odd(&self.reference) || self.reference.contains("..") {
            return Err(format!("invalid git ref {:?}", self.reference));
        }
        if !self.checksum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!(
                "invalid checksum {:?}, expected a commit's hexadecimal digits",
                self.checksum
            ));
        }
        if is_commit(&self.reference) && !self.reference.to_ascii_lowercase().starts_with(&self.checksum) {
            return Err(format!("expected checksum to match {}, got {}", self.checksum, self.reference));
        }
        if self.fetch_by_commit && !is_commit(&self.reference) && !is_commit(&self.checksum) {
            return Err("fetch-by-commit needs a whole commit as checksum or as reference".to_owned());
        }
        Ok(())
    }

    /// The commit, where it is known without asking, and the reference that it is kept under in `.git`.
    pub(super) fn pinned(&self) -> Option<Resolved> {
        if is_commit(&self.reference) {
            let commit = self.reference.to_ascii_lowercase();
            return Some(Resolved { reference: commit.clone(), object: commit, commit: None });
        }
        if !self.fetch_by_commit {
            return None;
        }
        let reference = match self.reference.as_str() {
            "" => self.checksum.clone(),
            name if name.starts_with("refs/") => name.to_owned(),
            name => format!("refs/heads/{name}"),
        };
        Some(Resolved { reference, object: self.checksum.clone(), commit: None })
    }

    /// What the result is known by: the commit and how it is laid out. The repository only where it shows, in
    /// `.git`.
    pub(super) fn key(&self, resolved: &Resolved) -> Digest {
        let mut hasher = Hasher::new();
        hasher.field(b"git source v1");
        match self.keep_git_dir {
            true => {
                hasher.field(resolved.object.as_bytes());
                hasher.field(resolved.reference.as_bytes());
                hasher.field(self.shown_remote().as_bytes());
            }
            false => hasher.field(resolved.commit.as_ref().unwrap_or(&resolved.object).as_bytes()),
        }
        hasher.field(self.subdir.as_bytes());
        hasher.field(&[self.skip_submodules.into(), self.commit_time.into()]);
        hasher.finish()
    }

    /// The remote without user and password, for messages and for what is kept.
    pub(super) fn shown_remote(&self) -> String {
        let Some((scheme, rest)) = self.remote.split_once("://") else { return self.remote.clone() };
        let end = rest.find('/').unwrap_or(rest.len());
        let authority = &rest[..end];
        match authority.rsplit_once('@') {
            // The user of ssh is no secret, and the repository is not found without it.
            Some((user, host)) if scheme == "ssh" && !user.contains(':') => {
                format!("ssh://{user}@{host}{}", &rest[end..])
            }
            Some((_, host)) => format!("{scheme}://{host}{}", &rest[end..]),
            None => self.remote.clone(),
        }
    }

    /// The host with its port, as secrets are named by it.
    pub(super) fn host(&self) -> &str {
        match self.remote.split_once("://") {
            Some((_, rest)) => {
                let authority = rest.split('/').next().unwrap_or_default();
                authority.rsplit_once('@').map_or(authority, |(_, host)| host)
            }
            None => {
                let host = self.remote.split(':').next().unwrap_or_default();
                host.rsplit_once('@').map_or(host, |(_, host)| host)
            }
        }
    }

    /// Whether it is spoken to by HTTP, and so may be shown credentials in a header.
    pub(super) fn is_http(&self) -> bool {
        self.remote.starts_with("https://") || self.remote.starts_with("http://")
    }
}

/// What a reference is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Resolved {
    /// `refs/heads/main`, or a commit.
    pub(super) reference: String,
    /// The object that it names: a commit, or an annotated tag.
    pub(super) object: String,
    /// The commit of an annotated tag.
    pub(super) commit: Option<String>,
}

/// Whether `text` is a whole name of an object: 40 or 64 hexadecimal digits.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn with_scheme(place: &str) -> String {
    if is_transport(place) { place.to_owned() } else { format!("https://{place}") }
}

fn is_transport(remote: &str) -> bool {
    if let Some((scheme, rest)) = remote.split_once("://") {
        return SCHEMES.contains(&scheme) && !rest.is_empty();
    }
    let word = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    remote.split_once('@').is_some_and(|(user, rest)| {
        rest.split_once(':').is_some_and(|(host, _)| word(user, "-_") && word(host, "-."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn source(rest: &str, attrs: &[(&str, &str)]) -> Result<GitSource, String> {
        let attrs = attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        GitSource::of(&pb::SourceOp { identifier: format!("git://{rest}"), attrs }, rest)
    }

    #[test]
    fn identifiers() {
        let found = source("h/a.git#main:x/../y/", &[]).unwrap();
        assert_eq!(
            (found.remote.as_str(), found.reference.as_str(), found.subdir.as_str()),
            ("https://h/a.git", "main", "y")
        );
        let full = source("h/a.git", &[("git.fullurl", "git@h:a.git"), ("git.mountsshsock", "default")]);
        assert_eq!(full.unwrap().remote, "git@h:a.git");
        assert_eq!(source("h:81/a.git", &[]).unwrap().host(), "h:81");
        let secret = source("h/a", &[("git.fullurl", "https://ada:secret@h/a")]).unwrap();
        assert_eq!((secret.shown_remote().as_str(), secret.host()), ("https://h/a", "h"));
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_refused() {
        for remote in [
            "-x",
            "ext::sh -c id",
            "file:///etc",
            "/etc",
            "ssh://-oProxyCommand=id/x",
            "--upload-pack=id",
            "https://h/\nx",
            "ssh://",
        ] {
            let found = source("h/a", &[("git.fullurl", remote)]);
            // At worst it is taken for a host's name.
            assert!(found.is_err() || found.unwrap().remote.starts_with("https://"), "{remote}");
        }
        for reference in ["--upload-pack=id", "-x", "a..b", "a\nb"] {
            assert!(source(&format!("h/a#{reference}"), &[]).is_err(), "{reference}");
        }
    }

    #[test]
    fn checksums() {
        let with = |reference: &str, checksum: &str| {
            source(&format!("h/a#{reference}"), &[("git.checksum", checksum)])
        };
        assert!(with(COMMIT, "0123").is_ok() && with("main", "0123AB").is_ok());
        assert!(with(COMMIT, "99").is_err() && with("main", "xyz").is_err());
        let by_commit =
            |checksum: &str| source("h/a#main", &[("git.checksum", checksum), ("git.fetchbycommit", "true")]);
        let pinned = by_commit(COMMIT).unwrap().pinned().unwrap();
        assert_eq!((pinned.reference.as_str(), pinned.object.as_str()), ("refs/heads/main", COMMIT));
        assert!(by_commit("0123").is_err());
    }

    #[test]
    fn the_key_has_the_commit_and_the_layout() {
        let key = |rest: &str, attrs: &[(&str, &str)], object: &str| {
            let resolved = Resolved { reference: "refs/heads/a".into(), object: object.into(), commit: None };
            source(rest, attrs).unwrap().key(&resolved)
        };
        let plain = key("h/a#a", &[], COMMIT);
        assert_eq!(plain, key("other/b#b", &[("git.checksum", "0123")], COMMIT));
        for other in [
            key("h/a#a:x", &[], COMMIT),
            key("h/a#a", &[("git.keepgitdir", "true")], COMMIT),
            key("h/a#a", &[("git.mtime", "commit")], COMMIT),
            key("h/a#a", &[("git.skipsubmodules", "true")], COMMIT),
            key("h/a#a", &[], &COMMIT.replace('0', "f")),
        ] {
            assert_ne!(other, plain);
        }
    }
}
