//! Doing what an op says, one file a kind of op.
//!
//! Every op takes chains and gives chains. Sources and file ops work on trees alone; only an exec op
//! needs directories.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use cooperage_image::tree::LayerId;
use cooperage_image::{Digest, Platform};
use cooperage_llb::graph::Vertex;
use cooperage_llb::key::ResultId;
use cooperage_llb::pb::op::Op;
use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::result_index::{Chain, StepResult};
use cooperage_llb::ports::step_runner::StepLog;

use crate::Error;
use crate::base::Bases;
use crate::engine::Ports;
use crate::hashing::StatDigests;
use crate::layers::Layers;
use crate::secrets::Secrets;

mod digest;
mod exec;
mod failure;
mod file;
mod git;
mod http;
mod kept;
mod merge;
mod missing;
mod owner;
mod source;
mod times;
mod unpack;

pub(crate) use failure::OpFailure;

/// What ops work with: one instance a build, shared by all its steps.
pub(crate) struct Workshop {
    pub(crate) ports: Arc<Ports>,
    pub(crate) layers: Arc<Layers>,
    pub(crate) bases: Bases,
    pub(crate) stats: StatDigests,
    /// Secrets that steps and sources may ask for.
    pub(crate) secrets: Secrets,
    /// Sockets of ssh agents that steps and sources may ask for.
    pub(crate) agents: BTreeMap<String, PathBuf>,
    /// Directories by the name they have in `local://NAME`.
    pub(crate) directories: BTreeMap<String, PathBuf>,
    /// Archives that were unpacked, by the name they have in `local://NAME`.
    pub(crate) archives: Mutex<HashMap<String, Chain>>,
    /// Sources that were fetched in this build, by identifier and attributes: nobody is asked twice.
    pub(crate) fetched: Mutex<HashMap<Digest, Made>>,
    /// Local directories that were walked in this build, by the layer they became.
    pub(crate) walked: Mutex<HashMap<LayerId, source::Walked>>,
    /// What steps recorded while they held their key's lock, by first key.
    pub(crate) recorded: Mutex<HashMap<Digest, StepResult>>,
    /// Platform of ops that name none.
    pub(crate) platform: Platform,
    /// Time of what file ops make without a time of their own.
    pub(crate) now: cooperage_image::tree::Timestamp,
}

/// What an op made.
#[derive(Clone)]
pub(crate) struct Made {
    /// By output index.
    pub(crate) outputs: Vec<Chain>,
    /// Identity of a source's result; absent for a local directory, which has none between builds.
    pub(crate) identity: Option<ResultId>,
}

impl Workshop {
    /// Does what the vertex's op says.
    pub(crate) async fn run(
        &self,
        vertex: &Vertex,
        inputs: &[Chain],
        log: Arc<dyn StepLog>,
        cancel: &CancelToken,
    ) -> Result<Made, OpFailure> {
        let outputs = match &vertex.op.op {
            Some(Op::Source(source)) => {
                return self.source(source, vertex.op.platform.as_ref(), log.as_ref()).await;
            }
            Some(Op::File(op)) => self.file(op, inputs).await?,
            Some(Op::Exec(op)) => self.exec(op, inputs, log, cancel).await?,
            Some(Op::Merge(op)) => vec![merge::merge(op, inputs)],
            Some(Op::Diff(op)) => vec![self.diff(op, inputs).await?],
            Some(Op::Passthrough(op)) => merge::passthrough(op, inputs),
            Some(Op::Build(_)) => return Err(OpFailure::unsupported("a build op inside a definition")),
            None => return Err(Error::Internal("a vertex without an op was to be run".to_owned()).into()),
        };
        Ok(Made { outputs, identity: None })
    }
}
