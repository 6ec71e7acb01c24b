use super::scored::ScoredNode;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use twinspire_core::kernel::{Metric, Storage, Vector};

fn metric() -> impl Strategy<Value = Metric> {
    prop_oneof![
        Just(Metric::Cosine),
        Just(Metric::InnerProduct),
        Just(Metric::L2)
    ]
}

/// Sorts all rows that are kept: what `exact` should find.
fn brute(
    rows: Rows<'_>,
    metric: Metric,
    query: &[f32],
    k: usize,
    keep: impl Fn(u32) -> bool,
) -> Vec<ScoredNode> {
    let kept = (0..rows.count()).filter(|node| keep(*node));
    let mut all: Vec<ScoredNode> = kept
        .map(|node| ScoredNode::new(node, metric.score(query, rows.row(node).unwrap())))
        .collect();
    all.sort_by(|a, b| b.cmp(a));
    all.truncate(k);
    all
}

/// What a search among kept nodes finds, without bound, cut to `k`.
fn kept(
    graph: &Graph<Vec<u32>>,
    points: &NodeVectors<'_>,
    (query, k, ef): (&[f32], usize, usize),
    keep: impl Fn(u32) -> bool,
) -> Vec<ScoredNode> {
    let (params, scratch) = (BeamParams::new(query, k, ef), &mut Scratch::default());
    let found = search_filtered(
        graph,
        points,
        &params,
        WalkLimits::for_beam(ef),
        &mut |node: u32| keep(node),
        scratch,
    );
    found.unwrap().iter().take(k).copied().collect()
}

/// A ring with random chords: connected, and with nothing else to recommend it.
fn ring(count: u32, chords: &[u32]) -> Graph<Vec<u32>> {
    let base: Vec<u32> = (0..count)
        .flat_map(|node| {
            let chord = chords[node as usize] % count;
            [(node + 1) % count, chord]
        })
        .collect();
    let nodes: Vec<u32> = (0..count).step_by(3).collect();
    let layer = Layer {
        links: (0..nodes.len() as u32)
            .map(|at| (at + 1) % nodes.len() as u32)
            .collect(),
        down: nodes.clone(),
        nodes,
        stride: 1,
    };
    Graph::from_parts(count, base, 2, vec![layer], 0).unwrap()
}

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
        let keep = |node: u32| node.is_multiple_of(every);
        let points = NodeVectors::plain(metric, rows);
        let found = kept(&graph, &points, (&query, k, 60), keep);
        let wanted = brute(rows, metric, &query, k, keep);
        prop_assert_eq!(&found, &wanted);
        let twice = [query.as_slice(), &query].concat();
        prop_assert_eq!(search_exact(&points, &twice, k, keep), [wanted.clone(), wanted]);
        let scratch = &mut Scratch::default();
        let found = search(&graph, &points, &BeamParams::new(&query, k, 60), scratch);
        let wanted = brute(rows, metric, &query, k, |_| true);
        prop_assert_eq!(&found[..k.min(found.len())], &wanted);
    }

    #[test]
    fn rows_in_half_precision_are_searched_as_the_numbers_they_stand_for(
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
        let codes = OwnedCodes::of(rows);
        prop_assert_eq!(codes.and_then(|codes| codes.view().differs(halves)), None);
        let graph = ring(rows.count(), &chords);
        let points = NodeVectors { metric, rows: halves, codes: None };
        let scratch = &mut Scratch::default();
        let found = search(&graph, &points, &BeamParams::new(&query, k, 60), scratch);
        // Another kernel adds in another order: scores are near, and near ones may change places.
        let wanted = brute(rows, metric, &query, k, |_| true);
        let scanned = search_exact(&points, &query, k, |_| true).remove(0);
        prop_assert_eq!(scanned.len(), wanted.len());
        prop_assert!(found.len() >= wanted.len());
        for ((found, scanned), wanted) in found.iter().zip(&scanned).zip(&wanted) {
            prop_assert_eq!(found, scanned);
            prop_assert!((found.score - wanted.score).abs() < 1e-5 * (1.0 + wanted.score.abs()));
        }
    }

    #[test]
    fn all_within_a_radius_are_found_where_a_walk_can_get_and_the_boundary_belongs_to_it(
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
        let keep = |node: u32| node.is_multiple_of(every);
        let codes = OwnedCodes::of(rows).filter(|_| coded);
        let codes = codes.as_ref().map(OwnedCodes::view);
        let points = NodeVectors { metric, rows: rows.into(), codes };
        // The radius is the very score of one of them.
        let all = brute(rows, metric, &query, 60, |_| true);
        let least = all[at.index(all.len())].score;
        let scratch = &mut Scratch::default();
        let found = search_radius(&graph, &points, (&query, least), 60, keep, scratch);
        let wanted = all.into_iter().filter(|s| s.score >= least && keep(s.node));
        prop_assert_eq!(found, wanted.collect::<Vec<_>>());
    }

    #[test]
    fn k_are_found_however_narrow_the_beam(
        data in vec(component(), 30..120),
        chords in vec(any::<u32>(), 60),
        metric in metric(),
        ef in 0usize..10,
    ) {
        let rows = Rows::new(&data, 2);
        let graph = ring(rows.count(), &chords);
        let keep = |node: u32| node % 5 == 4;
        let codes = OwnedCodes::of(rows);
        let codes = codes.as_ref().map(OwnedCodes::view);
        let points = NodeVectors { metric, rows: rows.into(), codes };
        let found = kept(&graph, &points, (&[1.0, 0.5], 3, ef), keep);
        prop_assert_eq!(found.len(), 3);
        prop_assert!(found.iter().all(|scored| keep(scored.node)));
        prop_assert!(found.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn arrays_that_mean_nothing_are_walked_without_harm(
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
            let found = search(&graph, &NodeVectors::plain(metric, rows), &params, scratch);
            prop_assert!(found.iter().all(|scored| scored.node < rows.count().min(10)));
            prop_assert!(found.windows(2).all(|pair| pair[0] > pair[1]));
        }
    }
}

