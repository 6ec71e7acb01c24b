//! Search of one segment among the items that pass a filter, as [planned](super::plan).

use super::explain::SegmentPlan;
use super::node_hits::{accepts_any, push_node};
use super::params::Effort;
use super::plan::{Plan, PlanInputs, TestCost, cache_economics, plan};
use super::radius::search_radius_into;
use super::resolved_filter::ResolvedFilter;
use super::scratch::{SCRATCH, count_ranked};
use super::space_query::SpaceQuery;
use super::top_k::TopK;
use crate::error::Error;
use crate::format::NodeItems;
use crate::graph::{BeamParams, NodeFilter, ScoredNode, WalkLimits, rerank};
use crate::index::{Index, IndexKind};
use crate::snapshot::{Part, Passing, SlotSet};
use std::ops::Range;
use std::sync::Arc;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::prefetch;

/// Adds the best passing items of a segment, `best.k()` of them if that many pass.
pub(super) fn search(
    part: &Part,
    query: &SpaceQuery<'_>,
    filter: &ResolvedFilter<'_>,
    effort: Effort,
    best: &mut TopK<'_>,
) -> Result<SegmentPlan, Error> {
    let mut search = FilteredSearch {
        part,
        query,
        filter,
        effort,
        cached: None,
        hides_items: !query.may_return_all(),
    };
    let (ef, exact) = match effort {
        Effort::Exact | Effort::Scan => (0, true),
        Effort::Beam(ef) => (ef, false),
    };
    let items = part.segment.node_items().len();
    let mut inputs = PlanInputs {
        nodes: part.segment.node_items().nodes(),
        items,
        // Rows that newer segments replace do not pass either.
        selectivity: filter.selectivity() * part.shown() as f64 / items.max(1) as f64,
        candidates: filter.candidates(),
        test: match (filter.needs_records(), filter.is_certain()) {
            (true, _) => TestCost::Record,
            (false, certain) => TestCost::Row { certain },
        },
        ef,
        // A radius search may find few items.
        k: match search.radius(best) {
            Some(_) => 1,
            None => best.k(),
        },
        dimension: part.segment.dimension(),
        leaves: match part.segment.index()? {
            Index::Graph(_) => None,
            Index::Partitions(partitions) => Some(partitions.leaves()),
        },
        selected: false,
        exact,
    };
    let mut chosen = plan(&inputs);
    let (cost, saving) = cache_economics(&inputs, &chosen);
    search.cached = filter.cached(part, inputs.may_select(), (cost, saving))?;
    if let Some(cached) = &search.cached {
        inputs.candidates = cached.slots.len();
        inputs.selectivity = cached.slots.len() as f64 / items.max(1) as f64;
        inputs.test = TestCost::Cached;
        inputs.selected = cached.selection.is_some();
        chosen = plan(&inputs);
    }
    search.run(chosen, best)
}

/// A filtered search of one segment.
struct FilteredSearch<'a> {
    part: &'a Part,
    query: &'a SpaceQuery<'a>,
    filter: &'a ResolvedFilter<'a>,
    effort: Effort,
    /// What passes, if the filter cache has it.
    cached: Option<Arc<Passing>>,
    /// Whether some passing items may be hidden: excluded, or replaced in the overlay.
    hides_items: bool,
}

