//! The text of an instruction with its continuation lines joined, and the way back to the file.

use std::ops::Range;

use crate::ast::{Span, Spanned};

/// Pieces of the file joined into one text.
#[derive(Debug, Clone, Default)]
pub(super) struct Joined {
    text: String,
    pieces: Vec<Piece>,
}

/// From `joined` on (to the next piece), the text is what stands in the file from `source` on. Files are
/// far below 4 GiB (`MAX_FILE_BYTES`).
#[derive(Debug, Clone, Copy)]
struct Piece {
    joined: u32,
    source: u32,
}

impl Joined {
    /// Appends a piece that is in the file at `source`.
    pub(super) fn push(&mut self, piece: &str, source: usize) {
        if piece.is_empty() && !self.pieces.is_empty() {
            return;
        }
        let [joined, source] = [self.text.len(), source].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        self.pieces.push(Piece { joined, source });
        self.text.push_str(piece);
    }

    /// All of it.
    pub(super) fn slice(&self) -> Slice<'_> {
        Slice { joined: self, start: 0, end: self.text.len() }
    }

    /// Where in the file the byte at `at` of the joined text is.
    fn source(&self, at: usize) -> usize {
        let after = self.pieces.partition_point(|piece| piece.joined as usize <= at);
        let Some(piece) = after.checked_sub(1).and_then(|index| self.pieces.get(index)) else { return 0 };
        piece.source as usize + (at - piece.joined as usize)
    }
}

/// A part of a [`Joined`] text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice<'a> {
    joined: &'a Joined,
    start: usize,
    end: usize,
}

impl<'a> Slice<'a> {
    pub(super) fn text(self) -> &'a str {
        &self.joined.text[self.start..self.end]
    }

    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// A part, by range in [`Slice::text`].
    pub(super) fn part(self, range: Range<usize>) -> Self {
        Self { joined: self.joined, start: self.start + range.start, end: self.start + range.end }
    }

    /// From `at` in [`Slice::text`] to the end.
    pub(super) fn from(self, at: usize) -> Self {
        self.part(at..self.end - self.start)
    }

    /// Where it starts in `whole`, of which it is a part.
    pub(super) fn start_in(self, whole: Self) -> usize {
        self.start - whole.start
    }

    /// Without Unicode blanks at both ends.
    pub(super) fn trim(self) -> Self {
        self.trim_start().trim_end()
    }

    /// Without Unicode blanks at the start.
    pub(super) fn trim_start(self) -> Self {
        self.from(self.text().len() - self.text().trim_start().len())
    }

    fn trim_end(self) -> Self {
        self.part(0..self.text().trim_end().len())
    }

    /// Where it is in the file; what lies between its first and last byte there may contain line ends
    /// and comments.
    pub(super) fn span(self) -> Span {
        let start = self.joined.source(self.start);
        if self.is_empty() {
            return Span { start, end: start };
        }
        Span { start, end: self.joined.source(self.end - 1) + 1 }
    }

    /// Where in the file `wanted` stands.
    pub(super) fn places_of(self, wanted: char) -> impl Iterator<Item = usize> + 'a {
        let Self { joined, start, .. } = self;
        self.text().match_indices(wanted).map(move |(at, _)| joined.source(start + at))
    }

    /// The text with its place.
    pub(super) fn spanned(self) -> Spanned<String> {
        Spanned { value: self.text().to_owned(), span: self.span() }
    }
}
