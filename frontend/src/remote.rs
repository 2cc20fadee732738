//! Words that name something on another machine: git repositories and files on HTTP(S) servers
//! (dockerfile reference, sections 7 and 10).
//!
//! They are read as BuildKit reads them, down to how Go cuts a URL, so that a source op gets the same
//! identifier and attributes whoever lowers the file.

mod git;
mod query;
mod url;

pub(crate) use git::OPTIONS as GIT_OPTIONS;
pub use git::{GitRef, GitRefError};
pub use url::Url;

use cooperage_llb::definition::{Source, source};

/// What a word names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// Nothing remote: a path or a pattern.
    No,
    /// A repository; one that looks like it, with options that do not go together, is an error.
    Git(Result<GitRef, GitRefError>),
    /// A file on a server.
    Url,
}

impl Remote {
    /// What `word` names as a source of ADD. `github.com/x/y` without a scheme is a path there; as a
    /// context ([`GitRef::parse`]) it is a repository.
    pub fn of(word: &str) -> Self {
        match GitRef::parse(word) {
            Some(Ok(git)) if git.looks_local => Self::No,
            Some(git) => Self::Git(git),
            None if word.starts_with("http://") || word.starts_with("https://") => Self::Url,
            None => Self::No,
        }
    }
}

/// The file of `url`, called `name` in its tree.
pub fn http_source(url: &str, name: &str, checksum: Option<&str>) -> Source {
    let mut source = source::remote(url).with("http.filename", name);
    if let Some(checksum) = checksum {
        source = source.with("http.checksum", checksum);
    }
    source
}

/// How the file of a URL is called: the last part of its path, `__unnamed__` if there is none.
pub fn http_file_name(url: &str) -> String {
    let name = Url::parse(url).and_then(|url| {
        let name = url.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        (!name.is_empty() && name != ".").then_some(name)
    });
    name.unwrap_or_else(|| "__unnamed__".to_owned())
}

#[cfg(test)]
mod tests;
