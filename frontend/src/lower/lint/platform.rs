//! RedundantTargetPlatform, FromPlatformFlagConstDisallowed: `FROM --platform` that says what goes without
//! saying, or that ties the file to one platform.

use std::collections::BTreeSet;

use cooperage_image::Platform;

use crate::ast::{self, Spanned};
use crate::expand::Variables;
use crate::lint::Finding;
use crate::lower::environment::Environment;
use crate::lower::report::Report;

/// `text` is what `word` expands to, with the arguments `used`.
pub(in crate::lower) fn from_platform(
    word: &Spanned<String>,
    text: &str,
    platform: &Platform,
    used: &BTreeSet<String>,
    from: &ast::From,
    globals: &Environment,
    report: &mut Report,
) {
    let only_target = used.len() == 1 && used.contains("TARGETPLATFORM");
    if only_target && globals.get("TARGETPLATFORM") == Some(text) {
        report.finding(word.span, Finding::redundant_target_platform(&word.value));
    }
    let name = from.name.as_ref().map(|name| name.value.to_lowercase()).unwrap_or_default();
    let named_after_it = name.contains(&platform.os) || name.contains(&platform.architecture);
    if !word.value.contains('$') && !named_after_it {
        report.finding(word.span, Finding::constant_platform(text));
    }
}
