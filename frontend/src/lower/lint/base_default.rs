//! InvalidDefaultArgInFrom: a base whose default names no image.

use cooperage_image::Reference;

use crate::ast::Spanned;
use crate::expand::expand_word;
use crate::lint::Finding;
use crate::lower::environment::Environment;
use crate::lower::report::Report;

/// `defaults` are the arguments before the first FROM, without those of the command line.
pub(in crate::lower) fn base_default(
    base: &Spanned<String>,
    defaults: &Environment,
    escape: char,
    report: &mut Report,
) {
    let Ok(expanded) = expand_word(&base.value, escape, defaults) else { return };
    // A constant that names no image is a stage, or an error anyway.
    if base.value.contains('$') && expanded.value.parse::<Reference>().is_err() {
        report.finding(base.span, Finding::invalid_default_arg_in_from(&base.value));
    }
}
