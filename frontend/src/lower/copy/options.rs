//! The flags of COPY and ADD.

use cooperage_image::tree::edit::ModeChange;
use cooperage_llb::definition::{Copy, Edge, Mode, Owner};

use crate::ast::{Flag, Span, Transfer};
use crate::lower::report::Reported;
use crate::lower::work::Work;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Copy,
    Add,
}

/// The flags, expanded.
pub(super) struct Options {
    pub(super) verb: Verb,
    pub(super) chown: String,
    pub(super) chmod: String,
    pub(super) owner: Owner,
    pub(super) mode: Mode,
    pub(super) link: bool,
    pub(super) parents: bool,
    pub(super) exclude: Vec<String>,
    /// Whether archives are unpacked, if it is said.
    pub(super) unpack: Option<bool>,
    /// Whether `.git` is kept, if it is said.
    pub(super) keep_git_dir: Option<bool>,
    /// Empty if there is none.
    pub(super) checksum: String,
}

impl Work<'_, '_> {
    pub(super) fn options(&mut self, transfer: &Transfer, verb: Verb) -> Result<Options, Reported> {
        let chown = self.flag_value(transfer, "chown")?;
        let chmod = self.flag_value(transfer, "chmod")?;
        let mode = self.mode(&chmod, span_of(transfer, "chmod"))?;
        let checksum = self.flag_value(transfer, "checksum")?;
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
            unpack: switch(transfer, "unpack"),
            keep_git_dir: switch(transfer, "keep-git-dir"),
            checksum,
        })
    }

    fn flag_value(&mut self, transfer: &Transfer, name: &str) -> Result<String, Reported> {
        match flag(transfer, name) {
            Some(flag) => self.expand_at(flag.value.as_deref().unwrap_or_default(), flag.span),
            None => Ok(String::new()),
        }
    }

    fn mode(&mut self, text: &str, span: Span) -> Result<Mode, Reported> {
        if text.is_empty() {
            return Ok(Mode::Keep);
        }
        match text.parse::<ModeChange>() {
            Ok(ModeChange::Octal(mode)) => Ok(Mode::Octal(mode)),
            Ok(ModeChange::Symbolic(_)) => Ok(Mode::Symbolic(text.to_owned())),
            Err(error) => {
                let help = Some("an octal number up to 07777, or changes as chmod(1) reads them".to_owned());
                let label = "expected 0755, or u=rwX,go=rX";
                Err(self.shared.report.error_with_help(span, error.to_string(), label, help))
            }
        }
    }

    /// Names are looked up in the destination; in an empty one there are none (trap 37).
    pub(super) fn check_owner(
        &mut self,
        options: &Options,
        transfer: &Transfer,
        link: bool,
    ) -> Result<(), Reported> {
        let Some(name) = options.owner.name() else { return Ok(()) };
        if self.state.tree.is_some() && !link {
            return Ok(());
        }
        let place = if link { "--link copies into an empty tree" } else { "the stage is empty" };
        let message = format!("invalid user or group {name:?}: {place}, which has no /etc/passwd");
        let help = Some("give numbers, --chown=1000:1000; they need no /etc/passwd".to_owned());
        let span = span_of(transfer, "chown");
        Err(self.shared.report.error_with_help(span, message, "expected numbers", help))
    }
}

impl Options {
    /// A copy of `from`, of what all kinds of source have in common.
    pub(super) fn copy(&self, from: Option<Edge>, dest: &str) -> Copy {
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

    /// The text of the image's history.
    pub(super) fn created_by(&self, sources: &[String], dest: &str) -> String {
        let mut text = match self.verb {
            Verb::Copy => "COPY".to_owned(),
            Verb::Add => "ADD".to_owned(),
        };
        if self.parents {
            text.push_str(" --parents");
        }
        for (flag, value) in [("chown", &self.chown), ("chmod", &self.chmod)] {
            if !value.is_empty() {
                text.push_str(&format!(" --{flag}={value}"));
            }
        }
        format!("{text} {} {dest} # buildkit", sources.join(" "))
    }
}

pub(super) fn flag<'t>(transfer: &'t Transfer, name: &str) -> Option<&'t Flag> {
    transfer.flags.iter().find(|flag| flag.name == name)
}

/// Where a flag is; the destination if it is not given.
pub(super) fn span_of(transfer: &Transfer, name: &str) -> Span {
    flag(transfer, name).map_or(transfer.dest.span, |flag| flag.span)
}

/// The value of a boolean flag, if it is given.
fn switch(transfer: &Transfer, name: &str) -> Option<bool> {
    let flag = flag(transfer, name)?;
    Some(flag.value.as_deref().is_none_or(|value| value.eq_ignore_ascii_case("true")))
}
