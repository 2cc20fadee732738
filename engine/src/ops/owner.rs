//! Owners of a file op: numbers, or names looked up in an input's `/etc/passwd` and `/etc/group`.

use cooperage_image::tree::{FollowLast, Node, Tree, owner};
use cooperage_llb::pb::{self, user_opt::User};

use super::{OpFailure, Workshop};
use crate::Error;
use crate::layers::Contents;

/// User files larger than this are not read (llb.md, section 4).
const USER_FILE_LIMIT_BYTES: u64 = 10 << 20;

impl Workshop {
    /// Resolves an owner. A user that is not found is 0, as BuildKit has it; a user by number has the same number as
    /// group, unless a group is given and found.
    pub(super) async fn owner(
        &self,
        owner: Option<&pb::ChownOpt>,
        trees: &[Option<&Tree>],
    ) -> Result<Option<(u32, u32)>, OpFailure> {
        let Some(owner) = owner else { return Ok(None) };
        let (uid, default_gid) = match owner.user.as_ref().and_then(|user| user.user.as_ref()) {
            None => (0, 0),
            Some(User::ById(uid)) => (*uid, *uid),
            Some(User::ByName(named)) => {
                let passwd = self.user_file(named, trees, b"etc/passwd").await?;
                owner::find_user(&passwd, &named.name).unwrap_or((0, 0))
            }
        };
        let gid = match owner.group.as_ref().and_then(|group| group.user.as_ref()) {
            None => default_gid,
            Some(User::ById(gid)) => *gid,
            Some(User::ByName(named)) => {
                let group = self.user_file(named, trees, b"etc/group").await?;
                owner::find_group(&group, &named.name).unwrap_or(default_gid)
            }
        };
        Ok(Some((uid, gid)))
    }

    /// The bytes of a user file; empty if it is missing, no regular file, or too large.
    async fn user_file(
        &self,
        named: &pb::NamedUserOpt,
        trees: &[Option<&Tree>],
        path: &[u8],
    ) -> Result<Vec<u8>, OpFailure> {
        let tree = usize::try_from(named.input).ok().and_then(|index| trees.get(index).copied().flatten());
        let Some(tree) = tree else {
            return Err(OpFailure::step(
                format!("the owner {:?} cannot be looked up: there is no /etc/passwd yet", named.name),
                Some("use numbers (--chown=1000:1000), or a base that has the user".to_owned()),
            ));
        };
        let Ok(found) = tree.resolve(path, FollowLast::Yes) else { return Ok(Vec::new()) };
        let Some(Node::File(file)) = found.node else { return Ok(Vec::new()) };
        self.layers.prepare_files(std::slice::from_ref(&file)).await?;
        let contents = Contents::new(self.layers.clone());
        let bytes = contents
            .read(&file, USER_FILE_LIMIT_BYTES)
            .map_err(|e| Error::Environment(format!("reading /{}: {e}", String::from_utf8_lossy(path))))?;
        Ok(bytes.unwrap_or_default())
    }
}
