//! Sources of ADD that are not files of a context (dockerfile reference, sections 7 and 10).

/// What a source of COPY or ADD is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceKind {
    /// A path or pattern.
    Path,
    /// A repository.
    Git,
    /// A file on a server.
    Url,
}

/// What `source` is. The host `github.com/` without a scheme is a path: only contexts may be named so.
pub(super) fn kind(source: &str) -> SourceKind {
    if let Some((scheme, rest)) = source.split_once("://") {
        return match scheme {
            "git" | "ssh" => SourceKind::Git,
            "http" | "https" if is_repository(rest) => SourceKind::Git,
            "http" | "https" => SourceKind::Url,
            _ => SourceKind::Path,
        };
    }
    if is_scp_like(source) { SourceKind::Git } else { SourceKind::Path }
}

/// Whether the path of a URL, without query and fragment, ends in `.git`.
fn is_repository(rest: &str) -> bool {
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    rest[..end].split_once('/').is_some_and(|(_, path)| path.ends_with(".git"))
}

/// `user@host:path`
fn is_scp_like(source: &str) -> bool {
    let Some((user, rest)) = source.split_once('@') else { return false };
    let Some((host, path)) = rest.split_once(':') else { return false };
    let word = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    word(user, "-_") && word(host, "-._") && !path.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (source, expected) in [
            ("a/b", SourceKind::Path),
            ("github.com/a/b", SourceKind::Path),
            ("./git@x", SourceKind::Path),
            ("ftp://x/y", SourceKind::Path),
            ("https://x/y", SourceKind::Url),
            ("https://x/y.git", SourceKind::Git),
            ("https://x/y.git#main:sub", SourceKind::Git),
            ("http://x/y.git?ref=main", SourceKind::Git),
            ("https://x.git", SourceKind::Url),
            ("git://x/y", SourceKind::Git),
            ("ssh://git@x/y", SourceKind::Git),
            ("git@github.com:a/b.git", SourceKind::Git),
            ("a@b", SourceKind::Path),
        ] {
            assert_eq!(kind(source), expected, "{source}");
        }
    }
}
