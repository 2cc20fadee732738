//! File ops (llb.md, section 4): a chain of actions, each on the result of the one before.

use super::{Caps, EMPTY, Edge, Inputs};
use crate::pb;
use crate::pb::file_action::Action as Wire;

/// Actions on a tree, in order, giving one tree (one layer).
#[derive(Debug, Clone, PartialEq)]
pub struct FileChain {
    /// The tree that the first action changes, and in which users and groups are looked up; `None` is
    /// empty.
    pub base: Option<Edge>,
    /// At least one.
    pub actions: Vec<Action>,
}

/// What a step of a [`FileChain`] does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Copies from another tree.
    Copy(Box<Copy>),
    /// Makes a file.
    MakeFile {
        /// Where, absolute.
        path: String,
        /// Permissions.
        mode: u32,
        /// Its bytes.
        data: Vec<u8>,
        /// Whose.
        owner: Owner,
        /// Modification time in nanoseconds since 1970; `None` is now.
        time_ns: Option<i64>,
    },
    /// Makes a directory.
    MakeDir {
        /// Where, absolute.
        path: String,
        /// Permissions.
        mode: u32,
        /// The missing ones above too.
        parents: bool,
        /// Whose.
        owner: Owner,
        /// Modification time in nanoseconds since 1970; `None` is now.
        time_ns: Option<i64>,
    },
}

/// [`Action::Copy`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Copy {
    /// From which tree; `None` is empty.
    pub from: Option<Edge>,
    /// Path in it, absolute, a pattern if `allow_wildcard`.
    pub source: String,
    /// Absolute; a `/` at the end means a directory.
    pub dest: String,
    /// New owner; the source's if there is none in it.
    pub owner: Owner,
    /// New permissions.
    pub mode: Mode,
    /// A source that is a link is followed.
    pub follow_symlink: bool,
    /// Of a directory copy what is in it.
    pub dir_copy_contents: bool,
    /// Unpack a source that is an archive.
    pub attempt_unpack: bool,
    /// Make missing directories above `dest`.
    pub create_dest_path: bool,
    /// `source` is a pattern.
    pub allow_wildcard: bool,
    /// A pattern may match nothing.
    pub allow_empty_wildcard: bool,
    /// Patterns of what is copied; none means all.
    pub include: Vec<String>,
    /// Patterns of what is not.
    pub exclude: Vec<String>,
    /// Paths that have to be there.
    pub required: Vec<String>,
}

/// New permissions of what is copied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// Those of the source.
    #[default]
    Keep,
    /// These, up to `0o7777`.
    Octal(u32),
    /// Changes as of chmod(1): `u=rwX,go=rX`.
    Symbolic(String),
}

/// Owner and group; nothing set keeps or defaults to `0:0`, a user without group has its own group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owner {
    /// User.
    pub user: Option<User>,
    /// Group.
    pub group: Option<User>,
}

/// A user or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// Looked up in the base's `/etc/passwd` or `/etc/group`.
    Name(String),
    /// A number.
    Id(u32),
}

impl Owner {
    /// `user[:group]`, names or numbers; `root` and an empty word are 0.
    pub fn parse(text: &str) -> Self {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        Self { user: Some(User::parse(user)), group: group.map(User::parse) }
    }

    /// These numbers.
    pub fn ids(uid: u32, gid: u32) -> Self {
        Self { user: Some(User::Id(uid)), group: Some(User::Id(gid)) }
    }

    /// The first name in it that has to be looked up.
    pub fn name(&self) -> Option<&str> {
        [&self.user, &self.group].into_iter().flatten().find_map(|user| match user {
            User::Name(name) => Some(name.as_str()),
            User::Id(_) => None,
        })
    }

    fn to_pb(&self, base: i64) -> Option<pb::ChownOpt> {
        if self.user.is_none() && self.group.is_none() {
            return None;
        }
        let side = |user: &Option<User>| user.as_ref().map(|user| user.to_pb(base));
        Some(pb::ChownOpt { user: side(&self.user), group: side(&self.group) })
    }
}

impl User {
    fn parse(text: &str) -> Self {
        match text {
            "" | "root" => Self::Id(0),
            _ => match text.parse::<i32>().ok().and_then(|id| u32::try_from(id).ok()) {
                Some(id) => Self::Id(id),
                None => Self::Name(text.to_owned()),
            },
        }
    }

