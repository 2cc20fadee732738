//! Inputs that are read whole.

use std::io::Read;

use anyhow::{Context, Result, bail};

/// What is longer is neither a Dockerfile nor a definition.
const LIMIT_BYTES: u64 = 128 << 20;

/// All of `from`, which is called `what`.
pub(super) fn read(what: &str, from: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LIMIT_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("reading {what}"))?;
    if bytes.len() as u64 > LIMIT_BYTES {
        bail!("{what} is larger than 128 MiB");
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_refused() {
        assert_eq!(read("it", &b"text"[..]).unwrap(), b"text");
        assert_eq!(read("it", std::io::repeat(0)).unwrap_err().to_string(), "it is larger than 128 MiB");
    }
}
