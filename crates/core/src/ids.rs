//! The numbers things are known by: newtypes, so that a node is never taken for an item.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* [$($vis:tt)*] $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        $($vis)* struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The place of one write in the order of all writes: every record put and every delete has
    /// its own, dense and increasing over the whole database, starting at 1.
    [pub] Revision(u64)
}

number! {
    /// Numbers the generations of one space, from 1; never used again.
    [pub] GenerationNo(u64)
}

number! {
    /// Stands for an item's id inside: given when an id is first seen, kept across updates and
    /// across a delete followed by a put.
    [pub] ItemNo(u32)
}

number! {
    /// Numbers files of all kinds; never used again, so that a name never changes its meaning.
    [pub] FileNo(u64)
}

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
