//! How a recall searches, independent of what it searches for.

use crate::filter::Filter;
use crate::graph::DEFAULT_EF;
use crate::manifest::Generation;
use twinspire_towers::FeatureCheck;

/// How to search. The order in which options are set makes no difference.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent options")]
pub(crate) struct SearchParams {
    /// Number of hits; `usize::MAX` for all of them.
    pub(crate) k: usize,
    /// Number of best hits to skip.
    pub(crate) offset: usize,
    /// Beam width (efSearch) without a recall target.
    pub(crate) ef: usize,
    /// The share of the exact answer to find. The beam width follows from the calibration.
    pub(crate) recall_target: Option<f32>,
    /// Score every item; takes precedence over both beam width and recall target.
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
    /// Return the exact rank of each hit in each space.
    pub(crate) exact_ranks: bool,
    /// Return how the answer was found. Changes neither the hits nor the work.
    pub(crate) explain: bool,
}

impl Default for SearchParams {
    fn default() -> Self {
        Self {
            k: 0,
            offset: 0,
            ef: DEFAULT_EF,
            recall_target: None,
            exact: false,
            at_least: None,
            filters: Vec::new(),
            exclude: Vec::new(),
            check: FeatureCheck::default(),
            records: false,
            exact_ranks: false,
            explain: false,
        }
    }
}

/// How hard one space is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// Score every item.
    Exact,
    /// Search the graphs with this beam width.
    Beam(usize),
}

impl SearchParams {
    /// How hard to search a generation for its best `k` items.
    pub(super) fn effort(&self, generation: &Generation, k: usize) -> Effort {
        match self.recall_target {
            _ if self.exact => Effort::Exact,
            Some(target) if target >= 1.0 => Effort::Exact,
            Some(target) if k == usize::MAX => {
                Effort::Beam(generation.calibration.ef(DEFAULT_EF, target))
            }
            Some(target) => Effort::Beam(generation.calibration.ef(k, target)),
            None => Effort::Beam(self.ef),
        }
    }
}
