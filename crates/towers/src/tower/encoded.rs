use std::collections::HashSet;

/// An encoded record: for each feature, in the schema's order, rows of its table with a factor each, or numbers.
/// Everything is in three flat lists, so that one value can be reused without allocating.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    rows: Vec<u32>,
    factors: Vec<f32>,
    numbers: Vec<f32>,
    /// The ends of each feature's rows and numbers.
    ends: Vec<(usize, usize)>,
}

/// One feature of an encoded record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input<'a> {
    /// Rows of the feature's table.
    pub rows: &'a [u32],
    /// The factor of the embedding of each row.
    pub factors: &'a [f32],
    /// Its numbers, if it has no table.
    pub numbers: &'a [f32],
}

impl Encoded {
    /// Removes everything and keeps the allocations.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.factors.clear();
        self.numbers.clear();
        self.ends.clear();
    }

    /// The number of rows and of numbers.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.rows.len(), self.numbers.len())
    }

    /// Truncates to an earlier size.
    pub(super) fn shrink(&mut self, (rows, numbers): (usize, usize)) {
        self.rows.truncate(rows);
        self.factors.truncate(rows);
        self.numbers.truncate(numbers);
    }

    /// Adds a row to the current feature.
    pub(super) fn push_row(&mut self, row: u32, factor: f32) {
        self.rows.push(row);
        self.factors.push(factor);
    }

    /// Adds a number to the current feature.
    pub(super) fn push_number(&mut self, number: f32) {
        self.numbers.push(number);
    }

    /// Adds zeros to the current feature and returns them for writing.
    pub(super) fn zeros(&mut self, count: usize) -> &mut [f32] {
        let from = self.numbers.len();
        self.numbers.resize(from + count, 0.0);
        self.numbers.get_mut(from..).unwrap_or_default()
    }

    /// The factors of the current feature.
    pub(super) fn factors(&mut self) -> &mut [f32] {
        let (from, _) = self.ends.last().copied().unwrap_or_default();
        self.factors.get_mut(from..).unwrap_or_default()
    }

    /// Ends the current feature.
    pub(super) fn end_feature(&mut self) {
        self.ends.push((self.rows.len(), self.numbers.len()));
    }

    /// The features, in the schema's order.
    #[inline]
    pub fn inputs(&self) -> impl Iterator<Item = Input<'_>> {
        let starts = std::iter::once(&(0, 0)).chain(&self.ends);
        starts.zip(&self.ends).map(|(from, to)| Input {
            rows: self.rows.get(from.0..to.0).unwrap_or_default(),
            factors: self.factors.get(from.0..to.0).unwrap_or_default(),
            numbers: self.numbers.get(from.1..to.1).unwrap_or_default(),
        })
    }

    /// Copies another record into the existing allocations.
    #[inline]
    pub fn copy_from(&mut self, other: &Self) {
        self.rows.clone_from(&other.rows);
        self.factors.clone_from(&other.factors);
        self.numbers.clone_from(&other.numbers);
        self.ends.clone_from(&other.ends);
    }

    /// Merges duplicate rows of a feature into one with the sum of their factors, which saves reads. The rows of each
    /// feature are sorted afterwards.
    #[inline]
    pub fn merge_rows(&mut self) {
        let (mut rows, mut factors, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let mut pairs: Vec<(u32, f32)> = Vec::new();
        for (input, (_, numbers)) in self.inputs().zip(&self.ends) {
            pairs.clear();
            pairs.extend(
                input
                    .rows
                    .iter()
                    .copied()
                    .zip(input.factors.iter().copied()),
            );
            // The sort is stable, so equal rows are added in their original order.
            pairs.sort_by_key(|(row, _)| *row);
            for same in pairs.chunk_by(|(row, _), (next, _)| row == next) {
                rows.extend(same.first().map(|(row, _)| *row));
                factors.push(same.iter().map(|(_, factor)| factor).sum());
            }
            ends.push((rows.len(), *numbers));
        }
        (self.rows, self.factors, self.ends) = (rows, factors, ends);
    }

    /// Replaces the rows of a feature by these, averaged. The last has weight 1, each one before it `decay` times the
    /// weight of the next, as with [`Recency::Decay`](super::schema::Recency). With `distinct` a row that occurs several
    /// times counts once, in its last place.
    #[inline]
    pub fn set_rows(&mut self, feature: usize, rows: &[u32], decay: f32, distinct: bool) {
        let Some((to, _)) = self.ends.get(feature).copied() else {
            return;
        };
        let before = feature
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        let from = before.map_or(0, |(end, _)| *end);
        let mut seen = HashSet::new();
        let newest = rows.iter().rev().copied();
        let mut counted: Vec<u32> = newest
            .filter(|row| !distinct || seen.insert(*row))
            .collect();
        counted.reverse();
        let count = counted.len();
        self.rows.splice(from..to, counted);
        let average = 1.0 / count.max(1) as f32;
        self.factors
            .splice(from..to, std::iter::repeat_n(average, count));
        if decay < 1.0 {
            let factors = self.factors.iter_mut().skip(from).take(count);
            let (mut weight, mut sum) = (1.0, 0.0);
            let factors: Vec<&mut f32> = factors
                .rev()
                .map(|factor| {
                    *factor = weight;
                    sum += weight;
                    weight *= decay;
                    factor
                })
                .collect();
            factors.into_iter().for_each(|factor| *factor /= sum);
        }
        for (end, _) in self.ends.iter_mut().skip(feature) {
            *end = *end - (to - from) + count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn merged_rows_are_unique_and_have_the_sum_of_their_factors(
            features in prop::collection::vec(
                (prop::collection::vec((0u32..9, -4i8..5), 0..20), 0usize..3), 0..4),
        ) {
            let mut encoded = Encoded::default();
            for (rows, numbers) in &features {
                rows.iter().for_each(|(row, factor)| encoded.push_row(*row, f32::from(*factor)));
                (0..*numbers).for_each(|number| encoded.push_number(number as f32));
                encoded.end_feature();
            }
            encoded.merge_rows();
            let found: Vec<_> = encoded.inputs().collect();
            prop_assert_eq!(found.len(), features.len());
            for (input, (rows, numbers)) in found.into_iter().zip(&features) {
                let mut expected: BTreeMap<u32, f32> = BTreeMap::new();
                for (row, factor) in rows {
                    *expected.entry(*row).or_default() += f32::from(*factor);
                }
                let merged = input.rows.iter().copied().zip(input.factors.iter().copied());
                prop_assert_eq!(merged.collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
                prop_assert_eq!(input.numbers.len(), *numbers);
            }
        }
    }
}
