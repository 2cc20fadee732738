//! Queries, `a=1&b=2`, as Go's `net/url` reads them.

use std::collections::BTreeMap;

use super::url::decode;

/// The values of each key, in order. `None` if a part of it is malformed.
pub(super) fn parse(query: &str) -> Option<BTreeMap<String, Vec<String>>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = pair(part)?;
        values.entry(key).or_default().push(value);
    }
    Some(values)
}

/// The same, without the parts that are malformed.
pub(super) fn parse_lenient(query: &str) -> BTreeMap<String, Vec<String>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in query.split('&').filter(|part| !part.is_empty()).filter_map(pair) {
        values.entry(key).or_default().push(value);
    }
    values
}

fn pair(part: &str) -> Option<(String, String)> {
    if part.contains(';') {
        return None;
    }
    let (key, value) = part.split_once('=').unwrap_or((part, ""));
    Some((decode(key, true)?, decode(value, true)?))
}
