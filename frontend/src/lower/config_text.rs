//! Texts of the image history in the form that Go's `fmt` gives them, which tools compare.

use std::fmt::Write;

/// `["a" "b"]`: a list of strings with `%q`.
pub(super) fn quoted_list(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", quoted.join(" "))
}

/// `[a b]`: a list of strings with `%v`.
pub(super) fn plain_list(words: &[String]) -> String {
    format!("[{}]", words.join(" "))
}

/// A Go string literal.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            c => push_printable(&mut out, c),
        }
    }
    out.push('"');
    out
}

fn push_printable(out: &mut String, c: char) {
    let code = u32::from(c);
    let printable = c == '\'' || c.escape_debug().len() == 1;
    let written = match code {
        _ if printable => {
            out.push(c);
            Ok(())
        }
        0..0x80 => write!(out, "\\x{code:02x}"),
        0x80..0x10000 => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
    written.expect("writing to a string does not fail");
}

/// `1h2m3.5s`: Go's text of a duration.
pub(super) fn duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
    if ns == 0 {
        return "0s".to_owned();
    }
    if seconds == 0 {
        let (unit, size) = match ns {
            0..1_000 => ("ns", 1),
            1_000..1_000_000 => ("µs", 1_000),
            _ => ("ms", 1_000_000),
        };
        return format!("{sign}{}{unit}", decimal(ns / size, ns % size, size));
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let mut out = sign.to_owned();
    if hours > 0 {
        out.push_str(&format!("{hours}h"));
    }
    if hours > 0 || minutes > 0 {
        out.push_str(&format!("{minutes}m"));
    }
    out + &decimal(seconds % 60, rest, 1_000_000_000) + "s"
}

/// `whole` and `part / size`, without zeros at the end; `size` is a power of ten.
fn decimal(whole: u64, part: u64, size: u64) -> String {
    if part == 0 {
        return whole.to_string();
    }
    let width = size.ilog10() as usize;
    let digits = format!("{part:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// Reads a Go duration, `1h30m` or `1.5s`, in nanoseconds; `None` if it is none.
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        total = total.checked_add(scaled(number, unit_ns(unit)?)?)?;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

fn unit_ns(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && part.is_empty()) || part.contains('.') {
        return None;
    }
    // A nanosecond is the smallest unit: of an hour, digits after the thirteenth are below it.
    let part = &part[..part.len().min(13)];
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<i128>().ok() };
    let fraction = digits(part)?.checked_mul(unit)? / 10_i128.pow(u32::try_from(part.len()).ok()?);
    digits(whole)?.checked_mul(unit)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_as_go_quotes_them() {
        for (text, expected) in [
            ("a\"b\\", r#""a\"b\\""#),
            ("it's", "\"it's\""),
            ("\n\t\x00\x7f", r#""\n\t\x00\x7f""#),
            ("é日\u{200b}\u{e000}", "\"é日\\u200b\\ue000\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn durations_as_go_writes_them() {
        for (text, ns, written) in [
            ("30s", 30_000_000_000, "30s"),
            ("1m30s", 90_000_000_000, "1m30s"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            ("1500ms", 1_500_000_000, "1.5s"),
            ("1.5ms", 1_500_000, "1.5ms"),
            ("2us", 2_000, "2µs"),
            ("-1s", -1_000_000_000, "-1s"),
            ("0", 0, "0s"),
            (".5s", 500_000_000, "500ms"),
        ] {
            assert_eq!(parse_duration(text), Some(ns), "{text}");
            assert_eq!(duration(ns), written);
        }
        for bad in ["", "1", "s", "1x", "1.2.3s", "-", ".s", "9999999999h", "1 s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
