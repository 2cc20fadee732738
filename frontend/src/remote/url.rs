//! URLs as Go's `net/url` cuts them.

/// A URL with an authority: `scheme://[user@]host[:port]/path?query#fragment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// In lower case.
    pub scheme: String,
    /// Before the `@`, as it is written.
    pub user: Option<String>,
    /// With the port, as it is written.
    pub host: String,
    /// Percent signs decoded.
    pub path: String,
    /// As it is written.
    pub query: Option<String>,
    /// Percent signs decoded.
    pub fragment: String,
    /// The path as it is sent: as it is written, what has to be escaped escaped.
    pub escaped_path: String,
}

impl Url {
    /// Cuts `text`. `None` if it is no URL, or not a valid one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        if scheme.is_empty() || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if !user.is_none_or(is_user) || !is_host(host) {
            return None;
        }
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            user: user.map(str::to_owned),
            host: host.to_owned(),
            path: decode(path, false)?,
            query,
            fragment: decode(fragment, false)?,
            escaped_path: escaped(path),
        })
    }

    /// Without query and fragment.
    pub fn location(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        format!("{}://{user}{}{}", self.scheme, self.host, self.escaped_path)
    }
}

fn is_user(user: &str) -> bool {
    user.chars().all(|c| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c))
        && valid_percents(user)
}

/// Go wants digits for a port, and no characters that no host has.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.rfind(']') {
        Some(end) => (&host[..=end], host[end + 1..].strip_prefix(':')),
        None => host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let known = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "-._~!$&'()*+,;=:[]%".contains(c);
    name.chars().all(known) && port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn valid_percents(text: &str) -> bool {
    decode(text, false).is_some()
}

/// `%41` is `A`; with `plus`, as in queries, `+` is a blank. `None` if a percent sign has no two digits, or
/// the result is not UTF-8.
pub(super) fn decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            b'+' if plus => bytes.push(b' '),
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// A valid path with escapes where they are needed: if it needs none it stays as it is written.
fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!'()*[]%".contains(&byte);
    if path.bytes().all(plain) {
        return path.to_owned();
    }
    let mut out = String::with_capacity(path.len());
    // Decoded first: what was escaped needlessly is written plainly then.
    for byte in decode(path, false).unwrap_or_default().bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
