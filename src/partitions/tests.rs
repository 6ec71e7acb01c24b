//! Partitions against brute force.

use super::*;
use crate::graph::{BeamParams, NodeVectors, OwnedCodes, Rows, ScoredNode, Scratch, search_exact};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::atomic::AtomicBool;
use twinspire_core::kernel::{Level, Metric, prepare};

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::InnerProduct, Metric::L2];

/// Rows in leaf order, and partitions of them.
struct Built {
    metric: Metric,
    dimension: usize,
    rows: Vec<f32>,
    codes: Option<OwnedCodes>,
    partitions: OwnedPartitions,
}

impl Built {
    fn new(metric: Metric, dimension: usize, rows: &[f32], leaves: usize) -> Self {
        let mut rows = rows.to_vec();
        for row in rows.chunks_mut(dimension) {
            prepare(metric, row).unwrap();
        }
        let plain = Rows::new(&rows, dimension);
        let params = PartitionParams {
            leaves,
            ..PartitionParams::for_rows(plain.count())
        };
        let never = AtomicBool::new(false);
        let (partitions, order) = build(metric, plain, params, &|_, _| (), &never).unwrap();
        let mut all = order.clone();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..plain.count()));
        let rows: Vec<f32> = order
            .iter()
            .flat_map(|row| plain.row(*row).unwrap().to_vec())
            .collect();
        Self {
            metric,
            dimension,
            codes: OwnedCodes::quantise(Rows::new(&rows, dimension), metric),
            rows,
            partitions,
        }
    }

    fn vectors(&self) -> NodeVectors<'_> {
        let rows = Rows::new(&self.rows, self.dimension);
        let mut vectors = NodeVectors::full_precision(self.metric, rows);
        vectors.codes = self.codes.as_ref().map(OwnedCodes::view);
        vectors
    }

    fn nodes(&self) -> u32 {
        self.vectors().rows.count()
    }

    fn exact(&self, query: &[f32], k: usize, accept: impl Fn(u32) -> bool) -> Vec<ScoredNode> {
        search_exact(&self.vectors(), query, k, accept).remove(0)
    }

    fn search(
        &self,
        query: &[f32],
        k: usize,
        ef: usize,
        accept: impl Fn(u32) -> bool,
    ) -> Vec<ScoredNode> {
        let params = BeamParams::new(query, k, ef);
        let (mut leaves, mut scratch) = (LeafScratch::default(), Scratch::default());
        let (view, vectors) = (self.partitions.view(), self.vectors());
        let filter = &mut |node| accept(node);
        let found = search(&view, &vectors, &params, filter, &mut leaves, &mut scratch);
        found[..k.min(found.len())].to_vec()
    }

    /// As [`search`](Self::search), on a selection of the accepted nodes.
    fn search_selected(
        &self,
        query: &[f32],
        k: usize,
        ef: usize,
        accept: impl Fn(u32) -> bool,
    ) -> Vec<ScoredNode> {
        let (all, vectors) = (self.partitions.view(), self.vectors());
        let accepted = (0..self.nodes()).filter(|node| accept(*node));
        let most = Selection::most_bytes(&all, accepted.clone().count());
        let selection = Selection::of(&all, accepted);
        assert!(selection.bytes() <= most, "{} of {most}", selection.bytes());
        let (mut leaves, mut scratch) = (LeafScratch::default(), Scratch::default());
        let (view, params) = (selection.view(&all), BeamParams::new(query, k, ef));
        // Nothing but selected nodes is tested.
        let filter = &mut |node| {
            assert!(accept(node));
            true
        };
        let found = search(&view, &vectors, &params, filter, &mut leaves, &mut scratch);
        found[..k.min(found.len())].to_vec()
    }

    fn radius(&self, query: &[f32], least: f32, accept: impl Fn(u32) -> bool) -> Vec<ScoredNode> {
        let (mut leaves, mut scratch) = (LeafScratch::default(), Scratch::default());
        let (view, vectors) = (self.partitions.view(), self.vectors());
        let filter = &mut |node| accept(node);
        search_radius(
            &view,
            &vectors,
            (query, least),
            filter,
            &mut leaves,
            &mut scratch,
        )
        .to_vec()
    }
}

