//! The builder of the crate `instant-distance`: slower than our own, independent of it, and the
//! reference it is compared with.
//!
//! That crate does not expose its graph, but serialises it: the links are taken from there. It returns
//! the points in an order of its own, and each upper layer is a prefix of that order.

use super::error::GraphError;
use super::graph::{Graph, Layer};
use super::rows::Rows;
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use instant_distance::{Builder, Hnsw};
use serde::{Serialize, Serializer};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use twinspire_core::kernel::{Metric, Scorer};

/// Slots per link list on the base layer of `instant-distance`.
const BASE_STRIDE: usize = 64;
/// Slots per link list on an upper layer of `instant-distance`.
const UPPER_STRIDE: usize = 32;
/// Beam width of the search for a new node's neighbours (efConstruction).
const EF_CONSTRUCTION: usize = 100;
/// Points between two calls of the progress function.
const REPORT_EVERY: u64 = 1024;

/// Builds a graph over `rows`, in their order. With several threads the graph is not deterministic,
/// whatever the seed.
pub(super) fn build(
    rows: Rows<'_>,
    metric: Metric,
    seed: u64,
    progress: &(dyn Fn(u64, u64) + Sync),
    cancelled: &AtomicBool,
) -> Result<Graph<Vec<u32>>, GraphError> {
    let build = Build {
        scorer: Metric::L2.scorer(),
        started: (0..rows.count()).map(|_| AtomicBool::new(false)).collect(),
        done: AtomicU64::new(0),
        progress,
        cancelled,
    };
    let builder = Builder::default()
        .ef_construction(EF_CONSTRUCTION)
        .seed(seed);
    let (hnsw, places) = builder.build_hnsw(points(rows, metric, &build));
    let places: Vec<u32> = places
        .into_iter()
        .map(instant_distance::PointId::into_inner)
        .collect();
    let graph = extract(rows.count(), &hnsw)?;
    Ok(graph.renumbered(&places))
}

/// What all points share: how they are compared, and the progress of the build.
struct Build<'a> {
    scorer: Scorer,
    started: Vec<AtomicBool>,
    done: AtomicU64,
    progress: &'a (dyn Fn(u64, u64) + Sync),
    cancelled: &'a AtomicBool,
}

impl Build<'_> {
    /// Counts a point when it is first compared with another one: its insertion has started.
    fn count_started(&self, row: u32) {
        let Some(started) = self.started.get(row as usize) else {
            return;
        };
        if started.load(Ordering::Relaxed) || started.swap(true, Ordering::Relaxed) {
            return;
        }
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(REPORT_EVERY) {
            (self.progress)(done, self.started.len() as u64);
        }
    }
}

/// A row as `instant-distance` sees it.
#[derive(Clone)]
struct Point<'a> {
    build: &'a Build<'a>,
    row: &'a [f32],
    number: u32,
    /// One more component, which turns the largest inner product into the shortest distance.
    lift: f32,
}

impl instant_distance::Point for Point<'_> {
    fn distance(&self, other: &Self) -> f32 {
        if self.build.cancelled.load(Ordering::Relaxed) {
            // The builder cannot be stopped, but its searches end at once where all distances are equal.
            return 0.0;
        }
        self.build.count_started(self.number);
        let lift = self.lift - other.lift;
        lift * lift - self.build.scorer.score(self.row, other.row)
    }
}

