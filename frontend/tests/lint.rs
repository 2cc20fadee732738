//! The rules: each has a folder in `fixtures/frontend/lint/` and a page in `docs/lint/`.
//!
//! A folder has `triggers.Dockerfile`, about which lint says `expected` (the rule's name is in it), and
//! `quiet.Dockerfile`, about which it says nothing. `UPDATE_FIXTURES=1` writes `expected` anew. A page shows
//! a bad and a good example, and what lint says about the bad one.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "lowering/inputs.rs"]
mod inputs;

use std::path::{Path, PathBuf};

use cooperage_frontend::diagnostic::{Diagnostic, Severity, line_of, render};
use cooperage_frontend::lint::Rule;
use cooperage_frontend::lower::{Lowered, Outcome, Source, lint, lower};
use inputs::Case;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/frontend/lint")
}

fn pages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/lint")
}

/// Inputs without anything given.
fn nothing() -> Case {
    Case::read(Path::new("no/such/file"))
}

fn source(text: &str) -> Source {
    Source { name: "Dockerfile".to_owned(), text: text.as_bytes().to_vec() }
}

/// What lint says of all stages, its needs met.
fn findings(source: &Source, case: &mut Case) -> Vec<Diagnostic> {
    loop {
        let Lowered { outcome, diagnostics } = lint(source, &case.inputs);
        match outcome {
            Outcome::Needs(needs) => assert!(case.answer(&needs)),
            Outcome::NeedsTime(need) => case.answer_time(&need),
            Outcome::Ready(()) | Outcome::Failed => return diagnostics,
        }
    }
}

fn of_text(text: &str) -> Vec<Diagnostic> {
    findings(&source(text), &mut nothing())
}

fn rules(diagnostics: &[Diagnostic]) -> Vec<Rule> {
    diagnostics.iter().filter_map(|diagnostic| diagnostic.rule).collect()
}

#[test]
fn every_rule_is_triggered_and_is_quiet() {
    for rule in Rule::ALL {
        let folder = fixtures().join(rule.name());
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let case = || Case::read(&folder.join("inputs.json"));

        let triggers = source(&read("triggers.Dockerfile"));
        let found = findings(&triggers, &mut case());
        assert!(rules(&found).contains(rule), "{rule} is not triggered:\n{found:?}");
        let rendered = render(&found, "Dockerfile", &triggers.text);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(folder.join("expected"), &rendered).unwrap();
        }
        assert_eq!(rendered, read("expected"), "{rule}");

        let quiet = source(&read("quiet.Dockerfile"));
        let found = findings(&quiet, &mut case());
        assert!(found.is_empty(), "{rule}:\n{}", render(&found, "Dockerfile", &quiet.text));
    }
}

#[test]
fn no_folder_and_no_page_is_of_another_rule() {
    let known: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    for (folder, others) in [(fixtures(), &[][..]), (pages(), &["README"][..])] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(known.contains(&name) || others.contains(&name), "{} is of no rule", path.display());
        }
    }
}

/// The text of the first fenced block of `language` below `heading`.
fn block<'a>(page: &'a str, heading: &str, language: &str) -> Option<&'a str> {
    let (_, after) = page.split_once(&format!("\n## {heading}\n"))?;
    let section = after.split_once("\n## ").map_or(after, |(section, _)| section);
    let (_, block) = section.split_once(&format!("```{language}\n"))?;
    block.split_once("```").map(|(block, _)| block)
}

/// As a build lists them.
fn short(diagnostics: &[Diagnostic], text: &str) -> String {
    let line = |it: &Diagnostic| line_of(text.as_bytes(), it.whole.start);
    let one = |it: &Diagnostic| {
        let rule = it.rule.map_or("error", Rule::name);
        format!("{rule}: {} (line {})\n", it.message, line(it))
    };
    diagnostics.iter().map(one).collect()
}

#[test]
fn every_rule_has_a_page_whose_examples_are_true() {
    let index = std::fs::read_to_string(pages().join("README.md")).unwrap();
    let rows: Vec<&str> = index.lines().filter(|line| line.starts_with("| [")).collect();
    assert_eq!(rows.len(), Rule::ALL.len());
    for (rule, row) in Rule::ALL.iter().zip(rows) {
        assert_eq!(row, format!("| [{rule}]({rule}.md) | {} |", rule.description()));
        let page = std::fs::read_to_string(pages().join(format!("{rule}.md"))).unwrap();
        assert!(page.starts_with(&format!("# {rule}\n\n{}.\n", rule.description())), "{rule}");
        assert!(page.contains("\n## Why\n"), "{rule}");
        let example = |heading| {
            let text = block(&page, heading, "dockerfile").unwrap_or_else(|| panic!("{rule}: {heading}"));
            let mut case = nothing();
            let ignore = block(&page, heading, "gitignore").unwrap_or_default();
            case.inputs.ignore = ignore.lines().map(str::to_owned).collect();
            let given = block(&page, heading, "build-arg").into_iter().flat_map(str::lines);
            let given = given.filter_map(|line| line.split_once('='));
            case.inputs.build_args = given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            case.image_platform = block(&page, heading, "platform").map(|text| text.trim().parse().unwrap());
            short(&findings(&source(text), &mut case), text)
        };
        assert_eq!(example("Bad"), block(&page, "Bad", "text").unwrap(), "{rule}: Bad");
        assert_eq!(example("Good"), "", "{rule}: Good");
    }
}

