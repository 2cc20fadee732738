//! Paths inside images: slashes, cleaned as Go's `path.Clean` does, never outside the root.

use cooperage_llb::path::below_root;

/// `path` made absolute in `directory`, without `.`, `..`, double and trailing slashes.
pub(super) fn absolute(directory: &str, path: &str) -> String {
    let above = if path.starts_with('/') { "" } else { directory };
    format!("/{}", below_root(&format!("{above}/{path}")))
}

/// A destination of COPY and ADD: [`absolute`], but a `/` or `/.` at its end, which says that it is a
/// directory, stays.
pub(super) fn destination(directory: &str, path: &str) -> String {
    let path = if path.is_empty() || path == "." { "./" } else { path };
    let mut clean = absolute(directory, path);
    let root = clean == "/";
    if path.ends_with('/') && !root {
        clean.push('/');
    } else if path.ends_with("/.") {
        clean.push_str(if root { "." } else { "/." });
    }
    clean
}

/// `path` without `.`, `..` and double slashes, relative or absolute as it was; empty is `.`.
pub(super) fn clean(path: &str) -> String {
    if path.starts_with('/') {
        return absolute("/", path);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// The last part.
pub(super) fn base_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// Whether a pattern has a wildcard that is not escaped.
pub(super) fn has_wildcards(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' => return true,
            '\\' => drop(chars.next()),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stay_inside_the_root() {
        for (directory, path, expected) in [
            ("/", "a", "/a"),
            ("/w", "a/../b/", "/w/b"),
            ("/w", "../../..", "/"),
            ("/w", "/a//b/.", "/a/b"),
            ("w", "a", "/w/a"),
            ("/w", "", "/w"),
        ] {
            assert_eq!(absolute(directory, path), expected);
        }
    }

    #[test]
    fn destinations_keep_their_end() {
        for (path, expected) in [
            ("a", "/w/a"),
            ("a/", "/w/a/"),
            ("", "/w/"),
            (".", "/w/"),
            ("./", "/w/"),
            ("..", "/"),
            ("/", "/"),
            ("/.", "/."),
            ("a/.", "/w/a/."),
            ("/x//y/", "/x/y/"),
        ] {
            assert_eq!(destination("/w", path), expected, "{path}");
        }
    }

    #[test]
    fn cleaned_as_go_does() {
        for (path, expected) in [
            ("", "."),
            ("a/..", "."),
            ("../a", "../a"),
            ("a//b/", "a/b"),
            ("/../a", "/a"),
            ("../..", "../.."),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
    }
}
