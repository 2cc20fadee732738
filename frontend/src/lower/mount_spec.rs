//! The value of `RUN --mount` (dockerfile reference, section 6).

use cooperage_llb::definition::CacheSharing;

use super::csv::fields;
use crate::diagnostic::did_you_mean;

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum MountType {
    #[default]
    Bind,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

const TYPES: [(&str, MountType); 5] = [
    ("bind", MountType::Bind),
    ("cache", MountType::Cache),
    ("tmpfs", MountType::Tmpfs),
    ("secret", MountType::Secret),
    ("ssh", MountType::Ssh),
];

const SHARINGS: [(&str, CacheSharing); 3] =
    [("shared", CacheSharing::Shared), ("private", CacheSharing::Private), ("locked", CacheSharing::Locked)];

const KEYS: [&str; 19] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "required",
    "size",
    "id",
    "sharing",
    "mode",
    "uid",
    "gid",
    "env",
];

/// A `--mount`, checked, defaults not yet filled in except `readonly`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct MountSpec {
    pub(super) kind: MountType,
    pub(super) from: String,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) readonly: bool,
    pub(super) size_bytes: i64,
    pub(super) id: String,
    pub(super) sharing: Option<CacheSharing>,
    pub(super) required: bool,
    pub(super) env: Option<String>,
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
}

/// Why a `--mount` is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MountError {
    pub(super) message: String,
    /// What was expected.
    pub(super) label: String,
    pub(super) help: Option<String>,
}

fn wrong(message: impl Into<String>, label: &str) -> MountError {
    MountError { message: message.into(), label: label.to_owned(), help: None }
}

/// The value of `from`, unexpanded; `None` if it is not given or empty.
pub(super) fn from_of(spec: &str) -> Result<Option<String>, String> {
    let mut from = None;
    for field in fields(spec).map_err(|message| format!("invalid mount: {message}"))? {
        if let Some((key, value)) = field.split_once('=')
            && key.eq_ignore_ascii_case("from")
        {
            from = Some(value.to_owned());
        }
    }
    Ok(from.filter(|from| !from.is_empty()))
}

/// Reads a mount. `expand` expands a value; what it cannot expand it has reported, and answers `None`.
pub(super) fn parse(
    spec: &str,
    mut expand: impl FnMut(&str) -> Option<String>,
) -> Result<Option<MountSpec>, MountError> {
    let mut mount = MountSpec::default();
    read(spec, &mut mount, &mut expand).map_err(|error| MountError {
        help: Some(error.help.unwrap_or_else(|| mount.kind.usage().to_owned())),
        ..error
    })
}

/// [`parse`] into `mount`, which says the type as far as it is known when something is wrong.
fn read(
    spec: &str,
    mount: &mut MountSpec,
    expand: &mut impl FnMut(&str) -> Option<String>,
) -> Result<Option<MountSpec>, MountError> {
    let mut readonly = None;
    for field in fields(spec).map_err(|it| wrong(format!("invalid mount: {it}"), "expected key=value,..."))? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(value)),
            None => (field.to_lowercase(), None),
        };
        let value = match value {
            Some(value) if key == "from" => Some(value.to_owned()),
            Some(value) => match expand(value) {
                Some(value) => Some(value),
                None => return Ok(None),
            },
            None => None,
        };
        mount.set(&key, value, &field, &mut readonly)?;
    }
    mount.readonly = readonly.unwrap_or(!matches!(mount.kind, MountType::Cache | MountType::Tmpfs));
    mount.check().map(|()| Some(mount.clone()))
}

impl MountSpec {
    fn set(
        &mut self,
        key: &str,
        value: Option<String>,
        field: &str,
        readonly: &mut Option<bool>,
    ) -> Result<(), MountError> {
        match (key, value) {
            ("readonly" | "ro", value) => *readonly = Some(flag(key, value)?),
            ("readwrite" | "rw", value) => *readonly = Some(!flag(key, value)?),
            ("required", value) => {
                self.only_for(key, matches!(self.kind, MountType::Secret | MountType::Ssh))?;
                self.required = flag(key, value)?;
            }
            (key, None) => {
                self.known(key, field)?;
                let message = format!("invalid field '{field}' must be a key=value pair");
                return Err(wrong(message, "expected a value"));
            }
            ("type", Some(value)) => self.kind = one_of(&TYPES, &value, "unsupported mount type")?,
            ("from", Some(value)) => self.from = value,
            ("source" | "src", Some(value)) => self.source = value,
            ("target" | "dst" | "destination", Some(value)) => self.target = value,
            ("id", Some(value)) => self.id = value,
            ("env", Some(value)) => self.env = Some(value),
            ("sharing", Some(value)) => {
                self.sharing = Some(one_of(&SHARINGS, &value, "unsupported sharing value")?);
            }
            ("mode", Some(value)) => self.mode = Some(number(key, &value, 8)?),
            ("uid", Some(value)) => self.uid = Some(number(key, &value, 10)?),
            ("gid", Some(value)) => self.gid = Some(number(key, &value, 10)?),
            ("size", Some(value)) => {
                self.only_for(key, self.kind == MountType::Tmpfs)?;
                let size = size_bytes(&value);
                let label = "expected a size, such as 64m";
                self.size_bytes =
                    size.ok_or_else(|| wrong(format!("invalid value for size: {value}"), label))?;
            }
            (key, Some(_)) => self.known(key, field)?,
        }
        Ok(())
    }

