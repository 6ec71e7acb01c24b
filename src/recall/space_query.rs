//! A query in one space.

use super::excluded::Excluded;
use super::params::{Effort, SearchParams};
use super::query::QueryOrigin;
use super::resolved_filter::ResolvedFilter;
use super::trace::Trace;
use crate::snapshot::{ItemIds, Serving};
use twinspire_core::ids::ItemNo;

/// A query vector in one space, with everything that decides what it may return.
#[derive(Clone, Copy)]
pub(super) struct SpaceQuery<'a> {
    /// Name of the space.
    pub(super) space: &'a str,
    /// What the space serves.
    pub(super) serving: &'a Serving,
    /// The query vector.
    pub(super) vector: &'a [f32],
    /// Where the query vector comes from.
    pub(super) origin: QueryOrigin,
    /// How hard to search; all else is in the fields below.
    pub(super) params: &'a SearchParams,
    /// Items that must not be returned.
    pub(super) excluded: Excluded<'a>,
    /// The filter that every returned item passes, if there is one.
    pub(super) filter: Option<&'a ResolvedFilter<'a>>,
    /// The ids of items, which decide between equal scores.
    pub(super) ids: &'a ItemIds<'a>,
    /// Minimum score.
    pub(super) at_least: Option<f32>,
    /// Records what the search does.
    pub(super) trace: &'a Trace,
}

impl SpaceQuery<'_> {
    /// How hard to search for the best `k` items.
    pub(super) fn effort(&self, k: usize) -> Effort {
        self.params.effort(&self.serving.base, k, self.origin)
    }

    /// Whether an item of a segment may be returned, apart from the filter.
    pub(super) fn may_return(&self, item: ItemNo) -> bool {
        !self.serving.overlay.hides(item) && !self.excluded.contains(item)
    }

    /// Whether [`may_return`](Self::may_return) holds for every item.
    pub(super) fn may_return_all(&self) -> bool {
        self.serving.overlay.hiding() == 0 && self.excluded.is_empty()
    }
}
