//! What a build compares nodes by.
//!
//! Under cosine and L2 a node links to near nodes, by Euclidean distance. A walk for the largest inner
//! products needs more where lengths differ: a vector need not be its own best match, and long vectors
//! answer most queries. There, most links lead to nodes of large inner product (ip-NSW: Morozov and
//! Babenko, NeurIPS 2018), the rest to nodes near in direction (ip-NSW+: Liu et al., AAAI 2020). Product
//! links alone lead away from short vectors for good; links by direction lead back, also for queries whose
//! best inner product is negative.
//!
//! Lifting vectors to one length (Bachrach et al., 2014) is worse: queries lie far from all lifted vectors.
//!
//! recall@10 at efSearch 100, 20,000 vectors of 64 components in random directions; hnswlib with 64 slots a
//! node beside it (`benches/recall_table.py`):
//!
//! | lengths | here | hnswlib |
//! |---|---|---|
//! | log-normal, σ 0.3 | 0.99 | 0.99 |
//! | log-normal, σ 1 | 1.00 | 1.00 |
//! | log-normal, σ 2.5 | 1.00 | 1.00 |
//! | one 1,000 times the others | 0.97 | 0.89 |

use super::codes::OwnedCodes;
use super::node_vectors::NodeVectors;
use super::rows::Rows;
use super::scored_node::ScoredNode;
use twinspire_core::kernel::{Metric, prepare};

/// A candidate is left out if a chosen neighbour is nearer to it, by this factor, than the new node is.
/// A factor above 1 keeps some long links.
const DIVERSITY: f32 = 1.2;
/// Maximum share of a node's links that are product links, where there are any.
const PRODUCT_SHARE: f32 = 0.75;
/// One slot in this many is kept for far candidates, where there are any.
const FAR_SLOTS: usize = 4;
/// Candidates are far if their squared distance is this many times that of the last near one. Without
/// near copies, the candidates of a node differ less.
const FAR: f32 = 16.0;
/// Vectors are of one length if the shortest has at least this share of the longest: the order by inner
/// product is that by distance then.
const SAME_LENGTH: f64 = 0.99;

/// The views by which nodes choose their links, each with its share of them: the last may fill the list.
pub(super) struct Geometry {
    views: Vec<View>,
}

/// Rows in insertion order, compared by one metric.
pub(super) struct View {
    data: Vec<f32>,
    dimension: usize,
    codes: Option<OwnedCodes>,
    metric: Metric,
    share: f32,
}

impl Geometry {
    /// How to compare `rows`, inserted in this order, for searches by `metric`.
    pub(super) fn new(rows: Rows<'_>, metric: Metric, order: &[u32]) -> Self {
        let ordered = order.iter().filter_map(|row| rows.row(*row));
        let data: Vec<f32> = ordered.flatten().copied().collect();
        let dimension = rows.dimension();
        let views = match metric == Metric::InnerProduct && !have_one_length(rows) {
            true => {
                let directions = directions(&data, dimension);
                vec![
                    View::new(data, dimension, metric, PRODUCT_SHARE),
                    View::new(directions, dimension, Metric::L2, 1.0),
                ]
            }
            false => vec![View::new(data, dimension, Metric::L2, 1.0)],
        };
        Self { views }
    }

    /// Up to `most` links of a node: each view selects from its candidates, best first.
    pub(super) fn select<C: AsRef<[ScoredNode]>>(
        &self,
        most: usize,
        mut candidates: impl FnMut(&View) -> C,
    ) -> Vec<u32> {
        let mut chosen: Vec<u32> = Vec::with_capacity(most);
        let mut last = Vec::new();
        for view in &self.views {
            let most = (most as f32 * view.share) as usize;
            last = view.select(candidates(view).as_ref(), most);
            for node in &last {
                if chosen.len() < most && !chosen.contains(node) {
                    chosen.push(*node);
                }
            }
        }
        // The last view is by distance: near nodes come first in a link list.
        last.retain(|node| chosen.contains(node));
        chosen.retain(|node| !last.contains(node));
        last.append(&mut chosen);
        last
    }
}

