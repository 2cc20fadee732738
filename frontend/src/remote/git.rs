//! Git repositories: `https://host/path.git#ref:directory` and its relatives (dockerfile reference,
//! section 10).

use std::collections::BTreeMap;

use cooperage_llb::definition::{Git, Source, source};
use cooperage_llb::path::below_root;

use super::Url;
use super::query;

/// A repository, and what of it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GitRef {
    /// What git is given: a URL, or `user@host:path`.
    pub remote: String,
    /// With the port.
    pub host: String,
    /// In the repository's URL, decoded.
    pub path: String,
    /// Whether it is reached by ssh.
    pub ssh: bool,
    /// Branch, tag or commit; empty is the default branch.
    pub reference: String,
    /// Directory in it; empty is all.
    pub subdir: String,
    /// Commit that the reference has to be.
    pub checksum: String,
    /// Whether to keep `.git`, if it is said.
    pub keep_git_dir: Option<bool>,
    /// Whether to fetch submodules, if it is said.
    pub submodules: Option<bool>,
    /// `checkout` or `commit`: which times files get; empty if it is not said.
    pub mtime: String,
    /// Fetch the commit of `checksum` without asking what the reference is.
    pub fetch_by_commit: bool,
    /// `github.com/x/y`: without a scheme it cannot be told from a path.
    pub looks_local: bool,
}

/// Options of a repository that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitRefError {
    /// `?ref=`
    #[error("query {0:?} has no value")]
    NoValue(String),
    /// `?ref=a&ref=b`
    #[error("query {0:?} has multiple values")]
    SeveralValues(String),
    /// An option that does not exist.
    #[error("unexpected query {0:?}")]
    Unexpected(String),
    /// A value that the option does not have.
    #[error("invalid {name} value: {value:?}")]
    Invalid {
        /// The option.
        name: String,
        /// Its value.
        value: String,
    },
    /// Two places say different things.
    #[error("{what} conflicts: {first:?} vs {second:?}")]
    Conflict {
        /// `ref` or `subdir`.
        what: &'static str,
        /// The fragment's, or the first one's.
        first: String,
        /// The query's.
        second: String,
    },
    /// Only one of them can be meant.
    #[error("branch conflicts with tag")]
    BranchAndTag,
}

/// The options that a query may have.
pub(crate) const OPTIONS: [&str; 10] = [
    "ref",
    "tag",
    "branch",
    "subdir",
    "checksum",
    "commit",
    "keep-git-dir",
    "submodules",
    "mtime",
    "fetch-by-commit",
];

type Query = BTreeMap<String, Vec<String>>;

impl GitRef {
    /// Reads `text` as a repository; `None` if it names none. A URL of HTTP(S) names one if its path ends
    /// in `.git`.
    pub fn parse(text: &str) -> Option<Result<Self, GitRefError>> {
        if text.starts_with("./") || text.starts_with("../") {
            return None;
        }
        if text.starts_with("github.com/") {
            let url = Url::parse(&format!("https://{text}"))?;
            let remote = url.location().trim_start_matches("https://").to_owned();
            let (git, query) = Self::of_url(&url);
            return Some(Self { remote, looks_local: true, ..git }.with_query(&query));
        }
        if has_scheme(text) {
            let url = Url::parse(text)?;
            match url.scheme.as_str() {
                "http" | "https" if url.path.ends_with(".git") => {}
                "git" | "ssh" => {}
                _ => return None,
            }
            let (git, query) = Self::of_url(&url);
            return Some(git.with_query(&query));
        }
        let (git, query) = Self::of_scp(text)?;
        Some(git.with_query(&query))
    }

    fn of_url(url: &Url) -> (Self, Query) {
        let (reference, subdir) = fragment(&url.fragment);
        let git = Self {
            remote: url.location(),
            host: url.host.clone(),
            path: url.path.clone(),
            ssh: url.scheme == "ssh",
            reference,
            subdir,
            ..Self::default()
        };
        (git, query::parse_lenient(url.query.as_deref().unwrap_or_default()))
    }

