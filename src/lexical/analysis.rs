//! The part of a lexical space that decides what its index holds.

use super::language::Language;
use bincode::{Decode, Encode};
use std::collections::BTreeMap;

/// Which terms an item has: the fields, their weights, and how texts become terms. Two spaces with the same
/// analysis share one index.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Analysis {
    /// The boost of each field, in tenths.
    pub(super) fields: BTreeMap<String, u32>,
    /// How words are stemmed.
    pub(super) language: Language,
    /// Words that are left out, lower-cased, sorted.
    pub(super) stop_words: Vec<String>,
}

impl Analysis {
    /// The greatest common divisor of the boosts: frequencies and lengths are counted in as many tenths.
    pub(super) fn unit(&self) -> u32 {
        let boosts = self.fields.values().copied();
        boosts.reduce(gcd).unwrap_or(1).max(1)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
