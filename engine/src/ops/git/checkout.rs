//! From a mirror to the files of a commit.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::command::{Call, Git, GitFailure};
use super::identity::{GitSource, Resolved};
use super::mirror::{Mirror, kept_reference};
use crate::Error;

/// Where a checkout is put together, below a workspace.
pub(super) struct Place<'a> {
    pub(super) git: &'a Git,
    pub(super) source: &'a GitSource,
    pub(super) resolved: &'a Resolved,
    pub(super) mirror: &'a Mirror,
    /// The files.
    pub(super) work: PathBuf,
    /// The repository of the checkout, where it is not in the files.
    pub(super) aside: PathBuf,
}

impl Place<'_> {
    /// Lays the files out; the directory that is meant of them, relative to `work`.
    pub(super) async fn check_out(&self) -> Result<PathBuf, GitFailure> {
        let is_whole = self.source.subdir.is_empty();
        let git_dir = match self.source.keep_git_dir && is_whole {
            true => self.check_out_with_git_dir().await?,
            false => self.check_out_files().await?,
        };
        if !self.source.skip_submodules && exists(&self.work.join(".gitmodules"))? {
            self.submodules(&git_dir).await?;
            if !self.source.keep_git_dir {
                remove_git_files(&self.work)?;
            }
        }
        let meant = subdirectory(&self.work, &self.source.subdir)?;
        if self.source.commit_time {
            let said = self.in_work(&git_dir, &["log", "-1", "--format=%ct", &self.commit()]).await?;
            let seconds =
                said.trim().parse().map_err(|_| Error::Internal(format!("a commit at {said:?}")))?;
            set_times(&self.work.join(&meant), seconds)?;
        }
        Ok(meant)
    }

    fn commit(&self) -> String {
        format!("{}^{{commit}}", self.resolved.object)
    }

    /// A repository beside the files that borrows the mirror's objects.
    async fn check_out_files(&self) -> Result<PathBuf, GitFailure> {
        let git_dir = self.aside.clone();
        self.init(&git_dir).await?;
        let info = git_dir.join("objects/info");
        std::fs::create_dir_all(&info).map_err(Error::file("create", &info))?;
        let alternates = info.join("alternates");
        let objects = self.mirror.path().join("objects");
        std::fs::write(&alternates, format!("{}\n", objects.display()))
            .map_err(Error::file("write", &alternates))?;
        let shallow = self.mirror.path().join("shallow");
        if exists(&shallow)? {
            std::fs::copy(&shallow, git_dir.join("shallow")).map_err(Error::file("copy", &shallow))?;
        }
        // Submodules are found relative to it.
        self.in_work(&git_dir, &["config", "remote.origin.url", &self.source.remote]).await?;
        self.in_work(&git_dir, &["read-tree", "--reset", "-u", &self.commit()]).await?;
        Ok(git_dir)
    }

    /// A clone of one commit, as BuildKit leaves it.
    async fn check_out_with_git_dir(&self) -> Result<PathBuf, GitFailure> {
        let git_dir = self.work.join(".git");
        self.init(&git_dir).await?;
        let from = kept_reference(&self.resolved.object);
        let refspec = match self.resolved.reference.as_str() {
            name if name.starts_with("refs/") => format!("{from}:{name}"),
            _ => from,
        };
        // By the protocol, not by the path: that would copy whatever lies in the mirror.
        let url = format!("file://{}", self.mirror.path().display());
        let args = ["fetch", "--quiet", "--update-head-ok", "--depth=1", "--no-tags", "--", &url, &refspec];
        self.call(&git_dir, &args, true).await?;
        self.in_work(&git_dir, &["checkout", "--quiet", "--detach", "FETCH_HEAD"]).await?;
        self.in_work(&git_dir, &["config", "remote.origin.url", &self.source.shown_remote()]).await?;
        let fetch = "+refs/heads/*:refs/remotes/origin/*";
        self.in_work(&git_dir, &["config", "remote.origin.fetch", fetch]).await?;
        self.in_work(&git_dir, &["reflog", "expire", "--all", "--expire=now"]).await?;
        let fetched = git_dir.join("FETCH_HEAD");
        std::fs::remove_file(&fetched).map_err(Error::file("remove", &fetched))?;
        Ok(git_dir)
    }

    async fn init(&self, git_dir: &Path) -> Result<(), GitFailure> {
        std::fs::create_dir_all(&self.work).map_err(Error::file("create", &self.work))?;
        let mut args = vec!["init", "--quiet", "--template="];
        if self.resolved.object.len() == 64 {
            args.push("--object-format=sha256");
        }
        // A directory of its own has to be said, the usual one must not be: it would be written down.
        match git_dir.parent() == Some(&self.work) {
            true => {
                let args = args.into_iter().map(OsStr::new).collect();
                self.git.run(Call { args, directory: Some(&self.work), ..Call::default() }).await?;
            }
            false => drop(self.in_work(git_dir, &args).await?),
        }
        Ok(())
    }

    async fn submodules(&self, git_dir: &Path) -> Result<(), GitFailure> {
        let args = ["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"];
        match self.git.ask(self.command(git_dir, &args, false)).await {
            Err(GitFailure::Refused(said)) if said.contains("shallow") || said.contains("--depth") => {
                self.in_work(git_dir, &args[..args.len() - 1]).await?;
            }
            other => drop(other?),
        }
        Ok(())
    }

    async fn in_work(&self, git_dir: &Path, args: &[&str]) -> Result<String, GitFailure> {
        self.call(git_dir, args, false).await
    }

    async fn call(&self, git_dir: &Path, args: &[&str], reads_mirror: bool) -> Result<String, GitFailure> {
        self.git.run(self.command(git_dir, args, reads_mirror)).await
    }

    fn command<'a>(&'a self, git_dir: &'a Path, args: &[&'a str], reads_mirror: bool) -> Call<'a> {
        let mut all: Vec<&OsStr> = vec![
            OsStr::new("--git-dir"),
            git_dir.as_os_str(),
            OsStr::new("--work-tree"),
            self.work.as_os_str(),
        ];
        all.extend(args.iter().map(|arg| OsStr::new(*arg)));
        Call { args: all, directory: Some(&self.work), reads_mirror }
    }
}

