//! The keys that a vertex has at some moment.

use cooperage_llb::key::{Key, ResultId};

/// One or two keys of a vertex; the first is the one a result that is made now gets its identity from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// Nothing but the definition is known.
    Definition(Key),
    /// One of the inputs has no identity.
    Content(Key),
    /// Both; the content decides over the identity.
    Both {
        /// From the contents that are read.
        content: Key,
        /// From the identities of the inputs.
        definition: Key,
    },
    /// The cache is ignored: a key that was never used, and the one the vertex would have had.
    Fresh {
        /// Decides over the identity.
        fresh: Key,
        /// By definition, or by content if an input has no identity.
        ignored: Key,
    },
}

impl Keys {
    /// The key whose digest becomes the identity of a result made now.
    pub fn first(&self) -> &Key {
        match self {
            Self::Definition(key) | Self::Content(key) => key,
            Self::Both { content, .. } => content,
            Self::Fresh { fresh, .. } => fresh,
        }
    }

    /// The identity of a result made now.
    pub fn identity(&self) -> ResultId {
        ResultId::of(self.first())
    }

    /// What a result may be recorded under, first key first.
    pub fn to_record(&self) -> Vec<Key> {
        match self {
            Self::Definition(key) | Self::Content(key) => vec![key.clone()],
            Self::Both { content, definition } => vec![content.clone(), definition.clone()],
            Self::Fresh { fresh, .. } => vec![fresh.clone()],
        }
    }

    /// Keys whose older results a new one replaces.
    pub fn to_replace(&self) -> Vec<Key> {
        match self {
            Self::Definition(_) | Self::Content(_) | Self::Both { .. } => Vec::new(),
            Self::Fresh { ignored, .. } => vec![ignored.clone()],
        }
    }

    /// The keys that do not lead to a result yet which was found under the first.
    pub(crate) fn aliases(&self) -> Vec<Key> {
        match self {
            Self::Definition(_) | Self::Content(_) | Self::Fresh { .. } => Vec::new(),
            Self::Both { definition, .. } => vec![definition.clone()],
        }
    }
}
