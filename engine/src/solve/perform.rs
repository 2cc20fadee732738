//! Performing one effect.

use std::sync::{Arc, PoisonError};

use cooperage_llb::graph::{Graph, Vertex, VertexId};
use cooperage_llb::key::Key;
use cooperage_llb::pb::op::Op;
use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::result_index::{Chain, StepResult};
use cooperage_solver::{Effect, Event as Answer, Input, Keys};
use tokio::sync::mpsc::Sender;

use super::log::Sending;
use super::{Message, Tell, reason};
use crate::Error;
use crate::cancel::until;
use crate::ops::{OpFailure, Workshop};

pub(super) struct Performer {
    pub(super) graph: Arc<Graph>,
    pub(super) workshop: Arc<Workshop>,
    pub(super) sender: Sender<Message>,
    pub(super) vertex: VertexId,
    pub(super) token: CancelToken,
}

impl Performer {
    pub(super) async fn perform(self, effect: Effect) -> Result<Answer, OpFailure> {
        let vertex = self.vertex;
        match effect {
            Effect::Source { .. } => until(&self.token, self.source()).await,
            Effect::Lookup { key, .. } => {
                let hit = self.lookup(&key).await?;
                Ok(Answer::Looked { vertex, hit })
            }
            Effect::Digest { inputs, .. } => {
                let digests = until(&self.token, self.workshop.digests(&inputs)).await?;
                Ok(Answer::Digested { vertex, digests })
            }
            Effect::MatchContent { op, inputs, keys, .. } => {
                let hit = until(&self.token, self.matching(&op, &inputs, &keys)).await?;
                Ok(Answer::Matched { vertex, hit })
            }
            Effect::Run { inputs, keys, .. } => self.run(&inputs, &keys).await,
            Effect::Record { op, keys, replace, result, .. } => {
                self.record(&op, &keys, &replace, &result).await
            }
            Effect::Cancel { .. } | Effect::Done { .. } | Effect::Finish(_) => {
                Err(Error::Internal("an effect that asks for nothing was performed".to_owned()).into())
            }
        }
    }

    fn vertex(&self) -> &Vertex {
        self.graph.vertex(self.vertex)
    }

    async fn source(&self) -> Result<Answer, OpFailure> {
        let log = Arc::new(Sending { vertex: self.vertex, sender: self.sender.clone() });
        let made = self.workshop.run(self.vertex(), &[], log, &self.token).await?;
        let output = made.outputs.into_iter().next().unwrap_or_default();
        Ok(Answer::Sourced { vertex: self.vertex, output, identity: made.identity })
    }

    async fn lookup(&self, key: &Key) -> Result<Option<StepResult>, OpFailure> {
        let (results, digest) = (Arc::clone(&self.workshop.ports.results), *key.digest());
        let looked = tokio::task::spawn_blocking(move || results.lookup(&digest));
        Ok(looked.await.map_err(|e| Error::Internal(e.to_string()))??)
    }

    /// Does the step, unless another process did it while we waited for its turn.
    async fn run(&self, inputs: &[Input], keys: &Keys) -> Result<Answer, OpFailure> {
        let vertex = self.vertex;
        let shared_work = matches!(self.vertex().body(), Op::Exec(_)) && keys.to_replace().is_empty();
        let _lock = if shared_work {
            let (results, digest) = (Arc::clone(&self.workshop.ports.results), *keys.first().digest());
            let token = self.token.clone();
            let waited = tokio::task::spawn_blocking(move || results.lock(&digest, &token));
            let lock = waited.await.map_err(|e| Error::Internal(e.to_string()))??;
            let lock = lock.ok_or(OpFailure::Cancelled)?;
            if let Some(result) = self.lookup(keys.first()).await? {
                return Ok(Answer::Adopted { vertex, result });
            }
            Some(lock)
        } else {
            None
        };
        self.explain(keys).await?;
        let chains: Vec<Chain> = inputs.iter().map(|input| input.chain.clone()).collect();
        let log = Arc::new(Sending { vertex, sender: self.sender.clone() });
        let work = self.workshop.run(self.vertex(), &chains, log, &self.token);
        let made = match self.vertex().body() {
            // A step is stopped by its runner, which waits for its processes.
            Op::Exec(_) => work.await?,
            _ => until(&self.token, work).await?,
        };
        if shared_work {
            // Recorded while the lock is held, so that who waits for it finds the result.
            self.record_run(keys, &made.outputs).await?;
        }
        Ok(Answer::Ran { vertex, outputs: made.outputs })
    }

    async fn record_run(&self, keys: &Keys, outputs: &[Chain]) -> Result<(), OpFailure> {
        let result = StepResult { id: keys.identity(), outputs: outputs.to_vec() };
        let op = cooperage_llb::key::op_digest(&self.vertex().op);
        let recorded = self.put(&op, &keys.to_record(), &keys.to_replace(), &result).await?;
        let mut all = self.workshop.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(*keys.first().digest(), recorded);
        Ok(())
    }

    async fn record(
        &self,
        op: &cooperage_image::Digest,
        keys: &[Key],
        replace: &[Key],
        result: &StepResult,
    ) -> Result<Answer, OpFailure> {
        let done = keys.first().and_then(|key| {
            let all = self.workshop.recorded.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(key.digest()).cloned()
        });
        let result = match done {
            Some(result) => result,
            None => self.put(op, keys, replace, result).await?,
        };
        Ok(Answer::Recorded { vertex: self.vertex, result })
    }

    async fn put(
        &self,
        op: &cooperage_image::Digest,
        keys: &[Key],
        replace: &[Key],
        result: &StepResult,
    ) -> Result<StepResult, OpFailure> {
        let (workshop, name) = (Arc::clone(&self.workshop), self.vertex().name());
        let (op, keys, replace, result) = (*op, keys.to_vec(), replace.to_vec(), result.clone());
        let recorded = tokio::task::spawn_blocking(move || -> Result<StepResult, Error> {
            for chain in &result.outputs {
                workshop.layers.persist(chain)?;
            }
            let results = &workshop.ports.results;
            let recorded = results.record(&op, &name, &keys, &result)?;
            if !replace.is_empty() {
                results.replace(&op, &name, &replace, &recorded)?;
            }
            Ok(recorded)
        });
        Ok(recorded.await.map_err(|e| Error::Internal(e.to_string()))??)
    }

    /// Says why the cache had nothing, when an earlier build of this step can be compared with.
    async fn explain(&self, keys: &Keys) -> Result<(), OpFailure> {
        if !keys.to_replace().is_empty() {
            return Ok(());
        }
        let differences = self.workshop.ports.results.explain(&self.vertex().name(), keys.first())?;
        if differences.is_empty() {
            return Ok(());
        }
        let because = reason::text(&differences);
        drop(self.sender.send(Message::Tell(self.vertex, Tell::Missed(because))).await);
        Ok(())
    }
}
