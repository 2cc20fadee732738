//! What steps print: sent on at once, and the end kept for the error message.

use std::collections::VecDeque;

use cooperage_llb::graph::VertexId;
use cooperage_llb::ports::step_runner::{StepLog, Stream};
use tokio::sync::mpsc::Sender;

use super::{Message, Tell};

/// Lines shown of a failed step.
const TAIL_LINES: usize = 20;
/// Bytes kept for them.
const TAIL_BYTES: usize = 16 << 10;

/// Sends what one step prints to the driver, and waits where that is busy.
pub(super) struct Sending {
    pub(super) vertex: VertexId,
    pub(super) sender: Sender<Message>,
}

impl StepLog for Sending {
    fn write(&self, stream: Stream, bytes: &[u8]) {
        let message = Message::Tell(self.vertex, Tell::Log(stream, bytes.to_vec()));
        // The driver is gone only if it failed itself. A source tells from a task that must not block unannounced.
        drop(tokio::task::block_in_place(|| self.sender.blocking_send(message)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_waits_for_who_reads_and_not_for_who_is_gone() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let log = Sending { vertex: VertexId(0), sender: sender.clone() };
        let printing = std::thread::spawn(move || {
            for byte in 0..100 {
                log.write(Stream::Stdout, &[byte]);
            }
            log
        });
        for expected in 0..100 {
            assert!(sender.max_capacity() - sender.capacity() <= 1, "no more than one piece is held");
            let Some(Message::Tell(_, Tell::Log(_, bytes))) = receiver.blocking_recv() else {
                panic!("a piece")
            };
            assert_eq!(bytes, [expected]);
        }
        drop(receiver);
        printing.join().unwrap().write(Stream::Stdout, b"to nobody");
    }
}
