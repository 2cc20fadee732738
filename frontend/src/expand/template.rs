//! The replacement of `${v//p/r}` is a template: a `$` in it, which only a variable's value or an
//! escape can have brought there, names a group of the match (dockerfile reference, trap 77).
//!
//! The patterns have no groups but the whole match, `$0`; any other group is empty.

/// Appends `replacement` to `out`, with the groups of the match `whole`.
pub(super) fn expand(replacement: &str, whole: &str, out: &mut String) {
    let mut rest = replacement;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((group, after)) = group(rest) {
            if group.parse::<u32>() == Ok(0) {
                out.push_str(whole);
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
}

/// `name` or `{name}` and what follows it.
fn group(text: &str) -> Option<(&str, &str)> {
    let (braces, inner) = match text.strip_prefix('{') {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let end = inner.find(|c: char| !(c == '_' || c.is_alphanumeric())).unwrap_or(inner.len());
    let (name, after) = inner.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braces { after.strip_prefix('}').map(|after| (name, after)) } else { Some((name, after)) }
}
