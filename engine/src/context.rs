//! What a build reads of the machine before it starts: the Dockerfile and the ignore files.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use cooperage_frontend::lower::{MainContext, NamedContext, Source};
use cooperage_frontend::remote::GitRef;
use cooperage_image::pattern;

use crate::Error;
use crate::request::{BuildRequest, ContextSpec, DockerfileSpec};

/// Files larger than this are no Dockerfile.
pub(crate) const DOCKERFILE_LIMIT_BYTES: u64 = 128 << 20;

/// The inputs of a build that are files of the machine.
pub(crate) struct LocalInputs {
    /// The Dockerfile.
    pub(crate) dockerfile: Dockerfile,
    /// The build context, for the frontend.
    pub(crate) main: MainContext,
    /// Archives by the name they have in `local://NAME`.
    pub(crate) archives: BTreeMap<String, Archive>,
    /// Patterns of the main context's ignore file.
    pub(crate) ignore: Vec<String>,
    /// Directories by the name they have in `local://NAME`.
    pub(crate) directories: BTreeMap<String, PathBuf>,
    /// Named contexts, for the frontend.
    pub(crate) contexts: BTreeMap<String, NamedContext>,
    /// OCI layouts by the name of their context: path, and what was written after it.
    pub(crate) layouts: BTreeMap<String, String>,
}

/// The Dockerfile, or where it will be found.
pub(crate) enum Dockerfile {
    /// It was read.
    Read(Source),
    /// In the context, when that is there; by its path, or by the usual names.
    InContext(Option<PathBuf>),
    /// On a server.
    At(String),
    /// Standard input decides: in the context if that is an archive, else it is standard input itself.
    Sniffed(Option<PathBuf>),
}

/// An archive that is a context.
pub(crate) enum Archive {
    /// A file.
    File(PathBuf),
    /// Standard input, if it is one.
    Stdin,
}

/// Reads them for a build of a definition, which needs directories alone.
pub(crate) fn read_directories(request: &BuildRequest) -> Result<LocalInputs, Error> {
    let without = DockerfileSpec::Text { name: String::new(), text: String::new() };
    read(&BuildRequest { dockerfile: without, ..request.clone() })
}

/// Reads them.
pub(crate) fn read(request: &BuildRequest) -> Result<LocalInputs, Error> {
    let mut inputs = LocalInputs {
        dockerfile: Dockerfile::InContext(None),
        main: MainContext::Local,
        archives: BTreeMap::new(),
        ignore: Vec::new(),
        directories: BTreeMap::new(),
        contexts: BTreeMap::new(),
        layouts: BTreeMap::new(),
    };
    match &request.context {
        ContextSpec::Directory(path) => {
            let root = directory(path, "the build context")?;
            let (dockerfile, path) = dockerfile(&request.dockerfile, Some(&root))?;
            inputs.dockerfile = dockerfile;
            inputs.ignore = ignore_patterns(&root, path.as_deref())?;
            inputs.directories.insert("context".to_owned(), root);
        }
        ContextSpec::Empty => inputs.dockerfile = dockerfile(&request.dockerfile, None)?.0,
        ContextSpec::Archive(path) => {
            inputs.dockerfile = dockerfile_inside(&request.dockerfile)?;
            inputs.archives.insert("context".to_owned(), Archive::File(path.clone()));
        }
        ContextSpec::Stdin => {
            inputs.dockerfile = match dockerfile_inside(&request.dockerfile)? {
                Dockerfile::InContext(path) => Dockerfile::Sniffed(path),
                other => other,
            };
            inputs.archives.insert("context".to_owned(), Archive::Stdin);
        }
        ContextSpec::Remote(text) => {
            inputs.dockerfile = dockerfile_inside(&request.dockerfile)?;
            inputs.main = remote(text)?;
        }
    }
    for (name, value) in &request.contexts {
        named_context(name, value, &mut inputs)?;
    }
    Ok(inputs)
}

fn directory(path: &Path, what: &str) -> Result<PathBuf, Error> {
    let full = std::fs::canonicalize(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::Usage(format!("{what} {} does not exist", path.display())),
        _ => Error::File { action: "open", path: path.to_owned(), source: e },
    })?;
    if !full.is_dir() {
        return Err(Error::Usage(format!("{what} {} is not a directory", path.display())));
    }
    Ok(full)
}

/// Whether a context of this name is on another machine.
pub(crate) fn is_remote(text: &str) -> bool {
    GitRef::parse(text).is_some() || text.starts_with("http://") || text.starts_with("https://")
}

/// A build context on another machine; of a file, whether it is an archive is not known yet.
fn remote(text: &str) -> Result<MainContext, Error> {
    match GitRef::parse(text) {
        Some(Ok(repository)) => Ok(MainContext::Git { text: text.to_owned(), repository }),
        Some(Err(error)) => Err(Error::Usage(format!("the build context {text}: {error}"))),
        None => Ok(MainContext::Url { url: text.to_owned(), archive: false }),
    }
}

/// The Dockerfile of a context that is no directory of the machine.
fn dockerfile_inside(spec: &DockerfileSpec) -> Result<Dockerfile, Error> {
    match spec {
        DockerfileSpec::Default => Ok(Dockerfile::InContext(None)),
        DockerfileSpec::Path(path) if path.is_relative() => Ok(Dockerfile::InContext(Some(path.clone()))),
        other => Ok(dockerfile(other, None)?.0),
    }
}

