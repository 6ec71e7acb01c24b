//! Memory that searches use again and again, and the steps of a walk that work on it.

use super::Graph;
use super::near::Near;
use super::scored::{ScoredNode, Sift};
use super::search::BeamParams;
use std::cmp::Reverse;
use twinspire_core::kernel::CodeQuery;

/// Memory for searches, one after another, over any graphs. After the first few nothing is allocated.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The query in codes.
    pub(super) query: CodeQuery,
    /// The rest.
    pub(super) walk: Walk,
}

impl Scratch {
    /// What searches did since this was set to nothing.
    pub(crate) fn counters(&mut self) -> &mut SearchCounters {
        &mut self.walk.work
    }
}

/// What searches did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SearchCounters {
    /// Nodes whose links were followed.
    pub(crate) expanded: u64,
    /// Scores computed on the walk.
    pub(crate) scored: u64,
    /// Scores computed again on the vectors themselves.
    pub(crate) ranked: u64,
}

/// A walk over a graph.
#[derive(Debug, Default)]
pub(super) struct Walk {
    visited: Visited,
    /// Nodes that are visited and not scored yet.
    batch: Vec<u32>,
    /// The best so far: what is found, and where to go on.
    pub(super) beam: Beam,
    /// Where some of what is seen is left out: the best so far that are not.
    pub(super) found: Beam,
    /// Where to go on once the beam is used up: nodes that are no better than those in it.
    spill: Vec<u64>,
    /// How many nodes were in beams that were used up.
    used_up: usize,
    /// What may be among the best, in a scan.
    pub(super) sift: Sift,
    /// What was found, with exact scores, best first.
    pub(super) ranked: Vec<ScoredNode>,
    pub(super) work: SearchCounters,
}

impl Walk {
    /// Forgets the walk before, for one over so many nodes.
    pub(super) fn start(&mut self, nodes: u32, limit: usize) {
        self.visited.start(nodes);
        self.batch.clear();
        self.beam.start(limit);
        self.spill.clear();
        self.used_up = 0;
        self.ranked.clear();
    }

    /// Remembers a node to go on from, however many there are.
    pub(super) fn remember(&mut self, scored: ScoredNode) {
        if let Some(entry) = self.beam.exchange(scored.key())
            && !entry.expanded
        {
            self.spill.push(entry.key);
        }
    }

    /// The nearest node that is remembered, for the last time.
    pub(super) fn nearest(&mut self) -> Option<ScoredNode> {
        if self.beam.after().is_none() {
            self.used_up += self.beam.entries.len();
            let limit = (2 * self.beam.limit).clamp(1, LONG);
            self.beam.start(limit);
            if let Some(last) = limit.checked_sub(1).filter(|last| *last < self.spill.len()) {
                self.spill
                    .select_nth_unstable_by_key(last, |key| Reverse(*key));
            }
            let nearest = self.spill.drain(..limit.min(self.spill.len()));
            self.beam.fill(nearest, false);
        }
        self.beam.take()
    }

    /// How many nodes were gone on from that are better than all that are left.
    pub(super) fn behind(&self) -> usize {
        self.used_up + self.beam.next
    }

    /// Makes the batch of those nodes that were not visited before.
    pub(super) fn visit(&mut self, nodes: &[u32]) {
        self.visited.filter(nodes, &mut self.batch);
    }

    /// Makes the batch of these nodes.
    pub(super) fn take(&mut self, nodes: &[u32]) {
        self.batch.clear();
        self.batch.extend_from_slice(nodes);
    }

    /// Makes the batch of a node's neighbours, and asks for what scoring them will read.
    pub(super) fn expand<S: AsRef<[u32]>>(
        &mut self,
        graph: &Graph<S>,
        near: &impl Near,
        node: u32,
    ) {
        self.visit(graph.links(node));
        // They lie far apart: all are asked for before the first is read.
        self.batch.iter().for_each(|node| near.prefetch(*node));
        self.work.expanded += 1;
    }

    /// Scores the batch, each with the walk and what it scored given to `take`.
    pub(super) fn score(&mut self, near: &impl Near, mut take: impl FnMut(&mut Self, ScoredNode)) {
        let batch = std::mem::take(&mut self.batch);
        self.work.scored += batch.len() as u64;
        let (fours, rest) = batch.as_chunks::<4>();
        for nodes in fours {
            // Where one of them is missing, each is asked for by itself.
            if let Some(scores) = near.score_4(*nodes) {
                for (node, score) in nodes.iter().zip(scores) {
                    take(self, ScoredNode::new(*node, score));
                }
            } else {
                self.score_each(near, nodes, &mut take);
            }
        }
        self.score_each(near, rest, &mut take);
        self.batch = batch;
        self.batch.clear();
    }

