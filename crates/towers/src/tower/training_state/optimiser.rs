//! `optimiser.bin`: the accumulators of the optimiser at the end of the training.
//!
//! Layers keep the accumulated squared gradient of every weight. Tables keep the mean over each row, as row-wise
//! optimisers of large embedding tables do: training continues as well with it, and the file stays small.

use super::envelope;
use crate::tower::error::{TowerError, TowerFault};
use crate::tower::files::{self, NamedBlob, OPTIMISER};
use crate::tower::model::Model;
use crate::tower::side::Side;

const MAGIC: [u8; 8] = *b"TWINOPTI";

/// The content of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimiserState {
    /// The method whose accumulators these are.
    pub method: OptimiserMethod,
    /// Number of steps taken.
    pub steps: u32,
    /// The accumulators, none below 0: one per row of each table with embeddings, tables sorted by name, then one
    /// per weight of the user tower's features and layers, then of the item tower's.
    pub squares: Vec<f32>,
}

/// An optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptimiserMethod {
    /// Adagrad: sums of squared gradients.
    Adagrad = 1,
    /// Adam: running means of squared gradients.
    Adam = 2,
}

impl OptimiserState {
    /// The number of accumulators of a model.
    pub fn count(model: &Model) -> usize {
        let tables = model
            .tables
            .iter()
            .map(|table| match table.weights.columns() {
                0 => 0,
                _ => table.weights.rows(),
            });
        let layers = [Side::User, Side::Item].map(|side| {
            let weights = model.tower(side).weights().into_iter().flatten();
            weights.map(|(_, all)| all.len()).sum::<usize>()
        });
        tables.chain(layers).sum()
    }

    /// Reads the state among the files of a towers directory, if there is one.
    pub(crate) fn find(parts: &[NamedBlob], model: &Model) -> Result<Option<Self>, TowerError> {
        files::find(parts, OPTIMISER)
            .map(|blob| Self::read(blob, Self::count(model)))
            .transpose()
    }

    /// Reads the file of a model with `count` accumulators; refuses a damaged one.
    pub fn read(bytes: &[u8], count: usize) -> Result<Self, TowerError> {
        let wrong = |place: &str, what: String| {
            TowerError::new(OPTIMISER, place, TowerFault::TrainingState(what))
        };
        let short = |error| TowerError::new(OPTIMISER, "file", TowerFault::Length(error));
        let mut reader = envelope::open(bytes, OPTIMISER, MAGIC)?;
        let method = match reader.u32("the method").map_err(short)? {
            1 => OptimiserMethod::Adagrad,
            2 => OptimiserMethod::Adam,
            other => {
                let what = format!("has method {other}, not 1 (Adagrad) or 2 (Adam)");
                return Err(wrong("header", what));
            }
        };
        let steps = reader.u32("the steps").map_err(short)?;
        let found = reader.u64("the number of accumulators").map_err(short)?;
        if found != count as u64 {
            let what = format!("has {found} accumulators, but these towers need {count}");
            return Err(wrong("header", what));
        }
        let size = count.saturating_mul(size_of::<f32>());
        let all = reader.take(size, "the accumulators").map_err(short)?;
        reader.finish().map_err(short)?;
        let (all, _) = all.as_chunks();
        let squares: Vec<f32> = all.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let bad = |square: &f32| !(square.is_finite() && *square >= 0.0);
        if let Some(at) = squares.iter().position(bad) {
            let what = "is not a finite number of at least 0".to_owned();
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
        let mut bytes = envelope::begin(MAGIC);
        bytes.extend((self.method as u32).to_le_bytes());
        bytes.extend(self.steps.to_le_bytes());
        bytes.extend((self.squares.len() as u64).to_le_bytes());
        for square in &self.squares {
            bytes.extend(square.to_le_bytes());
        }
        envelope::seal(bytes)
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
        fn a_state_round_trips(squares in prop::collection::vec(0.0f32..1e9, 0..40)) {
            let (count, state) = (squares.len(), state(squares));
            prop_assert_eq!(OptimiserState::read(&state.to_bytes(), count).unwrap(), state.clone());
            prop_assert!(OptimiserState::read(&state.to_bytes(), count + 1).is_err());
        }

        #[test]
        fn a_damaged_byte_and_a_truncated_file_are_refused(at in 0usize..44, flip in 1u8..=255) {
            let mut bytes = state(vec![1.0, 2.0]).to_bytes();
            prop_assert_eq!(bytes.len(), 44);
            prop_assert!(OptimiserState::read(&bytes[..at], 2).is_err());
            bytes[at] ^= flip;
            prop_assert!(OptimiserState::read(&bytes, 2).is_err());
        }
    }

    #[test]
    fn the_bytes_match_the_format() {
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
    fn impossible_accumulators_are_refused_despite_a_valid_checksum() {
        for bad in [f32::NAN, f32::INFINITY, -1.0] {
            let error = OptimiserState::read(&state(vec![0.0, bad]).to_bytes(), 2).unwrap_err();
            assert_eq!(error.place, "number 1");
        }
    }
}
