//! Lint: what is legal, and still better written otherwise (dockerfile reference, section 11; docs/lint/).
//!
//! A rule is a row of a table ([`Rule`]); what it says about a place is a `Finding`, all worded in one file.
//! Where a rule looks is in `lower/lint/`, or beside the instruction it is about. Which findings count is
//! decided at the end, in one place ([`select`](selection::select)), by the file's `# check=` lines.

mod finding;
mod options;
mod rule;
mod selection;

pub use rule::Rule;

pub(crate) use finding::Finding;
pub(crate) use selection::select;

/// Whether a comment is a `check=`, not words.
pub(crate) fn is_check_comment(comment: &str) -> bool {
    options::check_value(comment).is_some()
}