/// Rows of some dimension, some near to each other, with a query and a number of leaves.
fn sets() -> impl Strategy<Value = (usize, Vec<f32>, Vec<f32>, usize)> {
    (1usize..40, 1usize..100, 1usize..12, 0.0f32..4.0).prop_flat_map(
        |(dimension, rows, leaves, apart)| {
            let number = -1.0f32..1.0;
            let data = (
                vec(number.clone(), dimension * rows),
                vec(number, dimension),
            );
            data.prop_map(move |(mut data, query)| {
                // Three groups, as far from each other as `apart` says.
                for (at, row) in data.chunks_mut(dimension).enumerate() {
                    row[0] += apart * (at % 3) as f32 + 0.01;
                }
                (dimension, data, query, leaves)
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_search_of_all_leaves_is_exact(
        (dimension, data, query, leaves) in sets(), k in 1usize..30, third in 0u32..4,
    ) {
        for metric in METRICS {
            let built = Built::new(metric, dimension, &data, leaves);
            prop_assert_eq!(built.partitions.view().check(&built.vectors()), Vec::<String>::new());
            let accept = |node: u32| third == 3 || node % 3 == third;
            let wide = built.nodes() as usize;
            let exact = built.exact(&query, k, accept);
            prop_assert_eq!(&built.search(&query, k, wide, accept), &exact, "{}", metric);
            // A narrow search finds as many, if not the same.
            prop_assert_eq!(built.search(&query, k, 1, accept).len(), exact.len());
            prop_assert_eq!(&built.search_selected(&query, k, wide, accept), &exact, "{}", metric);
            prop_assert_eq!(built.search_selected(&query, k, 1, accept).len(), exact.len());
        }
    }

    #[test]
    fn a_radius_search_misses_nothing(
        (dimension, data, query, leaves) in sets(), rank in 0usize..100, odd in any::<bool>(),
    ) {
        for metric in METRICS {
            let built = Built::new(metric, dimension, &data, leaves);
            let accept = |node: u32| !odd || node % 2 == 1;
            let all = built.exact(&query, built.nodes() as usize, accept);
            // On the score of a node, just above it, and beyond all.
            let score = all.get(rank % all.len().max(1)).map_or(0.0, |scored| scored.score);
            for least in [score, score.next_up(), f32::NEG_INFINITY, f32::INFINITY] {
                let inside = all.iter().filter(|scored| scored.score >= least);
                let inside: Vec<ScoredNode> = inside.copied().collect();
                prop_assert_eq!(built.radius(&query, least, accept), inside, "{}", metric);
            }
        }
    }

    #[test]
    fn damaged_arrays_cause_no_panic_and_most_damage_is_found(
        (dimension, data, query, leaves) in sets(), array in 0usize..10, place in any::<usize>(), bits in 1u32..,
    ) {
        let mut built = Built::new(Metric::InnerProduct, dimension, &data, leaves);
        let arrays = &mut built.partitions.arrays;
        let flip_float = |all: &mut Vec<f32>| {
            let at = place % all.len();
            all[at] = f32::from_bits(all[at].to_bits() ^ bits);
        };
        let flip_number = |all: &mut Vec<u32>| {
            let at = place % all.len();
            all[at] ^= bits;
        };
        let flip_byte = |all: &mut Vec<u8>| {
            let at = place % all.len();
            all[at] ^= (bits % 255 + 1) as u8;
        };
        match array {
            0 => flip_float(&mut arrays.matrix),
            1 => flip_float(&mut arrays.words),
            2 => flip_float(&mut arrays.centroids),
            3 => flip_float(&mut arrays.halves),
            4 => flip_float(&mut arrays.radii),
            8 => flip_float(&mut arrays.spreads),
            5 => flip_number(&mut arrays.first_nodes),
            6 => flip_number(&mut arrays.first_blocks),
            7 => flip_byte(&mut arrays.tiles),
            _ => flip_byte(&mut arrays.codes),
        }
        built.search(&query, 5, 3, |_| true);
        built.search_selected(&query, 5, 3, |node| node % 3 != 0);
        built.radius(&query, 0.0, |_| true);
        let problems = built.partitions.view().check(&built.vectors());
        if (5..8).contains(&array) {
            prop_assert!(!problems.is_empty());
        }
    }
}

/// Numbers from -1 to 1 without a pattern.
fn noise(count: usize) -> Vec<f32> {
    let number = |at: usize| {
        let mixed = (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(number).collect()
}

/// Rows around 40 centres.
fn clustered(rows: usize, dimension: usize) -> Vec<f32> {
    let (centres, offsets) = (noise(40 * dimension), noise(rows * dimension));
    let row = |at: usize| {
        let centre = &centres[at * at % 40 * dimension..][..dimension];
        let offset = &offsets[at * dimension..][..dimension];
        centre
            .iter()
            .zip(offset)
            .map(|(c, o)| 1.5 * c + 0.7 * o)
            .collect::<Vec<f32>>()
    };
    (0..rows).flat_map(row).collect()
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let data = clustered(3_000, 20);
    let build = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let built = pool.install(|| Built::new(Metric::Cosine, 20, &data, 60));
        let arrays = built.partitions.arrays;
        let floats = [
            arrays.matrix,
            arrays.words,
            arrays.centroids,
            arrays.halves,
            arrays.radii,
            arrays.spreads,
        ];
        let bits = floats.concat().into_iter().map(f32::to_bits);
        (
            bits.collect::<Vec<u32>>(),
            [arrays.first_nodes, arrays.first_blocks],
            [arrays.tiles, arrays.codes],
            built.partitions.book,
            built.rows,
        )
    };
    assert_eq!(build(1), build(4));
}

#[test]
fn half_of_the_leaves_hold_nearly_all_of_the_best() {
    let data = clustered(3_000, 24);
    for metric in METRICS {
        let built = Built::new(metric, 24, &data, 120);
        let (mut found, mut wanted) = (0, 0);
        for at in 0..50 {
            let query = &data[at * 57 * 24..][..24];
            let query: Vec<f32> = query
                .iter()
                .zip(noise(24))
                .map(|(x, n)| x + 0.3 * n)
                .collect();
            let exact = built.exact(&query, 10, |_| true);
            let some = built.search(&query, 10, 30, |_| true);
            wanted += exact.len();
            found += exact.iter().filter(|scored| some.contains(scored)).count();
        }
        assert!(found * 100 >= 95 * wanted, "{metric}: {found} of {wanted}");
    }
}

#[test]
fn a_search_of_a_selection_finds_as_much_as_one_of_all_nodes() {
    let data = clustered(6_000, 24);
    for metric in METRICS {
        let built = Built::new(metric, 24, &data, 60);
        let (mut found_of_all, mut found_of_some, mut wanted) = (0, 0, 0);
        for at in 0..50 {
            let query = &data[at * 57 * 24..][..24];
            let query: Vec<f32> = query
                .iter()
                .zip(noise(24))
                .map(|(x, n)| x + 0.3 * n)
                .collect();
            let found = |exact: &[ScoredNode], some: &[ScoredNode]| {
                exact.iter().filter(|scored| some.contains(scored)).count()
            };
            let all = |_: u32| true;
            found_of_all += found(
                &built.exact(&query, 10, all),
                &built.search(&query, 10, 5, all),
            );
            // A share of the nodes, and those of some of the leaves.
            for some in [|node: u32| node % 7 == 3, |node: u32| node / 500 % 4 == 1] {
                let exact = built.exact(&query, 10, some);
                found_of_some += found(&exact, &built.search_selected(&query, 10, 5, some));
            }
            wanted += 10;
        }
        let (all, some) = (found_of_all, found_of_some / 2);
        assert!(some * 50 >= all * 49, "{metric}: {some}, {all} of {wanted}");
    }
}

#[test]
fn large_dimensions_are_rotated_block_by_block() {
    for dimension in [257, 600, 4_096] {
        let data = noise(40 * dimension);
        let built = Built::new(Metric::Cosine, dimension, &data, 4);
        assert_eq!(
            built.partitions.view().check(&built.vectors()),
            Vec::<String>::new()
        );
        let query = &data[..dimension];
        let all = |_: u32| true;
        assert_eq!(built.search(query, 7, 40, all), built.exact(query, 7, all));
    }
}

#[test]
fn a_rotation_keeps_inner_products_and_an_empty_set_has_no_leaves() {
    let data = clustered(300, 30);
    let built = Built::new(Metric::InnerProduct, 30, &data, 5);
    let view = built.partitions.view();
    let rotated = view.rotation().apply_all(Rows::new(&data, 30));
    let level = Level::best();
    for (a, b) in [(0, 1), (5, 5), (7, 200)] {
        let product = |data: &[f32]| level.dot(&data[30 * a..][..30], &data[30 * b..][..30]);
        let (before, after) = (product(&data), product(&rotated));
        assert!(
            (before - after).abs() < 1e-3 * (1.0 + before.abs()),
            "{before} {after}"
        );
    }

    let empty = Built::new(Metric::L2, 3, &[], 5);
    assert_eq!(empty.partitions.book.leaves, 0);
    assert_eq!(empty.search(&[0.0; 3], 5, 10, |_| true), []);
    assert_eq!(empty.radius(&[0.0; 3], -1.0, |_| true), []);
}

#[test]
fn a_cancelled_build_ends() {
    let (data, cancelled) = (clustered(500, 8), AtomicBool::new(true));
    let (rows, params) = (Rows::new(&data, 8), PartitionParams::for_rows(500));
    assert!(build(Metric::L2, rows, params, &|_, _| (), &cancelled).is_none());
}
