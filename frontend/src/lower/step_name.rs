//! Names of steps as progress shows them: `[build 2/5] RUN make` (cli.md, section 5).

use super::stage::Stage;
use crate::ast::Kind;
use crate::expand::Variables;

/// No more is put in for variables when a name is as long as this.
const LONG_NAME_BYTES: usize = 16 << 10;

/// Numbers the steps of a stage.
#[derive(Debug, Clone)]
pub(super) struct StepNumbers {
    /// Before the number; absent in a file of one stage.
    stage: Option<String>,
    total: usize,
    next: usize,
}

impl StepNumbers {
    /// `with_base` if the base is an image that is pulled, which is a step of its own.
    pub(super) fn new(stage: &Stage<'_>, only_stage: bool, with_base: bool) -> Self {
        let is_step =
            |kind: &Kind| matches!(kind, Kind::Add(_) | Kind::Copy(_) | Kind::Run(_) | Kind::Workdir(_));
        let steps = stage.steps.iter().filter(|step| is_step(&step.instruction.kind)).count();
        let stage = (!only_stage).then(|| stage.display());
        Self { stage, total: steps + usize::from(with_base), next: 1 }
    }

    /// The prefix of the next step. A step that does nothing has its number too.
    pub(super) fn next(&mut self, is_trigger: bool) -> String {
        let width = self.total.to_string().len();
        let stage = self.stage.as_ref().map(|stage| format!("{stage} ")).unwrap_or_default();
        let number = self.next;
        self.next += 1;
        let trigger = if is_trigger { "ONBUILD " } else { "" };
        format!("[{stage}{number:>width$}/{}] {trigger}", self.total)
    }
}

/// An instruction as progress shows it: keyword in capitals, variables that are set replaced. `masked`
/// are names whose values are secret.
pub(super) fn instruction(original: &str, variables: &dyn Variables, masked: &[String]) -> String {
    let (keyword, rest) = match original.find(char::is_whitespace) {
        Some(end) => original.split_at(end),
        None => (original, ""),
    };
    let shown = substituted(rest, &|name| {
        if masked.iter().any(|masked| masked == name) {
            return Some("****");
        }
        variables.get(name)
    });
    format!("{} {}", keyword.to_uppercase(), shown.trim())
}

/// `text` with `$name` and `${name}` replaced where `value` knows them, except in single quotes and after
/// a backslash. All else stays as it is written.
///
/// A name is for reading: once it is long, the rest of it stays as it is written too.
fn substituted<'v>(text: &str, value: &dyn Fn(&str) -> Option<&'v str>) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut quoted = false;
    while out.len() < LONG_NAME_BYTES
        && let Some(at) = rest.find(['$', '\'', '"', '\\'])
    {
        out.push_str(&rest[..at]);
        let (special, after) = (&rest[at..=at], &rest[at + 1..]);
        let mut taken = 0;
        match special {
            "\\" => taken = after.chars().next().map_or(0, char::len_utf8),
            "'" if !quoted => taken = after.find('\'').map_or(after.len(), |end| end + 1),
            "\"" => quoted = !quoted,
            "$" => {
                let known = variable(after).and_then(|(name, n)| Some((value(name)?, n)));
                if let Some((known, length)) = known.filter(|(known, _)| known.len() < LONG_NAME_BYTES) {
                    out.push_str(known);
                    rest = &after[length..];
                    continue;
                }
            }
            _ => {}
        }
        out.push_str(special);
        out.push_str(&after[..taken]);
        rest = &after[taken..];
    }
    out + rest
}

/// The name at the start of what follows a `$`, and how many bytes it takes.
fn variable(after: &str) -> Option<(&str, usize)> {
    let name_end =
        |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    if let Some(inner) = after.strip_prefix('{') {
        let end = name_end(inner);
        return inner[end..].starts_with('}').then(|| (&inner[..end], end + 2));
    }
    let end = name_end(after);
    (end > 0).then(|| (&after[..end], end))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn only_what_is_known_is_replaced() {
        let variables = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        for (original, expected) in [
            ("run echo $A ${A} $B ${A:-x}", "RUN echo 1 1 $B ${A:-x}"),
            (r#"RUN echo '$A' "it's $A" \$A"#, r#"RUN echo '$A' "it's 1" \$A"#),
            ("RUN echo $", "RUN echo $"),
            ("RUN echo 'unterminated $A", "RUN echo 'unterminated $A"),
            ("RUN echo $S é\\", "RUN echo **** é\\"),
        ] {
            assert_eq!(instruction(original, &variables, &["S".to_owned()]), expected);
        }
    }
}
