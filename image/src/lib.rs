//! OCI values, file trees and the layer codec.
//!
//! The lowest room: it knows the formats of the outside world (image-spec, Docker's older media
//! types, tar layers) and the one value that flows through a build, the [`tree::Tree`]. It opens no
//! socket and decides nothing.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

pub mod archive;
pub mod config;
pub mod descriptor;
pub mod digest;
pub mod layer;
pub mod layout;
pub mod manifest;
pub mod media_type;
pub mod pattern;
pub mod platform;
pub mod reference;
pub mod tree;

pub use config::{History, ImageConfig};
pub use descriptor::Descriptor;
pub use digest::{ChainId, DiffId, Digest, Hasher};
pub use manifest::{Index, Manifest};
pub use platform::Platform;
pub use reference::Reference;
