//! The pages of docs/conformance that are made from the corpus.

use std::fmt::Write;

use super::{Case, Differs, Section};

/// docs/conformance/table.md: each row, what shows it, and where BuildKit differs.
pub fn table(sections: &[Section], cases: &[Case]) -> String {
    let mut text = String::from(
        "# What the Dockerfile language says, and what shows it\n\n\
         Made from [rows.toml](rows.toml) and the cases by `UPDATE_FIXTURES=1 make conformance`. A row without a \
         test fails the tests.\n",
    );
    for section in sections {
        write!(
            text,
            "\n## {}\n\n| rule | shown by | BuildKit differs |\n| --- | --- | --- |\n",
            section.name
        )
        .expect("a string grows");
        for row in &section.row {
            let shown: Vec<_> = row.cases(cases);
            let mut by: Vec<String> = shown.iter().map(|case| link(&case.name)).collect();
            by.extend(row.tests.iter().map(|test| test_link(test)));
            let mut differs: Vec<&str> = row.buildkit.iter().map(String::as_str).collect();
            let of_cases = shown.iter().flat_map(|case| &case.spec.differs);
            differs.extend(
                of_cases.filter(|differs| differs.from == "buildkit").map(|differs| differs.why.as_str()),
            );
            let (what, differs) = (cell(&row.what), cell(&differs.join(" ")));
            writeln!(text, "| {what} | {} | {differs} |", by.join(", ")).expect("a string grows");
        }
    }
    text
}

/// The page of a peer: every difference from it, with its reason.
pub fn peer_page(peer: &str, title: &str, cases: &[Case], always: &[Differs]) -> String {
    let differing: Vec<&Case> =
        cases.iter().filter(|case| case.spec.differs.iter().any(|differs| differs.from == peer)).collect();
    let mut text = format!(
        "# {title}\n\nMade from the cases by `UPDATE_FIXTURES=1 make conformance`; `make differential` fails when a \
         difference is not listed here or is no longer there.\n\n{} cases, {} with differences of their own.\n\n\
         | case | difference | why |\n| --- | --- | --- |\n",
        cases.len(),
        differing.len()
    );
    for differs in always {
        writeln!(text, "| many | {} | {} |", keys(differs), cell(&differs.why)).expect("a string grows");
    }
    for case in differing {
        for differs in case.spec.differs.iter().filter(|differs| differs.from == peer) {
            let (case, why) = (link(&case.name), cell(&differs.why));
            writeln!(text, "| {case} | {} | {why} |", keys(differs)).expect("a string grows");
        }
    }
    text
}

fn keys(differs: &Differs) -> String {
    let keys: Vec<String> = differs.what.iter().map(|what| format!("`{what}`")).collect();
    cell(&keys.join(", "))
}

fn link(case: &str) -> String {
    format!("[{case}](../../fixtures/conformance/{case}/Dockerfile)")
}

fn test_link(test: &str) -> String {
    match test.split_once(": ") {
        None => format!("[{test}](../../fixtures/{test})"),
        Some((file, function)) => format!("[{function}](../../{file})"),
    }
}

fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|").replace('\n', " ")
}
