//! COPY against a naive model: a sorted map of paths to lines of text.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Model = BTreeMap<String, String>;

fn model_of(tree: &Tree) -> Model {
    let path = |line: &str| line.split(' ').nth(1).unwrap_or_default().to_owned();
    text(tree).lines().skip(1).map(|line| (path(line), line.to_owned())).collect()
}

fn is_dir(model: &Model, path: &str) -> bool {
    path.is_empty() || model.get(path).is_some_and(|line| line.starts_with('d'))
}

/// `COPY source dest`, owner and time left alone, no links; `None` for an error.
fn naive(dest: &Model, source: &Model, from: &str, to: &str) -> Option<Model> {
    let mut result = dest.clone();
    let below = |path: &str| {
        if from.is_empty() {
            Some(path.to_owned())
        } else {
            path.strip_prefix(&format!("{from}/")).map(str::to_owned)
        }
    };
    let clean = to.trim_end_matches('/');
    let make_dirs = |result: &mut Model, path: &str| -> Option<()> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends.filter(|end| *end > 0) {
            let dir = &path[..end];
            if !is_dir(result, dir) && result.insert(dir.to_owned(), format!("d755 {dir}")).is_some() {
                return None;
            }
        }
        Some(())
    };
    make_dirs(
        &mut result,
        if to.ends_with('/') { clean } else { clean.rsplit_once('/').map_or("", |(dir, _)| dir) },
    )?;
    if is_dir(source, from) {
        make_dirs(&mut result, clean)?;
        for (path, line) in source {
            let Some(rest) = below(path) else { continue };
            let target = if clean.is_empty() { rest } else { format!("{clean}/{rest}") };
            let old_is_dir = result.get(&target).map(|old| old.starts_with('d'));
            if old_is_dir.is_some_and(|old| old != line.starts_with('d'))
                && (old_is_dir == Some(true) || line.starts_with('d'))
            {
                return None;
            }
            result.insert(target.clone(), line.replacen(&format!(" {path}"), &format!(" {target}"), 1));
        }
        return Some(result);
    }
    let line = source.get(from)?;
    let base = from.rsplit_once('/').map_or(from, |(_, base)| base);
    let target = match is_dir(&result, clean) {
        true if clean.is_empty() => base.to_owned(),
        true => format!("{clean}/{base}"),
        false => clean.to_owned(),
    };
    if is_dir(&result, &target) {
        return None;
    }
    result.insert(target.clone(), line.replacen(&format!(" {from}"), &format!(" {target}"), 1));
    Some(result)
}

fn any_tree() -> impl Strategy<Value = String> {
    let line = (0..3u8, "[ab](/[ab]){0,3}", 0..3u8);
    proptest::collection::vec(line, 0..10).prop_map(|lines| {
        let mut entries: Model = Model::new();
        for (kind, path, value) in lines {
            let above_is_file = path
                .match_indices('/')
                .any(|(at, _)| entries.get(&path[..at]).is_some_and(|line| line.starts_with('f')));
            let below = entries.keys().any(|other| other.starts_with(&format!("{path}/")));
            if !above_is_file && (kind == 0 || !below) {
                let line = if kind == 0 {
                    format!("d7{value}5 {path}")
                } else {
                    format!("f64{value} {path} ={value}")
                };
                entries.insert(path, line);
            }
        }
        entries.into_values().collect::<Vec<_>>().join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_copy_agrees_with_the_model(dest in any_tree(), source in any_tree(), from in "([ab](/[ab]){0,2})?", to in "[ab](/[ab]){0,2}/?") {
        let (dest, source) = (tree(&dest), tree(&source));
        let what = Copy { now: Timestamp::default(), ..dockerfile(&from, &to) };
        let got = copy(&dest, &source, &what).ok().map(|tree| model_of(&tree));
        let (dest, source) = (model_of(&dest), model_of(&source));
        let expected = if from.is_empty() || source.contains_key(&from) { naive(&dest, &source, &from, &to) } else { None };
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn no_paths_and_patterns_make_it_panic(from in "[ab*?./\\[\\]\\\\!]{0,10}", to in "[ab./]{0,10}", filter in "[ab*?./\\[!]{0,6}", flags in any::<[bool; 6]>()) {
        let source = tree("f644 a/b =x &1\nf644 b =x &1\nl777 a/l ->../a\nl777 c ->c\nd755 a/a/b");
        let what = Copy {
            source: from.clone().into_bytes(), dest: to.into_bytes(),
            follow_symlink: flags[0], dir_copy_contents: flags[1], create_dest_path: flags[2],
            allow_wildcard: flags[3], allow_empty_wildcard: flags[4], always_replace: flags[5],
            include: vec![filter.clone()], exclude: vec![filter],
            ..Copy::default()
        };
        let _ = copy(&source, &source, &what);
        let _ = remove(&source, &Remove { path: from.into_bytes(), allow_not_found: flags[0], allow_wildcard: flags[3] });
    }
}