    fn known(&self, key: &str, field: &str) -> Result<(), MountError> {
        if KEYS.contains(&key) {
            return Ok(());
        }
        let help = did_you_mean(key, KEYS).map(|key| format!("did you mean {key}?"));
        let message = format!("unexpected key '{key}' in '{field}'");
        Err(MountError { message, label: format!("expected one of {}", KEYS.join(", ")), help })
    }

    fn only_for(&self, key: &str, allowed: bool) -> Result<(), MountError> {
        if allowed {
            return Ok(());
        }
        let message = format!("unexpected key '{key}' for mount type '{}'", self.kind.name());
        let label = match key {
            "size" => "only tmpfs mounts have it, after their type",
            _ => "only secret and ssh mounts have it, after their type",
        };
        Err(wrong(message, label))
    }

    /// Keys that do not go together.
    fn check(&self) -> Result<(), MountError> {
        let kind = self.kind.name();
        if matches!(self.kind, MountType::Bind | MountType::Tmpfs) {
            for (key, given) in [("mode", self.mode), ("uid", self.uid), ("gid", self.gid)] {
                if given.is_some() {
                    let message = format!("{key} not allowed for {kind:?} type mounts");
                    return Err(wrong(message, "only cache, secret and ssh mounts have it"));
                }
            }
        }
        if self.kind == MountType::Secret {
            if !self.from.is_empty() {
                return Err(wrong("secret mount should not have a from", "a secret is the client's"));
            }
            if self.source.is_empty() && self.target.is_empty() && self.id.is_empty() {
                return Err(wrong("invalid secret mount", "expected id, source or target"));
            }
            if !self.source.is_empty() && !self.id.is_empty() {
                return Err(wrong("both source and id can't be set", "both name the secret"));
            }
        }
        if self.kind == MountType::Ssh && !self.source.is_empty() {
            return Err(wrong("ssh does not support source", "expected id or target"));
        }
        if self.sharing.is_some() && self.kind != MountType::Cache {
            let message = format!("invalid cache sharing set for {kind} mount");
            return Err(wrong(message, "only cache mounts are shared"));
        }
        Ok(())
    }
}

impl MountType {
    /// How a mount of this type is written.
    pub(super) fn usage(self) -> &'static str {
        match self {
            Self::Bind => "--mount=type=bind,target=PATH[,source=PATH][,from=STAGE|IMAGE][,rw]",
            Self::Cache => {
                "--mount=type=cache,target=PATH[,id=NAME][,sharing=shared|private|locked][,mode=0755][,uid=0][,gid=0][,from=STAGE][,source=PATH][,ro]"
            }
            Self::Tmpfs => "--mount=type=tmpfs,target=PATH[,size=64m]",
            Self::Secret => {
                "--mount=type=secret,id=NAME[,target=PATH][,env=VARIABLE][,required][,mode=0400][,uid=0][,gid=0]"
            }
            Self::Ssh => "--mount=type=ssh[,id=NAME][,target=PATH][,required][,mode=0600][,uid=0][,gid=0]",
        }
    }

    fn name(self) -> &'static str {
        TYPES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

fn one_of<T: Copy>(known: &[(&str, T)], value: &str, problem: &str) -> Result<T, MountError> {
    let lower = value.to_lowercase();
    if let Some((_, found)) = known.iter().find(|(name, _)| *name == lower) {
        return Ok(*found);
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    Err(MountError {
        message: format!("{problem} {value:?}"),
        label: format!("expected {}", names.join(", ")),
        help: did_you_mean(&lower, names).map(|name| format!("did you mean {name}?")),
    })
}

/// A bare key is true.
fn flag(key: &str, value: Option<String>) -> Result<bool, MountError> {
    let Some(value) = value else { return Ok(true) };
    boolean(&value)
        .ok_or_else(|| wrong(format!("invalid value for {key}: {value}"), "expected true or false"))
}

/// Go's `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn number(key: &str, value: &str, radix: u32) -> Result<u32, MountError> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let label = if radix == 8 { "expected an octal number" } else { "expected a number" };
    u32::from_str_radix(value, radix)
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| wrong(format!("invalid value {value} for {key}"), label))
}

/// `64m`, `1.5GiB`, `1024`: units of 1024.
fn size_bytes(text: &str) -> Option<i64> {
    let text = text.trim().to_lowercase();
    let end = text.rfind(|c: char| c.is_ascii_digit() || c == '.').map_or(0, |at| at + 1);
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().strip_suffix('b').unwrap_or(unit.trim());
    let shift = match unit.strip_suffix('i').unwrap_or(unit) {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return None,
    };
    let number: f64 = number.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)?;
    let bytes = number * f64::from(1_u32 << (shift / 2)) * f64::from(1_u32 << (shift - shift / 2));
    #[expect(clippy::cast_possible_truncation, reason = "below 2^62, and a fraction of a byte is none")]
    (bytes < 4e18).then_some(bytes as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("64m", 64 << 20), ("1.5GiB", 3 << 29), ("10", 10), ("2kb", 2048), ("1p", 1 << 50), ("0", 0)]
        {
            assert_eq!(size_bytes(text), Some(bytes), "{text}");
        }
        for bad in ["", "m", "-1", "1x", "1e400", "9999999p"] {
            assert_eq!(size_bytes(bad), None, "{bad}");
        }
    }
}
