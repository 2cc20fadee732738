//! The conformance corpus (docs/conformance/README.md): a case is a folder, a builder turns it into an image, and
//! the image is compared with what the case expects and with what other builders make of it.

mod bases;
mod builders;
mod case;
mod difference;
mod flatten;
mod image;
mod listing;
mod place;
mod rows;
mod table;

pub use bases::Bases;
pub use builders::{BuildKit, Buildah, Builder, Built, CooperBuilder};
pub use case::{Case, Differs, Failure, Spec, always};
pub use difference::{Difference, between, unexplained};
pub use flatten::{Content, Entry, Kind, Tree};
pub use image::Image;
pub use listing::listing;
pub use place::place;
pub use rows::{Row, Section, rows};
pub use table::{peer_page, table};

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Mutex;

/// The folder `path` of the repository.
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// Does `work` on every case, several at a time, and gives what it said by name, in the order of the cases. A panic
/// says its message.
pub fn for_each(cases: &[Case], work: impl Fn(&Case) -> Option<String> + Sync) -> Vec<(String, String)> {
    let left = Mutex::new(cases.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let next = || left.lock().expect("no thread panics with the list").next();
    // A build waits for the disk half of its time.
    let threads = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, case)) = next() {
                    let said = std::panic::catch_unwind(AssertUnwindSafe(|| work(case)));
                    if let Some(said) = said.unwrap_or_else(|panic| Some(message(&*panic))) {
                        done.lock().expect("no thread panics with the results").push((
                            index,
                            case.name.clone(),
                            said,
                        ));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panics with the results");
    done.sort_by_key(|(index, ..)| *index);
    done.into_iter().map(|(_, name, said)| (name, said)).collect()
}

/// What `failed` of `total` cases said.
pub fn report(failed: &[(String, String)], total: usize) -> String {
    let cases: Vec<String> = failed.iter().map(|(name, said)| format!("== {name}\n  {said}")).collect();
    format!("{} of {total} cases:\n{}", failed.len(), cases.join("\n"))
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

/// Compares `text` with the file at `path` and says where they part; with `UPDATE_FIXTURES=1` writes it instead.
pub fn golden(path: &std::path::Path, text: &str) -> Option<String> {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(path, text).expect("a fixture can be written");
        return None;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if kept == text {
        return None;
    }
    let mut said = format!("{} differs (UPDATE_FIXTURES=1 rewrites it):\n", path.display());
    let (kept, new): (Vec<_>, Vec<_>) = (kept.lines().collect(), text.lines().collect());
    for line in kept.iter().filter(|line| !new.contains(line)) {
        said.push_str(&format!("  - {line}\n"));
    }
    for line in new.iter().filter(|line| !kept.contains(line)) {
        said.push_str(&format!("  + {line}\n"));
    }
    Some(said)
}
