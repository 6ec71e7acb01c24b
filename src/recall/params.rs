//! How a recall searches, independent of what it searches for.

use super::query::QueryOrigin;
use super::view::View;
use crate::error::Error;
use crate::filter::Filter;
use crate::graph::DEFAULT_EF;
use crate::snapshot::{Base, count_vectors};
use serde_json::Value;
use twinspire_towers::FeatureCheck;

/// How to search. The order in which options are set makes no difference.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent options")]
pub(crate) struct SearchParams {
    /// Number of hits; `usize::MAX` for all of them.
    pub(crate) k: usize,
    /// Number of best hits to skip.
    pub(crate) offset: usize,
    /// Beam width (efSearch) without a recall target; `None` for the default one.
    pub(crate) ef: Option<usize>,
    /// The share of the exact answer to find. The beam width follows from the calibration.
    pub(crate) recall_target: Option<f32>,
    /// Score every item by its vector; takes precedence over both beam width and recall target.
    pub(crate) exact: bool,
    /// Minimum score of a hit.
    pub(crate) at_least: Option<f32>,
    /// Filters that every hit has to pass.
    pub(crate) filters: Vec<Filter>,
    /// Ids of items that are never hits.
    pub(crate) exclude: Vec<String>,
    /// How strictly the features of users are read.
    pub(crate) check: FeatureCheck,
    /// Return the record of each hit.
    pub(crate) records: bool,
    /// Of the records, return these fields only; empty for all.
    pub(crate) fields: Vec<String>,
    /// Return the exact rank of each hit in each space.
    pub(crate) exact_ranks: bool,
    /// Return how the answer was found. Changes neither the hits nor the work.
    pub(crate) explain: bool,
}

/// How hard one space is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// Score every item by its vector.
    Exact,
    /// Score every item by its codes, and by its vector where that may change the answer. The answer is the
    /// exact one.
    Scan,
    /// Search the graphs with this beam width.
    Beam(usize),
}

impl SearchParams {
    /// What a hit shows of the record of its item.
    pub(super) fn record(&self, view: &View, id: &str) -> Result<Option<Value>, Error> {
        if !self.records {
            return Ok(None);
        }
        let record = view.record(id)?;
        Ok(match self.fields.as_slice() {
            [] => record,
            fields => record.map(|record| only_fields(record, "", fields)),
        })
    }

    /// Refuses parameters that no search can have.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.k == 0 {
            return Err(Error::TopZero);
        }
        if self.ef == Some(0) {
            return Err(Error::BeamWidthZero);
        }
        let is_share = |target: f32| target > 0.0 && target <= 1.0;
        match self.recall_target {
            Some(target) if !is_share(target) => Err(Error::RecallTarget { target }),
            _ => Ok(()),
        }
    }

    /// How hard to search a generation for its best `k` items. The default beam width of recalls by user may be larger
    /// than that of others: it was measured with users.
    pub(super) fn effort(&self, base: &Base, k: usize, origin: QueryOrigin) -> Effort {
        let calibration = &base.generation.calibration;
        let vectors = || count_vectors(&base.parts) as u64;
        match (self.recall_target, self.ef) {
            _ if self.exact => Effort::Exact,
            (Some(target), _) if target >= 1.0 => Effort::Scan,
            (Some(target), _) => {
                // A search for everything above a score has no k.
                let k = if k == usize::MAX { DEFAULT_EF } else { k };
                let beam = calibration.beam(k, target, vectors());
                beam.map_or(Effort::Scan, Effort::Beam)
            }
            (None, Some(ef)) => Effort::Beam(ef),
            (None, None) if k == usize::MAX || origin == QueryOrigin::Vector => {
                Effort::Beam(DEFAULT_EF)
            }
            (None, None) => {
                let width = calibration.default_width_for(k, vectors());
                width.map_or(Effort::Scan, Effort::Beam)
            }
        }
    }
}

/// The members of an object at `path` that are wanted, or that hold something wanted.
fn only_fields(value: Value, path: &str, wanted: &[String]) -> Value {
    let Value::Object(members) = value else {
        return value;
    };
    let kept = members.into_iter().filter_map(|(name, member)| {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        if wanted.contains(&path) {
            return Some((name, member));
        }
        let below = |wanted: &String| {
            let rest = wanted.strip_prefix(&path);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let holds = member.is_object() && wanted.iter().any(below);
        holds.then(|| (name, only_fields(member, &path, wanted)))
    });
    Value::Object(kept.collect())
}
