//! Exec ops: a command in a root that is stacked from layers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cooperage_image::tree::{Changes, FollowLast, Tree};
use cooperage_llb::pb;
use cooperage_llb::ports::cache_mounts::{CacheMount, Sharing};
use cooperage_llb::ports::result_index::Chain;
use cooperage_llb::ports::step_runner::{
    Layers as StepLayers, Limits, MountSource, Network, Step, StepLog, StepMount, StepReport,
};
use cooperage_llb::ports::{CancelToken, Workspace};

use super::{OpFailure, Workshop, kept};
use crate::Error;
use crate::cancel::until;
use crate::error::Kind;

mod agent;
mod given;

use agent::ForwardedAgent;

/// What PATH is when nobody set it.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A step with what must live as long as it runs.
struct Prepared {
    step: Step,
    /// Scratch of each writable stack, in the order of the report's changes.
    writable: Vec<Writable>,
    /// Output index to what it is.
    outputs: Vec<OutputOf>,
    _cache_mounts: Vec<Box<dyn CacheMount>>,
    _agents: Vec<ForwardedAgent>,
    /// Scratches whose contents are thrown away.
    _discarded: Vec<Box<dyn Workspace>>,
}

struct Writable {
    workspace: Box<dyn Workspace>,
    below: Chain,
}

enum OutputOf {
    /// The n-th writable stack.
    Written(usize),
    /// An input, unchanged: a read-only mount with an output.
    Input(Chain),
}

impl Workshop {
    pub(super) async fn exec(
        &self,
        op: &pb::ExecOp,
        inputs: &[Chain],
        log: Arc<dyn StepLog>,
        cancel: &CancelToken,
    ) -> Result<Vec<Chain>, OpFailure> {
        let meta = op.meta.clone().unwrap_or_default();
        // A base may have to be fetched first, which takes as long as it takes.
        let prepared = until(cancel, self.prepare(op, &meta, inputs, cancel)).await?;
        let runner = self.ports.runner()?;
        let (step, cancel) = (prepared.step.clone(), cancel.clone());
        let ran = tokio::task::spawn_blocking(move || runner.run(&step, log.as_ref(), &cancel));
        let report = ran.await.map_err(|e| Error::Internal(format!("the runner stopped: {e}")))??;
        let command = meta.args.join(" ");
        if let Some(failure) = OpFailure::of_outcome(&report.outcome, &command, &meta.valid_exit_codes) {
            return Err(failure);
        }
        self.collect(prepared, report)
    }

    /// Turns what was written into layers.
    fn collect(&self, prepared: Prepared, report: StepReport) -> Result<Vec<Chain>, OpFailure> {
        if report.changes.len() != prepared.writable.len() {
            return Err(Error::Internal("the runner reported another number of changes".to_owned()).into());
        }
        let mut chains = Vec::with_capacity(prepared.writable.len());
        for (writable, changes) in prepared.writable.iter().zip(&report.changes) {
            chains.push(self.adopt(writable, changes)?);
        }
        let outputs = prepared.outputs.into_iter().map(|output| match output {
            OutputOf::Written(index) => chains[index].clone(),
            OutputOf::Input(chain) => chain,
        });
        Ok(outputs.collect())
    }

    /// Makes the written directory a layer's directory.
    fn adopt(&self, writable: &Writable, changes: &Changes) -> Result<Chain, OpFailure> {
        let store = self.layers.store();
        let id = self.layers.fresh_id();
        store.put(&id, changes)?;
        // A step that changed nothing has nothing for later steps to see.
        if !changes.is_empty() {
            store.put_directory(&id, writable.workspace.as_ref(), Path::new("fs"))?;
        }
        let mut chain = writable.below.clone();
        chain.layers.push(id);
        Ok(chain)
    }

