//! COPY and ADD (dockerfile reference, section 7).

use cooperage_llb::definition::{Action, Copy, Edge, FileChain, Metadata, Mode, Owner};
use cooperage_llb::pb;

use super::remote::{self, SourceKind};
use super::report::Reported;
use super::stage::Step;
use super::work::{Shared, Work};
use super::{file_mode, script, slash_path, step_name};
use crate::ast::{Flag, Heredoc, Source, Span, Spanned, Transfer};
use crate::expand::expand_heredoc;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Copy,
    Add,
}

/// The flags, expanded.
struct Options {
    verb: Verb,
    chown: String,
    chmod: String,
    owner: Owner,
    mode: Mode,
    link: bool,
    parents: bool,
    exclude: Vec<String>,
    unpack: bool,
}

impl Work<'_, '_> {
    pub(super) fn copy(&mut self, step: &Step<'_>, transfer: &Transfer) -> Result<(), Reported> {
        self.transfer(step, transfer, Verb::Copy)
    }

    pub(super) fn add(&mut self, step: &Step<'_>, transfer: &Transfer) -> Result<(), Reported> {
        self.transfer(step, transfer, Verb::Add)
    }

    fn transfer(&mut self, step: &Step<'_>, transfer: &Transfer, verb: Verb) -> Result<(), Reported> {
        let options = self.options(transfer, verb)?;
        let paths = self.paths(transfer, verb)?;
        let dest_text = self.expand(&transfer.dest)?;
        let dest = slash_path::destination(self.state.cwd(), &dest_text);
        self.use_own_tree();

        let source = step.sources.first().and_then(Option::as_ref);
        let mut actions = Vec::new();
        let from = flag(transfer, "from").map(|flag| flag.span);
        for path in &paths {
            let used = slash_path::absolute("/", &path.value);
            let tree = self.source_tree(source, &used, "copy", from.unwrap_or(path.span))?;
            if source.is_none() {
                self.warn_if_ignored(verb, path);
            }
            actions.push(copy_path(&path.value, tree, &dest, &options));
        }
        let documents = transfer.sources.iter().filter_map(|source| match source {
            Source::Heredoc(heredoc) => Some(heredoc),
            Source::Path(_) => None,
        });
        let mut names = paths.iter().map(|path| path.value.clone()).collect::<Vec<_>>();
        for heredoc in documents {
            actions.push(self.copy_document(heredoc, &dest, &options)?);
            names.push(format!("<<{}", heredoc.name));
        }
        // With --chmod, --link is dropped without a word (trap 1).
        let link = options.link && options.mode == Mode::Keep;
        self.check_owner(&options, transfer, link)?;
        self.place(step, actions, link);
        self.state.record(created_by(&options, &names, &dest_text), true);
        Ok(())
    }

    fn warn_if_ignored(&mut self, verb: Verb, path: &Spanned<String>) {
        let verb = if verb == Verb::Copy { "Copy" } else { "Add" };
        let Shared { ignored, report, .. } = &mut *self.shared;
        ignored.check(verb, &path.value, path.span, report);
    }

    fn options(&mut self, transfer: &Transfer, verb: Verb) -> Result<Options, Reported> {
        let chown = self.flag_value(transfer, "chown")?;
        let chmod = self.flag_value(transfer, "chmod")?;
        let mode = file_mode::parse(&chmod).map_err(|message| {
            let span = flag(transfer, "chmod").map_or(transfer.dest.span, |flag| flag.span);
            self.shared.report.error(span, message, "expected 0755, or u=rwX,go=rX")
        })?;
        let exclude = transfer.flags.iter().filter(|flag| flag.name == "exclude");
        Ok(Options {
            verb,
            owner: if chown.is_empty() { Owner::default() } else { Owner::parse(&chown) },
            chown,
            chmod,
            mode,
            link: switch(transfer, "link").unwrap_or(false),
            parents: switch(transfer, "parents").unwrap_or(false),
            exclude: exclude.filter_map(|flag| flag.value.clone()).collect(),
            unpack: switch(transfer, "unpack").unwrap_or(verb == Verb::Add),
        })
    }

