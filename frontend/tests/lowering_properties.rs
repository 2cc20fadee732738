//! What holds for any Dockerfile.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::collections::BTreeMap;

use cooperage_frontend::lower::{Build, Inputs, Outcome, ResolvedImage, Source, lower};
use cooperage_image::{Digest, ImageConfig, Platform};
use cooperage_llb::graph::Graph;
use proptest::prelude::*;
use prost::Message;

/// Instructions that mean something to each other.
const INSTRUCTIONS: [&str; 39] = [
    "ARG A",
    "ARG A=1 B=$A",
    "ARG TARGETARCH",
    "ENV A=2 B=${A:-x}",
    "ENV PATH=/x:$PATH",
    "ENV legacy value",
    "RUN echo $A",
    "RUN [\"a\", \"b\"]",
    "RUN <<E\n#!/bin/x\nE",
    "RUN cat <<E >f\n$A\nE",
    "RUN --network=none x",
    "RUN --mount=type=secret,id=s,env=S --mount=type=ssh x",
    "COPY . .",
    "COPY a b* /c/",
    "COPY --from=a /x $A/",
    "COPY --from=0 / /",
    "COPY --from=dir x /",
    "COPY --from=image:1 x /",
    "COPY --link --exclude=*.x --parents a/./b /",
    "ADD x.tar /",
    "WORKDIR /w/../$A",
    "WORKDIR r",
    "USER 5",
    "LABEL \"a b\"=$A c='d'",
    "EXPOSE $A 80 90-95/udp",
    "VOLUME [\"/v\", \"$A\"]",
    "CMD x",
    "CMD []",
    "ENTRYPOINT [\"x\"]",
    "HEALTHCHECK --interval=1s CMD x",
    "SHELL [\"/s\"]",
    "ONBUILD COPY --from=b /t /",
    "ONBUILD RUN t",
    "ONBUILD WORKDIR $A",
    "MAINTAINER m",
    "COPY <<E /f\n$A ${B-unset}\nE",
    "RUN --mount=from=a,target=/a --mount=type=cache,target=c,uid=1 x",
    "STOPSIGNAL 9",
    "COPY --from=b --chown=4:5 --chmod=u+x /x /y",
];

/// Instructions that are wrong, always or sometimes.
const WRONG: [&str; 9] = [
    "RUN []",
    "RUN --mount=target=/ x",
    "ADD https://h/x /",
    "STOPSIGNAL $A",
    "COPY <<E /f\n$A ${B?unset}\nE",
    "RUN --mount=from=b,target=$A,source=$B x",
    "RUN --mount=from=a,target=/a --mount=type=cache,target=c,uid=$A x",
    "USER $A:x",
    "COPY --from=b --chown=u:5 --chmod=u+x /x /y",
];

fn instruction() -> impl Strategy<Value = String> {
    let keyword = prop::sample::select(vec![
        "RUN",
        "COPY",
        "ADD",
        "ENV",
        "ARG",
        "LABEL",
        "EXPOSE",
        "VOLUME",
        "USER",
        "WORKDIR",
        "CMD",
        "ENTRYPOINT",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "SHELL",
        "ONBUILD",
        "RUN --mount=",
        "COPY --from=",
        "COPY --chmod=",
        "COPY --chown=",
        "HEALTHCHECK --interval=",
    ]);
    prop_oneof![
        40 => prop::sample::select(INSTRUCTIONS.to_vec()).prop_map(str::to_owned),
        1 => prop::sample::select(WRONG.to_vec()).prop_map(str::to_owned),
        1 => (keyword, "[ -~é]{0,20}( /x)?").prop_map(|(keyword, rest)| format!("{keyword} {rest}")),
        1 => (keyword_with_value(), "[ -~]{0,12}").prop_map(|(keyword, rest)| format!("{keyword}{rest} a /b")),
    ]
}

fn keyword_with_value() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["RUN --mount=", "COPY --from=", "COPY --chmod=", "ADD --chown=", "COPY "])
}

fn stage() -> impl Strategy<Value = (String, Vec<String>)> {
    let from = prop::sample::select(vec![
        "FROM scratch",
        "FROM scratch AS a",
        "FROM busybox AS a",
        "FROM busybox AS b",
        "FROM a AS b",
        "FROM a",
        "FROM b",
        "FROM trigger",
        "FROM dir",
        "FROM dir AS dir2",
        "FROM $BASE",
        "FROM --platform=$BUILDPLATFORM busybox AS a",
    ]);
    (from.prop_map(str::to_owned), prop::collection::vec(instruction(), 0..8))
}

