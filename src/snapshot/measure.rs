//! Measuring how much of the exact answer the graphs of a generation find.

use super::parts::Part;
use crate::error::Error;
use crate::graph::{
    BeamParams, NodeVectors, Scratch, WalkLimits, search, search_exact, search_filtered,
};
use crate::manifest::{Calibration, CalibrationPoint, EFS, KS};
use crate::store::SpaceSegment;
use rayon::prelude::*;
use twinspire_core::kernel::{Metric, Row, prepare};

/// Queries whose exact answers are found at a time, so that rows are read once for all of them.
const TOGETHER: usize = 16;
/// Queries made up.
const SIMULATED: usize = 200;
/// How much a query between two items has of the second.
const SECOND: f32 = 0.5;

/// Asks the graphs with each of the queries, back to back, once for every width of the beam, and
/// compares with exact answers. `done` is told how many queries were asked, and may end it.
pub(crate) fn measure(
    parts: &[Part],
    queries: &[f32],
    real: bool,
    done: &(dyn Fn(u64) -> Result<(), Error> + Sync),
) -> Result<Calibration, Error> {
    let Some(dimension) = parts.first().map(|part| part.segment.dimension()) else {
        return Ok(Calibration::default());
    };
    let shown: usize = parts.iter().map(Part::shown).sum();
    let enough = EFS.iter().position(|ef| *ef as usize >= shown);
    let efs = EFS
        .get(..=enough.unwrap_or(EFS.len() - 1))
        .unwrap_or_default();
    let sums = queries.par_chunks(dimension * TOGETHER).map(|queries| {
        let right = exact_scores(parts, queries, dimension);
        let scratch = &mut Scratch::default();
        let mut sums = Sums::new(efs.len());
        for (query, right) in queries.chunks_exact(dimension).zip(&right) {
            sums.best += f64::from(right.first().copied().unwrap_or_default());
            sums.last += f64::from(right.last().copied().unwrap_or_default());
            for (found, ef) in sums.found.iter_mut().zip(efs) {
                for (found, k) in found.iter_mut().zip(KS) {
                    *found += share(parts, query, right, k, *ef as usize, scratch)?;
                }
            }
        }
        done((queries.len() / dimension) as u64)?;
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

/// What was measured of some queries, added up.
struct Sums {
    /// Their best scores, and their last that are compared.
    best: f64,
    last: f64,
    /// For each width, the shares of the exact answers that were found.
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

/// For each query the best scores there are, best first, as many as are ever compared.
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

/// The share of the `k` best scores that beams of a width find. Scores are compared, for of equal
/// items any will do.
fn share(
    parts: &[Part],
    query: &[f32],
    right: &[f32],
    k: usize,
    ef: usize,
    scratch: &mut Scratch,
) -> Result<f64, Error> {
    let k = k.min(right.len());
    let Some(worst) = k.checked_sub(1).and_then(|last| right.get(last)) else {
        return Ok(1.0);
    };
    let mut hits = 0;
    for part in parts {
        let (graph, points) = (part.segment.graph()?, part.segment.node_vectors());
        let params = BeamParams::new(query, k, ef);
        let found = if part.shown() == part.segment.items().len() {
            search(&graph, &points, &params, scratch)
        } else {
            let mut shows = |node: u32| part.shows(node);
            let found = search_filtered(
                &graph,
                &points,
                &params,
                WalkLimits::for_beam(ef),
                &mut shows,
                scratch,
            );
            found.unwrap_or_default()
        };
        hits += found.iter().filter(|scored| scored.score >= *worst).count();
    }
    Ok(hits.min(k) as f64 / k as f64)
}

/// Queries as users ask them, back to back, before any has asked: each lies between two items, and
/// beside both of them, for a query that is an item's very vector is easier than users are.
pub(crate) fn simulated(segment: &SpaceSegment) -> Result<Vec<f32>, Error> {
    let (graph, NodeVectors { metric, rows, .. }) = (segment.graph()?, segment.node_vectors());
    let nodes = rows.count() as usize;
    let count = SIMULATED.min(nodes);
    let mut queries = Vec::with_capacity(count * rows.dimension());
    for at in 0..count {
        let first = at * nodes / count;
        // Multiples of a prime that is larger than half of them go all over the nodes.
        let second = (first + 1 + at * 7_919) % nodes;
        let row = |node: usize| rows.row(node as u32).map(Row::to_vec).unwrap_or_default();
        let beside = |node: usize| {
            // The last of its neighbours lies farthest.
            let last = graph.neighbours(node as u32).last();
            let other = row(last.map_or(node, |last| last as usize));
            let both = row(node).into_iter().zip(other);
            both.map(|(a, b)| (a + b) / 2.0)
        };
        let mix = |(a, b): (f32, f32)| match metric {
            Metric::L2 => (a + SECOND * b) / (1.0 + SECOND),
            Metric::Cosine | Metric::InnerProduct => a + SECOND * b,
        };
        let mut query: Vec<f32> = beside(first).zip(beside(second)).map(mix).collect();
        if prepare(metric, &mut query).is_err() {
            query = row(first);
        }
        queries.extend(query);
    }
    Ok(queries)
}
