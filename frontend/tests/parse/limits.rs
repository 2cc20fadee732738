//! Large and hostile input: parsed or refused, in linear time and bounded memory.
//!
//! Work that were quadratic in any of these sizes would not end within the suite's patience.

use cooperage_frontend::ast::{Command, Kind};
use cooperage_frontend::diagnostic::{Severity, render};
use cooperage_frontend::parse::{Parsed, parse};

fn first_error(parsed: &Parsed) -> &str {
    let error = parsed.diagnostics.iter().find(|it| it.severity == Severity::Error);
    error.map_or("no error", |error| error.message.as_str())
}

#[test]
fn a_million_continuation_lines_are_one_instruction() {
    let text = format!("FROM a\nRUN x{}\n", " \\\n  b".repeat(1_000_000));
    let parsed = parse(text.as_bytes());
    assert_eq!(parsed.diagnostics, []);
    let [_, run] = &parsed.dockerfile.instructions[..] else { panic!("two instructions") };
    let Kind::Run(run) = &run.kind else { panic!("a RUN") };
    let Command::Shell(line) = &run.command else { panic!("shell form") };
    assert_eq!(line.value.len(), 1 + 4_000_000);
    assert_eq!((line.span.start, line.span.end), (11, text.len() - 1));
}

#[test]
fn a_file_over_the_limit_is_refused_unread() {
    let text = vec![b'#'; 100_000_000];
    let parsed = parse(&text);
    assert_eq!(
        first_error(&parsed),
        "dockerfile of 100000000 bytes is greater than max allowed size of 16777216"
    );
}

#[test]
fn a_line_may_have_65535_bytes() {
    let line = |bytes: usize| format!("FROM a\r\n#{}\r\nRUN b", "x".repeat(bytes - 1));
    // The carriage return counts for BuildKit and does not count here.
    assert_eq!(parse(line(65_535).as_bytes()).diagnostics, []);
    let parsed = parse(line(65_536).as_bytes());
    assert_eq!(first_error(&parsed), "dockerfile line greater than max allowed size of 65535");
    assert_eq!(parsed.dockerfile.instructions.len(), 2);
}

#[test]
fn a_tree_over_the_limit_is_refused() {
    let message = "dockerfile has more than 100000 instructions and words";
    for text in [
        format!("FROM a\n{}", "RUN b\n".repeat(120_000)),
        format!("FROM a\n{}", "#c\n".repeat(120_000)),
        format!("FROM a\nEXPOSE {}", "1 \\\n".repeat(120_000)),
        format!("FROM a\nENV {}", "a= \\\n".repeat(120_000)),
        format!("FROM a\nRUN {}x", "--network=none \\\n".repeat(120_000)),
        format!("FROM a\nRUN [{}\"\"]", "\"\",\\\n".repeat(120_000)),
    ] {
        assert_eq!(first_error(&parse(text.as_bytes())), message, "{}", &text[..20]);
    }
}

#[test]
fn errors_are_reported_up_to_a_limit() {
    let parsed = parse("NO such\n".repeat(1_000_000).as_bytes());
    assert_eq!(parsed.diagnostics.len(), 200);
}

/// Showing many errors of one long line looks at the line once.
#[test]
fn errors_of_a_long_line_are_shown_in_linear_time() {
    let text = [b"FROM a\nENV a=1 ".as_slice(), &b"\xc3\xa9 ".repeat(20_000)].concat();
    let parsed = parse(&text);
    assert_eq!(parsed.diagnostics.len(), 200);
    assert!(render(&parsed.diagnostics, "Dockerfile", &text).len() < 200 * 1000);
}

/// Warnings stop nothing: what is built must be the whole file.
#[test]
fn warnings_are_reported_up_to_a_limit_and_the_file_is_read_on() {
    let parsed = parse("FROM a \\\n\n  AS b\n".repeat(1000).as_bytes());
    assert_eq!((parsed.diagnostics.len(), parsed.dockerfile.instructions.len()), (200, 1000));
}

#[test]
fn hostile_nesting_is_refused_or_text() {
    let substitution = format!("FROM a\nRUN <<E {}\nx\nE\n", "${a:-\\\n".repeat(100_000));
    assert_eq!(first_error(&parse(substitution.as_bytes())), "substitutions are nested more than 100 deep");
    let json = format!("FROM a\nRUN {}[", "[\\\n".repeat(1_000_000));
    assert_eq!(parse(json.as_bytes()).diagnostics, []);
}

#[test]
fn unterminated_heredocs_are_looked_for_once() {
    let text = format!("FROM a\n{}", "RUM <<E\n".repeat(500_000));
    assert_eq!(first_error(&parse(text.as_bytes())), "unknown instruction: RUM");
    let text = format!("FROM a\nRUN {}\n", "<<E \\\n".repeat(50_000));
    assert_eq!(first_error(&parse(text.as_bytes())), "unterminated heredoc");
}

/// Each heredoc of one name has the body of the last, which must not multiply without bound.
#[test]
fn bodies_of_one_name_are_bounded_together() {
    let copy = |times: usize| {
        format!(
            "FROM a\nCOPY {}/d\n{}{}A\n",
            "<<A ".repeat(times),
            "A\n".repeat(times - 1),
            "x\n".repeat(1 << 20)
        )
    };
    assert_eq!(parse(copy(8).as_bytes()).diagnostics, []);
    assert_eq!(first_error(&parse(copy(9).as_bytes())), "heredocs of one name are too long together");
}
