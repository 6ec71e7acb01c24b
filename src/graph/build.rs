//! Building a graph.
//!
//! Our own builder inserts nodes in batches: each node of a batch searches the graph as it was before
//! the batch, all in parallel, and chooses diverse neighbours; then the links back are added, target
//! by target, in parallel too (prefix doubling, as in ParlayANN: Dobson Manohar et al., PPoPP 2024).
//! No thread sees what another one does, so that the same rows and seed make the same graph however
//! many threads there are.
//!
//! Rows are put in a random order first; each upper layer is a prefix of it, a sixteenth of the layer
//! below, built before it by the same steps.

use super::repair::repair;
use super::{
    BeamParams, Graph, GraphError, Layer, NO_NODE, NodeVectors, OwnedCodes, Rows, ScoredNode,
    Scratch, reference, search,
};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use twinspire_core::kernel::Metric;

/// Slots of a list on the base layer. With 32, on 50,000 vectors of 128 components, recall@10 of 0.95
/// takes a third more time; with 96 it takes no less than with 64.
const BASE_STRIDE: usize = 64;
/// Neighbours a new node chooses on the base layer, at most.
const BASE_CHOICE: usize = 40;
/// Slots of a list on an upper layer, and neighbours a new node chooses there.
const UPPER_STRIDE: usize = 16;
/// A layer has this many nodes for each one on the layer above.
const FANOUT: usize = 16;
/// The fewest nodes that are worth a layer.
const SMALLEST_LAYER: usize = 8;
/// Width of the beam that looks for a new node's neighbours (efConstruction).
const EF_CONSTRUCTION: usize = 200;
/// A batch is this share of what is in the graph already.
const BATCH_SHARE: usize = 24;
/// The largest batch: beyond it, two near nodes would too often miss each other.
const LARGEST_BATCH: usize = 8_192;
/// A neighbour is left out when another one is nearer to it, by this factor, than the node is. Some
/// more than 1 keeps a few links for long ways.
const DIVERSITY: f32 = 1.2;

/// Who builds a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GraphBuilder {
    /// Twinspire's own builder: parallel, and the same graph for the same rows.
    #[default]
    Batches,
    /// The crate `instant-distance`, for comparison.
    InstantDistance,
}

/// Builds a graph over `rows`, every node of which a search can reach, and tells the order of its
/// nodes: `order[node]` is the row it stands for. The caller brings its rows into that order.
///
/// `progress` is told how many rows of all are in the graph; `cancelled` makes it an error.
pub(crate) fn build(
    rows: Rows<'_>,
    metric: Metric,
    builder: GraphBuilder,
    seed: u64,
    progress: &(dyn Fn(u64, u64) + Sync),
    cancelled: &AtomicBool,
) -> Result<(Graph<Vec<u32>>, Vec<u32>), GraphError> {
    let count = rows.count();
    if count == u32::MAX {
        return Err(GraphError::TooManyRows);
    }
    progress(0, u64::from(count));
    let mut graph = match builder {
        GraphBuilder::Batches => own(rows, metric, seed, progress, cancelled)?,
        GraphBuilder::InstantDistance => reference::build(rows, metric, seed, progress, cancelled)?,
    };
    if cancelled.load(Ordering::Relaxed) {
        return Err(GraphError::Cancelled);
    }
    repair(&mut graph, rows);
    let order = graph.local_order();
    let graph = graph.renumbered(&order);
    progress(u64::from(count), u64::from(count));
    Ok((graph, order))
}

