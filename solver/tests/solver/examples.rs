//! Event by event, for reading.
