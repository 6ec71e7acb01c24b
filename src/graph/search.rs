//! Finding the nearest rows: by a walk over the graph, or exactly by a scan.
//!
//! The walk is greedy on the upper layers and a beam on the base (algorithm 2 of the paper). Ids
//! come from files, so each is checked against the count of rows before it is used: a bad one costs
//! recall, never a panic. The upper walk ends because each step goes to a strictly better node.

use super::{Graph, Rows, list};
use crate::kernel::{Metric, prefetch};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The width of the beam (efSearch) of a recall that does not set it. recall@10 over vectors of 128
/// components, shaped like a two-tower model's:
///
/// | efSearch | 32 | 48 | 64 | 100 | 128 | 200 |
/// |---|---|---|---|---|---|---|
/// | 50,000 items | 0.970 | 0.986 | 0.993 | 0.995 | 0.996 | 0.998 |
/// | 200,000 items | 0.934 | 0.964 | 0.976 | 0.987 | 0.991 | 0.995 |
pub const DEFAULT_EF: usize = 100;

/// A node and how well it matches; larger is better.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scored {
    /// The node.
    pub(crate) node: u32,
    /// Its score, never NaN.
    pub(crate) score: f32,
}

impl Scored {
    /// A score that is not a number becomes the worst there is.
    pub(super) fn new(node: u32, score: f32) -> Self {
        let score = if score.is_nan() {
            f32::NEG_INFINITY
        } else {
            score
        };
        Self { node, score }
    }
}

/// The better of two is the greater; of equal scores, the smaller node is better.
impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scored {}

/// The best that were offered, at most `limit` of them; the worst is on top.
#[derive(Debug, Default)]
struct Best {
    heap: BinaryHeap<Reverse<Scored>>,
    limit: usize,
}

impl Best {
    fn start(&mut self, limit: usize) {
        self.heap.clear();
        self.limit = limit;
    }

    /// Whether there is room for one that is this good.
    fn admits(&self, scored: Scored) -> bool {
        self.heap.len() < self.limit || self.heap.peek().is_some_and(|worst| scored > worst.0)
    }

    /// Whether nothing is gained by walking on from a node this good.
    fn beats(&self, scored: Scored) -> bool {
        self.heap.len() >= self.limit && self.heap.peek().is_some_and(|worst| scored < worst.0)
    }

    /// Takes one that was admitted, in place of the worst if there is no room.
    fn push(&mut self, scored: Scored) {
        if self.heap.len() < self.limit {
            self.heap.push(Reverse(scored));
        } else if let Some(mut worst) = self.heap.peek_mut() {
            *worst = Reverse(scored);
        }
    }

    /// All of them, best first.
    fn drain(&mut self) -> Vec<Scored> {
        let mut found: Vec<Scored> = self.heap.drain().map(|Reverse(scored)| scored).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found
    }
}

/// Memory that searches use again and again, one after another, over any graphs.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// A node was visited by this search if its stamp is the epoch's.
    stamps: Vec<u8>,
    epoch: u8,
    candidates: BinaryHeap<Scored>,
    found: Best,
    batch: Vec<u32>,
}

impl Scratch {
    fn start(&mut self, nodes: usize, ef: usize) {
        if self.stamps.len() < nodes {
            self.stamps.resize(nodes, 0);
        }
        // Stamps wear out every 255 searches; clearing them then costs less than wider ones would.
        self.epoch = self.epoch.checked_add(1).unwrap_or_else(|| {
            self.stamps.fill(0);
            1
        });
        self.candidates.clear();
        self.found.start(ef);
    }
}

/// The `k` best nodes found by a beam of width `ef`, at least `k`: best first, ties by node.
///
/// Nodes for which `keep` is false are walked through and left out. The beam is as wide as `ef`
/// *kept* nodes, so `k` are found if that many can be reached from the entry point; the fewer are
/// kept, the more of the graph is walked.
#[expect(
    clippy::too_many_arguments,
    reason = "what is searched, what for, how hard, and the memory for it: no two make a thing"
)]
pub(crate) fn search<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    rows: Rows<'_>,
    metric: Metric,
    query: &[f32],
    k: usize,
    ef: usize,
    mut keep: impl FnMut(u32) -> bool,
    scratch: &mut Scratch,
) -> Vec<Scored> {
    // Rows are what memory is spent on: a graph from a file may claim more nodes than it has.
    let nodes = rows.count().min(graph.nodes);
    let scorer = metric.scorer();
    let score = |node: u32| {
        let row = rows.row(node)?;
        Some(Scored::new(node, scorer.score(query, row)))
    };
    if k == 0 || nodes == 0 {
        return Vec::new();
    }
    scratch.start(nodes as usize, ef.max(k));
    let Scratch {
        stamps,
        epoch,
        candidates,
        found,
        batch,
    } = scratch;
    let mut unvisited = |node: u32| match stamps.get_mut(node as usize) {
        Some(stamp) if node < nodes && *stamp != *epoch => {
            *stamp = *epoch;
            true
        }
        _ => false,
    };

    batch.clear();
    // The beam begins at the root too, from where every node can be reached: where the walk down
    // ends, links may lead round in a circle, as they do among many copies of one vector.
    let ends = [descend(graph, nodes, score), graph.root().unwrap_or(0)];
    batch.extend(ends.into_iter().filter(|node| unvisited(*node)));
    loop {
        for scored in batch.drain(..).filter_map(&score) {
            if found.admits(scored) {
                candidates.push(scored);
                if keep(scored.node) {
                    found.push(scored);
                }
            }
        }
        let Some(next) = candidates.pop().filter(|next| !found.beats(*next)) else {
            break;
        };
        for near in graph.neighbours(next.node).filter(|node| unvisited(*node)) {
            // Rows lie far apart; all are asked for before the first is read.
            if let Some(row) = rows.row(near) {
                prefetch(row);
            }
            batch.push(near);
        }
    }
    let mut found = found.drain();
    found.truncate(k);
    found
}

