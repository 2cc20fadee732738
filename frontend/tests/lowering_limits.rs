//! Large and hostile files: lowered or refused, in linear time and bounded memory.
//!
//! Work that were quadratic in any of these sizes would not end within the suite's patience.

use cooperage_frontend::diagnostic::Severity;
use cooperage_frontend::lower::{Inputs, Outcome, Source, lower};
use cooperage_image::Platform;

/// The number of ops, or the first error.
fn lowered(text: &str) -> Result<usize, String> {
    let source = Source { name: "Dockerfile".to_owned(), text: text.as_bytes().to_vec() };
    let inputs = Inputs::new(Platform::new("linux", "amd64", None));
    let lowered = lower(&source, &inputs);
    match lowered.outcome {
        Outcome::Ready(build) => Ok(build.definition.def.len()),
        _ => {
            let error = lowered.diagnostics.into_iter().find(|it| it.severity == Severity::Error);
            Err(error.map_or("something is needed".to_owned(), |error| error.message))
        }
    }
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

#[test]
fn many_things_of_one_kind_are_lowered() {
    for (text, ops) in [
        (lines(20_000, |n| format!("ENV a{n}=1\n")), 0),
        (lines(20_000, |n| format!("ARG a{n}=1\n")), 0),
        (lines(20_000, |n| format!("ENV a=$b{n}\n")), 0),
        (lines(20_000, |n| format!("LABEL a{n}=1\n")), 0),
        (format!("COPY {}/\n", lines(40_000, |n| format!("f{n} \\\n"))), 3),
        (format!("RUN {}x\n", lines(20_000, |n| format!("--mount=type=cache,target=/c{n} \\\n"))), 2),
        (
            format!(
                "COPY {}/\n{}",
                lines(20_000, |n| format!("<<a{n} \\\n")),
                lines(20_000, |n| format!("a{n}\n"))
            ),
            20_002,
        ),
    ] {
        assert_eq!(lowered(&format!("FROM scratch\n{text}")), Ok(ops), "{}", &text[..20]);
    }
}

#[test]
fn what_grows_by_the_square_of_the_file_is_refused() {
    let long = "x".repeat(1000);
    let doubled = format!("ENV a={long}\n{}", "ENV a=$a$a\n".repeat(9));
    for text in [
        lines(20_000, |n| format!("ENV a{n}=1\nRUN x\n")),
        lines(20_000, |n| format!("ARG a{n}=1\nRUN x\n")),
        lines(10_000, |n| format!("FROM scratch AS s{n}\nLABEL a={long}\n").replace("scratch", &base(n))),
        "EXPOSE 0-65535\n".repeat(2_000),
        format!("{doubled}{}", "ENV b=$a\n".repeat(1000)),
        format!("{doubled}{}", "COPY <<E /f\n$a$a$a$a\nE\n".repeat(1000)),
    ] {
        let refused = lowered(&format!("FROM scratch\n{text}"));
        let message = "the build becomes too large: more than 64 MiB of variables and history";
        assert_eq!(refused, Err(message.to_owned()), "{}", &text[..40]);
    }
    let word = lowered(&format!("FROM scratch\n{doubled}ENV b=$a$a$a\n"));
    assert!(word.is_err_and(|message| message.ends_with("the result is longer than 1 MiB")));
}

fn base(n: usize) -> String {
    n.checked_sub(1).map_or("scratch".to_owned(), |before| format!("s{before}"))
}

/// What is wrong everywhere is said of the first places, and nothing is searched for the others.
#[test]
fn many_errors_end_early() {
    let bases = lines(30_000, |n| format!("FROM S{n}\n"));
    assert!(lowered(&bases).is_err_and(|message| message.contains("lower case")));
    let modes = lines(20_000, |_| "COPY --chmod=9 a /\n".to_owned());
    assert!(lowered(&format!("FROM scratch\n{modes}")).is_err_and(|message| message.contains("chmod")));
}
