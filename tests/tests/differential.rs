//! The conformance corpus, built by others too (docs/conformance/README.md). Minutes; `make differential` runs it.

use std::sync::Mutex;

use cooperage_tests::conformance::{
    Bases, BuildKit, Buildah, Builder, Case, CooperBuilder, Differs, always, between, for_each, place,
    report, unexplained,
};

#[test]
#[ignore = "takes minutes: make differential"]
fn buildah_differs_only_where_it_is_explained() {
    let cases = Case::all();
    let bases = Bases::new(&cases);
    compare(&cases, &bases, &Buildah::new(&bases), false);
}

#[test]
#[ignore = "needs a running BuildKit: make differential BUILDCTL=..."]
fn buildkit_differs_only_where_it_is_explained() {
    let cases = Case::all();
    let bases = Bases::new(&cases);
    let Some(buildkit) = BuildKit::new(&bases) else {
        println!("skipped: BUILDCTL does not name BuildKit's client");
        return;
    };
    compare(&cases, &bases, &buildkit, true);
}

fn compare(cases: &[Case], bases: &Bases, peer: &impl Builder, exact: bool) {
    let cooper = CooperBuilder { bases };
    let always = always(peer.name());
    let always: Vec<&Differs> = always.iter().collect();
    let seen = Mutex::new(vec![false; always.len()]);
    let failed = for_each(cases, |case| {
        // Each has a context of its own: what one does to it does not reach the other.
        let (first, second) = (place(case), place(case));
        let found = between(case, &cooper.build(case, first.path()), &peer.build(case, second.path()), exact);
        for (index, differs) in always.iter().enumerate() {
            if found.iter().any(|found| differs.explains(found)) {
                seen.lock().unwrap()[index] = true;
            }
        }
        let expected: Vec<&Differs> =
            case.spec.differs.iter().filter(|differs| differs.from == peer.name()).collect();
        let (new, old) = unexplained(&found, &expected, &always);
        let new = new.into_iter().map(|found| format!("unexplained {:?}: {}", found.key, found.sides));
        let wrong: Vec<String> =
            new.chain(old.into_iter().map(|what| format!("no longer there: {what:?}"))).collect();
        (!wrong.is_empty()).then(|| wrong.join("\n  "))
    });
    assert!(failed.is_empty(), "{}", report(&failed, cases.len()));
    let seen = seen.into_inner().unwrap();
    let unseen: Vec<_> =
        always.iter().zip(seen).filter(|(_, seen)| !seen).map(|(differs, _)| differs).collect();
    let whole = std::env::var_os("CASE").is_none();
    assert!(!whole || unseen.is_empty(), "in no case any more (always.toml): {unseen:?}");
}