/// Walks down the upper layers to the node where the beam begins, one below `nodes`.
fn descend<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    nodes: u32,
    score: impl Fn(u32) -> Option<Scored>,
) -> u32 {
    let mut at = graph.entry;
    for layer in graph.layers.iter().rev() {
        let (members, links) = (layer.nodes.as_ref(), layer.links.as_ref());
        let member = |at: u32| score(*members.get(at as usize)?);
        let mut best = member(at);
        loop {
            let near = list(links, layer.stride, at).map(|link| (member(link), link));
            match near.max().filter(|(scored, _)| *scored > best) {
                Some((scored, link)) => (best, at) = (scored, link),
                None => break,
            }
        }
        let down = layer.down.as_ref();
        at = down.get(at as usize).copied().unwrap_or(0);
    }
    if at < nodes { at } else { 0 }
}

/// The `k` best rows that are kept, by comparing all of them: best first, ties by node.
pub(crate) fn exact(
    rows: Rows<'_>,
    metric: Metric,
    query: &[f32],
    k: usize,
    mut keep: impl FnMut(u32) -> bool,
) -> Vec<Scored> {
    let mut found = Best::default();
    found.start(k);
    let scorer = metric.scorer();
    for node in (0..rows.count()).filter(|node| keep(*node)) {
        let Some(row) = rows.row(node) else { break };
        let scored = Scored::new(node, scorer.score(query, row));
        if found.admits(scored) {
            found.push(scored);
        }
    }
    found.drain()
}

#[cfg(test)]
mod tests {
    use super::super::{Layer, NO_NODE};
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn metric() -> impl Strategy<Value = Metric> {
        prop_oneof![
            Just(Metric::Cosine),
            Just(Metric::InnerProduct),
            Just(Metric::L2)
        ]
    }

    /// Sorts all rows that are kept: what `exact` should find.
    fn brute(
        rows: Rows<'_>,
        metric: Metric,
        query: &[f32],
        k: usize,
        keep: impl Fn(u32) -> bool,
    ) -> Vec<Scored> {
        let kept = (0..rows.count()).filter(|node| keep(*node));
        let mut all: Vec<Scored> = kept
            .map(|node| Scored::new(node, metric.score(query, rows.row(node).unwrap())))
            .collect();
        all.sort_by(|a, b| b.cmp(a));
        all.truncate(k);
        all
    }

    /// A ring with random chords: connected, and with nothing else to recommend it.
    fn ring(count: u32, chords: &[u32]) -> Graph<Vec<u32>> {
        let base: Vec<u32> = (0..count)
            .flat_map(|node| {
                let chord = chords[node as usize] % count;
                [(node + 1) % count, chord]
            })
            .collect();
        let nodes: Vec<u32> = (0..count).step_by(3).collect();
        let layer = Layer {
            links: (0..nodes.len() as u32)
                .map(|at| (at + 1) % nodes.len() as u32)
                .collect(),
            down: nodes.clone(),
            nodes,
            stride: 1,
        };
        Graph::from_parts(count, base, 2, vec![layer], 0).unwrap()
    }

    /// Components from few values, so that scores tie.
    fn component() -> impl Strategy<Value = f32> {
        prop_oneof![(-3i8..=3).prop_map(f32::from), -1.0f32..1.0]
    }

