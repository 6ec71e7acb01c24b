//! Made-up queries, for a space without queries of users.
//!
//! There are several kinds, because users differ from items in several ways. A query *near* the items mixes two
//! of them, as a user lies between interests; this is where most users of a well-trained model are. A query
//! *far* from the items is a blend of many directions, as independent of each item as a random vector. Models
//! whose users and items are embedded by unlike towers have such users, and a graph that was built between items
//! serves them worst.
//!
//! Both kinds are made from vectors that are no near copies of each other. Otherwise most queries would lie
//! where most copies are, and say nothing of the rest. Where many vectors are near copies, a third kind is the
//! opposite: all its best items are copies of one another, and only small differences, in directions that the
//! query is the first to weigh, tell which is best. Codes lose these first.

use super::measure::QuerySample;
use crate::error::Error;
use crate::graph::{BeamParams, NodeVectors};
use crate::index::{Index, Scratch};
use crate::manifest::QueryKind;
use crate::store::SpaceSegment;
use rayon::prelude::*;
use twinspire_core::kernel::{Metric, Row, prepare};
use twinspire_core::wire::checksum;

/// The fewest and the most queries of a kind.
const QUERIES: (usize, usize) = (512, 1024);
/// Components compared by the exact searches of one kind, which bounds the number of queries.
const BUDGET: usize = 130_000_000_000;
/// A query of each kind for this many items is enough: the answers of small spaces are scanned anyway.
const ITEMS_PER_QUERY: usize = 16;
/// Vectors that are looked at for each that is taken.
const LOOKED_AT: usize = 4;
/// Vectors that are nearer to each other than this share of the mean squared distance from the centre are
/// near copies.
const NEAR_COPY: f32 = 0.04;
/// Neighbours of a node in partitions: about as many as a graph links.
const NEIGHBOURS: usize = 24;
/// With a larger share of near copies there are queries of crowds.
const MOST_NEAR_COPIES: f32 = 0.1;
/// The length of what is added to the offset of a vector from the centre, over that of the offset, in a query of a
/// crowd: the cosine of the two is 0.45 then, as far off as users of two-tower models have been met.
const STRAY: f32 = 2.0;
/// The weight of the second vector of a near query; the first has 1.
const SECOND_WEIGHT: f32 = 0.5;
/// Number of directions in a far query. With few, the blended items themselves would be among the best, and easier
/// to find than those of independent queries.
const BLENDED: u64 = 24;

/// Made-up queries, and what they show about the vectors.
pub(crate) struct Simulation {
    /// The queries, a sample of each kind; queries of users may be added.
    pub(crate) samples: Vec<QuerySample>,
    /// Components of a query.
    pub(crate) dimension: usize,
    /// Share of the vectors that are near copies of their nearest neighbour.
    pub(crate) near_copies: f32,
    /// Length of the longest percent, over the median length.
    pub(crate) length_ratio: f32,
}

impl Simulation {
    /// Number of queries of all kinds.
    pub(crate) fn queries(&self) -> u64 {
        let components: usize = self.samples.iter().map(|s| s.queries.len()).sum();
        (components / self.dimension.max(1)) as u64
    }
}

/// The number of queries to measure recall with: exact searches of large spaces take long.
pub(crate) fn sample_size(nodes: usize, dimension: usize) -> usize {
    let (fewest, most) = QUERIES;
    let affordable = (BUDGET / (nodes * dimension).max(1)).min(nodes / ITEMS_PER_QUERY);
    affordable.clamp(fewest, most)
}

