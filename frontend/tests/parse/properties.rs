//! What holds for any text.

use cooperage_frontend::ast::Span;
use cooperage_frontend::diagnostic::render;
use cooperage_frontend::expand::{expand_heredoc, expand_word, expand_words};
use cooperage_frontend::parse::{parse, parse_trigger};
use proptest::prelude::*;

use super::dump;

fn check(text: &[u8]) {
    let parsed = parse(text);
    let readable = String::from_utf8_lossy(text);
    let inside = |span: Span| span.start <= span.end && span.end <= readable.len();
    let mut end = 0;
    for instruction in &parsed.dockerfile.instructions {
        assert!(inside(instruction.span) && inside(instruction.keyword.span));
        assert!(instruction.span.start >= end, "instructions overlap");
        assert_eq!(instruction.keyword.span.start, instruction.span.start);
        end = instruction.span.end;
    }
    for diagnostic in &parsed.diagnostics {
        assert!(inside(diagnostic.span), "{diagnostic:?}");
    }
    assert!(parsed.diagnostics.is_sorted_by_key(|it| it.span.start));
    // Both look at every span of the tree.
    dump::dump(&parsed.dockerfile, readable.as_bytes());
    render(&parsed.diagnostics, "Dockerfile", text);
}

/// Text made of what is special to the language.
fn dockerfile_like() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "FROM a",
        "FROM",
        "RUN",
        "COPY",
        "ADD",
        "ENV",
        "ARG",
        "LABEL",
        "CMD",
        "ONBUILD",
        "HEALTHCHECK",
        "SHELL",
        "VOLUME",
        "EXPOSE",
        "USER",
        "from",
        "# ",
        "# escape=`",
        "# syntax=x",
        "\n",
        "\n",
        "\n",
        "\r\n",
        "\\\n",
        "`\n",
        "\\",
        "`",
        " ",
        " ",
        "\t",
        "--",
        "--from=b",
        "--mount=",
        "=",
        "a=b",
        "'",
        "\"",
        "$",
        "${",
        "}",
        ":-",
        "<<E",
        "<<-E",
        "<< E",
        "<<'E'",
        "E",
        "\tE",
        "[",
        "]",
        "[\"a\"]",
        ",",
        "AS",
        "x",
        "\u{a0}",
        "\u{feff}",
        "é",
    ]);
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_parsed(text in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&text);
    }

    #[test]
    fn any_dockerfile_like_text_is_parsed(text in dockerfile_like()) {
        check(text.as_bytes());
        parse_trigger(&text, '`');
    }

    #[test]
    fn any_text_is_expanded(text in r"[\\`$\{\}:#%/*?+\-'<=!@a1 é\n]{0,40}", value in r"[a*\\$\n é/]{0,20}") {
        let vars = vec![("a".to_owned(), value)];
        for escape in ['\\', '`'] {
            let _ = expand_words(&text, escape, &vars);
            let _ = expand_word(&text, escape, &vars);
        }
        let _ = expand_heredoc(&text, &vars);
    }

    /// What has nothing special in it is itself.
    #[test]
    fn plain_text_expands_to_itself(text in r"[a-z é\n=,.]{0,40}") {
        let vars: Vec<(String, String)> = Vec::new();
        prop_assert_eq!(expand_word(&text, '\\', &vars).expect("nothing to go wrong").value, text);
    }

    /// Comments between continuation lines change no value.
    #[test]
    fn comments_in_continuations_vanish(words in prop::collection::vec("[a-z]{1,5}", 1..8)) {
        let plain = format!("FROM x\nRUN {}", words.join(" \\\n"));
        let commented = format!("FROM x\nRUN {}", words.join(" \\\n  # c \\\n"));
        let original = |text: &str| parse(text.as_bytes()).dockerfile.instructions[1].original.clone();
        prop_assert_eq!(original(&plain), original(&commented));
    }
}
