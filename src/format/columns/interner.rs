//! Byte strings, each stored once.

use std::hash::{BuildHasher, RandomState};

/// A slot of the hash table: the number of a string, and a part of its hash, which rules out most other
/// strings without a comparison of bytes.
#[derive(Clone, Copy)]
struct Slot {
    number: u32,
    hash: u32,
}

/// A slot without a string.
const FREE: Slot = Slot {
    number: u32::MAX,
    hash: 0,
};

/// Gives equal byte strings the same number, counted from 0. Memory: the bytes, and about sixteen more per
/// string.
#[derive(Default)]
pub(super) struct Interner {
    /// All strings, back to back.
    bytes: Vec<u8>,
    /// The end of each string.
    ends: Vec<u32>,
    /// The hash table, by linear probing; its length is a power of two.
    table: Vec<Slot>,
    // Randomly seeded, so that nobody can choose strings that collide.
    hasher: RandomState,
}

impl Interner {
    /// Number of strings.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The string of a number.
    pub(super) fn get(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before));
        let (from, to) = (from.copied().unwrap_or_default(), self.ends.get(at));
        let to = to.copied().unwrap_or_default();
        self.bytes
            .get(from as usize..to as usize)
            .unwrap_or_default()
    }

    /// The number of a string; `None` if all strings together would be longer than `limit`.
    pub(super) fn intern(&mut self, string: &[u8], limit: u32) -> Option<u32> {
        if self.table.len() * 2 <= self.ends.len() * 3 {
            self.grow();
        }
        let hash = self.hasher.hash_one(string);
        let hash = (hash ^ hash >> 32) as u32;
        let same = |place: &Slot| place.hash == hash && self.get(place.number) == string;
        let at = seek(&self.table, hash, same);
        let place = self.table.get_mut(at)?;
        if place.number != FREE.number {
            return Some(place.number);
        }
        let end = u32::try_from(self.bytes.len() + string.len()).ok();
        let end = end.filter(|end| *end <= limit)?;
        let number = self.ends.len() as u32;
        *place = Slot { number, hash };
        self.bytes.extend_from_slice(string);
        self.ends.push(end);
        Some(number)
    }

    fn grow(&mut self) {
        let larger = vec![FREE; (self.table.len() * 2).max(16)];
        for place in std::mem::replace(&mut self.table, larger) {
            if place.number != FREE.number {
                let at = seek(&self.table, place.hash, |_| false);
                if let Some(free) = self.table.get_mut(at) {
                    *free = place;
                }
            }
        }
    }
}

/// The first slot for a hash that is free or holds the string. A third of the table is free.
fn seek(table: &[Slot], hash: u32, right: impl Fn(&Slot) -> bool) -> usize {
    let mask = table.len() - 1;
    let mut at = hash as usize & mask;
    while let Some(place) = table.get(at)
        && place.number != FREE.number
        && !right(place)
    {
        at = (at + 1) & mask;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_string_too_many_is_refused_and_those_before_stay() {
        let mut interner = Interner::default();
        assert_eq!(interner.intern(b"abc", 5), Some(0));
        assert_eq!(interner.intern(b"def", 5), None);
        assert_eq!(interner.intern(b"de", 5), Some(1));
        assert_eq!(interner.intern(b"", 5), Some(2));
        assert_eq!(interner.intern(b"abc", 5), Some(0));
        assert_eq!(interner.get(1), b"de");
        assert_eq!(interner.get(9), b"");
    }

    proptest! {
        #[test]
        fn equal_strings_have_one_number_in_order_of_appearance(
            strings in prop::collection::vec("[ab]{0,6}", 0..300)
        ) {
            let (mut interner, mut plain) = (Interner::default(), Vec::new());
            for string in &strings {
                let known = plain.iter().position(|other| other == string);
                let number = known.unwrap_or(plain.len());
                if known.is_none() {
                    plain.push(string.clone());
                }
                prop_assert_eq!(interner.intern(string.as_bytes(), u32::MAX), Some(number as u32));
            }
            prop_assert_eq!(interner.len(), plain.len());
            for (number, string) in plain.iter().enumerate() {
                prop_assert_eq!(interner.get(number as u32), string.as_bytes());
            }
        }
    }
}
