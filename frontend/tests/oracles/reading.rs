//! What a parser says of an instruction, in words that two parsers can be compared by.

use cooperage_frontend::ast::{Command, Dockerfile, Flag, Instruction, Kind};

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Where its keyword starts in the file.
    pub(crate) at: usize,
    /// The keyword in capitals.
    pub(crate) keyword: String,
    /// Its arguments in order, each with its role: `flag from=a`, `source x`, `dest /`.
    pub(crate) said: Vec<String>,
}

/// A parser of others.
pub(crate) struct Oracle {
    pub(crate) name: &'static str,
    /// Its instructions, or why it refuses the file.
    pub(crate) read: fn(&str) -> Result<Vec<Node>, String>,
    /// What it would say of our node, as far as it models it.
    pub(crate) ours: fn(&Instruction) -> Vec<String>,
}

/// Our instructions in an oracle's words.
pub(crate) fn ours(dockerfile: &Dockerfile, oracle: &Oracle) -> Vec<Node> {
    let node = |instruction: &Instruction| Node {
        at: instruction.keyword.span.start,
        keyword: instruction.keyword.value.to_ascii_uppercase(),
        said: (oracle.ours)(instruction),
    };
    dockerfile.instructions.iter().map(node).collect()
}

/// All that follows the keyword, on one line.
pub(crate) fn rest(instruction: &Instruction) -> &str {
    instruction.original.get(instruction.keyword.value.len()..).unwrap_or_default().trim()
}

pub(crate) fn flags<'a>(flags: &'a [Flag]) -> impl Iterator<Item = String> + 'a {
    flags.iter().map(|flag| match &flag.value {
        Some(value) => format!("flag {}={value}", flag.name),
        None => format!("flag {}", flag.name),
    })
}

pub(crate) fn command(command: &Command) -> Vec<String> {
    match command {
        Command::Exec(words) => exec(words.iter().map(String::as_str)),
        Command::Shell(line) => vec![format!("shell {}", line.value)],
    }
}

/// A JSON array.
pub(crate) fn exec<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut said = vec!["exec".to_owned()];
    said.extend(words.map(|word| format!("word {word}")));
    said
}

/// `key=value` pairs as they were written; `KEY rest` in the old form.
pub(crate) fn pairs(kind: &Kind) -> Vec<(String, Option<String>)> {
    match kind {
        Kind::Arg(args) => {
            args.iter().map(|arg| (arg.value.name.clone(), arg.value.default.clone())).collect()
        }
        Kind::Env(pairs) | Kind::Label(pairs) => {
            let pair = |pair: &cooperage_frontend::ast::Pair| {
                (pair.key.value.clone(), Some(pair.value.value.clone()))
            };
            pairs.pairs.iter().map(pair).collect()
        }
        _ => Vec::new(),
    }
}
