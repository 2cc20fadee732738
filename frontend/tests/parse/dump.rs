//! The tree as text, each span as `line:column-line:column` in bytes, end exclusive.

use std::fmt::Write as _;

use cooperage_frontend::ast::{
    Command, Dockerfile, Flag, Healthcheck, Heredoc, Instruction, Kind, Pairs, Source, Span, Spanned,
    Transfer,
};
use cooperage_frontend::diagnostic::line_of;

pub(crate) fn dump(dockerfile: &Dockerfile, text: &[u8]) -> String {
    let mut dump = Dump { text, out: String::new(), depth: 0 };
    let directives = &dockerfile.directives;
    for (name, value) in [("syntax", &directives.syntax), ("check", &directives.check)] {
        if let Some(value) = value {
            dump.text(name, value);
        }
    }
    if let Some(escape) = &directives.escape {
        dump.line(&format!("escape {:?}", escape.value), escape.span);
    }
    for instruction in &dockerfile.instructions {
        dump.instruction(instruction);
    }
    dump.out
}

struct Dump<'a> {
    text: &'a [u8],
    out: String,
    depth: usize,
}

impl Dump<'_> {
    fn line(&mut self, what: &str, span: Span) {
        let place = |offset: usize| {
            let start = self.text[..offset].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            format!("{}:{}", line_of(self.text, offset), offset - start + 1)
        };
        let (start, end) = (place(span.start), place(span.end));
        let indent = "  ".repeat(self.depth);
        writeln!(self.out, "{indent}{what} @{start}-{end}").expect("a string can be written");
    }

    fn text(&mut self, what: &str, text: &Spanned<String>) {
        self.line(&format!("{what} {:?}", text.value), text.span);
    }

    fn plain(&mut self, what: &str) {
        let indent = "  ".repeat(self.depth);
        writeln!(self.out, "{indent}{what}").expect("a string can be written");
    }

    fn instruction(&mut self, instruction: &Instruction) {
        let Instruction { span, keyword, original, doc_comments, comments_apart, kind } = instruction;
        for comment in doc_comments {
            self.plain(&format!("# {comment}"));
        }
        if *comments_apart && !doc_comments.is_empty() {
            self.plain("(apart)");
        }
        self.text("instruction", keyword);
        self.depth += 1;
        self.line(&format!("original {original:?}"), *span);
        self.kind(kind);
        self.depth -= 1;
    }

    fn kind(&mut self, kind: &Kind) {
        match kind {
            Kind::From(from) => {
                self.text("base", &from.base);
                for (what, value) in
                    [("platform", &from.platform), ("as", &from.as_keyword), ("name", &from.name)]
                {
                    if let Some(value) = value {
                        self.text(what, value);
                    }
                }
            }
            Kind::Arg(args) => {
                for Spanned { value, span } in args {
                    self.line(&format!("arg {:?} default {:?}", value.name, value.default), *span);
                }
            }
            Kind::Env(pairs) | Kind::Label(pairs) => self.pairs(pairs),
            Kind::Run(run) => {
                self.flags(&run.flags);
                self.command(&run.command);
                run.heredocs.iter().for_each(|heredoc| self.heredoc(heredoc));
            }
            Kind::Copy(transfer) | Kind::Add(transfer) => self.transfer(transfer),
            Kind::Workdir(text) | Kind::User(text) | Kind::StopSignal(text) | Kind::Maintainer(text) => {
                self.text("text", text);
            }
            Kind::Expose(words) | Kind::Volume(words) => {
                words.iter().for_each(|word| self.text("word", word));
            }
            Kind::Cmd(command) | Kind::Entrypoint(command) => self.command(command),
            Kind::Healthcheck(Healthcheck::None) => self.plain("none"),
            Kind::Healthcheck(Healthcheck::Cmd { flags, command }) => {
                self.flags(flags);
                self.command(command);
            }
            Kind::Shell(words) => self.plain(&format!("exec {words:?}")),
            Kind::OnBuild(on_build) => {
                self.plain(&format!("text {:?}", on_build.text));
                match &on_build.instruction {
                    Some(instruction) => self.instruction(instruction),
                    None => self.plain("wrong"),
                }
            }
        }
    }

    fn pairs(&mut self, pairs: &Pairs) {
        if pairs.legacy {
            self.plain("legacy");
        }
        for pair in &pairs.pairs {
            self.text("key", &pair.key);
            self.text("value", &pair.value);
        }
    }

    fn flags(&mut self, flags: &[Flag]) {
        for Flag { name, value, span } in flags {
            let value = value.as_ref().map_or(String::new(), |value| format!("={value:?}"));
            self.line(&format!("flag {name}{value}"), *span);
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Exec(words) => self.plain(&format!("exec {words:?}")),
            Command::Shell(line) => self.text("shell", line),
        }
    }

    fn transfer(&mut self, transfer: &Transfer) {
        self.flags(&transfer.flags);
        for source in &transfer.sources {
            match source {
                Source::Path(path) => self.text("source", path),
                Source::Heredoc(heredoc) => self.heredoc(heredoc),
            }
        }
        self.text("dest", &transfer.dest);
    }

    fn heredoc(&mut self, heredoc: &Heredoc) {
        let Heredoc { name, opening, body, body_span, expand, chomp, fd } = heredoc;
        self.text("heredoc", opening);
        self.depth += 1;
        self.plain(&format!("name {name:?} expand {expand} chomp {chomp} fd {fd:?}"));
        self.line(&format!("body {body:?}"), *body_span);
        self.depth -= 1;
    }
}
