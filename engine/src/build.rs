//! A build, from a request to what it writes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use cooperage_frontend::diagnostic::{self, Diagnostic};
use cooperage_frontend::lower::{
    self, ImageNeed, Inputs, Lowered, MainContext, NamedContext, Network, Outcome, ResolvedImage, Source,
};
use cooperage_image::tree::Timestamp;
use cooperage_image::{ImageConfig, Platform};
use cooperage_llb::graph::Graph;
use cooperage_llb::pb;
use cooperage_llb::ports::CancelToken;
use futures_util::future::try_join_all;

use crate::base::Bases;
use crate::cancel::{is_cancelled, until};
use crate::context::{self, Dockerfile, LocalInputs};
use crate::error::{Kind, causes};
use crate::event::{Event, EventSink};
use crate::export::{Exporter, Solved};
use crate::hashing::StatDigests;
use crate::layers::Layers;
use crate::ops::{OpFailure, Workshop};
use crate::output::{ImageOutput, Output};
use crate::request::NetworkSpec;
use crate::secrets::Secrets;
use crate::solve::{self, Solution};
use crate::warning::Warning;
use crate::{BuildReport, BuildRequest, Engine, Error, entitlement, export};

mod check;
mod given;
mod prepare;
mod tasks;

use check::check_outputs;
pub(crate) use tasks::Tasks;

/// How often the frontend may ask for more base images: each round resolves at least one new image, and
/// a chain of ONBUILD triggers is no deeper than this.
const MAX_ROUNDS: usize = 64;

impl Engine {
    /// Builds; blocks until everything is written. Events come from several threads.
    pub fn build(&self, request: &BuildRequest, events: EventSink<'_>) -> Result<BuildReport, Error> {
        self.build_until(request, events, &CancelToken::new())
    }

    /// Builds, until `cancel` is cancelled: running steps get TERM, then KILL; nothing half-done stays.
    pub fn build_until(
        &self,
        request: &BuildRequest,
        events: EventSink<'_>,
        cancel: &CancelToken,
    ) -> Result<BuildReport, Error> {
        check_outputs(request)?;
        given::check(request)?;
        let build = self.prepared(request, events, cancel)?;
        self.runtime.block_on(build.run()).map_err(or_cancelled)
    }

    /// The definition of a request for its first platform: what `cooper debug dump-llb` shows. Base images
    /// are resolved, nothing is built.
    pub fn definition(
        &self,
        request: &BuildRequest,
        events: EventSink<'_>,
        cancel: &CancelToken,
    ) -> Result<pb::Definition, Error> {
        let build = self.prepared(request, events, cancel)?;
        let platform = build.platforms().remove(0);
        let lowered = self.runtime.block_on(until(cancel, build.lower(&platform, &mut Vec::new())));
        lowered.map(|lowered| lowered.definition)
    }

    /// Solves a definition, whoever made it, for `platform`, and writes the outputs of `request`, whose
    /// Dockerfile is not looked at; its contexts are what `local://` sources name.
    pub fn solve(
        &self,
        definition: &pb::Definition,
        request: &BuildRequest,
        events: EventSink<'_>,
        cancel: &CancelToken,
    ) -> Result<BuildReport, Error> {
        let inputs = context::read_directories(request)?;
        check_outputs(request)?;
        given::check(request)?;
        let build = self.prepared_with(inputs, request, events, cancel)?;
        self.runtime.block_on(build.run_definition(definition)).map_err(or_cancelled)
    }

    /// A build whose contexts are there and whose Dockerfile is read.
    pub(crate) fn prepared<'a>(
        &'a self,
        request: &'a BuildRequest,
        events: EventSink<'a>,
        cancel: &'a CancelToken,
    ) -> Result<Build<'a>, Error> {
        self.prepared_with(context::read(request)?, request, events, cancel)
    }

    fn prepared_with<'a>(
        &'a self,
        mut inputs: LocalInputs,
        request: &'a BuildRequest,
        events: EventSink<'a>,
        cancel: &'a CancelToken,
    ) -> Result<Build<'a>, Error> {
        let archives = std::mem::take(&mut inputs.archives);
        let dockerfile = std::mem::replace(&mut inputs.dockerfile, Dockerfile::InContext(None));
        let mut build = Build::new(self, request, inputs, events, cancel);
        let prepared = self.runtime.block_on(until(cancel, build.prepare(archives, dockerfile)));
        prepared.map_err(or_cancelled)?;
        Ok(build)
    }
}

/// One build while it runs.
pub(crate) struct Build<'a> {
    engine: &'a Engine,
    request: &'a BuildRequest,
    source: Source,
    context: MainContext,
    ignore: Vec<String>,
    contexts: BTreeMap<String, NamedContext>,
    workshop: Arc<Workshop>,
    layers: Arc<Layers>,
    events: EventSink<'a>,
    tasks: Tasks<'a>,
    cancel: &'a CancelToken,
    started: Instant,
}