/// Makes up queries for a segment.
pub(crate) fn simulate(segment: &SpaceSegment) -> Result<Simulation, Error> {
    let NodeVectors { metric, rows, .. } = segment.node_vectors();
    let nodes = rows.count() as usize;
    let count = sample_size(nodes, rows.dimension()).min(nodes);
    let row = |node: usize| rows.row(node as u32).map(Row::to_vec).unwrap_or_default();
    let step = nodes.div_ceil((LOOKED_AT * count).max(1)).max(1);
    let looked_at: Vec<usize> = (0..nodes).step_by(step).collect();
    let all: Vec<Vec<f32>> = looked_at.iter().map(|node| row(*node)).collect();
    let centre = mean(&all, rows.dimension());
    let spread = all.iter().map(|row| squared_distance(row, &centre));
    let near_copy = NEAR_COPY * spread.sum::<f32>() / all.len().max(1) as f32;

    let neighbours = neighbours(segment, &looked_at, &all)?;
    let neighbour = |place: usize, last: bool| {
        let (nearest, farthest) = (*neighbours.get(place)?)?;
        Some(row(if last { farthest } else { nearest } as usize))
    };
    let copies = all.iter().enumerate().filter(|(place, row)| {
        let nearest = neighbour(*place, false);
        nearest.is_some_and(|nearest| squared_distance(row, &nearest) < near_copy)
    });
    let near_copies = copies.count() as f32 / all.len().max(1) as f32;
    let distinct = distinct(&all, count, near_copy);

    let beside = |at: usize| -> Vec<f32> {
        let Some(row) = all.get(at) else {
            return Vec::new();
        };
        match neighbour(at, true) {
            Some(other) => midpoint(row, &other),
            None => row.clone(),
        }
    };
    let chosen = |at: u64| distinct.get(at as usize % distinct.len().max(1)).copied();
    let near = |at: u64| {
        let first = chosen(at).map(beside).unwrap_or_default();
        let second = chosen(random(at, 0)).map(beside).unwrap_or_default();
        let scale = match metric {
            Metric::L2 => 1.0 + SECOND_WEIGHT,
            Metric::Cosine | Metric::InnerProduct => 1.0,
        };
        let mixed = first.iter().zip(second);
        mixed
            .map(|(a, b)| (a + SECOND_WEIGHT * b) / scale)
            .collect()
    };
    let far = |at: u64| {
        // Some users share what all items have in common, some do not.
        let mut query: Vec<f32> = match metric {
            Metric::L2 => centre.clone(),
            _ => centre.iter().map(|x| x * (at % 3) as f32 / 2.0).collect(),
        };
        for draw in 0..BLENDED {
            let weight = normal(at, 2 * draw + 1) / (BLENDED as f32).sqrt();
            let other = chosen(random(at, 2 * draw + 2)).and_then(|other| all.get(other));
            let Some(other) = other else { continue };
            // Under an inner product only the direction counts: long vectors must not make up all queries.
            let length = match metric {
                Metric::InnerProduct => length(other).max(f32::MIN_POSITIVE),
                _ => 1.0,
            };
            let offset = other.iter().zip(&centre).map(|(x, centre)| x - centre);
            query
                .iter_mut()
                .zip(offset)
                .for_each(|(x, offset)| *x += weight * offset / length);
        }
        query
    };
    let crowd = |at: u64| {
        let member = all.get(random(at, 0) as usize % all.len().max(1));
        let member = member.map_or(&[][..], Vec::as_slice);
        let offset = squared_distance(member, &centre).sqrt();
        let stray = STRAY * offset / (member.len().max(1) as f32).sqrt();
        let each = (1..).zip(member);
        each.map(|(draw, x)| x + stray * normal(at, draw)).collect()
    };
    let prepared = |at: u64, mut query: Vec<f32>| {
        let failed = prepare(metric, &mut query).is_err();
        match failed || query.len() != rows.dimension() {
            true => chosen(at)
                .and_then(|at| all.get(at).cloned())
                .unwrap_or_default(),
            false => query,
        }
    };
    let sample = |kind, make: &dyn Fn(u64) -> Vec<f32>| QuerySample {
        kind,
        left_out: 0,
        queries: (0..count as u64)
            .flat_map(|at| prepared(at, make(at)))
            .collect(),
    };
    let mut samples = vec![sample(QueryKind::Near, &near), sample(QueryKind::Far, &far)];
    if near_copies > MOST_NEAR_COPIES {
        samples.push(sample(QueryKind::Crowd, &crowd));
    }
    Ok(Simulation {
        samples,
        dimension: rows.dimension(),
        near_copies,
        length_ratio: length_ratio(&all),
    })
}

