//! The conformance corpus, built by cooper and compared with what each case expects (docs/conformance/README.md).

use std::collections::BTreeSet;

use cooperage_tests::conformance::{
    Bases, Builder, Built, Case, CooperBuilder, always, for_each, golden, listing, peer_page, place, report,
    repository, rows, table,
};

#[test]
fn every_case_builds_as_it_expects() {
    let cases = Case::all();
    let bases = Bases::new(&cases);
    let cooper = CooperBuilder { bases: &bases };
    let failed = for_each(&cases, |case| {
        let context = place(case);
        judge(case, &bases, cooper.build(case, context.path()))
    });
    assert!(failed.is_empty(), "{}", report(&failed, cases.len()));
}

/// Why the case failed, if it did.
fn judge(case: &Case, bases: &Bases, built: Built) -> Option<String> {
    let expected = case.folder.join("expect.txt");
    let said = match (&built, &case.spec.fails) {
        (Built::Failed(code, said), Some(failure)) if *code == failure.code => said,
        (Built::Failed(code, said), Some(failure)) => {
            return Some(format!("exit code {code} instead of {}:\n{said}", failure.code));
        }
        (Built::Failed(code, said), None) => return Some(format!("exit code {code}:\n{said}")),
        (Built::Image(..), Some(_)) => return Some("builds, and should fail".to_owned()),
        (Built::Image(_, said), None) => said,
    };
    if let Some(text) = case.spec.says.iter().find(|text| !said.contains(text.as_str())) {
        return Some(format!("{text:?} is not said:\n{said}"));
    }
    match &built {
        Built::Image(image, _) => golden(&expected, &listing(image, &bases.image, case.spec.times)),
        Built::Failed(..) => expected.exists().then(|| "fails, but has an expect.txt".to_owned()),
    }
}

#[test]
fn every_row_has_a_test_and_the_pages_are_made_of_them() {
    let (sections, cases) = (rows(), Case::all());
    let mut wrong = Vec::new();
    let mut ids = BTreeSet::new();
    for row in sections.iter().flat_map(|section| &section.row) {
        if !ids.insert(row.id.as_str()) {
            wrong.push(format!("row {} is there twice", row.id));
        }
        if row.tests.is_empty() && row.cases(&cases).is_empty() {
            wrong.push(format!("row {} has no test", row.id));
        }
        wrong.extend(row.missing_tests().iter().map(|test| format!("row {}: no test {test}", row.id)));
    }
    for case in &cases {
        let unknown = case.spec.rows.iter().filter(|row| !ids.contains(row.as_str()));
        wrong.extend(unknown.map(|row| format!("case {}: no row {row}", case.name)));
        if case.spec.rows.is_empty() {
            wrong.push(format!("case {} shows no row", case.name));
        }
        if case.spec.fails.is_some() && case.spec.says.is_empty() {
            wrong.push(format!("case {} fails and does not say how", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let pages = [
        ("table.md", table(&sections, &cases)),
        ("buildah.md", peer_page("buildah", "Where buildah differs", &cases, &always("buildah"))),
        ("buildkit.md", peer_page("buildkit", "Where BuildKit differs", &cases, &always("buildkit"))),
    ];
    for (name, text) in pages {
        wrong.extend(golden(&repository("docs/conformance").join(name), &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
