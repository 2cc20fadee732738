//! `--check`, `--call`, and the warnings of a build.

use cooperage_tests::{Cooper, busybox, folder};
use serde_json::{Value, json};

const WITH_WARNINGS: &str = "FROM scratch AS BadName\nCOPY secret.txt $DIR /\n";

#[test]
fn a_check_shows_what_it_finds_and_ends_with_one() {
    let cooper = Cooper::new();
    let files = [("Dockerfile", WITH_WARNINGS), (".dockerignore", "secret.txt\n"), ("secret.txt", "")];
    let context = folder(&files);
    let outcome = cooper.build(&["--check"], context.path()).fails_with(1);
    let expected = "Check complete, 3 warnings have been found!

WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/
Stage name 'BadName' should be lowercase
Dockerfile:1
--------------------
   1 | >>> FROM scratch AS BadName
   2 |     COPY secret.txt $DIR /
--------------------

WARNING: CopyIgnoredFile - https://docs.docker.com/go/dockerfile/rule/copy-ignored-file/
Attempting to Copy file \"secret.txt\" that is excluded by .dockerignore
Dockerfile:2
--------------------
   1 |     FROM scratch AS BadName
   2 | >>> COPY secret.txt $DIR /
--------------------

WARNING: UndefinedVar - https://docs.docker.com/go/dockerfile/rule/undefined-var/
Usage of undefined variable '$DIR'
Dockerfile:2
--------------------
   1 |     FROM scratch AS BadName
   2 | >>> COPY secret.txt $DIR /
--------------------
";
    assert_eq!(outcome.stdout, expected);
    assert_eq!(outcome.stderr, "", "all is said");
    cooper.build(&["--call=check,ignorestatus=true"], context.path()).ok();

    let clean = folder(&[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let outcome = cooper.build(&["--check"], clean.path()).ok();
    assert_eq!(outcome.stdout, "Check complete, no warnings found.\n");
}

#[test]
fn a_check_in_json_has_the_form_of_the_subrequest() {
    let cooper = Cooper::new();
    let context = folder(&[("Dockerfile", "FROM scratch\nENV A=1 \\\n  B=$C\n")]);
    let outcome = cooper.build(&["--call=check,format=json"], context.path()).fails_with(1);
    let answer: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let line = |line| json!({"start": {"line": line}, "end": {"line": line}});
    let warning = json!({
        "ruleName": "UndefinedVar",
        "description": "Variables should be defined before they are used",
        "url": "https://docs.docker.com/go/dockerfile/rule/undefined-var/",
        "detail": "Usage of undefined variable '$C'",
        "location": {"ranges": [line(2), line(3)]},
    });
    let source = json!({
        "filename": "Dockerfile",
        "data": "RlJPTSBzY3JhdGNoCkVOViBBPTEgXAogIEI9JEMK",
        "language": "Dockerfile",
    });
    assert_eq!(answer, json!({"warnings": [warning], "sources": [source]}));
}

#[test]
fn a_check_of_a_file_that_cannot_be_built_says_both() {
    let cooper = Cooper::new();
    let context = folder(&[("Dockerfile", "FROM scratch AS Base\nRUNN true\n")]);
    let outcome = cooper.build(&["--check"], context.path()).fails_with(2).says("did you mean RUN?");
    assert!(outcome.stdout.contains("WARNING: StageNameCasing"), "{}", outcome.stdout);
    assert!(!outcome.stderr.contains("StageNameCasing"), "each is said once:\n{}", outcome.stderr);
    let outcome = cooper.build(&["--call=check,format=json"], context.path()).fails_with(2);
    let answer: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(answer["buildError"]["message"], "unknown instruction: RUNN");
    assert_eq!(answer["buildError"]["location"]["ranges"][0]["start"]["line"], 2);
    assert_eq!(answer["warnings"][0]["ruleName"], "StageNameCasing");

    // A base that cannot be had: what was found without it is said.
    let context = folder(&[("Dockerfile", "FROM localhost:1/x AS Base\n")]);
    let outcome = cooper.build(&["--check"], context.path()).fails_with(3).says("localhost:1");
    assert!(outcome.stdout.contains("WARNING: StageNameCasing"), "{}", outcome.stdout);
}

#[test]
fn a_check_builds_nothing_and_looks_at_all_stages() {
    let cooper = Cooper::new();
    busybox(&cooper);
    let dockerfile = "FROM busybox:test AS one\nRUN exit 7\nCMD one\nFROM scratch\nCMD two\n";
    let context = folder(&[("Dockerfile", dockerfile)]);
    let outcome = cooper.build(&["--check", "-t", "app"], context.path()).fails_with(1);
    assert_eq!(outcome.stdout.matches("WARNING: JSONArgsRecommended").count(), 2);
    assert!(outcome.steps().iter().all(|step| !step.name.contains("RUN")), "{}", outcome.stderr);
    cooper.run(["inspect", "app"]).fails_with(2);
    let outcome = cooper.build(&["--check", "--target=one"], context.path()).fails_with(1);
    assert_eq!(outcome.stdout.matches("WARNING:").count(), 1);
}

#[test]
fn a_build_lists_its_warnings_once() {
    let cooper = Cooper::new();
    let dockerfile = "FROM scratch AS BadName\nCOPY Dockerfile /\n";
    let context = folder(&[("Dockerfile", dockerfile)]);
    let listed = " 1 warning found (--check shows the places):
 - StageNameCasing: Stage name 'BadName' should be lowercase (line 1)
";
    let platforms = ["--platform=linux/amd64,linux/arm64", "--output=type=cacheonly"];
    let outcome = cooper.build(&platforms, context.path()).ok().says(listed);
    assert_eq!(outcome.stderr.matches("StageNameCasing").count(), 1);
    let outcome = cooper.run(["build", "-q", context.path().to_str().unwrap()]).ok();
    assert_eq!(outcome.stderr, "");

    // Also of a build that fails: one of them may be why.
    let context = folder(&[("Dockerfile", "FROM scratch AS BadName\nCOPY $DRI/x /\n")]);
    let outcome = cooper.build(&[], context.path()).fails_with(1).says(" - UndefinedVar: ");
    assert_eq!(outcome.stderr.matches("StageNameCasing").count(), 1);
}

#[test]
fn a_file_or_a_build_argument_can_ask_for_errors() {
    let cooper = Cooper::new();
    let dockerfile = "# check=error=true\nFROM scratch as base\ncopy Dockerfile /\n";
    let context = folder(&[("Dockerfile", dockerfile)]);
    let violation = "lint violation found for rules: ConsistentInstructionCasing, FromAsCasing";
    cooper.build(&[], context.path()).fails_with(2).says(violation).says("Dockerfile:1:9");
    let outcome = cooper.build(&["--check"], context.path()).fails_with(2).says(violation);
    assert_eq!(outcome.stdout.matches("WARNING: ").count(), 2);
    cooper.build(&["--build-arg=BUILDKIT_DOCKERFILE_CHECK=skip=all"], context.path()).ok();
    let one = "--build-arg=BUILDKIT_DOCKERFILE_CHECK=skip=FromAsCasing;error=true";
    let outcome = cooper.build(&[one], context.path()).fails_with(2);
    outcome.says("lint violation found for rules: ConsistentInstructionCasing\n");
}

const WITH_PARAMETERS: &str = "# VERSION of the program
ARG VERSION=1
FROM busybox:test AS build
ARG VERSION
# GOFLAGS for the compiler
ARG GOFLAGS
RUN --mount=type=secret,id=token,required=true --mount=type=ssh --mount=type=cache,target=/go true

# app is the program alone
FROM scratch AS app
COPY --from=build / /

FROM app
";

#[test]
fn an_outline_lists_what_a_build_can_be_given() {
    let cooper = Cooper::new();
    busybox(&cooper);
    let context = folder(&[("Dockerfile", WITH_PARAMETERS)]);
    let arguments = ["--target=app", "--build-arg=GOFLAGS=-trimpath"];
    let outcome = cooper.build(&[&["--call=outline"], &arguments[..]].concat(), context.path()).ok();
    let expected = "TARGET:      app
DESCRIPTION: is the program alone

BUILD ARG   VALUE       DESCRIPTION
VERSION     1           of the program
GOFLAGS     -trimpath   for the compiler

SECRET   REQUIRED
token    true

SSH       REQUIRED
default

CACHE MOUNT
/go

";
    assert_eq!(outcome.stdout, expected);
    let outcome = cooper.build(&[&["--call=outline,format=json"], &arguments[..]].concat(), context.path());
    let answer: Value = serde_json::from_str(&outcome.ok().stdout).expect("JSON");
    let at = |line| json!({"ranges": [{"start": {"line": line}, "end": {"line": line}}]});
    let version =
        json!({"name": "VERSION", "value": "1", "description": "of the program", "location": at(2)});
    assert_eq!(answer["args"][0], version);
    assert_eq!(answer["name"], "app");
    assert_eq!(answer["secrets"], json!([{"name": "token", "required": true, "location": at(7)}]));
    assert_eq!(answer["ssh"], json!([{"name": "default", "location": at(7)}]));
    assert_eq!(answer["cache"], json!([{"ID": "/go", "location": at(7)}]));
    assert!(answer["sources"][0].is_string());
}

#[test]
fn targets_are_listed_without_asking_anybody() {
    let cooper = Cooper::new();
    let dockerfile = WITH_PARAMETERS.replace("busybox:test", "localhost:1/not/there");
    let context = folder(&[("Dockerfile", &dockerfile)]);
    let outcome = cooper.build(&["--call=targets"], context.path()).ok();
    let expected = "TARGET     DESCRIPTION\nbuild\napp        is the program alone\n(default)\n";
    assert_eq!(outcome.stdout, expected);
    let outcome = cooper.build(&["--call=format=json,targets"], context.path()).ok();
    let answer: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let at = |line| json!({"ranges": [{"start": {"line": line}, "end": {"line": line}}]});
    let app =
        json!({"name": "app", "base": "scratch", "description": "is the program alone", "location": at(10)});
    assert_eq!(answer["targets"][1], app);
    assert_eq!(answer["targets"][2], json!({"default": true, "base": "app", "location": at(13)}));
}

#[test]
fn the_last_of_check_and_call_counts() {
    let cooper = Cooper::new();
    let context = folder(&[("Dockerfile", "FROM scratch\n")]);
    let said = |arguments: &[&str]| cooper.build(arguments, context.path()).ok().stdout;
    assert!(said(&["--call=subrequests.describe"]).contains("\noutline "));
    assert!(said(&["--check", "--call=targets"]).starts_with("TARGET"));
    assert!(said(&["--call=targets", "--check"]).starts_with("Check complete"));
    assert_eq!(said(&["--call=build"]), "");
    assert_eq!(said(&["--check=false"]), "");
    cooper.build(&["--call=chek"], context.path()).fails_with(2).says("subrequests.describe");
}
