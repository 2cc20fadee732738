//! The id map of a step's user namespace: every id is itself.

use std::io;

/// Gives the process `pid`, alone in a new user namespace, all ids that we have, unchanged. Needs
/// CAP_SETUID and CAP_SETGID, and CAP_SETFCAP for user 0 (user_namespaces(7)).
pub(crate) fn write(pid: i32) -> io::Result<()> {
    for kind in ["uid_map", "gid_map"] {
        let own = std::fs::read_to_string(format!("/proc/self/{kind}"))?;
        std::fs::write(format!("/proc/{pid}/{kind}"), identity(&own))?;
    }
    Ok(())
}

/// Each range of `own` (inside, outside, count), mapped on itself.
fn identity(own: &str) -> String {
    own.lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let (inside, count) = (fields.next()?, fields.nth(1)?);
            Some(format!("{inside} {inside} {count}\n"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept() {
        assert_eq!(identity("         0          0 4294967295\n"), "0 0 4294967295\n");
        assert_eq!(identity("0 1000 1\n1 100000 65536\n"), "0 0 1\n1 1 65536\n");
    }
}
