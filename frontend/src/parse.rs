//! From text to [`Dockerfile`] (dockerfile reference, sections 1, 2 and 5).
//!
//! The text is read once: directives at the top, then line by line. Continuation lines are joined to one
//! text that remembers where each piece of it is in the file (`joined`), so that every node of the tree has its place
//! there. A wrong instruction is reported and left out, its heredocs are skipped, and the next one is
//! parsed: all errors are found, not the first only.
//!
//! Time is linear in the text. Memory is bounded by limits on the text and on the tree, and a text that is
//! beyond them is an error. BuildKit's own limit on a file is 16 MiB as well: that of its messages.

mod directives;
mod flags;
mod head;
mod heredoc;
mod instruction;
mod joined;
mod json_array;
mod lines;
mod logical_line;
mod report;
mod words;

use std::borrow::Cow;

use crate::ast::{Directives, Dockerfile, Heredoc, Instruction, Span};
use crate::diagnostic::Diagnostic;
use crate::lint::Finding;
use head::Head;
use instruction::{Context, Keyword};
use joined::Slice;
use json_array::{Json, json_array};
use lines::{Line, Lines};
use report::{Parse, Report};

pub use directives::detect_syntax;

/// Longest physical line in bytes, without its line ending.
const MAX_LINE_BYTES: usize = 65_535;
/// Longest file in bytes.
const MAX_FILE_BYTES: usize = 16 << 20;

/// What a text is, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// All instructions that are right. The file can be built only if there is no error in `diagnostics`.
    pub dockerfile: Dockerfile,
    /// Errors, and those warnings that are about the text itself, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a Dockerfile.
///
/// The text should be UTF-8. Where it is not, it is read as [`String::from_utf8_lossy`] has it, and all places
/// are places in that: a comment, a LABEL and a MAINTAINER may have such bytes (old files do), in any other
/// instruction they are an error.
pub fn parse(text: &[u8]) -> Parsed {
    let mut report = Report::new();
    let invalid = invalid(text);
    let Some(text) = readable(text, &invalid, &mut report) else {
        return finished(Dockerfile::default(), report);
    };
    if text.is_empty() {
        report.error("the Dockerfile cannot be empty", Span::default(), "nothing here");
        return finished(Dockerfile::default(), report);
    }
    let mut lines = Lines::new(&text);
    lines.skip_bytes(byte_order_mark(&text));
    let directives = directives::read(&mut lines, &mut report);
    let mut file = File::new(lines, directives.escape_char(), report);
    file.invalid = invalid;
    file.read();
    file.check_stages(text.len());
    let File { instructions, report, .. } = file;
    finished(Dockerfile { directives, instructions }, report)
}

/// Parses one ONBUILD trigger as an image config keeps it: one instruction, with the bodies of its
/// heredocs. Spans are places in `text`.
pub fn parse_trigger(text: &str, escape: char) -> Parsed {
    let mut report = Report::new();
    let Some(text) = readable(text.as_bytes(), &[], &mut report) else {
        return finished(Dockerfile::default(), report);
    };
    let mut file = File::new(Lines::new(&text), escape, report);
    file.is_trigger = true;
    file.read();
    if file.seen != 1 {
        let span = Span { start: 0, end: text.trim_end().len() };
        file.report.error(
            "onbuild trigger should be a single expression",
            span,
            "in the base image's config",
        );
    }
    let File { instructions, report, .. } = file;
    finished(Dockerfile { directives: Directives::default(), instructions }, report)
}

fn finished(dockerfile: Dockerfile, report: Report) -> Parsed {
    Parsed { dockerfile, diagnostics: report.into_sorted() }
}

/// Length of the byte order mark at the start of the text.
fn byte_order_mark(text: &str) -> usize {
    if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
}

