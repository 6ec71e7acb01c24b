//! Top-k search: probe the nearest leaves, then re-rank.

use super::codebooks::{ByteTables, Entries, products};
use super::index::{Partitions, blocks};
use super::router::Router;
use crate::graph::{BeamParams, Margin, NodeFilter, NodeVectors, ScoredNode, Scratch, rerank};
use twinspire_core::kernel::{FAST_SCAN_BLOCK, Level, Metric};

/// Leaves scanned for each step of the width of a search.
pub(crate) const LEAVES_PER_WIDTH: usize = 2;
/// Candidates that are re-ranked in addition to one for each step of the width: a constant number, and a number for
/// each node that is wanted. Codes of four bits are coarse.
const CANDIDATES: (usize, usize) = (64, 3);
/// The candidates of a search are those for the next of these k: recall is measured for these k, and so holds for
/// smaller ones.
const KS: [usize; 2] = [10, 100];

/// Scratch buffers for searches, one after another.
#[derive(Debug, Default)]
pub(crate) struct LeafScratch {
    pub(super) buffer: Vec<f32>,
    /// The rotated query.
    pub(super) query: Vec<f32>,
    router: Router,
    /// The leaves to scan.
    pub(super) leaves: Vec<u64>,
    tables: Vec<Entries>,
    bytes: ByteTables,
    candidates: Candidates,
}

/// The accepted nodes of the probed leaves that score best, with exact scores: best first, ties by node.
/// The `k` best of the candidates are among them; all others that were re-ranked follow.
///
/// `params.ef` is the width of the search: it decides how many leaves are scanned, more if they have fewer
/// than `k` accepted nodes, and how many candidates are re-ranked. Of a [selection](super::Selection) as many
/// blocks are scanned as without a filter, which are more leaves the fewer of their nodes are selected.
pub(crate) fn search<'s>(
    partitions: &Partitions<'_>,
    vectors: &NodeVectors<'_>,
    params: &BeamParams<'_>,
    filter: &mut impl NodeFilter,
    leaf_scratch: &mut LeafScratch,
    scratch: &'s mut Scratch,
) -> &'s [ScoredNode] {
    let level = Level::best();
    let scan = Scan { level, partitions };
    let LeafScratch {
        buffer,
        query,
        router,
        leaves,
        tables,
        bytes,
        candidates,
    } = leaf_scratch;
    partitions
        .rotation()
        .apply(level, params.query, buffer, query);
    router.score(level, vectors.metric, partitions, query);
    let ef = params.leaf_width();
    let work = Work::new(partitions, vectors.metric);
    let width = ef.saturating_mul(LEAVES_PER_WIDTH).max(1);
    let budget = width.saturating_mul(work.of_average_leaf);
    if partitions.selected.is_some() {
        router.rule_out(|leaf| partitions.nodes(leaf).is_empty());
    }
    router.rank(work.leaves(budget).min(partitions.leaves()), leaves);
    let (fewest, each) = CANDIDATES;
    let wanted = KS.into_iter().find(|k| params.k <= *k).unwrap_or(params.k);
    let more = wanted.saturating_mul(each).saturating_add(fewest);
    candidates.reset(ef.saturating_add(more));
    if !matches!(vectors.metric, Metric::L2) {
        scan.fill_tables(query, tables);
        bytes.set(tables);
    }
    // Leaves without accepted nodes do not count: those of a filter may be far from the query.
    let (mut done, mut left) = (0, budget);
    let (mut scanned, mut scored) = (0, 0);
    loop {
        while let Some(key) = leaves.get(done)
            && left > 0
        {
            let leaf = ScoredNode::from_key(*key);
            let place = leaf.node as usize;
            let nodes = partitions.nodes(place);
            done += 1;
            match partitions.selected {
                None if !filter.accepts_some(nodes.clone()) => continue,
                // Leaves without selected nodes are last.
                Some(_) if nodes.is_empty() => {
                    done = partitions.leaves();
                    break;
                }
                _ => {}
            }
            if matches!(vectors.metric, Metric::L2) {
                scan.fill_l2_tables(query, place, buffer, tables);
                bytes.set(tables);
            }
            let next = leaves.get(done).map_or(&[][..], |next| {
                partitions.leaf_codes(ScoredNode::from_key(*next).node as usize)
            });
            (scanned, scored) = (scanned + 1, scored + nodes.len() as u64);
            if scan.leaf(leaf, bytes, next, candidates, filter) {
                left = left.saturating_sub(work.of(partitions, place));
            }
        }
        if left == 0 && candidates.found() < params.k {
            left = budget;
        }
        if done < leaves.len() && left > 0 {
            continue;
        }
        if left == 0 || done >= partitions.leaves() {
            break;
        }
        // The next leaves, twice as many in all. A damaged file may have leaves that have no rank.
        router.rank((2 * done.max(1)).min(partitions.leaves()), leaves);
        if leaves.len() <= done {
            break;
        }
    }
    let counters = scratch.counters();
    (counters.expanded, counters.scored) = (counters.expanded + scanned, counters.scored + scored);
    let margin = Margin::Likely;
    rerank(
        vectors,
        &BeamParams { margin, ..*params },
        candidates.nodes(),
        scratch,
    )
}

