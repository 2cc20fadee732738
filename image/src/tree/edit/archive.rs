//! ADD of an archive: what is in it, over what is there.

use super::super::path::{self, join};
use super::super::{FollowLast, Node, Tree};
use super::copy::{Copy, CopyError, copy};
use super::keep::keep_directories;
use super::place;

/// `dest` with the tree of an archive below the destination of `what`, which is a directory then. Of `what`, the
/// owner and the times count.
///
/// As a tar program has it: a file replaces a directory, a directory a file or a link. A directory that the
/// archive does not list, but files in it (`implied`), leaves one that exists as it is, and goes through a
/// link to one: `lib/x` is put into `/usr/lib` where `/lib` leads there.
pub fn add_archive(
    dest: &Tree,
    contents: &Tree,
    implied: &[Vec<u8>],
    what: &Copy,
) -> Result<Tree, CopyError> {
    let mut result = dest.clone();
    let mut rest = contents.clone();
    let at = path::clean(&what.dest);
    let mut above_first = implied.to_vec();
    above_first.sort();
    for path in &above_first {
        let place = join(&at, path);
        let Some(Node::Dir(part)) = rest.get(path) else { continue };
        if !leads_to_directory(dest, &place) {
            continue;
        }
        let below =
            |inner: &Vec<u8>| inner.strip_prefix(path.as_slice())?.strip_prefix(b"/").map(<[u8]>::to_vec);
        let inner: Vec<Vec<u8>> = above_first.iter().filter_map(below).collect();
        let part = Tree { root: part };
        let here = Copy { dest: place.clone(), ..what.clone() };
        result = add_archive(&result, &part, &inner, &here)?;
        result = keep_directories(&result, dest, &place, &[Vec::new()]);
        if let Some((above, name)) = path::split(path) {
            let above = place::dir_mut(&mut rest, above)
                .map_err(|source| CopyError::Place { dest: path::display(path), source })?;
            above.entries.remove(name);
        }
    }
    let mut directory = at.clone();
    directory.push(b'/');
    let all = Copy {
        source: b"/".to_vec(),
        dest: directory,
        owner: what.owner,
        timestamp: what.timestamp,
        now: what.now,
        dir_copy_contents: true,
        create_dest_path: true,
        always_replace: true,
        ..Copy::default()
    };
    let copied = copy(&result, &rest, &all)?;
    Ok(keep_directories(&copied, dest, &at, implied))
}

/// Whether there is a link at `place` that leads to a directory.
fn leads_to_directory(tree: &Tree, place: &[u8]) -> bool {
    let found = |last| tree.resolve(place, last).ok().and_then(|found| found.node);
    matches!(found(FollowLast::No), Some(Node::Symlink(_)))
        && matches!(found(FollowLast::Yes), Some(Node::Dir(_)))
}
