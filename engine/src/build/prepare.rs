//! What has to be fetched or unpacked before a Dockerfile can be read in it.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use cooperage_frontend::lower::{MainContext, Source, context_definition};
use cooperage_image::archive;
use cooperage_image::layer::ContentReader;
use cooperage_image::tree::{FollowLast, Node};
use cooperage_llb::ports::result_index::Chain;

use super::Build;
use crate::Error;
use crate::context::{Archive, DOCKERFILE_LIMIT_BYTES, Dockerfile};
use crate::layers::Contents;
use crate::ops::OpFailure;

/// What is read of standard input before it is told what it is: a block of bzip2, and some.
const SNIFFED_BYTES: u64 = 1 << 20;
/// What is read of a remote file for that (buildkit: frontend/dockerui/context.go).
const REMOTE_SNIFFED_BYTES: u64 = 1024;

impl Build<'_> {
    /// Fetches and unpacks contexts, and reads the Dockerfile.
    pub(crate) async fn prepare(
        &mut self,
        archives: impl IntoIterator<Item = (String, Archive)>,
        dockerfile: Dockerfile,
    ) -> Result<(), Error> {
        let mut dockerfile = dockerfile;
        for (name, archive) in archives {
            match archive {
                Archive::File(path) => self.unpack_file(&name, &path)?,
                Archive::Stdin => dockerfile = self.sniff_stdin(&name, dockerfile)?,
            }
        }
        self.source = match dockerfile {
            Dockerfile::Read(source) => source,
            Dockerfile::At(url) => self.fetch_dockerfile(&url).await?,
            Dockerfile::InContext(path) | Dockerfile::Sniffed(path) => {
                self.dockerfile_in_context(path.as_deref()).await?
            }
        };
        Ok(())
    }

    fn unpack_file(&self, name: &str, path: &Path) -> Result<(), Error> {
        let open = || File::open(path).map_err(Error::file("open", path));
        let found = archive::detect(open()?).map_err(Error::file("read", path))?;
        if found.is_none() {
            return Err(Error::Usage(format!(
                "the context {} is neither a directory nor a tar archive",
                path.display()
            )));
        }
        self.workshop.add_archive(name, open()?, &path.display().to_string())
    }

    /// Standard input is the context if it is an archive, else the Dockerfile.
    fn sniff_stdin(&self, name: &str, dockerfile: Dockerfile) -> Result<Dockerfile, Error> {
        let failed = |e: std::io::Error| Error::disk("reading standard input", &e);
        let mut stdin = std::io::stdin().lock();
        let mut start = Vec::new();
        stdin.by_ref().take(SNIFFED_BYTES).read_to_end(&mut start).map_err(failed)?;
        if archive::detect(start.as_slice()).map_err(failed)?.is_some() {
            drop(stdin);
            // The lock itself stays with one thread; the handle does not.
            let whole = Cursor::new(start).chain(std::io::stdin());
            self.workshop.add_archive(name, whole, "standard input")?;
            return Ok(dockerfile);
        }
        if !matches!(dockerfile, Dockerfile::Sniffed(None)) {
            return Err(Error::Usage(
                "ambiguous Dockerfile source: standard input and -f both name one".to_owned(),
            ));
        }
        stdin.take(DOCKERFILE_LIMIT_BYTES + 1).read_to_end(&mut start).map_err(failed)?;
        if start.len() as u64 > DOCKERFILE_LIMIT_BYTES {
            return Err(Error::Usage("the Dockerfile on standard input is larger than 128 MiB".to_owned()));
        }
        Ok(Dockerfile::Read(Source { name: "Dockerfile".to_owned(), text: start }))
    }

    async fn fetch_dockerfile(&self, url: &str) -> Result<Source, Error> {
        let chain = self.fetch(url, "Dockerfile").await?;
        let text = self.read_in(&chain, Path::new("Dockerfile"), DOCKERFILE_LIMIT_BYTES).await?;
        Ok(Source { name: url.to_owned(), text: text.unwrap_or_default() })
    }

    async fn fetch(&self, url: &str, name: &str) -> Result<Chain, Error> {
        let fetching = async { self.workshop.fetch(url, name).await.map_err(OpFailure::into_error) };
        self.tasks.run(&format!("load {url}"), fetching).await
    }

    async fn dockerfile_in_context(&mut self, path: Option<&Path>) -> Result<Source, Error> {
        let chain = match self.context.clone() {
            MainContext::Local => self.workshop.archive("context").unwrap_or_default(),
            MainContext::Git { .. } => self.solved_context().await?,
            MainContext::Url { url, .. } => {
                let fetched = self.fetch(&url, "context").await?;
                let is_archive = self.is_archive(&fetched).await?;
                self.context = MainContext::Url { url, archive: is_archive };
                if !is_archive && path.is_none() {
                    let text = self.read_in(&fetched, Path::new("context"), DOCKERFILE_LIMIT_BYTES).await?;
                    return Ok(Source { name: "context".to_owned(), text: text.unwrap_or_default() });
                }
                if is_archive { self.solved_context().await? } else { fetched }
            }
        };
        let usual = [Path::new("Dockerfile"), Path::new("dockerfile")];
        let wanted = path.map_or(usual.to_vec(), |path| vec![path]);
        for path in &wanted {
            if let Some(text) = self.read_in(&chain, path, DOCKERFILE_LIMIT_BYTES).await? {
                return Ok(Source { name: path.display().to_string(), text });
            }
        }
        Err(Error::Usage(format!(
            "there is no {} in the build context: write one, or name another with -f",
            wanted[0].display()
        )))
    }

    /// The context as a step of the graph: what is unpacked is cached as any step's result.
    async fn solved_context(&self) -> Result<Chain, Error> {
        let platform = self.platforms().remove(0);
        let definition = context_definition(&self.inputs(&platform));
        self.solve(&definition).await.map(|solution| solution.chain)
    }

    /// Whether a remote file begins as one of the archives that BuildKit takes for a context.
    async fn is_archive(&self, chain: &Chain) -> Result<bool, Error> {
        const MAGIC: [&[u8]; 3] = [b"BZh", b"\x1f\x8b\x08", b"\xfd7zXZ\0"];
        let tree = self.layers.tree(chain).await?;
        let Some(Node::File(file)) = tree.get(b"context") else { return Ok(false) };
        self.layers.prepare_files(std::slice::from_ref(&file)).await?;
        let contents = Contents::new(self.layers.clone());
        let mut start = Vec::new();
        let read =
            contents.open(&file).and_then(|reader| reader.take(REMOTE_SNIFFED_BYTES).read_to_end(&mut start));
        read.map_err(|e| Error::disk("reading the build context", &e))?;
        let is_tar = || archive::detect(start.as_slice()).is_ok_and(|found| found.is_some());
        Ok(MAGIC.iter().any(|magic| start.starts_with(magic)) || is_tar())
    }

    /// A file in a tree; `None` if there is none.
    async fn read_in(&self, chain: &Chain, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        use std::os::unix::ffi::OsStrExt;
        let tree = self.layers.tree(chain).await?;
        let Ok(found) = tree.resolve(path.as_os_str().as_bytes(), FollowLast::Yes) else { return Ok(None) };
        let file = match found.node {
            Some(Node::File(file)) => file,
            Some(Node::Dir(_)) => {
                return Err(Error::Usage(format!("the Dockerfile {} is a directory", path.display())));
            }
            Some(Node::Symlink(_) | Node::Special(_)) | None => return Ok(None),
        };
        self.layers.prepare_files(std::slice::from_ref(&file)).await?;
        let contents = Contents::new(self.layers.clone());
        let bytes = contents
            .read(&file, limit)
            .map_err(|e| Error::disk(format!("reading {}", path.display()), &e))?;
        bytes
            .map(Some)
            .ok_or_else(|| Error::Usage(format!("the Dockerfile {} is larger than 128 MiB", path.display())))
    }
}
