//! The causes of what is read otherwise in one instruction, each with the test that tells it.

use cooperage_frontend::ast::{Command, Healthcheck, Heredoc, Instruction, Kind, Run, Source};

use super::causes::{Cause, Disagreement, cause};
use super::reading::{pairs, rest};
use super::{dockerfile_parser, parse_dockerfile};

/// A test and the cause that it tells.
type Rule = (fn(&Disagreement<'_>) -> bool, Cause);

/// In this order: the first that holds is the cause.
pub(crate) static RULES: [Rule; 33] = [
    (
        has_wrong_trigger,
        cause("wrong trigger", "ONBUILD keeps it, and it is wrong where it fires; it looks at once"),
    ),
    (has_unknown_heredoc, cause("heredoc", "it knows no heredoc there")),
    (has_own_escape, cause("escape directive", "it knows no `# escape=`")),
    (is_bare, cause("no argument", "it wants an argument where none is legal")),
    (
        is_reset,
        cause("empty array", "resets an entry point, and RUN is for the lowering to refuse; it wants a word"),
    ),
    (
        has_dropped_flags,
        cause("dropped flags", "flags of ARG, STOPSIGNAL and NONE are dropped; it keeps them"),
    ),
    (has_bare_dashes, cause("bare --", "ends the flags and goes; it keeps it, or takes it for a flag")),
    (has_one_name_twice, cause("heredocs of one name", "the last body counts for each; it keeps both")),
    (swallows_body, cause("COPY << EOF", "with a blank the body is swallowed; it reads it")),
    (has_blank_in_flag, cause("blank in a flag", "quotes in a flag group; it cuts at each blank")),
    (has_loose_json, cause("loose JSON", "single quotes and a last comma are no JSON; it takes them")),
    (has_half_surrogate, cause("half a surrogate pair", "is U+FFFD; to it that is no array")),
    (has_blank_volume, cause("blank around a volume", "goes; it keeps it")),
    (has_odd_name, cause("stage name", "may have dots; it knows letters, digits, _ and -")),
    (is_continued_in_word, cause("continuation in a word", "the word goes on; it ends it")),
    (has_json_copy, cause("COPY in JSON", "it knows no JSON form of COPY")),
    (has_bare_flag, cause("flag without value", "it takes `--link` for a path")),
    (
        has_quoted_flag,
        cause("quoted flag", "quotes and escapes of a flag's value are taken off; it keeps them"),
    ),
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
    (has_empty_value, cause("empty value", "`KEY=` and `--platform=` are empty; it wants a value")),
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

fn has_wrong_trigger(it: &Disagreement<'_>) -> bool {
    matches!(&it.instruction.kind, Kind::OnBuild(trigger) if trigger.instruction.is_none())
}

fn has_unknown_heredoc(it: &Disagreement<'_>) -> bool {
    let known = it.is_of(&parse_dockerfile::ORACLE) && has_first_heredoc_alone(it.instruction);
    it.is_refusal() && !heredocs(it.instruction).is_empty() && !known
}

/// Whether one heredoc begins the arguments, and nothing is between `<<` and its name.
fn has_first_heredoc_alone(instruction: &Instruction) -> bool {
    match (&instruction.kind, heredocs(instruction).as_slice()) {
        (Kind::OnBuild(it), _) => it.instruction.as_deref().is_some_and(has_first_heredoc_alone),
        (Kind::Run(Run { command: Command::Shell(line), .. }), [one]) => {
            let opening = &one.opening.value;
            line.value.starts_with(opening) && opening.starts_with("<<") && !opening.contains([' ', '\t'])
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
    matches!(it.ours, [said] if matches!(said.trim(), "exec" | "shell"))
        && matches!(it.instruction.kind, Kind::Entrypoint(_) | Kind::Run(_))
        && it.refuses_as(&parse_dockerfile::ORACLE)
}

fn has_dropped_flags(it: &Disagreement<'_>) -> bool {
    let Ok([flags @ .., last]) = it.theirs else { return false };
    let is_dropped = |word: &&str| word.starts_with("--");
    let words = || last.split(' ').skip(1);
    match &it.instruction.kind {
        Kind::Arg(_) | Kind::StopSignal(_) => {
            let kept: Vec<&str> = words().skip_while(is_dropped).collect();
            let ours = it.ours.first().map_or("", |said| said.split_once(' ').map_or("", |(_, text)| text));
            flags.is_empty() && kept.join(" ") == ours
        }
        Kind::Healthcheck(Healthcheck::None) => {
            flags.iter().all(|said| said.starts_with("flag ")) && last == "none"
        }
        _ => false,
    }
}

fn has_bare_dashes(it: &Disagreement<'_>) -> bool {
    let mut flags = rest(it.instruction).split_whitespace().take_while(|word| word.starts_with("--"));
    flags.any(|word| word == "--")
}

fn has_one_name_twice(it: &Disagreement<'_>) -> bool {
    let heredocs = heredocs(it.instruction);
    let is_copy = matches!(it.instruction.kind, Kind::Copy(_) | Kind::Add(_));
    let again = |(at, one): (usize, &&Heredoc)| heredocs[..at].iter().any(|before| before.name == one.name);
    is_copy && it.is_of(&parse_dockerfile::ORACLE) && heredocs.iter().enumerate().any(again)
}

fn swallows_body(it: &Disagreement<'_>) -> bool {
    let is_copy = matches!(it.instruction.kind, Kind::Copy(_) | Kind::Add(_));
    is_copy && it.is_refusal() && it.ours.iter().any(|said| said == "source <<")
}

fn has_blank_in_flag(it: &Disagreement<'_>) -> bool {
    it.ours.iter().any(|said| said.strip_prefix("flag ").is_some_and(|flag| flag.contains(' ')))
}

fn has_loose_json(it: &Disagreement<'_>) -> bool {
    let [ours] = it.ours else { return false };
    let is_exec = it.theirs.is_ok_and(|theirs| theirs.first().is_some_and(|said| said == "exec"));
    ours.starts_with("shell [") && is_exec && it.is_of(&dockerfile_parser::ORACLE)
}

fn has_half_surrogate(it: &Disagreement<'_>) -> bool {
    let replaced = it.ours.iter().any(|said| said.contains('\u{fffd}'));
    replaced && it.is_of(&parse_dockerfile::ORACLE) && it.source.contains("\\ud")
}

fn has_blank_volume(it: &Disagreement<'_>) -> bool {
    let trimmed = |said: &String| said.strip_prefix("path ").map(|path| path.trim().to_owned());
    let trim = |said: &[String]| said.iter().map(trimmed).collect::<Option<Vec<String>>>();
    let ours = trim(it.ours);
    ours.is_some() && it.theirs.is_ok_and(|theirs| trim(theirs) == ours)
}

fn has_odd_name(it: &Disagreement<'_>) -> bool {
    let Kind::From(from) = &it.instruction.kind else { return false };
    from.name.as_ref().is_some_and(|name| name.value.contains('.'))
        && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn is_continued_in_word(it: &Disagreement<'_>) -> bool {
    let mut inner = it.source.lines().skip(1);
    let goes_on = inner.any(|line| line.starts_with(|c: char| !c.is_whitespace() && c != '#'));
    goes_on && !pairs(&it.instruction.kind).is_empty() && it.refuses_as(&dockerfile_parser::ORACLE)
}

fn has_json_copy(it: &Disagreement<'_>) -> bool {
    let after_flags = rest(it.instruction).split_whitespace().find(|word| !word.starts_with("--"));
    let is_copy = matches!(it.instruction.kind, Kind::Copy(_));
    is_copy && it.is_of(&dockerfile_parser::ORACLE) && after_flags.is_some_and(|word| word.starts_with('['))
}

/// From the first flag without a value, or with an empty one, on, all are sources.
fn has_bare_flag(it: &Disagreement<'_>) -> bool {
    let is_flag = |word: &&String| word.starts_with("flag ");
    let Some(first) =
        it.ours.iter().take_while(is_flag).position(|flag| !flag.contains('=') || flag.ends_with('='))
    else {
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
            |word: &String| if is_flag(word) { word.replace(['"', '\'', '\\'], "") } else { word.clone() };
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
    let is_flag = |said: &String| said.starts_with("flag ") && said.ends_with('=');
    let empty = pairs.any(|(_, value)| value.is_some_and(|value| value.is_empty()));
    (empty || it.ours.iter().any(is_flag)) && it.refuses_as(&dockerfile_parser::ORACLE)
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
        Kind::OnBuild(trigger) => trigger.instruction.as_deref().map(heredocs).unwrap_or_default(),
        _ => Vec::new(),
    }
}
