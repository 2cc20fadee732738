//! `--chown`: users and groups by number, or by name in the tree's `/etc/passwd` and `/etc/group`.

use std::str::FromStr;

/// Longest `/etc/passwd` or `/etc/group` that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 10 * 1024 * 1024;

/// A user or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// By number. The word `root` is number 0.
    Id(u32),
    /// By name.
    Name(String),
}

/// `user[:group]`, as in `--chown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerSpec {
    /// The user.
    pub user: Account,
    /// The group; if `None`, a user's own group, or the number of a user given by number.
    pub group: Option<Account>,
}

/// Why an owner cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnerError {
    /// Not of the form `user[:group]`.
    #[error("invalid owner {0:?}: expected user or user:group")]
    Syntax(String),
    /// A file of names is longer than 10 MiB.
    #[error("{0} is longer than {MAX_FILE_BYTES} bytes")]
    TooLong(&'static str),
}

impl FromStr for OwnerSpec {
    type Err = OwnerError;

    fn from_str(text: &str) -> Result<Self, OwnerError> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let empty_or_more =
            user.is_empty() || group.is_some_and(|group| group.is_empty() || group.contains(':'));
        if empty_or_more {
            return Err(OwnerError::Syntax(text.to_owned()));
        }
        Ok(Self { user: Account::of(user), group: group.map(Account::of) })
    }
}

impl Account {
    fn of(text: &str) -> Self {
        match text {
            "root" => Self::Id(0),
            text => text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id),
        }
    }
}

impl OwnerSpec {
    /// Whether `/etc/passwd` and `/etc/group` are needed.
    pub fn needs_files(&self) -> (bool, bool) {
        let by_name = |account: &Account| matches!(account, Account::Name(_));
        (by_name(&self.user), self.group.as_ref().is_some_and(by_name))
    }

    /// User and group number, given the contents of the two files (`None`: there is no such regular
    /// file). A name that is not found is 0, without a word, as the reference has it.
    pub fn resolve(&self, passwd: Option<&[u8]>, group: Option<&[u8]>) -> Result<(u32, u32), OwnerError> {
        let (uid, own_gid) = match &self.user {
            Account::Id(id) => (*id, *id),
            Account::Name(name) => find_user(checked(passwd, "/etc/passwd")?, name).unwrap_or_default(),
        };
        let gid = match &self.group {
            None => own_gid,
            Some(Account::Id(id)) => *id,
            Some(Account::Name(name)) => find_group(checked(group, "/etc/group")?, name).unwrap_or_default(),
        };
        Ok((uid, gid))
    }
}

fn checked<'a>(file: Option<&'a [u8]>, path: &'static str) -> Result<&'a [u8], OwnerError> {
    match file.unwrap_or_default() {
        file if file.len() > MAX_FILE_BYTES => Err(OwnerError::TooLong(path)),
        file => Ok(file),
    }
}

/// Number and group of the first user `name` in a passwd(5) file. Lines that are not of the format are
/// not for us to judge: a missing or wrong number is 0.
pub fn find_user(passwd: &[u8], name: &str) -> Option<(u32, u32)> {
    let fields = find_line(passwd, name)?;
    Some((number(&fields, 2), number(&fields, 3)))
}

/// Number of the first group `name` in a group(5) file, likewise.
pub fn find_group(group: &[u8], name: &str) -> Option<u32> {
    Some(number(&find_line(group, name)?, 2))
}

fn find_line<'a>(file: &'a [u8], name: &str) -> Option<Vec<&'a [u8]>> {
    file.split(|byte| *byte == b'\n')
        .map(|line| line.trim_ascii().split(|byte| *byte == b':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name.as_bytes()))
}

fn number(fields: &[&[u8]], at: usize) -> u32 {
    let text = fields.get(at).and_then(|field| std::str::from_utf8(field).ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] =
        b"root:x:0:0:root:/root:/bin/sh\n\n  app:x:1001:1002::/:/bin/sh\napp:x:7:7::/:\nbad:x:y\n";
    const GROUP: &[u8] = b"root:x:0:\nstaff:x:50:app\n";

    #[test]
    fn names_and_numbers_are_resolved() {
        for (text, expected) in [
            ("root", (0, 0)),
            ("1000", (1000, 1000)),
            ("1000:5", (1000, 5)),
            ("app", (1001, 1002)),
            ("app:staff", (1001, 50)),
            ("app:root", (1001, 0)),
            ("5:staff", (5, 50)),
            ("nobody", (0, 0)),
            ("nobody:nogroup", (0, 0)),
            ("bad", (0, 0)),
        ] {
            let spec: OwnerSpec = text.parse().unwrap();
            assert_eq!(spec.resolve(Some(PASSWD), Some(GROUP)), Ok(expected), "{text}");
        }
        // Names without the files are 0; numbers need none.
        assert_eq!("app:staff".parse::<OwnerSpec>().unwrap().resolve(None, None), Ok((0, 0)));
        assert_eq!("9:8".parse::<OwnerSpec>().unwrap().needs_files(), (false, false));
        assert_eq!("app:8".parse::<OwnerSpec>().unwrap().needs_files(), (true, false));
    }

    #[test]
    fn what_is_no_owner_is_refused() {
        for bad in ["", ":", "a:", ":b", "a:b:c"] {
            assert_eq!(bad.parse::<OwnerSpec>(), Err(OwnerError::Syntax(bad.to_owned())));
        }
        let long = vec![b'x'; MAX_FILE_BYTES + 1];
        let spec: OwnerSpec = "app".parse().unwrap();
        assert_eq!(spec.resolve(Some(&long), None), Err(OwnerError::TooLong("/etc/passwd")));
    }
}
