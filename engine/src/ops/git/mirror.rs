//! A bare repository beside the store that has what builds needed of one remote.
//!
//! It is ours alone while we have it. What was fetched whole has a reference of its own, `refs/cooper/<object>`, which
//! git writes last: an object without one may be there in part, of a fetch that was killed.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cooperage_image::Digest;

use super::command::{Call, Git, GitFailure};
use super::identity::{GitSource, Resolved};
use crate::Error;
use crate::engine::Ports;
use crate::ops::kept::Kept;

/// A mirror that is ours until it is dropped.
pub(super) struct Mirror {
    path: PathBuf,
    _kept: Kept,
}

impl Mirror {
    /// Waits for the mirror of the source's remote; makes it if there is none.
    pub(super) async fn take(
        ports: &Arc<Ports>,
        source: &GitSource,
        git: &Git,
        object: &str,
    ) -> Result<Self, GitFailure> {
        let sha256 = object.len() == 64;
        let form = if sha256 { " sha256" } else { "" };
        // Whole remotes may hold passwords, so that what is shown has to do, made unique by what is not.
        let name = format!("git {} {}{form}", source.shown_remote(), Digest::of(source.remote.as_bytes()));
        let kept = Kept::take(ports, &name).await?;
        let path = kept.path().join("repo");
        if path.join("HEAD").is_file() {
            remove_leftovers(&path)?;
        } else {
            make(git, kept.path(), &path, sha256).await?;
        }
        Ok(Self { path, _kept: kept })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Throws away what is there, which turned out to be damaged.
    pub(super) fn remove(self) -> Result<(), Error> {
        remove_all(&self.path)
    }

    /// Makes sure that the mirror has what `resolved` is, with all that belongs to it.
    pub(super) async fn fetch(
        &self,
        git: &Git,
        source: &GitSource,
        resolved: &Resolved,
    ) -> Result<(), GitFailure> {
        let object = &resolved.object;
        if self.has(git, object).await? {
            return Ok(());
        }
        let by_name = resolved.reference != *object && !source.fetch_by_commit;
        if by_name {
            let refspec = format!("{}:{}", resolved.reference, kept_reference(object));
            match self.fetch_refspec(git, source, &["--depth=1"], &refspec).await {
                // Servers of plain files have no shallow fetch.
                Err(GitFailure::Refused(said)) if said.contains("shallow") || said.contains("--depth") => {
                    self.fetch_refspec(git, source, &[], &refspec).await?;
                }
                other => other?,
            }
            if self.has(git, object).await? {
                return Ok(());
            }
            // The reference moved since it was resolved: the commit itself is meant.
            self.plain(git, &["update-ref", "-d", &kept_reference(object)]).await?;
        }
        let refspec = format!("{object}:{}", kept_reference(object));
        match self.fetch_refspec(git, source, &["--depth=1"], &refspec).await {
            Ok(()) => Ok(()),
            Err(GitFailure::Refused(_)) if !source.fetch_by_commit => {
                self.fetch_all(git, source, object).await
            }
            Err(failure) => Err(failure),
        }
    }

    /// For servers that give no commit by its name: everything, in the hope that it is in it.
    async fn fetch_all(&self, git: &Git, source: &GitSource, object: &str) -> Result<(), GitFailure> {
        let mut args = vec!["fetch", "--quiet", "--no-write-fetch-head", "--no-tags", "--force", "--prune"];
        if self.path.join("shallow").exists() {
            args.push("--unshallow");
        }
        let refspecs = ["+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*"];
        args.extend(["--", source.remote.as_str(), refspecs[0], refspecs[1]]);
        self.remote(git, &args).await?;
        let found = self.plain(git, &["cat-file", "-e", &format!("{object}^{{commit}}")]).await;
        match found {
            Ok(_) => self.plain(git, &["update-ref", &kept_reference(object), object]).await.map(drop),
            Err(GitFailure::Refused(_)) => {
                Err(GitFailure::Refused(format!("commit {object} is not in the repository")))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn fetch_refspec(
        &self,
        git: &Git,
        source: &GitSource,
        options: &[&str],
        refspec: &str,
    ) -> Result<(), GitFailure> {
        let mut args = vec!["fetch", "--quiet", "--no-write-fetch-head", "--no-tags", "--force"];
        args.extend(options);
        args.extend(["--", source.remote.as_str(), refspec]);
        self.remote(git, &args).await
    }

    async fn has(&self, git: &Git, object: &str) -> Result<bool, GitFailure> {
        match self.plain(git, &["rev-parse", "--verify", "--quiet", &kept_reference(object)]).await {
            Ok(found) => Ok(found.trim() == object),
            Err(GitFailure::Refused(_)) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn remote(&self, git: &Git, args: &[&str]) -> Result<(), GitFailure> {
        git.ask(self.call(args)).await.map(drop)
    }

    /// A command of git on the mirror.
    async fn plain(&self, git: &Git, args: &[&str]) -> Result<String, GitFailure> {
        git.run(self.call(args)).await
    }

    fn call<'a>(&'a self, args: &[&'a str]) -> Call<'a> {
        let mut all: Vec<&OsStr> = vec![OsStr::new("--git-dir"), self.path.as_os_str()];
        all.extend(args.iter().map(|arg| OsStr::new(*arg)));
        Call { args: all, ..Call::default() }
    }
}

/// The reference that says that an object is there whole.
pub(super) fn kept_reference(object: &str) -> String {
    format!("refs/cooper/{object}")
}

/// Under another name first: what is there under its own is whole.
async fn make(git: &Git, directory: &Path, path: &Path, sha256: bool) -> Result<(), GitFailure> {
    let new = directory.join("new");
    remove_all(&new)?;
    remove_all(path)?;
    let mut args = vec![OsStr::new("init"), "--bare".as_ref(), "--quiet".as_ref(), "--template=".as_ref()];
    if sha256 {
        args.push("--object-format=sha256".as_ref());
    }
    args.extend([OsStr::new("--"), new.as_os_str()]);
    git.run(Call { args, ..Call::default() }).await?;
    std::fs::rename(&new, path).map_err(Error::file("rename", &new))?;
    Ok(())
}

/// Lock files and half packs of a process that was killed; nobody else is here.
fn remove_leftovers(path: &Path) -> Result<(), Error> {
    for directory in ["", "refs", "refs/cooper", "objects/pack"] {
        let directory = path.join(directory);
        let entries = match std::fs::read_dir(&directory) {
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            entries => entries.map_err(Error::file("list", &directory))?,
        };
        for entry in entries {
            let entry = entry.map_err(Error::file("list", &directory))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".lock") || name.starts_with("tmp_") || name.starts_with(".tmp-") {
                std::fs::remove_file(entry.path()).map_err(Error::file("remove", entry.path()))?;
            }
        }
    }
    Ok(())
}

fn remove_all(path: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(Error::File { action: "remove", path: path.to_owned(), source: e })
        }
        _ => Ok(()),
    }
}
