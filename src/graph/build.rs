//! Building a graph, by the crate `instant-distance`.
//!
//! That crate keeps its graph to itself, but serialises it, which is how the links come out. Its
//! points come back in an order of its own; its upper layers are the first so many of them.

use super::repair::repair;
use super::{Graph, GraphError, Layer, Rows};
use crate::kernel::{Metric, Scorer};
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use instant_distance::{Builder, Hnsw};
use serde::{Serialize, Serializer};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Slots of a list on the base layer, as `instant-distance` has it.
const BASE_STRIDE: usize = 64;
/// Slots of a list on an upper layer, as `instant-distance` has it.
const UPPER_STRIDE: usize = 32;
/// Width of the beam that looks for a new node's neighbours.
const EF_CONSTRUCTION: usize = 100;
/// Points between two reports of progress.
const REPORT_EVERY: u64 = 1024;

/// Builds a graph over `rows`, every node of which a search can reach, and tells the order of its
/// nodes: `order[node]` is the row it stands for. The caller brings its rows into that order.
///
/// `progress` is told how many points of all have been begun; `cancelled` makes it an error. With several threads a seed does not
/// decide every link.
pub(crate) fn build(
    rows: Rows<'_>,
    metric: Metric,
    seed: u64,
    progress: &(dyn Fn(u64, u64) + Sync),
    cancelled: &AtomicBool,
) -> Result<(Graph<Vec<u32>>, Vec<u32>), GraphError> {
    let count = rows.count();
    if count == u32::MAX {
        let what = "there are more rows than a graph can number".to_owned();
        return Err(GraphError { what });
    }
    let work = Work {
        scorer: Metric::L2.scorer(),
        begun: (0..count).map(|_| AtomicBool::new(false)).collect(),
        done: AtomicU64::new(0),
        progress,
        cancelled,
    };
    progress(0, u64::from(count));
    let builder = Builder::default()
        .ef_construction(EF_CONSTRUCTION)
        .seed(seed);
    let (hnsw, places) = builder.build_hnsw(points(rows, metric, &work));
    if cancelled.load(Ordering::Relaxed) {
        let what = "it was cancelled".to_owned();
        return Err(GraphError { what });
    }
    let places: Vec<u32> = places.into_iter().map(|place| place.into_inner()).collect();
    let graph = extract(count, &hnsw)?;
    drop(hnsw);

    // By the numbers of the rows first, so that the repair can read the rows where they are.
    let mut graph = graph.renumbered(&places);
    repair(&mut graph, rows);
    let order = graph.local_order();
    let graph = graph.renumbered(&order);
    progress(u64::from(count), u64::from(count));
    Ok((graph, order))
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
    let wrong = |what: String| GraphError { what };
    let mut taken = Taken::default();
    let config = bincode::config::legacy();
    bincode::serde::encode_into_writer(hnsw, &mut taken, config)
        .map_err(|e| wrong(format!("the builder's graph cannot be read: {e}")))?;

    // A number for the width of its searches, then the lengths of points, base, layers, each layer.
    let [_, points, base, layers, members @ ..] = taken.wide.as_slice() else {
        return Err(wrong("the builder's graph has too few parts".to_owned()));
    };
    let all = u64::from(count);
    if *points != all || *base != all || *layers != members.len() as u64 {
        return Err(wrong("the builder's graph has other counts".to_owned()));
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
    use super::super::{DEFAULT_EF, Scratch, exact, search};
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;
    use std::collections::HashSet;
    use std::sync::Mutex;

    const METRICS: [Metric; 3] = [Metric::Cosine, Metric::InnerProduct, Metric::L2];

    /// Points around `centres` centres, of unlike lengths, but of length 1 under cosine.
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
            crate::kernel::prepare(metric, row).unwrap();
        }
        rows.concat()
    }

    /// Builds, looks for faults, and brings the rows into the order of the nodes.
    fn built(data: &[f32], dimension: usize, metric: Metric) -> (Graph<Vec<u32>>, Vec<f32>) {
        let rows = Rows::new(data, dimension);
        let (graph, order) = build(rows, metric, 1, &|_, _| (), &AtomicBool::new(false)).unwrap();
        assert_eq!(graph.check(), Vec::<String>::new(), "{metric:?}");
        assert_eq!(order.len() as u32, rows.count());
        assert_eq!(order.iter().collect::<HashSet<_>>().len(), order.len());
        let arranged = order
            .iter()
            .flat_map(|row| rows.row(*row).unwrap().to_vec());
        (graph, arranged.collect())
    }

    #[test]
    fn recall_at_10_is_at_least_98_in_a_hundred() {
        for metric in METRICS {
            let data = clustered(2_000 + 100, 32, 40, metric);
            let (data, queries) = data.split_at(2_000 * 32);
            let (graph, data) = built(data, 32, metric);
            let (rows, scratch) = (Rows::new(&data, 32), &mut Scratch::default());
            let mut hits = 0;
            for query in queries.chunks_exact(32) {
                let found = search(
                    &graph,
                    rows,
                    metric,
                    query,
                    10,
                    DEFAULT_EF,
                    |_| true,
                    scratch,
                );
                let wanted = exact(rows, metric, query, 10, |_| true);
                hits += wanted.iter().filter(|hit| found.contains(hit)).count();
            }
            assert!(hits >= 980, "{metric:?}: {hits} of 1000");
        }
    }

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

    #[test]
    fn every_count_of_rows_makes_a_sound_graph() {
        for metric in METRICS {
            for count in [0, 1, 2, 3, 65, 110, 111, 112, 400] {
                let data = clustered(count, 3, 5, metric);
                let (graph, data) = built(&data, 3, metric);
                let (rows, scratch) = (Rows::new(&data, 3), &mut Scratch::default());
                let found = search(&graph, rows, metric, &[0.1; 3], count, 1, |_| true, scratch);
                assert_eq!(found.len(), count, "{metric:?}");
            }
        }
    }

    #[test]
    fn copies_of_one_vector_cut_nothing_off() {
        let mut data = [0.6, 0.8].repeat(300);
        data.extend(clustered(100, 2, 5, Metric::Cosine));
        for metric in METRICS {
            let (graph, data) = built(&data, 2, metric);
            let (rows, scratch) = (Rows::new(&data, 2), &mut Scratch::default());
            let other = |node: u32| rows.row(node) != Some(&[0.6, 0.8]);
            let found = search(&graph, rows, metric, &[0.6, 0.8], 100, 1, other, scratch);
            assert_eq!(found.len(), 100, "{metric:?}");
        }
    }

    #[test]
    fn lengths_and_values_of_any_size_are_built() {
        for value in [0.0, 1e-30, 1e30, f32::MAX] {
            let data: Vec<f32> = (0..300).map(|at| value * (at % 7) as f32 / 7.0).collect();
            for metric in METRICS {
                built(&data, 2, metric);
            }
        }
    }

    #[test]
    fn progress_goes_up_to_the_count_of_rows() {
        let data = clustered(3_000, 2, 5, Metric::L2);
        let told = Mutex::new(Vec::new());
        let tell = |done, of| told.lock().unwrap().push((done, of));
        build(
            Rows::new(&data, 2),
            Metric::L2,
            1,
            &tell,
            &AtomicBool::new(false),
        )
        .unwrap();
        let mut told = told.into_inner().unwrap();
        assert_eq!(told.first(), Some(&(0, 3_000)));
        assert_eq!(told.last(), Some(&(3_000, 3_000)));
        told.sort_unstable();
        assert_eq!(told.len(), 4, "{told:?}");
    }

    #[test]
    fn a_cancelled_build_ends_at_once_with_an_error() {
        let data = clustered(20_000, 8, 5, Metric::L2);
        let cancelled = AtomicBool::new(false);
        let cancel = |done, _| cancelled.store(done > 0, Ordering::Relaxed);
        let built = build(Rows::new(&data, 8), Metric::L2, 1, &cancel, &cancelled);
        assert_eq!(built.unwrap_err().what, "it was cancelled");
    }
}
