//! Tar archives, read: every dialect that layers are met in (v7, ustar, PAX, GNU, star), with bounds on
//! what a header can ask for.
//!
//! Global PAX headers are passed over, as the other readers of layers do.

use std::io::{self, BufRead};

use super::sparse::{self, Segment};
use super::{BLOCK_BYTES, XATTR_PREFIX, checksum, field, kind, number, padding, pax};
use crate::tree::Timestamp;

/// Length of all extended headers of one entry, at most (as in Go's reader, of each).
const MAX_EXTENSION_BYTES: u64 = 1 << 20;

/// Why an archive is malformed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TarError {
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error("malformed tar archive at byte {offset_bytes}: {reason}")]
    Malformed { offset_bytes: u64, reason: &'static str },
}

/// An entry's header, its extensions applied.
#[derive(Debug)]
pub(crate) struct Entry {
    /// As it is written: may be absolute, hold `..`, or end in `/`.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: Timestamp,
    /// Names without [`XATTR_PREFIX`].
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With its length; a sparse one with where the body's bytes go.
    File {
        size_bytes: u64,
        sparse: Option<Vec<Segment>>,
    },
    HardLink(Vec<u8>),
    Symlink(Vec<u8>),
    Dir,
    CharDevice {
        major: u32,
        minor: u32,
    },
    BlockDevice {
        major: u32,
        minor: u32,
    },
    Fifo,
}

/// Reads entries one by one.
pub(crate) struct TarReader<R> {
    inner: R,
    offset_bytes: u64,
    /// Of the body under way.
    body_bytes: u64,
    padding: u64,
}

/// What extended headers say of the entry that follows.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    uid: Option<u32>,
    gid: Option<u32>,
    size_bytes: Option<u64>,
    mtime: Option<Timestamp>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    sparse: sparse::Records,
}

