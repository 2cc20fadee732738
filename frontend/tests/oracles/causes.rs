//! Why an oracle differs from us: each cause by name, with the test that tells it.
//!
//! Where an oracle refuses there is nothing to compare, and a cause is told by what the instruction has in
//! it. Where it reads something else, a cause has to turn our reading into theirs, to the last word.

use cooperage_frontend::ast::{Command, Heredoc, Instruction, Kind, Run, Source};

use super::reading::{Node, Oracle, pairs, rest};
use super::{dockerfile_parser, parse_dockerfile};

/// A cause.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) name: &'static str,
    /// The rule, and what the oracle does instead.
    pub(crate) why: &'static str,
}

/// An instruction that is read in two ways.
pub(crate) struct Disagreement<'a> {
    pub(crate) oracle: &'static str,
    pub(crate) instruction: &'a Instruction,
    /// As it stands in the file.
    pub(crate) source: &'a str,
    pub(crate) escape: char,
    pub(crate) ours: &'a [String],
    pub(crate) theirs: Result<&'a [String], &'a str>,
}

type Rule = (fn(&Disagreement<'_>) -> bool, Cause);

const fn cause(name: &'static str, why: &'static str) -> Cause {
    Cause { name, why }
}

/// In this order: the first that holds is the cause.
static RULES: [Rule; 22] = [
    (has_unknown_heredoc, cause("heredoc", "it knows no heredoc there")),
    (has_own_escape, cause("escape directive", "it knows no `# escape=`")),
    (is_bare, cause("no argument", "it wants an argument where none is legal")),
    (is_reset, cause("ENTRYPOINT []", "resets the entry point; it wants an argument")),
    (has_json_copy, cause("COPY in JSON", "it knows no JSON form of COPY")),
    (has_bare_flag, cause("flag without value", "it takes `--link` for a path")),
    (has_quoted_flag, cause("quoted flag", "quotes of a flag's value are taken off; it keeps them")),
    (ends_in_escapes, cause("double escape at the end", "`\\\\` continues nothing; it drops one")),
    (
        is_kept_as_text,
        cause("kept as text", "its grammar of the words is narrower, and it takes the line as text"),
    ),
    (
        starts_like_comment,
        cause("command that starts with #", "there are no comments at the end of a line; it sees one"),
    ),
    (
        has_comment_inside,
        cause("comment inside", "comments among continuation lines are dropped; it knows some places only"),
    ),
    (
        has_blank_inside,
        cause(
            "blank line inside",
            "blank lines among continuation lines are dropped; it knows some places only",
        ),
    ),
    (
        has_text_after_json,
        cause("text after an array", "such a line is in shell form; it stops after the array"),
    ),
    (has_several_args, cause("several in one ARG", "it knows one")),
    (is_split_keyword, cause("continued keyword", "a keyword may be continued; it wants it whole")),
    (has_odd_base, cause("base image", "any word is a base; it knows the characters of a reference")),
    (has_old_label, cause("LABEL key rest", "the rest of the line is the value; it takes one word")),
    (has_empty_value, cause("empty value", "`KEY=` is empty; it wants a value")),
    (
        has_mixed_quotes,
        cause(
            "quotes inside a word",
            "quotes may stand anywhere in a word; it knows words that are quoted whole",
        ),
    ),
    (has_odd_key, cause("key", "any text is a key; it knows letters, digits and _")),
    (has_escape_in_json, cause("escape in an array", "it has its own escapes, and fails where JSON does")),
    (
        has_quotes,
        cause("unescaping", "quotes stay until the word is expanded; it takes them off at once, and fails"),
    ),
];

/// Why an instruction is read otherwise.
pub(crate) fn of_reading(disagreement: &Disagreement<'_>) -> Option<&'static Cause> {
    RULES.iter().find(|(holds, _)| holds(disagreement)).map(|(_, cause)| cause)
}

impl Disagreement<'_> {
    fn is_of(&self, oracle: &Oracle) -> bool {
        self.oracle == oracle.name
    }

    /// The oracle refuses, or finds several instructions.
    fn is_refusal(&self) -> bool {
        self.theirs.is_err()
    }

    fn refuses_as(&self, oracle: &Oracle) -> bool {
        self.is_of(oracle) && self.is_refusal()
    }
}

fn has_unknown_heredoc(it: &Disagreement<'_>) -> bool {
    let known = it.is_of(&parse_dockerfile::ORACLE) && has_first_heredoc_alone(it.instruction);
    it.is_refusal() && !heredocs(it.instruction).is_empty() && !known
}

/// Whether one heredoc begins the arguments, and nothing is between `<<` and its name.
fn has_first_heredoc_alone(instruction: &Instruction) -> bool {
    match (&instruction.kind, heredocs(instruction).as_slice()) {
        (Kind::OnBuild(it), _) => has_first_heredoc_alone(&it.instruction),
        (Kind::Run(Run { command: Command::Shell(line), .. }), [one]) => {
            line.value.starts_with(&one.opening.value) && !one.opening.value.contains([' ', '\t'])
        }
        (Kind::Run(_), _) => false,
        _ => true,
    }
}

fn has_own_escape(it: &Disagreement<'_>) -> bool {
    it.escape != '\\' && it.is_of(&dockerfile_parser::ORACLE)
}

fn is_bare(it: &Disagreement<'_>) -> bool {
    rest(it.instruction).is_empty() && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn is_reset(it: &Disagreement<'_>) -> bool {
    it.ours == ["exec"] && it.refuses_as(&parse_dockerfile::ORACLE)
}

fn has_json_copy(it: &Disagreement<'_>) -> bool {
    let after_flags = rest(it.instruction).split_whitespace().find(|word| !word.starts_with("--"));
    let is_copy = matches!(it.instruction.kind, Kind::Copy(_));
    is_copy && it.is_of(&dockerfile_parser::ORACLE) && after_flags.is_some_and(|word| word.starts_with('['))
}

/// From the first flag without a value on, all are sources.
fn has_bare_flag(it: &Disagreement<'_>) -> bool {
    let is_flag = |word: &&String| word.starts_with("flag ");
    let Some(first) = it.ours.iter().take_while(is_flag).position(|flag| !flag.contains('=')) else {
        return false;
    };
    let mut as_paths = it.ours.to_vec();
    for word in as_paths.iter_mut().skip(first).take_while(|word| word.starts_with("flag ")) {
        *word = word.replacen("flag ", "source --", 1);
    }
    it.is_of(&dockerfile_parser::ORACLE) && it.theirs == Ok(&as_paths)
}

fn has_quoted_flag(it: &Disagreement<'_>) -> bool {
    let unquoted = |words: &[String]| -> Vec<String> {
        let is_flag = |word: &String| word.starts_with("flag ");
        let unquoted =
            |word: &String| if is_flag(word) { word.replace(['"', '\''], "") } else { word.clone() };
        words.iter().map(unquoted).collect()
    };
    it.theirs.is_ok_and(|theirs| unquoted(theirs) == unquoted(it.ours))
}

fn ends_in_escapes(it: &Disagreement<'_>) -> bool {
    if it.refuses_as(&dockerfile_parser::ORACLE) {
        return it.source.ends_with("\\\\");
    }
    let Ok([others @ .., last]) = it.theirs else { return false };
    let Some((our_last, our_others)) = it.ours.split_last() else { return false };
    others == our_others && *our_last == format!("{last}{}", it.escape)
}

fn is_kept_as_text(it: &Disagreement<'_>) -> bool {
    let text = format!("text {}", rest(it.instruction));
    it.theirs == Ok(&[text]) && it.is_of(&dockerfile_parser::ORACLE)
}

fn starts_like_comment(it: &Disagreement<'_>) -> bool {
    let is_comment = it.ours.first().is_some_and(|line| line.starts_with("shell #"));
    let is_nothing = it.is_refusal() || it.theirs == Ok(&["shell ".to_owned()]);
    is_comment && is_nothing && it.is_of(&dockerfile_parser::ORACLE)
}

fn has_comment_inside(it: &Disagreement<'_>) -> bool {
    let mut inner = it.source.lines().skip(1);
    inner.any(|line| line.trim_start().starts_with('#')) && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn has_blank_inside(it: &Disagreement<'_>) -> bool {
    let mut inner = it.source.lines().skip(1);
    inner.any(|line| matches!(line.trim(), "" | "\\")) && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn has_text_after_json(it: &Disagreement<'_>) -> bool {
    let is_shell = it.ours.first().is_some_and(|line| line.starts_with("shell ["));
    is_shell && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn has_several_args(it: &Disagreement<'_>) -> bool {
    let several = matches!(&it.instruction.kind, Kind::Arg(args) if args.len() > 1);
    several && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn is_split_keyword(it: &Disagreement<'_>) -> bool {
    !it.source.starts_with(&it.instruction.keyword.value) && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn has_odd_base(it: &Disagreement<'_>) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/${}@".contains(c);
    let odd = matches!(&it.instruction.kind, Kind::From(from) if !from.base.value.chars().all(is_plain));
    odd && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn has_old_label(it: &Disagreement<'_>) -> bool {
    let old = matches!(&it.instruction.kind, Kind::Label(pairs) if pairs.legacy);
    old && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn has_empty_value(it: &Disagreement<'_>) -> bool {
    let mut pairs = pairs(&it.instruction.kind).into_iter();
    pairs.any(|(_, value)| value.is_some_and(|value| value.is_empty()))
        && it.refuses_as(&dockerfile_parser::ORACLE)
}

/// An escape, or a quote that does not enclose the whole value.
fn has_mixed_quotes(it: &Disagreement<'_>) -> bool {
    let mixed = |value: &str| {
        let inner = value.get(1..value.len().saturating_sub(1)).unwrap_or_default();
        let whole = ['"', '\''].into_iter().any(|quote| {
            value.len() > 1 && value.starts_with(quote) && value.ends_with(quote) && !inner.contains(quote)
        });
        value.contains(['"', '\'', '\\']) && (!whole || inner.contains('\\'))
    };
    let mut pairs = pairs(&it.instruction.kind).into_iter();
    pairs.any(|(_, value)| value.is_some_and(|value| mixed(&value)))
        && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn has_odd_key(it: &Disagreement<'_>) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut pairs = pairs(&it.instruction.kind).into_iter();
    pairs.any(|(key, _)| !key.chars().all(is_plain)) && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn has_escape_in_json(it: &Disagreement<'_>) -> bool {
    let escaped = rest(it.instruction).starts_with('[') && it.source.contains('\\');
    escaped && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn has_quotes(it: &Disagreement<'_>) -> bool {
    let unescaping = it.theirs.is_err_and(|error| error.contains("unescaping"));
    unescaping && it.source.contains(['"', '\'']) && it.is_of(&dockerfile_parser::ORACLE)
}

fn heredocs(instruction: &Instruction) -> Vec<&Heredoc> {
    match &instruction.kind {
        Kind::Run(run) => run.heredocs.iter().collect(),
        Kind::Copy(transfer) | Kind::Add(transfer) => transfer
            .sources
            .iter()
            .filter_map(|source| match source {
                Source::Heredoc(heredoc) => Some(heredoc),
                Source::Path(_) => None,
            })
            .collect(),
        Kind::OnBuild(trigger) => heredocs(&trigger.instruction),
        _ => Vec::new(),
    }
}

static BYTE_ORDER_MARK: Cause = cause("byte order mark", "is dropped; it wants none");
static END: Cause =
    cause("end of a text", "blanks and an escape that ends the file are dropped; it keeps them");
static NAMES: Cause = cause("two stages of one name", "are legal; it refuses them");
static UNCHECKED: Cause = cause("unchecked", "it does not check this");

/// Why a file is read otherwise whose instructions are read alike one by one.
pub(crate) fn of_file(
    oracle: &Oracle,
    text: &str,
    ours: &[Node],
    theirs: &Result<Vec<Node>, String>,
) -> Option<&'static Cause> {
    let is_alike = |(ours, theirs): (&Node, &Node)| {
        let trimmed = |said: &[String]| -> Vec<String> {
            said.iter().map(|word| word.trim_end_matches([' ', '\t', '\\']).to_owned()).collect()
        };
        (ours.at, &ours.keyword) == (theirs.at, &theirs.keyword)
            && trimmed(&ours.said) == trimmed(&theirs.said)
    };
    match theirs {
        Err(_) if text.starts_with('\u{feff}') && oracle.name == dockerfile_parser::ORACLE.name => {
            Some(&BYTE_ORDER_MARK)
        }
        Err(error) if error.contains("duplicate stage name") => Some(&NAMES),
        Ok(theirs) if ours.len() == theirs.len() && ours.iter().zip(theirs).all(is_alike) => Some(&END),
        _ => None,
    }
}

/// What an oracle leaves to its caller: how our message begins.
const UNCHECKED_BY: [(&str, &[&str]); 2] = [
    (
        "parse-dockerfile",
        &[
            "missing a value on flag",
            "invalid name for build stage",
            "unknown flag",
            "ENV must have two arguments",
            "VOLUME requires at least one argument",
            "unterminated heredoc",
            "only one syntax parser directive",
            "ENV names can not be blank",
            "syntax error - can't find =",
            "duplicate flag",
            "expecting boolean value",
            "no instruction after the line continuation",
        ],
    ),
    (
        "dockerfile-parser",
        &[
            "the Dockerfile cannot be empty",
            "file with no instructions",
            "no build stage in current context",
            "missing a value on flag",
            "unknown flag",
            "unknown instruction",
            "invalid escape token",
            "only one syntax parser directive",
            "duplicate flag",
            "expecting boolean value",
            "when using JSON array syntax",
            "dockerfile contains no stages",
        ],
    ),
];

/// Why an oracle accepts what we refuse.
pub(crate) fn of_leniency(oracle: &Oracle, message: &str) -> Option<&'static Cause> {
    let (_, unchecked) = UNCHECKED_BY.iter().find(|(name, _)| *name == oracle.name)?;
    unchecked.iter().any(|beginning| message.starts_with(beginning)).then_some(&UNCHECKED)
}

/// All causes.
pub(crate) fn all() -> impl Iterator<Item = &'static Cause> {
    RULES.iter().map(|(_, cause)| cause).chain([&BYTE_ORDER_MARK, &END, &NAMES, &UNCHECKED])
}