impl FilteredSearch<'_> {
    fn run(&self, plan: Plan, best: &mut TopK<'_>) -> Result<SegmentPlan, Error> {
        match plan {
            Plan::ScanItems => {
                self.scan_items(best)?;
                Ok(match self.cached {
                    Some(_) => SegmentPlan::CachedScan,
                    None => SegmentPlan::ColumnScan,
                })
            }
            Plan::ScanNodes => {
                self.scan_nodes(best)?;
                Ok(SegmentPlan::FilteredScan)
            }
            Plan::Index { ef, limits } => {
                let kind = self.part.segment.index_kind();
                if let Some(min_score) = self.radius(best) {
                    self.search_radius(min_score, ef, best)?;
                    return Ok(match kind {
                        IndexKind::Graph => SegmentPlan::FilteredRadiusSearch,
                        IndexKind::Partitions => SegmentPlan::FilteredLeafRadiusSearch,
                    });
                }
                if self.search_index(ef, limits, best)? {
                    return Ok(match (kind, &self.cached) {
                        (IndexKind::Graph, Some(_)) => SegmentPlan::CachedGraphSearch,
                        (IndexKind::Graph, None) => SegmentPlan::FilteredGraphSearch,
                        (IndexKind::Partitions, Some(_)) => SegmentPlan::CachedLeafSearch,
                        (IndexKind::Partitions, None) => SegmentPlan::FilteredLeafSearch,
                    });
                }
                self.scan_items(best)?;
                Ok(match kind {
                    IndexKind::Graph => SegmentPlan::AbandonedGraphSearch,
                    IndexKind::Partitions => SegmentPlan::AbandonedLeafSearch,
                })
            }
        }
    }

    /// The minimum score of a radius search; `None` if the best `k` are wanted.
    fn radius(&self, best: &TopK<'_>) -> Option<f32> {
        self.query.at_least.filter(|_| best.k() == usize::MAX)
    }

    /// Whether the item of a slot may be returned if it passes.
    fn may_return(&self, slot: u32) -> bool {
        let item = || self.part.segment.items().get(slot as usize);
        !self.hides_items || item().is_some_and(|item| self.query.may_return(ItemNo(*item)))
    }

    /// Whether the item of a slot passes, is current, and may be returned.
    fn passes(&self, slot: u32) -> Result<bool, Error> {
        if let Some(cached) = &self.cached {
            return Ok(cached.slots.contains(slot) && self.may_return(slot));
        }
        let item = self.part.segment.items().get(slot as usize);
        match item.filter(|_| self.part.shows(slot) && self.may_return(slot)) {
            Some(item) => self.filter.passes(ItemNo(*item)),
            None => Ok(false),
        }
    }

    /// Scores the vectors of the items that pass.
    fn scan_items(&self, best: &mut TopK<'_>) -> Result<(), Error> {
        if let Some(cached) = &self.cached {
            let may_return = |slot: &u32| self.may_return(*slot);
            match &cached.slots {
                SlotSet::List(slots) => self.score(slots.iter().copied().filter(may_return), best),
                SlotSet::Bits { .. } => self.score(cached.slots.slots().filter(may_return), best),
            }
            return Ok(());
        }
        let (items, finder) = (self.filter.items()?.iter(), self.part.segment.finder());
        let items = items.filter(|item| self.query.may_return(**item));
        let slots = items.filter_map(|item| finder.find(*item));
        self.score(slots.filter(|slot| self.part.shows(*slot)), best);
        Ok(())
    }

    /// Evaluates the filter for every item, and scores those that pass.
    fn scan_nodes(&self, best: &mut TopK<'_>) -> Result<(), Error> {
        let (slots, mut filter) = (self.part.segment.items().len() as u32, self.item_filter());
        self.score((0..slots).filter(|slot| filter.passes(*slot)), best);
        filter.error.map_or(Ok(()), Err)
    }

    /// Scores the vectors of item slots: by their floats in an exact search, else by their codes first.
    fn score(&self, slots: impl Iterator<Item = u32>, best: &mut TopK<'_>) {
        let (items, vectors) = (
            self.part.segment.node_items(),
            self.part.segment.node_vectors(),
        );
        if self.effort == Effort::Exact {
            // Every item is pushed: `best` decides between equal scores.
            let (scorer, mut count) = (vectors.metric.scorer(), 0);
            for slot in slots {
                let row = items.node(slot).and_then(|node| vectors.rows.row(node));
                if let (Some(row), Some(item)) = (row, items.item(slot)) {
                    best.push(scorer.score(self.query.vector, row), ItemNo(item));
                    count += 1;
                }
            }
            count_ranked(count);
            return;
        }
        let params = self.beam_params(best.k(), best);
        if !items.is_folded() {
            // Slots are nodes.
            return SCRATCH.with_borrow_mut(|scratch| {
                for scored in rerank(&vectors, &params, slots, &mut scratch.graph) {
                    push_node(&items, *scored, |_| true, best);
                }
            });
        }
        let mut slots: Vec<u32> = slots.collect();
        slots.sort_unstable();
        let mut nodes: Vec<u32> = slots.iter().filter_map(|slot| items.node(*slot)).collect();
        nodes.dedup();
        let passes = |slot: u32| slots.binary_search(&slot).is_ok();
        SCRATCH.with_borrow_mut(|scratch| {
            for scored in rerank(&vectors, &params, nodes.into_iter(), &mut scratch.graph) {
                push_node(&items, *scored, passes, best);
            }
        });
    }

    fn item_filter(&self) -> FallibleFilter<'_> {
        FallibleFilter {
            search: self,
            items: self.part.segment.node_items(),
            error: None,
        }
    }

    fn beam_params(&self, ef: usize, best: &TopK<'_>) -> BeamParams<'_> {
        let nodes = self.part.segment.node_items().nodes();
        let mut params = BeamParams::new(self.query.vector, best.k().min(nodes), ef.min(nodes));
        params.threshold = best.threshold();
        params
    }

    /// Filtered search of the index: a walk over a graph expands nodes that do not pass but does not return them. Returns false, and adds
    /// nothing, if the search exceeded its budget or found fewer than `k` items. In both cases passing items
    /// may be missing.
    fn search_index(
        &self,
        ef: usize,
        limits: WalkLimits,
        best: &mut TopK<'_>,
    ) -> Result<bool, Error> {
        let segment = &self.part.segment;
        let (index, vectors) = (segment.index()?, segment.node_vectors());
        let selection = self
            .cached
            .as_ref()
            .and_then(|cached| cached.selection.as_ref());
        let index = match (index, selection) {
            (Index::Partitions(all), Some(selection)) => Index::Partitions(selection.view(&all)),
            (index, _) => index,
        };
        let params = self.beam_params(ef, best);
        let mut filter = self.item_filter();
        let done = SCRATCH.with_borrow_mut(|scratch| {
            let found = index.search_filtered(&vectors, &params, limits, &mut filter, scratch);
            found.is_some_and(|found| self.push_if_enough(found, best))
        });
        filter.error.map_or(Ok(done), Err)
    }

    /// Searches the index for all passing items above a minimum score.
    fn search_radius(&self, min_score: f32, ef: usize, best: &mut TopK<'_>) -> Result<(), Error> {
        let (mut filter, mut of_node) = (self.item_filter(), self.item_filter());
        let accepts = |slot: u32| of_node.passes(slot);
        let ball = (self.query.vector, min_score);
        search_radius_into(&self.part.segment, ball, ef, &mut filter, accepts, best)?;
        filter.error.or(of_node.error).map_or(Ok(()), Err)
    }

    /// Adds the items of the nodes that a search found if no better one can be missing: there are at
    /// least `k`, or `best` was already full, so that all others score below its threshold. Returns whether
    /// they were added.
    fn push_if_enough(&self, found: &[ScoredNode], best: &mut TopK<'_>) -> bool {
        let enough = best.threshold() > f32::NEG_INFINITY || found.len() >= best.k();
        if enough {
            let (items, mut filter) = (self.part.segment.node_items(), self.item_filter());
            for scored in found {
                push_node(&items, *scored, |slot| filter.passes(slot), best);
            }
        }
        enough
    }
}

