//! HTTP sources: one file, known by its contents (docs/sources.md).

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cooperage_image::Digest;
use cooperage_image::tree::LayerId;
use cooperage_llb::key::ResultId;
use cooperage_llb::pb;
use cooperage_llb::ports::downloads::{Download, DownloadError, DownloadRequest, Fetched};
use cooperage_llb::ports::registry::BoxFuture;
use cooperage_llb::ports::result_index::Chain;
use cooperage_llb::ports::step_runner::{StepLog, Stream};

use super::kept::Kept;
use super::source::wrong;
use super::{Made, OpFailure, Workshop};
use crate::Error;
use crate::engine::Ports;
use crate::layers::{Deferred, Layers};
use crate::secrets::Secrets;

mod file_layer;
mod identity;
mod record;

use file_layer::Body;
use identity::HttpSource;
use record::Record;

impl Workshop {
    /// With a checksum the result is known without asking anybody, and fetched when it is needed. Without one
    /// the server is asked in each build.
    pub(super) async fn http(&self, op: &pb::SourceOp, log: &dyn StepLog) -> Result<Made, OpFailure> {
        let source = HttpSource::of(op).map_err(|why| wrong(op, &why))?;
        let fetching = Fetching { source, ports: Arc::clone(&self.ports), secrets: self.secrets.clone() };
        let key = match fetching.source.checksum {
            Some(checksum) => {
                let key = fetching.source.key(&fetching.source.file_name(None), &checksum, None);
                self.layers.defer(LayerId::of(&key), Arc::new(fetching));
                key
            }
            None => fetching.current(&self.layers, log).await?,
        };
        let chain = Chain { layers: vec![LayerId::of(&key)] };
        Ok(Made { outputs: vec![chain], identity: Some(ResultId(key)) })
    }
}

/// What fetching a source needs.
struct Fetching {
    source: HttpSource,
    ports: Arc<Ports>,
    secrets: Secrets,
}

impl Fetching {
    /// The key of what is at the URL now; its layer is in the store.
    async fn current(&self, layers: &Layers, log: &dyn StepLog) -> Result<Digest, Error> {
        // Builds of one URL take turns: who comes second finds what the first one fetched.
        let kept = Kept::take(&self.ports, &format!("http {}", self.source.record_name())).await?;
        let known = Record::read(kept.path())?.filter(|record| {
            let layer = LayerId::of(&record.key);
            matches!(layers.store().directory(&layer), Ok(Some(_)))
        });
        let mut request = self.request()?;
        request.known_etag = known.as_ref().map(|record| record.etag.clone());
        let mut outcome = self.fetch(&request, layers).await?;
        if let Outcome::Unchanged { file_name } = outcome {
            if let Some(record) =
                known.filter(|known| self.source.file_name(file_name.as_deref()) == known.file_name)
            {
                return Ok(record.key);
            }
            // The same bytes by another name.
            request.known_etag = None;
            outcome = self.fetch(&request, layers).await?;
        }
        let Outcome::Fetched { facts, body } = outcome else {
            return Err(Error::Internal("an unconditional request was answered as unchanged".to_owned()));
        };
        log.write(Stream::Stderr, format!("fetched {} bytes\n", facts.size_bytes).as_bytes());
        let name = self.source.file_name(facts.file_name.as_deref());
        let modified = facts.last_modified.as_deref().and_then(record::http_time);
        let key = self.source.key(&name, &facts.digest, modified);
        body.into_layer(&LayerId::of(&key), &self.source, &name, &facts, modified, layers)?;
        Record::replace(kept.path(), facts.etag, key, name)?;
        Ok(key)
    }

    /// Fetches what the checksum names, and nothing else.
    async fn pinned(&self, checksum: Digest, layers: &Layers) -> Result<PathBuf, Error> {
        let name = self.source.file_name(None);
        let layer = LayerId::of(&self.source.key(&name, &checksum, None));
        let _kept = Kept::take(&self.ports, &format!("http {}", self.source.record_name())).await?;
        if let Some(directory) = layers.store().directory(&layer)? {
            return Ok(directory);
        }
        let Outcome::Fetched { facts, body } = self.fetch(&self.request()?, layers).await? else {
            return Err(Error::Internal("an unconditional request was answered as unchanged".to_owned()));
        };
        if facts.digest != checksum {
            return Err(Error::Environment(format!(
                "digest mismatch for {}: {} (expected: {checksum})",
                self.url(),
                facts.digest
            )));
        }
        let modified = facts.last_modified.as_deref().and_then(record::http_time);
        body.into_layer(&layer, &self.source, &name, &facts, modified, layers)
    }

    async fn fetch(&self, request: &DownloadRequest, layers: &Layers) -> Result<Outcome, Error> {
        let body = Body::new(layers)?;
        let path = body.path().to_owned();
        let open = || Ok(Box::new(File::create(&path)?) as Box<dyn Write + Send>);
        match self.ports.downloads.download(request, &open).await {
            Ok(Download::Unchanged { file_name }) => Ok(Outcome::Unchanged { file_name }),
            Ok(Download::Fetched(facts)) => Ok(Outcome::Fetched { facts, body }),
            Err(DownloadError::Write { url, source }) => {
                Err(Error::disk(format!("writing what {url} sends"), &source))
            }
            Err(error @ DownloadError::Url { .. }) => Err(Error::Usage(error.to_string())),
            Err(error) => Err(Error::Environment(error.to_string())),
        }
    }

    /// The request with what this build has to show for the host.
    fn request(&self) -> Result<DownloadRequest, Error> {
        let host = self.source.host();
        let authorization = match &self.source.auth_secret {
            Some(id) => {
                let header = self.secrets.text(id)?.ok_or_else(|| {
                    Error::Usage(format!(
                        "{} needs the secret {id}: give it with --secret id={id},src=FILE",
                        self.url()
                    ))
                })?;
                Some(header)
            }
            None => match self.secrets.text(&format!("HTTP_AUTH_TOKEN_{host}"))? {
                Some(token) => Some(format!("Bearer {token}")),
                None => self.secrets.text(&format!("HTTP_AUTH_HEADER_{host}"))?,
            },
        };
        Ok(DownloadRequest {
            url: self.source.url.clone(),
            headers: self.source.headers.clone().into_iter().collect(),
            authorization,
            known_etag: None,
        })
    }

    /// For messages: without what may be a secret.
    fn url(&self) -> String {
        let url = self.source.url.split(['?', '#']).next().unwrap_or_default();
        match url.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                format!("{scheme}://{host}/{path}")
            }
            None => url.to_owned(),
        }
    }
}

enum Outcome {
    Unchanged { file_name: Option<String> },
    Fetched { facts: Fetched, body: Body },
}

impl Deferred for Fetching {
    fn make<'a>(&'a self, layers: &'a Layers) -> BoxFuture<'a, Result<PathBuf, Error>> {
        Box::pin(async move {
            let checksum = self.source.checksum;
            let checksum = checksum
                .ok_or_else(|| Error::Internal("a file without a checksum was put off".to_owned()))?;
            self.pinned(checksum, layers).await
        })
    }
}

/// A path with `name` in `directory`, for a file that is written and renamed.
fn temporary(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!(".{name}.{}", std::process::id()))
}
