//! `WWW-Authenticate` (RFC 9110, section 11.6.1): what a registry asks for.

use reqwest::Url;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with each request (RFC 7617).
    Basic,
    /// A token from a token server (RFC 6750; distribution's token specification).
    Bearer(Bearer),
}

/// Where to get a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// The token server.
    pub(crate) realm: Url,
    /// The name that the registry has there.
    pub(crate) service: Option<String>,
    /// What the refused request needs, space separated.
    pub(crate) scope: Option<String>,
}

impl Challenge {
    /// The challenge to answer: a token if there is a choice. `None` if there is none that we can answer.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter();
        let all: Vec<_> = values.filter_map(|value| value.to_str().ok()).flat_map(split).collect();
        let bearer = all.iter().filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let bearer = bearer.filter_map(|(_, parameters)| bearer_of(parameters)).next();
        let basic = || all.iter().any(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
        bearer.map(Self::Bearer).or_else(|| basic().then_some(Self::Basic))
    }

    /// What other requests will be asked for: their scopes are their own.
    pub(crate) fn for_any_request(&self) -> Self {
        match self {
            Self::Basic => Self::Basic,
            Self::Bearer(bearer) => Self::Bearer(Bearer { scope: None, ..bearer.clone() }),
        }
    }
}

type Parameters = Vec<(String, String)>;

fn bearer_of(parameters: &Parameters) -> Option<Bearer> {
    let of = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    let realm = Url::parse(&of("realm")?).ok().filter(Url::has_host)?;
    Some(Bearer { realm, service: of("service"), scope: of("scope") })
}

/// The challenges of one header value: a scheme, then parameters. A comma separates both kinds; what is
/// followed by `=` is a parameter.
fn split(value: &str) -> Vec<(String, Parameters)> {
    let mut challenges: Vec<(String, Parameters)> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return challenges;
        }
        match after.trim_start().strip_prefix('=') {
            Some(after) => {
                let (text, after) = parameter_value(after.trim_start());
                if let Some((_, parameters)) = challenges.last_mut() {
                    parameters.push((name.to_owned(), text));
                }
                rest = after;
            }
            None => {
                challenges.push((name.to_owned(), Vec::new()));
                rest = after;
            }
        }
    }
}

/// A quoted string without its quotes and escapes, or a token; and what follows.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return (value, &quoted[at + 1..]),
            c => {
                value.push(c);
                escaped = false;
            }
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::of(&headers)
    }

    #[test]
    fn bearer_with_its_parameters() {
        let scope = "repository:a/b:pull,push repository:c:pull";
        let expected = Challenge::Bearer(Bearer {
            realm: "https://auth.example/token?x=1".parse().unwrap(),
            service: Some("a \"quoted\" name".into()),
            scope: Some(scope.into()),
        });
        let bearer = format!(
            r#"Bearer realm="https://auth.example/token?x=1",service="a \"quoted\" name" , scope="{scope}""#
        );
        assert_eq!(of(&[&bearer]), Some(expected.clone()));
        assert_eq!(of(&["Basic realm=\"x\"", &bearer]), Some(expected.clone()));
        assert_eq!(of(&[&format!("Negotiate, basic realm=x, {bearer}")]), Some(expected));
    }

    #[test]
    fn basic_and_what_nobody_can_answer() {
        assert_eq!(of(&["Basic realm=\"Registry\""]), Some(Challenge::Basic));
        assert_eq!(of(&["bAsIc"]), Some(Challenge::Basic));
        for none in ["", "=", ",,", "Negotiate", "Bearer", "Bearer realm=\"/token\"", "Bearer realm=\"https:"]
        {
            assert_eq!(of(&[none]), None, "{none}");
        }
        assert_eq!(of(&[]), None);
    }
}