fn own(
    rows: Rows<'_>,
    metric: Metric,
    seed: u64,
    progress: &(dyn Fn(u64, u64) + Sync),
    cancelled: &AtomicBool,
) -> Result<Graph<Vec<u32>>, GraphError> {
    let order = shuffled(rows.count(), seed);
    let (data, dimension) = arranged(rows, metric, &order);
    let rows = Rows::new(&data, dimension);
    let codes = OwnedCodes::of(rows);
    let points = NodeVectors {
        metric: Metric::L2,
        rows: rows.into(),
        codes: codes.as_ref().map(OwnedCodes::view),
    };
    let mut sizes = vec![order.len()];
    while let Some(size) = sizes.last().map(|size| size / FANOUT)
        && size >= SMALLEST_LAYER
    {
        sizes.push(size);
    }
    let mut above: Vec<Links> = Vec::new();
    while let Some(size) = sizes.pop() {
        let base = sizes.is_empty();
        let stride = if base { BASE_STRIDE } else { UPPER_STRIDE };
        let mut links = Links::new(size, stride);
        let mut inserted = size.min(1);
        while inserted < size {
            if cancelled.load(Ordering::Relaxed) {
                return Err(GraphError::Cancelled);
            }
            let batch = (inserted / BATCH_SHARE).clamp(1, LARGEST_BATCH);
            let until = size.min(inserted + batch);
            links.insert(rows, &points, &above, inserted..until);
            inserted = until;
            if base {
                progress(inserted as u64, order.len() as u64);
            }
        }
        above.push(links);
    }
    let Some(base) = above.pop() else {
        return Graph::from_parts(0, Vec::new(), BASE_STRIDE, Vec::new(), 0);
    };
    let layer = |links: Links| {
        let nodes: Vec<u32> = (0..links.count() as u32).collect();
        Layer {
            down: nodes.clone(),
            nodes,
            links: links.slots,
            stride: UPPER_STRIDE,
        }
    };
    let layers = above.into_iter().rev().map(layer).collect();
    let graph = Graph::from_parts(order.len() as u32, base.slots, BASE_STRIDE, layers, 0)?;
    // Back to the order in which the rows came.
    let mut place = vec![0; order.len()];
    for (new, row) in (0u32..).zip(&order) {
        if let Some(place) = place.get_mut(*row as usize) {
            *place = new;
        }
    }
    Ok(graph.renumbered(&place))
}

/// The numbers below `count` in an order that a seed decides (Fisher and Yates, by SplitMix64).
fn shuffled(count: u32, seed: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count).collect();
    let mut state = seed;
    for at in (1..order.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        order.swap(at, (mixed % (at as u64 + 1)) as usize);
    }
    order
}

/// The rows in another order, as points whose Euclidean distance orders them as `metric` does.
///
/// Inner products are no distance: a vector need not be its own nearest. Under them every row gets one
/// component more, so that all have the same length (Bachrach et al., 2014).
fn arranged(rows: Rows<'_>, metric: Metric, order: &[u32]) -> (Vec<f32>, usize) {
    let lifted = metric == Metric::InnerProduct;
    let dimension = rows.dimension() + usize::from(lifted);
    let length = |row: &[f32]| -> f64 { row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum() };
    let each = || order.iter().filter_map(|row| rows.row(*row));
    let longest = match lifted {
        true => each().map(length).fold(0.0, f64::max),
        false => 0.0,
    };
    let mut data = Vec::with_capacity(order.len() * dimension);
    for row in each() {
        data.extend_from_slice(row);
        if lifted {
            data.push((longest - length(row)).max(0.0).sqrt() as f32);
        }
    }
    (data, dimension)
}

