//! Measurement of recall: the share of the exact answer that searches of the index find, by beam width.

use super::confidence::lower_bound;
use super::parts::{Part, count_vectors};
use crate::error::Error;
use crate::format::NodeItems;
use crate::graph::{BeamParams, WalkLimits, search_exact};
use crate::index::Scratch;
use crate::manifest::{
    CONFIDENCE, Calibration, CalibrationPoint, CalibrationSample, EFS, KS, QueryKind,
    is_cheaper_than_scan,
};
use rayon::prelude::*;
use std::time::Instant;

/// Queries that share one exact scan, so that each row is read once for all of them.
const BATCH: usize = 16;
/// The default beam width and those below it are measured even where a scan is cheaper.
const ALWAYS: u32 = 128;
/// The second of the [`KS`]: one search is for this one and the first.
const FEW: usize = 10;
/// The largest of the [`KS`].
const MOST: usize = 100;

/// Queries of one kind.
#[derive(Clone, Debug)]
pub(crate) struct QuerySample {
    /// Where they come from.
    pub(crate) kind: QueryKind,
    /// The query vectors, concatenated, in an order that is independent of what they are.
    pub(crate) queries: Vec<f32>,
    /// Number of given users without a vector.
    pub(crate) left_out: u32,
}

/// Searches the segments for each query, once with every beam width, and compares the results with exact
/// answers.
///
/// `progress` gets the number of queries done since its last call; an error from it ends the
/// measurement.
pub(crate) fn measure(
    parts: &[Part],
    samples: &[QuerySample],
    progress: &(dyn Fn(u64) -> Result<(), Error> + Sync),
) -> Result<Calibration, Error> {
    let mut measured = Vec::with_capacity(samples.len());
    for sample in samples.iter().filter(|sample| !sample.queries.is_empty()) {
        measured.push(measure_sample(parts, sample, progress)?);
    }
    Ok(Calibration {
        samples: measured,
        ..Calibration::default()
    })
}

/// The beam widths to measure with this many vectors: up to the first that takes longer than scoring them,
/// or that covers `all` of every segment.
fn widths(vectors: usize, all: usize) -> &'static [u32] {
    let last = EFS.iter().position(|ef| {
        let dear = *ef >= ALWAYS && !is_cheaper_than_scan(*ef as usize, vectors);
        *ef as usize >= all || dear
    });
    EFS.get(..=last.unwrap_or(EFS.len() - 1))
        .unwrap_or_default()
}

/// What one query finds.
struct Found {
    /// The best exact score, and the last of those that are compared.
    scores: (f32, f32),
    /// Recall at each of the [`KS`], for each beam width.
    recalls: Vec<[f32; KS.len()]>,
}

fn measure_sample(
    parts: &[Part],
    sample: &QuerySample,
    progress: &(dyn Fn(u64) -> Result<(), Error> + Sync),
) -> Result<CalibrationSample, Error> {
    let dimension = parts.first().map_or(1, |part| part.segment.dimension());
    let vectors = count_vectors(parts);
    let segments = parts.iter().map(|part| part.segment.node_items().nodes());
    // Segments with no more vectors than the beam is wide are scanned.
    let all = segments.max().unwrap_or(0);
    let efs = widths(vectors, all);
    let batches = sample.queries.par_chunks(dimension * BATCH);
    let found = batches.map(|queries| {
        let exact = exact_scores(parts, queries, dimension);
        let scratch = &mut Scratch::default();
        let each = queries.chunks_exact(dimension).zip(&exact);
        let found = each.map(|query| measure_query(parts, all, query, efs, scratch));
        let found: Vec<Found> = found.collect::<Result<_, _>>()?;
        progress(found.len() as u64)?;
        Ok(found)
    });
    let found: Vec<Vec<Found>> = found.collect::<Result<_, Error>>()?;
    let found: Vec<Found> = found.into_iter().flatten().collect();
    let count = found.len().max(1) as f64;
    let mean = |value: &dyn Fn(&Found) -> f32| {
        let sum: f64 = found.iter().map(|found| f64::from(value(found))).sum();
        (sum / count) as f32
    };
    let points = efs.iter().enumerate().map(|(at, ef)| {
        let [one, ten, hundred] = [0, 1, 2].map(|k| {
            let recall = |found: &Found| {
                let recalls = found.recalls.get(at);
                recalls
                    .and_then(|recalls| recalls.get(k).copied())
                    .unwrap_or_default()
            };
            let recalls: Vec<f32> = found.iter().map(recall).collect();
            // A beam that covers all items is exact, and needs no sample.
            let lower = match *ef as usize >= all {
                true => 1.0,
                false => lower_bound(&recalls, CONFIDENCE),
            };
            (mean(&recall), lower)
        });
        CalibrationPoint {
            ef: *ef,
            recall_at_1: one.0,
            recall_at_10: ten.0,
            recall_at_100: hundred.0,
            lower_at_1: one.1,
            lower_at_10: ten.1,
            lower_at_100: hundred.1,
        }
    });
    Ok(CalibrationSample {
        kind: sample.kind,
        vectors: vectors as u64,
        queries: found.len() as u32,
        left_out: sample.left_out,
        best_score: mean(&|found| found.scores.0),
        hundredth_score: mean(&|found| found.scores.1),
        points: points.collect(),
    })
}