    /// `user@host:path?query#fragment`
    fn of_scp(text: &str) -> Option<(Self, Query)> {
        let (user, rest) = text.split_once('@')?;
        let (host, rest) = rest.split_once(':')?;
        let word = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if !word(user, "-_") || !word(host, "-.") || rest.contains('\n') {
            return None;
        }
        let (rest, part) = rest.split_once('#').unwrap_or((rest, ""));
        let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (reference, subdir) = fragment(part);
        let git = Self {
            remote: format!("{user}@{host}:{path}"),
            host: host.to_owned(),
            path: path.to_owned(),
            ssh: true,
            reference,
            subdir,
            ..Self::default()
        };
        Some((git, query::parse(options)?))
    }

    fn with_query(mut self, query: &Query) -> Result<Self, GitRefError> {
        let mut one_of: [Option<String>; 2] = [None, None];
        for (name, values) in query {
            if values.len() > 1 {
                return Err(GitRefError::SeveralValues(name.clone()));
            }
            let value = values.first().map(String::as_str).unwrap_or_default();
            let switch = || boolean(name, value);
            match name.as_str() {
                "keep-git-dir" => self.keep_git_dir = Some(switch()?),
                "submodules" => self.submodules = Some(switch()?),
                "fetch-by-commit" => self.fetch_by_commit = switch()?,
                _ if value.is_empty() => return Err(GitRefError::NoValue(name.clone())),
                "ref" => agree("ref", &mut self.reference, value)?,
                "subdir" => agree("subdir", &mut self.subdir, value)?,
                "tag" => one_of[0] = Some(full("refs/tags/", value)),
                "branch" => one_of[1] = Some(full("refs/heads/", value)),
                "checksum" | "commit" => self.checksum = value.to_owned(),
                "mtime" if matches!(value, "checkout" | "commit") => self.mtime = value.to_owned(),
                "mtime" => {
                    return Err(GitRefError::Invalid { name: name.clone(), value: value.to_owned() });
                }
                _ => return Err(GitRefError::Unexpected(name.clone())),
            }
        }
        if one_of.iter().all(Option::is_some) {
            return Err(GitRefError::BranchAndTag);
        }
        for reference in one_of.iter().flatten() {
            agree("ref", &mut self.reference, reference)?;
        }
        Ok(self)
    }

    /// The source op, as BuildKit's client makes it.
    pub fn source(&self) -> Source {
        source::git(&Git {
            host: self.host.clone(),
            path: self.path.clone(),
            remote: match self.looks_local {
                true => format!("https://{}", self.remote),
                false => self.remote.clone(),
            },
            reference: self.reference.clone(),
            subdir: self.subdir.clone(),
            keep_git_dir: self.keep_git_dir.unwrap_or(false),
            checksum: self.checksum.clone(),
            skip_submodules: self.submodules == Some(false),
            mtime: self.mtime.clone(),
            fetch_by_commit: self.fetch_by_commit,
            ssh: self.ssh,
        })
    }
}

/// `letters-and-digits://`
fn has_scheme(text: &str) -> bool {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `ref:directory`
fn fragment(text: &str) -> (String, String) {
    let (reference, subdir) = text.split_once(':').unwrap_or((text, ""));
    (reference.to_owned(), below_root(subdir))
}

fn full(prefix: &str, name: &str) -> String {
    if name.starts_with(prefix) { name.to_owned() } else { format!("{prefix}{name}") }
}

fn agree(what: &'static str, known: &mut String, value: &str) -> Result<(), GitRefError> {
    if !known.is_empty() && known != value {
        return Err(GitRefError::Conflict { what, first: known.clone(), second: value.to_owned() });
    }
    value.clone_into(known);
    Ok(())
}

/// Go's `strconv.ParseBool`; nothing is true.
fn boolean(name: &str, value: &str) -> Result<bool, GitRefError> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(GitRefError::Invalid { name: name.to_owned(), value: value.to_owned() }),
    }
}