impl<R: BufRead> TarReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, offset_bytes: 0, body_bytes: 0, padding: 0 }
    }

    /// The next entry, the body of the last one passed over; `None` at the end of the archive.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, TarError> {
        let mut extensions = Extensions::default();
        let mut extended = false;
        let mut left_bytes = MAX_EXTENSION_BYTES;
        loop {
            self.skip_body()?;
            let Some(header) = self.header()? else {
                return if extended {
                    Err(self.malformed("it ends after an extended header"))
                } else {
                    Ok(None)
                };
            };
            let size_bytes = self.size(&header)?;
            self.set_body(size_bytes);
            extended = true;
            match header[field::KIND] {
                kind::PAX => {
                    let records = self.extension(&mut left_bytes)?;
                    let malformed = self.malformed("a PAX record");
                    extensions.take(&records).ok_or(malformed)?;
                }
                kind::PAX_GLOBAL => {}
                kind::GNU_LONG_NAME => extensions.path = Some(until_nul(&self.extension(&mut left_bytes)?)),
                kind::GNU_LONG_LINK => extensions.link = Some(until_nul(&self.extension(&mut left_bytes)?)),
                _ => return self.entry(&header, extensions).map(Some),
            }
        }
    }

    /// The next bytes of the entry's body; empty at its end.
    pub(crate) fn body(&mut self) -> Result<&[u8], TarError> {
        if self.body_bytes == 0 {
            return Ok(&[]);
        }
        let available = self.inner.fill_buf()?;
        if available.is_empty() {
            return Err(TarError::Malformed {
                offset_bytes: self.offset_bytes,
                reason: "it ends within a file",
            });
        }
        Ok(&available[..available.len().min(usize::try_from(self.body_bytes).unwrap_or(usize::MAX))])
    }

    /// Marks `n` bytes that [`TarReader::body`] gave as read.
    pub(crate) fn consume(&mut self, n: usize) {
        self.inner.consume(n);
        self.offset_bytes += n as u64;
        self.body_bytes -= n as u64;
    }

    fn entry(&mut self, header: &[u8; BLOCK_BYTES], mut extensions: Extensions) -> Result<Entry, TarError> {
        let flag = header[field::KIND];
        let path =
            extensions.sparse.name.take().or(extensions.path.take()).unwrap_or_else(|| path_of(header));
        let link = extensions.link.take().unwrap_or_else(|| until_nul(&header[field::LINK]));
        if path.contains(&0) || link.contains(&0) {
            return Err(self.malformed("a name holds a NUL"));
        }
        let kind = match flag {
            kind::FILE | 0 | kind::CONTIGUOUS | kind::GNU_SPARSE if path.ends_with(b"/") => Kind::Dir,
            kind::FILE | 0 | kind::CONTIGUOUS | kind::GNU_SPARSE => self.file(header, &extensions)?,
            kind::HARD_LINK => Kind::HardLink(link),
            kind::SYMLINK => Kind::Symlink(link),
            kind::DIRECTORY => Kind::Dir,
            kind::CHAR_DEVICE => Kind::CharDevice { major: self.major(header)?, minor: self.minor(header)? },
            kind::BLOCK_DEVICE => {
                Kind::BlockDevice { major: self.major(header)?, minor: self.minor(header)? }
            }
            kind::FIFO => Kind::Fifo,
            _ => return Err(self.malformed("an entry of an unknown type")),
        };
        match kind {
            Kind::File { .. } => {}
            // Go's reader: these have no body, whatever their size says. A directory may be told as a file.
            _ if flag == kind::DIRECTORY || !matches!(kind, Kind::Dir) => self.set_body(0),
            _ => self.set_body(extensions.size_bytes.unwrap_or(self.body_bytes)),
        }
        Ok(Entry {
            path,
            kind,
            mode: self.number(&header[field::MODE], "a mode")? & 0o7777,
            uid: match extensions.uid {
                Some(uid) => uid,
                None => self.number(&header[field::UID], "an owner")?,
            },
            gid: match extensions.gid {
                Some(gid) => gid,
                None => self.number(&header[field::GID], "a group")?,
            },
            mtime: match extensions.mtime {
                Some(mtime) => mtime,
                None => Timestamp { secs: self.signed(&header[field::MTIME], "a time")?, nanos: 0 },
            },
            xattrs: extensions.xattrs,
        })
    }

    /// A regular file, its sparse map read.
    fn file(&mut self, header: &[u8; BLOCK_BYTES], extensions: &Extensions) -> Result<Kind, TarError> {
        let stored_bytes = extensions.size_bytes.unwrap_or(self.body_bytes);
        let bad_map = self.malformed("a sparse file's map");
        let offset_bytes = self.offset_bytes;
        let malformed = || TarError::Malformed { offset_bytes, reason: "a sparse file's map" };
        let (segments, real_bytes) = if header[field::KIND] == kind::GNU_SPARSE {
            let segments = sparse::read_old_map(header, || self.block(), malformed)?;
            let real_bytes = number::read(&header[483..495]).and_then(|n| u64::try_from(n).ok());
            self.set_body(stored_bytes);
            (segments, real_bytes)
        } else if extensions.sparse.map_in_body() {
            self.set_body(stored_bytes);
            (sparse::read_map(|| self.body_block(), malformed)?, extensions.sparse.real_bytes)
        } else {
            self.set_body(stored_bytes);
            match extensions.sparse.segments() {
                Some(segments) => (segments, extensions.sparse.real_bytes),
                None => return Ok(Kind::File { size_bytes: stored_bytes, sparse: None }),
            }
        };
        match real_bytes {
            Some(size_bytes) if sparse::is_valid(&segments, size_bytes, self.body_bytes) => {
                Ok(Kind::File { size_bytes, sparse: Some(segments) })
            }
            _ => Err(bad_map),
        }
    }

    /// The next header; `None` at the end: a block of zeros, or nothing.
    fn header(&mut self) -> Result<Option<[u8; BLOCK_BYTES]>, TarError> {
        if self.inner.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let header = self.block()?;
        if header == [0; BLOCK_BYTES] {
            return Ok(None);
        }
        is_header(&header)
            .then_some(Some(header))
            .ok_or_else(|| self.malformed("a header's checksum is wrong"))
    }

    fn block(&mut self) -> Result<[u8; BLOCK_BYTES], TarError> {
        let mut block = [0; BLOCK_BYTES];
        self.inner.read_exact(&mut block).map_err(|error| self.short(error))?;
        self.offset_bytes += BLOCK_BYTES as u64;
        Ok(block)
    }

    /// A block of the body.
    fn body_block(&mut self) -> Result<[u8; BLOCK_BYTES], TarError> {
        let rest = self.body_bytes.checked_sub(BLOCK_BYTES as u64);
        self.body_bytes = rest.ok_or_else(|| self.malformed("a sparse file's map"))?;
        self.block()
    }

    /// The body of an extended header, of which so many bytes may still come before an entry.
    fn extension(&mut self, left_bytes: &mut u64) -> Result<Vec<u8>, TarError> {
        let left = left_bytes.checked_sub(self.body_bytes);
        *left_bytes = left.ok_or_else(|| self.malformed("extended headers longer than 1 MiB"))?;
        let mut bytes = vec![0; self.body_bytes as usize];
        self.inner.read_exact(&mut bytes).map_err(|error| self.short(error))?;
        self.offset_bytes += self.body_bytes;
        self.body_bytes = 0;
        Ok(bytes)
    }

    fn skip_body(&mut self) -> Result<(), TarError> {
        self.body_bytes += self.padding;
        self.padding = 0;
        loop {
            let n = self.body()?.len();
            if n == 0 {
                return Ok(());
            }
            self.consume(n);
        }
    }

    fn set_body(&mut self, size_bytes: u64) {
        self.body_bytes = size_bytes;
        self.padding = padding(size_bytes) as u64;
    }

    fn size(&self, header: &[u8; BLOCK_BYTES]) -> Result<u64, TarError> {
        let size = self.signed(&header[field::SIZE], "a size")?;
        u64::try_from(size).map_err(|_| self.malformed("a size below zero"))
    }

    fn major(&self, header: &[u8; BLOCK_BYTES]) -> Result<u32, TarError> {
        self.number(&header[field::MAJOR], "a device number")
    }

    fn minor(&self, header: &[u8; BLOCK_BYTES]) -> Result<u32, TarError> {
        self.number(&header[field::MINOR], "a device number")
    }

    fn number(&self, bytes: &[u8], what: &'static str) -> Result<u32, TarError> {
        u32::try_from(self.signed(bytes, what)?).map_err(|_| self.malformed(what))
    }

    fn signed(&self, bytes: &[u8], what: &'static str) -> Result<i64, TarError> {
        number::read(bytes).ok_or_else(|| self.malformed(what))
    }

    fn short(&self, error: io::Error) -> TarError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.malformed("it ends within a header"),
            _ => TarError::Read(error),
        }
    }

    fn malformed(&self, reason: &'static str) -> TarError {
        TarError::Malformed { offset_bytes: self.offset_bytes, reason }
    }
}