    fn score_each(
        &mut self,
        near: &impl Near,
        nodes: &[u32],
        take: &mut impl FnMut(&mut Self, ScoredNode),
    ) {
        for node in nodes {
            if let Some(score) = near.score(*node) {
                take(self, ScoredNode::new(*node, score));
            }
        }
    }

    /// Scores what the beam found exactly, as far down as the `k` best may lie.
    pub(super) fn rank(&mut self, near: &impl Near, exact: &impl Near, k: usize) {
        let entries = &self.beam.entries;
        let (first, rest) = entries.split_at(k.min(entries.len()));
        let (first, rest) = (first.iter().map(Entry::key), rest.iter().map(Entry::key));
        rank(&mut self.ranked, first, rest, near, exact);
        self.work.ranked += self.ranked.len() as u64;
    }

    /// Scores what a scan kept exactly, as far down as the `k` best may lie.
    pub(super) fn rank_sifted(&mut self, near: &impl Near, exact: &impl Near, k: usize) {
        let (first, rest) = self.sift.parted(k);
        let (first, rest) = (first.iter().copied(), rest.iter().copied());
        rank(&mut self.ranked, first, rest, near, exact);
        self.work.ranked += self.ranked.len() as u64;
    }

    /// Scores what was found exactly, and leaves what scores less than `least`.
    pub(super) fn rank_inside(&mut self, exact: &impl Near, least: f32) {
        self.work.ranked += self.ranked.len() as u64;
        self.ranked.retain_mut(|scored| {
            let score = exact.score(scored.node).filter(|score| *score >= least);
            score.is_some_and(|score| {
                *scored = ScoredNode::new(scored.node, score);
                true
            })
        });
        self.ranked.sort_unstable_by(|a, b| b.cmp(a));
    }
}

/// Scores the first, and those of the rest that may be better than the worst of them, exactly: best
/// first.
fn rank(
    ranked: &mut Vec<ScoredNode>,
    first: impl Iterator<Item = u64> + Clone,
    rest: impl Iterator<Item = u64> + Clone,
    near: &impl Near,
    exact: &impl Near,
) {
    let score = |scored: ScoredNode| {
        let score = exact.score(scored.node)?;
        Some(ScoredNode::new(scored.node, score))
    };
    let first = first.map(ScoredNode::of);
    first.clone().for_each(|scored| exact.prefetch(scored.node));
    ranked.extend(first.filter_map(score));
    if let Some(kth) = ranked.iter().min() {
        let lowest = near.lowest(kth.score);
        let close = rest
            .map(ScoredNode::of)
            .filter(|scored| scored.score >= lowest);
        close.clone().for_each(|scored| exact.prefetch(scored.node));
        ranked.extend(close.filter_map(score));
    }
    ranked.sort_unstable_by(|a, b| b.cmp(a));
}

/// A set of nodes.
#[derive(Debug, Default)]
struct Visited {
    words: Vec<u64>,
    /// How many of them are in use.
    count: usize,
    /// The nodes in the set.
    list: Vec<u32>,
}

impl Visited {
    /// Empties the set, which nodes below `nodes` may enter.
    fn start(&mut self, nodes: u32) {
        let last = self.count.saturating_sub(1);
        let used = self.list.drain(..).map(|node| node as usize / 64);
        for word in used.chain([last]) {
            if let Some(word) = self.words.get_mut(word) {
                *word = 0;
            }
        }
        self.count = (nodes as usize).div_ceil(64);
        if self.words.len() < self.count {
            self.words.resize(self.count, 0);
        }
        if !nodes.is_multiple_of(64)
            && let Some(last) = self.words.get_mut(self.count - 1)
        {
            // Places that no node has count as visited.
            *last = u64::MAX << (nodes % 64);
        }
    }

    /// Takes nodes in and makes `new` of those that were not in before. Nodes that are not there are
    /// left out.
    fn filter(&mut self, nodes: &[u32], new: &mut Vec<u32>) {
        new.clear();
        new.resize(nodes.len(), 0);
        let words = self.words.get_mut(..self.count).unwrap_or_default();
        let mut length = 0;
        for node in nodes {
            let Some(word) = words.get_mut(*node as usize / 64) else {
                continue;
            };
            // No branch depends on whether it is new: that cannot be foretold.
            if let Some(place) = new.get_mut(length) {
                *place = *node;
            }
            length += (!*word >> (node % 64) & 1) as usize;
            *word |= 1 << (node % 64);
        }
        new.truncate(length);
        self.list.extend_from_slice(new);
    }
}

