//! CopyIgnoredFile: a source that the ignore file leaves out of the context.

use cooperage_image::pattern::Matcher;

use crate::ast::Span;
use crate::lint::Finding;
use crate::lower::report::Report;
use crate::lower::slash_path;

/// What the ignore file of the build context leaves out, as far as it can be said without the files.
#[derive(Debug)]
pub(in crate::lower) struct Ignored {
    /// `None` if nothing can be said: with `!` patterns a directory may be left out and a file in it not.
    matcher: Option<Matcher>,
    everything: bool,
}

impl Ignored {
    pub(in crate::lower) fn new(patterns: &[String]) -> Self {
        // Patterns that are wrong are an error of whoever read them.
        let matcher = Matcher::new(patterns).ok();
        let everything = patterns.iter().any(|pattern| ["*", "**", "**/*"].contains(&pattern.trim()));
        Self { matcher: matcher.filter(|matcher| !matcher.has_exceptions()), everything }
    }

    /// `verb` is `Copy` or `Add`, `path` a source in the build context, after expansion.
    pub(in crate::lower) fn check(&self, verb: &str, path: &str, span: Span, report: &mut Report) {
        let Some(matcher) = &self.matcher else { return };
        let clean = slash_path::absolute("/", path);
        let below = clean.trim_start_matches('/').trim_end_matches('/');
        let ignored = match below {
            // The context itself is there, whatever is left out of it; unless that is all.
            "" | "." => self.everything,
            below => matcher.matches(below.as_bytes()),
        };
        if ignored {
            let shown = if below.is_empty() { "." } else { below };
            report.finding(span, Finding::copy_ignored_file(verb, shown));
        }
    }
}
