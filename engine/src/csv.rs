//! One CSV record (RFC 4180), as Go's `encoding/csv` reads option values.

/// The fields of one record. A field with a comma or a quote is wrapped in double quotes; a quote in it
/// is doubled.
pub(crate) fn fields(text: &str) -> Result<Vec<String>, &'static str> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, tail) =
            if let Some(quoted) = rest.strip_prefix('"') { self::quoted(quoted)? } else { bare(rest)? };
        fields.push(field);
        match tail {
            None => return Ok(fields),
            Some(tail) => rest = tail,
        }
    }
}

type Field<'a> = (String, Option<&'a str>);

fn bare(text: &str) -> Result<Field<'_>, &'static str> {
    let (field, tail) = match text.split_once(',') {
        Some((field, tail)) => (field, Some(tail)),
        None => (text, None),
    };
    if field.contains('"') {
        return Err("a quote must wrap the whole field: \"key=value\"");
    }
    if field.contains(['\n', '\r']) {
        return Err("a line break must be inside quotes");
    }
    Ok((field.to_owned(), tail))
}

fn quoted(text: &str) -> Result<Field<'_>, &'static str> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (part, tail) = rest.split_once('"').ok_or("a quote is not closed")?;
        field.push_str(part);
        if let Some(tail) = tail.strip_prefix('"') {
            field.push('"');
            rest = tail;
        } else if tail.is_empty() {
            return Ok((field, None));
        } else {
            let tail = tail.strip_prefix(',').ok_or("a comma is missing after a closing quote")?;
            return Ok((field, Some(tail)));
        }
    }
}
