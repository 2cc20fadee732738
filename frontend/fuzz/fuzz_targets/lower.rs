//! Any Dockerfile is lowered, checked and outlined, or refused with an error whose place is in the text.

#![no_main]

mod frontend;

use cooperage_frontend::diagnostic::{Diagnostic, Severity, render};
use cooperage_frontend::lower::{Source, lint, lower, outline, targets};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let source = Source { name: "Dockerfile".to_owned(), text: text.to_vec() };
    let text = source.shown();
    let built = frontend::ask(lower, &source);
    check(&built.diagnostics, built.failed, &text);
    let linted = frontend::ask(lint, &source);
    check(&linted.diagnostics, linted.failed, &text);
    // A check looks at more than a build, never at less.
    assert!(!built.failed || linted.failed || built.gave_up || linted.gave_up);
    let outlined = frontend::ask(outline, &source);
    assert_eq!(outlined.failed, built.failed);
    // A list of targets needs less.
    assert!(built.failed || built.gave_up || targets(&source).is_ok());
});

fn check(diagnostics: &[Diagnostic], failed: bool, text: &[u8]) {
    for Diagnostic { span, whole, .. } in diagnostics {
        assert!(whole.start <= span.start && span.start <= span.end && span.end <= text.len());
        assert!(whole.end <= text.len());
    }
    let errors = diagnostics.iter().any(|it| it.severity == Severity::Error);
    assert_eq!(failed, errors, "it fails if, and only if, there is an error");
    render(diagnostics, "Dockerfile", text);
}