impl Extensions {
    /// Takes the records of a PAX header; `None` if one is malformed.
    fn take(&mut self, bytes: &[u8]) -> Option<()> {
        for (key, value) in pax::parse(bytes)? {
            match key {
                // An empty value takes back what an earlier header said.
                b"path" => self.path = some(value),
                b"linkpath" => self.link = some(value),
                b"uid" | b"gid" | b"size" | b"mtime" if value.is_empty() => self.take_back(key),
                b"uid" => self.uid = Some(pax::integer(value)?),
                b"gid" => self.gid = Some(pax::integer(value)?),
                b"size" => self.size_bytes = Some(pax::integer(value).filter(|n| *n <= i64::MAX as u64)?),
                b"mtime" => self.mtime = Some(pax::time(value)?),
                _ if key.starts_with(b"GNU.sparse.") => self.sparse.take(key, value)?,
                _ => {
                    if let Some(name) = key.strip_prefix(XATTR_PREFIX) {
                        self.xattrs.push((name.to_vec(), value.to_vec()));
                    }
                }
            }
        }
        Some(())
    }

    /// Forgets what an earlier header said of a number.
    fn take_back(&mut self, key: &[u8]) {
        match key {
            b"uid" => self.uid = None,
            b"gid" => self.gid = None,
            b"size" => self.size_bytes = None,
            _ => self.mtime = None,
        }
    }
}

fn some(value: &[u8]) -> Option<Vec<u8>> {
    (!value.is_empty()).then(|| value.to_vec())
}

/// Whether the block's checksum is right; some old writers summed signed bytes.
pub(crate) fn is_header(block: &[u8; BLOCK_BYTES]) -> bool {
    let Some(stated) = number::read(&block[field::CHECKSUM]) else { return false };
    let high = |bytes: &[u8]| bytes.iter().filter(|b| **b >= 0x80).count() as i64;
    let unsigned = checksum(block) as i64;
    let outside = high(&block[..field::CHECKSUM.start]) + high(&block[field::CHECKSUM.end..]);
    stated == unsigned || stated == unsigned - 256 * outside
}

fn path_of(header: &[u8; BLOCK_BYTES]) -> Vec<u8> {
    let name = until_nul(&header[field::NAME]);
    // Whatever the version says, as in Go's reader. GNU's magic has a blank where this has the NUL, and no prefix.
    let prefix = match header[field::MAGIC].starts_with(b"ustar\0") {
        true if &header[field::STAR_MAGIC] == b"tar\0" => &header[field::STAR_PREFIX],
        true => &header[field::PREFIX],
        false => &[],
    };
    let prefix = until_nul(prefix);
    if prefix.is_empty() { name } else { [&prefix[..], b"/", &name].concat() }
}

fn until_nul(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|b| *b == 0).next().unwrap_or_default().to_vec()
}