/// The text as UTF-8; nothing if it is too long. `invalid` is [`invalid`]'s.
fn readable<'a>(text: &'a [u8], invalid: &[usize], report: &mut Report) -> Option<Cow<'a, str>> {
    if text.len() > MAX_FILE_BYTES {
        let message = format!(
            "dockerfile of {} bytes is greater than max allowed size of {MAX_FILE_BYTES}",
            text.len()
        );
        report.error(message, Span::default(), "the whole file");
        return None;
    }
    let text = String::from_utf8_lossy(text);
    // A character that stands for other bytes is longer than they were.
    let longer = |line: &Line<'_>| {
        let range = line.range();
        let count = |end| invalid.partition_point(|at| *at < end);
        (count(range.end) - count(range.start)) * (char::REPLACEMENT_CHARACTER.len_utf8() - 1)
    };
    let is_long =
        |line: &Line<'_>| line.text.len() > MAX_LINE_BYTES && line.text.len() - longer(line) > MAX_LINE_BYTES;
    for line in Lines::new(&text).filter(is_long) {
        let message = format!("dockerfile line greater than max allowed size of {MAX_LINE_BYTES}");
        let help = "break it with continuations, or put it in a heredoc of several lines".to_owned();
        let span = Span { start: line.start, end: line.range().end };
        report.error_with_help(message, span, "too long", help);
    }
    Some(text)
}

/// Where in the readable text something stands for bytes that are no character, in order.
fn invalid(text: &[u8]) -> Vec<usize> {
    if text.len() > MAX_FILE_BYTES {
        return Vec::new();
    }
    let mut places = Vec::new();
    let mut at = 0;
    for chunk in text.utf8_chunks() {
        at += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            places.push(at);
            at += char::REPLACEMENT_CHARACTER.len_utf8();
        }
    }
    places
}

/// A file that is being read.
struct File<'a> {
    lines: Lines<'a>,
    escape: char,
    report: Report,
    instructions: Vec<Instruction>,
    /// Comment lines above.
    comments: Vec<String>,
    /// Whether an empty line came after them.
    comments_apart: bool,
    /// Instructions, wrong ones included.
    seen: usize,
    /// Whether FROM was among them, or something that might have been meant to be.
    in_stage: bool,
    /// Whether this is an ONBUILD trigger.
    is_trigger: bool,
    /// Where the text stands for bytes that are no character.
    invalid: Vec<usize>,
    /// Whether a misspelt instruction's heredocs may still be looked for: once they were not found, the
    /// search, which may go to the end of the file, is not repeated.
    guess_heredocs: bool,
}

impl<'a> File<'a> {
    fn new(lines: Lines<'a>, escape: char, report: Report) -> Self {
        Self {
            lines,
            escape,
            report,
            instructions: Vec::new(),
            comments: Vec::new(),
            comments_apart: false,
            seen: 0,
            in_stage: false,
            is_trigger: false,
            invalid: Vec::new(),
            guess_heredocs: true,
        }
    }

    fn read(&mut self) {
        while let Some(line) = self.lines.next() {
            if self.report.is_full() {
                return;
            }
            if line.is_comment() {
                self.comment(&line);
            } else if line.is_blank() {
                self.comments_apart = true;
            } else {
                let comments = std::mem::take(&mut self.comments);
                // What was wrong has been reported; the next instruction may be right.
                let read = self.instruction(&line, comments);
                self.instructions.extend(read.ok());
                self.seen += 1;
            }
        }
    }

    fn comment(&mut self, line: &Line<'_>) {
        let comment = line.text.trim().strip_prefix('#').unwrap_or_default().trim();
        let span = Span { start: line.start, end: line.range().end };
        self.comments_apart = false;
        if comment.is_empty() {
            self.comments.clear();
        } else if self.report.grow(1, span).is_ok() {
            self.comments.push(comment.to_owned());
        }
    }

    fn instruction(&mut self, first: &Line<'_>, doc_comments: Vec<String>) -> Parse<Instruction> {
        let logical = logical_line::read(first, &mut self.lines, self.escape);
        let line = logical.joined.slice().trim_start();
        let mut span = line.trim().span();
        self.report.grow(1, span)?;
        if let Some(blank) = logical.blank {
            let span = Span { start: blank.start, end: blank.end };
            self.report.finding(span, Finding::no_empty_continuation());
        }
        if line.is_empty() {
            let span = first.range();
            let span = Span { start: span.start, end: span.end };
            return Err(self.report.error(
                "no instruction after the line continuation",
                span,
                "continues nothing",
            ));
        }
        let head = Head::read(line, self.escape, &mut self.report)?;
        let (heredocs, end) = self.heredocs(&head, line)?;
        span.end = end.unwrap_or(span.end);
        self.check_characters(&head, line, &heredocs)?;
        self.check_place(head.keyword)?;
        let mut context = Context { escape: self.escape, end: span.end, report: &mut self.report };
        let kind = instruction::parse(&head, heredocs, &mut context)?;
        let original = line.trim().text().to_owned();
        let comments_apart = self.comments_apart;
        Ok(Instruction {
            span,
            keyword: head.keyword.spanned(),
            original,
            doc_comments,
            comments_apart,
            kind,
        })
    }

