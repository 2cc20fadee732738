//! `--chmod`: octal, or symbolic as chmod(1) takes it.

use std::str::FromStr;

/// A change of permission bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModeChange {
    /// These bits, `0o7777` at most.
    Octal(u32),
    /// Clauses such as `u=rwX,go=rX`.
    Symbolic(SymbolicMode),
}

/// A parsed symbolic mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolicMode(Vec<Action>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Action {
    /// The bits that `who` lets it touch.
    who: u32,
    operator: Operator,
    bits: Bits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Remove,
    Set,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Bits {
    /// Letters: fixed bits, and `X`, which is execute for directories and what was executable before.
    Fixed { bits: u32, execute_if: bool },
    /// A copy of another class's `rwx`: how far its bits are shifted.
    CopyOf(u32),
}

/// Why some text is not a mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModeError {
    /// Digits that are not octal or above 07777.
    #[error("invalid chmod parameter: '{0}'. it should be octal string and between 0 and 07777")]
    Octal(String),
    /// Neither octal nor symbolic.
    #[error("invalid chmod parameter: '{0}'. it should be octal, or symbolic such as u=rwX,go=rX")]
    Symbolic(String),
}

impl ModeChange {
    /// The permission bits that `mode` becomes.
    pub fn apply(&self, mode: u32, is_dir: bool) -> u32 {
        match self {
            Self::Octal(bits) => bits & 0o7777,
            Self::Symbolic(symbolic) => symbolic.apply(mode, is_dir),
        }
    }
}

impl FromStr for ModeChange {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let octal = text.bytes().all(|b| matches!(b, b'0'..=b'7'));
            let bits = u32::from_str_radix(text, 8).ok().filter(|bits| octal && *bits <= 0o7777);
            return bits.map(Self::Octal).ok_or_else(|| ModeError::Octal(text.to_owned()));
        }
        let mut actions = Vec::new();
        for clause in text.split(',') {
            parse_clause(clause, &mut actions).ok_or_else(|| ModeError::Symbolic(text.to_owned()))?;
        }
        Ok(Self::Symbolic(SymbolicMode(actions)))
    }
}

const READ: u32 = 0o444;
const WRITE: u32 = 0o222;
const EXECUTE: u32 = 0o111;
const SET_IDS: u32 = 0o6000;
const STICKY: u32 = 0o1000;

/// `[ugoa]*` and then one or more of an operator with its letters.
fn parse_clause(clause: &str, actions: &mut Vec<Action>) -> Option<()> {
    let operators = clause.find(['+', '-', '='])?;
    let (classes, mut rest) = clause.split_at(operators);
    let mut who = 0;
    for class in classes.chars() {
        who |= match class {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o0007,
            'a' => 0o6777,
            _ => return None,
        };
    }
    // No class is every class: the umask of a build is not the caller's.
    let others_only = who == 0o7;
    let who = if who == 0 { 0o6777 } else { who };
    while let Some(first) = rest.chars().next() {
        let operator = match first {
            '+' => Operator::Add,
            '-' => Operator::Remove,
            _ => Operator::Set,
        };
        let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |at| at + 1);
        actions.push(parse_action(&rest[1..end], operator, who, others_only)?);
        rest = &rest[end..];
    }
    Some(())
}

fn parse_action(letters: &str, operator: Operator, who: u32, others_only: bool) -> Option<Action> {
    let copied = match letters {
        "u" => Some(6),
        "g" => Some(3),
        "o" => Some(0),
        _ => None,
    };
    if let Some(shift) = copied {
        return Some(Action { who, operator, bits: Bits::CopyOf(shift) });
    }
    let (mut bits, mut execute_if, mut who) = (0, false, who);
    for letter in letters.chars() {
        match letter {
            'r' => bits |= READ,
            'w' => bits |= WRITE,
            'x' => bits |= EXECUTE,
            'X' => execute_if = true,
            's' if others_only => {}
            's' => bits |= SET_IDS,
            't' if others_only => {}
            't' => {
                who |= STICKY;
                bits |= STICKY;
            }
            _ => return None,
        }
    }
    Some(Action { who, operator, bits: Bits::Fixed { bits, execute_if } })
}

impl SymbolicMode {
    fn apply(&self, before: u32, is_dir: bool) -> u32 {
        self.0.iter().fold(before & 0o7777, |mode, action| {
            let bits = match action.bits {
                Bits::Fixed { bits, execute_if } if execute_if && (is_dir || before & EXECUTE != 0) => {
                    bits | EXECUTE
                }
                Bits::Fixed { bits, .. } => bits,
                Bits::CopyOf(shift) => (mode >> shift & 0o7) * 0o111,
            };
            match action.operator {
                Operator::Add => mode | (bits & action.who),
                Operator::Remove => mode & !(bits & action.who),
                Operator::Set => (mode & !action.who) | (bits & action.who),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_applied_as_chmod_does() {
        for (text, before, is_dir, after) in [
            ("0755", 0o600, false, 0o755),
            ("4755", 0o600, true, 0o4755),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("go-w", 0o666, false, 0o644),
            ("+x", 0o644, false, 0o755),
            ("a+rw", 0o111, false, 0o777),
            ("go=u-w", 0o750, false, 0o755),
            ("u=", 0o4755, false, 0o055),
            ("ug+s,+t", 0o755, true, 0o7755),
            ("o+s", 0o755, false, 0o755),
            ("o=g", 0o750, false, 0o755),
            ("g+X", 0o644, false, 0o644),
            ("=rw,+X", 0o755, false, 0o777),
        ] {
            let change: ModeChange = text.parse().unwrap();
            assert_eq!(change.apply(before, is_dir), after, "{text} on {before:o}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for bad in ["8", "10000", "07z", "", "u", "x=r", "u=q", "u=rw,", "ugo", "99999999999999", "u+ü"] {
            assert!(bad.parse::<ModeChange>().is_err(), "{bad}");
        }
        let message = "9".parse::<ModeChange>().unwrap_err().to_string();
        assert_eq!(
            message,
            "invalid chmod parameter: '9'. it should be octal string and between 0 and 07777"
        );
    }
}
