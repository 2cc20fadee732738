//! Who a step runs as: `user[:group]` looked up in the root's own `/etc/passwd` and `/etc/group`.

/// A resolved user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary groups, sorted, the primary one among them.
    pub(crate) groups: Vec<u32>,
    /// `HOME` for a step that has none.
    pub(crate) home: String,
}

/// The user or group that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownAccount(pub(crate) String);

struct User<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

/// Resolves `user`; empty is user 0. A number is a number, also where somebody has it for a name, and needs no
/// line; what it lacks is 0, no groups and `/`. Supplementary groups are those that name the user, unless a
/// group was asked for; the primary one is always among them (BuildKit `executor/oci/user.go`).
pub(crate) fn resolve(user: &str, passwd: &[u8], group: &[u8]) -> Result<Identity, UnknownAccount> {
    let (passwd, group) = (String::from_utf8_lossy(passwd), String::from_utf8_lossy(group));
    let (name, wanted_group) = match user.split_once(':') {
        Some((name, group)) => (name, Some(group).filter(|group| !group.is_empty())),
        None => (user, None),
    };
    let number = if name.is_empty() { Some(0) } else { id(name) };
    let found = users(&passwd).find(|user| number.map_or(user.name == name, |uid| user.uid == uid));
    let uid =
        found.as_ref().map(|user| user.uid).or(number).ok_or_else(|| UnknownAccount(user.to_owned()))?;
    let gid = match wanted_group {
        Some(wanted) => id(wanted)
            .or_else(|| groups(&group).find(|group| group.name == wanted).map(|group| group.gid))
            .ok_or_else(|| UnknownAccount(user.to_owned()))?,
        None => found.as_ref().map_or(0, |user| user.gid),
    };
    let mut all = vec![gid];
    if let Some(user) = found.as_ref().filter(|_| wanted_group.is_none()) {
        let member = |group: &Group<'_>| group.members.split(',').any(|member| member == user.name);
        all.extend(groups(&group).filter(member).map(|group| group.gid));
    }
    all.sort_unstable();
    all.dedup();
    let home = found.map(|user| user.home).filter(|home| !home.is_empty()).unwrap_or("/");
    Ok(Identity { uid, gid, groups: all, home: home.to_owned() })
}

/// Ids are 31-bit numbers, as runc takes them.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id <= i32::MAX as u32)
}

fn users(passwd: &str) -> impl Iterator<Item = User<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next()?;
        let uid = id(fields.nth(1)?)?;
        let gid = id(fields.next()?)?;
        Some(User { name, uid, gid, home: fields.nth(1).unwrap_or("") })
    })
}

fn groups(group: &str) -> impl Iterator<Item = Group<'_>> {
    group.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next()?;
        let gid = id(fields.nth(1)?)?;
        Some(Group { name, gid, members: fields.next().unwrap_or("") })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] =
        b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:\n9:x:77:78::/nine:/x\nbroken\n";
    const GROUP: &[u8] = b"root:x:0:\nwheel:x:10:root,app\naudio:x:9:app\nstaff:x:50:\n";

    fn get(user: &str) -> Result<(u32, u32, Vec<u32>, String), String> {
        resolve(user, PASSWD, GROUP).map(|w| (w.uid, w.gid, w.groups, w.home)).map_err(|e| e.0)
    }

    #[test]
    fn users_by_name_and_number() {
        let ok = |uid, gid, groups: &[u32], home: &str| Ok((uid, gid, groups.to_vec(), home.to_owned()));
        assert_eq!(get(""), ok(0, 0, &[0, 10], "/root"));
        assert_eq!(get("root"), ok(0, 0, &[0, 10], "/root"));
        assert_eq!(get("app"), ok(1000, 1001, &[9, 10, 1001], "/home/app"));
        assert_eq!(get("1000"), ok(1000, 1001, &[9, 10, 1001], "/home/app"));
        assert_eq!(get("app:staff"), ok(1000, 50, &[50], "/home/app"));
        assert_eq!(get("app:4242"), ok(1000, 4242, &[4242], "/home/app"));
        assert_eq!(get("4242"), ok(4242, 0, &[0], "/"));
        assert_eq!(get("9"), ok(9, 0, &[0], "/"), "digits are no name");
    }

    #[test]
    fn unknown_accounts_are_named() {
        assert_eq!(get("nobody"), Err("nobody".into()));
        assert_eq!(get("app:nogroup"), Err("app:nogroup".into()));
        assert_eq!(get("4294967295"), Err("4294967295".into()), "the id that means no change");
    }

    #[test]
    fn a_root_without_passwd_has_numbers() {
        let who = resolve("5:6", b"", b"").unwrap();
        assert_eq!((who.uid, who.gid, who.home.as_str()), (5, 6, "/"));
        assert_eq!(resolve("", b"", b"").unwrap().home, "/");
    }
}