#[test]
fn a_build_looks_at_what_its_target_needs_and_a_check_at_all() {
    let text = "FROM busybox AS first\nCOPY $foo .\n\nFROM busybox AS second\nCOPY $bar .\n";
    assert_eq!(rules(&of_text(text)), [Rule::UndefinedVar, Rule::UndefinedVar]);
    let mut case = nothing();
    let of_build = loop {
        let lowered = lower(&source(text), &case.inputs);
        match lowered.outcome {
            Outcome::Needs(needs) => assert!(case.answer(&needs)),
            Outcome::NeedsTime(need) => case.answer_time(&need),
            _ => break lowered.diagnostics,
        }
    };
    assert_eq!(of_build.len(), 1);
    assert!(of_build[0].message.contains("$bar"));
    case.inputs.target = Some("first".to_owned());
    let of_target = findings(&source(text), &mut case);
    assert_eq!(of_target.len(), 1);
    assert!(of_target[0].message.contains("$foo"));
}

#[test]
fn a_file_that_is_wrong_is_checked_as_far_as_it_can_be() {
    let found = of_text("FROM scratch AS BadStageName\nMAINTAINER me@example.org\nBADCMD\nCOPY a /\n");
    assert_eq!(rules(&found), [Rule::StageNameCasing, Rule::MaintainerDeprecated]);
    assert!(found.iter().any(|it| it.message == "unknown instruction: BADCMD"));
}

#[test]
fn directives() {
    use Rule::{ConsistentInstructionCasing, FromAsCasing};
    let file = |check: &str| format!("{check}FROM scratch as base\ncopy Dockerfile .\n");
    for (check, expected) in [
        ("", &[FromAsCasing, ConsistentInstructionCasing][..]),
        ("#check=skip=all\n", &[]),
        ("# check=skip=all;error=true\n", &[]),
        ("# check=skip=ConsistentInstructionCasing,FromAsCasing\n", &[]),
        ("# check=skip=ConsistentInstructionCasing\n", &[FromAsCasing]),
        ("# syntax=docker/dockerfile:1\n# check=skip=FromAsCasing\n", &[ConsistentInstructionCasing]),
        // Not at the top any more: about the FROM below it.
        ("# words\n# check=skip=all\n", &[ConsistentInstructionCasing]),
    ] {
        let found = of_text(&file(check));
        assert_eq!(rules(&found), expected, "{check}");
        assert!(found.iter().all(|it| it.severity == Severity::Warning), "{check}");
    }
}

#[test]
fn comments_are_about_the_instruction_below_them() {
    let found = of_text("FROM scratch AS b\n# check=skip=all\n\nCMD x\nENTRYPOINT y\n");
    assert_eq!(rules(&found), [Rule::JSONArgsRecommended]);
    assert!(found[0].message.contains("ENTRYPOINT"));
    // A comment without words ends them.
    let found = of_text("FROM scratch AS b\n# check=skip=all\n#\nCMD x\n");
    assert_eq!(rules(&found), [Rule::JSONArgsRecommended]);
}

#[test]
fn a_file_can_ask_for_errors() {
    let text = "#check=skip=ConsistentInstructionCasing;error=true\nFROM scratch as base\ncopy a .\n";
    let found = of_text(text);
    let error = found.iter().find(|it| it.severity == Severity::Error).unwrap();
    assert_eq!(error.message, "lint violation found for rules: FromAsCasing");
    assert_eq!(&text[error.span.start..error.span.end], "skip=ConsistentInstructionCasing;error=true");

    let mut case = nothing();
    let mut given = |text: &str, check: &str| {
        case.inputs.build_args.insert("BUILDKIT_DOCKERFILE_CHECK".to_owned(), check.to_owned());
        let found = findings(&source(text), &mut case);
        found.into_iter().map(|it| it.message).collect::<Vec<_>>()
    };
    assert_eq!(given(text, "skip=all"), [""; 0]);
    let text = "#check=skip=all\nFROM scratch as base\ncopy a .\n";
    let messages = given(text, "error=true;skip=FromAsCasing");
    assert!(messages.contains(&"lint violation found for rules: ConsistentInstructionCasing".to_owned()));
    assert!(given(text, "skip").contains(&"invalid check option \"skip\"".to_owned()));
}

#[test]
fn a_finding_knows_its_instruction() {
    let text = "FROM scratch\nENV a=1 \\\n  b=$x \\\n  c=2\nCOPY <<E /\n$y\nE\n";
    let found = of_text(text);
    let wholes: Vec<&str> = found.iter().map(|it| &text[it.whole.start..it.whole.end]).collect();
    assert_eq!(wholes, ["ENV a=1 \\\n  b=$x \\\n  c=2", "COPY <<E /\n$y\nE"]);
    assert!(text[found[0].span.start..found[0].span.end].contains("$x"));
}

#[test]
fn places_are_right_behind_bytes_that_are_no_characters() {
    let text = b"# J\xf6rg, \xe4\xf6\xfc\xdf\nFROM scratch\nLABEL by=J\xf6rg\n\n\nENV a=$x\n";
    let source = Source { name: "Dockerfile".to_owned(), text: text.to_vec() };
    let found = findings(&source, &mut nothing());
    assert_eq!(rules(&found), [Rule::UndefinedVar]);
    assert_eq!(line_of(&source.shown(), found[0].whole.start), 6);
    assert!(render(&found, "Dockerfile", &source.shown()).contains("\n6 | ENV a=$x\n"));
}

#[test]
fn triggers_fire_in_stages_that_nothing_needs_too() {
    let found = of_text("FROM busybox AS base\nONBUILD COPY $x /\nFROM base AS one\nFROM scratch\n");
    assert_eq!(rules(&found), [Rule::UndefinedVar]);
    assert!(found[0].help.as_ref().is_some_and(|help| help.contains("ONBUILD COPY $x /")));
    let text = "FROM busybox AS base\nONBUILD COPY --from=late /x /\nFROM base AS child\nFROM busybox AS late\nFROM late\n";
    assert!(of_text(text)[0].message.starts_with("cannot copy from stage"));
}
