//! `optimiser.bin`: how far the steps of a training have shrunk.
//!
//! Of the weights of layers each squared gradient's sum or mean is kept, of the rows of tables the mean over
//! the row alone, as in the optimisers of large embedding tables: a training goes on as well with it, and it
//! is a small part of the weights in size.

use super::{OPTIMISER, find, open, short};
use crate::tower::weights::NamedBlob;
use crate::tower::{Model, Side, TowerError};

const MAGIC: [u8; 8] = *b"TWINOPTI";

/// What the file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimiserState {
    /// What the numbers are of.
    pub method: OptimiserMethod,
    /// Steps taken.
    pub steps: u32,
    /// A number for each row of each table that has embeddings, tables in the order of their names, then one
    /// for each weight of the user tower's layers, then of the item tower's; none below 0.
    pub squares: Vec<f32>,
}

/// How weights followed their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptimiserMethod {
    /// Adagrad: sums of squares.
    Adagrad = 1,
    /// Adam: running means of squares.
    Adam = 2,
}

impl OptimiserState {
    /// How many numbers there are of a model.
    pub fn count(model: &Model) -> usize {
        let tables = model
            .tables
            .iter()
            .map(|table| match table.weights.columns() {
                0 => 0,
                _ => table.weights.rows(),
            });
        let layers = [Side::User, Side::Item].map(|side| {
            let layers = model.tower(side).layers.iter();
            let weights = layers.flat_map(|layer| layer.weights());
            weights.map(|(_, all)| all.len()).sum::<usize>()
        });
        tables.chain(layers).sum()
    }

    /// The state among the files of a towers directory, if there is one.
    pub(crate) fn find(parts: &[NamedBlob], model: &Model) -> Result<Option<Self>, TowerError> {
        let read = |bytes| Self::read(bytes, Self::count(model));
        find(parts, OPTIMISER).map(read).transpose()
    }

    /// Reads the file, of a model of which there are so many numbers.
    pub fn read(bytes: &[u8], count: usize) -> Result<Self, TowerError> {
        let wrong = |place: &str, what: String| TowerError::new(OPTIMISER, place, what);
        let short = |error| short(OPTIMISER, &error);
        let mut reader = open(bytes, OPTIMISER, MAGIC)?;
        let method = match reader.u32("the method").map_err(short)? {
            1 => OptimiserMethod::Adagrad,
            2 => OptimiserMethod::Adam,
            other => {
                let what = format!("is of method {other}; 1 (Adagrad) and 2 (Adam) are known");
                return Err(wrong("header", what));
            }
        };
        let steps = reader.u32("the steps").map_err(short)?;
        let found = reader.u64("how many numbers").map_err(short)?;
        if found != count as u64 {
            let what = format!("has {found} numbers; those of these towers are {count}");
            return Err(wrong("header", what));
        }
        let size = count.saturating_mul(size_of::<f32>());
        let all = reader.take(size, "the numbers").map_err(short)?;
        reader.finish().map_err(short)?;
        let (all, _) = all.as_chunks();
        let squares: Vec<f32> = all.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let bad = |square: &f32| !(square.is_finite() && *square >= 0.0);
        if let Some(at) = squares.iter().position(bad) {
            let what = "is no finite number from 0".to_owned();
            return Err(wrong(&format!("number {at}"), what));
        }
        Ok(Self {
            method,
            steps,
            squares,
        })
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = super::begun(MAGIC);
        bytes.extend((self.method as u32).to_le_bytes());
        bytes.extend(self.steps.to_le_bytes());
        bytes.extend((self.squares.len() as u64).to_le_bytes());
        for square in &self.squares {
            bytes.extend(square.to_le_bytes());
        }
        super::ended(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(squares: Vec<f32>) -> OptimiserState {
        OptimiserState {
            method: OptimiserMethod::Adam,
            steps: 77,
            squares,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(squares in prop::collection::vec(0.0f32..1e9, 0..40)) {
            let (count, state) = (squares.len(), state(squares));
            prop_assert_eq!(OptimiserState::read(&state.to_bytes(), count), Ok(state.clone()));
            prop_assert!(OptimiserState::read(&state.to_bytes(), count + 1).is_err());
        }

        #[test]
        fn a_damaged_byte_and_a_missing_end_are_refused(at in 0usize..44, flip in 1u8..=255) {
            let mut bytes = state(vec![1.0, 2.0]).to_bytes();
            prop_assert_eq!(bytes.len(), 44);
            prop_assert!(OptimiserState::read(&bytes[..at], 2).is_err());
            bytes[at] ^= flip;
            prop_assert!(OptimiserState::read(&bytes, 2).is_err());
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let bytes = state(vec![1.5]).to_bytes();
        let (content, sum) = bytes.split_last_chunk().unwrap();
        let expected = [
            &b"TWINOPTI"[..],
            &[1, 0, 0, 0, 2, 0, 0, 0, 77, 0, 0, 0],
            &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0x3f],
        ];
        assert_eq!(content, expected.concat());
        assert_eq!(*sum, twinspire_core::wire::checksum(content).to_le_bytes());
    }

    #[test]
    fn numbers_that_no_optimiser_has_are_refused_though_the_checksum_is_right() {
        for bad in [f32::NAN, f32::INFINITY, -1.0] {
            let error = OptimiserState::read(&state(vec![0.0, bad]).to_bytes(), 2).unwrap_err();
            assert_eq!(error.place, "number 1");
        }
    }
}
