//! Sources of ADD that are fetched: repositories and files of servers (dockerfile reference, section 7;
//! llb.md, section 13).

use cooperage_llb::definition::{Action, Copy, Metadata};

use super::options::{Options, Verb, span_of};
use crate::ast::{Span, Spanned, Transfer};
use crate::diagnostic::did_you_mean;
use crate::lower::report::Reported;
use crate::lower::work::Work;
use crate::remote::{self, GitRef, GitRefError, Remote};

/// A source that is no heredoc, expanded.
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Span,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Path,
    Git(Box<GitRef>),
    Url,
}

impl Work<'_, '_> {
    /// What an expanded source is; whether the instruction may have it.
    pub(super) fn word(&mut self, word: Spanned<String>, verb: Verb) -> Result<Word, Reported> {
        let Spanned { value: text, span } = word;
        let (kind, what) = match Remote::of(&text) {
            Remote::No => return Ok(Word { text, span, kind: Kind::Path }),
            Remote::Git(Ok(git)) => (Kind::Git(Box::new(git)), "a git ref"),
            Remote::Git(Err(error)) => return Err(self.wrong_repository(&error, span)),
            Remote::Url => (Kind::Url, "a URL"),
        };
        if verb == Verb::Copy {
            let message = format!("source can't be {what} for COPY");
            let help = Some("ADD takes one".to_owned());
            return Err(self.shared.report.error_with_help(span, message, "expected a path", help));
        }
        Ok(Word { text, span, kind })
    }

    fn wrong_repository(&mut self, error: &GitRefError, span: Span) -> Reported {
        let meant = match error {
            GitRefError::Unexpected(name) => did_you_mean(name, remote::GIT_OPTIONS),
            _ => None,
        };
        let help = match meant {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("the options are {}", remote::GIT_OPTIONS.join(", ")),
        };
        let label = "in the options of this repository";
        self.shared.report.error_with_help(span, error.to_string(), label, Some(help))
    }

    /// `--checksum` is for one source, and that has to be one whose content can change.
    pub(super) fn check_checksum(
        &mut self,
        transfer: &Transfer,
        options: &Options,
        words: &[Word],
    ) -> Result<(), Reported> {
        if options.checksum.is_empty() {
            return Ok(());
        }
        let span = span_of(transfer, "checksum");
        let report = &mut self.shared.report;
        let [word] = words else {
            let message = "checksum can't be specified for multiple sources";
            let help = Some("write an ADD for each of them".to_owned());
            return Err(report.error_with_help(span, message, "expected one source", help));
        };
        let given = &options.checksum;
        match &word.kind {
            Kind::Path => {
                let message = "checksum requires HTTP(S) or Git sources";
                let help = Some("files of the context are part of the build's key as they are".to_owned());
                Err(report.error_with_help(span, message, "this source is a path", help))
            }
            Kind::Git(git) if git.checksum.is_empty() || git.checksum == *given => Ok(()),
            Kind::Git(git) => {
                let message = format!("checksum mismatch {given:?} != {:?}", git.checksum);
                let help = Some("say it in one place".to_owned());
                let label = "the source's own checksum is another one";
                Err(report.error_with_help(span, message, label, help))
            }
            Kind::Url => match digest_problem(given) {
                None => Ok(()),
                Some(message) => {
                    let label = "expected sha256: and 64 hexadecimal digits";
                    let help = Some("sha256sum FILE prints it".to_owned());
                    Err(report.error_with_help(span, message, label, help))
                }
            },
        }
    }

    pub(super) fn copy_repository(
        &mut self,
        git: &GitRef,
        word: &Word,
        dest: &str,
        options: &Options,
        metadata: Metadata,
    ) -> Result<Action, Reported> {
        if let (Some(flag), Some(query)) = (options.keep_git_dir, git.keep_git_dir)
            && flag != query
        {
            let message = "inconsistent keep-git-dir configuration";
            let label = "says otherwise than --keep-git-dir";
            let help = Some("say it in one place".to_owned());
            return Err(self.shared.report.error_with_help(word.span, message, label, help));
        }
        let mut git = git.clone();
        git.keep_git_dir = git.keep_git_dir.or(options.keep_git_dir);
        if !options.checksum.is_empty() {
            git.checksum.clone_from(&options.checksum);
        }
        let fetched = self.shared.graph.source(git.source(), metadata);
        Ok(Action::Copy(Box::new(Copy { source: "/".to_owned(), ..options.copy(Some(fetched), dest) })))
    }

    pub(super) fn copy_url(
        &mut self,
        word: &Word,
        dest: &str,
        options: &Options,
        metadata: Metadata,
    ) -> Action {
        let name = remote::http_file_name(&word.text);
        let checksum = Some(options.checksum.as_str()).filter(|checksum| !checksum.is_empty());
        let fetched = self.shared.graph.source(remote::http_source(&word.text, &name, checksum), metadata);
        Action::Copy(Box::new(Copy {
            source: format!("/{name}"),
            attempt_unpack: options.unpack.unwrap_or(false),
            ..options.copy(Some(fetched), dest)
        }))
    }
}

/// Why no file can have this digest.
fn digest_problem(text: &str) -> Option<String> {
    let Some((algorithm, digits)) = text.split_once(':') else {
        return Some(format!("invalid checksum digest format: {text:?}"));
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" | "sha512" => {
            return Some(format!("a checksum of {algorithm} never matches: files are hashed with sha256"));
        }
        _ => return Some(format!("unsupported digest algorithm {algorithm:?}")),
    };
    let valid = digits.len() == length && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (!valid).then(|| format!("invalid checksum digest {text:?}"))
}
