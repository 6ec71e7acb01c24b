use super::{FrequencyState, OptimiserState};
use crate::tower::files::{NamedBlob, TOWER_FILES, aligned};
use crate::tower::model::Model;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::files::Blob;

#[test]
fn files_written_by_the_reference_are_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/youtube");
    let parts = TOWER_FILES.iter().filter_map(|name| {
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
    // Two items under two hash functions; the estimator chooses their cells.
    let gaps: Vec<f32> = state.seen.iter().map(|cell| cell.gap).collect();
    assert_eq!(gaps.iter().filter(|gap| **gap == 1.5).count(), 2);
    assert_eq!(gaps.iter().filter(|gap| **gap == 40.25).count(), 2);
}