impl<'a> Build<'a> {
    fn new(
        engine: &'a Engine,
        request: &'a BuildRequest,
        inputs: LocalInputs,
        events: EventSink<'a>,
        cancel: &'a CancelToken,
    ) -> Self {
        let ports = &engine.ports;
        let layers = ports.layers(cancel);
        let bases = Bases::new(
            ports.blobs.clone(),
            ports.names.clone(),
            ports.registry.clone(),
            layers.clone(),
            request.pull,
            inputs.layouts,
        );
        let workshop = Workshop {
            ports: Arc::clone(ports),
            layers: Arc::clone(&layers),
            bases,
            stats: StatDigests::new(ports.stats.clone()),
            secrets: Secrets::new(&request.secrets),
            agents: request.ssh.clone(),
            directories: inputs.directories,
            archives: std::sync::Mutex::default(),
            fetched: std::sync::Mutex::default(),
            walked: std::sync::Mutex::default(),
            recorded: std::sync::Mutex::default(),
            platform: request.platforms.first().cloned().unwrap_or_else(Platform::host),
            now: now(),
        };
        Self {
            engine,
            request,
            source: Source { name: String::new(), text: Vec::new() },
            context: inputs.main,
            ignore: inputs.ignore,
            contexts: inputs.contexts,
            workshop: Arc::new(workshop),
            layers,
            events,
            tasks: Tasks::new(events),
            cancel,
            started: Instant::now(),
        }
    }

    pub(crate) fn platforms(&self) -> Vec<Platform> {
        match self.request.platforms.as_slice() {
            [] => vec![Platform::host()],
            platforms => platforms.to_vec(),
        }
    }

    async fn run(self) -> Result<BuildReport, Error> {
        let mut solutions = Vec::new();
        let mut solved = Vec::new();
        let mut warnings = Vec::new();
        let mut epoch = None;
        for platform in self.platforms() {
            let lowered = until(self.cancel, self.lower(&platform, &mut warnings)).await?;
            let solution = self.solve(&lowered.definition).await?;
            solved.push(Solved {
                platform: lowered.platform,
                chain: solution.chain.clone(),
                config: lowered.config,
            });
            solutions.push(solution);
            // It is the same for all platforms: none of its forms depends on them.
            epoch = lowered.epoch;
        }
        until(self.cancel, self.finish(&solved, solutions, warnings, epoch)).await
    }

    async fn run_definition(self, definition: &pb::Definition) -> Result<BuildReport, Error> {
        let solution = self.solve(definition).await?;
        let platform = self.platforms().remove(0);
        let config = ImageConfig {
            os: platform.os.clone(),
            architecture: platform.architecture.clone(),
            ..Default::default()
        };
        let solved = Solved { platform, chain: solution.chain.clone(), config };
        let epoch = self.request.source_date_epoch;
        until(self.cancel, self.finish(&[solved], vec![solution], Vec::new(), epoch)).await
    }

    async fn finish(
        &self,
        solved: &[Solved],
        solutions: Vec<Solution>,
        warnings: Vec<Warning>,
        epoch: Option<i64>,
    ) -> Result<BuildReport, Error> {
        let exporter = Exporter {
            ports: &self.engine.ports,
            layers: Arc::clone(&self.layers),
            epoch: epoch.map(|secs| Timestamp { secs, nanos: 0 }),
            tags: &self.request.tags,
            multi_platform: solved.len() > 1,
            tasks: &self.tasks,
        };
        let default = [Output::Image(ImageOutput::default())];
        let outputs = if self.request.outputs.is_empty() { &default[..] } else { &self.request.outputs };
        let mut image = None;
        for output in outputs {
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let written = exporter.export(output, solved).await?;
            image = image.or(written);
        }
        let results: Vec<_> =
            solutions.iter().flat_map(|solution| solution.recorded.iter().cloned()).collect();
        export::settle(&self.layers, &results).await?;
        self.workshop.stats.save()?;
        Ok(BuildReport {
            image,
            steps: solutions.into_iter().flat_map(|solution| solution.steps).collect(),
            pulled_blobs: self.layers.pulled_blobs(),
            warnings,
            took: self.started.elapsed(),
        })
    }

    async fn solve(&self, definition: &pb::Definition) -> Result<Solution, Error> {
        let graph = Graph::from_definition(definition).map_err(|e| Error::Definition(e.to_string()))?;
        if let Some((vertex, failure)) = entitlement::missing(&graph, &self.request.allow) {
            return Err(solve::error_of(&graph, vertex, failure));
        }
        solve::solve(&graph, &self.workshop, self.engine.max_parallel, self.events, self.cancel).await
    }