fn text(stages: &[(String, Vec<String>)]) -> String {
    let mut text = String::from("ARG BASE=busybox\n");
    for (from, body) in stages {
        text += &format!("{from}\n");
        for instruction in body {
            text += &format!("{instruction}\n");
        }
    }
    text
}

fn inputs(explicit: bool) -> Inputs {
    let context =
        |name: &str| (name.to_owned(), cooperage_frontend::lower::NamedContext::Local { ignore: vec![] });
    Inputs {
        build_args: BTreeMap::from([("HTTP_PROXY".to_owned(), "p".to_owned())]),
        platform: Platform::new("linux", if explicit { "arm64" } else { "amd64" }, None),
        platform_is_explicit: explicit,
        contexts: BTreeMap::from([context("dir"), context("dir2")]),
        ignore: vec!["x".to_owned()],
        ..Inputs::new(Platform::new("linux", "amd64", None))
    }
}

/// Lowers until nothing more is needed. Every image has triggers.
fn build(text: &str, explicit: bool) -> Option<Build> {
    let source = Source { name: "Dockerfile".to_owned(), text: text.as_bytes().to_vec() };
    let mut inputs = inputs(explicit);
    for _ in 0..20 {
        let lowered = lower(&source, &inputs);
        assert_eq!(lowered, lower(&source, &inputs));
        match lowered.outcome {
            Outcome::Ready(build) => return Some(*build),
            Outcome::Failed => return None,
            Outcome::NeedsTime(need) => panic!("nobody asked for the time of {need:?}"),
            Outcome::Needs(needs) => {
                assert!(!needs.is_empty() && needs.is_sorted());
                for need in needs {
                    let config: ImageConfig = serde_json::from_str(
                        r#"{"os":"linux","architecture":"amd64",
                            "config":{"OnBuild":["RUN trigger","COPY --from=other:2 /x /"],"User":"7"},
                            "history":[{"created_by":"x"}]}"#,
                    )
                    .unwrap();
                    let digest = Digest::of(format!("{need:?}").as_bytes());
                    let known = inputs.images.insert(need, ResolvedImage { digest, config });
                    assert!(known.is_none(), "asked for again");
                }
            }
        }
    }
    panic!("it never has enough");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_panics_and_is_deterministic(
        stages in prop::collection::vec(stage(), 1..5),
        explicit: bool,
    ) {
        if let Some(build) = build(&text(&stages), explicit) {
            let layers = build.config.history.iter().filter(|entry| !entry.empty_layer).count();
            prop_assert_eq!(layers == 0, build.definition.def.is_empty());
            check_graph(&build)?;
        }
    }

    #[test]
    fn any_text_lowers_without_panic(text in "(FROM busybox\n)?(\\PC{0,40}\n){0,6}") {
        build(&text, false);
    }

    #[test]
    fn an_unreachable_stage_changes_nothing(
        stages in prop::collection::vec(stage(), 1..4),
        unused in prop::collection::vec(prop::sample::select(INSTRUCTIONS.to_vec()), 0..5),
    ) {
        let Some(without) = build(&text(&stages), false) else { return Ok(()) };
        // What fails even where it is not needed: copying by a name or number that means this stage.
        let unused = unused.into_iter().filter(|text| !text.starts_with("ONBUILD") && !text.contains("from="));
        let mut with = stages;
        let last = with.len() - 1;
        with.insert(last, ("FROM busybox AS unused".to_owned(), unused.map(str::to_owned).collect()));
        let with = build(&text(&with), false);
        prop_assert!(with.is_some(), "it fails with the stage");
        let with = with.unwrap();
        prop_assert_eq!(without.definition.def, with.definition.def);
        prop_assert_eq!(without.config, with.config);
    }
}

/// Inputs come before what reads them, every op is named, and the last one names the result.
fn check_graph(build: &Build) -> Result<(), TestCaseError> {
    let graph = Graph::from_definition(&build.definition);
    prop_assert!(graph.is_ok(), "{:?}", graph.err());
    let mut known = Vec::new();
    for bytes in &build.definition.def {
        let op = cooperage_llb::pb::Op::decode(bytes.as_slice()).unwrap();
        for input in &op.inputs {
            prop_assert!(known.contains(&input.digest));
        }
        let digest = Digest::of(bytes).to_string();
        let metadata = &build.definition.metadata[&digest];
        prop_assert_eq!(op.op.is_some(), metadata.description.contains_key("llb.customname"));
        prop_assert!(!known.contains(&digest), "twice");
        known.push(digest);
    }
    prop_assert_eq!(known.len(), build.definition.metadata.len());
    Ok(())
}