#[test]
fn beams_of_any_length_find_all_there_is() {
    let data: Vec<f32> = (0..6_000).map(|at| (at * 7_919 % 6_007) as f32).collect();
    let rows = Rows::new(&data, 1);
    let graph = ring(
        rows.count(),
        &(0..6_000).map(|at| at * 31).collect::<Vec<_>>(),
    );
    let (points, scratch) = (
        NodeVectors::plain(Metric::L2, rows),
        &mut Scratch::default(),
    );
    let nodes = (0..6_000).filter(|node| node % 2 == 0);
    for k in [3, 1_000, 1_024, 1_025, 5_000, 6_000] {
        let params = BeamParams::new(&[2_500.2], k, k);
        let wanted = brute(rows, Metric::L2, &[2_500.2], k, |node| node % 2 == 0);
        let among = rerank(&points, &params, nodes.clone(), scratch);
        assert!(among[..wanted.len()] == wanted, "{k}");
        let found = search(&graph, &points, &params, scratch);
        assert!(found.len() >= k && found.is_sorted_by(|a, b| a > b), "{k}");
        let all = brute(rows, Metric::L2, &[2_500.2], k, |_| true);
        assert!(k < 6_000 || found == all, "{k}");
    }
}

#[test]
fn scratch_serves_searches_without_end_over_graphs_of_any_size() {
    let data: Vec<f32> = (0..60).map(|i| i as f32).collect();
    let scratch = &mut Scratch::default();
    for turn in 0..100 {
        let rows = Rows::new(&data[..if turn % 25 == 0 { 60 } else { 7 }], 1);
        let graph = ring(rows.count(), &[0; 60]);
        let points = NodeVectors::plain(Metric::L2, rows);
        let found = search(&graph, &points, &BeamParams::new(&[5.2], 60, 60), scratch);
        let wanted = brute(rows, Metric::L2, &[5.2], 60, |_| true);
        assert_eq!(found, wanted, "turn {turn}");
    }
}

#[test]
fn scores_that_are_not_numbers_come_last() {
    let data = [f32::NAN, 1.0, f32::NAN, 2.0];
    let rows = Rows::new(&data, 1);
    let nodes = |found: Vec<ScoredNode>| found.iter().map(|s| s.node).collect::<Vec<_>>();
    let points = NodeVectors::plain(Metric::InnerProduct, rows);
    let mut found = search_exact(&points, &[1.0], 4, |_| true);
    assert_eq!(nodes(found.remove(0)), [3, 1, 0, 2]);
}

#[test]
fn nodes_are_found_though_the_walk_down_ends_where_no_link_leads_away() {
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
    let points = NodeVectors::plain(Metric::L2, rows);
    let found = search(&graph, &points, &BeamParams::new(&[2.0], 3, 1), scratch);
    let nodes: Vec<u32> = found.iter().map(|scored| scored.node).collect();
    assert_eq!(nodes, [2, 1, 0]);
}

#[test]
fn an_empty_graph_has_nothing_to_find() {
    let graph = Graph::from_parts(0, Vec::<u32>::new(), 2, Vec::new(), 0).unwrap();
    let rows = Rows::new(&[], 2);
    let scratch = &mut Scratch::default();
    let points = NodeVectors::plain(Metric::L2, rows);
    let found = search(&graph, &points, &BeamParams::new(&[0.0; 2], 5, 10), scratch);
    assert!(found.is_empty());
}

fn small(base: &[u32], down: u32) -> Graph<Vec<u32>> {
    let layer = Layer {
        nodes: vec![1],
        down: vec![down],
        links: vec![NO_NODE],
        stride: 1,
    };
    Graph::from_parts(3, base.to_vec(), 2, vec![layer], 0).unwrap()
}

const RING: [u32; 6] = [1, NO_NODE, 2, 0, 0, NO_NODE];

#[test]
fn a_sound_graph_has_nothing_wrong_with_it() {
    assert_eq!(small(&RING, 1).check(), Vec::<String>::new());
    assert_eq!(small(&RING, 1).neighbours(1).collect::<Vec<_>>(), [2, 0]);
    assert_eq!(small(&RING, 1).neighbours(9).count(), 0);
}

#[test]
fn check_tells_what_is_wrong() {
    for (base, down, problem) in [
        ([7, NO_NODE, 2, 0, 0, NO_NODE], 1, "not there"),
        ([0, 1, 2, 0, 0, NO_NODE], 1, "itself"),
        ([1, 1, 2, 0, 0, NO_NODE], 1, "twice"),
        (
            [1, NO_NODE, 0, NO_NODE, 0, NO_NODE],
            1,
            "1 nodes cannot be reached",
        ),
        (RING, 2, "another node"),
    ] {
        let problems = small(&base, down).check();
        assert!(
            problems.iter().any(|p| p.contains(problem)),
            "{problem}: {problems:?}"
        );
    }
}

#[test]
fn arrays_of_wrong_length_are_refused() {
    assert!(Graph::from_parts(3, vec![0u32; 5], 2, Vec::new(), 0).is_err());
    assert!(Graph::from_parts(3, RING.to_vec(), 2, Vec::new(), 3).is_err());
    assert!(Graph::from_parts(0, Vec::<u32>::new(), 2, Vec::new(), 0).is_ok());
}