/// What the scan of a leaf takes, in blocks; without a selection, every leaf takes the same.
struct Work {
    /// Taken by a leaf in addition to its blocks.
    each: usize,
    /// Of an average leaf with all of its nodes.
    of_average_leaf: usize,
    /// Of an average leaf with the selected nodes.
    of_selected_leaf: usize,
    selected: bool,
}

impl Work {
    fn new(partitions: &Partitions<'_>, metric: Metric) -> Self {
        if partitions.selected.is_none() {
            return Self {
                each: 1,
                of_average_leaf: 1,
                of_selected_leaf: 1,
                selected: false,
            };
        }
        // Squared distances need tables for each leaf.
        let each = match metric {
            Metric::Cosine | Metric::InnerProduct => 1,
            Metric::L2 => 4,
        };
        let leaves = partitions.leaves().max(1);
        let blocks = partitions.arrays.codes.len() / partitions.book.block_bytes().max(1);
        Self {
            each,
            of_average_leaf: each + (partitions.book.blocks as usize).div_ceil(leaves),
            of_selected_leaf: each + blocks / leaves,
            selected: true,
        }
    }

    /// Of one leaf.
    fn of(&self, partitions: &Partitions<'_>, leaf: usize) -> usize {
        match self.selected {
            true => self.each + blocks(partitions.nodes(leaf).len() as u32),
            false => self.each,
        }
    }

    /// The leaves that can be scanned for so much.
    fn leaves(&self, budget: usize) -> usize {
        budget.div_ceil(self.of_selected_leaf)
    }
}

/// A search that scans one leaf after another.
struct Scan<'a> {
    level: Level,
    partitions: &'a Partitions<'a>,
}

