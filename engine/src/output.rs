//! `--output`: what is written where (cli.md, section 3; image.md, section 6).

use std::path::PathBuf;
use std::str::FromStr;

use cooperage_image::Reference;
use cooperage_image::media_type::Compression;
use serde::{Deserialize, Serialize};

use crate::csv;

/// One output of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "type")]
pub enum Output {
    /// The local store, and a registry with `push`.
    Image(ImageOutput),
    /// An OCI layout: a tar, or a directory with `tar=false`.
    Oci(ArchiveOutput),
    /// What `docker load` reads.
    Docker(ArchiveOutput),
    /// The root file system as a tar.
    Tar {
        /// Where to.
        dest: Destination,
    },
    /// The root file system as a directory.
    Local {
        /// Where to; created when missing, merged into when not.
        dest: PathBuf,
    },
    /// Nowhere: fill the cache.
    CacheOnly,
}

/// `type=image`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImageOutput {
    /// Names; those of the request when empty.
    #[serde(default)]
    pub names: Vec<Reference>,
    /// Whether to push to the names' registries.
    #[serde(default)]
    pub push: bool,
    /// Layers and media types.
    #[serde(default)]
    pub form: ImageForm,
}

/// `type=oci` and `type=docker`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveOutput {
    /// Where to.
    pub dest: Destination,
    /// Names; those of the request when empty.
    #[serde(default)]
    pub names: Vec<Reference>,
    /// A tar, or a layout directory.
    #[serde(default = "yes")]
    pub tar: bool,
    /// Layers and media types.
    #[serde(default)]
    pub form: ImageForm,
}

fn yes() -> bool {
    true
}

/// How an image is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageForm {
    /// Of new layers; those of a base keep theirs.
    pub compression: Compression,
    /// 0 to 9 for gzip, 0 to 22 for zstd; the format's default when absent.
    pub level: Option<u32>,
    /// `oci-mediatypes`: OCI's names, or Docker's.
    pub oci_media_types: bool,
}

impl Default for ImageForm {
    fn default() -> Self {
        Self { compression: Compression::Gzip, level: None, oci_media_types: true }
    }
}

/// Where bytes go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// `-`
    Stdout,
    /// A file, or a directory for a layout.
    Path(PathBuf),
}

/// Why a text is not an [`Output`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--output {text:?}: {reason}")]
pub struct OutputError {
    text: String,
    reason: String,
}

impl Output {
    /// Whether it makes an image, which has an ID.
    pub fn is_image(&self) -> bool {
        match self {
            Self::Image(_) | Self::Oci(_) | Self::Docker(_) => true,
            Self::Tar { .. } | Self::Local { .. } | Self::CacheOnly => false,
        }
    }

    /// Whether it writes to standard output.
    pub fn is_stdout(&self) -> bool {
        match self {
            Self::Oci(ArchiveOutput { dest, .. })
            | Self::Docker(ArchiveOutput { dest, .. })
            | Self::Tar { dest } => *dest == Destination::Stdout,
            Self::Image(_) | Self::Local { .. } | Self::CacheOnly => false,
        }
    }
}

impl FromStr for Output {
    type Err = OutputError;

    /// Reads the value of `--output` as buildx does: `-` is a tar on standard output, one word is a
    /// directory, else `type=...,key=value,...` in CSV.
    fn from_str(text: &str) -> Result<Self, OutputError> {
        let wrong = |reason: String| OutputError { text: text.to_owned(), reason };
        let fields = csv::fields(text).map_err(|reason| wrong(reason.to_owned()))?;
        if let [word] = fields.as_slice()
            && !word.contains('=')
        {
            return Ok(match word.as_str() {
                "-" => Self::Tar { dest: Destination::Stdout },
                "" => return Err(wrong("expected type=...".to_owned())),
                directory => Self::Local { dest: directory.into() },
            });
        }
        let mut attributes = Attributes::default();
        for field in &fields {
            let (key, value) = field
                .split_once('=')
                .ok_or_else(|| wrong(format!("invalid value {field}: expected key=value")))?;
            attributes.set(&key.trim().to_ascii_lowercase(), value).map_err(wrong)?;
        }
        attributes.into_output().map_err(wrong)
    }
}

/// The attributes of one `--output`, before the type is known.
#[derive(Default)]
struct Attributes {
    kind: Option<String>,
    dest: Option<String>,
    names: Vec<Reference>,
    push: Option<bool>,
    tar: Option<bool>,
    form: ImageForm,
    form_given: Option<&'static str>,
}

