//! What a training leaves with the towers for the next one to go on from; no vector depends on it.
//!
//! Each file begins with eight bytes that say what it is and ends with a checksum. A generation keeps them
//! with its towers, for a rollback is to take them back too.

mod frequency;
mod optimiser;

pub use frequency::FrequencyState;
pub use frequency::{Cell, MAX_CELLS, MAX_HASHES};
pub use optimiser::OptimiserMethod;
pub use optimiser::OptimiserState;

use super::weights::NamedBlob;
use super::{Model, TowerError};
use twinspire_core::wire::{Reader, WireError, checksum};

/// Name of the file with item frequencies.
pub const FREQUENCY: &str = "frequency.bin";
/// Name of the file with the optimiser's state.
pub const OPTIMISER: &str = "optimiser.bin";

const VERSION: u32 = 1;

/// That what was left is as it was written and belongs to these towers.
pub fn check(parts: &[NamedBlob], model: &Model) -> Result<(), TowerError> {
    FrequencyState::find(parts)?;
    OptimiserState::find(parts, model).map(drop)
}

/// The bytes of a file of a towers directory.
fn find<'a>(parts: &'a [NamedBlob], name: &str) -> Option<&'a [u8]> {
    let part = parts.iter().find(|(part, _)| part == name);
    part.map(|(_, bytes)| &***bytes)
}

/// A file whose ends are right, to be read between them.
fn open<'a>(bytes: &'a [u8], file: &str, magic: [u8; 8]) -> Result<Reader<'a>, TowerError> {
    let wrong = |place: &str, what: &str| TowerError::new(file, place, what);
    let (content, sum) = bytes
        .split_last_chunk()
        .ok_or_else(|| wrong("file", "is shorter than its checksum"))?;
    let mut reader = Reader::new(content);
    let short = |error| short(file, &error);
    if reader.array("the magic").map_err(short)? != magic {
        return Err(wrong("file", "does not begin as a file of this name does"));
    }
    if reader.u32("the version").map_err(short)? != VERSION {
        return Err(wrong("header", "is of another version than 1"));
    }
    if checksum(content) != u64::from_le_bytes(*sum) {
        return Err(wrong("file", "is damaged: its checksum is another"));
    }
    Ok(reader)
}

/// That a file ends too early or too late.
fn short(file: &str, error: &WireError) -> TowerError {
    TowerError::new(file, "file", error.to_string())
}

/// How a file begins.
fn begun(magic: [u8; 8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes
}

/// The file with its end.
fn ended(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(checksum(&bytes).to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::aligned;
    use super::*;
    use std::path::Path;
    use std::sync::Arc;
    use twinspire_core::files::Blob;

    #[test]
    fn what_another_wrote_by_the_format_is_read() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/youtube");
        let parts = super::super::TOWER_FILES.iter().filter_map(|name| {
            let bytes = std::fs::read(root.join(name)).ok()?;
            let blob = Blob::from_bytes(&aligned(bytes));
            Some(((*name).to_owned(), Arc::new(blob)))
        });
        let parts: Vec<NamedBlob> = parts.collect();
        let model = Model::from_parts(&parts).unwrap();
        let state = OptimiserState::find(&parts, &model).unwrap().unwrap();
        assert_eq!(state.steps, 100);
        let eighths = (0..OptimiserState::count(&model)).map(|at| at as f32 / 8.0);
        assert_eq!(state.squares, eighths.collect::<Vec<_>>());
        let state = FrequencyState::find(&parts).unwrap().unwrap();
        assert_eq!((state.step, state.hashes, state.cells), (100, 2, 64));
        // Two items under two functions; which cells they are in is for the estimator to say.
        let gaps: Vec<f32> = state.seen.iter().map(|cell| cell.gap).collect();
        assert_eq!(gaps.iter().filter(|gap| **gap == 1.5).count(), 2);
        assert_eq!(gaps.iter().filter(|gap| **gap == 40.25).count(), 2);
    }
}
