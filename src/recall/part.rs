//! The best of one segment of a space among the items that pass a filter, found as [planned](plan).

use super::explain::count_ranked;
use super::filtered::Passing;
use super::plan::{Cost, Numbers, Plan, plan, worth};
use super::request::Effort;
use super::space::walk_within;
use super::{Best, SCRATCH, Sought};
use crate::error::Error;
use crate::graph::{BeamParams, NodeFilter, ScoredNode, WalkLimits, rerank, search_filtered};
use crate::snapshot::{NodeSet, Part, Serving};
use std::sync::Arc;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::prefetch;

/// Offers the best of a segment that pass, at least as many as `best` wants if there are, and tells how
/// they were found.
pub(super) fn best_passing(
    part: &Part,
    serving: &Serving,
    sought: Sought<'_>,
    passing: &Passing<'_>,
    effort: Effort,
    best: &mut Best,
) -> Result<&'static str, Error> {
    let mut search = Search {
        part,
        serving,
        sought,
        passing,
        effort,
        nodes: None,
        hides: !serving.overlay.is_empty() || !sought.hidden.is_empty(),
    };
    let (ef, exact) = match effort {
        Effort::Exact => (0, true),
        Effort::Beam(ef) => (ef, false),
    };
    let nodes = part.segment.items().len();
    let mut numbers = Numbers {
        nodes,
        // What newer segments hide does not pass either.
        share: passing.share() * part.shown() as f64 / nodes.max(1) as f64,
        reach: passing.reach(),
        test: match (passing.needs_records(), passing.is_sure()) {
            (true, _) => Cost::Record,
            (false, sure) => Cost::Row { sure },
        },
        ef,
        // All that score so much may be few.
        k: if search.within(best).is_some() {
            1
        } else {
            best.wanted()
        },
        dimension: part.segment.dimension(),
        exact,
    };
    let mut chosen = plan(&numbers);
    let (cost, saving) = worth(&numbers, &chosen);
    search.nodes = passing.nodes(part, cost, saving)?;
    if let Some(known) = &search.nodes {
        numbers.reach = known.len();
        numbers.share = known.len() as f64 / nodes.max(1) as f64;
        numbers.test = Cost::Known;
        chosen = plan(&numbers);
    }
    search.run(chosen, best)
}

/// A segment that is searched.
struct Search<'a> {
    part: &'a Part,
    serving: &'a Serving,
    sought: Sought<'a>,
    passing: &'a Passing<'a>,
    effort: Effort,
    /// The nodes that pass, if they are known.
    nodes: Option<Arc<NodeSet>>,
    /// Whether any item may not be answered with though it passes.
    hides: bool,
}

