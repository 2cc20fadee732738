//! Layers written, read by other people's tools, and read back.

mod bytes;
mod hostile;
mod model;
mod roundtrip;
mod scale;