    fn flag_value(&mut self, transfer: &Transfer, name: &str) -> Result<String, Reported> {
        match flag(transfer, name) {
            Some(flag) => self.expand_at(flag.value.as_deref().unwrap_or_default(), flag.span),
            None => Ok(String::new()),
        }
    }

    /// The sources that are no heredocs, expanded.
    fn paths(&mut self, transfer: &Transfer, verb: Verb) -> Result<Vec<Spanned<String>>, Reported> {
        let mut paths = Vec::new();
        for source in &transfer.sources {
            let Source::Path(path) = source else { continue };
            let value = self.expand(path)?;
            match remote::kind(&value) {
                SourceKind::Path => paths.push(Spanned { value, span: path.span }),
                kind => return Err(self.remote_source(kind, verb, path.span)),
            }
        }
        if let Some(checksum) = flag(transfer, "checksum") {
            let message = "checksum requires HTTP(S) or Git sources";
            return Err(self.shared.report.error(checksum.span, message, "these sources have none"));
        }
        Ok(paths)
    }

    fn remote_source(&mut self, kind: SourceKind, verb: Verb, span: Span) -> Reported {
        let report = &mut self.shared.report;
        match (verb, kind) {
            (Verb::Copy, SourceKind::Git) => {
                let help = Some("ADD takes one".to_owned());
                let message = "source can't be a git ref for COPY";
                report.error_with_help(span, message, "expected a path", help)
            }
            (Verb::Copy, _) => {
                let help = Some("ADD takes one".to_owned());
                let message = "source can't be a URL for COPY";
                report.error_with_help(span, message, "expected a path", help)
            }
            (Verb::Add, kind) => {
                let what = if kind == SourceKind::Git { "a git repository" } else { "a URL" };
                let help = format!("fetch it in a RUN, or give {what} as a directory with --build-context");
                let message = format!("ADD from {what} is not supported yet");
                report.error_with_help(span, message, "expected a path", Some(help))
            }
        }
    }

    fn copy_document(
        &mut self,
        heredoc: &Heredoc,
        dest: &str,
        options: &Options,
    ) -> Result<Action, Reported> {
        let mut text = script::body(heredoc);
        if heredoc.expand {
            let expanded = expand_heredoc(&text, &self.state.environment)
                .map_err(|error| self.cannot_expand(&error, heredoc.body_span))?;
            self.warn_unset(&expanded.unset, heredoc.body_span);
            text = expanded.value;
        }
        let path = slash_path::absolute("/", &heredoc.name);
        let action = Action::MakeFile {
            path: path.clone(),
            mode: 0o644,
            data: text.into_bytes(),
            owner: Owner::default(),
            time_ns: self.time_ns(),
        };
        let metadata = Metadata::named("[internal] preparing inline document");
        let made = self.shared.graph.file(FileChain { base: None, actions: vec![action] }, metadata);
        Ok(Action::Copy(Box::new(Copy { source: path, ..options.copy(Some(made), dest) })))
    }

    /// Names are looked up in the destination; in an empty one there are none (trap 37).
    fn check_owner(&mut self, options: &Options, transfer: &Transfer, link: bool) -> Result<(), Reported> {
        let Some(name) = options.owner.name() else { return Ok(()) };
        if self.state.tree.is_some() && !link {
            return Ok(());
        }
        let span = flag(transfer, "chown").map_or(transfer.dest.span, |flag| flag.span);
        let place = if link { "--link copies into an empty tree" } else { "the stage is empty" };
        let message = format!("invalid user or group {name:?}: {place}, which has no /etc/passwd");
        Err(self.shared.report.error(span, message, "expected numbers"))
    }