/// The rows at length 1; rows of zeros stay as they are.
fn directions(data: &[f32], dimension: usize) -> Vec<f32> {
    let mut directions = data.to_vec();
    for row in directions.chunks_exact_mut(dimension) {
        // Of zeros alone there is no direction.
        let _ = prepare(Metric::Cosine, row);
    }
    directions
}

/// Whether all rows are of nearly one length.
fn have_one_length(rows: Rows<'_>) -> bool {
    let each = (0..rows.count()).filter_map(|row| rows.row(row));
    let lengths = each.map(|row| {
        let squared: f64 = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        squared.sqrt()
    });
    let (shortest, longest) = lengths.fold((f64::INFINITY, 0.0), |(least, most), length| {
        (length.min(least), length.max(most))
    });
    shortest >= SAME_LENGTH * longest
}

impl View {
    fn new(data: Vec<f32>, dimension: usize, metric: Metric, share: f32) -> Self {
        let codes = OwnedCodes::quantise(Rows::new(&data, dimension), metric);
        Self {
            data,
            dimension,
            codes,
            metric,
            share,
        }
    }

    /// The vector of a node.
    pub(super) fn row(&self, node: u32) -> &[f32] {
        let rows = Rows::new(&self.data, self.dimension);
        rows.row(node).unwrap_or_default()
    }

    /// What a search of nodes near each other reads.
    pub(super) fn vectors(&self) -> NodeVectors<'_> {
        NodeVectors {
            metric: self.metric,
            rows: Rows::new(&self.data, self.dimension).into(),
            codes: self.codes.as_ref().map(OwnedCodes::view),
            paged: None,
        }
    }

    /// Nodes scored by their match with a node, best first.
    pub(super) fn scored(&self, node: u32, others: &[u32]) -> Vec<ScoredNode> {
        let (scorer, row) = (self.metric.scorer(), self.row(node));
        let score = |other: &u32| ScoredNode::new(*other, scorer.score(row, self.row(*other)));
        let mut scored: Vec<ScoredNode> = others.iter().map(score).collect();
        scored.sort_unstable_by(|a, b| b.cmp(a));
        scored
    }

    /// Up to `most` of the candidates, best first. A candidate is left out if it matches a chosen one much
    /// better than the node that they are candidates for (algorithm 4 of the HNSW paper).
    fn select(&self, candidates: &[ScoredNode], most: usize) -> Vec<u32> {
        let scorer = self.metric.scorer();
        // Scores by distance are negative: the factor makes a chosen node farther from the candidate.
        let factor = match self.metric {
            Metric::InnerProduct => 1.0,
            Metric::Cosine | Metric::L2 => DIVERSITY,
        };
        let mut chosen: Vec<u32> = Vec::with_capacity(most);
        let mut choose = |candidates: &[ScoredNode], most: usize| {
            for (at, candidate) in candidates.iter().enumerate() {
                if chosen.len() >= most {
                    return at;
                }
                let row = self.row(candidate.node);
                let covers =
                    |other: &u32| scorer.score(row, self.row(*other)) * factor > candidate.score;
                if !chosen.iter().any(covers) {
                    chosen.push(candidate.node);
                }
            }
            candidates.len()
        };
        // Near copies are all as far from each other as from their common neighbour, so none covers
        // another. Slots are kept for links that lead away from them.
        let near = choose(candidates, most - most / FAR_SLOTS);
        let rest = candidates.get(near..).unwrap_or_default();
        let last = candidates.get(near.saturating_sub(1));
        let border = last.map_or(f32::NEG_INFINITY, |last| last.score * FAR);
        let far = rest.partition_point(|candidate| candidate.score >= border);
        if self.metric == Metric::InnerProduct {
            choose(rest, most);
            // Few long vectors cover all others, and most slots would stay empty.
            let left_out = candidates.iter().map(|candidate| candidate.node);
            let left_out: Vec<u32> = left_out.filter(|node| !chosen.contains(node)).collect();
            chosen.extend(left_out.into_iter().take(most - chosen.len()));
        } else {
            choose(rest.get(far..).unwrap_or_default(), most);
            choose(rest.get(..far).unwrap_or_default(), most);
        }
        chosen
    }
}
