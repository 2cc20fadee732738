//! Any text is expanded or refused; the first line is the value of `$v`, the rest is expanded.

#![no_main]

use cooperage_frontend::expand::{expand_heredoc, expand_word, expand_words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (value, text) = text.split_once('\n').unwrap_or(("", text));
    let vars = vec![("v".to_owned(), value.to_owned())];
    for escape in ['\\', '`'] {
        // Refusing is as good as expanding; what counts is that both end.
        let _ = expand_word(text, escape, &vars);
        let _ = expand_words(text, escape, &vars);
    }
    let _ = expand_heredoc(text, &vars);
});
