//! SecretsUsedInArgOrEnv: a key that sounds like a secret, because one of its words between underscores does.

use crate::ast::Span;
use crate::lint::Finding;
use crate::lower::report::Report;

const SECRET: [&str; 10] =
    ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
const HARMLESS: [&str; 3] = ["public", "file", "version"];

/// `instruction` is `ARG` or `ENV`.
pub(in crate::lower) fn secret_key(instruction: &str, key: &str, span: Span, report: &mut Report) {
    let lower = key.to_ascii_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|word| words.contains(&word));
    if has(&SECRET) && !has(&HARMLESS) {
        report.finding(span, Finding::secrets_used_in_arg_or_env(instruction, key));
    }
}
