//! Sizes and columns, for people.

/// `12.3MB`: decimal units, as Docker prints them.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes}B") } else { format!("{value:.1}{}", UNITS[unit]) }
}

/// Reads `10GB`, `512mb`, `1024`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match lower[digits.len()..].trim_end_matches('b') {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        _ => return Err(format!("{text:?} is not a size: expected for example 500MB or 10GB")),
    };
    let number: f64 =
        digits.parse().map_err(|_| format!("{text:?} is not a size: expected for example 10GB"))?;
    let bytes = number * factor;
    if !(0.0..=u64::MAX as f64).contains(&bytes) {
        return Err(format!("{text:?} is out of range"));
    }
    Ok(bytes as u64)
}

/// Rows as left-aligned columns, two blanks between; no blanks at the end of a line.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, text) in
            [(0, "0B"), (999, "999B"), (1000, "1.0kB"), (999_999, "1.0MB"), (12_345_678, "12.3MB")]
        {
            assert_eq!(size(bytes), text);
        }
        for (text, bytes) in [("0", 0), ("10GB", 10_000_000_000), ("1.5k", 1500), ("7b", 7)] {
            assert_eq!(parse_size(text), Ok(bytes));
        }
        for bad in ["", "x", "1x", "-1", "1e999g", "kb"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