impl Scan<'_> {
    /// Sets the tables to what each word adds to an inner product with the query.
    fn fill_tables(&self, query: &[f32], tables: &mut Vec<Entries>) {
        let (rotation, words) = (&self.partitions.book.rotation, self.partitions.words());
        tables.clear();
        tables.extend((0..rotation.subspaces()).map(|subspace| {
            let places = rotation.places(subspace);
            products(&query[places.clone()], &words[places])
        }));
    }

    /// Sets the tables to what each word adds to the negated squared distance of the query from a leaf's
    /// centroid, in multiples of the spread of the leaf.
    fn fill_l2_tables(
        &self,
        query: &[f32],
        leaf: usize,
        offset: &mut Vec<f32>,
        tables: &mut Vec<Entries>,
    ) {
        let (rotation, words) = (&self.partitions.book.rotation, self.partitions.words());
        offset.clear();
        let centroid = self.partitions.centroid(leaf);
        let spread = self.partitions.arrays.spreads[leaf];
        offset.extend(query.iter().zip(centroid).map(|(q, c)| q - c));
        tables.clear();
        tables.extend((0..rotation.subspaces()).map(|subspace| {
            // -|o - s w|² = -|o|² + s Σ w (2 o - s w)
            let places = rotation.places(subspace);
            let mut sums = Entries::default();
            for (offset, words) in offset[places.clone()].iter().zip(&words[places]) {
                for (sum, word) in sums.iter_mut().zip(words) {
                    *sum += word * (2.0 * offset - spread * word);
                }
            }
            sums
        }));
    }

    /// Offers the nodes of a leaf to the candidates. The score of a leaf is that of its centroid; `next` are
    /// the codes of the leaf that is scanned after it. Returns false if nodes were offered, and none accepted.
    fn leaf(
        &self,
        leaf: ScoredNode,
        tables: &ByteTables,
        next: &[u8],
        candidates: &mut Candidates,
        filter: &mut impl NodeFilter,
    ) -> bool {
        let spread = self.partitions.arrays.spreads.get(leaf.node as usize);
        let spread = spread.copied().unwrap_or_default();
        // A sum of 0 scores `base`, and each step more `step`.
        let (base, step) = (leaf.score + spread * tables.base, spread * tables.step);
        if candidates.least - base > step * f32::from(u16::MAX) {
            return true;
        }
        // The casts saturate, and round down: no node that reaches the bound is lost. Without a spread all nodes score
        // `base`, and the quotient is infinite or no number, which is cast to 0.
        let least_sum = |candidates: &Candidates| ((candidates.least - base) / step) as u16;
        let nodes = self.partitions.nodes(leaf.node as usize);
        let codes = (self.partitions.leaf_codes(leaf.node as usize), next);
        let mut least = least_sum(candidates);
        let (mut offered, before) = (false, candidates.taken);
        let level = self.level;
        level.scan_blocks(&tables.bytes, codes, least, |block, mut mask, sums| {
            let first = nodes.start.saturating_add((block * FAST_SCAN_BLOCK) as u32);
            let left = nodes.end.saturating_sub(first);
            if left < FAST_SCAN_BLOCK as u32 {
                mask &= (1 << left) - 1;
            }
            while mask != 0 {
                let lane = mask.trailing_zeros();
                mask &= mask - 1;
                let sum = f32::from(sums[lane as usize]);
                offered = true;
                let Some(node) = self.partitions.node_at(first + lane) else {
                    continue;
                };
                let scored = ScoredNode::new(node, base + step * sum);
                if candidates.offer(scored, filter) {
                    least = least_sum(candidates);
                }
            }
            least
        });
        !offered || candidates.taken > before
    }
}

/// The best nodes so far by their approximate scores.
#[derive(Debug, Default)]
struct Candidates {
    /// Up to twice as many keys as wanted; the excess is dropped when they are.
    keys: Vec<u64>,
    wanted: usize,
    /// Number of nodes taken in so far.
    taken: u64,
    /// Nodes that score less are not among the best.
    least: f32,
}

impl Candidates {
    fn reset(&mut self, wanted: usize) {
        self.keys.clear();
        self.wanted = wanted.max(1);
        self.taken = 0;
        self.least = f32::NEG_INFINITY;
    }

    /// Takes a node in; true if the bound rose.
    #[inline]
    fn offer(&mut self, scored: ScoredNode, filter: &mut impl NodeFilter) -> bool {
        let taken = scored.score >= self.least && filter.accepts(scored.node);
        if taken {
            self.taken += 1;
            self.keys.push(scored.key());
            if self.keys.len() >= 2 * self.wanted {
                self.cut();
                return true;
            }
        }
        false
    }

    /// Keeps the best.
    #[cold]
    fn cut(&mut self) {
        if self.keys.len() > self.wanted {
            let (_, last, _) = self
                .keys
                .select_nth_unstable_by(self.wanted - 1, |a, b| b.cmp(a));
            self.least = ScoredNode::from_key(*last).score;
            self.keys.truncate(self.wanted);
        }
    }

    fn found(&self) -> usize {
        self.keys.len()
    }

    /// The nodes of the best.
    fn nodes(&mut self) -> impl Iterator<Item = u32> {
        self.cut();
        self.keys.iter().map(|key| ScoredNode::from_key(*key).node)
    }
}