/// The filter as a search of the index calls it: an error is kept, and the item does not pass.
struct FallibleFilter<'a> {
    search: &'a FilteredSearch<'a>,
    items: NodeItems<'a>,
    error: Option<Error>,
}

impl FallibleFilter<'_> {
    /// Whether the item of a slot passes.
    fn passes(&mut self, slot: u32) -> bool {
        self.search.passes(slot).unwrap_or_else(|error| {
            self.error = Some(error);
            false
        })
    }
}

impl NodeFilter for FallibleFilter<'_> {
    fn accepts(&mut self, node: u32) -> bool {
        let items = self.items;
        accepts_any(&items, node, |slot| self.passes(slot))
    }

    fn accepts_some(&self, nodes: Range<u32>) -> bool {
        match &self.search.cached {
            Some(cached) => cached.slots.contains_some(self.items.slots_of(nodes)),
            None => true,
        }
    }

    fn prefetch(&self, node: u32, next: bool) {
        if self.search.cached.is_some() {
            return;
        }
        // Of a node with several items, most often the first one passes.
        let items = self.items.items();
        let at = match self.items.is_folded() {
            true => self.items.slots(node).start as usize,
            false => node as usize,
        };
        match items.get(at) {
            Some(item) if next => self.search.filter.prefetch(ItemNo(*item)),
            _ => prefetch(items.get(at..=at).unwrap_or_default()),
        }
    }
}
