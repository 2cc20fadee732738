//! Instructions by keyword (dockerfile reference, section 5, and section 2, "Word rules").

mod command;
mod from;
mod healthcheck;
mod on_build;
mod pairs;
mod transfer;

use super::flags;
use super::head::Head;
use super::joined::Slice;
use super::report::{Parse, Report, Reported};
use super::words::plain_words;
use crate::ast::{Command, Heredoc, Kind, Spanned};
use crate::diagnostic::did_you_mean;

pub(super) use on_build::check_trigger;

/// Keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Maintainer,
    OnBuild,
    Run,
    Shell,
    StopSignal,
    User,
    Volume,
    Workdir,
}

const KEYWORDS: [(&str, Keyword); 18] = [
    ("ADD", Keyword::Add),
    ("ARG", Keyword::Arg),
    ("CMD", Keyword::Cmd),
    ("COPY", Keyword::Copy),
    ("ENTRYPOINT", Keyword::Entrypoint),
    ("ENV", Keyword::Env),
    ("EXPOSE", Keyword::Expose),
    ("FROM", Keyword::From),
    ("HEALTHCHECK", Keyword::Healthcheck),
    ("LABEL", Keyword::Label),
    ("MAINTAINER", Keyword::Maintainer),
    ("ONBUILD", Keyword::OnBuild),
    ("RUN", Keyword::Run),
    ("SHELL", Keyword::Shell),
    ("STOPSIGNAL", Keyword::StopSignal),
    ("USER", Keyword::User),
    ("VOLUME", Keyword::Volume),
    ("WORKDIR", Keyword::Workdir),
];

impl Keyword {
    /// Case does not matter.
    pub(super) fn read(text: &str) -> Option<Self> {
        KEYWORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, keyword)| *keyword)
    }

    /// The keyword that was probably meant.
    pub(super) fn guess(text: &str) -> Option<Self> {
        did_you_mean(&text.to_ascii_uppercase(), KEYWORDS.iter().map(|(name, _)| *name)).and_then(Self::read)
    }

    pub(super) fn name(self) -> &'static str {
        KEYWORDS.iter().find(|(_, keyword)| *keyword == self).map_or("", |(name, _)| name)
    }

    /// Whether heredocs can be opened in it.
    pub(super) fn takes_heredocs(self) -> bool {
        matches!(self, Keyword::Add | Keyword::Copy | Keyword::Run)
    }
}

/// How an instruction is written.
fn usage(keyword: &str) -> Option<String> {
    let form = match Keyword::read(keyword)? {
        Keyword::Add => "ADD [--chown=U:G] [--chmod=MODE] [--checksum=DIGEST] SOURCE... DEST",
        Keyword::Arg => "ARG NAME[=DEFAULT]...",
        Keyword::Cmd => "CMD [\"PROGRAM\", \"ARGUMENT\"]",
        Keyword::Copy => "COPY [--from=STAGE] [--chown=U:G] [--chmod=MODE] SOURCE... DEST",
        Keyword::Entrypoint => "ENTRYPOINT [\"PROGRAM\", \"ARGUMENT\"]",
        Keyword::Env => "ENV NAME=VALUE...",
        Keyword::Expose => "EXPOSE PORT[-PORT][/tcp|udp|sctp]...",
        Keyword::From => "FROM [--platform=PLATFORM] IMAGE [AS NAME]",
        Keyword::Healthcheck => "HEALTHCHECK [--interval=30s] CMD COMMAND, or HEALTHCHECK NONE",
        Keyword::Label => "LABEL NAME=VALUE...",
        Keyword::Maintainer => "LABEL org.opencontainers.image.authors=NAME does the same",
        Keyword::OnBuild => "ONBUILD INSTRUCTION",
        Keyword::Run => "RUN COMMAND",
        Keyword::Shell => "SHELL [\"/bin/bash\", \"-c\"]",
        Keyword::StopSignal => "STOPSIGNAL SIGNAL",
        Keyword::User => "USER NAME[:GROUP]",
        Keyword::Volume => "VOLUME PATH...",
        Keyword::Workdir => "WORKDIR PATH",
    };
    Some(form.to_owned())
}

/// What the instructions of a file have in common.
pub(super) struct Context<'a> {
    pub(super) escape: char,
    /// Where the instruction ends in the file, the terminator of its last heredoc included.
    pub(super) end: usize,
    pub(super) report: &'a mut Report,
}

impl Context<'_> {
    /// Says that an instruction needs at least one argument.
    fn needs_argument(&mut self, keyword: Slice<'_>, label: &str) -> Reported {
        let message = format!("{} requires at least one argument", keyword.text().to_ascii_uppercase());
        let help = usage(keyword.text());
        self.report.error_with_help(message, keyword.span(), label, help)
    }

    /// Words between plain blanks, counted.
    fn plain_words<'s>(&mut self, rest: Slice<'s>) -> Parse<Vec<Slice<'s>>> {
        let words = plain_words(rest.text(), self.report.nodes_left());
        self.report.grow(words.len(), rest.span())?;
        Ok(words.into_iter().map(|word| rest.part(word)).collect())
    }
}

