//! `/etc/resolv.conf` and `/etc/hosts` of a step: the job's own names, never part of a layer.

use std::fmt::Write;

const RESOLV: &str = "/etc/resolv.conf";
/// What systemd-resolved asks itself, when the machine's file names only its stub.
const RESOLV_UPSTREAM: &str = "/run/systemd/resolve/resolv.conf";
const STUB_RESOLVER: &str = "127.0.0.53";

/// The machine's `resolv.conf`, as a step on the machine's network needs it.
pub(crate) fn resolv_conf() -> Vec<u8> {
    let own = std::fs::read(RESOLV).unwrap_or_default();
    choose_resolv_conf(own, || std::fs::read(RESOLV_UPSTREAM).ok())
}

fn choose_resolv_conf(own: Vec<u8>, upstream: impl FnOnce() -> Option<Vec<u8>>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&own);
    let servers: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("nameserver"))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    if servers == [STUB_RESOLVER] { upstream().unwrap_or(own) } else { own }
}

/// The machine's `hosts` with the step's own name and the names it was given.
pub(crate) fn hosts(hostname: &str, extra: &[(String, String)]) -> Vec<u8> {
    hosts_from(&std::fs::read_to_string("/etc/hosts").unwrap_or_default(), hostname, extra)
}

fn hosts_from(own: &str, hostname: &str, extra: &[(String, String)]) -> Vec<u8> {
    let mut text = own.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let known = own.lines().any(|line| {
        line.split('#').next().unwrap_or("").split_whitespace().skip(1).any(|name| name == "localhost")
    });
    let own_names = if known { hostname.to_owned() } else { format!("localhost {hostname}") };
    let _ = writeln!(text, "127.0.0.1\t{own_names}"); // to a String, which takes everything
    if !known {
        text.push_str("::1\tlocalhost ip6-localhost ip6-loopback\n");
    }
    for (name, address) in extra {
        let _ = writeln!(text, "{address}\t{name}");
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stub_resolver_gives_way_to_what_it_asks() {
        let upstream = || Some(b"nameserver 10.0.0.1\n".to_vec());
        let choose = |own: &str| String::from_utf8(choose_resolv_conf(own.into(), upstream)).unwrap();
        assert_eq!(choose("# x\nnameserver 127.0.0.53\noptions edns0\n"), "nameserver 10.0.0.1\n");
        assert_eq!(choose("nameserver 127.0.0.1\n"), "nameserver 127.0.0.1\n");
        assert_eq!(
            choose("nameserver 127.0.0.53\nnameserver 9.9.9.9"),
            "nameserver 127.0.0.53\nnameserver 9.9.9.9"
        );
        assert_eq!(choose_resolv_conf(b"nameserver 127.0.0.53".to_vec(), || None), b"nameserver 127.0.0.53");
    }

    #[test]
    fn hosts_has_the_jobs_names_and_the_steps() {
        let text = |own: &str| {
            String::from_utf8(hosts_from(own, "box", &[("db".into(), "10.0.0.9".into())])).unwrap()
        };
        assert_eq!(
            text("127.0.0.1 localhost\n172.17.0.2 job"),
            "127.0.0.1 localhost\n172.17.0.2 job\n127.0.0.1\tbox\n10.0.0.9\tdb\n"
        );
        assert_eq!(
            text(""),
            "127.0.0.1\tlocalhost box\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.0.9\tdb\n"
        );
    }
}
