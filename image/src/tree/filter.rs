//! Include and exclude patterns over a tree, matched directory by directory.

use crate::pattern::{Matcher, ParentMatch, PatternError};

/// What include and exclude patterns let through. Paths are relative to the directory that is
/// filtered, which itself always passes.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// `None`: everything is included.
    include: Option<Matcher>,
    exclude: Matcher,
}

/// What was matched of a directory's path; [`Default`] is the filtered directory itself.
#[derive(Debug, Clone, Default)]
pub(super) struct FilterAt {
    include: ParentMatch,
    exclude: ParentMatch,
}

/// What the patterns say of one path.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    /// The entry itself is let through.
    pub(super) included: bool,
    /// Something below it may be.
    pub(super) descend: bool,
    /// For what is in it.
    pub(super) at: FilterAt,
}

impl Filter {
    pub(super) fn new(include: &[String], exclude: &[String]) -> Result<Self, PatternError> {
        let include = if include.is_empty() { None } else { Some(Matcher::new(include)?) };
        Ok(Self { include, exclude: Matcher::new(exclude)? })
    }

    /// Whether everything passes.
    pub(super) fn is_open(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }

    pub(super) fn judge(&self, path: &[u8], parent: &FilterAt) -> Verdict {
        let (wanted, include) = match &self.include {
            None => (true, ParentMatch::default()),
            Some(matcher) => matcher.matches_in(path, &parent.include),
        };
        let (excluded, exclude) = self.exclude.matches_in(path, &parent.exclude);
        let wanted_below = wanted || self.include.as_ref().is_some_and(|m| m.may_match_below(path));
        let descend = wanted_below && (!excluded || self.exclude.may_except_below(path));
        Verdict { included: wanted && !excluded, descend, at: FilterAt { include, exclude } }
    }
}
