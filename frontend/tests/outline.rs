//! What a target can be given, and which targets there are.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "lowering/inputs.rs"]
mod inputs;

use std::path::Path;

use cooperage_frontend::diagnostic::line_of;
use cooperage_frontend::lower::{Lowered, Outcome, Outline, OutlineMount, Source, outline, targets};
use inputs::Case;

fn source(text: &str) -> Source {
    Source { name: "Dockerfile".to_owned(), text: text.as_bytes().to_vec() }
}

fn outlined(text: &str, target: Option<&str>, build_args: &[(&str, &str)]) -> Outline {
    let mut case = Case::read(Path::new("no/such/file"));
    case.inputs.target = target.map(str::to_owned);
    let build_args = build_args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    case.inputs.build_args = build_args.collect();
    loop {
        let Lowered { outcome, diagnostics } = outline(&source(text), &case.inputs);
        match outcome {
            Outcome::Needs(needs) => assert!(case.answer(&needs)),
            Outcome::NeedsTime(need) => case.answer_time(&need),
            Outcome::Ready(outline) => return outline,
            Outcome::Failed => panic!("{diagnostics:?}"),
        }
    }
}

/// `LINE NAME=VALUE (DESCRIPTION)`
fn args(outline: &Outline, text: &str) -> Vec<String> {
    let one = |arg: &cooperage_frontend::lower::OutlineArg| {
        let mut line = format!("{} {}", line_of(text.as_bytes(), arg.whole.start), arg.name);
        line.extend(arg.value.iter().map(|value| format!("={value}")));
        line.extend(arg.description.iter().map(|text| format!(" ({text})")));
        line
    };
    outline.args.iter().map(one).collect()
}

fn mounts(mounts: &[OutlineMount], text: &str) -> Vec<String> {
    let one = |mount: &OutlineMount| {
        let required = if mount.required { " required" } else { "" };
        format!("{} {}{required}", line_of(text.as_bytes(), mount.span.start), mount.id)
    };
    mounts.iter().map(one).collect()
}

const ARGS: &str = "ARG inherited=box
ARG inherited2=box2
ARG unused=abc${inherited2}
# sfx is a suffix
ARG sfx=\"usy${inherited}\"

FROM b${sfx} AS first
# this is not assigned to anything
ARG FOO=123
# BAR is a number
ARG BAR=456
RUN true

FROM alpine${unused} AS second
ARG BAZ

FROM scratch AS third
ARG ABC=a
# alternate_password will show up
# check=skip=all
ARG alternate_password ABD=b

# target defines build target
FROM third AS target
COPY --from=first /etc/passwd /

FROM second
";

#[test]
fn arguments_of_the_target_and_of_what_it_needs() {
    let outline = outlined(ARGS, Some("Target"), &[("BAR", "678")]);
    assert_eq!(outline.name.as_deref(), Some("target"));
    assert_eq!(outline.description.as_deref(), Some("defines build target"));
    assert_eq!(
        args(&outline, ARGS),
        [
            "1 inherited=box",
            "5 sfx=usybox (is a suffix)",
            "9 FOO=123",
            "11 BAR=678 (is a number)",
            "18 ABC=a",
            "21 alternate_password (will show up)",
            "21 ABD=b"
        ]
    );
    let default = outlined(ARGS, None, &[]);
    assert_eq!((default.name, default.description), (None, None));
}

#[test]
fn an_argument_of_several_lives_is_listed_once() {
    let text = "ARG FOO=123
ARG ABC=abc
ARG DEF=def
ARG FOO=${FOO}${ABC}
ARG BAR=${FOO}456
ARG FOO=${FOO}456${BAR}
FROM scratch
ARG FOO
ARG INFOO=123
ARG INBAR=${INFOO}456
ARG INFOO=${INFOO}456${INBAR}
ARG TARGETARCH
";
    assert_eq!(
        args(&outlined(text, None, &[]), text),
        [
            "2 ABC=abc",
            "5 BAR=123abc456",
            "6 FOO=123abc456123abc456",
            "10 INBAR=123456",
            "11 INFOO=123456123456"
        ]
    );
    // What is given has no default, and so none that it depends on.
    let given = outlined(text, None, &[("FOO", "x"), ("TARGETARCH", "y")]);
    assert_eq!(args(&given, text)[..2], ["8 FOO=x", "10 INBAR=123456"]);
}

#[test]
fn secrets_agents_and_caches() {
    let text = "FROM busybox AS first
RUN --mount=type=secret,target=/etc/passwd,required=true --mount=type=ssh true

FROM alpine AS second
RUN --mount=type=secret,id=unused --mount=type=ssh,id=ssh2 --mount=type=cache,target=/unused true

FROM scratch AS third
ARG BAR
RUN --mount=type=secret,id=second${BAR} --mount=type=cache,target=/var/cache/${BAR} true

FROM third AS target
COPY --from=first /foo /
RUN --mount=type=ssh,id=ssh3,required --mount=type=cache,id=go,target=/go true
RUN --mount=type=secret,id=second678,required=true --mount=type=cache,id=go,target=/go true

FROM second
";
    let outline = outlined(text, Some("target"), &[("BAR", "678")]);
    assert_eq!(mounts(&outline.secrets, text), ["2 passwd required", "9 second678 required"]);
    assert_eq!(mounts(&outline.ssh, text), ["2 default", "13 ssh3 required"]);
    assert_eq!(mounts(&outline.caches, text), ["9 /var/cache/678", "13 go"]);
}

#[test]
fn targets_are_the_stages_as_they_are_written() {
    let text = "ARG BASE=busybox
# build compiles the program
FROM --platform=$BUILDPLATFORM alpine AS Build
RUN true

# second is apart

FROM busybox as second

FROM $BASE

# binary is the program alone
# check=skip=all
FROM second AS binary
";
    let targets = targets(&source(text)).unwrap();
    let lines: Vec<String> = targets
        .iter()
        .map(|target| {
            let line = line_of(text.as_bytes(), target.span.start);
            let name = target.name.as_deref().unwrap_or("-");
            let platform = target.platform.as_deref().unwrap_or("-");
            let description = target.description.as_deref().unwrap_or("-");
            format!("{line} {name} {} {platform} {} {description}", target.base, target.is_default)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "3 build alpine $BUILDPLATFORM false compiles the program",
            "8 second busybox - false is apart",
            "10 - $BASE - false -",
            "14 binary second - true is the program alone"
        ]
    );
    let errors = wrong();
    assert!(errors.contains("unknown instruction: FORM"), "{errors}");
}

fn wrong() -> String {
    let errors = targets(&source("FORM scratch\n")).unwrap_err();
    errors.into_iter().map(|error| error.message).collect()
}
