//! The crate `parse-dockerfile`: all instructions; the words of ARG, ENV and LABEL are not cut, a shell
//! line keeps its continuations, and a heredoc is seen only where it begins the arguments.

use cooperage_frontend::ast::{Command, Healthcheck, Instruction, Kind, Run, Source, Transfer};
use parse_dockerfile as theirs;

use super::reading::{self, Node, Oracle, exec, flags, pairs};

pub(crate) const ORACLE: Oracle = Oracle { name: "parse-dockerfile", read, ours };

fn read(text: &str) -> Result<Vec<Node>, String> {
    let file = theirs::parse(text).map_err(|error| error.to_string())?;
    let escape = file.parser_directives.escape.as_ref().map_or('\\', |escape| escape.value.value);
    let mut nodes: Vec<Node> = file.instructions.iter().map(|it| node(it, escape)).collect();
    // Its places count from after a byte order mark.
    let mark = text.len() - text.trim_start_matches('\u{feff}').len();
    nodes.iter_mut().for_each(|node| node.at += mark);
    Ok(nodes)
}

fn node(instruction: &theirs::Instruction<'_>, escape: char) -> Node {
    use theirs::Instruction as I;
    let (keyword, name, said) = match instruction {
        I::Add(it) => (&it.add, "ADD", transfer(&it.options, &it.src, &it.dest)),
        I::Copy(it) => (&it.copy, "COPY", transfer(&it.options, &it.src, &it.dest)),
        I::Arg(it) => (&it.arg, "ARG", vec![words("pairs", &it.arguments.value)]),
        I::Env(it) => (&it.env, "ENV", vec![words("pairs", &it.arguments.value)]),
        I::Label(it) => (&it.label, "LABEL", vec![words("pairs", &it.arguments.value)]),
        I::Cmd(it) => (&it.cmd, "CMD", command(&it.arguments, escape)),
        I::Entrypoint(it) => (&it.entrypoint, "ENTRYPOINT", command(&it.arguments, escape)),
        I::Expose(it) => (&it.expose, "EXPOSE", list("port", &it.arguments)),
        I::From(it) => (&it.from, "FROM", from(it)),
        I::Healthcheck(it) => (&it.healthcheck, "HEALTHCHECK", healthcheck(it, escape)),
        I::Maintainer(it) => (&it.maintainer, "MAINTAINER", text(&it.name.value)),
        I::Onbuild(it) => (&it.onbuild, "ONBUILD", trigger(&it.instruction, escape)),
        I::Run(it) => (&it.run, "RUN", run(it, escape)),
        I::Shell(it) => (&it.shell, "SHELL", exec(it.arguments.iter().map(|word| &*word.value))),
        I::Stopsignal(it) => (&it.stopsignal, "STOPSIGNAL", text(&it.arguments.value)),
        I::User(it) => (&it.user, "USER", text(&it.arguments.value)),
        I::Volume(it) => (&it.volume, "VOLUME", volume(&it.arguments)),
        I::Workdir(it) => (&it.workdir, "WORKDIR", text(&it.arguments.value)),
        other => panic!("an instruction that is new: {other:?}"),
    };
    Node { at: keyword.span.start, keyword: name.to_owned(), said }
}

fn text(value: &str) -> Vec<String> {
    vec![format!("text {value}")]
}

/// Pairs on one line, each run of blanks one blank.
fn words(role: &str, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    format!("{role} {}", words.join(" "))
}