    async fn prepare(
        &self,
        op: &pb::ExecOp,
        meta: &pb::Meta,
        inputs: &[Chain],
        cancel: &CancelToken,
    ) -> Result<Prepared, OpFailure> {
        refuse_unsupported(op)?;
        let mut prepared = Prepared {
            step: self.step(op, meta),
            writable: Vec::new(),
            outputs: Vec::new(),
            _cache_mounts: Vec::new(),
            _agents: Vec::new(),
            _discarded: Vec::new(),
        };
        prepared.step.env.extend(self.secret_variables(&op.secretenv)?);
        let mut outputs: Vec<(i64, OutputOf)> = Vec::new();
        let mut mounts: Vec<&pb::Mount> = op.mounts.iter().collect();
        // The root comes first, parents before what is mounted below them.
        mounts.sort_by(|a, b| (a.dest != "/", &a.dest).cmp(&(b.dest != "/", &b.dest)));
        for mount in mounts {
            let target = absolute(&meta.cwd, &mount.dest);
            let source = match pb::MountType::try_from(mount.mount_type) {
                Ok(pb::MountType::Bind) => {
                    let (layers, output) = self.bind(mount, inputs, &mut prepared).await?;
                    outputs.extend(output.map(|output| (mount.output, output)));
                    if mount.dest == "/" {
                        prepared.step.root = layers;
                        continue;
                    }
                    let output = layers.scratch.is_some() && mount.output >= 0;
                    let selector = selected(mount, &layers.tree)?;
                    MountSource::Layers { layers, selector, output }
                }
                Ok(pb::MountType::Cache) => {
                    let made = self.cache_mount(mount, inputs, cancel).await?;
                    let (directory, selector) = (made.path().to_owned(), relative(&mount.selector));
                    prepared._cache_mounts.push(made);
                    match selector.is_empty() {
                        true => MountSource::Host(directory),
                        false => MountSource::Below { directory, selector },
                    }
                }
                Ok(pb::MountType::Tmpfs) => {
                    let size = mount.tmpfs_opt.as_ref().map_or(0, |options| options.size);
                    MountSource::Tmpfs { size_bytes: u64::try_from(size).ok().filter(|size| *size > 0) }
                }
                Ok(pb::MountType::Secret) => match self.secret_file(mount)? {
                    Some(file) => file,
                    None => continue,
                },
                Ok(pb::MountType::Ssh) => {
                    let Some(agent) = self.agent(mount)? else { continue };
                    let path = agent.path().to_owned();
                    prepared._agents.push(agent);
                    MountSource::Host(path)
                }
                Err(_) => {
                    return Err(
                        Error::Definition(format!("mount type {} is unknown", mount.mount_type)).into()
                    );
                }
            };
            prepared.step.mounts.push(StepMount { target, source, read_only: mount.readonly });
        }
        outputs.sort_by_key(|(index, _)| *index);
        prepared.outputs = outputs.into_iter().map(|(_, output)| output).collect();
        Ok(prepared)
    }

    /// A stack of layers, with a scratch where it can be written to.
    async fn bind(
        &self,
        mount: &pb::Mount,
        inputs: &[Chain],
        prepared: &mut Prepared,
    ) -> Result<(StepLayers, Option<OutputOf>), OpFailure> {
        let chain = chain_of(mount, inputs);
        let directories = self.layers.visible_directories(&chain).await?;
        let tree = self.layers.tree(&chain).await?;
        let is_root = mount.dest == "/";
        let wanted = mount.output >= 0;
        let mut scratch = None;
        let mut output = None;
        if !mount.readonly || is_root {
            let workspace = self.layers.store().workspace()?;
            scratch = Some(workspace.path().to_owned());
            // The root's changes are always reported, those of another mount only when wanted.
            if is_root || wanted {
                if wanted {
                    output = Some(match mount.readonly {
                        true => OutputOf::Input(chain.clone()),
                        false => OutputOf::Written(prepared.writable.len()),
                    });
                }
                prepared.writable.push(Writable { workspace, below: chain });
            } else {
                prepared._discarded.push(workspace);
            }
        } else if wanted {
            output = Some(OutputOf::Input(chain));
        }
        Ok((StepLayers { directories, tree, scratch }, output))
    }

    async fn cache_mount(
        &self,
        mount: &pb::Mount,
        inputs: &[Chain],
        cancel: &CancelToken,
    ) -> Result<Box<dyn CacheMount>, OpFailure> {
        let options = mount.cache_opt.clone().unwrap_or_default();
        let sharing = match pb::CacheSharingOpt::try_from(options.sharing) {
            Ok(pb::CacheSharingOpt::Shared) => Sharing::Shared,
            Ok(pb::CacheSharingOpt::Private) => Sharing::Private,
            Ok(pb::CacheSharingOpt::Locked) => Sharing::Locked,
            Err(_) => {
                return Err(Error::Definition(format!("cache sharing {} is unknown", options.sharing)).into());
            }
        };
        if kept::is_reserved(&options.id) {
            return Err(OpFailure::Step {
                message: format!("the cache mount ID {:?} is reserved", options.id),
                help: Some("IDs that begin with \"source:\" are cooper's own: choose another".to_owned()),
                kind: Kind::Usage,
            });
        }
        let base = chain_of(mount, inputs);
        // A cache that starts from an input's contents is another cache for other contents.
        let id = match base.layers.last() {
            Some(top) => format!("{}:{top}", options.id),
            None => options.id,
        };
        let (mounts, cancel) = (Arc::clone(&self.ports.mounts), cancel.clone());
        let open = tokio::task::spawn_blocking(move || mounts.cache_mount(&id, sharing, &cancel));
        let opened = open.await.map_err(|e| Error::Internal(e.to_string()))??;
        let made = opened.ok_or(OpFailure::Cancelled)?;
        let is_new = std::fs::read_dir(made.path()).is_ok_and(|mut entries| entries.next().is_none());
        if is_new && !base.layers.is_empty() {
            let tree = self.layers.tree(&base).await?;
            let changes = Changes::between(&cooperage_image::tree::Tree::empty(), &tree);
            self.layers.prepare(&changes).await?;
            let contents = crate::layers::Contents::new(Arc::clone(&self.layers));
            let (path, ownership) = (made.path().to_owned(), self.layers.ownership());
            cooperage_image::layer::write_directory(&changes, &path, &contents, ownership)
                .map_err(|e| Error::disk(format!("filling the cache mount {}", mount.dest), &e))?;
        }
        Ok(made)
    }