/// The best nodes so far, at most `limit` of them, best first; each is expanded once.
#[derive(Debug, Default)]
pub(super) struct Beam {
    entries: Vec<Entry>,
    limit: usize,
    /// All before this place are expanded.
    next: usize,
    /// What a key must exceed to get in.
    worst: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u64,
    expanded: bool,
}

impl Entry {
    fn key(&self) -> u64 {
        self.key
    }

    fn scored(&self) -> ScoredNode {
        ScoredNode::of(self.key)
    }
}

/// Where fewer are wanted a walk goes as far as for these.
const FEW: usize = 10;

/// A beam longer than this is not kept sorted: making room in it would take longer than anything else.
pub(super) const LONG: usize = 1_024;

impl Beam {
    pub(super) fn start(&mut self, limit: usize) {
        self.entries.clear();
        (self.limit, self.next, self.worst) = (limit, 0, 0);
    }

    /// Puts nodes into a beam that is empty and has room for them.
    fn fill(&mut self, keys: impl Iterator<Item = u64>, expanded: bool) {
        self.entries.extend(keys.map(|key| Entry { key, expanded }));
        self.entries
            .sort_unstable_by_key(|entry| Reverse(entry.key));
        self.find_worst();
    }

    fn find_worst(&mut self) {
        if self.entries.len() >= self.limit {
            self.worst = self.entries.last().map_or(0, |entry| entry.key);
        }
    }

    /// Whether one that is this good would get in.
    pub(super) fn admits(&self, scored: ScoredNode) -> bool {
        scored.key() > self.worst
    }

    /// Whether one that is in, or would get in, is this good.
    pub(super) fn reaches(&self, scored: ScoredNode) -> bool {
        scored.key() >= self.worst
    }

    /// Takes one in if it is good enough.
    pub(super) fn offer(&mut self, scored: ScoredNode) {
        self.exchange(scored.key());
    }

    /// Takes one in if it is good enough; gives what there is no room for.
    fn exchange(&mut self, key: u64) -> Option<Entry> {
        let expanded = false;
        let entry = Entry { key, expanded };
        if key <= self.worst {
            return Some(entry);
        }
        let gone = match self.entries.len() >= self.limit {
            true => self.entries.pop(),
            false => None,
        };
        let at = self.entries.partition_point(|entry| entry.key > key);
        self.entries.insert(at, entry);
        self.next = self.next.min(at);
        self.find_worst();
        gone
    }

    /// The score that a search for the best `k` compares with what is left, to see whether to go on:
    /// that of the k-th best. Where fewer than ten are wanted it is that of the tenth, for the best one
    /// may be so near that nothing else looks worth it. The worst there is if there are fewer.
    pub(super) fn kth(&self, k: usize) -> f32 {
        let kth = self.entries.get(k.max(FEW) - 1);
        kth.map_or(f32::NEG_INFINITY, |entry| entry.scored().score)
    }

    /// The best that is not expanded yet, and counts as such from now on; none when it is not worth it.
    pub(super) fn next(&mut self, params: &BeamParams<'_>, near: &impl Near) -> Option<ScoredNode> {
        // What was found elsewhere counts when half of the beam was gone through: a walk that is new
        // here is not yet where the best are.
        let bar = match self.next >= self.limit / 2 {
            true => params.threshold,
            false => f32::NEG_INFINITY,
        };
        let worth = match self.next >= params.k.max(FEW) {
            true => near.worth(self.kth(params.k).max(bar)),
            false => f32::NEG_INFINITY,
        };
        self.after().filter(|next| next.score >= worth)?;
        self.take()
    }

    /// The best that is not expanded yet, and counts as such from now on.
    fn take(&mut self) -> Option<ScoredNode> {
        let next = self.entries.get_mut(self.next)?;
        next.expanded = true;
        let scored = next.scored();
        let rest = self.entries.get(self.next..).unwrap_or_default();
        let ahead = rest.iter().position(|entry| !entry.expanded);
        self.next += ahead.unwrap_or(rest.len());
        Some(scored)
    }

    /// What would be next now.
    pub(super) fn after(&self) -> Option<ScoredNode> {
        self.entries.get(self.next).map(Entry::scored)
    }
}
