//! Ages of the elements of a list: how many newer ones count.

use crate::record::RecordError;
use serde_json::Value;

/// Scratch buffers for the ages of one list.
#[derive(Clone, Debug, Default)]
pub(super) struct Ages {
    ages: Vec<Option<u32>>,
    /// A hash table of the strings so far, by linear probing; 0 marks a free slot.
    slots: Vec<u64>,
}

impl Ages {
    /// The age of each element of a list, the newest last: the number of newer ones that count. `None` for an element
    /// that does not count, because each string is to count once (`distinct`) and a newer one is the same. `hash` gives
    /// the hash of a string.
    pub(super) fn of(
        &mut self,
        list: &[Value],
        distinct: bool,
        mut hash: impl FnMut(&Value) -> Result<u64, RecordError>,
    ) -> Result<&[Option<u32>], RecordError> {
        self.ages.clear();
        let count = list.len() as u32;
        if !distinct {
            self.ages.extend((0..count).rev().map(Some));
            return Ok(&self.ages);
        }
        self.slots.clear();
        // At most half full.
        self.slots.resize((2 * list.len()).next_power_of_two(), 0);
        let mut age = 0;
        for value in list.iter().rev() {
            let is_new = self.insert(hash(value)?);
            self.ages.push(is_new.then_some(age));
            age += u32::from(is_new);
        }
        self.ages.reverse();
        Ok(&self.ages)
    }

    /// Adds a string by its hash; returns whether it is new.
    fn insert(&mut self, hash: u64) -> bool {
        let hash = hash.max(1);
        let mask = self.slots.len().saturating_sub(1);
        let places = (0..self.slots.len()).map(|step| (hash as usize).wrapping_add(step) & mask);
        for place in places {
            match self.slots.get_mut(place) {
                Some(slot) if *slot == 0 => {
                    *slot = hash;
                    return true;
                }
                Some(slot) if *slot == hash => return false,
                _ => {}
            }
        }
        true
    }
}
