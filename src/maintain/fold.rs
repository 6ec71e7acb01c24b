//! Folding: items with equal vectors become one node of a space segment.
//!
//! Copies of a vector are at distance 0 of each other and at the same distance of everything else. In a
//! graph they would fill each other's link lists, and the rest could not be reached. So each distinct
//! vector has one row, one code and one node, and the node stands for all items that have it.

use crate::graph::{Rows, equal_rows};
use rayon::prelude::*;

/// Distinct vectors, and the items that have each of them.
pub(super) struct Folded {
    /// The items, grouped by vector, increasing within a group.
    pub(super) items: Vec<u32>,
    /// Index in `items` of the first item of each vector, then their number. Empty if every item has a
    /// vector of its own.
    pub(super) firsts: Vec<u32>,
    /// The distinct vectors, in order of their first item.
    pub(super) vectors: Vec<f32>,
}

/// Folds items, which come in increasing order, with their vectors. A component -0.0 becomes 0.0.
pub(super) fn fold(items: Vec<u32>, mut vectors: Vec<f32>, dimension: usize) -> Folded {
    vectors.par_iter_mut().for_each(|x| *x += 0.0);
    let mut group: Vec<u32> = (0..items.len() as u32).collect();
    let mut repeated = false;
    for (first, row) in equal_rows(Rows::new(&vectors, dimension)) {
        repeated = true;
        if let Some(group) = group.get_mut(row as usize) {
            *group = first;
        }
    }
    if !repeated {
        let firsts = Vec::new();
        return Folded {
            items,
            firsts,
            vectors,
        };
    }
    // From the first row of a group to its number. A first row comes before all others of its group.
    let mut counts: Vec<u32> = Vec::new();
    for row in 0..group.len() {
        let Some(first) = group.get(row).map(|first| *first as usize) else {
            continue;
        };
        let number = match first == row {
            true => {
                let to = counts.len() * dimension;
                vectors.copy_within(row * dimension..(row + 1) * dimension, to);
                counts.push(0);
                counts.len() as u32 - 1
            }
            false => group.get(first).copied().unwrap_or_default(),
        };
        if let (Some(group), Some(count)) = (group.get_mut(row), counts.get_mut(number as usize)) {
            (*group, *count) = (number, *count + 1);
        }
    }
    vectors.truncate(counts.len() * dimension);
    let mut firsts = vec![0];
    let mut end = 0;
    firsts.extend(counts.iter().map(|count| {
        end += count;
        end
    }));
    let mut next = firsts.clone();
    let mut grouped = vec![0; items.len()];
    for (item, group) in items.into_iter().zip(group) {
        if let Some(next) = next.get_mut(group as usize)
            && let Some(place) = grouped.get_mut(*next as usize)
        {
            (*place, *next) = (item, *next + 1);
        }
    }
    Folded {
        items: grouped,
        firsts,
        vectors,
    }
}

impl Folded {
    /// The first item of a vector.
    pub(super) fn first_item(&self, vector: u32) -> Option<u32> {
        let at = match self.firsts.is_empty() {
            true => vector,
            false => *self.firsts.get(vector as usize)?,
        };
        self.items.get(at as usize).copied()
    }

    /// The items of the vectors in `order`, where `order[node]` is the number of a vector, and their `firsts`.
    pub(super) fn items_in(&self, order: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let mut items = Vec::with_capacity(self.items.len());
        if self.firsts.is_empty() {
            items.extend(order.iter().filter_map(|at| self.items.get(*at as usize)));
            return (items, Vec::new());
        }
        let mut firsts = Vec::with_capacity(self.firsts.len());
        firsts.push(0);
        for at in order {
            let at = *at as usize;
            if let Some([from, to]) = self.firsts.get(at..at + 2) {
                items.extend(
                    self.items
                        .get(*from as usize..*to as usize)
                        .unwrap_or_default(),
                );
            }
            firsts.push(items.len() as u32);
        }
        // A sample may have one item for each vector, although other vectors have several.
        if items.len() == order.len() {
            firsts.clear();
        }
        (items, firsts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_item_keeps_its_vector_and_no_vector_is_there_twice(
            numbers in vec((-2i8..3, -1i8..2), 0..60), negative in any::<bool>(), seed in any::<u64>(), step in 1usize..4,
        ) {
            let zero = if negative { -0.0 } else { 0.0 };
            let component = |x: i8| if x == 0 { zero } else { f32::from(x) };
            let rows: Vec<[f32; 2]> = numbers.iter().map(|(a, b)| [component(*a), f32::from(*b)]).collect();
            let items: Vec<u32> = (0..rows.len() as u32).map(|row| 3 * row + 1).collect();
            let folded = fold(items.clone(), rows.concat(), 2);
            let distinct = folded.vectors.chunks(2).count();
            let mut order: Vec<u32> = (0..distinct as u32).step_by(step).collect();
            let by = seed % (order.len() as u64).max(1);
            order.rotate_left(by as usize);
            let (found, firsts) = folded.items_in(&order);
            prop_assert_eq!(firsts.is_empty(), found.len() == order.len());
            for (at, node) in order.iter().enumerate() {
                let slots = match firsts.get(at..at + 2) {
                    Some([from, to]) => *from as usize..*to as usize,
                    _ => at..at + 1,
                };
                let vector = &folded.vectors[2 * *node as usize..][..2];
                prop_assert!(vector.iter().all(|x| x.to_bits() != (-0.0f32).to_bits()));
                let with = |row: &[f32; 2]| row == vector;
                let expected: Vec<u32> = items.iter().zip(&rows).filter(|(_, row)| with(row)).map(|(item, _)| *item).collect();
                prop_assert_eq!(&found[slots], &*expected);
            }
            if step == 1 {
                let mut all = found;
                all.sort_unstable();
                prop_assert_eq!(all, items);
            }
        }
    }
}
