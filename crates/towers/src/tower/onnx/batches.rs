//! Which records run together, and what becomes of the outputs for their tokens.
//!
//! Texts are of different lengths, and a model takes as long for padding as for tokens. So the records of a batch are
//! ordered by their number of tokens, and inputs are cut to the longest one. A batch has as many records as fit the
//! limits at full length, and more if they are shorter.

use super::fit::{Fit, Slot, Tokens};
use crate::tower::schema::TokenPooling;

/// The most records that run together.
const MAX_BATCH: usize = 1024;

/// Records that run together.
#[derive(Debug, PartialEq)]
pub(super) struct Batch {
    /// Their places among all records.
    pub(super) records: Vec<usize>,
    /// The columns of inputs for tokens; `None` for all.
    pub(super) tokens: Option<usize>,
}

impl Tokens {
    /// The mask of a record.
    fn mask<'a>(&self, record: &'a [f32]) -> &'a [f32] {
        let (from, width) = self.mask;
        record.get(from..from + width).unwrap_or_default()
    }

    /// The columns that a record needs: up to its last token, at least one.
    fn length(&self, record: &[f32]) -> usize {
        let mask = self.mask(record);
        let last = mask.iter().rposition(|x| *x != 0.0);
        last.map_or(1, |last| last + 1)
    }
}

impl Slot {
    /// The columns of a batch, of which texts have `tokens`.
    pub(super) fn columns(&self, tokens: Option<usize>) -> usize {
        match tokens.filter(|_| self.tokens) {
            Some(tokens) => tokens.min(self.width),
            None => self.width,
        }
    }
}

impl Fit {
    /// The rows of a text in the output for a batch whose texts have `tokens`, if these are pooled.
    pub(super) fn pooled_length(&self, tokens: Option<usize>) -> Option<usize> {
        let own = self.tokens.as_ref()?;
        own.pooling.map(|_| tokens.unwrap_or(own.mask.1))
    }

    /// Divides records into batches. At full width `at_once` of them may run together.
    pub(super) fn batches(&self, records: &[&[f32]], at_once: usize) -> Vec<Batch> {
        let at_once = at_once.max(1);
        let Some(tokens) = self.tokens.as_ref().filter(|tokens| tokens.cut) else {
            let all: Vec<usize> = (0..records.len()).collect();
            let batches = all.chunks(at_once);
            let batch = |records: &[usize]| Batch {
                records: records.to_vec(),
                tokens: None,
            };
            return batches.map(batch).collect();
        };
        let lengths = records.iter().map(|record| tokens.length(record));
        let mut ordered: Vec<(usize, usize)> = lengths.zip(0..).collect();
        ordered.sort_unstable();
        let most = at_once.saturating_mul(tokens.mask.1);
        let mut batches: Vec<Batch> = Vec::new();
        for (length, record) in ordered {
            let fits = |batch: &&mut Batch| {
                let count = batch.records.len() + 1;
                at_once > 1 && count <= MAX_BATCH && count * length <= most
            };
            match batches.last_mut().filter(fits) {
                Some(batch) => {
                    batch.records.push(record);
                    batch.tokens = Some(length);
                }
                None => batches.push(Batch {
                    records: vec![record],
                    tokens: Some(length),
                }),
            }
        }
        batches
    }

    /// One row of `units` numbers for each record, of `length` rows each. Without a token, a row of zeros.
    pub(super) fn pool(&self, records: &[&[f32]], length: usize, numbers: &[f32]) -> Vec<f32> {
        let Some(tokens) = &self.tokens else {
            return numbers.to_vec();
        };
        let units = self.units.max(1);
        let mut pooled = vec![0.0; records.len() * units];
        let each = numbers.chunks_exact(units * length.max(1));
        let each = records.iter().zip(each).zip(pooled.chunks_exact_mut(units));
        for ((record, numbers), sum) in each {
            let rows = tokens.mask(record).iter().zip(numbers.chunks_exact(units));
            let mut count = 0u32;
            for (_, row) in rows.filter(|(mask, _)| **mask != 0.0) {
                if tokens.pooling == Some(TokenPooling::First) && count > 0 {
                    break;
                }
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                count += 1;
            }
            sum.iter_mut().for_each(|sum| *sum /= count.max(1) as f32);
        }
        pooled
    }

    /// Made-up records to try a model on, concatenated: zeros and ones, which are valid as ids, fractions and
    /// booleans. Texts have a few tokens, each another number.
    pub(super) fn made_up(&self, records: usize, mixed: bool) -> Vec<f32> {
        let width = self.width;
        let mut all: Vec<f32> = (0..records * width)
            .map(|at| f32::from(mixed && (at % width + at / width) % 2 == 1))
            .collect();
        let Some(tokens) = &self.tokens else {
            return all;
        };
        for (at, record) in all.chunks_exact_mut(width.max(1)).enumerate() {
            let mut from = 0;
            for slot in &self.inputs {
                let columns = record.get_mut(from..from + slot.width).unwrap_or_default();
                if slot.tokens {
                    let few = (2 + at).min(slot.width);
                    columns.iter_mut().skip(few).for_each(|x| *x = 0.0);
                    if from == tokens.mask.0 {
                        columns.iter_mut().take(few).for_each(|x| *x = 1.0);
                    }
                }
                from += slot.width;
            }
        }
        all
    }
}