    /// What is run, copied or set has to be text; labels and names may have what an older encoding left.
    fn check_characters(&mut self, head: &Head<'_>, line: Slice<'_>, heredocs: &[Heredoc]) -> Parse<()> {
        if self.invalid.is_empty()
            || matches!(Keyword::read(head.keyword.text()), Some(Keyword::Label | Keyword::Maintainer))
        {
            return Ok(());
        }
        let invalid = |at: &usize| self.invalid.binary_search(at).is_ok();
        let in_line = line.places_of(char::REPLACEMENT_CHARACTER).find(invalid);
        let in_body = || {
            let of = |heredoc: &Heredoc| {
                let next = self.invalid.partition_point(|at| *at < heredoc.body_span.start);
                self.invalid.get(next).copied().filter(|at| *at < heredoc.body_span.end)
            };
            heredocs.iter().find_map(of)
        };
        let Some(start) = in_line.or_else(in_body) else { return Ok(()) };
        let span = Span { start, end: start + char::REPLACEMENT_CHARACTER.len_utf8() };
        let help = "save the file as UTF-8; other bytes may stand in comments, LABEL and MAINTAINER";
        let message = "dockerfile is not UTF-8";
        Err(self.report.error_with_help(message, span, "not a character", help.to_owned()))
    }

    /// Reads the heredocs that an instruction opens. They are skipped even if it is wrong, or misspelt.
    fn heredocs(&mut self, head: &Head<'_>, line: Slice<'_>) -> Parse<(Vec<Heredoc>, Option<usize>)> {
        let outer = head.keyword.text();
        let inner;
        let head = match Keyword::read(outer) {
            Some(Keyword::OnBuild) if !head.rest.is_empty() => {
                inner = Head::read(head.rest, self.escape, &mut self.report)?;
                &inner
            }
            _ => head,
        };
        let text = head.keyword.text();
        let known = Keyword::read(text);
        let keyword = known.or_else(|| Keyword::guess(text));
        let is_json = !matches!(json_array(head.rest.text(), 0), Json::Text);
        if !keyword.is_some_and(Keyword::takes_heredocs) || is_json {
            return Ok((Vec::new(), None));
        }
        let openings = heredoc::openings(line, &mut self.report)?;
        if known.is_some() {
            return heredoc::bodies(openings, &mut self.lines).map_err(|it| it.report(&mut self.report));
        }
        if self.guess_heredocs {
            let mut ahead = self.lines.clone();
            self.guess_heredocs = heredoc::bodies(openings, &mut ahead).is_ok();
            if self.guess_heredocs {
                self.lines = ahead;
            }
        }
        Ok((Vec::new(), None))
    }

    /// Before the first FROM there may only be ARG; a trigger has rules of its own.
    fn check_place(&mut self, keyword: Slice<'_>) -> Parse<()> {
        if self.is_trigger {
            return instruction::check_trigger(keyword, &mut self.report);
        }
        match Keyword::read(keyword.text()) {
            Some(Keyword::From) | None => self.in_stage = true,
            Some(Keyword::Arg) => {}
            Some(_) if self.in_stage => {}
            Some(_) => {
                // Said once.
                self.in_stage = true;
                let help = "begin with FROM; only ARG may stand before it".to_owned();
                let label = "before the first FROM";
                self.report.error_with_help("no build stage in current context", keyword.span(), label, help);
            }
        }
        Ok(())
    }

    /// A file needs a stage.
    fn check_stages(&mut self, end: usize) {
        let span = Span { start: end, end };
        let help = "begin a stage with FROM".to_owned();
        if self.seen == 0 {
            self.report.error_with_help("file with no instructions", span, "only comments before here", help);
        } else if !self.in_stage {
            let message = "dockerfile contains no stages to build";
            self.report.error_with_help(message, span, "only ARG before here", help);
        }
    }
}
