//! Byte ranges of the source as the lines that LLB speaks of.

use cooperage_llb::pb;

use crate::ast::Span;

/// Where the lines of a text start.
#[derive(Debug)]
pub(super) struct Places {
    starts: Vec<usize>,
}

impl Places {
    /// Of the bytes of a file: places are those of the parser, in the text that they are read as.
    pub(super) fn of(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { starts: std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect() }
    }

    /// The location of `span` in source file 0. Characters are bytes in the line.
    pub(super) fn location(&self, source_index: i32, span: Span) -> pb::Location {
        let last = span.end.max(span.start + 1) - 1;
        let end = self.position(last);
        let range = pb::Range {
            start: Some(self.position(span.start)),
            end: Some(pb::Position { character: end.character + 1, ..end }),
        };
        pb::Location { source_index, ranges: vec![range] }
    }

    fn position(&self, at: usize) -> pb::Position {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        pb::Position { line: number(line), character: number(at - self.starts[line - 1]) }
    }
}
