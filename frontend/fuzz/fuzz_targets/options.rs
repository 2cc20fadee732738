//! The value of `RUN --mount`: one record of comma-separated options, whatever it is.

#![no_main]

mod frontend;

use cooperage_frontend::lower::{Source, lower};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    let text = format!("FROM busybox AS base\nARG size=1m\nRUN --mount={value} true\n");
    let end = frontend::ask(lower, &Source { name: "Dockerfile".to_owned(), text: text.into_bytes() });
    // Refusing is as good as mounting; what counts is that both end.
    assert!(!end.gave_up, "there is one image to know, and one that is mounted");
    assert!(!end.failed || !end.diagnostics.is_empty(), "a refusal says why");
});
