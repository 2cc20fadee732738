//! Every form of expansion (dockerfile reference, section 2) as a row of a table.

use std::collections::BTreeMap;

use cooperage_frontend::expand::{expand_heredoc, expand_word, expand_words};

fn vars() -> BTreeMap<String, String> {
    let pairs = [
        ("v", "value"),
        ("empty", ""),
        ("spaces", " a  b "),
        ("path", "/usr/local/lib.tar.gz"),
        ("star", "a*b*c"),
        ("dollar", "[$0$1${0}$$$]"),
        ("lines", "one\ntwo\n"),
        ("wide", "äöü"),
        ("größe", "9"),
        ("quote", "it's \"x\" \\y"),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// A text, and its value or `error: ` and the reason.
const WORDS: &[(&str, &str)] = &[
    // Names.
    ("$v", "value"),
    ("${v}", "value"),
    ("a${v}b$v.c", "avaluebvalue.c"),
    ("$no${no}", ""),
    ("$vx", ""),
    ("$größe$größe2", "9"),
    ("$1a$12b$", "ab$"),
    ("$. $/ $)", "$. $/ $)"),
    ("x$@$*$#$?$-$$$!$0y", "xy"),
    ("${@}${1}${$}", ""),
    // Defaults and alternatives.
    ("${v:-w}${empty:-w}${no:-w}", "valueww"),
    ("${v-w}${empty-w}${no-w}", "valuew"),
    ("${v:+w}${empty:+w}${no:+w}", "w"),
    ("${v+w}${empty+w}${no+w}", "ww"),
    ("${v:?w}${v?}", "valuevalue"),
    ("${no:?my message}", "error: no: my message"),
    ("${no?}", "error: no: is not allowed to be unset"),
    ("${no:?}", "error: no: is not allowed to be unset"),
    ("${empty?}", ""),
    ("${empty:?}", "error: empty: is not allowed to be empty"),
    ("${no:-${empty:-${v}}}", "value"),
    ("${no:-'}'\"}\"\\}}", "}}}"),
    ("${no:-a b}", "a b"),
    ("${v:-${no?needed anyway}}", "error: no: needed anyway"),
    ("${1:-one}${@-at}", "oneat"),
    // Prefixes and suffixes.
    ("${path#*/}", "usr/local/lib.tar.gz"),
    ("${path##*/}", "lib.tar.gz"),
    ("${path%.*}", "/usr/local/lib.tar"),
    ("${path%%.*}", "/usr/local/lib"),
    ("${path#no}${path%no}", "/usr/local/lib.tar.gz/usr/local/lib.tar.gz"),
    ("${path#/???}", "/local/lib.tar.gz"),
    ("${v#*}", "value"),
    ("${v##*}", ""),
    ("${v%?}${v%%}", "valuvalue"),
    ("${v#${empty}val}", "ue"),
    ("${v#'val'}", "ue"),
    ("${star#a\\*}", "b*c"),
    ("${star%\\*?}", "a*b"),
    ("${wide#?}${wide%?}", "öüäö"),
    ("${lines##*e}${lines%%o*}", "\ntwo\none\ntwo\n"),
    ("${v#[a-z]}", "value"),
    ("${v#\\a}", "error: invalid pattern (\\a) in substitution: invalid escape '\\a'"),
    ("${no#x}", ""),
    // Replacements.
    ("${path/l/L}", "/usr/Local/lib.tar.gz"),
    ("${path//l/L}", "/usr/LocaL/Lib.tar.gz"),
    ("${path/\\//-}", "-usr/local/lib.tar.gz"),
    ("${path//\\/}", "error: syntax error: missing '/'"),
    ("${path//\\//}", "usrlocallib.tar.gz"),
    ("${path/.*./-}", "/usr/local/lib-gz"),
    ("${v/}", "error: syntax error: missing '/'"),
    ("${v/a}", "error: syntax error: missing '/'"),
    ("${v/a/}", "vlue"),
    ("${v/a/$empty\"x\"'y'}", "vxylue"),
    ("${v//[/x}", "value"),
    ("${v//${empty}/-}", "-v-a-l-u-e-"),
    ("${v/*/-}${v//*/-}", "--"),
    ("${star//\\*/+}", "a+b+c"),
    ("${v/a/$dollar}", "v[$0$1${0}$$$]lue"),
    ("${v//a/$dollar}", "v[aa$$]lue"),
    ("${lines//*/x}", "x\nx\nx"),
    // What is no substitution.
    ("${", "error: syntax error: missing '}'"),
    ("${}", "error: syntax error: bad substitution"),
    ("${{v}", "error: syntax error: bad substitution"),
    ("${:v}", "error: syntax error: bad substitution"),
    ("${v", "error: syntax error: missing '}'"),
    ("${v:", "error: syntax error: missing '}'"),
    ("${v:-", "error: syntax error: missing '}'"),
    ("${v:-'", "error: syntax error: missing '}'"),
    ("${v:=w}", "error: unsupported modifier (:=) in substitution"),
    ("${v:foo}", "error: unsupported modifier (:f) in substitution"),
    ("${v:#w}", "error: unsupported modifier (:#) in substitution"),
    ("${v:%w}", "error: unsupported modifier (:%) in substitution"),
    ("${v:/a/b}", "error: unsupported modifier (:/) in substitution"),
    ("${v^^}", "error: unsupported modifier (^) in substitution"),
    ("${#v}", "error: unsupported modifier (v) in substitution"),
    ("${.}", "error: unsupported modifier (.) in substitution"),
    ("${v}}", "value}"),
    // Quotes and escapes.
    ("'$v'\"$v\"", "$vvalue"),
    ("'a\\'b", "a\\b"),
    ("\"a\\$v\\\"\\\\\\x'\"", "a$v\"\\\\x'"),
    ("\\$v\\a\\\\\\'", "$va\\'"),
    ("a b  c", "a b  c"),
    ("a\\", "a"),
    ("\"\"''", ""),
    ("\"${no:-\"x\"}\"", "x"),
    ("$quote", "it's \"x\" \\y"),
    ("it's", "error: unexpected end of statement while looking for matching single-quote"),
    ("\"a\\\"", "error: unexpected end of statement while looking for matching double-quote"),
    ("<<E <x << y", "<<E <x << y"),
];

fn shown(result: Result<String, impl ToString>, text: &str) -> String {
    result.unwrap_or_else(|error| {
        let prefix = format!("failed to process {text:?}: ");
        let error = error.to_string();
        format!("error: {}", error.strip_prefix(&prefix).expect("the text is repeated"))
    })
}

#[test]
fn words_are_expanded() {
    for (text, expected) in WORDS {
        let actual = shown(expand_word(text, '\\', &vars()).map(|it| it.value), text);
        assert_eq!(actual, *expected, "{text}");
    }
}

#[test]
fn a_backtick_can_be_the_escape_character() {
    for (text, expected) in [
        ("`$v\\$v", "$v\\value"),
        ("\"`$v`\"`\\`x\"", "$v\"`\\`x"),
        ("c:\\$v`", "c:\\value"),
        ("${star#a`*}", "a*b*c"),
    ] {
        assert_eq!(expand_word(text, '`', &vars()).expect(text).value, expected, "{text}");
    }
}

#[test]
fn results_are_split_at_unquoted_blanks() {
    for (text, expected) in [
        ("a b\tc", vec!["a", "b", "c"]),
        ("$spaces", vec!["a", "b"]),
        ("x${spaces}y", vec!["x", "a", "b", "y"]),
        ("x\"$spaces\"y", vec!["x a  b y"]),
        ("'a b' c\\ d", vec!["a b", "c d"]),
        ("80${no:-80}", vec!["8080"]),
        ("$no \"\" ''", vec![]),
        ("${no:-1 2}/udp", vec!["1", "2/udp"]),
    ] {
        let (words, _) = expand_words(text, '\\', &vars()).expect(text);
        assert_eq!(words, expected, "{text}");
    }
}

#[test]
fn heredocs_keep_their_quotes() {
    for (text, expected) in [
        ("\"$v\" '$v' it's\n", "\"value\" 'value' it's\n"),
        ("\\$v \\\\ \\\n`$v", "$v \\ \n`value"),
        ("${no:-'x'}", "'x'"),
    ] {
        assert_eq!(expand_heredoc(text, &vars()).expect(text).value, expected, "{text}");
    }
    assert!(expand_heredoc("${v", &vars()).is_err());
}

#[test]
fn unset_names_are_listed_once_in_order() {
    let unset = |text: &str| expand_word(text, '\\', &vars()).expect(text).unset;
    assert_eq!(unset("$b$v$a${b:-$c}'$d'$1"), ["b", "a", "c", "1"]);
    assert_eq!(unset("${empty:-x}"), [""; 0]);
}

#[test]
fn the_last_of_several_entries_counts() {
    let pairs = vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
    assert_eq!(expand_word("$a", '\\', &pairs).expect("set").value, "2");
    assert_eq!(expand_word("$a", '\\', &pairs.as_slice()).expect("set").value, "2");
}

/// A hundred levels, a million parts, 1 MiB (a heredoc: 16): beyond, an error, and before, linear.
#[test]
fn large_texts_are_expanded_or_refused() {
    let reason = |text: &str, vars: &BTreeMap<String, String>| {
        expand_word(text, '\\', vars).err().map(|error| error.reason.to_string())
    };
    let nested = |levels: usize| "${no:-".repeat(levels) + &"}".repeat(levels);
    assert_eq!(reason(&nested(100), &vars()), None);
    assert_eq!(
        reason(&nested(1_000_000), &vars()),
        Some("substitutions are nested more than 100 deep".into())
    );
    assert_eq!(reason(&"$v".repeat(100_000), &vars()), None);
    let many = "more than 1000000 quotes, escapes and variables in one text";
    assert_eq!(reason(&"\\a".repeat(1_100_000), &vars()), Some(many.into()));

    let big = BTreeMap::from([("b".to_owned(), "ab".repeat(1 << 16))]);
    assert_eq!(reason(&"$b".repeat(9), &big), Some("the result is longer than 1 MiB".into()));
    assert_eq!(reason("${b//a/${b}}", &big), Some("the result is longer than 1 MiB".into()));
    let document = expand_heredoc(&"$b".repeat(129), &big).err().map(|error| error.reason.to_string());
    assert_eq!(document, Some("the result is longer than 16 MiB".into()));
    assert!(expand_heredoc(&"$b".repeat(127), &big).is_ok());
    assert_eq!(reason("${b%%a*b*a*c}${b//a*c/x}", &big), None);
    let pattern = format!("${{b#{}}}", "?*".repeat(1000));
    let long = "the pattern and the value it is matched with are too long";
    assert_eq!(reason(&pattern, &big), Some(long.into()));
}
