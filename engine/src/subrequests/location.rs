//! Places, in BuildKit's JSON: one range a line. Members that are zero or empty are left out, as in
//! everything that comes from a protobuf message.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooperage_frontend::ast::Span;
use cooperage_frontend::lower::Source;
use serde_json::{Value, json};

use crate::warning::lines;

/// `pb.Location` of lines in the first source.
pub(super) fn of_lines(lines: RangeInclusive<usize>) -> Value {
    let ranges = lines.map(|line| json!({"start": {"line": line}, "end": {"line": line}}));
    json!({"ranges": ranges.collect::<Vec<_>>()})
}

/// The same of an instruction.
pub(super) fn of_span(span: Span, source: &Source) -> Value {
    of_lines(lines(span, &source.shown()))
}

/// The bytes of a file.
pub(super) fn bytes(source: &Source) -> String {
    STANDARD.encode(&source.text)
}
