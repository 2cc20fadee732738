//! Numbers in header fields: octal text, or base 256 (GNU's extension).

/// Whether `value` fits a field of `width` bytes as octal digits and a NUL.
pub(super) fn fits_octal(value: i128, width: usize) -> bool {
    value >= 0 && value < 1 << ((width - 1) * 3)
}

/// Writes `value` as octal digits, zero-padded, and a NUL. What does not fit is written as 0: its true
/// value is in a PAX record.
pub(super) fn write_octal(field: &mut [u8], value: i128) {
    let digits = field.len() - 1;
    let value = if fits_octal(value, field.len()) { value } else { 0 };
    field[..digits].copy_from_slice(format!("{value:0digits$o}").as_bytes());
    field[digits] = 0;
}

/// Reads a numeric field; `None` if it is not a number of the 64-bit range. Blank reads as 0.
pub(super) fn read(field: &[u8]) -> Option<i64> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => read_base256(field),
        _ => read_octal(field),
    }
}

fn read_octal(field: &[u8]) -> Option<i64> {
    let text = field.split(|b| *b == 0).next().unwrap_or_default();
    let text = text.trim_ascii();
    if text.is_empty() {
        return Some(0);
    }
    text.iter().try_fold(0_i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// Two's complement, big-endian; the highest bit of the field only marks the format.
fn read_base256(field: &[u8]) -> Option<i64> {
    let negative = field[0] & 0x40 != 0;
    let first = if negative { field[0] } else { field[0] & 0x7f };
    let start = if negative { -1_i128 } else { 0 };
    let mut value = start;
    for byte in std::iter::once(&first).chain(&field[1..]) {
        value = value.checked_mul(256)?.checked_add(i128::from(*byte))?;
    }
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        for (field, value) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"    644 ", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"77777777777\0", Some(0o77_777_777_777)),
            (b"0000648\0", None),
            (b"-000001\0", None),
            (b"\x80\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", Some(-1)),
            (b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
        ] {
            assert_eq!(read(field), value, "{field:?}");
        }
    }

    #[test]
    fn octal_has_a_limit() {
        let mut field = [b'x'; 8];
        write_octal(&mut field, 0o7_777_777);
        assert_eq!(&field, b"7777777\0");
        write_octal(&mut field, 0o10_000_000);
        assert_eq!(&field, b"0000000\0");
        assert!(!fits_octal(-1, 12));
    }
}