thread_local! {
    /// The memory of searches on this thread.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The lists of links of a layer under construction.
struct Links {
    slots: Vec<u32>,
    stride: usize,
}

impl Links {
    fn new(count: usize, stride: usize) -> Self {
        Self {
            slots: vec![NO_NODE; count * stride],
            stride,
        }
    }

    fn count(&self) -> usize {
        self.slots.len() / self.stride
    }

    /// The first `count` nodes as a graph that is entered at `entry`.
    fn graph(&self, count: usize, entry: u32) -> Option<Graph<&[u32]>> {
        let slots = self.slots.get(..count * self.stride)?;
        Graph::from_parts(count as u32, slots, self.stride, Vec::new(), entry).ok()
    }

    /// Neighbours a new node chooses.
    fn choice(&self) -> usize {
        if self.stride == BASE_STRIDE {
            BASE_CHOICE
        } else {
            self.stride
        }
    }

    /// Links new nodes with those before them. `points` are what is searched of the rows; the layers above are complete, lowest last.
    fn insert(
        &mut self,
        rows: Rows<'_>,
        points: &NodeVectors<'_>,
        above: &[Self],
        new: Range<usize>,
    ) {
        let from = new.start;
        let chosen: Vec<Vec<u32>> = (from as u32..new.end as u32)
            .into_par_iter()
            .map(|node| {
                SCRATCH.with_borrow_mut(|scratch| {
                    let query = rows.row(node).unwrap_or_default();
                    let near = self.near(points, above, from, query, scratch);
                    diverse(rows, near, self.choice())
                })
            })
            .collect();
        let mut back: Vec<(u32, u32)> = Vec::new();
        for (node, near) in (from as u32..).zip(&chosen) {
            let slots = self.slots.iter_mut().skip(node as usize * self.stride);
            slots.zip(near).for_each(|(slot, near)| *slot = *near);
            back.extend(near.iter().map(|near| (*near, node)));
        }
        back.par_sort_unstable();
        let groups: Vec<&[(u32, u32)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
        let lists: Vec<Option<(u32, Vec<u32>)>> = groups
            .into_par_iter()
            .map(|group| Some((group.first()?.0, self.with(rows, group))))
            .collect();
        for (node, list) in lists.into_iter().flatten() {
            let from = node as usize * self.stride;
            if let Some(slots) = self.slots.get_mut(from..from + self.stride) {
                let list = list.into_iter().chain(std::iter::repeat(NO_NODE));
                slots
                    .iter_mut()
                    .zip(list)
                    .for_each(|(slot, link)| *slot = link);
            }
        }
    }

    /// The nearest of the first `count` nodes to a query, best first.
    fn near<'s>(
        &self,
        points: &NodeVectors<'_>,
        above: &[Self],
        count: usize,
        query: &[f32],
        scratch: &'s mut Scratch,
    ) -> &'s [ScoredNode] {
        let mut entry = 0;
        for links in above {
            if let Some(graph) = links.graph(links.count(), entry) {
                let best = search(&graph, points, &BeamParams::new(query, 1, 1), scratch);
                entry = best.first().map_or(0, |best| best.node);
            }
        }
        // What is above may not be in this layer yet.
        let entry = if (entry as usize) < count { entry } else { 0 };
        let params = BeamParams::new(query, EF_CONSTRUCTION, EF_CONSTRUCTION);
        match self.graph(count, entry) {
            Some(graph) => search(&graph, points, &params, scratch),
            None => &[],
        }
    }

    /// The list of a node with new links, all to the same node, in it.
    fn with(&self, rows: Rows<'_>, new: &[(u32, u32)]) -> Vec<u32> {
        let Some((node, _)) = new.first() else {
            return Vec::new();
        };
        let old = super::list(&self.slots, self.stride, *node);
        let mut all: Vec<u32> = old.chain(new.iter().map(|(_, link)| *link)).collect();
        if all.len() <= self.stride {
            return all;
        }
        let scorer = Metric::L2.scorer();
        let row = rows.row(*node).unwrap_or_default();
        let scored = all.drain(..).filter_map(|near| {
            let score = scorer.score(row, rows.row(near)?);
            Some(ScoredNode::new(near, score))
        });
        let mut scored: Vec<ScoredNode> = scored.collect();
        scored.sort_unstable_by(|a, b| b.cmp(a));
        // Some room is left, so that not every further link is a choice again.
        diverse(rows, &scored, self.stride - self.stride / 8)
    }
}

