//! What all handles of an open database share: the current snapshot, and samples of the queries.

use super::measure::{QuerySample, measure};
use super::reservoir::Reservoirs;
use super::simulate::simulate;
use super::state::{Found, Snapshot};
use crate::catalog::Tail;
use crate::error::Error;
use crate::manifest::{Calibration, QueryKind};
use crate::store::Directory;
use arc_swap::ArcSwap;
use serde_json::Value;
use std::sync::Arc;
use twinspire_core::ids::GenerationNo;
use twinspire_core::telemetry::{METRICS, metrics};

/// The state that readers and the writer share.
pub(crate) struct Live {
    /// The database directory.
    pub(crate) directory: Directory,
    /// The current snapshot; a commit replaces it.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// How far the journal was read when the database was opened.
    pub(crate) tail: Tail,
    /// Samples of the query vectors that each space received.
    pub(crate) query_samples: Arc<Reservoirs>,
}

impl Live {
    /// Records how much waits for the next seal, for metrics.
    pub(crate) fn record_fresh(&self, journal_bytes: u64) {
        if METRICS {
            metrics::FRESH_ITEMS.set(self.snapshot.load().fresh.len() as f64);
            metrics::JOURNAL_BYTES.set(journal_bytes as f64);
        }
    }

    /// The item and the newest record of an id, unsealed or sealed.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Found>, Error> {
        self.snapshot.load().find(id)
    }

    /// The newest record of an id; `None` if it is deleted or unknown.
    pub(crate) fn record(&self, id: &str) -> Result<Option<Value>, Error> {
        self.snapshot.load().record(id)
    }

    /// Measures the recall of a space's active generation by beam width. Returns the generation too.
    ///
    /// Queries are the given ones, or else those of the reservoir, or made up while it holds too few.
    /// `check_cancelled` runs now and then; an error from it ends the measurement.
    pub(crate) fn audit(
        &self,
        space: &str,
        given: Option<&QuerySample>,
        check_cancelled: &(dyn Fn() -> Result<(), Error> + Sync),
    ) -> Result<(GenerationNo, Calibration), Error> {
        let snapshot = self.snapshot.load_full();
        let base = &snapshot.space(space)?.base;
        let number = base.generation.number;
        let measure =
            |samples: &[QuerySample]| measure(&base.parts, samples, &|_| check_cancelled());
        let known = &base.generation.calibration;
        let real = match given {
            Some(given) => Some(given.clone()),
            None => self
                .query_samples
                .sample(space, number)
                .map(|queries| QuerySample {
                    kind: QueryKind::Asked,
                    queries,
                    left_out: 0,
                }),
        };
        if let Some(real) = real {
            let measured = measure(&[real])?;
            let (near_copies, length_ratio) = (known.near_copies, known.length_ratio);
            return Ok((
                number,
                Calibration {
                    near_copies,
                    length_ratio,
                    ..measured
                },
            ));
        }
        let largest = base.parts.iter().max_by_key(|part| part.shown());
        let Some(largest) = largest else {
            return Ok((number, Calibration::default()));
        };
        let simulated = simulate(&largest.segment)?;
        let calibration = Calibration {
            near_copies: simulated.near_copies,
            length_ratio: simulated.length_ratio,
            ..measure(&simulated.samples)?
        };
        Ok((number, calibration))
    }
}
