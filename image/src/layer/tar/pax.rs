//! PAX records: `length key=value\n` (POSIX.1-2017 `pax`, "pax Extended Header").

use crate::tree::Timestamp;

/// A key and its value.
pub(super) type Record<'a> = (&'a [u8], &'a [u8]);

/// Appends a record to `out`. The length counts itself.
pub(super) fn push(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// The records of an extended header, in order; `None` if one is malformed.
pub(super) fn parse(mut bytes: &[u8]) -> Option<Vec<Record<'_>>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().take(20).position(|b| *b == b' ')?;
        let length: usize = integer(&bytes[..space])?;
        if length <= space + 1 || length > bytes.len() || bytes[length - 1] != b'\n' {
            return None;
        }
        let record = &bytes[space + 1..length - 1];
        let equals = record.iter().position(|b| *b == b'=')?;
        if equals == 0 {
            return None;
        }
        records.push((&record[..equals], &record[equals + 1..]));
        bytes = &bytes[length..];
    }
    Some(records)
}

/// An unsigned decimal integer.
pub(super) fn integer<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// A time: seconds, possibly negative, with a fraction. What is finer than a nanosecond is cut off.
pub(super) fn time(value: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (negative, digits) = match whole.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, whole),
    };
    let secs: i64 = integer(digits.as_bytes())?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9.9}").parse().ok()?;
    Some(match (negative, nanos) {
        (false, _) => Timestamp { secs, nanos },
        (true, 0) => Timestamp { secs: -secs, nanos },
        (true, _) => Timestamp { secs: -secs - 1, nanos: 1_000_000_000 - nanos },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_counts_itself() {
        for value_len in [0, 1, 5, 6, 7, 90, 91, 92, 93, 989, 990, 991, 992] {
            let value = vec![b'v'; value_len];
            let mut out = Vec::new();
            push(&mut out, b"k", &value);
            assert_eq!(parse(&out), Some(vec![(&b"k"[..], &value[..])]), "{value_len}");
        }
    }

    #[test]
    fn malformed_records() {
        for bad in
            ["5", "5 k=v", "6 k=v\n7", "3 =\n", "5 kv\n", "99 k=v\n", "0 k=v\n", "-6 k=v\n", "4 =v\n", "1 \n"]
        {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn times() {
        let at = |secs, nanos| Some(Timestamp { secs, nanos });
        assert_eq!(time(b"12"), at(12, 0));
        assert_eq!(time(b"12.5"), at(12, 500_000_000));
        assert_eq!(time(b"12.1234567899"), at(12, 123_456_789));
        assert_eq!(time(b"-1.25"), at(-2, 750_000_000));
        assert_eq!(time(b"-3"), at(-3, 0));
        for bad in ["", "x", "1.x", "--1", "1.-5", "99999999999999999999"] {
            assert_eq!(time(bad.as_bytes()), None, "{bad}");
        }
    }
}
