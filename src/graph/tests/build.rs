use crate::graph::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use twinspire_core::kernel::Metric;

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::InnerProduct, Metric::L2];

fn each() -> impl Iterator<Item = (Metric, GraphBuilder)> {
    let builders = [GraphBuilder::Batches, GraphBuilder::InstantDistance];
    METRICS
        .into_iter()
        .flat_map(move |metric| builders.map(|builder| (metric, builder)))
}

/// Vectors around `centres` centres, of unlike lengths, but of length 1 under cosine.
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

/// Builds a graph, checks it, and brings the rows into node order.
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

/// recall@k of searches with codes at the default beam width.
fn recall(count: usize, dimension: usize, k: usize, metric: Metric, builder: GraphBuilder) -> f64 {
    let data = clustered(count + 500, dimension, 40, metric);
    let (data, queries) = data.split_at(count * dimension);
    let (graph, data) = built(data, dimension, metric, builder);
    let (rows, scratch) = (Rows::new(&data, dimension), &mut Scratch::default());
    let codes = OwnedCodes::quantise(rows, metric).unwrap();
    let vectors = NodeVectors {
        metric,
        rows: rows.into(),
        codes: Some(codes.view()),
        paged: None,
    };
    let mut hits = 0;
    for query in queries.chunks_exact(dimension) {
        let found = search(
            &graph,
            &vectors,
            &BeamParams::new(query, k, DEFAULT_EF),
            scratch,
        );
        let wanted = search_exact(&vectors, query, k, |_| true).remove(0);
        hits += wanted.iter().filter(|hit| found.contains(hit)).count();
    }
    hits as f64 / (500 * k) as f64
}

#[test]
fn recall_at_10_is_at_least_0_98() {
    for (metric, builder) in each() {
        let recall = recall(2_000, 32, 10, metric, builder);
        assert!(recall >= 0.98, "{metric:?}, {builder:?}: {recall}");
    }
}

#[test]
fn recall_at_1_is_at_least_0_98_in_low_dimensions() {
    for metric in METRICS {
        let recall = recall(4_000, 12, 1, metric, GraphBuilder::Batches);
        assert!(recall >= 0.98, "{metric:?}: {recall}");
    }
}

#[test]
fn every_number_of_rows_gives_a_sound_graph() {
    for (metric, builder) in each() {
        for count in [0, 1, 2, 3, 65, 110, 111, 112, 400] {
            let data = clustered(count, 3, 5, metric);
            let (graph, data) = built(&data, 3, metric, builder);
            let (rows, scratch) = (Rows::new(&data, 3), &mut Scratch::default());
            let vectors = NodeVectors::full_precision(metric, rows);
            let found = search(
                &graph,
                &vectors,
                &BeamParams::new(&[0.1; 3], count, 1),
                scratch,
            );
            assert_eq!(found.len(), count, "{metric:?}");
        }
    }
}

#[test]
fn copies_of_one_vector_leave_all_others_reachable() {
    let mut data = [0.6, 0.8].repeat(300);
    data.extend(clustered(100, 2, 5, Metric::Cosine));
    for (metric, builder) in each() {
        let (graph, data) = built(&data, 2, metric, builder);
        let (rows, scratch) = (Rows::new(&data, 2), &mut Scratch::default());
        let mut other = |node: u32| rows.row(node) != Some(&[0.6, 0.8]);
        let (vectors, params) = (
            NodeVectors::full_precision(metric, rows),
            BeamParams::new(&[0.6, 0.8], 100, 1),
        );
        let found = search_filtered(
            &graph,
            &vectors,
            &params,
            WalkLimits::for_beam(1),
            &mut other,
            scratch,
        );
        assert_eq!(found.unwrap().len(), 100, "{metric:?}");
    }
}

#[test]
fn rows_of_any_magnitude_are_built() {
    for value in [0.0, 1e-30, 1e30, f32::MAX] {
        let data: Vec<f32> = (0..300).map(|at| value * (at % 7) as f32 / 7.0).collect();
        for (metric, builder) in each() {
            built(&data, 2, metric, builder);
        }
    }
}

#[test]
fn progress_runs_from_zero_to_the_number_of_rows() {
    let data = clustered(3_000, 2, 5, Metric::L2);
    for builder in [GraphBuilder::Batches, GraphBuilder::InstantDistance] {
        let reports = Mutex::new(Vec::new());
        let report = |done, of| reports.lock().unwrap().push((done, of));
        let (rows, never) = (Rows::new(&data, 2), AtomicBool::new(false));
        build(rows, Metric::L2, builder, 1, &report, &never).unwrap();
        let mut reports = reports.into_inner().unwrap();
        assert_eq!(reports.first(), Some(&(0, 3_000)));
        assert_eq!(reports.last(), Some(&(3_000, 3_000)));
        reports.sort_unstable();
        assert!(reports.len() >= 4, "{reports:?}");
    }
}

#[test]
fn a_cancelled_build_fails() {
    let data = clustered(5_000, 8, 5, Metric::L2);
    for builder in [GraphBuilder::Batches, GraphBuilder::InstantDistance] {
        let cancelled = AtomicBool::new(false);
        let cancel = |done, _| cancelled.store(done > 0, Ordering::Relaxed);
        let rows = Rows::new(&data, 8);
        let built = build(rows, Metric::L2, builder, 1, &cancel, &cancelled);
        assert!(matches!(built, Err(GraphError::Cancelled)));
    }
}

#[test]
fn the_number_of_threads_does_not_change_the_graph() {
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
