//! Whole lines out of chunks of bytes.

use cooperage::llb::ports::step_runner::Stream;

/// A line that is longer than this is shown in pieces, in bytes: a program may never end its line.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Holds back what has no line break yet, each stream for itself: a program writes lines in pieces, and the
/// pieces of two streams come mixed.
#[derive(Default)]
pub(super) struct Lines {
    stdout: Rest,
    stderr: Rest,
}

impl Lines {
    /// The lines of `stream` that are complete now, without their breaks.
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) -> Vec<String> {
        match stream {
            Stream::Stdout => self.stdout.push(bytes),
            Stream::Stderr => self.stderr.push(bytes),
        }
    }

    /// What is left at the end of the streams.
    pub(super) fn finish(&mut self) -> impl Iterator<Item = String> + use<> {
        self.stdout.finish().into_iter().chain(self.stderr.finish())
    }
}

#[derive(Default)]
struct Rest {
    rest: Vec<u8>,
}

impl Rest {
    fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(bytes);
        let mut lines = Vec::new();
        if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.rest.split_off(end + 1);
            let complete = std::mem::replace(&mut self.rest, rest);
            lines.extend(complete[..end].split(|byte| *byte == b'\n').map(text));
        }
        if self.rest.len() >= LINE_BYTES_MAX {
            // Not in the middle of a character.
            let end = match std::str::from_utf8(&self.rest) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => self.rest.len(),
            };
            let rest = self.rest.split_off(end);
            lines.push(text(&std::mem::replace(&mut self.rest, rest)));
        }
        lines
    }

    fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then(|| text(&rest))
    }
}

/// A line as it is shown: what overwrites itself by carriage returns ends as its last state.
fn text(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches('\r');
    line.rsplit('\r').next().unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_join_and_nothing_is_lost() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(Stream::Stdout, b"a"), Vec::<String>::new());
        assert_eq!(lines.push(Stream::Stderr, b"+ e"), Vec::<String>::new());
        assert_eq!(lines.push(Stream::Stdout, b"b\n\nc\r\n10%\r20%\r30%\nd"), ["ab", "", "c", "30%"]);
        assert_eq!(lines.push(Stream::Stderr, b"cho\n"), ["+ echo"]);
        assert_eq!(lines.finish().collect::<Vec<_>>(), ["d"]);
        assert_eq!(lines.finish().count(), 0);
    }

    #[test]
    fn a_line_without_end_is_not_held_back() {
        let mut lines = Lines::default();
        let mut shown = Vec::new();
        let text = "x\u{20ac}".repeat(250_000);
        for piece in text.as_bytes().chunks(10_001) {
            shown.extend(lines.push(Stream::Stdout, piece));
            assert!(lines.stdout.rest.len() < LINE_BYTES_MAX);
        }
        shown.extend(lines.finish());
        assert!(shown.len() > 10);
        assert_eq!(shown.concat(), text);
    }
}
