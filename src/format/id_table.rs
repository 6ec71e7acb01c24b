//! A hash table from ids to rows, stored in a file.
//!
//! A slot is a u64: the row in its lower half, a hash tag of the id in its upper half. So the table alone
//! shows that an id is absent, without a look at the ids. With several segments that is the usual case.
//! Linear probing; a third of the slots are empty.

use xxhash_rust::xxh3::xxh3_64;

/// A slot without a row.
const EMPTY: u64 = u64::MAX;

/// Number of slots for this many rows.
pub(crate) fn slots(rows: u64) -> u64 {
    rows.saturating_add(rows / 2).saturating_add(1)
}

/// The table of the ids of all rows, in row order.
pub(crate) fn build<'a>(ids: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u64> {
    let mut table = vec![EMPTY; slots(ids.len() as u64) as usize];
    for (row, id) in ids.enumerate() {
        let hash = hash(id);
        let mut at = first(hash, table.len());
        while table.get(at).is_some_and(|slot| *slot != EMPTY) {
            at = (at + 1) % table.len();
        }
        if let Some(slot) = table.get_mut(at) {
            *slot = tag(hash) | row as u64;
        }
    }
    table
}

/// The hash of an id.
pub(crate) fn hash(id: &[u8]) -> u64 {
    xxh3_64(id)
}

/// Hints to the processor that the [candidates] of a hash will soon be read.
pub(crate) fn prefetch(table: &[u64], hash: u64) {
    let at = first(hash, table.len());
    twinspire_core::kernel::prefetch(table.get(at..=at).unwrap_or_default());
}

/// The rows whose ids may have this hash: most often one or none.
pub(crate) fn candidates(table: &[u64], hash: u64) -> impl Iterator<Item = usize> {
    let (after, from) = table.split_at(first(hash, table.len()).min(table.len()));
    let probed = from.iter().chain(after);
    let probed = probed.take_while(|slot| **slot != EMPTY);
    let alike = probed.filter(move |slot| **slot & TAG == tag(hash));
    alike.map(|slot| (slot & !TAG) as usize)
}

/// The tag bits of a slot.
const TAG: u64 = !0 << 32;

fn tag(hash: u64) -> u64 {
    hash << 32
}

/// The slot where probing for a hash begins: ⌊hash · slots / 2^64⌋.
fn first(hash: u64, slots: usize) -> usize {
    ((u128::from(hash) * slots as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn every_id_leads_to_its_row(
            ids in prop::collection::btree_set("[a-z]{0,3}", 0..300),
            others in prop::collection::btree_set("[a-z0-9]{0,4}", 0..100),
        ) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let table = build(ids.iter().map(|id| id.as_bytes()));
            prop_assert_eq!(table.len() as u64, slots(ids.len() as u64));
            for (row, id) in ids.iter().enumerate() {
                prop_assert!(candidates(&table, hash(id.as_bytes())).any(|found| found == row));
            }
            let known: BTreeSet<&str> = ids.iter().copied().collect();
            let others = others.iter().filter(|id| !known.contains(id.as_str()));
            let found: usize = others.map(|id| candidates(&table, hash(id.as_bytes())).count()).sum();
            prop_assert!(found <= 1, "tags of 32 bits");
        }

        #[test]
        fn probing_any_table_ends(
            table in prop::collection::vec(prop_oneof![Just(EMPTY), any::<u64>()], 0..20),
            id in ".{0,9}",
        ) {
            let hash = hash(id.as_bytes());
            prefetch(&table, hash);
            prop_assert!(candidates(&table, hash).count() <= table.len());
        }
    }
}
