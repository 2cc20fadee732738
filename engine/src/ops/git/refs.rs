//! What `git ls-remote` says of a reference.

use super::identity::{GitSource, Resolved, is_commit};

/// What to ask for: the default branch's name and commit, or a reference and what a tag of it leads to.
pub(super) fn questions(source: &GitSource) -> Vec<String> {
    match source.reference.as_str() {
        "" => vec!["HEAD".to_owned()],
        name => vec![name.to_owned(), format!("{name}^{{}}")],
    }
}

/// The answer: an exact `refs/...` first, then a branch, then a tag.
pub(super) fn resolve(source: &GitSource, answer: &str) -> Result<Resolved, String> {
    let lines: Vec<(&str, &str)> = answer.lines().filter_map(|line| line.split_once('\t')).collect();
    let object = |name: &str| {
        let found = lines.iter().find(|(object, of)| *of == name && is_commit(object));
        found.map(|(object, _)| (*object).to_owned())
    };
    if source.reference.is_empty() {
        let missing = || "it has no default branch: name a branch, tag or commit".to_owned();
        let symbolic =
            lines.iter().find(|(_, of)| *of == "HEAD").and_then(|(to, _)| to.strip_prefix("ref: "));
        let object = object("HEAD").ok_or_else(missing)?;
        let reference = symbolic.unwrap_or("HEAD").to_owned();
        return agreed(source, Resolved { reference, object, commit: None });
    }
    let name = source.reference.as_str();
    let full = |kind: &str| format!("{kind}{}", name.strip_prefix(kind).unwrap_or(name));
    let (exact, branch, tag) = (full("refs/"), full("refs/heads/"), full("refs/tags/"));
    for reference in [exact, branch, tag.clone()] {
        if let Some(object) = object(&reference) {
            let commit = (reference == tag).then(|| self::peeled(&lines, &tag)).flatten();
            return agreed(source, Resolved { reference, object, commit });
        }
    }
    Err(format!("repository does not contain ref {name}"))
}

/// What an annotated tag leads to.
fn peeled(lines: &[(&str, &str)], tag: &str) -> Option<String> {
    let name = format!("{tag}^{{}}");
    let found = lines.iter().find(|(object, of)| *of == name && is_commit(object));
    found.map(|(object, _)| (*object).to_owned())
}

/// The checksum may be the beginning of the tag's name or of its commit's.
fn agreed(source: &GitSource, resolved: Resolved) -> Result<Resolved, String> {
    let commit = resolved.commit.iter();
    if [&resolved.object].into_iter().chain(commit).any(|name| name.starts_with(&source.checksum)) {
        return Ok(resolved);
    }
    let or = resolved.commit.as_ref().map(|commit| format!(" or {commit}")).unwrap_or_default();
    Err(format!("expected checksum to match {}, got {}{or}", source.checksum, resolved.object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(letter: char) -> String {
        std::iter::repeat_n(letter, 40).collect()
    }

    fn of(reference: &str, checksum: &str, lines: &[(char, &str)]) -> Result<Resolved, String> {
        let source =
            GitSource { reference: reference.into(), checksum: checksum.into(), ..GitSource::default() };
        let answer: String = lines.iter().map(|(letter, of)| format!("{}\t{of}\n", name(*letter))).collect();
        resolve(&source, &answer)
    }

    #[test]
    fn exact_then_branch_then_tag() {
        let lines = [
            ('a', "refs/heads/v1"),
            ('b', "refs/tags/v1"),
            ('c', "refs/tags/v1^{}"),
            ('d', "refs/remotes/v1"),
            ('e', "refs/heads/heads/v1"),
        ];
        let first = |name: String| name.chars().next().unwrap();
        let found = |reference: &str| {
            let found = of(reference, "", &lines).unwrap();
            (found.reference, first(found.object), found.commit.map(first))
        };
        assert_eq!(found("v1"), ("refs/heads/v1".into(), 'a', None));
        assert_eq!(found("refs/tags/v1"), ("refs/tags/v1".into(), 'b', Some('c')));
        assert_eq!(found("tags/v1"), ("refs/tags/v1".into(), 'b', None));
        assert_eq!(found("heads/v1"), ("refs/heads/v1".into(), 'a', None));
        assert_eq!(of("v2", "", &lines).unwrap_err(), "repository does not contain ref v2");
    }

    #[test]
    fn the_default_branch() {
        let source = GitSource::default();
        let answer = format!("ref: refs/heads/main\tHEAD\n{}\tHEAD\n", name('a'));
        assert_eq!(resolve(&source, &answer).unwrap().reference, "refs/heads/main");
        let detached = format!("{}\tHEAD\n", name('a'));
        assert_eq!(resolve(&source, &detached).unwrap().reference, "HEAD");
        assert!(resolve(&source, "").unwrap_err().contains("no default branch"));
    }

    #[test]
    fn checksums_of_tag_or_commit() {
        let lines = [('b', "refs/tags/v1"), ('c', "refs/tags/v1^{}")];
        assert!(of("v1", "bb", &lines).is_ok() && of("v1", "cccc", &lines).is_ok());
        let error = of("v1", "aa", &lines).unwrap_err();
        assert_eq!(error, format!("expected checksum to match aa, got {} or {}", name('b'), name('c')));
    }
}
