//! The Dockerfile language: text in; LLB, image config and diagnostics out.
//!
//! Pure: it reads no file and opens no socket. [`parse`](parse::parse) makes an [`ast`] with spans,
//! [`lower`] turns it into a definition, or into the list of what it needs to know first.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

pub mod ast;
pub mod diagnostic;
pub mod expand;
pub mod lint;
pub mod lower;
pub mod parse;
pub mod remote;
