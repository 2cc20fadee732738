//! Compression of one block, and what joins blocks to one stream.

use flate2::{Compress, Crc, FlushCompress, Status};

use crate::media_type::Compression;

/// A compression with its level.
#[derive(Debug, Clone, Copy)]
pub(super) enum Codec {
    None,
    Gzip { level: u32 },
    Zstd { level: i32 },
}

/// A block, compressed.
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    /// CRC-32 of the block before compression; for gzip only.
    pub(super) crc: Crc,
}

impl Codec {
    /// `None` if the compression has no such level. Without a level: gzip 6, Zstandard 3.
    pub(super) fn new(compression: Compression, level: Option<u32>) -> Option<Self> {
        match (compression, level) {
            (Compression::Uncompressed, None) => Some(Self::None),
            (Compression::Gzip, level @ (None | Some(0..=9))) => {
                Some(Self::Gzip { level: level.unwrap_or(6) })
            }
            (Compression::Zstd, level @ (None | Some(0..=22))) => {
                Some(Self::Zstd { level: level.map_or(3, |level| level.min(22) as i32) })
            }
            _ => None,
        }
    }

    /// What the stream begins with. Gzip: no flags, no name, no time, no hint of the level, unknown system.
    pub(super) fn head(self) -> &'static [u8] {
        match self {
            Self::Gzip { .. } => &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255],
            Self::None | Self::Zstd { .. } => &[],
        }
    }

    /// Compresses a block that knows nothing of its neighbours. Blocks of gzip are runs of whole deflate
    /// blocks that end on a byte, none of them the last one; those of Zstandard are frames.
    pub(super) fn pack(self, block: &[u8]) -> std::io::Result<Packed> {
        let mut crc = Crc::new();
        let bytes = match self {
            Self::None => block.to_vec(),
            Self::Gzip { level } => {
                crc.update(block);
                deflate(block, level)?
            }
            Self::Zstd { level } => zstd::bulk::compress(block, level)?,
        };
        Ok(Packed { bytes, crc })
    }

    /// What the stream ends with. Gzip: an empty last deflate block, CRC and length modulo 2^32.
    pub(super) fn tail(self, crc: &Crc) -> Vec<u8> {
        match self {
            Self::Gzip { .. } => {
                let sum = crc.sum().to_le_bytes();
                [&[3, 0][..], &sum, &crc.amount().to_le_bytes()].concat()
            }
            Self::None | Self::Zstd { .. } => Vec::new(),
        }
    }
}

/// Raw deflate of `block`, ended with an empty stored block that brings it to a byte border.
fn deflate(block: &[u8], level: u32) -> std::io::Result<Vec<u8>> {
    let mut state = Compress::new(flate2::Compression::new(level), false);
    // Stored blocks cost five bytes in 16 KiB at most; the rest is for the last ones.
    let mut out = Vec::with_capacity(block.len() + block.len() / 1024 + 256);
    loop {
        let rest = &block[state.total_in() as usize..];
        let status = state.compress_vec(rest, &mut out, FlushCompress::Sync)?;
        // Flushed completely if there was room left over.
        if state.total_in() as usize == block.len() && out.len() < out.capacity() {
            return Ok(out);
        }
        if status == Status::BufError && out.len() < out.capacity() {
            return Err(std::io::Error::other("deflate made no progress"));
        }
        out.reserve(64 << 10);
    }
}
