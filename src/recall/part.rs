//! The best of one segment of a space among the items that pass a filter, found as [planned](plan).

use super::explain::count_ranked;
use super::filtered::Passing;
use super::plan::{Numbers, Plan, plan};
use super::request::Effort;
use super::space::walk_within;
use super::{Best, SCRATCH, Sought};
use crate::error::Error;
use crate::graph::{Ask, Scored, best_among, search, search_kept};
use crate::ids::ItemNo;
use crate::snapshot::{Part, Serving};

/// So many nodes are looked at again after a scan of codes, besides those that are wanted.
const FEW: usize = 32;

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
    let search = Search {
        part,
        serving,
        sought,
        passing,
        effort,
    };
    let (ef, exact) = match effort {
        Effort::Exact => (0, true),
        Effort::Beam(ef) => (ef, false),
    };
    let nodes = part.segment.items().len();
    let numbers = Numbers {
        nodes,
        // What newer segments hide does not pass either.
        share: passing.share() * part.shown() as f64 / nodes.max(1) as f64,
        reach: passing.reach(),
        sure: passing.is_sure(),
        needs_records: passing.needs_records(),
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
    search.run(plan(&numbers), best)
}

/// A segment that is searched.
struct Search<'a> {
    part: &'a Part,
    serving: &'a Serving,
    sought: Sought<'a>,
    passing: &'a Passing<'a>,
    effort: Effort,
}

