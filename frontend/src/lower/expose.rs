//! EXPOSE: `[ip:][host:]port[-port][/proto]` (dockerfile reference, section 5).

use std::net::IpAddr;

use cooperage_image::config::Empty;

use super::config_text::plain_list;
use super::report::Reported;
use super::work::Work;
use crate::ast::{Span, Spanned};
use crate::expand::expand_words;
use crate::lint::Finding;

impl Work<'_, '_> {
    pub(super) fn expose(&mut self, words: &[Spanned<String>]) -> Result<(), Reported> {
        let mut words: Vec<&Spanned<String>> = words.iter().collect();
        words.sort_by(|a, b| a.value.cmp(&b.value));
        let mut ports = Vec::new();
        for word in words {
            // Of a variable that is not set nothing is said here, as the reference has it.
            let (expanded, _) = expand_words(&word.value, self.plan.escape, &self.state.environment)
                .map_err(|error| self.cannot_expand(&error, word.span))?;
            for text in expanded {
                ports.extend(self.ports(&text, word.span)?);
            }
        }
        self.state.record(format!("EXPOSE {}", plain_list(&ports)), false);
        let exposed = ports.into_iter().map(|port| (port, Empty {}));
        self.state.config.config.exposed_ports.extend(exposed);
        Ok(())
    }

    fn ports(&mut self, text: &str, span: Span) -> Result<Vec<String>, Reported> {
        let report = &mut self.shared.report;
        let ports = PortSpec::parse(text).map_err(|reason| {
            let message = format!("invalid port {text:?}: {reason}");
            let help = "numbers from 0 to 65535: 80, 53/udp, 8000-8010".to_owned();
            report.error_with_help(span, message, "expected port[-port][/tcp|udp|sctp]", Some(help))
        })?;
        if ports.protocol != ports.protocol.to_lowercase() {
            report.finding(span, Finding::expose_proto_casing(text));
        }
        if ports.has_host {
            report.finding(span, Finding::expose_invalid_format(text));
        }
        let protocol = ports.protocol.to_lowercase();
        report.spend(usize::from(ports.last - ports.first) * 128, span)?;
        Ok((ports.first..=ports.last).map(|port| format!("{port}/{protocol}")).collect())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct PortSpec<'t> {
    first: u16,
    last: u16,
    protocol: &'t str,
    /// Whether there is an address or a port of the host before the container's.
    has_host: bool,
}

impl<'t> PortSpec<'t> {
    fn parse(text: &'t str) -> Result<Self, String> {
        let mut parts = text.rsplitn(3, ':');
        let container = parts.next().unwrap_or_default();
        let host_port = parts.next().unwrap_or_default();
        let address = parts.next().unwrap_or_default();
        let (range, protocol) = container.split_once('/').unwrap_or((container, ""));
        if range.is_empty() {
            return Err("there is no port".to_owned());
        }
        let protocol = if protocol.is_empty() { "tcp" } else { protocol };
        if !["tcp", "udp", "sctp"].contains(&protocol.to_lowercase().as_str()) {
            return Err(format!("the protocol {protocol:?} is not known"));
        }
        let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
        if !address.is_empty() && bare.parse::<IpAddr>().is_err() {
            return Err(format!("{address:?} is not an IP address"));
        }
        let (first, last) = ports(range)?;
        if !host_port.is_empty() {
            let (host_first, host_last) = ports(host_port)?;
            if last - first != host_last - host_first && first != last {
                return Err(format!("the ranges {range} and {host_port} are of different length"));
            }
        }
        Ok(Self { first, last, protocol, has_host: !address.is_empty() || !host_port.is_empty() })
    }
}

fn ports(range: &str) -> Result<(u16, u16), String> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last) = (port(first)?, port(last)?);
    if last < first {
        return Err(format!("the range {range} ends before it starts"));
    }
    Ok((first, last))
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number from 0 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs() {
        let spec = |first, last, protocol, has_host| Ok(PortSpec { first, last, protocol, has_host });
        for (text, expected) in [
            ("80", spec(80, 80, "tcp", false)),
            ("80-82/UDP", spec(80, 82, "UDP", false)),
            ("8080:80", spec(80, 80, "tcp", true)),
            ("8000-8001:80", spec(80, 80, "tcp", true)),
            ("1.2.3.4:8080:80", spec(80, 80, "tcp", true)),
            ("[::1]:8080:80/sctp", spec(80, 80, "sctp", true)),
            ("0", spec(0, 0, "tcp", false)),
        ] {
            assert_eq!(PortSpec::parse(text), expected, "{text}");
        }
        for bad in ["", "/tcp", "x", "65536", "-1", "2-1", "80/icmp", "a:1:2", "1-3:1-2", "80-", "1-2:5-9"] {
            assert!(PortSpec::parse(bad).is_err(), "{bad}");
        }
    }
}
