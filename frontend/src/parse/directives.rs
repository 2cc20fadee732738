//! Directives: `# key=value` lines at the very top (dockerfile reference, section 1, "Directives").

use super::lines::{Line, Lines};
use super::report::Report;
use crate::ast::{Directives, Span, Spanned};

/// Reads the directives and leaves `lines` at the first line that is none.
pub(super) fn read(lines: &mut Lines<'_>, report: &mut Report) -> Directives {
    let mut directives = Directives::default();
    loop {
        let mut ahead = lines.clone();
        let Some(directive) = ahead.next().and_then(|line| directive(&line, "#")) else { return directives };
        *lines = ahead;
        let Directive { key, value, line } = directive;
        let seen = match key {
            Key::Syntax => directives.syntax.replace(value).is_some(),
            Key::Check => directives.check.replace(value).is_some(),
            Key::Escape => {
                let seen = directives.escape.is_some();
                directives.escape = escape(value, report).or(directives.escape);
                seen
            }
        };
        if seen {
            let message = format!("only one {} parser directive can be used", key.name());
            report.error_with_help(message, line, "the second one", "remove one of them".to_owned());
        }
    }
}

/// The frontend that a file asks for, in any of the forms in which it can be asked for: besides the
/// directive, after a first line `#!...`, as a comment `// syntax=...`, or as the string `syntax` of a
/// file that is one JSON object. The value is the whole command line, its first word the image.
///
/// The place is that of the value, or of the whole file for JSON.
pub fn detect_syntax(text: &[u8]) -> Option<Spanned<String>> {
    let text = String::from_utf8_lossy(text);
    let text = text.as_ref();
    let mut lines = Lines::new(text);
    lines.skip_bytes(super::byte_order_mark(text));
    if text[lines.offset()..].starts_with("#!") {
        lines.next();
    }
    for comment in ["#", "//"] {
        let directives = lines.clone().map_while(|line| directive(&line, comment));
        if let Some(found) = directives.into_iter().find(|it| it.key == Key::Syntax) {
            return Some(found.value);
        }
    }
    let rest = &text[lines.offset()..];
    if !rest.trim_start().starts_with('{') {
        return None;
    }
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(rest).ok()?;
    let value = object.get("syntax")?.as_str()?.to_owned();
    Some(Spanned { value, span: Span { start: lines.offset(), end: text.len() } })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Syntax,
    Escape,
    Check,
}

impl Key {
    fn name(self) -> &'static str {
        match self {
            Key::Syntax => "syntax",
            Key::Escape => "escape",
            Key::Check => "check",
        }
    }
}

struct Directive {
    key: Key,
    value: Spanned<String>,
    line: Span,
}

/// Reads a line as `<comment> key = value`; nothing if it is not that, or the key is not known.
fn directive(line: &Line<'_>, comment: &str) -> Option<Directive> {
    let text = line.text.trim_start().strip_prefix(comment)?;
    let (key, value) = text.split_once('=')?;
    let key = key.trim_start().trim_end_matches(is_blank).to_ascii_lowercase();
    let key = [Key::Syntax, Key::Escape, Key::Check].into_iter().find(|known| known.name() == key)?;
    let value = value.trim_start_matches(is_blank);
    let start = line.range().end - value.len();
    let value = value.trim_end_matches(is_blank);
    if value.is_empty() {
        return None;
    }
    let span = Span { start, end: start + value.len() };
    let line = Span { start: line.start + line.text.len() - line.text.trim_start().len(), end: span.end };
    Some(Directive { key, value: Spanned { value: value.to_owned(), span }, line })
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\u{c}')
}

fn escape(value: Spanned<String>, report: &mut Report) -> Option<Spanned<char>> {
    match value.value.as_str() {
        "\\" => Some(Spanned { value: '\\', span: value.span }),
        "`" => Some(Spanned { value: '`', span: value.span }),
        other => {
            let message = format!("invalid escape token '{other}' does not match ` or \\");
            let help = "a backslash, or a backtick for paths of Windows".to_owned();
            report.error_with_help(message, value.span, "expected ` or \\", help);
            None
        }
    }
}