/// Parses one instruction whose heredocs, if any, have been read.
pub(super) fn parse(head: &Head<'_>, heredocs: Vec<Heredoc>, context: &mut Context<'_>) -> Parse<Kind> {
    let Some(keyword) = Keyword::read(head.keyword.text()) else {
        return Err(unknown(head.keyword, context.report));
    };
    let no_flags = |context: &mut Context<'_>| flags::check(head, flags::NONE, context.report);
    match keyword {
        Keyword::Add => transfer::transfer(head, flags::ADD, heredocs, context).map(Kind::Add),
        Keyword::Copy => transfer::transfer(head, flags::COPY, heredocs, context).map(Kind::Copy),
        Keyword::Run => command::run(head, heredocs, context).map(Kind::Run),
        Keyword::From => from::from(head, context).map(Kind::From),
        Keyword::Arg => pairs::arg(head, context).map(Kind::Arg),
        Keyword::Healthcheck => healthcheck::healthcheck(head, context).map(Kind::Healthcheck),
        Keyword::StopSignal => whole(head, context).map(Kind::StopSignal),
        _ => {
            let flags = no_flags(context);
            let kind = match keyword {
                Keyword::Env => pairs::pairs(head, context).map(Kind::Env),
                Keyword::Label => pairs::pairs(head, context).map(Kind::Label),
                Keyword::Cmd => command::command(head.rest, context).map(Kind::Cmd),
                Keyword::Entrypoint => command::command(head.rest, context).map(Kind::Entrypoint),
                Keyword::Shell => shell(head, context).map(Kind::Shell),
                Keyword::Expose => expose(head, context).map(Kind::Expose),
                Keyword::Volume => volume(head, context).map(Kind::Volume),
                Keyword::User => whole(head, context).map(Kind::User),
                Keyword::Workdir => whole(head, context).map(Kind::Workdir),
                Keyword::Maintainer => whole(head, context).map(Kind::Maintainer),
                _ => on_build::on_build(head, heredocs, context).map(Kind::OnBuild),
            };
            flags.and(kind)
        }
    }
}

fn unknown(keyword: Slice<'_>, report: &mut Report) -> Reported {
    let odd_blank = keyword.text().chars().find(|c| c.is_whitespace());
    let help = match odd_blank {
        Some(blank) => Some(format!("U+{:04X} does not separate words: put a plain space", u32::from(blank))),
        None => Keyword::guess(keyword.text()).map(|meant| format!("did you mean {}?", meant.name())),
    };
    let message = format!("unknown instruction: {}", keyword.text());
    report.error_with_help(message, keyword.span(), "not an instruction", help)
}

/// USER, WORKDIR, STOPSIGNAL, MAINTAINER: all the rest is one text.
fn whole(head: &Head<'_>, context: &mut Context<'_>) -> Parse<Spanned<String>> {
    if head.rest.is_empty() {
        let message = format!("{} requires exactly one argument", head.keyword.text().to_ascii_uppercase());
        let help = usage(head.keyword.text());
        return Err(context.report.error_with_help(
            message,
            head.keyword.span(),
            "expected an argument",
            help,
        ));
    }
    Ok(head.rest.spanned())
}

fn expose(head: &Head<'_>, context: &mut Context<'_>) -> Parse<Vec<Spanned<String>>> {
    let ports = context.plain_words(head.rest)?;
    if ports.is_empty() {
        return Err(context.needs_argument(head.keyword, "expected a port, such as 80 or 53/udp"));
    }
    Ok(ports.into_iter().map(Slice::spanned).collect())
}

/// SHELL, which has to be JSON.
fn shell(head: &Head<'_>, context: &mut Context<'_>) -> Parse<Vec<String>> {
    let help = r#"for example SHELL ["/bin/bash", "-c"]"#.to_owned();
    match command::command(head.rest, context)? {
        Command::Exec(words) if !words.is_empty() => Ok(words),
        Command::Shell(line) if !line.value.is_empty() => {
            let message = "SHELL requires the arguments to be in JSON form";
            Err(context.report.error_with_help(message, line.span, "expected a JSON array of strings", help))
        }
        _ => {
            let message = "SHELL requires at least one argument";
            Err(context.report.error_with_help(message, head.keyword.span(), "expected a JSON array", help))
        }
    }
}

fn volume(head: &Head<'_>, context: &mut Context<'_>) -> Parse<Vec<Spanned<String>>> {
    let mut volumes = transfer::arguments(head.rest, context)?.values;
    if volumes.is_empty() {
        return Err(context.needs_argument(head.keyword, "expected a path"));
    }
    for volume in &mut volumes {
        volume.value = volume.value.trim().to_owned();
        if volume.value.is_empty() {
            let message = "VOLUME specified can not be an empty string";
            let help = usage("VOLUME");
            return Err(context.report.error_with_help(message, volume.span, "expected a path", help));
        }
    }
    Ok(volumes)
}