    fn step(&self, op: &pb::ExecOp, meta: &pb::Meta) -> Step {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut env = meta.env.clone();
        if !env.iter().any(|one| one.starts_with("PATH=")) {
            env.insert(0, DEFAULT_PATH.to_owned());
        }
        env.extend(proxy_environment(meta, &env));
        let hosts = meta.extra_hosts.iter().map(|host| (host.host.clone(), host.ip.clone()));
        let limit = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
        Step {
            id: format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)),
            args: meta.args.clone(),
            env,
            cwd: if meta.cwd.is_empty() { "/".to_owned() } else { meta.cwd.clone() },
            user: meta.user.clone(),
            hostname: meta.hostname.clone(),
            root: StepLayers {
                directories: Vec::new(),
                tree: cooperage_image::tree::Tree::empty(),
                scratch: None,
            },
            mounts: Vec::new(),
            network: match pb::NetMode::try_from(op.network) {
                Ok(pb::NetMode::None) => Network::None,
                Ok(pb::NetMode::Unset | pb::NetMode::Host) | Err(_) => Network::Host,
            },
            insecure: op.security == pb::SecurityMode::Insecure as i32,
            extra_hosts: hosts.collect(),
            ulimits: meta
                .ulimit
                .iter()
                .map(|one| (one.name.clone(), limit(one.soft), limit(one.hard)))
                .collect(),
            limits: Limits::default(),
            timeout: None,
        }
    }
}

fn refuse_unsupported(op: &pb::ExecOp) -> Result<(), OpFailure> {
    if op.cdi_devices.iter().any(|device| !device.optional) {
        return Err(OpFailure::unsupported("a CDI device"));
    }
    Ok(())
}

fn chain_of(mount: &pb::Mount, inputs: &[Chain]) -> Chain {
    usize::try_from(mount.input).ok().and_then(|index| inputs.get(index)).cloned().unwrap_or_default()
}

fn absolute(cwd: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", cwd.trim_end_matches('/')) }
}

/// What of its source a mount shows, which must be there.
fn selected(mount: &pb::Mount, tree: &Tree) -> Result<String, OpFailure> {
    let selector = relative(&mount.selector);
    let found = tree.resolve(selector.as_bytes(), FollowLast::Yes);
    if found.is_ok_and(|found| found.node.is_some()) {
        return Ok(selector);
    }
    let message = format!("the source \"/{selector}\" of the mount at {} is not found", mount.dest);
    let help =
        "sources are paths from the root of the context or of what from= names; an ignore file may hide them";
    Err(OpFailure::step(message, Some(help.to_owned())))
}

fn relative(path: &str) -> String {
    path.trim_matches('/').to_owned()
}

/// Proxy settings in both cases, as tools differ in which they read; never in a key.
fn proxy_environment(meta: &pb::Meta, env: &[String]) -> Vec<String> {
    let proxy = meta.proxy_env.clone().unwrap_or_default();
    let values = [
        ("HTTP_PROXY", proxy.http_proxy),
        ("HTTPS_PROXY", proxy.https_proxy),
        ("FTP_PROXY", proxy.ftp_proxy),
        ("NO_PROXY", proxy.no_proxy),
        ("ALL_PROXY", proxy.all_proxy),
    ];
    let is_set = |name: &str| env.iter().any(|one| one.split('=').next() == Some(name));
    let both = values.iter().filter(|(_, value)| !value.is_empty()).flat_map(|(name, value)| {
        [((*name).to_owned(), value.clone()), (name.to_ascii_lowercase(), value.clone())]
    });
    both.filter(|(name, _)| !is_set(name)).map(|(name, value)| format!("{name}={value}")).collect()
}
