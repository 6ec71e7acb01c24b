//! Building a graph by the crate `instant-distance`: slower, and independent of our own builder, which
//! is compared with it.
//!
//! That crate keeps its graph to itself, but serialises it, which is how the links come out. Its
//! points come back in an order of its own; its upper layers are the first so many of them.

use super::{Graph, GraphError, Layer, Rows};
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use instant_distance::{Builder, Hnsw};
use serde::{Serialize, Serializer};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use twinspire_core::kernel::{Metric, Scorer};

/// Slots of a list on the base layer, as `instant-distance` has it.
const BASE_STRIDE: usize = 64;
/// Slots of a list on an upper layer, as `instant-distance` has it.
const UPPER_STRIDE: usize = 32;
/// Width of the beam that looks for a new node's neighbours.
const EF_CONSTRUCTION: usize = 100;
/// Points between two reports of progress.
const REPORT_EVERY: u64 = 1024;

/// Builds a graph over `rows`, in their order, and tells how far it is. With several threads a seed
/// does not decide every link.
pub(super) fn build(
    rows: Rows<'_>,
    metric: Metric,
    seed: u64,
    progress: &(dyn Fn(u64, u64) + Sync),
    cancelled: &AtomicBool,
) -> Result<Graph<Vec<u32>>, GraphError> {
    let work = Work {
        scorer: Metric::L2.scorer(),
        begun: (0..rows.count()).map(|_| AtomicBool::new(false)).collect(),
        done: AtomicU64::new(0),
        progress,
        cancelled,
    };
    let builder = Builder::default()
        .ef_construction(EF_CONSTRUCTION)
        .seed(seed);
    let (hnsw, places) = builder.build_hnsw(points(rows, metric, &work));
    let places: Vec<u32> = places.into_iter().map(|place| place.into_inner()).collect();
    let graph = extract(rows.count(), &hnsw)?;
    Ok(graph.renumbered(&places))
}

/// What all points share: how they are compared, and how far the building has come.
struct Work<'a> {
    scorer: Scorer,
    begun: Vec<AtomicBool>,
    done: AtomicU64,
    progress: &'a (dyn Fn(u64, u64) + Sync),
    cancelled: &'a AtomicBool,
}

impl Work<'_> {
    /// Notes that a point is being compared with others; the first time means it is begun.
    fn touch(&self, row: u32) {
        let Some(begun) = self.begun.get(row as usize) else {
            return;
        };
        if begun.load(Ordering::Relaxed) || begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(REPORT_EVERY) {
            (self.progress)(done, self.begun.len() as u64);
        }
    }
}

/// A row as `instant-distance` sees it.
#[derive(Clone)]
struct Point<'a> {
    work: &'a Work<'a>,
    row: &'a [f32],
    number: u32,
    /// One more component, by which the largest inner product becomes the shortest distance.
    lift: f32,
}

impl instant_distance::Point for Point<'_> {
    fn distance(&self, other: &Self) -> f32 {
        if self.work.cancelled.load(Ordering::Relaxed) {
            // The builder cannot be stopped; where all distances are equal its searches end at once.
            return 0.0;
        }
        self.work.touch(self.number);
        let lift = self.lift - other.lift;
        lift * lift - self.work.scorer.score(self.row, other.row)
    }
}

/// Nothing: only the links are wanted.
impl Serialize for Point<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// The rows as points, under a distance that orders them as `metric` does.
///
/// Inner products are no distance: a vector need not be its own nearest. Under them every row is
/// lifted into one dimension more so that all have the same length (Bachrach et al., 2014).
fn points<'a>(rows: Rows<'a>, metric: Metric, work: &'a Work<'a>) -> Vec<Point<'a>> {
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
        work,
        row,
        number,
        lift: if longest > 0.0 { lift(row) } else { 0.0 },
    };
    all().map(point).collect()
}

/// Takes the links out of a graph that has been built. Its nodes are in the order of its points.
fn extract<P: Serialize>(count: u32, hnsw: &Hnsw<P>) -> Result<Graph<Vec<u32>>, GraphError> {
    let mut taken = Taken::default();
    let config = bincode::config::legacy();
    bincode::serde::encode_into_writer(hnsw, &mut taken, config).map_err(Box::new)?;

    // A number for the width of its searches, then the lengths of points, base, layers, each layer.
    let [_, points, base, layers, members @ ..] = taken.wide.as_slice() else {
        return Err(GraphError::Layout);
    };
    let all = u64::from(count);
    if *points != all || *base != all || *layers != members.len() as u64 {
        return Err(GraphError::Layout);
    }
    let mut rest = taken
        .narrow
        .split_off((count as usize * BASE_STRIDE).min(taken.narrow.len()));
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
    Graph::from_parts(count, taken.narrow, BASE_STRIDE, upper, 0)
}

/// The integers of something serialised with each at its full width: those of 4 bytes, which are
/// links, and those of 8, which are lengths.
#[derive(Default)]
struct Taken {
    narrow: Vec<u32>,
    wide: Vec<u64>,
}

impl Writer for Taken {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if let Ok(bytes) = bytes.try_into() {
            self.narrow.push(u32::from_le_bytes(bytes));
        } else if let Ok(bytes) = bytes.try_into() {
            self.wide.push(u64::from_le_bytes(bytes));
        } else {
            return Err(EncodeError::Other("it is neither a link nor a length"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_inner_product_all_points_are_lifted_to_one_length() {
        let data = [3.0, 4.0, 0.0, 0.0, 1.0, 2.0];
        let work = Work {
            scorer: Metric::L2.scorer(),
            begun: Vec::new(),
            done: AtomicU64::new(0),
            progress: &|_, _| (),
            cancelled: &AtomicBool::new(false),
        };
        let lifts = |metric| -> Vec<f32> {
            let points = points(Rows::new(&data, 2), metric, &work);
            points.iter().map(|point| point.lift * point.lift).collect()
        };
        let (lifted, wanted) = (lifts(Metric::InnerProduct), [0.0, 25.0, 20.0]);
        assert!(
            lifted.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5),
            "{lifted:?}"
        );
        assert_eq!(lifts(Metric::L2), [0.0; 3]);

        let points = points(Rows::new(&data, 2), Metric::InnerProduct, &work);
        let apart = instant_distance::Point::distance(&points[0], &points[2]);
        assert!((apart - (4.0 + 4.0 + 20.0)).abs() < 1e-4, "{apart}");
    }
}