    /// Adds the op, or with `link` the op on an empty tree and a merge.
    fn place(&mut self, step: &Step<'_>, actions: Vec<Action>, link: bool) {
        let shown = step_name::instruction(&step.instruction.original, &self.state.environment, &[]);
        let prefix = self.numbers.next(step.trigger.is_some());
        let name = format!("{prefix}{shown}");
        let metadata =
            Metadata { ignore_cache: self.plan.inputs.no_cache, ..self.metadata(step, name.clone()) };
        let graph = &mut self.shared.graph;
        if !link {
            let chain = FileChain { base: self.state.tree, actions };
            self.state.tree = Some(graph.file(chain, metadata));
            return;
        }
        let group = |weak| Some(pb::ProgressGroup { id: name.clone(), name: name.clone(), weak });
        let copied = Metadata { group: group(true), ..metadata.clone() };
        let copied = graph.file(FileChain { base: None, actions }, copied);
        let merge = Metadata { group: group(false), name: Some(format!("{prefix}LINK {shown}")), ..metadata };
        self.state.tree = graph.merge(&[self.state.tree, Some(copied)], merge);
    }

    /// The time of what the lowering itself makes.
    pub(super) fn time_ns(&self) -> Option<i64> {
        self.plan.inputs.epoch.map(|seconds| seconds.saturating_mul(1_000_000_000))
    }
}

impl Options {
    /// A copy of `from`, of what all kinds of source have in common.
    fn copy(&self, from: Option<Edge>, dest: &str) -> Copy {
        Copy {
            from,
            dest: dest.to_owned(),
            owner: self.owner.clone(),
            mode: self.mode.clone(),
            create_dest_path: true,
            exclude: self.exclude.clone(),
            ..Copy::default()
        }
    }
}

/// The action for a path or pattern in `tree`.
fn copy_path(path: &str, tree: Option<Edge>, dest: &str, options: &Options) -> Action {
    let mut copy = Copy {
        follow_symlink: true,
        dir_copy_contents: true,
        attempt_unpack: options.unpack,
        allow_wildcard: true,
        allow_empty_wildcard: true,
        source: slash_path::absolute("/", path),
        ..options.copy(tree, dest)
    };
    if options.parents {
        // What stands before `/./` is not part of the copied structure.
        let (above, pattern) = path.split_once("/./").unwrap_or(("/", path));
        let pattern = slash_path::absolute("/", pattern);
        copy.source = slash_path::absolute("/", above);
        copy.include = vec![pattern.trim_start_matches('/').to_owned()];
        if !has_wildcards(above) && !has_wildcards(&pattern) {
            copy.required = vec![slash_path::absolute(&copy.source, pattern.trim_start_matches('/'))];
        }
    }
    Action::Copy(Box::new(copy))
}

fn created_by(options: &Options, sources: &[String], dest: &str) -> String {
    let mut text = match options.verb {
        Verb::Copy => "COPY".to_owned(),
        Verb::Add => "ADD".to_owned(),
    };
    if options.parents {
        text.push_str(" --parents");
    }
    for (flag, value) in [("chown", &options.chown), ("chmod", &options.chmod)] {
        if !value.is_empty() {
            text.push_str(&format!(" --{flag}={value}"));
        }
    }
    format!("{text} {} {dest} # buildkit", sources.join(" "))
}

fn flag<'t>(transfer: &'t Transfer, name: &str) -> Option<&'t Flag> {
    transfer.flags.iter().find(|flag| flag.name == name)
}

/// The value of a boolean flag, if it is given.
fn switch(transfer: &Transfer, name: &str) -> Option<bool> {
    let flag = flag(transfer, name)?;
    Some(flag.value.as_deref().is_none_or(|value| value.eq_ignore_ascii_case("true")))
}

/// Whether a pattern has a wildcard that is not escaped.
fn has_wildcards(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' => return true,
            '\\' => drop(chars.next()),
            _ => {}
        }
    }
    false
}
