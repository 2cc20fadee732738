//! The value of `--call` (docs/cli.md), read as buildx reads it (buildx: util/buildflags/callfunc.go).

use std::str::FromStr;

/// The value; `None` is `build`, which asks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallValue(pub(crate) Option<Call>);

/// What is asked of the Dockerfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) question: Question,
    pub(crate) json: bool,
    /// Whether findings of a check leave the exit code 0.
    pub(crate) ignore_status: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// What lint finds.
    Check,
    /// The parameters of the target.
    Outline,
    /// The stages.
    Targets,
    /// What can be asked.
    Describe,
}

const QUESTIONS: [(&str, Option<Question>); 6] = [
    ("build", None),
    ("check", Some(Question::Check)),
    ("lint", Some(Question::Check)),
    ("outline", Some(Question::Outline)),
    ("targets", Some(Question::Targets)),
    ("subrequests.describe", Some(Question::Describe)),
];

impl Call {
    /// `--check`
    pub(crate) const CHECK: Self = Self { question: Question::Check, json: false, ignore_status: false };
}

impl FromStr for CallValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut question, mut json, mut ignore_status) = (None, false, false);
        for field in text.split(',').map(str::trim) {
            match field.split_once('=') {
                None if question.is_some() => return Err(format!("{field:?} is a second question: ask one")),
                None => question = Some(self::question(field)?),
                Some(("format", "json")) => json = true,
                Some(("format", "text")) => json = false,
                Some(("format", other)) => {
                    return Err(format!("unknown format {other:?}: expected json or text"));
                }
                Some(("ignorestatus", "true" | "1")) => ignore_status = true,
                Some(("ignorestatus", "false" | "0")) => ignore_status = false,
                Some(("ignorestatus", other)) => {
                    return Err(format!("ignorestatus={other}: expected true or false"));
                }
                Some((key, _)) => {
                    return Err(format!("unknown field {key:?}: expected format or ignorestatus"));
                }
            }
        }
        match question {
            None => Err("expected a question, such as check".to_owned()),
            Some(None) if json => {
                Err("a build has no format: --metadata-file writes what was built as JSON".to_owned())
            }
            Some(question) => Ok(Self(question.map(|question| Call { question, json, ignore_status }))),
        }
    }
}

fn question(name: &str) -> Result<Option<Question>, String> {
    QUESTIONS.iter().find(|(known, _)| *known == name).map(|(_, question)| *question).ok_or_else(|| {
        format!("unknown question {name:?}: expected build, check, outline, targets or subrequests.describe")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let call =
            |question, json, ignore_status| Ok(CallValue(Some(Call { question, json, ignore_status })));
        for (text, expected) in [
            ("build", Ok(CallValue(None))),
            ("check", Ok(CallValue(Some(Call::CHECK)))),
            ("lint,format=json", call(Question::Check, true, false)),
            ("check,ignorestatus=true,format=text", call(Question::Check, false, true)),
            ("format=json,outline", call(Question::Outline, true, false)),
            ("subrequests.describe", call(Question::Describe, false, false)),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        for bad in ["", "chek", "check,outline", "check,format=xml", "check,x=1", "build,format=json"] {
            assert!(bad.parse::<CallValue>().is_err(), "{bad}");
        }
    }
}
