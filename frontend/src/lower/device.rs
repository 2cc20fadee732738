//! The value of `RUN --device`: `NAME[,required]` (dockerfile reference, section 6).

use cooperage_llb::definition::Device;

use super::csv;
use super::mount_spec::boolean;
use crate::diagnostic::did_you_mean;

/// Why a `--device` is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DeviceError {
    #[error("invalid device: {0}")]
    Csv(String),
    #[error("device name already set to {0}")]
    SecondName(String),
    #[error("invalid field '{0}' must be a key=value pair")]
    NoValue(String),
    #[error("invalid value for required: {0}")]
    Required(String),
    #[error("unexpected key '{key}' in '{field}'")]
    Key { key: String, field: String },
}

impl DeviceError {
    pub(super) fn help(&self) -> Option<String> {
        let Self::Key { key, .. } = self else { return None };
        did_you_mean(key, ["name", "required"]).map(|meant| format!("did you mean {meant}?"))
    }
}

/// Reads a device. One that is not `required` may be missing. The first field that is no option is the name,
/// whatever is in it: names of CDI have a `=`.
pub(super) fn parse(text: &str) -> Result<Device, DeviceError> {
    let mut name = String::new();
    let mut required = false;
    for field in csv::fields(text).map_err(DeviceError::Csv)? {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(value)),
            None => (field.to_lowercase(), None),
        };
        match (key.as_str(), value) {
            ("required", None) => required = true,
            ("required", Some(value)) => {
                required = boolean(value).ok_or_else(|| DeviceError::Required(value.to_owned()))?;
            }
            ("name", Some(_)) if !name.is_empty() => return Err(DeviceError::SecondName(name)),
            ("name", Some(value)) => value.clone_into(&mut name),
            _ if name.is_empty() => name = field,
            (_, None) => return Err(DeviceError::NoValue(field)),
            (_, Some(_)) => return Err(DeviceError::Key { key, field }),
        }
    }
    Ok(Device { name, optional: !required })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        let device = |name: &str, optional| Ok(Device { name: name.to_owned(), optional });
        for (text, expected) in [
            ("v.com/gpu=all", device("v.com/gpu=all", true)),
            ("v.com/gpu=all,required", device("v.com/gpu=all", false)),
            ("required=false,name=v.com/gpu", device("v.com/gpu", true)),
            ("required", device("", false)),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for bad in ["a,b", "a,x=1", "name=a,name=b", "a,required=maybe", "\"a"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