impl Search<'_> {
    fn run(&self, plan: Plan, best: &mut Best) -> Result<&'static str, Error> {
        let (k, ef, kept, budget) = match plan {
            Plan::Items => {
                self.items(best)?;
                return Ok("scan of the items that pass");
            }
            Plan::Nodes => {
                self.nodes(best)?;
                return Ok("test of all nodes");
            }
            Plan::Walk {
                k,
                ef,
                kept,
                budget,
            } => (k, ef, kept, budget),
        };
        if let Some(least) = self.within(best) {
            self.walk_within(least, ef, best)?;
            return Ok("walk for all that score so much, with the test");
        }
        if self.walk(k, ef, best)? {
            return Ok("walk, its answers tested");
        }
        if self.walk_on(kept, budget, best)? {
            return Ok("walk of whose answers too few pass; walk with the test");
        }
        self.items(best)?;
        Ok("walks of which too few answers pass; scan of the items that pass")
    }

    /// The least score, if all that have it are wanted.
    fn within(&self, best: &Best) -> Option<f32> {
        self.sought.at_least.filter(|_| best.wanted() == usize::MAX)
    }

    /// The item of a node, if the node stands for it now and it may be answered with.
    fn shown(&self, node: u32) -> Option<ItemNo> {
        let items = self.part.segment.items();
        let item = items.get(node as usize).map(|item| ItemNo(*item))?;
        let shown = self.part.shows(node) && self.sought.shows(self.serving, item);
        shown.then_some(item)
    }

    /// The item of a node, if it passes as well.
    fn passes(&self, node: u32) -> Result<Option<ItemNo>, Error> {
        match self.shown(node) {
            Some(item) => Ok(self.passing.passes(item)?.then_some(item)),
            None => Ok(None),
        }
    }

    /// Whether a node passes, for a walk, which knows no errors.
    fn keep(&self, node: u32, failed: &mut Option<Error>) -> bool {
        match self.passes(node) {
            Ok(item) => item.is_some(),
            Err(error) => {
                *failed = Some(error);
                false
            }
        }
    }

    /// Scores the items that pass.
    fn items(&self, best: &mut Best) -> Result<(), Error> {
        let items = self.passing.items()?.iter();
        let shown = items.filter(|item| self.sought.shows(self.serving, **item));
        let nodes = shown.filter_map(|item| self.part.segment.node(*item));
        let nodes = nodes.filter(|node| self.part.shows(*node));
        self.score(&nodes.collect::<Vec<_>>(), best);
        Ok(())
    }

    /// Scores the nodes that pass.
    fn nodes(&self, best: &mut Best) -> Result<(), Error> {
        let mut nodes = Vec::new();
        for node in 0..self.part.segment.items().len() as u32 {
            if self.passes(node)?.is_some() {
                nodes.push(node);
            }
        }
        self.score(&nodes, best);
        Ok(())
    }

    /// Scores nodes: by their vectors where the answer has to be exact, else by their codes first.
    fn score(&self, nodes: &[u32], best: &mut Best) {
        let (items, points) = (self.part.segment.items(), self.part.segment.points());
        if self.effort == Effort::Exact {
            // Each is offered: which of equal scores are the best is for `best` to say.
            let scorer = points.metric.scorer();
            for node in nodes {
                let (row, item) = (points.rows.row(*node), items.get(*node as usize));
                if let (Some(row), Some(item)) = (row, item) {
                    best.offer(scorer.score(self.sought.query, row), ItemNo(*item));
                }
            }
            count_ranked(nodes.len());
            return;
        }
        let mut ask = self.ask(best.wanted(), best.wanted(), best);
        // So many, for codes may put one of the best behind others.
        ask.ef = ask.k.saturating_mul(4).saturating_add(FEW);
        SCRATCH.with_borrow_mut(|scratch| {
            for scored in best_among(&points, &ask, nodes, scratch) {
                if let Some(item) = items.get(scored.node as usize) {
                    best.offer(scored.score, ItemNo(*item));
                }
            }
        });
    }

    fn ask(&self, k: usize, ef: usize, best: &Best) -> Ask<'_> {
        let nodes = self.part.segment.items().len();
        let mut ask = Ask::new(self.sought.query, k.min(nodes), ef.min(nodes));
        ask.bar = best.bar();
        ask
    }

    /// Walks the graph to `k` nodes and takes those that pass. False, with nothing offered, if these are
    /// fewer than are wanted.
    fn walk(&self, k: usize, ef: usize, best: &mut Best) -> Result<bool, Error> {
        let segment = &self.part.segment;
        let (graph, points) = (segment.graph()?, segment.points());
        let ask = self.ask(k, ef, best);
        SCRATCH.with_borrow_mut(|scratch| {
            let found = search(&graph, &points, &ask, scratch);
            // All that comes near the bar was found, if the walk ended because nothing more does.
            let ended = found.len() < ask.k || found.iter().any(|scored| scored.score < ask.bar);
            let mut passing = Vec::with_capacity(found.len());
            for scored in found {
                if self.passes(scored.node)?.is_some() {
                    passing.push(*scored);
                }
            }
            Ok(self.offer(&passing, ended, best))
        })
    }

    /// Walks the graph through what does not pass and keeps what does. False, with nothing offered, if
    /// it would have to score more than it may, or if fewer were found than are wanted: they may be all
    /// that pass, or all that could be reached.
    fn walk_on(&self, ef: usize, budget: u64, best: &mut Best) -> Result<bool, Error> {
        let segment = &self.part.segment;
        let (graph, points) = (segment.graph()?, segment.points());
        let ask = self.ask(best.wanted(), ef, best);
        let mut failed = None;
        let keep = |node: u32| self.keep(node, &mut failed);
        let done = SCRATCH.with_borrow_mut(|scratch| {
            let found = search_kept(&graph, &points, &ask, keep, budget, scratch);
            found.is_some_and(|found| self.offer(found, true, best))
        });
        failed.map_or(Ok(done), Err)
    }

    /// Walks the graph for all that pass and score so much.
    fn walk_within(&self, least: f32, ef: usize, best: &mut Best) -> Result<(), Error> {
        let mut failed = None;
        let keep = |node: u32| self.keep(node, &mut failed);
        let asked = (self.sought.query, least);
        walk_within(&self.part.segment, asked, ef, keep, best)?;
        failed.map_or(Ok(()), Err)
    }

    /// Offers all that was found, if it is as much as is wanted, or all that could still be of use.
    fn offer(&self, found: &[Scored], all_above_bar: bool, best: &mut Best) -> bool {
        let useful = all_above_bar && best.bar() > f32::NEG_INFINITY;
        let enough = useful || found.len() >= best.wanted();
        for scored in found.iter().filter(|_| enough) {
            if let Some(item) = self.part.segment.items().get(scored.node as usize) {
                best.offer(scored.score, ItemNo(*item));
            }
        }
        enough
    }
}
