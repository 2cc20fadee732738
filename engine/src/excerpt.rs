//! Some lines of a text with those around them, as BuildKit shows a place (buildkit:
//! solver/errdefs/source.go).

use std::ops::RangeInclusive;

/// Lines shown before and after one line.
const AROUND_ONE: usize = 2;
/// The same for several lines.
const AROUND_SEVERAL: usize = 1;

/// The lines `marked`, from 1, of `text`, which is called `name`; `None` if it has no such line.
pub(crate) fn excerpt(name: &str, text: &[u8], marked: RangeInclusive<usize>) -> Option<String> {
    let (first, last) = (*marked.start(), *marked.end());
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().collect();
    if first == 0 || first > lines.len() {
        return None;
    }
    let around = if first == last { AROUND_ONE } else { AROUND_SEVERAL };
    let from = first.saturating_sub(around + 1);
    let to = (last + around).min(lines.len());
    let mut out = format!("{name}:{first}\n--------------------\n");
    for (index, line) in lines.iter().enumerate().take(to).skip(from) {
        let number = index + 1;
        let mark = if marked.contains(&number) { ">>>" } else { "   " };
        out.push_str(format!("{number:4} | {mark} {line}").trim_end());
        out.push('\n');
    }
    out.push_str("--------------------\n");
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_around() {
        let text = b"one\ntwo\n\nfour\nfive\nsix\n";
        let of = |marked| excerpt("File", text, marked);
        let four = "File:4\n--------------------\n   2 |     two\n   3 |\n   4 | >>> four\n   5 |     five\n   6 |     six\n--------------------\n";
        assert_eq!(of(4..=4).as_deref(), Some(four));
        let two =
            "File:1\n--------------------\n   1 | >>> one\n   2 | >>> two\n   3 |\n--------------------\n";
        assert_eq!(of(1..=2).as_deref(), Some(two));
        assert_eq!((of(7..=7), of(0..=1)), (None, None));
        assert!(of(6..=9).is_some_and(|text| text.contains("6 | >>> six")));
    }
}