    /// Lowers the Dockerfile for one platform. Warnings that are not among `said` are told, and added.
    async fn lower(&self, platform: &Platform, said: &mut Vec<Warning>) -> Result<LoweredBuild, Error> {
        let (diagnostics, outcome) = self.ask(platform, lower::lower).await;
        let build = outcome?;
        for warning in Warning::among(&diagnostics, &self.source) {
            if !said.contains(&warning) {
                (self.events)(Event::Warning(Box::new(warning.clone())));
                said.push(warning);
            }
        }
        Ok(LoweredBuild {
            definition: build.definition,
            config: build.config,
            platform: build.platform,
            epoch: build.epoch,
        })
    }

    /// Asks the frontend about the Dockerfile, fetching configs of base images until it needs no more. What
    /// it has to say comes with the answer, as far as it came.
    pub(crate) async fn ask<T>(
        &self,
        platform: &Platform,
        question: fn(&Source, &Inputs) -> Lowered<T>,
    ) -> (Vec<Diagnostic>, Result<T, Error>) {
        let mut inputs = self.inputs(platform);
        let mut diagnostics = Vec::new();
        for _ in 0..MAX_ROUNDS {
            if self.cancel.is_cancelled() {
                return (diagnostics, Err(Error::Cancelled));
            }
            let lowered = question(&self.source, &inputs);
            diagnostics = lowered.diagnostics;
            match lowered.outcome {
                Outcome::Failed => {
                    let rendered = diagnostic::render(&diagnostics, &self.source.name, &self.source.shown());
                    return (diagnostics, Err(Error::Dockerfile { rendered }));
                }
                Outcome::Ready(answer) => return (diagnostics, Ok(answer)),
                Outcome::NeedsTime(need) => {
                    let name = format!("find the time of {}", need.identifier);
                    let time = async { self.workshop.time_of(&need).await.map_err(OpFailure::into_error) };
                    match self.tasks.run(&name, time).await {
                        Ok(time) => drop(inputs.times.insert(need, time)),
                        Err(error) => return (diagnostics, Err(error)),
                    }
                }
                Outcome::Needs(needs) => match self.resolve(&inputs, &needs).await {
                    Ok(resolved) => inputs.images.extend(needs.into_iter().zip(resolved)),
                    Err(error) => return (diagnostics, Err(error)),
                },
            }
        }
        let endless = "the frontend asked for base images without end";
        (diagnostics, Err(Error::Internal(endless.to_owned())))
    }

    async fn resolve(&self, inputs: &Inputs, needs: &[ImageNeed]) -> Result<Vec<ResolvedImage>, Error> {
        let resolved = needs.iter().map(|need| async {
            let name = match &need.location {
                lower::ImageLocation::Registry(reference) => reference.familiar(),
                lower::ImageLocation::OciLayout(context) => format!("oci-layout {context}"),
            };
            let resolved =
                self.tasks.run(&format!("load metadata for {name}"), self.workshop.bases.resolve(need)).await;
            resolved.map_err(|error| self.where_needed(inputs, need, error))
        });
        try_join_all(resolved).await
    }

    /// The Dockerfile.
    pub(crate) fn into_source(self) -> Source {
        self.source
    }

    /// An error about an image, at the place in the Dockerfile that names it.
    fn where_needed(&self, inputs: &Inputs, need: &ImageNeed, error: Error) -> Error {
        let kind = error.kind();
        if matches!(kind, Kind::Cancelled | Kind::Internal) {
            return error;
        }
        match lower::unresolved(&self.source, inputs, need, &causes(&error)) {
            Some(diagnostic) => {
                let rendered = diagnostic::render(&[diagnostic], &self.source.name, &self.source.shown());
                Error::Base { rendered, kind }
            }
            None => error,
        }
    }

    fn inputs(&self, platform: &Platform) -> Inputs {
        Inputs {
            build_args: self.request.build_args.clone(),
            target: self.request.target.clone(),
            platform: platform.clone(),
            platform_is_explicit: !self.request.platforms.is_empty(),
            build_platform: Platform::host(),
            labels: self.request.labels.clone(),
            context: self.context.clone(),
            contexts: self.contexts.clone(),
            ignore: self.ignore.clone(),
            images: BTreeMap::new(),
            network: match self.request.network {
                NetworkSpec::Default => Network::Default,
                NetworkSpec::Host => Network::Host,
                NetworkSpec::None => Network::None,
            },
            extra_hosts: self.request.extra_hosts.clone(),
            ulimits: self.request.ulimits.clone(),
            shm_size_bytes: self.request.shm_size_bytes,
            no_cache: self.request.no_cache,
            epoch: self.request.source_date_epoch,
            times: BTreeMap::new(),
        }
    }
}

/// A Dockerfile, lowered for one platform.
struct LoweredBuild {
    definition: pb::Definition,
    config: ImageConfig,
    platform: Platform,
    epoch: Option<i64>,
}

/// Reading that was cut short fails in as many ways as there are readers.
fn or_cancelled(error: Error) -> Error {
    if is_cancelled(&error) { Error::Cancelled } else { error }
}

/// The clock, which decides times that nothing else does; never a key.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp { secs: since.as_secs() as i64, nanos: since.subsec_nanos() }
}