/// Serialises nothing: only the links are wanted.
impl Serialize for Point<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// The rows as points, under a distance that orders them as `metric` does.
///
/// An inner product is no distance: a vector need not be its own nearest neighbour. Under it every row
/// is lifted into one more dimension, so that all have the same length (Bachrach et al., 2014).
fn points<'a>(rows: Rows<'a>, metric: Metric, build: &'a Build<'a>) -> Vec<Point<'a>> {
    let length = |row: &[f32]| {
        row.iter()
            .map(|x| f64::from(*x) * f64::from(*x))
            .sum::<f64>()
    };
    let all = || (0..rows.count()).filter_map(|number| Some((number, rows.row(number)?)));
    let longest = match metric {
        Metric::InnerProduct => all().fold(0.0, |most, (_, row)| length(row).max(most)),
        Metric::Cosine | Metric::L2 => 0.0,
    };
    let lift = |row: &[f32]| (longest - length(row)).max(0.0).sqrt() as f32;
    let point = |(number, row)| Point {
        build,
        row,
        number,
        lift: if longest > 0.0 { lift(row) } else { 0.0 },
    };
    all().map(point).collect()
}

/// Extracts the links of a graph that has been built. Its nodes are in the order of its points.
fn extract<P: Serialize>(count: u32, hnsw: &Hnsw<P>) -> Result<Graph<Vec<u32>>, GraphError> {
    let mut integers = Integers::default();
    let config = bincode::config::legacy();
    bincode::serde::encode_into_writer(hnsw, &mut integers, config).map_err(Box::new)?;

    // Its efSearch, then the lengths of points, base layer, layers and each layer.
    let [_, points, base, layers, members @ ..] = integers.wide.as_slice() else {
        return Err(GraphError::Layout);
    };
    let all = u64::from(count);
    if *points != all || *base != all || *layers != members.len() as u64 {
        return Err(GraphError::Layout);
    }
    let mut rest = integers
        .narrow
        .split_off((count as usize * BASE_STRIDE).min(integers.narrow.len()));
    let mut upper = Vec::with_capacity(members.len());
    for members in members {
        let members = u32::try_from(*members).unwrap_or(u32::MAX);
        let slots = (members as usize).saturating_mul(UPPER_STRIDE);
        let after = rest.split_off(slots.min(rest.len()));
        let links = std::mem::replace(&mut rest, after);
        let nodes: Vec<u32> = (0..members.min(count)).collect();
        upper.push(Layer {
            down: nodes.clone(),
            nodes,
            links,
            stride: UPPER_STRIDE,
        });
    }
    Graph::from_parts(count, integers.narrow, BASE_STRIDE, upper, 0)
}

/// The integers of a serialised graph, each at its full width: links have 4 bytes, lengths have 8.
#[derive(Default)]
struct Integers {
    narrow: Vec<u32>,
    wide: Vec<u64>,
}

impl Writer for Integers {
    #[expect(
        clippy::same_functions_in_if_condition,
        reason = "the conversions are to arrays of different sizes"
    )]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if let Ok(bytes) = bytes.try_into() {
            self.narrow.push(u32::from_le_bytes(bytes));
        } else if let Ok(bytes) = bytes.try_into() {
            self.wide.push(u64::from_le_bytes(bytes));
        } else {
            return Err(EncodeError::Other("neither a link nor a length"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_products_lift_all_points_to_one_length() {
        let data = [3.0, 4.0, 0.0, 0.0, 1.0, 2.0];
        let build = Build {
            scorer: Metric::L2.scorer(),
            started: Vec::new(),
            done: AtomicU64::new(0),
            progress: &|_, _| (),
            cancelled: &AtomicBool::new(false),
        };
        let lifts = |metric| -> Vec<f32> {
            let points = points(Rows::new(&data, 2), metric, &build);
            points.iter().map(|point| point.lift * point.lift).collect()
        };
        let (lifted, wanted) = (lifts(Metric::InnerProduct), [0.0, 25.0, 20.0]);
        assert!(
            lifted.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5),
            "{lifted:?}"
        );
        assert_eq!(lifts(Metric::L2), [0.0; 3]);

        let points = points(Rows::new(&data, 2), Metric::InnerProduct, &build);
        let apart = instant_distance::Point::distance(&points[0], &points[2]);
        assert!((apart - (4.0 + 4.0 + 20.0)).abs() < 1e-4, "{apart}");
    }
}