    proptest! {
        #[test]
        fn a_beam_as_wide_as_a_connected_graph_is_exact(
            data in vec(component(), 3..180),
            query in vec(component(), 3),
            chords in vec(any::<u32>(), 60),
            metric in metric(),
            k in 0usize..70,
            every in 1u32..5,
        ) {
            let rows = Rows::new(&data, 3);
            let graph = ring(rows.count(), &chords);
            let keep = |node: u32| node.is_multiple_of(every);
            let scratch = &mut Scratch::default();
            let found = search(&graph, rows, metric, &query, k, 60, keep, scratch);
            let wanted = brute(rows, metric, &query, k, keep);
            prop_assert_eq!(&found, &wanted);
            prop_assert_eq!(exact(rows, metric, &query, k, keep), wanted);
        }

        #[test]
        fn k_are_found_however_narrow_the_beam(
            data in vec(component(), 30..120),
            chords in vec(any::<u32>(), 60),
            metric in metric(),
            ef in 0usize..10,
        ) {
            let rows = Rows::new(&data, 2);
            let graph = ring(rows.count(), &chords);
            let keep = |node: u32| node % 5 == 4;
            let scratch = &mut Scratch::default();
            let found = search(&graph, rows, metric, &[1.0, 0.5], 3, ef, keep, scratch);
            prop_assert_eq!(found.len(), 3);
            prop_assert!(found.iter().all(|scored| keep(scored.node)));
            prop_assert!(found.windows(2).all(|pair| pair[0] > pair[1]));
        }

        #[test]
        fn arrays_that_mean_nothing_are_walked_without_harm(
            ids in vec(prop_oneof![0u32..12, any::<u32>()], 72),
            data in vec(any::<f32>(), 0..40),
            query in vec(any::<f32>(), 0..4),
            metric in metric(),
            dimension in 0usize..4,
            entry in 0u32..4,
        ) {
            let layer = |from: usize| Layer {
                nodes: &ids[from..from + 4],
                down: &ids[from + 4..from + 8],
                links: &ids[from + 8..from + 16],
                stride: 2,
            };
            let layers = vec![layer(40), layer(56)];
            let graph = Graph::from_parts(10, &ids[..40], 4, layers, entry).unwrap();
            let rows = Rows::new(&data, dimension);
            let scratch = &mut Scratch::default();
            for k in [0, 1, 5, usize::MAX] {
                let found = search(&graph, rows, metric, &query, k, 3, |_| true, scratch);
                prop_assert!(found.iter().all(|scored| scored.node < rows.count().min(10)));
                prop_assert!(found.windows(2).all(|pair| pair[0] > pair[1]));
            }
        }
    }

    #[test]
    fn scratch_serves_searches_without_end_over_graphs_of_any_size() {
        let data: Vec<f32> = (0..60).map(|i| i as f32).collect();
        let scratch = &mut Scratch::default();
        for turn in 0..600 {
            // A stamp means the same again after 255 searches.
            let rows = Rows::new(&data[..if turn % 255 == 0 { 60 } else { 7 }], 1);
            let graph = ring(rows.count(), &[0; 60]);
            let found = search(&graph, rows, Metric::L2, &[5.2], 60, 60, |_| true, scratch);
            let wanted = brute(rows, Metric::L2, &[5.2], 60, |_| true);
            assert_eq!(found, wanted, "turn {turn}");
        }
    }

    #[test]
    fn scores_that_are_not_numbers_come_last() {
        let data = [f32::NAN, 1.0, f32::NAN, 2.0];
        let rows = Rows::new(&data, 1);
        let nodes = |found: Vec<Scored>| found.iter().map(|s| s.node).collect::<Vec<_>>();
        let found = exact(rows, Metric::InnerProduct, &[1.0], 4, |_| true);
        assert_eq!(nodes(found), [3, 1, 0, 2]);
    }

    #[test]
    fn nodes_are_found_though_the_walk_down_ends_where_no_link_leads_away() {
        let layer = Layer {
            nodes: vec![0, 2],
            down: vec![0, 2],
            links: vec![1, NO_NODE],
            stride: 1,
        };
        let base = vec![1, 2, NO_NODE];
        let graph = Graph::from_parts(3, base, 1, vec![layer], 0).unwrap();
        assert!(graph.check().is_empty());
        let rows = Rows::new(&[0.0, 1.0, 2.0], 1);
        let scratch = &mut Scratch::default();
        let found = search(&graph, rows, Metric::L2, &[2.0], 3, 1, |_| true, scratch);
        let nodes: Vec<u32> = found.iter().map(|scored| scored.node).collect();
        assert_eq!(nodes, [2, 1, 0]);
    }

    #[test]
    fn an_empty_graph_has_nothing_to_find() {
        let graph = Graph::from_parts(0, Vec::<u32>::new(), 2, Vec::new(), 0).unwrap();
        let rows = Rows::new(&[], 2);
        let scratch = &mut Scratch::default();
        let found = search(
            &graph,
            rows,
            Metric::L2,
            &[0.0; 2],
            5,
            10,
            |_| true,
            scratch,
        );
        assert!(found.is_empty());
    }
}