/// Up to `most` of the candidates, best first: each one that no better one is much nearer to than the
/// node they are candidates for (algorithm 4 of the HNSW paper).
fn diverse(rows: Rows<'_>, candidates: &[ScoredNode], most: usize) -> Vec<u32> {
    let scorer = Metric::L2.scorer();
    let mut kept: Vec<u32> = Vec::with_capacity(most);
    for candidate in candidates {
        if kept.len() >= most {
            break;
        }
        let Some(row) = rows.row(candidate.node) else {
            continue;
        };
        // Scores are negative distances.
        let covers = |other: &u32| {
            let other = rows.row(*other).unwrap_or_default();
            scorer.score(row, other) * DIVERSITY > candidate.score
        };
        if !kept.iter().any(covers) {
            kept.push(candidate.node);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::{DEFAULT_EF, WalkLimits, search_exact, search_filtered};
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;
    use std::collections::HashSet;
    use std::sync::Mutex;

    const METRICS: [Metric; 3] = [Metric::Cosine, Metric::InnerProduct, Metric::L2];

    fn each() -> impl Iterator<Item = (Metric, GraphBuilder)> {
        let builders = [GraphBuilder::Batches, GraphBuilder::InstantDistance];
        METRICS
            .into_iter()
            .flat_map(move |metric| builders.map(|builder| (metric, builder)))
    }

    /// NodeVectors around `centres` centres, of unlike lengths, but of length 1 under cosine.
    fn clustered(count: usize, dimension: usize, centres: usize, metric: Metric) -> Vec<f32> {
        let mut random = Pcg64::seed_from_u64(7);
        let mut row = |from: &[f32], spread: f32| -> Vec<f32> {
            let mut row: Vec<f32> = from.to_vec();
            row.iter_mut()
                .for_each(|x| *x += spread * (random.random::<f32>() - 0.5));
            row
        };
        let middles: Vec<_> = (0..centres)
            .map(|_| row(&vec![0.0; dimension], 2.0))
            .collect();
        let rows = (0..count).map(|at| row(&middles[at * at % centres], 0.8));
        let mut rows: Vec<_> = rows.collect();
        for row in &mut rows {
            twinspire_core::kernel::prepare(metric, row).unwrap();
        }
        rows.concat()
    }

    /// Builds, looks for faults, and brings the rows into the order of the nodes.
    fn built(
        data: &[f32],
        dimension: usize,
        metric: Metric,
        builder: GraphBuilder,
    ) -> (Graph<Vec<u32>>, Vec<f32>) {
        let rows = Rows::new(data, dimension);
        let never = AtomicBool::new(false);
        let (graph, order) = build(rows, metric, builder, 1, &|_, _| (), &never).unwrap();
        assert_eq!(graph.check(), Vec::<String>::new(), "{metric:?}");
        assert_eq!(order.len() as u32, rows.count());
        assert_eq!(order.iter().collect::<HashSet<_>>().len(), order.len());
        let arranged = order
            .iter()
            .flat_map(|row| rows.row(*row).unwrap().to_vec());
        (graph, arranged.collect())
    }

    /// The share of the best `k` that searches with codes find, at the default width.
    fn recall(
        count: usize,
        dimension: usize,
        k: usize,
        metric: Metric,
        builder: GraphBuilder,
    ) -> f64 {
        let data = clustered(count + 500, dimension, 40, metric);
        let (data, queries) = data.split_at(count * dimension);
        let (graph, data) = built(data, dimension, metric, builder);
        let (rows, scratch) = (Rows::new(&data, dimension), &mut Scratch::default());
        let codes = OwnedCodes::of(rows).unwrap();
        let points = NodeVectors {
            metric,
            rows: rows.into(),
            codes: Some(codes.view()),
        };
        let mut hits = 0;
        for query in queries.chunks_exact(dimension) {
            let found = search(
                &graph,
                &points,
                &BeamParams::new(query, k, DEFAULT_EF),
                scratch,
            );
            let wanted = search_exact(&points, query, k, |_| true).remove(0);
            hits += wanted.iter().filter(|hit| found.contains(hit)).count();
        }
        hits as f64 / (500 * k) as f64
    }

    #[test]
    fn recall_at_10_is_at_least_98_in_a_hundred() {
        for (metric, builder) in each() {
            let recall = recall(2_000, 32, 10, metric, builder);
            assert!(recall >= 0.98, "{metric:?}, {builder:?}: {recall}");
        }
    }

    #[test]
    fn that_the_best_is_near_does_not_mean_that_it_was_found() {
        for metric in METRICS {
            let recall = recall(4_000, 12, 1, metric, GraphBuilder::Batches);
            assert!(recall >= 0.98, "{metric:?}: {recall}");
        }
    }

    #[test]
    fn every_count_of_rows_makes_a_sound_graph() {
        for (metric, builder) in each() {
            for count in [0, 1, 2, 3, 65, 110, 111, 112, 400] {
                let data = clustered(count, 3, 5, metric);
                let (graph, data) = built(&data, 3, metric, builder);
                let (rows, scratch) = (Rows::new(&data, 3), &mut Scratch::default());
                let points = NodeVectors::plain(metric, rows);
                let found = search(
                    &graph,
                    &points,
                    &BeamParams::new(&[0.1; 3], count, 1),
                    scratch,
                );
                assert_eq!(found.len(), count, "{metric:?}");
            }
        }
    }

    #[test]
    fn copies_of_one_vector_cut_nothing_off() {
        let mut data = [0.6, 0.8].repeat(300);
        data.extend(clustered(100, 2, 5, Metric::Cosine));
        for (metric, builder) in each() {
            let (graph, data) = built(&data, 2, metric, builder);
            let (rows, scratch) = (Rows::new(&data, 2), &mut Scratch::default());
            let mut other = |node: u32| rows.row(node) != Some(&[0.6, 0.8]);
            let (points, params) = (
                NodeVectors::plain(metric, rows),
                BeamParams::new(&[0.6, 0.8], 100, 1),
            );
            let found = search_filtered(
                &graph,
                &points,
                &params,
                WalkLimits::for_beam(1),
                &mut other,
                scratch,
            );
            assert_eq!(found.unwrap().len(), 100, "{metric:?}");
        }
    }

    #[test]
    fn lengths_and_values_of_any_size_are_built() {
        for value in [0.0, 1e-30, 1e30, f32::MAX] {
            let data: Vec<f32> = (0..300).map(|at| value * (at % 7) as f32 / 7.0).collect();
            for (metric, builder) in each() {
                built(&data, 2, metric, builder);
            }
        }
    }

    #[test]
    fn progress_goes_up_to_the_count_of_rows() {
        let data = clustered(3_000, 2, 5, Metric::L2);
        for builder in [GraphBuilder::Batches, GraphBuilder::InstantDistance] {
            let told = Mutex::new(Vec::new());
            let tell = |done, of| told.lock().unwrap().push((done, of));
            let (rows, never) = (Rows::new(&data, 2), AtomicBool::new(false));
            build(rows, Metric::L2, builder, 1, &tell, &never).unwrap();
            let mut told = told.into_inner().unwrap();
            assert_eq!(told.first(), Some(&(0, 3_000)));
            assert_eq!(told.last(), Some(&(3_000, 3_000)));
            told.sort_unstable();
            assert!(told.len() >= 4, "{told:?}");
        }
    }

    #[test]
    fn a_cancelled_build_ends_at_once_with_an_error() {
        let data = clustered(20_000, 8, 5, Metric::L2);
        for builder in [GraphBuilder::Batches, GraphBuilder::InstantDistance] {
            let cancelled = AtomicBool::new(false);
            let cancel = |done, _| cancelled.store(done > 0, Ordering::Relaxed);
            let rows = Rows::new(&data, 8);
            let built = build(rows, Metric::L2, builder, 1, &cancel, &cancelled);
            assert!(matches!(built, Err(GraphError::Cancelled)));
        }
    }

    #[test]
    fn the_same_rows_make_the_same_graph_however_many_threads_there_are() {
        let data = clustered(5_000, 8, 30, Metric::Cosine);
        let built = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let build = || built(&data, 8, Metric::Cosine, GraphBuilder::Batches);
            pool.build().unwrap().install(build)
        };
        let (one, rows) = built(1);
        for threads in [2, 5] {
            let (other, other_rows) = built(threads);
            assert_eq!(one.base(), other.base());
            assert_eq!(rows, other_rows);
            let lists = |graph: &Graph<Vec<u32>>| {
                let layers = graph.layers().iter();
                layers
                    .map(|layer| (layer.nodes.clone(), layer.links.clone()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(lists(&one), lists(&other));
        }
    }
}
