//! Heredocs as files, and the command of a RUN with heredocs (dockerfile reference, section 1, "Heredocs";
//! traps 24 and 25).

use cooperage_llb::definition::{Action, Edge, FileChain, Metadata, Mount, Owner};

use super::work::Work;
use super::{run, slash_path};
use crate::ast::{Command, Heredoc, Run, Spanned};

/// Where a script that names its own interpreter is mounted.
const PIPES: &str = "/dev/pipes/";

/// What a RUN runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) command: Command,
    /// A script that begins with `#!`, mounted and run by its path.
    pub(super) file: Option<ScriptFile>,
    /// First line of a heredoc that is the whole command, for the step's name.
    pub(super) summary: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScriptFile {
    pub(super) name: String,
    pub(super) text: String,
}

/// The command with its heredocs put in: one that stands alone is the script itself; else the line and
/// the bodies are the shell's to read.
pub(super) fn of(run: &Run, windows: bool) -> Script {
    let (Command::Shell(line), Some(first)) = (&run.command, run.heredocs.first()) else {
        return Script { command: run.command.clone(), file: None, summary: None };
    };
    let shell = |value: String| Command::Shell(Spanned { value, span: line.span });
    if run.heredocs.len() > 1 || line.value.trim() != first.opening.value.trim() {
        let mut text = line.value.clone();
        for heredoc in &run.heredocs {
            text.push('\n');
            text.push_str(&heredoc.body);
            text.push_str(&heredoc.name);
        }
        return Script { command: shell(text), file: None, summary: None };
    }
    let text = body(first);
    let summary = Some(summary(&first.body));
    if !windows && text.starts_with("#!") {
        let file = Some(ScriptFile { name: first.name.clone(), text });
        return Script { command: shell(format!("{PIPES}{}", first.name)), file, summary };
    }
    Script { command: shell(text), file: None, summary }
}

/// The body as the file it stands for: `<<-` drops the tabs at the start of each line.
pub(super) fn body(heredoc: &Heredoc) -> String {
    if !heredoc.chomp {
        return heredoc.body.clone();
    }
    heredoc.body.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
}

fn summary(body: &str) -> String {
    let mut lines = body.trim().lines();
    let first = lines.next().unwrap_or_default();
    let more = if lines.next().is_some() { "..." } else { "" };
    format!("{first}{more}")
}

pub(super) fn mount(tree: Edge) -> Mount {
    run::readonly(PIPES, tree, "/")
}

impl Work<'_, '_> {
    /// A tree with a file in it whose text is in the Dockerfile.
    pub(super) fn document(&mut self, name: &str, mode: u32, text: &str, time_ns: Option<i64>) -> Edge {
        let action = Action::MakeFile {
            path: slash_path::absolute("/", name),
            mode,
            data: text.as_bytes().to_vec(),
            owner: Owner::default(),
            time_ns,
        };
        let metadata = Metadata::named("[internal] preparing inline document");
        self.shared.graph.file(FileChain { base: None, actions: vec![action] }, metadata)
    }
}
