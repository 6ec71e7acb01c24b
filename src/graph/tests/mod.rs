mod build;
mod kinds;
mod search;
mod structure;

use super::*;
use proptest::prelude::*;
use twinspire_core::kernel::Metric;

pub(super) fn metric() -> impl Strategy<Value = Metric> {
    prop_oneof![
        Just(Metric::Cosine),
        Just(Metric::InnerProduct),
        Just(Metric::L2)
    ]
}

/// The best accepted rows by sorting all of them: what `search_exact` should find.
fn brute_force(
    rows: Rows<'_>,
    metric: Metric,
    query: &[f32],
    k: usize,
    accept: impl Fn(u32) -> bool,
) -> Vec<ScoredNode> {
    let accepted = (0..rows.count()).filter(|node| accept(*node));
    let mut all: Vec<ScoredNode> = accepted
        .map(|node| ScoredNode::new(node, metric.score(query, rows.row(node).unwrap())))
        .collect();
    all.sort_by(|a, b| b.cmp(a));
    all.truncate(k);
    all
}

/// The first `k` results of a filtered search without a score budget.
pub(super) fn search_accepted(
    graph: &Graph<Vec<u32>>,
    vectors: &NodeVectors<'_>,
    (query, k, ef): (&[f32], usize, usize),
    accept: impl Fn(u32) -> bool,
) -> Vec<ScoredNode> {
    let (params, scratch) = (BeamParams::new(query, k, ef), &mut Scratch::default());
    let found = search_filtered(
        graph,
        vectors,
        &params,
        WalkLimits::for_beam(ef),
        &mut |node: u32| accept(node),
        scratch,
    );
    found.unwrap().iter().take(k).copied().collect()
}

/// A ring with random chords: connected, and otherwise a poor graph.
pub(super) fn ring(count: u32, chords: &[u32]) -> Graph<Vec<u32>> {
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
