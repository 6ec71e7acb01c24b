//! Newtypes for the numbers that identify things, so that a node number is never used as an item number.

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
    /// Numbers the writes of a database: every put record and every delete has a revision of its own,
    /// increasing by one, from 1.
    [pub] Revision(u64)
}

number! {
    /// Numbers the generations of a space, from 1; never reused.
    [pub] GenerationNo(u64)
}

number! {
    /// The internal number of an item id: assigned when the id is first put, kept across updates and
    /// across a delete followed by a put.
    [pub] ItemNo(u32)
}

number! {
    /// Numbers files of all kinds; never reused, so that a name always means the same file.
    [pub] FileNo(u64)
}

impl From<u64> for GenerationNo {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
