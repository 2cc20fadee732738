//! The crate `dockerfile-parser`: FROM, ARG, LABEL, ENV, COPY, RUN, CMD and ENTRYPOINT; of the others the
//! keyword and the line. It takes quotes off, so texts are compared as they stand in the file.

use cooperage_frontend::ast::{Command, Instruction, Kind, Source};
use dockerfile_parser as theirs;
use theirs::{ShellOrExecExpr, Span};

use super::reading::{self, Node, Oracle, exec, flags, pairs, rest};

pub(crate) const ORACLE: Oracle = Oracle { name: "dockerfile-parser", read, ours };

fn read(text: &str) -> Result<Vec<Node>, String> {
    let file = theirs::Dockerfile::parse(text).map_err(|error| error.to_string())?;
    Ok(file.instructions.iter().map(|instruction| node(instruction, text)).collect())
}

fn node(instruction: &theirs::Instruction, file: &str) -> Node {
    use theirs::Instruction as I;
    let written = |span: Span| joined(&file[span.start..span.end]);
    let (keyword, said) = match instruction {
        I::From(it) => {
            let flags = it.flags.iter().map(|flag| format!("flag {}={}", flag.name, flag.value));
            let image = std::iter::once(format!("image {}", it.image));
            let name = it.alias.iter().map(|name| format!("as {name}"));
            ("FROM", flags.chain(image).chain(name).collect())
        }
        I::Arg(it) => {
            ("ARG", vec![pair(&written(it.name.span), it.value.as_ref().map(|it| written(it.span)))])
        }
        I::Label(it) => {
            let said =
                |label: &theirs::Label| pair(&written(label.name.span), Some(written(label.value.span)));
            ("LABEL", it.labels.iter().map(said).collect())
        }
        I::Env(it) => {
            let said = |var: &theirs::EnvVar| pair(&written(var.key.span), Some(written(var.value.span)));
            ("ENV", it.vars.iter().map(said).collect())
        }
        I::Run(it) => ("RUN", expression(&it.expr)),
        I::Cmd(it) => ("CMD", expression(&it.expr)),
        I::Entrypoint(it) => ("ENTRYPOINT", expression(&it.expr)),
        I::Copy(it) => {
            let flags = it.flags.iter().map(|flag| format!("flag {}={}", flag.name, flag.value));
            let sources = it.sources.iter().map(|source| format!("source {}", written(source.span)));
            let dest = format!("dest {}", written(it.destination.span));
            ("COPY", flags.chain(sources).chain([dest]).collect())
        }
        I::Misc(it) => {
            let said = vec![format!("text {}", it.arguments.to_string().trim())];
            (it.instruction.content.as_str(), said)
        }
    };
    Node { at: instruction.span().start, keyword: keyword.to_ascii_uppercase(), said }
}

fn pair(key: &str, value: Option<String>) -> String {
    match value {
        Some(value) => format!("pair {key} = {value}"),
        None => format!("pair {key}"),
    }
}

/// As written, but for the ends of continued lines and comments between them.
fn joined(raw: &str) -> String {
    let mut pieces = raw.split('\n');
    let mut line = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        if piece.trim_start().starts_with('#') || piece.trim().is_empty() {
            continue;
        }
        line.truncate(line.trim_end().strip_suffix('\\').unwrap_or(&line).len());
        line += piece;
    }
    line
}

fn expression(expression: &ShellOrExecExpr) -> Vec<String> {
    match expression {
        ShellOrExecExpr::Exec(words) => exec(words.elements.iter().map(|word| word.content.as_str())),
        ShellOrExecExpr::Shell(line) => vec![format!("shell {}", line.to_string().trim())],
    }
}

fn ours(instruction: &Instruction) -> Vec<String> {
    match &instruction.kind {
        Kind::From(it) => {
            let platform = it.platform.iter().map(|value| format!("flag platform={}", value.value));
            let image = std::iter::once(format!("image {}", it.base.value));
            let name = it.name.iter().map(|name| format!("as {}", name.value));
            platform.chain(image).chain(name).collect()
        }
        kind @ (Kind::Arg(_) | Kind::Env(_) | Kind::Label(_)) => {
            pairs(kind).into_iter().map(|(key, value)| pair(&key, value)).collect()
        }
        // The oracle knows no flags of RUN.
        Kind::Run(it) => match &it.command {
            Command::Exec(words) if it.flags.is_empty() => exec(words.iter().map(String::as_str)),
            _ => vec![format!("shell {}", rest(instruction))],
        },
        Kind::Cmd(it) | Kind::Entrypoint(it) => reading::command(it),
        Kind::Copy(it) => {
            let sources = it.sources.iter().map(|source| match source {
                Source::Path(path) => format!("source {}", path.value),
                Source::Heredoc(heredoc) => format!("source {}", heredoc.opening.value),
            });
            flags(&it.flags).chain(sources).chain([format!("dest {}", it.dest.value)]).collect()
        }
        _ => vec![format!("text {}", rest(instruction))],
    }
}