impl Search<'_> {
    fn run(&self, plan: Plan, best: &mut Best) -> Result<&'static str, Error> {
        match plan {
            Plan::Items => {
                self.items(best)?;
                Ok(match self.nodes {
                    Some(_) => "scan of the items that pass, as remembered",
                    None => "scan of the items that pass",
                })
            }
            Plan::Nodes => {
                self.nodes(best)?;
                Ok("test of all nodes")
            }
            Plan::Walk { ef, reach } => {
                if let Some(least) = self.within(best) {
                    self.walk_within(least, ef, best)?;
                    return Ok("walk for all that score so much, with the test");
                }
                if self.walk(ef, reach, best)? {
                    return Ok(match self.nodes {
                        Some(_) => "walk to the items that pass, as remembered",
                        None => "walk with the test",
                    });
                }
                self.items(best)?;
                Ok("walk with the test, given up; scan of the items that pass")
            }
        }
    }

    /// The least score, if all that have it are wanted.
    fn within(&self, best: &Best) -> Option<f32> {
        self.sought.at_least.filter(|_| best.wanted() == usize::MAX)
    }

    /// Whether a node that passes may be answered with.
    fn shows(&self, node: u32) -> bool {
        let item = || self.part.segment.items().get(node as usize);
        !self.hides || item().is_some_and(|item| self.sought.shows(self.serving, ItemNo(*item)))
    }

    /// Whether a node passes, stands for its item now, and may be answered with.
    fn passes(&self, node: u32) -> Result<bool, Error> {
        if let Some(nodes) = &self.nodes {
            return Ok(nodes.contains(node) && self.shows(node));
        }
        let item = self.part.segment.items().get(node as usize);
        match item.filter(|_| self.part.shows(node) && self.shows(node)) {
            Some(item) => self.passing.passes(ItemNo(*item)),
            None => Ok(false),
        }
    }

    /// Scores the items that pass.
    fn items(&self, best: &mut Best) -> Result<(), Error> {
        if let Some(nodes) = &self.nodes {
            self.score(nodes.nodes().filter(|node| self.shows(*node)), best);
            return Ok(());
        }
        let (items, finder) = (self.passing.items()?.iter(), self.part.segment.finder());
        let shown = items.filter(|item| self.sought.shows(self.serving, **item));
        let nodes = shown.filter_map(|item| finder.find(*item));
        self.score(nodes.filter(|node| self.part.shows(*node)), best);
        Ok(())
    }

    /// Scores the nodes that pass.
    fn nodes(&self, best: &mut Best) -> Result<(), Error> {
        let (nodes, mut test) = (self.part.segment.items().len() as u32, self.test());
        self.score((0..nodes).filter(|node| test.accepts(*node)), best);
        test.failed.map_or(Ok(()), Err)
    }

    /// Scores nodes: by their vectors where the answer has to be exact, else by their codes first.
    fn score(&self, nodes: impl Iterator<Item = u32>, best: &mut Best) {
        let (items, points) = (self.part.segment.items(), self.part.segment.node_vectors());
        if self.effort == Effort::Exact {
            // Each is offered: which of equal scores are the best is for `best` to say.
            let (scorer, mut count) = (points.metric.scorer(), 0);
            for node in nodes {
                let (row, item) = (points.rows.row(node), items.get(node as usize));
                if let (Some(row), Some(item)) = (row, item) {
                    best.offer(scorer.score(self.sought.query, row), ItemNo(*item));
                    count += 1;
                }
            }
            count_ranked(count);
            return;
        }
        let params = self.params(best.wanted(), best);
        SCRATCH.with_borrow_mut(|scratch| {
            for scored in rerank(&points, &params, nodes, scratch) {
                if let Some(item) = items.get(scored.node as usize) {
                    best.offer(scored.score, ItemNo(*item));
                }
            }
        });
    }

    fn test(&self) -> Test<'_> {
        let failed = None;
        Test {
            search: self,
            failed,
        }
    }

    fn params(&self, ef: usize, best: &Best) -> BeamParams<'_> {
        let nodes = self.part.segment.items().len();
        let k = best.wanted().min(nodes);
        let mut params = BeamParams::new(self.sought.query, k, ef.min(nodes));
        params.threshold = best.bar();
        params
    }

    /// Walks the graph through what does not pass and keeps what does. False, with nothing offered, if
    /// it would have to score more than it may, or if fewer were found than are wanted: they may be all
    /// that pass, or all that could be reached.
    fn walk(&self, ef: usize, reach: WalkLimits, best: &mut Best) -> Result<bool, Error> {
        let segment = &self.part.segment;
        let (graph, points) = (segment.graph()?, segment.node_vectors());
        let params = self.params(ef, best);
        let mut test = self.test();
        let done = SCRATCH.with_borrow_mut(|scratch| {
            let found = search_filtered(&graph, &points, &params, reach, &mut test, scratch);
            found.is_some_and(|found| self.offer(found, best))
        });
        test.failed.map_or(Ok(done), Err)
    }

    /// Walks the graph for all that pass and score so much.
    fn walk_within(&self, least: f32, ef: usize, best: &mut Best) -> Result<(), Error> {
        let mut test = self.test();
        let asked = (self.sought.query, least);
        let keep = |node: u32| test.accepts(node);
        walk_within(&self.part.segment, asked, ef, keep, best)?;
        test.failed.map_or(Ok(()), Err)
    }

    /// Offers all that was found, if it is as much as is wanted, or all that could still be of use.
    fn offer(&self, found: &[ScoredNode], best: &mut Best) -> bool {
        let enough = best.bar() > f32::NEG_INFINITY || found.len() >= best.wanted();
        for scored in found.iter().filter(|_| enough) {
            if let Some(item) = self.part.segment.items().get(scored.node as usize) {
                best.offer(scored.score, ItemNo(*item));
            }
        }
        enough
    }
}

/// Whether nodes pass, for walks, which know no errors.
struct Test<'a> {
    search: &'a Search<'a>,
    failed: Option<Error>,
}

impl NodeFilter for Test<'_> {
    fn accepts(&mut self, node: u32) -> bool {
        self.search.passes(node).unwrap_or_else(|error| {
            self.failed = Some(error);
            false
        })
    }

    fn prefetch(&self, node: u32, next: bool) {
        if self.search.nodes.is_some() {
            return;
        }
        let items = self.search.part.segment.items();
        let at = node as usize;
        match items.get(at) {
            Some(item) if next => self.search.passing.prefetch(ItemNo(*item)),
            _ => prefetch(items.get(at..=at).unwrap_or_default()),
        }
    }
}
