//! Headers, written: the same bytes as Go's `archive/tar` in its PAX format, which is what other
//! builders write, so that equal files give equal layers.

use crate::tree::Xattrs;

use super::{BLOCK_BYTES, XATTR_PREFIX, checksum, field, kind, number, padding, pax};

/// What a header says. Written as ustar if that can say it, else with an extended header. Owner names, access and change time are never written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    /// Relative, without `./`; ends in `/` if it is a directory.
    pub(crate) path: &'a [u8],
    /// A type flag of [`kind`].
    pub(crate) kind: u8,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size_bytes: u64,
    /// Since 1970; may be negative.
    pub(crate) mtime_secs: i64,
    /// Target of a symbolic or hard link, else empty.
    pub(crate) link: &'a [u8],
    /// Major and minor number of a device, each below 2^21; else zeros.
    pub(crate) device: (u32, u32),
    pub(crate) xattrs: &'a Xattrs,
}

impl<'a> Header<'a> {
    /// A header with neither owner nor time nor contents.
    pub(crate) fn bare(path: &'a [u8], kind: u8) -> Self {
        Self {
            path,
            kind,
            mode: 0,
            uid: 0,
            gid: 0,
            size_bytes: 0,
            mtime_secs: 0,
            link: b"",
            device: (0, 0),
            xattrs: &None,
        }
    }

    /// Appends the header to `out`, after its extended header if it needs one.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut records = self.records(b"");
        if let Some((prefix, name)) = split(self.path)
            && records.is_empty()
        {
            return self.encode_block(prefix, name, out);
        }
        if !fits(self.path) {
            records = self.records(self.path);
        }
        if !records.is_empty() {
            let name = extension_name(self.path);
            let size_bytes = records.len() as u64;
            Header { size_bytes, ..Header::bare(&name, kind::PAX) }.encode_block(b"", &name, out);
            out.extend_from_slice(&records);
            out.resize(out.len() + padding(size_bytes), 0);
        }
        self.encode_block(b"", self.path, out);
    }

    /// What the header's fields cannot hold, sorted by key; of the path, `path`.
    fn records(&self, path: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, value) in self.xattrs.iter().flat_map(|xattrs| xattrs.iter()) {
            pax::push(&mut out, &[XATTR_PREFIX, name.as_bytes()].concat(), value);
        }
        push_number(&mut out, b"gid", self.gid.into(), 8);
        push_text(&mut out, b"linkpath", self.link);
        push_number(&mut out, b"mtime", self.mtime_secs.into(), 12);
        push_text(&mut out, b"path", path);
        push_number(&mut out, b"size", self.size_bytes.into(), 12);
        push_number(&mut out, b"uid", self.uid.into(), 8);
        out
    }

    fn encode_block(&self, prefix: &[u8], name: &[u8], out: &mut Vec<u8>) {
        let mut block = [0; BLOCK_BYTES];
        put_ascii(&mut block[field::NAME], name);
        put_ascii(&mut block[field::PREFIX], prefix);
        number::write_octal(&mut block[field::MODE], self.mode.into());
        number::write_octal(&mut block[field::UID], self.uid.into());
        number::write_octal(&mut block[field::GID], self.gid.into());
        number::write_octal(&mut block[field::SIZE], self.size_bytes.into());
        number::write_octal(&mut block[field::MTIME], self.mtime_secs.into());
        block[field::KIND] = self.kind;
        put_ascii(&mut block[field::LINK], self.link);
        block[field::MAGIC].copy_from_slice(b"ustar\x0000");
        // Go leaves these alone in the extended header itself.
        if self.kind != kind::PAX {
            number::write_octal(&mut block[field::MAJOR], self.device.0.into());
            number::write_octal(&mut block[field::MINOR], self.device.1.into());
        }
        let sum = checksum(&block);
        number::write_octal(&mut block[field::CHECKSUM.start..field::CHECKSUM.end - 1], sum.into());
        block[field::CHECKSUM.end - 1] = b' ';
        out.extend_from_slice(&block);
    }
}

fn push_number(out: &mut Vec<u8>, key: &[u8], value: i128, width: usize) {
    if !number::fits_octal(value, width) {
        pax::push(out, key, value.to_string().as_bytes());
    }
}

fn push_text(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    if !fits(value) {
        pax::push(out, key, value);
    }
}

/// Whether a header's field can hold a name.
fn fits(name: &[u8]) -> bool {
    name.len() <= field::NAME.len() && name.is_ascii()
}

/// A path that is too long for its field as prefix and rest, if both fit theirs (ustar). Where it is cut is as in
/// Go's `splitUSTARPath`: at the last slash that the prefix can end at.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= field::NAME.len() || !path.is_ascii() {
        return None;
    }
    let longest = field::PREFIX.len() + 1;
    let head = if path.len() > longest { &path[..longest] } else { path.strip_suffix(b"/").unwrap_or(path) };
    let slash = head.iter().rposition(|b| *b == b'/').filter(|slash| *slash > 0)?;
    let (prefix, name) = (&path[..slash], &path[slash + 1..]);
    (!name.is_empty() && name.len() <= field::NAME.len()).then_some((prefix, name))
}

/// Puts what is ASCII of `text` into `field`, as much as fits. A slash that would end what is cut off is left out:
/// some readers take a file for a directory by it.
fn put_ascii(field: &mut [u8], text: &[u8]) {
    let ascii: Vec<u8> = text.iter().copied().filter(u8::is_ascii).collect();
    let fits = ascii.len().min(field.len());
    field[..fits].copy_from_slice(&ascii[..fits]);
    if ascii.len() > fits && field.last() == Some(&b'/') {
        let end = field.iter().rposition(|b| *b != b'/').map_or(0, |last| last + 1);
        field[end] = 0;
    }
}

/// Name of the extended header of `path`, for readers that know no PAX: `dir/PaxHeaders.0/name`, and of a directory
/// `dir/PaxHeaders.0`.
fn extension_name(path: &[u8]) -> Vec<u8> {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let (directory, name) = match path.iter().rposition(|b| *b == b'/') {
        Some(slash) => path.split_at(slash + 1),
        None => (&b""[..], path),
    };
    let mut name = [directory, b"PaxHeaders.0/", name].concat();
    name.retain(u8::is_ascii);
    name.truncate(100);
    while name.last() == Some(&b'/') {
        name.pop();
    }
    name
}
