use super::{brute_force, metric, ring, search_accepted};
use crate::graph::links::NO_NODE;
use crate::graph::*;
use proptest::collection::vec;
use proptest::prelude::*;
use twinspire_core::kernel::{Metric, Storage, Vector};

/// Components from few values, so that scores tie.
fn component() -> impl Strategy<Value = f32> {
    prop_oneof![(-3i8..=3).prop_map(f32::from), -1.0f32..1.0]
}

proptest! {
    #[test]
    fn a_beam_as_wide_as_a_connected_graph_is_exact(
        data in vec(component(), 3..180),
        query in vec(component(), 3),
        chords in vec(any::<u32>(), 60),
        metric in metric(),
        k in 0usize..70,
        every in 1u32..5,
    ) {
        let rows = Rows::new(&data, 3);
        let graph = ring(rows.count(), &chords);
        let accept = |node: u32| node.is_multiple_of(every);
        let vectors = NodeVectors::full_precision(metric, rows);
        let found = search_accepted(&graph, &vectors, (&query, k, 60), accept);
        let wanted = brute_force(rows, metric, &query, k, accept);
        prop_assert_eq!(&found, &wanted);
        let twice = [query.as_slice(), &query].concat();
        prop_assert_eq!(search_exact(&vectors, &twice, k, accept), [wanted.clone(), wanted]);
        let scratch = &mut Scratch::default();
        let found = search(&graph, &vectors, &BeamParams::new(&query, k, 60), scratch);
        let wanted = brute_force(rows, metric, &query, k, |_| true);
        prop_assert_eq!(&found[..k.min(found.len())], &wanted);
    }

    #[test]
    fn rows_in_half_precision_are_searched_as_the_floats_they_encode(
        data in vec(component(), 3..180),
        query in vec(component(), 3),
        chords in vec(any::<u32>(), 60),
        metric in metric(),
        k in 1usize..70,
    ) {
        let mut data = data[..data.len() / 3 * 3].to_vec();
        let stored = Vector::of(Storage::Half, data.clone()).unwrap();
        let Vector::Half(halves) = &stored else { panic!("{stored:?}") };
        Storage::Half.round(&mut data).unwrap();
        let rows = Rows::new(&data, 3);
        let halves = StoredRows::Half(Rows::new(halves, 3));
        prop_assert_eq!((halves.count(), halves.dimension()), (rows.count(), 3));
        let codes = OwnedCodes::quantise(rows, metric);
        prop_assert_eq!(codes.and_then(|codes| codes.view().first_mismatch(halves)), None);
        let graph = ring(rows.count(), &chords);
        let vectors = NodeVectors { metric, rows: halves, codes: None, paged: None };
        let scratch = &mut Scratch::default();
        let found = search(&graph, &vectors, &BeamParams::new(&query, k, 60), scratch);
        // Another kernel adds in another order: scores are near, and near ones may change places.
        let wanted = brute_force(rows, metric, &query, k, |_| true);
        let scanned = search_exact(&vectors, &query, k, |_| true).remove(0);
        prop_assert_eq!(scanned.len(), wanted.len());
        prop_assert!(found.len() >= wanted.len());
        for ((found, scanned), wanted) in found.iter().zip(&scanned).zip(&wanted) {
            prop_assert_eq!(found, scanned);
            prop_assert!((found.score - wanted.score).abs() < 1e-5 * (1.0 + wanted.score.abs()));
        }
    }

    #[test]
    fn a_radius_search_finds_all_nodes_inside_boundary_included(
        data in vec(component(), 3..180),
        query in vec(component(), 3),
        chords in vec(any::<u32>(), 60),
        metric in metric(),
        at in any::<prop::sample::Index>(),
        every in 1u32..3,
        coded in any::<bool>(),
    ) {
        let rows = Rows::new(&data, 3);
        let graph = ring(rows.count(), &chords);
        let accept = |node: u32| node.is_multiple_of(every);
        let codes = OwnedCodes::quantise(rows, metric).filter(|_| coded);
        let codes = codes.as_ref().map(OwnedCodes::view);
        let vectors = NodeVectors { metric, rows: rows.into(), codes, paged: None };
        // The radius is the very score of one of them.
        let all = brute_force(rows, metric, &query, 60, |_| true);
        let least = all[at.index(all.len())].score;
        let scratch = &mut Scratch::default();
        let found = search_radius(&graph, &vectors, (&query, least), 60, accept, scratch);
        let wanted = all.into_iter().filter(|s| s.score >= least && accept(s.node));
        prop_assert_eq!(found, wanted.collect::<Vec<_>>());
    }

    #[test]
    fn k_nodes_are_found_however_narrow_the_beam(
        data in vec(component(), 30..120),
        chords in vec(any::<u32>(), 60),
        metric in metric(),
        ef in 0usize..10,
    ) {
        let rows = Rows::new(&data, 2);
        let graph = ring(rows.count(), &chords);
        let accept = |node: u32| node % 5 == 4;
        let codes = OwnedCodes::quantise(rows, metric);
        let codes = codes.as_ref().map(OwnedCodes::view);
        let vectors = NodeVectors { metric, rows: rows.into(), codes, paged: None };
        let found = search_accepted(&graph, &vectors, (&[1.0, 0.5], 3, ef), accept);
        prop_assert_eq!(found.len(), 3);
        prop_assert!(found.iter().all(|scored| accept(scored.node)));
        prop_assert!(found.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn random_arrays_are_walked_without_harm(
        ids in vec(prop_oneof![0u32..12, any::<u32>()], 72),
        data in vec(any::<f32>(), 0..40),
        query in vec(any::<f32>(), 0..4),
        metric in metric(),
        dimension in 0usize..4,
        entry in 0u32..4,
    ) {
        let layer = |from: usize| Layer {
            nodes: &ids[from..from + 4],
            down: &ids[from + 4..from + 8],
            links: &ids[from + 8..from + 16],
            stride: 2,
        };
        let layers = vec![layer(40), layer(56)];
        let graph = Graph::from_parts(10, &ids[..40], 4, layers, entry).unwrap();
        let rows = Rows::new(&data, dimension);
        let scratch = &mut Scratch::default();
        for k in [0, 1, 5, usize::MAX] {
            let params = BeamParams::new(&query, k.min(1_000), 3);
            let found = search(&graph, &NodeVectors::full_precision(metric, rows), &params, scratch);
            prop_assert!(found.iter().all(|scored| scored.node < rows.count().min(10)));
            prop_assert!(found.windows(2).all(|pair| pair[0] > pair[1]));
        }
    }
}

#[test]
fn beams_of_any_width_find_k_nodes() {
    let data: Vec<f32> = (0..6_000).map(|at| (at * 7_919 % 6_007) as f32).collect();
    let rows = Rows::new(&data, 1);
    let graph = ring(
        rows.count(),
        &(0..6_000).map(|at| at * 31).collect::<Vec<_>>(),
    );
    let (vectors, scratch) = (
        NodeVectors::full_precision(Metric::L2, rows),
        &mut Scratch::default(),
    );
    let nodes = (0..6_000).filter(|node| node % 2 == 0);
    for k in [3, 1_000, 1_024, 1_025, 5_000, 6_000] {
        let params = BeamParams::new(&[2_500.2], k, k);
        let wanted = brute_force(rows, Metric::L2, &[2_500.2], k, |node| node % 2 == 0);
        let among = rerank(&vectors, &params, nodes.clone(), scratch);
        assert!(among[..wanted.len()] == wanted, "{k}");
        let found = search(&graph, &vectors, &params, scratch);
        assert!(found.len() >= k && found.is_sorted_by(|a, b| a > b), "{k}");
        let all = brute_force(rows, Metric::L2, &[2_500.2], k, |_| true);
        assert!(k < 6_000 || found == all, "{k}");
    }
}

#[test]
fn one_scratch_serves_searches_over_graphs_of_any_size() {
    let data: Vec<f32> = (0..60).map(|i| i as f32).collect();
    let scratch = &mut Scratch::default();
    for turn in 0..100 {
        let rows = Rows::new(&data[..if turn % 25 == 0 { 60 } else { 7 }], 1);
        let graph = ring(rows.count(), &[0; 60]);
        let vectors = NodeVectors::full_precision(Metric::L2, rows);
        let found = search(&graph, &vectors, &BeamParams::new(&[5.2], 60, 60), scratch);
        let wanted = brute_force(rows, Metric::L2, &[5.2], 60, |_| true);
        assert_eq!(found, wanted, "turn {turn}");
    }
}

#[test]
fn nan_scores_rank_last() {
    let data = [f32::NAN, 1.0, f32::NAN, 2.0];
    let rows = Rows::new(&data, 1);
    let nodes = |found: Vec<ScoredNode>| found.iter().map(|s| s.node).collect::<Vec<_>>();
    let vectors = NodeVectors::full_precision(Metric::InnerProduct, rows);
    let mut found = search_exact(&vectors, &[1.0], 4, |_| true);
    assert_eq!(nodes(found.remove(0)), [3, 1, 0, 2]);
}

#[test]
fn nodes_are_found_though_the_greedy_walk_ends_in_a_dead_end() {
    let layer = Layer {
        nodes: vec![0, 2],
        down: vec![0, 2],
        links: vec![1, NO_NODE],
        stride: 1,
    };
    let base = vec![1, 2, NO_NODE];
    let graph = Graph::from_parts(3, base, 1, vec![layer], 0).unwrap();
    assert!(graph.check().is_empty());
    let rows = Rows::new(&[0.0, 1.0, 2.0], 1);
    let scratch = &mut Scratch::default();
    let vectors = NodeVectors::full_precision(Metric::L2, rows);
    let found = search(&graph, &vectors, &BeamParams::new(&[2.0], 3, 1), scratch);
    let nodes: Vec<u32> = found.iter().map(|scored| scored.node).collect();
    assert_eq!(nodes, [2, 1, 0]);
}

#[test]
fn a_search_of_an_empty_graph_finds_nothing() {
    let graph = Graph::from_parts(0, Vec::<u32>::new(), 2, Vec::new(), 0).unwrap();
    let rows = Rows::new(&[], 2);
    let scratch = &mut Scratch::default();
    let vectors = NodeVectors::full_precision(Metric::L2, rows);
    let found = search(
        &graph,
        &vectors,
        &BeamParams::new(&[0.0; 2], 5, 10),
        scratch,
    );
    assert!(found.is_empty());
}
