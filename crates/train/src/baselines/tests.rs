use super::popularity::Popularity;
use super::*;
use crate::dataset::Dataset;
use crate::hold_out::HoldOut;
use serde_json::json;
use twinspire_towers::Event;

/// 60 users, each with a walk of eight items; `next` gives the item of a step.
fn logs(next: impl Fn(usize, usize) -> usize) -> (Logs, Vec<HeldOut>) {
    let events = (0..60).flat_map(|user| (0..8).map(move |step| (user, step)));
    let data = Dataset {
        items: (0..50).map(|n| json!({"id": format!("i{n}")})).collect(),
        users: Vec::new(),
        events: events
            .map(|(user, step)| Event {
                user: format!("u{user}"),
                item: format!("i{}", next(user, step) % 50),
                at: (step * 1000 + user) as i64,
                weight: 1.0,
            })
            .collect(),
    };
    let mut logs = Logs::new(&data).unwrap();
    let held_out = logs.hold_out(HoldOut::Last, None);
    (logs, held_out)
}

fn best(logs: &Logs, held_out: &[HeldOut]) -> Comparison {
    let none = vec![Some(49); held_out.len()];
    compare(logs, held_out, &none).unwrap()
}

#[test]
fn each_baseline_wins_on_logs_of_its_kind() {
    // The next item is always the one after: transitions know it, counts do not.
    let (walk, out) = logs(|user, step| user * 7 + step);
    let comparison = best(&walk, &out);
    let name = |comparison: &Comparison| comparison.better_baseline().unwrap().name.clone();
    assert_eq!(name(&comparison), "transitions");
    assert!(
        comparison.baselines[0].metrics.hit_1 > 0.9,
        "{comparison:?}"
    );
    assert_eq!(comparison.held_out, 60);

    // Three items are taken by everybody: they have the best scores.
    let (popular, _) = logs(|user, step| match step {
        0..3 => step,
        _ => 3 + (user * 31 + step * 17) % 47,
    });
    let mut scores = vec![0.0; popular.items.len()];
    Popularity::of_all_time(&popular).score(&popular, 0, &mut scores);
    assert!(
        scores.iter().filter(|score| **score >= 60.0).count() == 3,
        "{scores:?}"
    );

    // Two tastes, in any order: EASE knows them.
    let (tastes, out) =
        logs(|user, step| (user % 2) * 25 + (user * 11 + step * 7 + step * step * user) % 25);
    let comparison = best(&tastes, &out);
    let ease = comparison
        .baselines
        .iter()
        .find(|b| b.name == "EASE")
        .unwrap();
    let popularity = comparison
        .baselines
        .iter()
        .find(|b| b.name == "popularity")
        .unwrap();
    assert!(
        ease.metrics.hit_10 > popularity.metrics.hit_10,
        "{comparison:?}"
    );
}

#[test]
fn towers_are_below_a_baseline_only_if_it_is_better() {
    let (walk, out) = logs(|user, step| user * 7 + step);
    let perfect = vec![Some(0); out.len()];
    let comparison = compare(&walk, &out, &perfect).unwrap();
    assert_eq!(comparison.model.hit_1, 1.0);
    assert_eq!(comparison.better_baseline(), None);
    assert_eq!(compare(&walk, &[], &[]), None);
}

#[test]
fn recent_popularity_follows_the_latest_events() {
    let (logs, _) = logs(|user, step| if step >= 6 { user % 2 } else { 10 + user % 30 });
    let mut scores = vec![0.0; logs.items.len()];
    Popularity::recent(&logs).score(&logs, 0, &mut scores);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let ids: Vec<&str> = order[..2]
        .iter()
        .map(|item| &*logs.items[*item].0)
        .collect();
    assert!(ids.contains(&"i0") && ids.contains(&"i1"), "{ids:?}");
}
