//! The tar format, as layers have it: ustar headers with PAX records.

pub(crate) mod encode;
mod number;
mod pax;
pub(crate) mod read;
mod sparse;

/// Headers and bodies are padded to a multiple of this.
pub(crate) const BLOCK_BYTES: usize = 512;

/// What ends an archive.
pub(crate) const END: [u8; 2 * BLOCK_BYTES] = [0; 2 * BLOCK_BYTES];

/// Before the name of each extended attribute, as PAX key (star's convention; image-spec layer.md, "File Attributes").
const XATTR_PREFIX: &[u8] = b"SCHILY.xattr.";

/// Zeros that follow a body of `size_bytes`.
pub(crate) const fn padding(size_bytes: u64) -> usize {
    ((BLOCK_BYTES as u64 - size_bytes % BLOCK_BYTES as u64) % BLOCK_BYTES as u64) as usize
}

/// Offsets of the fields of a ustar header.
mod field {
    use std::ops::Range;

    pub(super) const NAME: Range<usize> = 0..100;
    pub(super) const MODE: Range<usize> = 100..108;
    pub(super) const UID: Range<usize> = 108..116;
    pub(super) const GID: Range<usize> = 116..124;
    pub(super) const SIZE: Range<usize> = 124..136;
    pub(super) const MTIME: Range<usize> = 136..148;
    pub(super) const CHECKSUM: Range<usize> = 148..156;
    pub(super) const KIND: usize = 156;
    pub(super) const LINK: Range<usize> = 157..257;
    pub(super) const MAGIC: Range<usize> = 257..265;
    pub(super) const MAJOR: Range<usize> = 329..337;
    pub(super) const MINOR: Range<usize> = 337..345;
    pub(super) const PREFIX: Range<usize> = 345..500;
    /// star's prefix is shorter; it has its own magic at the end.
    pub(super) const STAR_PREFIX: Range<usize> = 345..476;
    pub(super) const STAR_MAGIC: Range<usize> = 508..512;
}

/// Type flags.
pub(crate) mod kind {
    pub(crate) const FILE: u8 = b'0';
    pub(crate) const HARD_LINK: u8 = b'1';
    pub(crate) const SYMLINK: u8 = b'2';
    pub(crate) const CHAR_DEVICE: u8 = b'3';
    pub(crate) const BLOCK_DEVICE: u8 = b'4';
    pub(crate) const DIRECTORY: u8 = b'5';
    pub(crate) const FIFO: u8 = b'6';
    pub(super) const CONTIGUOUS: u8 = b'7';
    pub(super) const PAX: u8 = b'x';
    pub(super) const PAX_GLOBAL: u8 = b'g';
    pub(super) const GNU_LONG_NAME: u8 = b'L';
    pub(super) const GNU_LONG_LINK: u8 = b'K';
    pub(super) const GNU_SPARSE: u8 = b'S';
}

/// Sum of a header's bytes, its checksum field counted as spaces.
fn checksum(header: &[u8; BLOCK_BYTES]) -> u64 {
    let sum = |range: &[u8]| range.iter().map(|b| u64::from(*b)).sum::<u64>();
    sum(&header[..field::CHECKSUM.start]) + 8 * u64::from(b' ') + sum(&header[field::CHECKSUM.end..])
}