/// The Dockerfile, and where it was read.
fn dockerfile(spec: &DockerfileSpec, root: Option<&Path>) -> Result<(Dockerfile, Option<PathBuf>), Error> {
    let read = |name: String, text: Vec<u8>| Dockerfile::Read(Source { name, text });
    match spec {
        DockerfileSpec::Text { name, text } => Ok((read(name.clone(), text.clone().into_bytes()), None)),
        DockerfileSpec::Url(url) => Ok((Dockerfile::At(url.clone()), None)),
        DockerfileSpec::Path(path) => {
            let text = read_dockerfile(path)?
                .ok_or_else(|| Error::Usage(format!("the Dockerfile {} does not exist", path.display())))?;
            Ok((read(path.display().to_string(), text), Some(path.clone())))
        }
        DockerfileSpec::Default => {
            let root =
                root.ok_or_else(|| Error::Usage("a build without a context needs a Dockerfile".to_owned()))?;
            for name in ["Dockerfile", "dockerfile"] {
                let path = root.join(name);
                if let Some(text) = read_dockerfile(&path)? {
                    return Ok((read(name.to_owned(), text), Some(path)));
                }
            }
            Err(Error::Usage(format!(
                "there is no Dockerfile in {}: write one, or name another with -f",
                root.display()
            )))
        }
    }
}

/// The bytes of a Dockerfile; `None` if it does not exist.
fn read_dockerfile(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::File { action: "open", path: path.to_owned(), source: e }),
    };
    if metadata.is_dir() {
        return Err(Error::Usage(format!("the Dockerfile {} is a directory", path.display())));
    }
    // A device has no length, and no end.
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(DOCKERFILE_LIMIT_BYTES + 1).read_to_end(&mut text))
        .map_err(Error::file("read", path))?;
    if text.len() as u64 > DOCKERFILE_LIMIT_BYTES {
        return Err(Error::Usage(format!("the Dockerfile {} is larger than 128 MiB", path.display())));
    }
    Ok(Some(text))
}

/// `<Dockerfile>.dockerignore` beside the Dockerfile, instead of `.dockerignore` at the context's root
/// (dockerfile.md, section 8).
fn ignore_patterns(root: &Path, dockerfile: Option<&Path>) -> Result<Vec<String>, Error> {
    let own = dockerfile.map(|path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    for path in own.into_iter().chain([root.join(".dockerignore")]) {
        match std::fs::read(&path) {
            Ok(bytes) => {
                return pattern::parse_ignore_file(&bytes)
                    .map_err(|e| Error::Usage(format!("{}: {e}", path.display())));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::File { action: "read", path, source: e }),
        }
    }
    Ok(Vec::new())
}

fn named_context(name: &str, value: &str, inputs: &mut LocalInputs) -> Result<(), Error> {
    if matches!(name, "" | "scratch" | "context") {
        return Err(Error::Usage(format!(
            "--build-context {name}={value}: the name {name:?} cannot be overridden"
        )));
    }
    let context = if let Some(reference) = value.strip_prefix("docker-image://") {
        match reference {
            "scratch" => NamedContext::Image(None),
            reference => NamedContext::Image(Some(
                reference
                    .parse()
                    .map_err(|e| Error::Usage(format!("--build-context {name}={value}: {e}")))?,
            )),
        }
    } else if let Some(layout) = value.strip_prefix("oci-layout://") {
        inputs.layouts.insert(name.to_owned(), layout.to_owned());
        NamedContext::OciLayout(layout.to_owned())
    } else if let Some(fetched) = fetched(name, value)? {
        fetched
    } else {
        let path = Path::new(value);
        if path.is_file() {
            inputs.archives.insert(name.to_owned(), Archive::File(path.to_owned()));
            inputs.contexts.insert(name.to_owned(), NamedContext::Local { ignore: Vec::new() });
            return Ok(());
        }
        let root = directory(path, &format!("the build context {name},"))?;
        let ignore = ignore_patterns(&root, None)?;
        inputs.directories.insert(name.to_owned(), root);
        NamedContext::Local { ignore }
    };
    inputs.contexts.insert(name.to_owned(), context);
    Ok(())
}

/// A context on another machine; `None` for a directory.
fn fetched(name: &str, value: &str) -> Result<Option<NamedContext>, Error> {
    let wrong = |why: String| Err(Error::Usage(format!("--build-context {name}={value}: {why}")));
    match GitRef::parse(value) {
        // `github.com/x` may be a directory.
        Some(Ok(repository)) if repository.looks_local && Path::new(value).exists() => Ok(None),
        Some(Ok(repository)) => Ok(Some(NamedContext::Git { text: value.to_owned(), repository })),
        Some(Err(error)) => wrong(error.to_string()),
        None if value.starts_with("http://") || value.starts_with("https://") => {
            Ok(Some(NamedContext::Url(value.to_owned())))
        }
        None if value.contains("://") => wrong(
            "expected a directory, docker-image://, oci-layout://, a git repository or an HTTP(S) URL"
                .to_owned(),
        ),
        None => Ok(None),
    }
}
