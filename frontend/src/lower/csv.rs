//! One record of comma-separated values: what `--mount` and `--device` are.

/// The fields of a record. The error says what is wrong.
pub(super) fn fields(record: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = record;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => match rest.split_once(',') {
                Some((field, after)) => (field.to_owned(), Some(after)),
                None => (rest.to_owned(), None),
            },
        };
        if field.contains('"') && !rest.starts_with('"') {
            return Err(format!("{record:?} has a quote in the middle of a field"));
        }
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

/// A field after its opening quote, and what follows the comma behind it.
fn quoted_field(text: &str) -> Result<(String, Option<&str>), String> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let Some((part, after)) = rest.split_once('"') else {
            return Err(format!("the quote before {text:?} is not closed"));
        };
        field.push_str(part);
        if let Some(after) = after.strip_prefix('"') {
            field.push('"');
            rest = after;
        } else if after.is_empty() {
            return Ok((field, None));
        } else if let Some(after) = after.strip_prefix(',') {
            return Ok((field, Some(after)));
        } else {
            return Err(format!("expected a comma before {after:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        assert_eq!(fields(r#"a,"b,""c",d="#).unwrap(), ["a", "b,\"c", "d="]);
        assert_eq!(fields("").unwrap(), [""]);
        for bad in [r#""a"#, r#""a"b"#, r#"a"b"#] {
            assert!(fields(bad).is_err(), "{bad}");
        }
    }
}
