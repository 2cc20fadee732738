//! Git sources: the files of a commit (docs/sources.md).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cooperage_image::tree::walk::{self, Modes, Owners, WalkOptions};
use cooperage_image::tree::{Changes, LayerId, Tree};
use cooperage_llb::key::ResultId;
use cooperage_llb::pb;
use cooperage_llb::ports::Workspace;
use cooperage_llb::ports::registry::BoxFuture;
use cooperage_llb::ports::result_index::Chain;

use super::source::wrong;
use super::{Made, OpFailure, Workshop};
use crate::Error;
use crate::engine::Ports;
use crate::error::Kind;
use crate::layers::{Deferred, Layers};
use crate::secrets::Secrets;

mod checkout;
mod command;
mod identity;
mod mirror;
mod refs;

use checkout::Place;
use command::{Call, Git, GitFailure};
use identity::{GitSource, Resolved};
use mirror::Mirror;

impl Workshop {
    /// Asks the remote what the reference is, unless it is a commit; fetches nothing before somebody needs the
    /// files.
    pub(super) async fn git(&self, op: &pb::SourceOp, rest: &str) -> Result<Made, OpFailure> {
        let source = GitSource::of(op, rest).map_err(|why| wrong(op, &why))?;
        let agent = self.git_agent(&source)?;
        let (ports, secrets) = (Arc::clone(&self.ports), self.secrets.clone());
        let remote = Remote { source, ports, secrets, agent };
        let resolved = match remote.source.pinned() {
            Some(resolved) => resolved,
            None => remote.resolve(&self.layers).await?,
        };
        let key = remote.source.key(&resolved);
        let layer = LayerId::of(&key);
        self.layers.defer(layer.clone(), Arc::new(Commit { remote, resolved }));
        let chain = Chain { layers: vec![layer] };
        Ok(Made { outputs: vec![chain], identity: Some(ResultId(key)) })
    }

    fn git_agent(&self, source: &GitSource) -> Result<Option<PathBuf>, OpFailure> {
        if source.agent.is_empty() {
            return Ok(None);
        }
        let agent = self.agents.get(&source.agent).cloned();
        agent.map(Some).ok_or_else(|| OpFailure::Step {
            message: format!("{} is reached by ssh, and no SSH agent is forwarded", source.shown_remote()),
            help: Some(format!("give one with --ssh {}", source.agent)),
            kind: Kind::Usage,
        })
    }
}

/// A repository, and what is needed to ask it.
struct Remote {
    source: GitSource,
    ports: Arc<Ports>,
    secrets: Secrets,
    agent: Option<PathBuf>,
}

impl Remote {
    async fn resolve(&self, layers: &Layers) -> Result<Resolved, Error> {
        let (git, _workspace) = self.git_command(layers)?;
        let questions = refs::questions(&self.source);
        let mut args = vec!["ls-remote", "--symref", "--", self.source.remote.as_str()];
        args.extend(questions.iter().map(String::as_str));
        let call = Call { args: args.into_iter().map(OsStr::new).collect(), ..Call::default() };
        let answer = git.ask(call).await.map_err(|failure| self.error("ask", failure))?;
        refs::resolve(&self.source, &answer)
            .map_err(|why| Error::Environment(format!("{}: {why}", self.source.shown_remote())))
    }

    fn git_command(&self, layers: &Layers) -> Result<(Git, Box<dyn Workspace>), Error> {
        let workspace = layers.store().workspace()?;
        let scratch = workspace.path().join("scratch");
        std::fs::create_dir(&scratch).map_err(Error::file("create", &scratch))?;
        let commands = Arc::clone(&self.ports.commands);
        let git = Git::new(commands, &scratch, &self.source, &self.secrets, self.agent.as_deref())?;
        Ok((git, workspace))
    }

    fn error(&self, doing: &str, failure: GitFailure) -> Error {
        match failure {
            GitFailure::Error(error) => error,
            GitFailure::Refused(said) => {
                let what = match self.source.reference.as_str() {
                    "" => self.source.shown_remote(),
                    reference => format!("{}#{reference}", self.source.shown_remote()),
                };
                Error::Environment(format!("git could not {doing} {what}: {said}"))
            }
        }
    }
}

/// A commit of it.
struct Commit {
    remote: Remote,
    resolved: Resolved,
}

impl Commit {
    async fn layer(&self, id: &LayerId, layers: &Layers) -> Result<PathBuf, Error> {
        let mut again = true;
        loop {
            let (git, workspace) = self.remote.git_command(layers)?;
            let taken =
                Mirror::take(&self.remote.ports, &self.remote.source, &git, &self.resolved.object).await;
            let mirror = taken.map_err(|failure| self.remote.error("keep", failure))?;
            // Another process may have made it while we waited.
            if let Some(directory) = layers.store().directory(id)? {
                return Ok(directory);
            }
            let fetched = mirror.fetch(&git, &self.remote.source, &self.resolved).await;
            fetched.map_err(|failure| self.remote.error("fetch", failure))?;
            let place = Place {
                git: &git,
                source: &self.remote.source,
                resolved: &self.resolved,
                mirror: &mirror,
                work: workspace.path().join("work"),
                aside: workspace.path().join("git"),
            };
            match place.check_out().await {
                Ok(meant) => return put(id, workspace.as_ref(), &PathBuf::from("work").join(meant), layers),
                // What was fetched whole and cannot be laid out is damaged: once more from nothing.
                Err(GitFailure::Refused(said)) if again && is_damage(&said) => {
                    again = false;
                    mirror.remove()?;
                }
                Err(failure) => return Err(self.remote.error("check out", failure)),
            }
        }
    }
}

/// Whether git's words are about objects that should be there.
fn is_damage(said: &str) -> bool {
    ["bad object", "unable to read", "missing", "corrupt", "not a valid object", "invalid object"]
        .iter()
        .any(|words| said.contains(words))
}

/// Makes the files a layer.
fn put(id: &LayerId, workspace: &dyn Workspace, sub: &Path, layers: &Layers) -> Result<PathBuf, Error> {
    let directory = workspace.path().join(sub);
    let options = WalkOptions { owners: Owners::Root, modes: Modes::Kept, ..WalkOptions::default() };
    let tree: Tree = tokio::task::block_in_place(|| walk::walk(&directory, &options))
        .map_err(|e| Error::disk("reading a checkout", &e))?;
    let mut changes = Changes::between(&Tree::empty(), &tree);
    changes.root_changed = true;
    layers.store().put(id, &changes)?;
    Ok(layers.store().put_directory(id, workspace, sub)?)
}

impl Deferred for Commit {
    fn make<'a>(&'a self, layers: &'a Layers) -> BoxFuture<'a, Result<PathBuf, Error>> {
        Box::pin(async move {
            let id = LayerId::of(&self.remote.source.key(&self.resolved));
            self.layer(&id, layers).await
        })
    }
}
