//! The tiers of this crate.

use std::fmt;
use std::str::FromStr;

/// A way to isolate a step that a machine may allow; best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Real root with the right to mount: namespaces, overlay, pivot_root.
    Root,
    /// The same in a user namespace whose map is the identity, written by (container) root itself.
    Userns,
}

/// A name that is no tier's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no tier: use root or userns")]
pub struct UnknownTier(pub String);

impl Tier {
    /// All, best first.
    pub const ALL: [Self; 2] = [Self::Root, Self::Userns];

    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Userns => "userns",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, UnknownTier> {
        Self::ALL.into_iter().find(|tier| tier.name() == text).ok_or_else(|| UnknownTier(text.to_owned()))
    }
}