/// The mean time of a search for the best ten, in microseconds, at the least width whose bounds reach a recall
/// by this calibration; `None` if none does. One thread searches for each query in turn; the better of two rounds
/// counts.
pub(crate) fn search_micros(
    parts: &[Part],
    samples: &[QuerySample],
    calibration: &Calibration,
    recall: f32,
) -> Result<Option<f32>, Error> {
    let dimension = parts.first().map_or(1, |part| part.segment.dimension());
    let Some(ef) = calibration.beam(FEW, recall, count_vectors(parts) as u64) else {
        return Ok(None);
    };
    // Made-up queries do not count once there are enough real ones.
    let real = calibration.is_real();
    let scratch = &mut Scratch::default();
    let mut best = f32::INFINITY;
    for _ in 0..2 {
        let (start, mut count) = (Instant::now(), 0u32);
        for sample in samples.iter().filter(|s| !real || s.kind.is_real()) {
            for query in sample.queries.chunks_exact(dimension) {
                find(parts, query, FEW, ef, scratch)?;
                count += 1;
            }
        }
        best = best.min(start.elapsed().as_secs_f32() * 1e6 / count.max(1) as f32);
    }
    Ok(Some(best))
}

/// The recall of one query with its exact scores, at each beam width.
fn measure_query(
    parts: &[Part],
    all: usize,
    (query, exact): (&[f32], &Vec<f32>),
    efs: &[u32],
    scratch: &mut Scratch,
) -> Result<Found, Error> {
    // Once everything is found, wider beams are not tried: they hardly ever find less.
    let mut last = [0.0f32; KS.len()];
    let mut recalls = Vec::with_capacity(efs.len());
    for ef in efs.iter().map(|ef| *ef as usize) {
        if ef >= all {
            last = [1.0; KS.len()];
        }
        let [one, ten, hundred] = &mut last;
        if *one < 1.0 || *ten < 1.0 {
            let found = find(parts, query, FEW, ef, scratch)?;
            (*one, *ten) = (recall_at(1, &found, exact), recall_at(FEW, &found, exact));
        }
        if *hundred < 1.0 {
            let found = find(parts, query, MOST, ef, scratch)?;
            *hundred = recall_at(MOST, &found, exact);
        }
        recalls.push(last);
    }
    let first = exact.first().copied().unwrap_or_default();
    let scores = (first, exact.last().copied().unwrap_or_default());
    Ok(Found { scores, recalls })
}

/// The best scores of each query by exact search, best first: as many as the largest of the [`KS`].
fn exact_scores(parts: &[Part], queries: &[f32], dimension: usize) -> Vec<Vec<f32>> {
    let mut all = vec![Vec::new(); queries.len() / dimension];
    for part in parts {
        let items = part.segment.node_items();
        let found = search_exact(&part.segment.node_vectors(), queries, MOST, |node| {
            part.shows_node(&items, node)
        });
        for (all, found) in all.iter_mut().zip(found) {
            for scored in found {
                let copies = shown_items(part, &items, scored.node).min(MOST);
                all.extend(std::iter::repeat_n(scored.score, copies));
            }
        }
    }
    for scores in &mut all {
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        scores.truncate(MOST);
    }
    all
}

/// The scores that searches of all segments for the best `k` find, in no order.
fn find(
    parts: &[Part],
    query: &[f32],
    k: usize,
    ef: usize,
    scratch: &mut Scratch,
) -> Result<Vec<f32>, Error> {
    let mut scores = Vec::new();
    for part in parts {
        let (index, vectors) = (part.segment.index()?, part.segment.node_vectors());
        let (params, items) = (BeamParams::new(query, k, ef), part.segment.node_items());
        let found = if part.shown() == items.len() {
            index.search(&vectors, &params, scratch)
        } else {
            let limits = WalkLimits::for_beam(params.beam());
            let mut shows = |node: u32| part.shows_node(&items, node);
            let found = index.search_filtered(&vectors, &params, limits, &mut shows, scratch);
            found.unwrap_or_default()
        };
        for scored in found {
            let copies = shown_items(part, &items, scored.node).min(MOST);
            scores.extend(std::iter::repeat_n(scored.score, copies));
        }
    }
    Ok(scores)
}

/// Recall@`k`: the share of the best `k` of an exact search, by their scores, that was found. Compares
/// scores, not items: any item with the score of the k-th best counts.
fn recall_at(k: usize, found: &[f32], exact: &[f32]) -> f32 {
    let k = k.min(exact.len());
    let Some(worst) = k.checked_sub(1).and_then(|last| exact.get(last)) else {
        return 1.0;
    };
    let hits = found.iter().filter(|score| *score >= worst).count();
    hits.min(k) as f32 / k as f32
}

/// Number of items of a node that are shown.
fn shown_items(part: &Part, items: &NodeItems<'_>, node: u32) -> usize {
    items.slots(node).filter(|slot| part.shows(*slot)).count()
}
