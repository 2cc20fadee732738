//! A case's context, with what git cannot hold.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::Case;
use crate::run;

/// Files of a case that are not of its context.
const ABOUT: [&str; 3] = ["case.toml", "expect.txt", "prepare.sh"];

/// The context of `case` in a new folder: its files with the modes that git knows, then what `prepare.sh` makes
/// (modes, links, devices, odd names, archives), run in it under umask 022.
pub fn place(case: &Case) -> tempfile::TempDir {
    let context = tempfile::Builder::new().prefix("cooper-case-").tempdir().expect("a temporary folder");
    copy(&case.folder, context.path(), true);
    let script = case.folder.join("prepare.sh");
    if script.exists() {
        let text = std::fs::read_to_string(&script).expect("a script can be read");
        let command = format!("umask 022\n{text}");
        run(Command::new("/bin/sh").args(["-euc", &command]).current_dir(context.path()));
    }
    context
}

fn copy(from: &Path, to: &Path, top: bool) {
    for entry in std::fs::read_dir(from).expect("a case's folder can be read") {
        let entry = entry.expect("a case's folder can be read");
        if top && ABOUT.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().expect("a type");
        if kind.is_symlink() {
            let link = std::fs::read_link(&source).expect("a link can be read");
            std::os::unix::fs::symlink(link, &target).expect("a link can be made");
            continue;
        }
        let mut mode = 0o755;
        if kind.is_dir() {
            std::fs::create_dir(&target).expect("a folder can be made");
            copy(&source, &target, false);
        } else {
            std::fs::copy(&source, &target).expect("a file can be copied");
            let executable = source.metadata().expect("a mode").permissions().mode() & 0o100 != 0;
            mode = if executable { 0o755 } else { 0o644 };
        }
        std::fs::set_permissions(&target, PermissionsExt::from_mode(mode)).expect("a mode can be set");
    }
}
