//! Comparisons against their definitions.

use super::comparison::compare;
use super::{ComparedRank, Comparison, ComparisonSummary};
use proptest::prelude::*;

fn list(ids: &[&str]) -> Vec<(String, f32)> {
    let scored = ids.iter().enumerate();
    scored
        .map(|(at, id)| ((*id).to_owned(), 1.0 - at as f32 / 10.0))
        .collect()
}

#[test]
fn moved_new_and_removed_items_are_listed() {
    let comparison = compare(&list(&["a", "b", "c"]), &list(&["b", "d", "a", "e"]));
    let rises: Vec<_> = comparison
        .items
        .iter()
        .map(|item| (item.id.as_str(), item.rise))
        .collect();
    assert_eq!(
        rises,
        [
            ("a", Some(-2)),
            ("b", Some(1)),
            ("c", None),
            ("d", None),
            ("e", None)
        ]
    );
    assert_eq!((comparison.depth, comparison.overlap), (4, 2));
    assert_eq!((comparison.overlap_share, comparison.jaccard), (0.5, 0.4));
    assert_eq!(comparison.only_in_first().count(), 1);
    assert_eq!(comparison.only_in_second().count(), 2);
    assert_eq!(comparison.in_both().count(), 2);
    assert!(!comparison.is_same_first() && !comparison.is_same_order());
    assert_eq!(
        comparison.to_string(),
        "rank  first   score  to  second   score  moved\n   \
            1  a      1.0000   3  b       1.0000     +1\n   \
            2  b      0.9000   1  d       0.9000    new\n   \
            3  c      0.8000   -  a       0.8000     -2\n   \
            4                     e       0.7000    new\n\
         2 of 4 in both (50.0 %), Jaccard 0.400, rank-biased overlap 0.585"
    );
    let json = serde_json::to_value(&comparison).unwrap();
    assert_eq!(json["items"][1]["second"]["rank"], 1);
}

#[test]
fn equal_disjoint_and_empty_lists_are_at_the_ends_of_the_scale() {
    let same = compare(&list(&["a", "b"]), &list(&["a", "b"]));
    assert!((same.rbo - 1.0).abs() < 1e-12);
    assert!(same.is_same_first() && same.is_same_order());
    let nothing = compare(&[], &[]);
    assert_eq!((nothing.rbo, nothing.jaccard), (1.0, 1.0));
    assert!(nothing.is_same_first() && nothing.is_same_order());
    let one = compare(&[], &list(&["a"]));
    assert_eq!((one.rbo, one.overlap_share), (0.0, 0.0));
    assert!(!one.is_same_first() && !one.is_same_order());
    let apart = compare(&list(&["a"]), &list(&["b"]));
    assert_eq!((apart.rbo, apart.jaccard), (0.0, 0.0));
}

#[test]
fn control_characters_in_ids_are_escaped() {
    let text = compare(&list(&["a\u{1b}[1m"]), &[]).to_string();
    assert!(text.contains("a\\u{1b}[1m"), "{text}");
}

#[test]
fn a_summary_has_means_and_the_items_that_moved_most() {
    let comparisons = [
        compare(&list(&["a", "b"]), &list(&["a", "b"])),
        compare(&list(&["a", "b"]), &list(&["c", "a"])),
    ];
    let summary: ComparisonSummary = comparisons.iter().collect();
    assert_eq!(summary.users, 2);
    assert_eq!(summary.mean_overlap_share, 0.75);
    assert_eq!((summary.same_first, summary.same_order), (0.5, 0.5));
    let movers: Vec<_> = summary
        .movers
        .iter()
        .map(|mover| (mover.id.as_str(), mover.change))
        .collect();
    assert_eq!(movers, [("c", 1.0), ("a", -0.5), ("b", -0.5)]);
    assert_eq!(summary.movers[0].entered, 1);
    assert_eq!((summary.movers[1].fell, summary.movers[2].left), (1, 1));
    assert!(summary.to_string().contains("c     +1.000"), "{summary}");
    let nobody: ComparisonSummary = Vec::<Comparison>::new().into_iter().collect();
    assert_eq!(nobody, ComparisonSummary::default());
}

/// The agreement at every depth as the paper defines it, summed until nothing is left.
fn naive_rbo(a: &[u8], b: &[u8]) -> f64 {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let common = |depth: usize| {
        let (a, b) = (&short[..depth.min(short.len())], &long[..depth]);
        a.iter().filter(|id| b.contains(id)).count() as f64
    };
    if short.is_empty() {
        return f64::from(u8::from(long.is_empty()));
    }
    let seen = common(short.len()) / short.len() as f64;
    let agreement = |depth: usize| {
        let depth = depth.min(long.len());
        let guessed = depth.saturating_sub(short.len()) as f64 * seen;
        (common(depth) + guessed) / depth as f64
    };
    let terms = (1..1500).map(|depth| 0.1 * 0.9f64.powi(depth - 1) * agreement(depth as usize));
    terms.sum()
}

fn permutation() -> impl Strategy<Value = Vec<u8>> {
    (
        Just((0..14).collect::<Vec<u8>>()).prop_shuffle(),
        0usize..14,
    )
        .prop_map(|(ids, len)| ids[..len].to_vec())
}

proptest! {
    #[test]
    fn every_measure_follows_its_definition(a in permutation(), b in permutation()) {
        let listed = |ids: &[u8]| -> Vec<(String, f32)> {
            ids.iter().map(|id| (id.to_string(), f32::from(*id))).collect()
        };
        let comparison = compare(&listed(&a), &listed(&b));
        let both = a.iter().filter(|id| b.contains(id)).count();
        let either = a.len() + b.len() - both;
        prop_assert_eq!(comparison.overlap, both);
        prop_assert_eq!(comparison.items.len(), either);
        prop_assert!((comparison.jaccard * either as f64 - both as f64).abs() < 1e-9);
        prop_assert!((comparison.rbo - naive_rbo(&a, &b)).abs() < 1e-9);
        prop_assert!((0.0..=1.0 + 1e-12).contains(&comparison.rbo));
        prop_assert_eq!(comparison.is_same_order(), a == b);
        prop_assert_eq!(comparison.is_same_first(), a.first() == b.first());
        for item in &comparison.items {
            let at = |ids: &[u8]| ids.iter().position(|id| id.to_string() == item.id);
            let rank = |place: Option<ComparedRank>| place.map(|place| place.rank - 1);
            prop_assert_eq!(rank(item.first), at(&a));
            prop_assert_eq!(rank(item.second), at(&b));
            let rise = at(&a).zip(at(&b)).map(|(a, b)| a as i64 - b as i64);
            prop_assert_eq!(item.rise, rise);
        }
        let turned = compare(&listed(&b), &listed(&a));
        prop_assert!((turned.rbo - comparison.rbo).abs() < 1e-12);
    }
}

#[test]
fn wide_characters_in_ids_keep_columns_aligned() {
    let text = compare(&list(&["東京", "ab"]), &list(&["東京", "cd"])).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], "   1  東京   1.0000   1  東京    1.0000      =");
    assert_eq!(lines[2], "   2  ab     0.9000   -  cd      0.9000    new");
}
