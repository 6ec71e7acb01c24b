//! What all handles of an open database share: the current snapshot and the index of unsealed writes.

use super::measure::{QuerySample, measure};
use super::record::parse;
use super::reservoir::Reservoirs;
use super::simulate::simulate;
use super::state::Snapshot;
use crate::catalog::Index;
use crate::error::Error;
use crate::manifest::{Calibration, QueryKind};
use crate::store::Directory;
use arc_swap::ArcSwap;
use serde_json::Value;
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_core::ids::{GenerationNo, ItemNo, Revision};

/// The state that readers and the writer share.
pub(crate) struct Live {
    /// The database directory.
    pub(crate) directory: Directory,
    /// The current snapshot; a commit replaces it.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Index of the writes that are not sealed yet.
    pub(crate) index: Index,
    /// Bytes of the journal when the database was opened.
    pub(crate) journal_bytes: u64,
    /// Samples of the query vectors that each space received.
    pub(crate) query_samples: Arc<Reservoirs>,
}

/// An item and its newest record; no record if the item is deleted.
pub(crate) type Found = (ItemNo, Option<Vec<u8>>);

impl Live {
    /// The item and the newest record of an id, unsealed or sealed.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Found>, Error> {
        // Index first: a write reaches the sealed state before it leaves the index.
        if let Some(fresh) = self.index.get(id) {
            return Ok(Some((fresh.item, fresh.record)));
        }
        for segment in self.snapshot.load().sealed.items.iter().rev() {
            if let Some(row) = segment.find_id(id)? {
                return Ok(Some((row.item, row.record.map(<[u8]>::to_vec))));
            }
        }
        Ok(None)
    }

    /// The revision of the newest version of an id; `None` if it is deleted or unknown.
    pub(crate) fn revision(&self, id: &str) -> Result<Option<Revision>, Error> {
        // Index first, as in `find`.
        if let Some(fresh) = self.index.get(id) {
            return Ok(fresh.record.is_some().then_some(fresh.revision));
        }
        for segment in self.snapshot.load().sealed.items.iter().rev() {
            if let Some(row) = segment.find_id(id)? {
                return Ok(row.record.is_some().then_some(row.revision));
            }
        }
        Ok(None)
    }

    /// The newest record of an id; `None` if it is deleted or unknown.
    pub(crate) fn record(&self, id: &str) -> Result<Option<Value>, Error> {
        // Index first, as in `find`.
        if let Some(fresh) = self.index.get(id) {
            let journal = self.directory.root.join(names::JOURNAL);
            let record = fresh.record.map(|text| parse(&journal, id, &text));
            return record.transpose();
        }
        self.snapshot.load().sealed.record(id)
    }

    /// The item of an id, deleted or not.
    pub(crate) fn find_item(&self, id: &str) -> Result<Option<ItemNo>, Error> {
        if let Some(fresh) = self.index.get(id) {
            return Ok(Some(fresh.item));
        }
        self.snapshot.load().sealed.find_item(id)
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
