//! What steps print: sent on at once, and the end kept for the error message.

use std::collections::VecDeque;

use cooperage_llb::graph::VertexId;
use cooperage_llb::ports::step_runner::{StepLog, Stream};
use tokio::sync::mpsc::UnboundedSender;

use super::{Message, Tell};

/// Lines shown of a failed step.
const TAIL_LINES: usize = 20;
/// Bytes kept for them.
const TAIL_BYTES: usize = 16 << 10;

/// Sends what one step prints to the driver.
pub(super) struct Sending {
    pub(super) vertex: VertexId,
    pub(super) sender: UnboundedSender<Message>,
}

impl StepLog for Sending {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        // The driver outlives its steps.
        drop(self.sender.send(Message::Tell(self.vertex, Tell::Log(stream, bytes.to_vec()))));
    }
}

/// The end of a log.
#[derive(Default)]
pub(super) struct Tail(VecDeque<u8>);

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        self.0.extend(bytes);
        let excess = self.0.len().saturating_sub(TAIL_BYTES);
        self.0.drain(..excess);
    }

    pub(super) fn lines(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}
