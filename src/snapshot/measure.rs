//! Measurement of recall: the share of the exact answer that graph searches find, by beam width.

use super::parts::Part;
use crate::error::Error;
use crate::graph::{
    BeamParams, NodeVectors, Scratch, WalkLimits, search, search_exact, search_filtered,
};
use crate::manifest::{Calibration, CalibrationPoint, EFS, KS};
use crate::store::SpaceSegment;
use rayon::prelude::*;
use twinspire_core::kernel::{Metric, Row, prepare};

/// Queries that share one exact scan, so that each row is read once for all of them.
const BATCH: usize = 16;
/// Number of simulated queries.
const SIMULATED: usize = 200;
/// The weight of the second item in a simulated query; the first has 1.
const SECOND_WEIGHT: f32 = 0.5;

/// Searches the graphs for each of the concatenated query vectors, once with every beam width, and
/// compares the results with exact answers. `real` marks queries that users sent, as opposed to
/// simulated ones.
///
/// `progress` gets the number of queries done since its last call; an error from it ends the
/// measurement.
pub(crate) fn measure(
    parts: &[Part],
    queries: &[f32],
    real: bool,
    progress: &(dyn Fn(u64) -> Result<(), Error> + Sync),
) -> Result<Calibration, Error> {
    let Some(dimension) = parts.first().map(|part| part.segment.dimension()) else {
        return Ok(Calibration::default());
    };
    let shown: usize = parts.iter().map(Part::shown).sum();
    let enough = EFS.iter().position(|ef| *ef as usize >= shown);
    let efs = EFS
        .get(..=enough.unwrap_or(EFS.len() - 1))
        .unwrap_or_default();
    let sums = queries.par_chunks(dimension * BATCH).map(|queries| {
        let exact = exact_scores(parts, queries, dimension);
        let scratch = &mut Scratch::default();
        let mut sums = Sums::new(efs.len());
        for (query, exact) in queries.chunks_exact(dimension).zip(&exact) {
            sums.best += f64::from(exact.first().copied().unwrap_or_default());
            sums.last += f64::from(exact.last().copied().unwrap_or_default());
            for (found, ef) in sums.found.iter_mut().zip(efs) {
                for (found, k) in found.iter_mut().zip(KS) {
                    *found += recall_at(k, parts, (query, exact), *ef as usize, scratch)?;
                }
            }
        }
        progress((queries.len() / dimension) as u64)?;
        Ok(sums)
    });
    let sums = sums.try_reduce(|| Sums::new(efs.len()), |a, b| Ok::<_, Error>(a.plus(&b)))?;
    let count = queries.len() / dimension;
    let mean = |sum: f64| (sum / count.max(1) as f64) as f32;
    let points = efs.iter().zip(sums.found);
    let points = points.map(|(ef, [ten, hundred])| CalibrationPoint {
        ef: *ef,
        recall_at_10: mean(ten),
        recall_at_100: mean(hundred),
    });
    Ok(Calibration {
        queries: count as u32,
        real,
        best_score: mean(sums.best),
        hundredth_score: mean(sums.last),
        points: points.collect(),
    })
}

/// Sums over queries.
struct Sums {
    /// The best exact scores.
    best: f64,
    /// The last exact scores that are compared.
    last: f64,
    /// The recall at each of the [`KS`], for each beam width.
    found: Vec<[f64; KS.len()]>,
}

impl Sums {
    fn new(widths: usize) -> Self {
        Self {
            best: 0.0,
            last: 0.0,
            found: vec![[0.0; KS.len()]; widths],
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        self.best += other.best;
        self.last += other.last;
        let each = self.found.iter_mut().flatten();
        each.zip(other.found.iter().flatten())
            .for_each(|(sum, found)| *sum += found);
        self
    }
}

/// The best scores of each query by exact search, best first: as many as the largest of the [`KS`].
fn exact_scores(parts: &[Part], queries: &[f32], dimension: usize) -> Vec<Vec<f32>> {
    let most = KS.into_iter().max().unwrap_or_default();
    let mut all = vec![Vec::new(); queries.len() / dimension];
    for part in parts {
        let found = search_exact(&part.segment.node_vectors(), queries, most, |node| {
            part.shows(node)
        });
        for (all, found) in all.iter_mut().zip(found) {
            all.extend(found.iter().map(|scored| scored.score));
        }
    }
    for scores in &mut all {
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        scores.truncate(most);
    }
    all
}

/// Recall@`k` of one query at beam width `ef`, over all segments. `exact` holds the scores of an exact
/// search, best first. Compares scores, not items: any item with the score of the k-th best counts.
fn recall_at(
    k: usize,
    parts: &[Part],
    (query, exact): (&[f32], &[f32]),
    ef: usize,
    scratch: &mut Scratch,
) -> Result<f64, Error> {
    let k = k.min(exact.len());
    let Some(worst) = k.checked_sub(1).and_then(|last| exact.get(last)) else {
        return Ok(1.0);
    };
    let mut hits = 0;
    for part in parts {
        let (graph, vectors) = (part.segment.graph()?, part.segment.node_vectors());
        let params = BeamParams::new(query, k, ef);
        let found = if part.shown() == part.segment.items().len() {
            search(&graph, &vectors, &params, scratch)
        } else {
            let (limits, mut shows) = (WalkLimits::for_beam(ef), |node: u32| part.shows(node));
            let found = search_filtered(&graph, &vectors, &params, limits, &mut shows, scratch);
            found.unwrap_or_default()
        };
        hits += found.iter().filter(|scored| scored.score >= *worst).count();
    }
    Ok(hits.min(k) as f64 / k as f64)
}

/// Simulated query vectors, concatenated, for a space without recorded queries. Each mixes two points,
/// and each point lies halfway from an item to its farthest neighbour. A query equal to an item's vector
/// would be easier than a user's query.
pub(crate) fn simulate_queries(segment: &SpaceSegment) -> Result<Vec<f32>, Error> {
    let (graph, NodeVectors { metric, rows, .. }) = (segment.graph()?, segment.node_vectors());
    let nodes = rows.count() as usize;
    let count = SIMULATED.min(nodes);
    let mut queries = Vec::with_capacity(count * rows.dimension());
    for at in 0..count {
        let first = at * nodes / count;
        // Multiples of a large prime spread over all nodes.
        let second = (first + 1 + at * 7_919) % nodes;
        let row = |node: usize| rows.row(node as u32).map(Row::to_vec).unwrap_or_default();
        let near = |node: usize| {
            // Neighbours are sorted by distance: the last is the farthest.
            let last = graph.neighbours(node as u32).last();
            let other = row(last.map_or(node, |last| last as usize));
            let both = row(node).into_iter().zip(other);
            both.map(|(a, b)| f32::midpoint(a, b))
        };
        let mix = |(a, b): (f32, f32)| match metric {
            Metric::L2 => (a + SECOND_WEIGHT * b) / (1.0 + SECOND_WEIGHT),
            Metric::Cosine | Metric::InnerProduct => a + SECOND_WEIGHT * b,
        };
        let mut query: Vec<f32> = near(first).zip(near(second)).map(mix).collect();
        if prepare(metric, &mut query).is_err() {
            query = row(first);
        }
        queries.extend(query);
    }
    Ok(queries)
}
