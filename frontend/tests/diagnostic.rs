//! How diagnostics are shown, beyond what the fixtures of the parser show.

use cooperage_frontend::ast::Span;
use cooperage_frontend::diagnostic::{Diagnostic, Severity, did_you_mean, line_of, render};

fn at(start: usize, end: usize) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        rule: None,
        message: "message".to_owned(),
        span: Span { start, end },
        whole: Span { start, end },
        label: "label".to_owned(),
        help: None,
    }
}

#[test]
fn the_nearest_word_is_suggested_if_it_is_near() {
    let words = ["mount", "network", "security", "device"];
    for (word, meant) in [
        ("mont", Some("mount")),
        ("nework", Some("network")),
        ("nteworks", Some("network")),
        ("devcie", Some("device")),
        ("mount", None),
        ("x", None),
        ("platform", None),
    ] {
        assert_eq!(did_you_mean(word, words), meant, "{word}");
    }
    assert_eq!(did_you_mean("ab", ["xy", "ax", "a"]), Some("ax"));
    assert_eq!(did_you_mean(&"a".repeat(1 << 20), ["a"]), None);
}

#[test]
fn lines_count_from_one() {
    let text = b"a\nbc\n";
    let lines: Vec<_> = (0..8).map(|offset| line_of(text, offset)).collect();
    assert_eq!(lines, [1, 1, 2, 2, 2, 3, 3, 3]);
}

#[test]
fn two_diagnostics_have_a_blank_line_between_them() {
    let shown = render(&[at(0, 1), at(2, 3)], "some/Dockerfile", b"a\nb\n");
    let expected = "\
error: message
 --> some/Dockerfile:1:1
  |
1 | a
  | ^ label

error: message
 --> some/Dockerfile:2:1
  |
2 | b
  | ^ label
";
    assert_eq!(shown, expected);
}

#[test]
fn the_place_in_a_long_line_is_shown() {
    let text = format!("RUN {} here {}", "x".repeat(300), "y".repeat(300));
    let start = text.find("here").expect("it is there");
    let shown = render(&[at(start, start + 4)], "Dockerfile", text.as_bytes());
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[1], " --> Dockerfile:1:306");
    assert!(lines[3].starts_with("1 | ...xxxxxxxxxxxxxxxxxxx here yyyy") && lines[3].ends_with("yyy..."));
    assert_eq!(lines[3].find("here"), lines[4].find("^^^^ label"));
}

#[test]
fn a_span_beyond_the_text_is_its_end() {
    for (start, end) in [(9, 12), (3, 1), (usize::MAX, usize::MAX)] {
        assert!(render(&[at(start, end)], "Dockerfile", b"ab").contains("1 | ab\n"));
    }
    assert!(render(&[at(0, 0)], "Dockerfile", b"").contains("Dockerfile:1:1"));
}

#[test]
fn a_span_of_several_lines_is_marked_on_each() {
    let text = format!("ab\n  {}\ncd\nef\n", "x".repeat(2000));
    let shown = render(&[at(1, 2008), at(3, 4)], "Dockerfile", text.as_bytes());
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(&lines[3..5], ["1 | ab", "  |  ^"]);
    assert_eq!(lines[5], format!("2 |   {}...", "x".repeat(158)));
    assert_eq!(lines[6], format!("  |   {}", "^".repeat(158)));
    assert_eq!(&lines[7..9], ["3 | cd", "  | ^^ label"]);
    assert_eq!(lines[11], " --> Dockerfile:2:1");
}

/// The end of a span may be behind the line ending, and diagnostics may come in any order.
#[test]
fn places_are_found_in_any_order() {
    let shown = render(&[at(2, 4), at(0, 2), at(3, 3)], "Dockerfile", b"a\nb\nc");
    let places: Vec<_> = shown.lines().filter(|line| line.contains("-->") || line.contains(" | ")).collect();
    assert_eq!(
        places.concat().replace(' ', ""),
        "-->Dockerfile:2:12|b|^label-->Dockerfile:1:11|a|^label-->Dockerfile:2:22|b|^label"
    );
}
