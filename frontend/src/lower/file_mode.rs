//! `--chmod`: an octal number, or changes as chmod(1) reads them.

use cooperage_llb::definition::Mode;

/// Reads a mode. The error says what is wrong.
pub(super) fn parse(text: &str) -> Result<Mode, String> {
    if text.is_empty() {
        return Ok(Mode::Keep);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match u32::from_str_radix(text, 8) {
            Ok(mode @ 0..=0o7777) => Ok(Mode::Octal(mode)),
            _ => Err(format!(
                "invalid chmod parameter: '{text}', it should be an octal number between 0 and 07777"
            )),
        };
    }
    if text.split(',').all(is_clause) {
        return Ok(Mode::Symbolic(text.to_owned()));
    }
    Err(format!("invalid chmod parameter: '{text}'"))
}

/// `[ugoa]*` and one or more of `[-+=]` with `[rwxXst]*` or one of `[ugo]`.
fn is_clause(clause: &str) -> bool {
    let mut rest = clause.trim_start_matches(['u', 'g', 'o', 'a']);
    if rest.is_empty() {
        return false;
    }
    while let Some(after) = rest.strip_prefix(['-', '+', '=']) {
        rest = match after.strip_prefix(['u', 'g', 'o']) {
            Some(copied) => copied,
            None => after.trim_start_matches(['r', 'w', 'x', 'X', 's', 't']),
        };
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        assert_eq!(parse("0755"), Ok(Mode::Octal(0o755)));
        assert_eq!(parse("4755"), Ok(Mode::Octal(0o4755)));
        assert_eq!(parse("0"), Ok(Mode::Octal(0)));
        assert_eq!(parse(""), Ok(Mode::Keep));
        for good in ["u=rwX,go=rX", "+x", "a-w", "u+s", "g=u", "o=", "+x-w", "ug+rw,o-rwx"] {
            assert_eq!(parse(good), Ok(Mode::Symbolic(good.into())));
        }
        for bad in ["10000", "8", "+0x1", "rwx", "u", "u=rwx,", "z+x", "u=gr"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
