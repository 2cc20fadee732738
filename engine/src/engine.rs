//! The engine: picks the drivers and hands them out.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use cooperage_cache::DiskStore;
use cooperage_executor::Tier;
use cooperage_image::layer::Ownership;
use cooperage_llb::ports::{
    BlobStore, CacheMounts, CancelToken, Downloads, HostCommands, ImageNames, LayerStore, Registry,
    ResultIndex, StatCache, StepRunner, Upkeep,
};
use cooperage_registry::RegistryClient;

use crate::Error;
use crate::layers::Layers;

/// How an engine is set up.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Where the store is; [`EngineOptions::default_root`] when absent.
    pub root: Option<PathBuf>,
    /// How RUN steps are isolated; the best that the machine allows when absent.
    pub tier: Option<Tier>,
    /// RUN steps at a time; no limit when absent.
    pub max_parallel: Option<usize>,
    /// Registries that are spoken to over plain HTTP, `host` or `host:port`; those on loopback are anyway.
    pub insecure_registries: Vec<String>,
}

impl EngineOptions {
    /// `$COOPER_ROOT`, else `/var/lib/cooper` for root, else `$XDG_DATA_HOME/cooper` (`~/.local/share/cooper`).
    pub fn default_root() -> Result<PathBuf, Error> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(root) = set("COOPER_ROOT") {
            return Ok(root);
        }
        if rustix::process::geteuid().is_root() {
            return Ok("/var/lib/cooper".into());
        }
        set("XDG_DATA_HOME")
            .map(|data| data.join("cooper"))
            .or_else(|| set("HOME").map(|home| home.join(".local/share/cooper")))
            .ok_or_else(|| {
                Error::Environment("neither HOME nor XDG_DATA_HOME is set: say --root DIR".to_owned())
            })
    }
}

/// Builds images and keeps them in a store. Cheap to share; several engines, in one process or in several, may
/// use one root.
pub struct Engine {
    pub(crate) ports: Arc<Ports>,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) max_parallel: Option<usize>,
}

/// The drivers, as ports.
pub(crate) struct Ports {
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) layers: Arc<dyn LayerStore>,
    pub(crate) results: Arc<dyn ResultIndex>,
    pub(crate) stats: Arc<dyn StatCache>,
    pub(crate) names: Arc<dyn ImageNames>,
    pub(crate) upkeep: Arc<dyn Upkeep>,
    pub(crate) mounts: Arc<dyn CacheMounts>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) downloads: Arc<dyn Downloads>,
    pub(crate) commands: Arc<dyn HostCommands>,
    tier: Option<Tier>,
    runner: OnceLock<Arc<dyn StepRunner>>,
}

impl Engine {
    /// Opens the store (made when missing) and sets up the drivers. No step runner is probed before a
    /// step runs.
    pub fn open(options: EngineOptions) -> Result<Self, Error> {
        let root = match options.root {
            Some(root) => root,
            None => EngineOptions::default_root()?,
        };
        let store = Arc::new(DiskStore::open(&root)?);
        let registry = cooperage_registry::Options {
            insecure_hosts: options.insecure_registries,
            credentials: cooperage_registry::CredentialSources::from_environment(|name| {
                std::env::var_os(name)
            }),
            roots: cooperage_registry::Roots::from_environment(|name| std::env::var_os(name)),
            ..cooperage_registry::Options::default()
        };
        let registry = RegistryClient::new(registry).map_err(|e| Error::Usage(e.to_string()))?;
        let registry = Arc::new(registry);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("cooper")
            .build()
            .map_err(|e| Error::Environment(format!("starting threads: {e}")))?;
        let ports = Ports {
            blobs: store.clone(),
            layers: store.clone(),
            results: store.clone(),
            stats: store.clone(),
            names: store.clone(),
            upkeep: store.clone(),
            mounts: store,
            registry: registry.clone(),
            downloads: registry,
            commands: Arc::new(cooperage_executor::HostRunner),
            tier: options.tier,
            runner: OnceLock::new(),
        };
        Ok(Self { ports: Arc::new(ports), runtime, max_parallel: options.max_parallel })
    }
}

/// The runner of the best tier that works here.
fn best_runner() -> Result<Box<dyn StepRunner>, Error> {
    let mut refused = Vec::new();
    for tier in Tier::ALL {
        match cooperage_executor::runner(tier) {
            Ok(runner) => return Ok(runner),
            Err(error) => refused.push(error.to_string()),
        }
    }
    Err(Error::Environment(format!("no way to isolate RUN steps works here: {}", refused.join("; "))))
}

impl Ports {
    /// The runner of steps: the tier that was asked for, or the best that the machine allows.
    pub(crate) fn runner(&self) -> Result<Arc<dyn StepRunner>, Error> {
        if let Some(runner) = self.runner.get() {
            return Ok(Arc::clone(runner));
        }
        let runner: Arc<dyn StepRunner> = match self.tier {
            Some(tier) => {
                cooperage_executor::runner(tier).map_err(|e| Error::Environment(e.to_string()))?.into()
            }
            None => best_runner()?.into(),
        };
        Ok(Arc::clone(self.runner.get_or_init(|| runner)))
    }

    /// The layers of one build.
    pub(crate) fn layers(&self, cancel: &CancelToken) -> Arc<Layers> {
        let ownership = match rustix::process::geteuid().is_root() {
            true => Ownership::Real,
            false => Ownership::Caller,
        };
        let (store, blobs, registry) = (self.layers.clone(), self.blobs.clone(), self.registry.clone());
        Arc::new(Layers::new(store, blobs, registry, ownership, cancel.clone()))
    }
}