impl Attributes {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "type" => self.kind = Some(value.to_owned()),
            "dest" => self.dest = Some(value.to_owned()),
            "name" => {
                for name in value.split(',').filter(|name| !name.is_empty()) {
                    self.names.push(name.parse().map_err(|e| format!("{e}"))?);
                }
            }
            "push" => self.push = Some(flag(key, value)?),
            "tar" => self.tar = Some(flag(key, value)?),
            "oci-mediatypes" => {
                self.form.oci_media_types = flag(key, value)?;
                self.form_given = Some("oci-mediatypes");
            }
            "compression" => {
                self.form.compression = compression(value)?;
                self.form_given = Some("compression");
            }
            "compression-level" => {
                let level =
                    value.parse().map_err(|_| format!("compression-level={value} is not a number"))?;
                self.form.level = Some(level);
                self.form_given = Some("compression-level");
            }
            // No meaning without a daemon (image.md, trap 18).
            "unpack" | "store" => drop(flag(key, value)?),
            other => return Err(format!("the attribute {other} is not supported")),
        }
        Ok(())
    }

    fn into_output(self) -> Result<Output, String> {
        let kind = self.kind.clone().ok_or("type is required for output")?;
        self.check_level()?;
        match kind.as_str() {
            "image" | "registry" => {
                if self.dest.is_some() {
                    return Err(format!("type={kind} takes no dest"));
                }
                self.refuse("tar", self.tar)?;
                let push = self.push.unwrap_or(kind == "registry");
                Ok(Output::Image(ImageOutput { names: self.names, push, form: self.form }))
            }
            "oci" | "docker" => {
                self.refuse("push", self.push)?;
                let tar = self.tar.unwrap_or(true);
                let dest = destination(self.dest.as_deref());
                if !tar && dest == Destination::Stdout {
                    return Err("tar=false needs a directory as dest".to_owned());
                }
                let archive = ArchiveOutput { dest, names: self.names, tar, form: self.form };
                Ok(if kind == "oci" { Output::Oci(archive) } else { Output::Docker(archive) })
            }
            "tar" => {
                self.refuse_image_attributes()?;
                Ok(Output::Tar { dest: destination(self.dest.as_deref()) })
            }
            "local" => {
                self.refuse_image_attributes()?;
                match self.dest.as_deref() {
                    None | Some("") => Err("dest is required for type=local".to_owned()),
                    Some("-") => Err("type=local writes a directory, not standard output".to_owned()),
                    Some(dest) => Ok(Output::Local { dest: dest.into() }),
                }
            }
            "cacheonly" => {
                self.refuse_image_attributes()?;
                self.refuse("dest", self.dest.as_ref().map(|_| true))?;
                Ok(Output::CacheOnly)
            }
            other => Err(format!(
                "unknown type {other}: expected image, registry, oci, docker, tar, local or cacheonly"
            )),
        }
    }

    fn check_level(&self) -> Result<(), String> {
        let highest = match self.form.compression {
            Compression::Uncompressed => return Ok(()),
            Compression::Gzip => 9,
            Compression::Zstd => 22,
        };
        match self.form.level {
            Some(level) if level > highest => {
                Err(format!("compression-level={level}: expected 0 to {highest}"))
            }
            _ => Ok(()),
        }
    }

    fn refuse(&self, name: &str, value: Option<bool>) -> Result<(), String> {
        match (value, &self.kind) {
            (Some(_), Some(kind)) => Err(format!("type={kind} takes no {name}")),
            _ => Ok(()),
        }
    }

    fn refuse_image_attributes(&self) -> Result<(), String> {
        self.refuse("push", self.push)?;
        self.refuse("tar", self.tar)?;
        self.refuse("name", (!self.names.is_empty()).then_some(true))?;
        match self.form_given {
            Some(name) => self.refuse(name, Some(true)),
            None => Ok(()),
        }
    }
}

/// Without a destination the archive goes to standard output, which must not be a terminal then.
fn destination(dest: Option<&str>) -> Destination {
    match dest {
        None | Some("" | "-") => Destination::Stdout,
        Some(path) => Destination::Path(path.into()),
    }
}

/// Go's `strconv.ParseBool`; an empty value is true.
fn flag(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => Err(format!("{key}={other}: expected true or false")),
    }
}

fn compression(value: &str) -> Result<Compression, String> {
    match value {
        "gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        "uncompressed" => Ok(Compression::Uncompressed),
        "estargz" => {
            Err("compression=estargz is not supported: choose gzip, zstd or uncompressed".to_owned())
        }
        other => Err(format!("unknown compression {other}: expected gzip, zstd or uncompressed")),
    }
}

#[cfg(test)]
mod tests;
