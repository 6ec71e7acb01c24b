//! What a recall with a target promises about its answer.

use super::params::{Effort, SearchParams};
use super::space_query::SpaceQuery;
use crate::manifest::MeasuredRecall;
use crate::snapshot::count_vectors;
use serde::Serialize;
use std::fmt;

/// What the answer of a recall with a [target](crate::Recall::recall_target) is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
#[non_exhaustive]
pub enum Promise {
    /// The exact answer: no beam width was measured to reach the target, or scoring every item is cheaper.
    Exact,
    /// The beam width was measured: with the stated confidence, its recall on queries of this kind is at
    /// least the target.
    Measured(MeasuredRecall),
    /// The beam width was measured for another search than this one.
    Unmeasured(UnmeasuredReason),
}

/// Why the recall of a search was not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnmeasuredReason {
    /// The space was measured without a filter.
    Filter,
    /// The best items were measured, not everything above a score.
    MinScore,
    /// Up to a hundred items were measured.
    ManyItems,
    /// The space has far more or far fewer items than when it was measured.
    ItemsChanged,
    /// The spaces of an ensemble were measured, not its answers.
    Ensemble,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => write!(f, "exact: every item was scored"),
            Self::Measured(measured) => write!(f, "measured: {measured}"),
            Self::Unmeasured(reason) => write!(f, "not measured: {reason}"),
        }
    }
}

impl fmt::Display for UnmeasuredReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Filter => "the calibration has no filter",
            Self::MinScore => "the calibration is of the best items, not of a minimum score",
            Self::ManyItems => "the calibration is of up to 100 items",
            Self::ItemsChanged => "the number of items has changed much; calibrate the space again",
            Self::Ensemble => "the calibration is of single spaces",
        })
    }
}

/// The largest number of items that calibrations are made for.
const MOST: usize = 100;

/// What a recall of a space promises; `None` without a target.
pub(super) fn of_space(query: &SpaceQuery<'_>) -> Option<Promise> {
    let (params, base) = (query.params, &query.serving.base);
    let Effort::Beam(ef) = targeted(params, query)? else {
        return Some(Promise::Exact);
    };
    let vectors = count_vectors(&base.parts) as u64;
    let calibration = &base.generation.calibration;
    let unmeasured = |reason| Some(Promise::Unmeasured(reason));
    match calibration.measured(params.k, ef, vectors) {
        _ if query.filter.is_some() => unmeasured(UnmeasuredReason::Filter),
        _ if params.k == usize::MAX => unmeasured(UnmeasuredReason::MinScore),
        _ if params.k > MOST => unmeasured(UnmeasuredReason::ManyItems),
        Some(measured) if calibration.stands_for(vectors) => Some(Promise::Measured(measured)),
        _ => unmeasured(UnmeasuredReason::ItemsChanged),
    }
}

/// What a recall of an ensemble promises; `None` without a target.
pub(super) fn of_ensemble(params: &SearchParams) -> Option<Promise> {
    let target = params.recall_target.filter(|_| !params.exact)?;
    Some(match target >= 1.0 {
        true => Promise::Exact,
        false => Promise::Unmeasured(UnmeasuredReason::Ensemble),
    })
}

/// The effort that the target of a recall leads to.
fn targeted(params: &SearchParams, query: &SpaceQuery<'_>) -> Option<Effort> {
    let has_target = params.recall_target.is_some() && !params.exact;
    has_target.then(|| query.effort(params.k))
}
