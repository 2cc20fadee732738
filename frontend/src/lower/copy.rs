//! COPY and ADD (dockerfile reference, section 7).

mod fetched;
mod options;

use cooperage_image::pattern::{Glob, has_wildcard};
use cooperage_llb::definition::{Action, Copy, Edge, FileChain, Metadata, Mode};
use cooperage_llb::pb;

use self::fetched::{Kind, Word};
use self::options::{Options, Verb, flag};
use super::report::Reported;
use super::slash_path::has_wildcards;
use super::stage::Step;
use super::work::{Shared, Work};
use super::{script, slash_path, step_name};
use crate::ast::{Heredoc, Source, Spanned, Transfer};
use crate::expand::expand_heredoc;

/// How the step is shown.
struct Shown {
    /// `[2/3] `
    prefix: String,
    instruction: String,
}

impl Shown {
    fn name(&self) -> String {
        format!("{}{}", self.prefix, self.instruction)
    }
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
        let words = self.words(transfer, verb)?;
        self.check_checksum(transfer, &options, &words)?;
        let dest_text = self.expand(&transfer.dest)?;
        let dest = slash_path::destination(self.state.cwd(), &dest_text);
        self.use_own_tree();

        let shown = Shown {
            prefix: self.numbers.next(step.trigger.is_some()),
            instruction: step_name::instruction(&step.instruction.original, &self.state.environment, &[]),
        };
        let mut actions = Vec::new();
        for word in &words {
            actions.push(self.copy_word(step, transfer, word, &dest, &options, &shown)?);
        }
        let mut names = words.into_iter().map(|word| word.text).collect::<Vec<_>>();
        let documents = transfer.sources.iter().filter_map(|source| match source {
            Source::Heredoc(heredoc) => Some(heredoc),
            Source::Path(_) => None,
        });
        for heredoc in documents {
            actions.push(self.copy_document(heredoc, &dest, &options)?);
            names.push(format!("<<{}", heredoc.name));
        }
        // With --chmod, --link is dropped without a word (trap 1).
        let link = options.link && options.mode == Mode::Keep;
        self.check_owner(&options, transfer, link)?;
        self.place(step, actions, link, &shown);
        self.state.record(options.created_by(&names, &dest_text), true);
        Ok(())
    }

    fn warn_if_ignored(&mut self, verb: Verb, word: &Word) {
        let verb = if verb == Verb::Copy { "Copy" } else { "Add" };
        let Shared { ignored, report, .. } = &mut *self.shared;
        ignored.check(verb, &word.text, word.span, report);
    }

    /// The sources that are no heredocs, expanded.
    fn words(&mut self, transfer: &Transfer, verb: Verb) -> Result<Vec<Word>, Reported> {
        let mut words = Vec::new();
        for source in &transfer.sources {
            let Source::Path(path) = source else { continue };
            let value = self.expand(path)?;
            words.push(self.word(Spanned { value, span: path.span }, verb)?);
        }
        Ok(words)
    }

    fn copy_word(
        &mut self,
        step: &Step<'_>,
        transfer: &Transfer,
        word: &Word,
        dest: &str,
        options: &Options,
        shown: &Shown,
    ) -> Result<Action, Reported> {
        match &word.kind {
            Kind::Git(git) => {
                let metadata = self.fetch_metadata(step, shown)?;
                self.copy_repository(git, word, dest, options, metadata)
            }
            Kind::Url => {
                let metadata = self.fetch_metadata(step, shown)?;
                Ok(self.copy_url(word, dest, options, metadata))
            }
            Kind::Path => {
                self.check_pattern(word)?;
                let copy = copy_path(&word.text, dest, options);
                if copy.required.iter().any(|path| path == &copy.source) {
                    let message = "--parents with nothing to keep the parents of";
                    let help = Some("name what is copied behind the pivot: dir/./file".to_owned());
                    let label = "this is the directory itself";
                    return Err(self.shared.report.error_with_help(word.span, message, label, help));
                }
                let used = slash_path::absolute("/", &word.text);
                let span = flag(transfer, "from").map_or(word.span, |flag| flag.span);
                let source = step.sources.first().and_then(Option::as_ref);
                let tree = self.source_tree(source, &used, "copy", span)?;
                if source.is_none() {
                    self.warn_if_ignored(options.verb, word);
                }
                Ok(Action::Copy(Box::new(Copy { from: tree, ..copy })))
            }
        }
    }

    /// What is fetched is shown as the step that it is fetched for.
    fn fetch_metadata(&mut self, step: &Step<'_>, shown: &Shown) -> Result<Metadata, Reported> {
        let name = shown.name();
        self.shared.report.spend(name.len(), self.here)?;
        Ok(self.metadata(step, name))
    }

    /// A `[` that is never closed is found here, where it has a place, and not by whoever matches it.
    fn check_pattern(&mut self, word: &Word) -> Result<(), Reported> {
        let text = word.text.as_bytes();
        // Without wildcards it is a name, whatever is in it: C:\data\.
        let wildcards = has_wildcard(text).then(|| Glob::new(text));
        let Some(Err(error)) = wildcards else { return Ok(()) };
        let help = Some("write \\[ for a bracket that is part of a name".to_owned());
        let label = "expected [...] of characters, and a character behind each \\";
        Err(self.shared.report.error_with_help(word.span, error.to_string(), label, help))
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
            self.shared.report.spend(expanded.cost(), heredoc.body_span)?;
            text = expanded.value;
        }
        let path = slash_path::absolute("/", &heredoc.name);
        let made = self.document(&path, 0o644, &text, self.time_ns());
        Ok(Action::Copy(Box::new(Copy { source: path, ..options.copy(Some(made), dest) })))
    }

    /// Adds the op, or with `link` the op on an empty tree and a merge.
    fn place(&mut self, step: &Step<'_>, actions: Vec<Action>, link: bool, shown: &Shown) {
        let name = shown.name();
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
        let linked = format!("{}LINK {}", shown.prefix, shown.instruction);
        let merge = Metadata { group: group(false), name: Some(linked), ..metadata };
        self.state.tree = graph.merge(&[self.state.tree, Some(copied)], merge);
    }

    /// The time of what the lowering itself makes.
    pub(super) fn time_ns(&self) -> Option<i64> {
        self.plan.epoch.map(|seconds| seconds.saturating_mul(1_000_000_000))
    }
}

/// The copy of a path or pattern, of a tree that is not said yet.
fn copy_path(path: &str, dest: &str, options: &Options) -> Copy {
    let mut copy = Copy {
        follow_symlink: true,
        dir_copy_contents: true,
        attempt_unpack: options.unpack.unwrap_or(options.verb == Verb::Add),
        allow_wildcard: true,
        allow_empty_wildcard: true,
        source: slash_path::absolute("/", path),
        ..options.copy(None::<Edge>, dest)
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
    copy
}