/// The nearest and the farthest neighbour of nodes with these vectors, where there are any: the ends of the
/// node's link list in a graph, and of as many nodes in partitions.
fn neighbours(
    segment: &SpaceSegment,
    nodes: &[usize],
    vectors: &[Vec<f32>],
) -> Result<Vec<Option<(u32, u32)>>, Error> {
    let index = segment.index()?;
    let ends = |neighbours: Vec<u32>| Some((*neighbours.first()?, *neighbours.last()?));
    if let Index::Graph(graph) = &index {
        let links = |node: &usize| graph.neighbours(*node as u32).collect();
        return Ok(nodes.iter().map(links).map(ends).collect());
    }
    let node_vectors = segment.node_vectors();
    let each = nodes
        .par_iter()
        .zip(vectors)
        .map_init(Scratch::default, |scratch, of| {
            let (node, vector) = of;
            let params = BeamParams::new(vector, NEIGHBOURS, NEIGHBOURS);
            let found = index.search(&node_vectors, &params, scratch).iter();
            let others = found
                .map(|scored| scored.node)
                .filter(|other| *other as usize != *node);
            ends(others.take(NEIGHBOURS).collect())
        });
    Ok(each.collect())
}

/// The positions of up to `count` vectors that are no near copies of each other.
fn distinct(all: &[Vec<f32>], count: usize, near_copy: f32) -> Vec<usize> {
    let mut chosen: Vec<(usize, &Vec<f32>)> = Vec::new();
    for place in 0..all.len() {
        // From all over the segment, whichever are taken first.
        let at = place * 7_919 % all.len();
        let Some(row) = all.get(at) else { continue };
        let is_new = |(_, other): &(usize, &Vec<f32>)| squared_distance(row, other) >= near_copy;
        if chosen.is_empty() || near_copy == 0.0 || chosen.iter().all(is_new) {
            chosen.push((at, row));
        }
        if chosen.len() == count {
            break;
        }
    }
    let mut places: Vec<usize> = chosen.into_iter().map(|(at, _)| at).collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn mean(rows: &[Vec<f32>], dimension: usize) -> Vec<f32> {
    let mut sums = vec![0.0; dimension];
    for row in rows {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, x)| *sum += f64::from(*x));
    }
    let count = rows.len().max(1) as f64;
    sums.iter().map(|sum| (sum / count) as f32).collect()
}

fn midpoint(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter()
        .zip(b)
        .map(|(a, b)| f32::midpoint(*a, *b))
        .collect()
}

fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    -Metric::L2.score(a, b)
}

fn length(row: &[f32]) -> f32 {
    Metric::InnerProduct.score(row, row).sqrt()
}

/// The length of the longest percent, over the median length.
fn length_ratio(rows: &[Vec<f32>]) -> f32 {
    let mut lengths: Vec<f32> = rows.iter().map(|row| length(row)).collect();
    lengths.sort_unstable_by(f32::total_cmp);
    let at = |share: f32| {
        lengths
            .get((share * lengths.len() as f32) as usize)
            .copied()
    };
    match (at(0.99), at(0.5)) {
        (Some(long), Some(median)) if median > 0.0 && long.is_finite() => long / median,
        _ => 1.0,
    }
}

/// A random number that is the same in every run.
fn random(query: u64, draw: u64) -> u64 {
    checksum([query, draw].map(u64::to_le_bytes).as_flattened())
}

/// About a draw from the standard normal distribution.
fn normal(query: u64, draw: u64) -> f32 {
    let bytes = random(query, draw).to_le_bytes();
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    // Eight uniform draws from 0 to 255, each with a variance of (256² − 1) / 12.
    (sum as f32 - 8.0 * 127.5) / (8.0 * 5_461.25f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_near_copies_are_taken_once() {
        let points = [0.0f32, 1.0, 2.0, 3.0];
        // Of each point one, of the first a thousand more, exact and near.
        let mut all: Vec<Vec<f32>> = points.iter().map(|x| vec![*x, 1.0]).collect();
        all.extend((0..1_000).map(|at| vec![(at % 7) as f32 * 0.01, 1.0]));
        let taken = distinct(&all, 100, 0.04);
        let mut rounded: Vec<f32> = taken.iter().map(|at| all[*at][0].round()).collect();
        rounded.sort_unstable_by(f32::total_cmp);
        assert_eq!(rounded, points);
        assert_eq!(distinct(&all, 2, 0.04).len(), 2);
        assert!(distinct(&[], 5, 0.1).is_empty());
    }

    #[test]
    fn larger_spaces_are_measured_with_fewer_queries() {
        assert_eq!(sample_size(1_000, 16), QUERIES.0);
        assert_eq!(sample_size(20_000, 16), QUERIES.1);
        assert_eq!(sample_size(10_000_000, 128), QUERIES.0);
        assert!((QUERIES.0..QUERIES.1).contains(&sample_size(1_500_000, 128)));
    }
}
