//! What a recall asks for, and how hard it searches.

use crate::error::Error;
use crate::filter::Filter;
use crate::graph::DEFAULT_EF;
use crate::manifest::Generation;
use serde_json::Value;
use twinspire_towers::FeatureCheck;

/// What a recall asks for.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    /// The space.
    pub(crate) space: &'a str,
    /// For whom or what.
    pub(crate) query: Option<Query<'a>>,
    /// What takes its place in some spaces of an ensemble.
    pub(crate) queries: Vec<(&'a str, Query<'a>)>,
    /// How strictly the features of users are taken.
    pub(crate) check: FeatureCheck,
    /// Ids never answered with.
    pub(crate) exclude: Vec<String>,
    /// What every answer has to match.
    pub(crate) filters: Vec<Filter>,
    /// The width of the beam.
    pub(crate) ef: usize,
    /// The share of the exact answer that is wanted, in place of a width.
    pub(crate) target: Option<f32>,
    /// The least score that is answered with.
    pub(crate) at_least: Option<f32>,
    /// Whether every item is scored.
    pub(crate) exact: bool,
    /// So many of the best are left out of the answer.
    pub(crate) offset: usize,
    /// Whether hits carry their records.
    pub(crate) records: bool,
    /// Whether what was done is told.
    pub(crate) explain: bool,
}

/// For whom or what.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Query<'a> {
    /// A user, by raw features.
    User(&'a Value),
    /// A vector of the space.
    Vector(&'a [f32]),
    /// An item, by id.
    Similar(&'a str),
}

impl<'a> Request<'a> {
    /// A recall of a space with every option at its default.
    pub(crate) fn new(space: &'a str) -> Self {
        Self {
            space,
            query: None,
            queries: Vec::new(),
            check: FeatureCheck::default(),
            exclude: Vec::new(),
            filters: Vec::new(),
            ef: DEFAULT_EF,
            target: None,
            at_least: None,
            exact: false,
            offset: 0,
            records: false,
            explain: false,
        }
    }

    /// For whom or what in a space.
    pub(super) fn query_in(&self, space: &str) -> Result<Query<'a>, Error> {
        let mut own = self.queries.iter().rev();
        let own = own
            .find(|(name, _)| *name == space)
            .map(|(_, query)| *query);
        own.or(self.query).ok_or(Error::NoQuery)
    }
}

/// How hard a space is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// Every item is scored.
    Exact,
    /// By beams of this width.
    Beam(usize),
}

impl Request<'_> {
    /// How hard a generation is searched for the best `k`.
    pub(super) fn effort(&self, generation: &Generation, k: usize) -> Effort {
        match self.target {
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
