//! What the end-to-end tests share: real components, started and stopped by the tests themselves.
#![forbid(unsafe_code)]
