//! `frequency.bin`: how often items occurred during the training.
//!
//! The state of the frequency estimator that corrects the in-batch softmax for sampling bias (Yi et al., RecSys
//! 2019, section 4.2). A later training continues counting from it.

use super::envelope;
use crate::tower::error::{TowerError, TowerFault};
use crate::tower::files::{self, FREQUENCY, NamedBlob};
use twinspire_core::wire::Reader;

const MAGIC: [u8; 8] = *b"TWINFREQ";
/// Bytes of a cell.
const CELL: usize = 16;
/// The largest number of hash functions.
pub const MAX_HASHES: u32 = 16;
/// The largest number of cells per hash function.
pub const MAX_CELLS: u32 = 1 << 26;

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrequencyState {
    /// Number of batches seen.
    pub step: u64,
    /// Number of hash functions.
    pub hashes: u32,
    /// Cells per hash function.
    pub cells: u32,
    /// The cells that are not empty, by increasing place.
    pub seen: Vec<Cell>,
}

/// A cell to which an item was hashed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Its index among all cells; those of the first hash function come first.
    pub place: u32,
    /// The batch in which it was last seen, from 1.
    pub last: u64,
    /// The estimated number of batches between two occurrences.
    pub gap: f32,
}

impl FrequencyState {
    /// Reads the state among the files of a towers directory, if there is one.
    pub(crate) fn find(parts: &[NamedBlob]) -> Result<Option<Self>, TowerError> {
        files::find(parts, FREQUENCY)
            .map(|blob| Self::read(blob))
            .transpose()
    }

    /// Reads the file; refuses a damaged one and values that no estimator produces.
    pub fn read(bytes: &[u8]) -> Result<Self, TowerError> {
        let wrong = |place: &str, what: &str| {
            TowerError::new(FREQUENCY, place, TowerFault::TrainingState(what.to_owned()))
        };
        let short = |error| TowerError::new(FREQUENCY, "file", TowerFault::Length(error));
        let mut reader = envelope::open(bytes, FREQUENCY, MAGIC)?;
        let hashes = reader.u32("the hash functions").map_err(short)?;
        let cells = reader.u32("the cells").map_err(short)?;
        let sizes = (1..=MAX_HASHES).contains(&hashes) && (1..=MAX_CELLS).contains(&cells);
        if !sizes {
            let what = format!(
                "has {hashes} hash functions of {cells} cells, not 1 to {MAX_HASHES} of 1 to {MAX_CELLS}"
            );
            return Err(wrong("header", &what));
        }
        let step = reader.u64("the step").map_err(short)?;
        let count = reader.u64("the cells that are not empty").map_err(short)?;
        let size = usize::try_from(count)
            .ok()
            .and_then(|n| n.checked_mul(CELL))
            .unwrap_or(usize::MAX);
        let all = reader.take(size, "the cells").map_err(short)?;
        reader.finish().map_err(short)?;
        let mut seen: Vec<Cell> = Vec::with_capacity(all.len() / CELL);
        for cell in all.chunks_exact(CELL) {
            let mut reader = Reader::new(cell);
            let place = reader.u32("a place").map_err(short)?;
            let last = reader.u64("a step").map_err(short)?;
            let gap = f32::from_le_bytes(reader.array("a gap").map_err(short)?);
            let in_order = seen.last().is_none_or(|before| before.place < place);
            let right = in_order
                && u64::from(place) < u64::from(hashes) * u64::from(cells)
                && (1..=step).contains(&last)
                && gap.is_finite()
                && gap > 0.0;
            if !right {
                let what = "has a place, step or gap that no estimator produces";
                return Err(wrong(&format!("cell {}", seen.len()), what));
            }
            seen.push(Cell { place, last, gap });
        }
        Ok(Self {
            step,
            hashes,
            cells,
            seen,
        })
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = envelope::begin(MAGIC);
        bytes.extend(self.hashes.to_le_bytes());
        bytes.extend(self.cells.to_le_bytes());
        bytes.extend(self.step.to_le_bytes());
        bytes.extend((self.seen.len() as u64).to_le_bytes());
        for cell in &self.seen {
            bytes.extend(cell.place.to_le_bytes());
            bytes.extend(cell.last.to_le_bytes());
            bytes.extend(cell.gap.to_le_bytes());
        }
        envelope::seal(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(cells: &[(u32, u64, f32)]) -> FrequencyState {
        let cells = cells.iter().map(|(place, last, gap)| Cell {
            place: *place,
            last: *last,
            gap: *gap,
        });
        FrequencyState {
            step: 9,
            hashes: 2,
            cells: 50,
            seen: cells.collect(),
        }
    }

    proptest! {
        #[test]
        fn a_state_round_trips(
            places in prop::collection::btree_map(0u32..100, (1u64..=9, 1.0f32..1e6), 0..40),
        ) {
            let cells: Vec<_> = places.into_iter().map(|(at, (last, gap))| (at, last, gap)).collect();
            let state = state(&cells);
            prop_assert_eq!(FrequencyState::read(&state.to_bytes()).unwrap(), state);
        }

        #[test]
        fn a_damaged_byte_and_a_truncated_file_are_refused(at in 0usize..76, flip in 1u8..=255) {
            let mut bytes = state(&[(3, 2, 1.5), (99, 9, 7.0)]).to_bytes();
            prop_assert_eq!(bytes.len(), 76);
            prop_assert!(FrequencyState::read(&bytes[..at]).is_err());
            bytes[at] ^= flip;
            prop_assert!(FrequencyState::read(&bytes).is_err());
        }
    }

    #[test]
    fn impossible_cells_are_refused_despite_a_valid_checksum() {
        for (cells, at) in [
            (&[(100, 1, 1.0)][..], 0),
            (&[(5, 1, 1.0), (5, 1, 1.0)], 1),
            (&[(5, 10, 1.0)], 0),
            (&[(5, 0, 1.0)], 0),
            (&[(5, 1, f32::NAN)], 0),
            (&[(5, 1, 0.0)], 0),
        ] {
            let error = FrequencyState::read(&state(cells).to_bytes()).unwrap_err();
            assert_eq!(error.place, format!("cell {at}"), "{cells:?}");
        }
        for (hashes, cells) in [(0, 50), (2, 0), (17, 50), (2, MAX_CELLS + 1)] {
            let state = FrequencyState {
                hashes,
                cells,
                ..state(&[])
            };
            let error = FrequencyState::read(&state.to_bytes()).unwrap_err();
            assert_eq!(error.place, "header");
        }
    }
}
