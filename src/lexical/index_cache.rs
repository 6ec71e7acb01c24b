//! Indexes in memory, of rows that have none in a file.

use super::analysis::Analysis;
use super::builder::OwnedIndex;
use std::sync::{Arc, Mutex, PoisonError};

/// Most indexes that are kept of the same rows: one for each way to analyse them that is in use.
const MAX_KEPT: usize = 8;

/// Indexes of the same rows by different analyses, each built when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct IndexCache(Mutex<Vec<(Analysis, Arc<OwnedIndex>)>>);

impl IndexCache {
    /// The index by an analysis, built at the first call. Others wait meanwhile.
    pub(crate) fn get_or_build<E>(
        &self,
        analysis: &Analysis,
        build: impl FnOnce() -> Result<OwnedIndex, E>,
    ) -> Result<Arc<OwnedIndex>, E> {
        // A panic leaves the list as it was.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, index)) = kept.iter().find(|(known, _)| known == analysis) {
            return Ok(Arc::clone(index));
        }
        let built = Arc::new(build()?);
        if kept.len() >= MAX_KEPT {
            kept.remove(0);
        }
        kept.push((analysis.clone(), Arc::clone(&built)));
        Ok(built)
    }
}
