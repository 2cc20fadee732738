//! Paths with slashes, whatever the machine's are.

/// `path` without `.`, `..`, double slashes and those at its ends; `..` does not lead out. Empty is the root.
pub fn below_root(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::below_root;

    #[test]
    fn nothing_leads_out() {
        for (path, clean) in [("", ""), ("/", ""), ("../a", "a"), ("/a//./b/", "a/b"), ("a/../../b/..", "")] {
            assert_eq!(below_root(path), clean, "{path}");
        }
    }
}
