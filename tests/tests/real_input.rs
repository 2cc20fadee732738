//! Programs as people write them, on Debian, with its packages and those of pip and cargo: these come
//! through the machine's own configuration, given to the builds as named contexts. Plus eight stages that
//! have to run side by side.

use std::path::{Path, PathBuf};

use cooperage_tests::{Cooper, Outcome, busybox, debian_contexts, folder};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/e2e").join(name)
}

/// Builds a fixture as `app`, twice: the second build has nothing to do.
fn build(cooper: &Cooper, name: &str, contexts: &[String]) -> Outcome {
    let debian = debian_contexts();
    let contexts = debian.iter().chain(contexts).map(String::as_str);
    let arguments: Vec<&str> = ["-t", "app"].into_iter().chain(contexts).collect();
    let built = cooper.build(&arguments, &fixture(name)).ok();
    let again = cooper.build(&arguments, &fixture(name)).ok();
    assert_eq!((again.count("ran"), again.count("pulled_blobs")), (0, 0), "{}", again.stderr);
    assert_eq!(again.digest(), built.digest());
    built
}

/// What `instructions` on top of `app` print.
fn said(cooper: &Cooper, instructions: &str) -> String {
    let context = folder(&[("Dockerfile", &format!("FROM app\n{instructions}\n"))]);
    cooper.build(&["--output=type=cacheonly"], context.path()).ok().stderr
}

/// The first of the files, as `name` in a folder; an empty one if none is there.
fn configuration(name: &str, files: &[&str]) -> tempfile::TempDir {
    let home = std::env::var("HOME").unwrap_or_default();
    let found = files.iter().find_map(|file| std::fs::read_to_string(file.replace('~', &home)).ok());
    folder(&[(name, &found.unwrap_or_default())])
}

fn context(name: &str, path: &Path) -> String {
    format!("--build-context={name}={}", path.display())
}

#[test]
fn a_c_program() {
    let cooper = Cooper::new();
    build(&cooper, "c", &[]);
    let details = cooper.run(["inspect", "app"]).ok().stdout;
    let details: serde_json::Value = serde_json::from_str(&details).unwrap();
    assert_eq!(details[0]["manifest"]["layers"].as_array().unwrap().len(), 1, "the program alone: {details}");
    let said = said(&cooper, "RUN [\"/bin/primes\"]");
    assert!(said.contains("2 3 5 7 11 13 17 19 23 29\n"), "{said}");
}

#[test]
fn a_python_web_application() {
    let cooper = Cooper::new();
    let pip = configuration("pip.conf", &["~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/pip.conf"]);
    build(&cooper, "python", &[context("pip", pip.path())]);
    let get = "from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8080/greet/Ada').read())";
    let serve = format!(
        "RUN --network=none /venv/bin/python app.py & for i in $(seq 50); do /venv/bin/python -c \"{get}\" \
         2>/dev/null && exit; sleep 0.2; done; exit 1"
    );
    let said = said(&cooper, &serve);
    assert!(said.contains(r"b'Hello Ada!\n'"), "{said}");
}

#[test]
fn a_rust_program() {
    let cooper = Cooper::new();
    let cargo = configuration("config.toml", &["~/.cargo/config.toml", "~/.cargo/config"]);
    let sysroot = cooperage_tests::run(std::process::Command::new("rustc").args(["--print", "sysroot"]));
    // Documentation and sources are large and nobody compiles with them.
    let toolchain = tempfile::tempdir().unwrap();
    for part in ["bin", "lib"] {
        let copy = ["-a", "--reflink=auto", &format!("{}/{part}", sysroot.trim())];
        cooperage_tests::run(std::process::Command::new("cp").args(copy).arg(toolchain.path()));
    }
    build(&cooper, "rust", &[context("toolchain", toolchain.path()), context("cargo", cargo.path())]);
    let said = said(&cooper, "RUN count 1234567 42");
    assert!(said.contains("1234567\n") && said.contains(" 42\n"), "{said}");
}

/// All eight begin before one ends: shown by the order of what they print, whatever the machine's load.
#[test]
fn eight_sleeping_stages_sleep_together() {
    let cooper = Cooper::new();
    busybox(&cooper);
    let mut dockerfile = String::new();
    for n in 0..8 {
        dockerfile.push_str(&format!(
            "FROM busybox:test AS s{n}\nRUN echo begins {n}; sleep 1; echo ends {n}; touch /{n}\n"
        ));
    }
    dockerfile.push_str("FROM scratch\n");
    for n in 0..8 {
        dockerfile.push_str(&format!("COPY --from=s{n} /{n} /\n"));
    }
    let said = cooper.build(&["-t", "app"], folder(&[("Dockerfile", &dockerfile)]).path()).ok().stderr;
    let lines = |word: &'static str| {
        let printed = move |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            words.len() == 4 && words[2] == word
        };
        said.lines().enumerate().filter(move |(_, line)| printed(line)).map(|(number, _)| number)
    };
    assert_eq!((lines("begins").count(), lines("ends").count()), (8, 8), "{said}");
    assert!(lines("begins").max() < lines("ends").min(), "they waited for each other:\n{said}");
}