    fn to_pb(&self, input: i64) -> pb::UserOpt {
        let user = match self {
            Self::Name(name) => pb::user_opt::User::ByName(pb::NamedUserOpt { name: name.clone(), input }),
            Self::Id(id) => pb::user_opt::User::ById(*id),
        };
        pb::UserOpt { user: Some(user) }
    }
}

impl FileChain {
    pub(super) fn reads(&self) -> Vec<Edge> {
        let copied = self.actions.iter().filter_map(|action| match action {
            Action::Copy(copy) => copy.from,
            _ => None,
        });
        self.base.into_iter().chain(copied).collect()
    }

    pub(super) fn to_op(&self, inputs: &mut Inputs<'_>, caps: &mut Caps) -> pb::op::Op {
        caps.insert("file.base");
        let base = inputs.index(self.base);
        let sources: Vec<i64> = self
            .actions
            .iter()
            .map(|action| match action {
                Action::Copy(copy) => inputs.index(copy.from),
                _ => EMPTY,
            })
            .collect();
        let last = self.actions.len().saturating_sub(1);
        let mut actions = Vec::with_capacity(self.actions.len());
        // Results of actions are numbered after the inputs.
        let mut on = base;
        for (index, (action, secondary_input)) in self.actions.iter().zip(sources).enumerate() {
            actions.push(pb::FileAction {
                input: on,
                secondary_input,
                output: if index == last { 0 } else { -1 },
                action: Some(action.to_pb(base, caps)),
            });
            on = inputs.len() + i64::try_from(index).expect("fewer actions than 2^63");
        }
        pb::op::Op::File(pb::FileOp { actions })
    }
}

impl Action {
    fn to_pb(&self, base: i64, caps: &mut Caps) -> Wire {
        let permissions = |mode: &u32| i32::try_from(mode & 0o777).expect("nine bits");
        match self {
            Self::Copy(copy) => Wire::Copy(copy.to_pb(base, caps)),
            Self::MakeFile { path, mode, data, owner, time_ns } => Wire::Mkfile(pb::FileActionMkFile {
                path: path.clone(),
                mode: permissions(mode),
                data: data.clone(),
                owner: owner.to_pb(base),
                timestamp: time_ns.unwrap_or(-1),
            }),
            Self::MakeDir { path, mode, parents, owner, time_ns } => Wire::Mkdir(pb::FileActionMkDir {
                path: path.clone(),
                mode: permissions(mode),
                make_parents: *parents,
                owner: owner.to_pb(base),
                timestamp: time_ns.unwrap_or(-1),
            }),
        }
    }
}

impl Copy {
    fn to_pb(&self, base: i64, caps: &mut Caps) -> pb::FileActionCopy {
        let filtered = !self.include.is_empty() || !self.exclude.is_empty();
        caps.extend(filtered.then_some("file.copy.includeexcludepatterns"));
        caps.extend((!self.required.is_empty()).then_some("file.copy.requiredpaths"));
        // With a text of changes the number is left at 0, as BuildKit's client leaves it.
        let (mode, mode_str) = match &self.mode {
            Mode::Keep => (-1, String::new()),
            Mode::Octal(mode) => (i32::try_from(mode & 0o7777).expect("twelve bits"), String::new()),
            Mode::Symbolic(text) => {
                caps.insert("file.copy.modestring");
                (0, text.clone())
            }
        };
        pb::FileActionCopy {
            src: self.source.clone(),
            dest: self.dest.clone(),
            owner: self.owner.to_pb(base),
            mode,
            follow_symlink: self.follow_symlink,
            dir_copy_contents: self.dir_copy_contents,
            attempt_unpack_docker_compatibility: self.attempt_unpack,
            create_dest_path: self.create_dest_path,
            allow_wildcard: self.allow_wildcard,
            allow_empty_wildcard: self.allow_empty_wildcard,
            timestamp: -1,
            include_patterns: self.include.clone(),
            exclude_patterns: self.exclude.clone(),
            always_replace_existing_dest_paths: false,
            mode_str,
            required_paths: self.required.clone(),
        }
    }
}
