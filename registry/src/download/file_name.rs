//! The file name of a `Content-Disposition` header (RFC 6266), as Go's `mime.ParseMediaType` reads it for BuildKit.

/// The parameter `filename*` (RFC 8187, UTF-8 alone) or `filename`; `None` if there is none that is not empty.
pub(super) fn of(header: &str) -> Option<String> {
    let mut plain = None;
    let mut extended = None;
    let (_, mut rest) = header.split_once(';')?;
    while let Some((name, value, after)) = parameter(rest) {
        match name.as_str() {
            "filename" => plain = Some(value),
            "filename*" => extended = decoded(&value),
            _ => {}
        }
        rest = after;
    }
    extended.or(plain).filter(|name| !name.is_empty())
}

/// The next `name=value`, and what is after it.
fn parameter(text: &str) -> Option<(String, String, &str)> {
    let (name, rest) = text.trim_start_matches([' ', '\t', ';']).split_once('=')?;
    let name = name.trim().to_ascii_lowercase();
    let rest = rest.trim_start();
    let Some(quoted) = rest.strip_prefix('"') else {
        let (value, after) = rest.split_once(';').unwrap_or((rest, ""));
        return Some((name, value.trim().to_owned(), after));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((name, value, &quoted[at + 1..])),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    None
}

/// `UTF-8''a%20b`
fn decoded(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    percent_encoding::percent_decode_str(encoded).decode_utf8().ok().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn names() {
        for (header, name) in [
            ("attachment; filename=a.txt", Some("a.txt")),
            ("attachment; filename=\"a b;\\\"c.txt\"; x=y", Some("a b;\"c.txt")),
            ("attachment; filename=\"a\"; filename*=UTF-8''b%20%C3%A4", Some("b ä")),
            ("attachment; filename*=latin1''b; FileName = c ", Some("c")),
            ("attachment", None),
            ("attachment; filename=", None),
            ("attachment; filename=\"open", None),
            ("filename=a", None),
            ("", None),
        ] {
            assert_eq!(of(header).as_deref(), name, "{header}");
        }
    }
}
