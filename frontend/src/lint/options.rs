//! `# check=`: which rules are left out, which experimental ones count, and whether findings are errors
//! (dockerfile reference, section 1, "Directives"). Names that no rule has are for other versions.

use super::Rule;

/// What a `# check=` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    skip: Rules,
    experimental: Rules,
    pub(super) error: bool,
}

/// Some of the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rules {
    all: bool,
    named: Vec<Rule>,
}

impl Rules {
    fn of(list: &str) -> Self {
        let list = list.trim();
        let all = list.eq_ignore_ascii_case("all");
        Self { all, named: list.split(',').filter_map(|name| Rule::of_name(name.trim())).collect() }
    }

    fn add(&mut self, other: &Self) {
        self.all |= other.all;
        self.named.extend(&other.named);
    }
}

impl Options {
    /// Reads `skip=A,B;error=true;experimental=all`, parts in any order.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) =
                part.split_once('=').ok_or_else(|| format!("invalid check option {part:?}"))?;
            match key.trim().to_ascii_lowercase().as_str() {
                "skip" => options.skip = Rules::of(value),
                "experimental" => options.experimental = Rules::of(value),
                "error" => options.error = truth(value.trim())?,
                other => return Err(format!("invalid check option {other:?}")),
            }
        }
        Ok(options)
    }

    /// What the first comment of the form `check=OPTIONS words` above an instruction says. The options end
    /// at the first blank. One that is malformed is a comment like any other.
    pub(super) fn of_comments(comments: &[String]) -> Option<Self> {
        let value = comments.iter().find_map(|comment| check_value(comment))?;
        Self::parse(value.split_whitespace().next()?).ok()
    }

    /// Both.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.skip.add(&other.skip);
        self.experimental.add(&other.experimental);
        self
    }

    /// Whether a finding of `rule` counts. `skip=all` is about the rules that count unasked.
    pub(super) fn allows(&self, rule: Rule) -> bool {
        if self.skip.named.contains(&rule) {
            return false;
        }
        match rule.is_experimental() {
            true => self.experimental.all || self.experimental.named.contains(&rule),
            false => !self.skip.all,
        }
    }
}

/// The value of a comment that says `check=`.
pub(super) fn check_value(comment: &str) -> Option<&str> {
    let (key, value) = comment.split_once('=')?;
    key.trim().eq_ignore_ascii_case("check").then(|| value.trim())
}

/// Go's `strconv.ParseBool`.
fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("invalid value {text:?} for the check option error")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(options: &str) -> Vec<Rule> {
        let options = Options::parse(options).unwrap();
        [Rule::UndefinedVar, Rule::FromAsCasing, Rule::InvalidDefinitionDescription]
            .into_iter()
            .filter(|rule| options.allows(*rule))
            .collect()
    }

    #[test]
    fn which_rules_count() {
        use Rule::{FromAsCasing, InvalidDefinitionDescription, UndefinedVar};
        assert_eq!(allowed(""), [UndefinedVar, FromAsCasing]);
        assert_eq!(allowed("skip=UndefinedVar, fromascasing"), []);
        assert_eq!(allowed("skip=SomethingNew"), [UndefinedVar, FromAsCasing]);
        assert_eq!(allowed("skip=all"), []);
        let experimental = [UndefinedVar, FromAsCasing, InvalidDefinitionDescription];
        assert_eq!(allowed("experimental=all"), experimental);
        assert_eq!(allowed(" experimental = InvalidDefinitionDescription ;"), experimental);
        assert_eq!(allowed("skip=all;experimental=all"), [InvalidDefinitionDescription]);
        assert_eq!(
            allowed("experimental=all;skip=InvalidDefinitionDescription"),
            [UndefinedVar, FromAsCasing]
        );
    }

    #[test]
    fn errors() {
        assert!(Options::parse("error=true").unwrap().error);
        assert!(!Options::parse("error=0;skip=all").unwrap().error);
        for bad in ["error=yes", "skip", "skp=all", "skip=all;x"] {
            assert!(Options::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn comments() {
        let of = |comments: &[&str]| {
            let comments: Vec<String> = comments.iter().map(|comment| (*comment).to_owned()).collect();
            Options::of_comments(&comments)
        };
        let skip = Options::parse("skip=UndefinedVar").unwrap();
        assert_eq!(of(&["words", "check = skip=UndefinedVar // why; not"]), Some(skip));
        for none in ["checked=skip=all", "check=this out", "check this", "check="] {
            assert_eq!(of(&[none]), None, "{none}");
        }
    }
}
