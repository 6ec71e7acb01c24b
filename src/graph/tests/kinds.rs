//! Recall on vectors of every kind that models make.

use crate::graph::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::sync::atomic::AtomicBool;
use twinspire_core::kernel::{Metric, prepare};

const COUNT: usize = 1_000;
const DIMENSION: usize = 16;
const QUERIES: usize = 60;

/// A number of the standard normal distribution (Box-Muller transform).
fn normal(random: &mut Pcg64) -> f32 {
    let (a, b): (f64, f64) = (random.random(), random.random());
    ((-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
}

fn row(random: &mut Pcg64) -> Vec<f32> {
    (0..DIMENSION).map(|_| normal(random)).collect()
}

/// recall@k for k = 10 and 100 at the default beam width, of the rows that `change` makes of random ones.
fn recall(
    metric: Metric,
    change: impl Fn(&mut Pcg64, usize, &mut Vec<f32>),
    query_near_row: bool,
) -> [f64; 2] {
    let mut random = Pcg64::seed_from_u64(11);
    let mut rows: Vec<Vec<f32>> = Vec::new();
    for at in 0..COUNT {
        let mut row = row(&mut random);
        change(&mut random, at, &mut row);
        rows.push(row);
    }
    let queries = (0..QUERIES).map(|at| match query_near_row {
        // Between two rows.
        true => {
            let pair = rows[at * 16].iter().zip(&rows[at * 16 + 7]);
            pair.map(|(a, b)| a + 0.3 * b).collect()
        }
        false => row(&mut random),
    });
    let mut queries: Vec<Vec<f32>> = queries.collect();
    for vector in rows.iter_mut().chain(&mut queries) {
        prepare(metric, vector).unwrap();
    }
    // Equal vectors are folded before a graph is built.
    rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
    rows.dedup();
    let data = rows.concat();
    let rows = Rows::new(&data, DIMENSION);
    let (builder, never) = (GraphBuilder::Batches, AtomicBool::new(false));
    let (graph, order) = build(rows, metric, builder, 1, &|_, _| (), &never).unwrap();
    assert_eq!(graph.check(), Vec::<String>::new());
    let ordered = order.iter().flat_map(|row| rows.row(*row).unwrap());
    let data: Vec<f32> = ordered.copied().collect();
    let rows = Rows::new(&data, DIMENSION);
    let codes = OwnedCodes::quantise(rows, metric);
    let vectors = NodeVectors {
        metric,
        rows: rows.into(),
        codes: codes.as_ref().map(OwnedCodes::view),
        paged: None,
    };
    let scratch = &mut Scratch::default();
    [10, 100].map(|k| {
        let mut hits = 0;
        for query in &queries {
            let params = BeamParams::new(query, k, DEFAULT_EF.max(k + k / 2));
            let wanted = search_exact(&vectors, query, k, |_| true).remove(0);
            let found = search(&graph, &vectors, &params, scratch);
            assert!(found.len() >= k.min(wanted.len()));
            let worst = wanted.last().unwrap().score;
            let right = found.iter().filter(|hit| hit.score >= worst);
            hits += right.count().min(k);
        }
        hits as f64 / (k * QUERIES) as f64
    })
}

#[test]
fn largest_inner_products_are_found_whatever_the_lengths() {
    type Change<'a> = &'a dyn Fn(&mut Pcg64, usize, &mut Vec<f32>);
    let scale = |row: &mut Vec<f32>, by: f32| row.iter_mut().for_each(|x| *x *= by);
    let kinds: [(&str, Change<'_>); 7] = [
        ("uniform", &|random, _, row| scale(row, random.random())),
        ("σ 0.3", &|random, _, row| {
            let by = (0.3 * normal(random)).exp();
            scale(row, by);
        }),
        ("σ 1", &|random, _, row| {
            let by = normal(random).exp();
            scale(row, by);
        }),
        ("σ 2.5", &|random, _, row| {
            let by = (2.5 * normal(random)).exp();
            scale(row, by);
        }),
        ("one long", &|_, at, row| {
            scale(row, if at == 7 { 1_000.0 } else { 1.0 });
        }),
        ("zeros", &|_, at, row| {
            scale(row, if at % 4 == 0 { 1.0 } else { 0.0 });
        }),
        // Every second query is opposite to all rows: its best matches are short.
        ("one orthant", &|_, _, row| {
            row.iter_mut().for_each(|x| *x = x.abs());
        }),
    ];
    for (name, change) in kinds {
        let [ten, hundred] = recall(Metric::InnerProduct, change, false);
        assert!(ten >= 0.98 && hundred >= 0.97, "{name}: {ten}, {hundred}");
    }
}

#[test]
fn near_copies_hide_nothing() {
    let centre: Vec<f32> = (0..DIMENSION).map(|at| (at as f32).sin()).collect();
    for (noise, centres) in [(1e-6, 1), (1e-2, 1), (1e-3, 40)] {
        let near = |random: &mut Pcg64, at: usize, row: &mut Vec<f32>| {
            if !at.is_multiple_of(10) {
                let shift = (at % centres) as f32;
                let copy = centre.iter().map(|x| x + shift + noise * normal(random));
                *row = copy.collect();
            }
        };
        for metric in [Metric::Cosine, Metric::L2] {
            let [found, _] = recall(metric, near, false);
            // What is missing is the order among copies as seen from afar, which differs by the noise alone.
            assert!(found >= 0.9, "{metric:?}, {noise}, {centres}: {found}");
        }
    }
}

#[test]
fn components_of_unlike_scale_cost_no_recall() {
    for factor in [20.0, 1_000.0] {
        let stretch = |_: &mut Pcg64, _: usize, row: &mut Vec<f32>| row[3] *= factor;
        for metric in [Metric::Cosine, Metric::L2, Metric::InnerProduct] {
            let [found, _] = recall(metric, stretch, true);
            assert!(found >= 0.97, "{metric:?}, × {factor}: {found}");
        }
    }
}