fn exists(path: &Path) -> Result<bool, Error> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Error::File { action: "look at", path: path.to_owned(), source: e }),
    }
}

/// The directory `subdir` of the checkout. No part of it may be a link: it could lead out.
fn subdirectory(work: &Path, subdir: &str) -> Result<PathBuf, GitFailure> {
    let mut found = PathBuf::new();
    for part in Path::new(subdir).components() {
        let Component::Normal(name) = part else { continue };
        found.push(name);
        match std::fs::symlink_metadata(work.join(&found)) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Err(GitFailure::Refused(format!("{} is not a directory", found.display()))),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(GitFailure::Refused(format!("there is no directory {} in it", found.display())));
            }
            Err(e) => return Err(Error::File { action: "look at", path: found, source: e }.into()),
        }
    }
    Ok(found)
}

/// Removes the `.git` files of submodules: they lead to a repository that goes. Git itself allows no such name in
/// a tree.
fn remove_git_files(directory: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(directory).map_err(Error::file("list", directory))? {
        let entry = entry.map_err(Error::file("list", directory))?;
        let path = entry.path();
        if entry.file_type().map_err(Error::file("look at", &path))?.is_dir() {
            remove_git_files(&path)?;
        } else if entry.file_name() == ".git" {
            std::fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
    }
    Ok(())
}

/// Gives everything below a directory, and itself last, one time.
fn set_times(path: &Path, seconds: i64) -> Result<(), Error> {
    if std::fs::symlink_metadata(path).map_err(Error::file("look at", path))?.is_dir() {
        for entry in std::fs::read_dir(path).map_err(Error::file("list", path))? {
            set_times(&entry.map_err(Error::file("list", path))?.path(), seconds)?;
        }
    }
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| Error::file("set the time of", path)(errno.into()))
}
