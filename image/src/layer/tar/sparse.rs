//! Sparse files: GNU's three ways to say where a file has bytes (GNU tar manual, "Storing Sparse Files").

use super::{BLOCK_BYTES, number, pax};

/// Maps longer than this are refused; GNU tar makes one segment for each run of blocks.
const MAX_SEGMENTS: usize = 1 << 20;

/// A run of bytes that the archive holds; between runs are zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// What the PAX records say of a sparse file.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Map of formats 0.0 and 0.1.
    numbers: Vec<u64>,
    /// Format 1.0: the map is at the head of the body.
    map_in_body: bool,
    /// Length of the file with its holes.
    pub(super) real_bytes: Option<u64>,
    /// True name, where the header has an invented one.
    pub(super) name: Option<Vec<u8>>,
}

impl Records {
    /// Takes a `GNU.sparse.*` record; `None` if it is malformed.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"GNU.sparse.major" => self.map_in_body = pax::integer::<u32>(value)? >= 1,
            b"GNU.sparse.name" => self.name = Some(value.to_vec()),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.real_bytes = Some(pax::integer(value)?),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.numbers.push(pax::integer(value)?),
            b"GNU.sparse.map" => {
                self.numbers = value.split(|b| *b == b',').map(pax::integer).collect::<Option<_>>()?;
            }
            _ => {}
        }
        (self.numbers.len() <= 2 * MAX_SEGMENTS).then_some(())
    }

    pub(super) fn map_in_body(&self) -> bool {
        self.map_in_body
    }

    /// The map of formats 0.0 and 0.1, if there is one.
    pub(super) fn segments(&self) -> Option<Vec<Segment>> {
        (!self.numbers.is_empty()).then(|| pairs(&self.numbers))
    }
}

fn pairs(numbers: &[u64]) -> Vec<Segment> {
    numbers
        .chunks(2)
        .map(|pair| Segment { offset: pair[0], len: pair.get(1).copied().unwrap_or(0) })
        .collect()
}

/// Whether the segments are in order, apart, within the file, and together as long as what the archive holds.
pub(super) fn is_valid(segments: &[Segment], real_bytes: u64, stored_bytes: u64) -> bool {
    let mut end = 0;
    let mut sum = 0_u64;
    for segment in segments {
        let Some(next) = segment.offset.checked_add(segment.len) else { return false };
        if segment.offset < end || next > real_bytes {
            return false;
        }
        end = next;
        sum += segment.len;
    }
    sum == stored_bytes
}

/// Reads the map of format 1.0 from the head of a body: a count, then offset and length of each segment,
/// one number a line, padded to whole blocks. `block` gives the next block of the body. Returns the
/// segments; the rest of the body are their bytes.
pub(super) fn read_map<E>(
    mut block: impl FnMut() -> Result<[u8; BLOCK_BYTES], E>,
    malformed: impl Fn() -> E,
) -> Result<Vec<Segment>, E> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut wanted = 1;
    while lines.len() < wanted {
        for byte in block()? {
            if lines.len() == wanted {
                break;
            }
            if byte != b'\n' {
                line.push(byte);
                if line.len() > 20 {
                    return Err(malformed());
                }
                continue;
            }
            lines.push(pax::integer::<u64>(&line).ok_or_else(&malformed)?);
            line.clear();
            if lines.len() == 1 {
                let count = usize::try_from(lines[0]).ok().filter(|n| *n <= MAX_SEGMENTS);
                wanted = 1 + 2 * count.ok_or_else(&malformed)?;
            }
        }
    }
    Ok(pairs(&lines[1..]))
}

/// Reads the map of the old GNU format from a header and its continuations (`next`): pairs of offset and length
/// from `start` on, then a flag whether more follow.
pub(super) fn read_old_map<E>(
    header: &[u8; BLOCK_BYTES],
    mut next: impl FnMut() -> Result<[u8; BLOCK_BYTES], E>,
    malformed: impl Fn() -> E,
) -> Result<Vec<Segment>, E> {
    let mut segments = Vec::new();
    let mut read = |bytes: &[u8]| {
        for pair in bytes.chunks(24).take_while(|pair| pair[0] != 0) {
            let [offset, len] =
                [&pair[..12], &pair[12..]].map(|f| number::read(f).and_then(|n| u64::try_from(n).ok()));
            match (offset, len) {
                (Some(offset), Some(len)) if segments.len() < MAX_SEGMENTS => {
                    segments.push(Segment { offset, len })
                }
                _ => return Err(malformed()),
            }
        }
        Ok(())
    };
    read(&header[386..482])?;
    let mut more = header[482] != 0;
    while more {
        let block = next()?;
        read(&block[..504])?;
        more = block[504] != 0;
    }
    Ok(segments)
}
