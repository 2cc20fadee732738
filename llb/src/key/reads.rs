//! What an op reads of each of its inputs (buildkit: solver/llbsolver/ops/exec.go and file.go, `CacheMap`).

use cooperage_image::digest::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::graph::owner;
use crate::pb::file_action::Action;
use crate::pb::op::Op;
use crate::pb::{self, MountContentCache, user_opt};

/// How an op depends on one of its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Slot {
    /// On all of it, by the identity of the result: what the op builds upon.
    Whole,
    /// On the contents of these parts alone, in the order of the op.
    Paths(Vec<Read>),
}

/// A part of an input whose contents an op reads. Paths are as the op has them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Read {
    /// What a copy copies.
    Copy(CopyRead),
    /// Everything at and below a path: a mount's selector. `/` is the whole tree.
    Subtree(String),
    /// One file, which may be missing: `/etc/passwd` or `/etc/group`, to look names up.
    File(String),
}

/// What a copy copies: the fields of the action that say which paths are read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CopyRead {
    /// The path, or a pattern if `allow_wildcard`.
    pub src: String,
    /// Whether a symbolic link at `src` stands for what it points to.
    pub follow_symlink: bool,
    /// Whether `src` is a pattern.
    pub allow_wildcard: bool,
    /// Whether a pattern may match nothing.
    pub allow_empty_wildcard: bool,
    /// Patterns of which one has to match, relative to `src`; empty is all.
    pub include_patterns: Vec<String>,
    /// Patterns of which none may match.
    pub exclude_patterns: Vec<String>,
    /// Paths that have to exist.
    pub required_paths: Vec<String>,
}

/// For each input of a checked op, in order, how the op depends on it. An input that is needed as a
/// whole in one place is [`Slot::Whole`], whatever else reads it; so is one that nothing refers to.
pub fn reads(op: &pb::Op) -> Vec<Slot> {
    let mut slots = Slots(vec![Use::None; op.inputs.len()]);
    match &op.op {
        Some(Op::Exec(exec)) => exec.mounts.iter().for_each(|mount| slots.mount(mount)),
        Some(Op::File(file)) => file.actions.iter().for_each(|action| slots.action(action)),
        Some(Op::Source(_) | Op::Build(_) | Op::Merge(_) | Op::Diff(_) | Op::Passthrough(_)) | None => {}
    }
    slots.0.into_iter().map(Use::slot).collect()
}

/// Whether what a mount shows may be known by its content: nothing of it lives on in an output under
/// another history. The root mount only if it says so.
pub(super) fn by_content(mount: &pb::Mount) -> bool {
    match mount.content_cache() {
        MountContentCache::On => true,
        MountContentCache::Off => false,
        MountContentCache::Default => mount.dest != "/" && (mount.readonly || mount.output < 0),
    }
}

#[derive(Clone)]
enum Use {
    None,
    Whole,
    Paths(Vec<Read>),
}

struct Slots(Vec<Use>);

impl Slots {
    fn mount(&mut self, mount: &pb::Mount) {
        if by_content(mount) {
            let path = format!("/{}", mount.selector.trim_matches('/'));
            self.read(mount.input, Read::Subtree(path));
        } else {
            self.whole(mount.input);
        }
    }

    fn action(&mut self, action: &pb::FileAction) {
        self.whole(action.input);
        if let Some(Action::Copy(copy)) = &action.action {
            self.read(action.secondary_input, Read::Copy(CopyRead::of(copy)));
        }
        for (named, path) in databases(action) {
            self.read(named.input, Read::File(path.to_owned()));
        }
    }

    /// Indexes that are no input's (scratch, results of other actions) need no slot.
    fn at(&mut self, input: i64) -> Option<&mut Use> {
        usize::try_from(input).ok().and_then(|index| self.0.get_mut(index))
    }

    fn whole(&mut self, input: i64) {
        if let Some(slot) = self.at(input) {
            *slot = Use::Whole;
        }
    }

    fn read(&mut self, input: i64, read: Read) {
        match self.at(input) {
            Some(Use::Paths(reads)) => reads.push(read),
            Some(slot @ Use::None) => *slot = Use::Paths(vec![read]),
            Some(Use::Whole) | None => {}
        }
    }
}

/// Names of owners, and in which file each is looked up.
fn databases(action: &pb::FileAction) -> impl Iterator<Item = (&pb::NamedUserOpt, &'static str)> {
    let both = owner(action)
        .into_iter()
        .flat_map(|owner| [(owner.user.as_ref(), "/etc/passwd"), (owner.group.as_ref(), "/etc/group")]);
    both.filter_map(|(opt, file)| match &opt?.user {
        Some(user_opt::User::ByName(named)) => Some((named, file)),
        Some(user_opt::User::ById(_)) | None => None,
    })
}

impl Use {
    fn slot(self) -> Slot {
        match self {
            Self::None | Self::Whole => Slot::Whole,
            Self::Paths(reads) => Slot::Paths(reads),
        }
    }
}

impl CopyRead {
    fn of(copy: &pb::FileActionCopy) -> Self {
        Self {
            src: copy.src.clone(),
            follow_symlink: copy.follow_symlink,
            allow_wildcard: copy.allow_wildcard,
            allow_empty_wildcard: copy.allow_empty_wildcard,
            include_patterns: copy.include_patterns.clone(),
            exclude_patterns: copy.exclude_patterns.clone(),
            required_paths: copy.required_paths.clone(),
        }
    }
}

impl Slot {
    /// A digest of which parts of the input are meant; what else a read says is in the op's digest.
    pub(super) fn selector(&self) -> Option<Digest> {
        let Self::Paths(reads) = self else { return None };
        let mut hasher = Hasher::new();
        for read in reads {
            let (kind, path) = match read {
                Read::Copy(copy) => (&b"copy"[..], &copy.src),
                Read::Subtree(path) => (&b"subtree"[..], path),
                Read::File(path) => (&b"file"[..], path),
            };
            hasher.field(kind);
            hasher.field(path.as_bytes());
        }
        Some(hasher.finish())
    }
}
