use proptest::prelude::*;

use super::*;

fn one(pattern: &str, path: &str) -> bool {
    Matcher::new(&[pattern]).unwrap().matches(path.as_bytes())
}

/// Pattern, path, and whether the pattern matches (`=`), only a parent does (`<`), or neither (`-`).
const LIST_TABLE: &str = r"
** file =
**/ file =
** dir/file =
**/** dir/file =
dir/** dir/file =
dir/** dir/dir2/file =
**/dir dir =
**/dir dir/file <
**/dir2/* dir/dir2/file =
**/dir2/** dir/dir2/dir3/file =
**file file =
**file dir/file =
**file dir/myfile =
**/file dir/myfile -
**/file dir/file =
**/file dir/dir/file =
**/file* dir/dir/file.txt =
**/file*txt dir/dir/file.txt =
**/file*.txt* dir/dir/file.txt =
**/**/*.txt dir/dir/file.txt =
**/**/*.txt2 dir/dir/file.txt -
**/*.txt file.txt =
**/**/*.txt file.txt =
a**/*.txt a/file.txt =
a**/*.txt a/dir/dir/file.txt =
a/*.txt a/dir/file.txt -
a/*.txt a/file.txt =
a/*.txt** a/file.txt =
a[b-d]e ae -
a[b-d]e ace =
a[b-d]e aae -
a[^b-d]e aze =
a[^b]c a/c -
.* .foo =
.* foo -
abc.def abcdef -
abc.def abcZdef -
abc?def abcZdef =
abc?def abc/def -
**/foo/bar foo/bar =
**/foo/bar dir/dir2/foo/bar =
abc/** abc -
abc/** abc/def/ghi =
**/.foo bar.foo -
a(b)c/def a(b)c/def =
a.|)$(}+{bc a.|)$(}+{bc =
a\\ a\ =
a\*b a*b =
a\*b aXb -
a* ab/c <
docs docs/README.md <
docs/ docs/README.md <
./docs//x/.. docs/README.md <
/docs docs -
*.txt a.txt =
*.txt dir/a.txt -
x/**/y x/y =
x/**/y x/a/b/y =
x/**/y xy -
node_modules a/node_modules -
";

#[test]
fn a_list_follows_the_reference_table() {
    for line in LIST_TABLE.trim().lines() {
        let [pattern, path, expected] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let exact = Program::of_list(clean(pattern).as_bytes()).unwrap().matches(path.as_bytes());
        let got = if exact { "=" } else { ["-", "<"][usize::from(one(pattern, path))] };
        assert_eq!(got, expected, "{line}");
    }
}

#[test]
fn the_last_pattern_that_matches_decides() {
    for (patterns, path, expected) in [
        (&["docs", "!docs/README.md"][..], "docs/README.md", false),
        (&["docs/*", "!docs/README.md"], "docs/README.md", false),
        (&["!fileutils.go", "*.go"], "fileutils.go", true),
        (&["*.go", "!fileutils.go"], "fileutils.go", false),
        (&["**", "!util/docker/web"], "util/docker/web/foo", false),
        (&["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", true),
        (&["**", "!dist/*.whl"], "dist/a+b-2.4.0rc3-any.whl", false),
        (&[], "any/path", false),
        (&["", "  "], "any/path", false),
    ] {
        assert_eq!(Matcher::new(patterns).unwrap().matches(path.as_bytes()), expected, "{patterns:?} {path}");
    }
}

#[test]
fn wildcards_of_copy_follow_go() {
    for (pattern, text, expected) in [
        ("abc", "abc", true),
        ("*", "abc", true),
        ("**", "abc", true),
        ("**", "a/c", false),
        ("*c", "abc", true),
        ("a*", "a", true),
        ("a*", "ab/c", false),
        ("a*/b", "abc/b", true),
        ("a*/b", "a/c/b", false),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
        ("a*b?c*x", "abxbbxdbxebxczzx", true),
        ("a*b?c*x", "abxbbxdbxebxczzy", false),
        ("ab[^e-g]", "abc", true),
        ("a?b", "a☺b", true),
        ("a???b", "a☺b", false),
        ("[a-ζ]*", "α", true),
        ("*[a-ζ]", "A", false),
        ("[\\]a]", "]", true),
        ("[x\\-]", "-", true),
        ("[\\-x]", "a", false),
        ("arr[[]0].txt", "arr[0].txt", true),
        ("*x", "xxx", true),
    ] {
        assert_eq!(
            Glob::new(pattern.as_bytes()).unwrap().matches(text.as_bytes()),
            expected,
            "{pattern} {text}"
        );
    }
    for bad in ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a["] {
        assert_eq!(Glob::new(bad.as_bytes()).unwrap_err(), PatternError::Syntax(bad.to_owned()));
        assert!(Matcher::new(&[bad]).is_err(), "{bad}");
    }
    assert_eq!(Matcher::new(&["!"]).unwrap_err(), PatternError::LoneException);
}

#[test]
fn names_that_are_not_utf8_match_as_bytes() {
    assert!(Glob::new(b"a\xff*").unwrap().matches(b"a\xff\xfe"));
    assert!(!Glob::new(b"a\xff").unwrap().matches(b"a\xfe"));
    assert!(Glob::new(b"a?b").unwrap().matches(b"a\xffb"));
}

#[test]
fn an_ignore_file_is_cleaned_line_by_line() {
    let text = b"\xef\xbb\xbf# comment\n  # not a comment\n\n./a/../b\n/rooted\r\n! /kept/ \n/\n**/x/\n";
    let expected = ["# not a comment", "b", "rooted", "!kept", "/", "**/x"];
    assert_eq!(parse_ignore_file(text).unwrap(), expected);
}

#[test]
fn an_ignore_file_is_refused_with_its_line() {
    let message = |bytes: &[u8]| parse_ignore_file(bytes).unwrap_err().to_string();
    assert_eq!(message(b"a\n ! \n"), "line 2 of the ignore file: a lone \"!\" is not a valid pattern");
    assert_eq!(message(b"[a\n"), "line 1 of the ignore file: \"[a\" is not a valid pattern");
    assert_eq!(message(b"a\n\xff\n"), "line 2 of the ignore file is not UTF-8");
    let long = vec![b'a'; 64 * 1024 + 1];
    assert_eq!(message(&long), "line 1 of the ignore file is longer than 65536 bytes");
}

#[test]
fn a_walk_knows_where_nothing_can_match() {
    let matcher = Matcher::new(&["a", "!a/b/*.c", "x/**/y"]).unwrap();
    assert!(matcher.may_except_below(b"a") && matcher.may_except_below(b"a/b"));
    assert!(!matcher.may_except_below(b"a/c") && !matcher.may_except_below(b"a/b/d"));
    assert!(matcher.may_match_below(b"x/1/2/3") && !matcher.may_match_below(b"y"));
}

#[test]
fn hostile_patterns_take_linear_time() {
    let text = "a".repeat(20_000);
    for pattern in ["*a".repeat(200), "**/a".repeat(100), "a*".repeat(300) + "b"] {
        // Backtracking would not end within the age of the universe.
        one(&pattern, &text);
    }
}

/// The definition, by backtracking, for short texts.
fn naive(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        b"**" => true,
        [b'*', b'*', rest @ ..] => {
            let rest = rest.strip_prefix(b"/").unwrap_or(rest);
            if rest.is_empty() {
                return true;
            }
            naive(rest, text) || (0..text.len()).any(|at| text[at] == b'/' && naive(rest, &text[at + 1..]))
        }
        [b'*', rest @ ..] => (0..=text.len())
            .take_while(|at| *at == 0 || text[at - 1] != b'/')
            .any(|at| naive(rest, &text[at..])),
        [b'?', rest @ ..] => text.first().is_some_and(|c| *c != b'/') && naive(rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && naive(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn agrees_with_backtracking(pattern in "[ab]{1,2}(/?(\\*\\*?|\\?|[ab])){0,5}", text in "[ab]{1,3}(/[ab]{1,2}){0,3}") {
        let cleaned = clean(&pattern);
        let program = Program::of_list(cleaned.as_bytes()).unwrap();
        prop_assert_eq!(program.matches(text.as_bytes()), naive(cleaned.as_bytes(), text.as_bytes()), "{}", cleaned);
    }

    #[test]
    fn pruning_never_loses_a_match(pattern in "[ab*?/]{1,8}", dir in "[ab]{1,2}(/[ab]{1,2}){0,2}", name in "[ab]{1,2}(/[ab]){0,2}") {
        let matcher = Matcher::new(&[&pattern]).unwrap();
        let path = format!("{dir}/{name}");
        let (above, parent) = matcher.matches_in(dir.as_bytes(), &ParentMatch::default());
        if !above && !name.contains('/') && matcher.matches_in(path.as_bytes(), &parent).0 {
            prop_assert!(matcher.may_match_below(dir.as_bytes()), "{} {}", pattern, path);
        }
    }

    #[test]
    fn any_bytes_are_handled(pattern in proptest::collection::vec(any::<u8>(), 0..12), text in proptest::collection::vec(any::<u8>(), 0..12)) {
        if let Ok(glob) = Glob::new(&pattern) {
            glob.matches(&text);
        }
        if let Ok(patterns) = parse_ignore_file(&pattern) {
            Matcher::new(&patterns).unwrap().matches(&text);
        }
    }
}
