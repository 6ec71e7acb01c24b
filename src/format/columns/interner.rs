//! Byte strings, each kept once.

use std::hash::{BuildHasher, RandomState};

/// A place of the table: a string's number and a part of its hash, which tells most other strings from
/// it without a look at its bytes.
#[derive(Clone, Copy)]
struct Place {
    number: u32,
    hash: u32,
}

/// A place without a string.
const FREE: Place = Place {
    number: u32::MAX,
    hash: 0,
};

/// Gives equal byte strings the same number, counted from 0. Takes the bytes and about sixteen more
/// for each string.
#[derive(Default)]
pub(super) struct Interner {
    /// All strings, back to back.
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<u32>,
    /// Each string at the place its hash gives or after it; a power of two of places.
    table: Vec<Place>,
    // Seeded anew each time, so that nobody can choose strings that fall on one place.
    hasher: RandomState,
}

impl Interner {
    /// How many strings there are.
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

    /// The number of a string; none if all strings together would be longer than `most`.
    pub(super) fn intern(&mut self, string: &[u8], most: u32) -> Option<u32> {
        if self.table.len() * 2 <= self.ends.len() * 3 {
            self.grow();
        }
        let hash = self.hasher.hash_one(string);
        let hash = (hash ^ hash >> 32) as u32;
        let same = |place: &Place| place.hash == hash && self.get(place.number) == string;
        let at = seek(&self.table, hash, same);
        let place = self.table.get_mut(at)?;
        if place.number != FREE.number {
            return Some(place.number);
        }
        let end = u32::try_from(self.bytes.len() + string.len()).ok();
        let end = end.filter(|end| *end <= most)?;
        let number = self.ends.len() as u32;
        *place = Place { number, hash };
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

/// The first place for a hash that is free, or the right one. A third of the table is free.
fn seek(table: &[Place], hash: u32, right: impl Fn(&Place) -> bool) -> usize {
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