fn list(role: &str, words: &[theirs::UnescapedString<'_>]) -> Vec<String> {
    words.iter().map(|word| format!("{role} {}", word.value)).collect()
}

fn options<'a>(options: &'a [theirs::Flag<'a>]) -> impl Iterator<Item = String> + 'a {
    options.iter().map(|flag| match &flag.value {
        Some(value) => format!("flag {}={}", flag.name.value, value.value),
        None => format!("flag {}", flag.name.value),
    })
}

fn transfer(
    flags: &[theirs::Flag<'_>],
    sources: &[theirs::Source<'_>],
    dest: &theirs::UnescapedString<'_>,
) -> Vec<String> {
    let mut said: Vec<String> = options(flags).collect();
    said.extend(sources.iter().map(|source| match source {
        theirs::Source::Path(path) => format!("source {}", path.value),
        theirs::Source::HereDoc(heredoc) => format!("heredoc {} {}", heredoc.expand, heredoc.value),
        other => panic!("a source that is new: {other:?}"),
    }));
    said.push(format!("dest {}", dest.value));
    said
}

fn from(it: &theirs::FromInstruction<'_>) -> Vec<String> {
    let mut said: Vec<String> = options(&it.options).collect();
    said.push(format!("image {}", it.image.value));
    said.extend(it.as_.iter().map(|(_, name)| format!("as {}", name.value)));
    said
}

fn command(command: &theirs::Command<'_>, escape: char) -> Vec<String> {
    match command {
        theirs::Command::Exec(words) => exec(words.value.iter().map(|word| &*word.value)),
        theirs::Command::Shell(line) => vec![format!("shell {}", joined(line.value, escape))],
        other => panic!("a command that is new: {other:?}"),
    }
}

/// Continuation lines joined as the language says; the oracle leaves that to its caller.
fn joined(raw: &str, escape: char) -> String {
    let mut line = String::new();
    for (number, piece) in raw.split('\n').enumerate() {
        let blank = piece.trim().is_empty();
        if number > 0 && (blank || piece.trim_start().starts_with('#')) {
            continue;
        }
        let end = piece.trim_end_matches('\r');
        line += end.trim_end_matches([' ', '\t']).strip_suffix(escape).unwrap_or(end);
    }
    line.trim().to_owned()
}

fn healthcheck(it: &theirs::HealthcheckInstruction<'_>, escape: char) -> Vec<String> {
    let mut said: Vec<String> = options(&it.options).collect();
    match &it.arguments {
        theirs::HealthcheckArguments::Cmd { arguments, .. } => said.extend(command(arguments, escape)),
        theirs::HealthcheckArguments::None { .. } => said.push("none".to_owned()),
        other => panic!("a health check that is new: {other:?}"),
    }
    said
}

fn run(it: &theirs::RunInstruction<'_>, escape: char) -> Vec<String> {
    let mut said: Vec<String> = options(&it.options).collect();
    said.extend(command(&it.arguments, escape));
    said.extend(it.here_docs.iter().map(|heredoc| format!("heredoc {} {}", heredoc.expand, heredoc.value)));
    said
}

fn volume(paths: &theirs::JsonOrStringArray<'_, 1>) -> Vec<String> {
    match paths {
        theirs::JsonOrStringArray::Json(paths) => list("path", &paths.value),
        theirs::JsonOrStringArray::String(paths) => list("path", paths),
    }
}

fn trigger(instruction: &theirs::Instruction<'_>, escape: char) -> Vec<String> {
    let Node { keyword, said, .. } = node(instruction, escape);
    std::iter::once(format!("trigger {keyword}")).chain(said).collect()
}

fn ours(instruction: &Instruction) -> Vec<String> {
    match &instruction.kind {
        Kind::From(it) => {
            let platform = it.platform.iter().map(|value| format!("flag platform={}", value.value));
            let image = std::iter::once(format!("image {}", it.base.value));
            let name = it.name.iter().map(|name| format!("as {}", name.value));
            platform.chain(image).chain(name).collect()
        }
        kind @ (Kind::Arg(_) | Kind::Env(_) | Kind::Label(_)) => vec![our_pairs(kind)],
        Kind::Run(it) => our_run(it),
        Kind::Copy(it) | Kind::Add(it) => our_transfer(it),
        Kind::Workdir(it) | Kind::User(it) | Kind::StopSignal(it) | Kind::Maintainer(it) => text(&it.value),
        Kind::Expose(ports) => ports.iter().map(|port| format!("port {}", port.value)).collect(),
        Kind::Volume(paths) => paths.iter().map(|path| format!("path {}", path.value)).collect(),
        Kind::Cmd(it) | Kind::Entrypoint(it) => reading::command(it),
        Kind::Healthcheck(Healthcheck::None) => vec!["none".to_owned()],
        Kind::Healthcheck(Healthcheck::Cmd { flags: options, command }) => {
            flags(options).chain(reading::command(command)).collect()
        }
        Kind::Shell(words) => exec(words.iter().map(String::as_str)),
        Kind::OnBuild(it) => match &it.instruction {
            Some(trigger) => {
                let keyword = trigger.keyword.value.to_ascii_uppercase();
                std::iter::once(format!("trigger {keyword}")).chain(ours(trigger)).collect()
            }
            None => vec!["trigger that is wrong".to_owned()],
        },
    }
}

fn our_pairs(kind: &Kind) -> String {
    let old = matches!(kind, Kind::Env(pairs) | Kind::Label(pairs) if pairs.legacy);
    let between = if old { " " } else { "=" };
    let pair = |(key, value): (String, Option<String>)| match value {
        Some(value) => format!("{key}{between}{value}"),
        None => key,
    };
    let pairs: Vec<String> = pairs(kind).into_iter().map(pair).collect();
    words("pairs", &pairs.join(" "))
}

fn our_run(it: &Run) -> Vec<String> {
    let mut said: Vec<String> = flags(&it.flags).collect();
    match (&it.command, it.heredocs.first()) {
        (Command::Shell(line), Some(first)) => {
            // The oracle takes the word that opens it off the line.
            let line = line.value.strip_prefix(&first.opening.value).unwrap_or(&line.value);
            said.push(format!("shell {}", line.trim()));
        }
        (command, _) => said.extend(reading::command(command)),
    }
    said.extend(it.heredocs.iter().map(our_heredoc));
    said
}

fn our_transfer(it: &Transfer) -> Vec<String> {
    let mut said: Vec<String> = flags(&it.flags).collect();
    said.extend(it.sources.iter().map(|source| match source {
        Source::Path(path) => format!("source {}", path.value),
        Source::Heredoc(heredoc) => our_heredoc(heredoc),
    }));
    said.push(format!("dest {}", it.dest.value));
    said
}

fn our_heredoc(heredoc: &cooperage_frontend::ast::Heredoc) -> String {
    let line = |line| match heredoc.chomp {
        true => str::trim_start_matches(line, '\t'),
        false => line,
    };
    let body: String = heredoc.body.split_inclusive('\n').map(line).collect();
    format!("heredoc {} {body}", heredoc.expand)
}
