//! ONBUILD triggers taken from an image config.

use cooperage_frontend::ast::{Instruction, Kind, Source};
use cooperage_frontend::diagnostic::render;
use cooperage_frontend::parse::{detect_syntax, parse, parse_trigger};

fn messages(text: &str) -> Vec<String> {
    parse_trigger(text, '\\').diagnostics.into_iter().map(|it| it.message).collect()
}

/// What `ONBUILD` stores is what a trigger is parsed from.
#[test]
fn a_stored_trigger_is_parsed_to_the_same_instruction() {
    let text = "FROM a\nONBUILD COPY --chown=1 a <<-\"X\" /d/ \n\t$y\r\n\tX\n";
    let parsed = parse(text.as_bytes());
    assert_eq!(render(&parsed.diagnostics, "Dockerfile", text.as_bytes()), "");
    let [_, Instruction { kind: Kind::OnBuild(on_build), .. }] = &parsed.dockerfile.instructions[..] else {
        panic!("{parsed:?}")
    };
    assert_eq!(on_build.text, "COPY --chown=1 a <<-\"X\" /d/ \n\t$y\r\nX");
    let trigger = parse_trigger(&on_build.text, '\\');
    assert_eq!(trigger.diagnostics, []);
    let [Instruction { kind: Kind::Copy(again), .. }] = &trigger.dockerfile.instructions[..] else {
        panic!("{trigger:?}")
    };
    let trigger = on_build.instruction.as_ref().unwrap();
    let Kind::Copy(first) = &trigger.kind else { panic!("{on_build:?}") };
    assert_eq!(again.dest.value, first.dest.value);
    let [Source::Path(_), Source::Heredoc(heredoc)] = &again.sources[..] else { panic!("{again:?}") };
    assert_eq!((heredoc.body.as_str(), heredoc.expand, heredoc.chomp), ("\t$y\r\n", false, true));
}

#[test]
fn a_trigger_is_one_instruction_that_may_be_triggered() {
    assert_eq!(messages("RUN a"), [""; 0]);
    assert_eq!(messages("RUN a\nRUN b"), ["onbuild trigger should be a single expression"]);
    assert_eq!(messages(""), ["onbuild trigger should be a single expression"]);
    assert_eq!(messages("from a"), ["FROM isn't allowed as an ONBUILD trigger"]);
    assert_eq!(messages("ONBUILD RUN a"), ["chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"]);
}

#[test]
fn the_escape_character_of_a_trigger_is_given() {
    let parsed = parse_trigger("RUN a `\n b", '`');
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(parsed.dockerfile.instructions[0].original, "RUN a  b");
}

#[test]
fn a_frontend_can_be_asked_for_in_four_forms() {
    let detect = |text: &str| detect_syntax(text.as_bytes()).map(|found| found.value);
    assert_eq!(detect("# syntax = a/b:1 x\nFROM c"), Some("a/b:1 x".to_owned()));
    assert_eq!(detect("\u{feff}#!/usr/bin/x\n# escape=`\n#syntax=a\n"), Some("a".to_owned()));
    assert_eq!(detect("// syntax=a\n"), Some("a".to_owned()));
    assert_eq!(detect("{\"x\": [1], \"syntax\": \"a\"}"), Some("a".to_owned()));
    assert_eq!(detect("# no=directive\n# syntax=a\n"), None);
    assert_eq!(detect("FROM c\n# syntax=a\n"), None);
    assert_eq!(detect("{\"syntax\": 1}"), None);
}
