use super::*;
use crate::evaluate::SplitBy;
use crate::frequency::Frequency;
use crate::shuffle::shuffle;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;
use twinspire_towers::Event;

fn logs(events: &[(u8, u8, i64)]) -> Logs {
    let events = events.iter().map(|(user, item, at)| Event {
        user: format!("u{user}"),
        item: format!("i{item}"),
        at: *at,
        weight: 1.0,
    });
    let data = Dataset {
        items: vec![json!({"id": "i0"})],
        users: Vec::new(),
        events: events.collect(),
    };
    Logs::new(&data).unwrap()
}

#[test]
fn trainings_and_evaluations_hold_out_the_same_item_of_a_basket() {
    let basket = (0..200).flat_map(|user| (0..9).map(move |item| (user, item, 7)));
    let basket: Vec<Event> = basket
        .map(|(user, item, at)| Event {
            user: format!("u{user}"),
            item: format!("i{item}"),
            at,
            weight: 1.0,
        })
        .collect();
    let data = Dataset {
        items: vec![json!({"id": "i0"})],
        events: basket,
        ..Dataset::default()
    };
    let held_out = |ties| {
        let mut logs = Logs::ordered(&data, ties).unwrap();
        let out = logs.hold_out(HoldOut::Last, None).into_iter();
        let ids = out.map(|out| {
            let user = &logs.users[out.user as usize].0;
            (user.clone(), logs.items[out.item as usize].0.clone())
        });
        ids.collect::<BTreeMap<_, _>>()
    };
    for ties in [TieOrder::default(), TieOrder::Random(3), TieOrder::Log] {
        let split = SplitBy::Last.hold_out(&mut data.clone(), ties).into_iter();
        let split = split.map(|event| (event.user, event.item));
        assert_eq!(held_out(ties), split.collect());
    }
    let last = |ties| held_out(ties).into_values().filter(|id| id == "i8").count();
    assert_eq!(last(TieOrder::Log), 200);
    // 22 are expected; 4.7 is the standard deviation.
    assert!((1..46).contains(&last(TieOrder::default())));
}

#[test]
fn earlier_holdouts_are_what_a_holdout_was_then() {
    let events = [
        (0, 1, 1),
        (0, 2, 2),
        (0, 3, 3),
        (0, 4, 4),
        (0, 4, 5),
        (1, 1, 1),
        (1, 2, 2),
        (1, 3, 3),
    ];
    let held_out = |steps: usize| {
        let mut logs = logs(&events);
        let out = logs.hold_out_earlier(steps).into_iter();
        let out = out.map(|out| {
            (
                logs.users[out.user as usize].0.clone(),
                logs.items[out.item as usize].0.clone(),
            )
        });
        (
            out.collect::<Vec<_>>(),
            logs.seen.iter().map(Vec::len).collect::<Vec<_>>(),
        )
    };
    let pair = |user: &str, item: &str| (user.to_owned(), item.to_owned());
    // The last event of the first user is a repeat.
    assert_eq!(held_out(0), (vec![pair("u1", "i3")], vec![5, 2]));
    assert_eq!(held_out(1), (vec![pair("u0", "i4")], vec![3, 3]));
    assert_eq!(held_out(2), (vec![pair("u0", "i3")], vec![2, 3]));
    assert_eq!(held_out(3), (vec![], vec![5, 3]));
}

#[test]
fn items_are_in_batches_with_the_expected_probability_and_the_estimate_agrees() {
    // Item n has n + 1 events.
    let events: Vec<_> = (0..20u8)
        .flat_map(|item| (0..=item).map(move |user| (user, item, i64::from(item))))
        .collect();
    let (logs, size, passes) = (logs(&events), 10, 3000);
    let mut examples = logs.examples();
    assert_eq!(examples.len(), 210);
    let mut rng = Pcg64Mcg::seed_from_u64(2);
    let mut estimate = Frequency::new(4096, 3, 0.002).unwrap();
    let mut found = [0usize; 20];
    for _ in 0..passes {
        shuffle(&mut examples, &mut rng);
        for batch in examples.chunks(size) {
            let item = |e: &Example| logs.seen[e.user as usize][e.at as usize].0;
            let mut items: Vec<u32> = batch.iter().map(item).collect();
            items.sort_unstable();
            items.dedup();
            items.iter().for_each(|item| found[*item as usize] += 1);
            let keys: Vec<u64> = items.iter().map(|item| u64::from(*item)).collect();
            estimate.see(&keys);
        }
    }
    let batches = (passes * 210 / size) as f64;
    for (item, found) in found.into_iter().enumerate() {
        // Probability that no draw without replacement hits the item.
        let others = 210 - (item + 1);
        let none: f64 = (0..size)
            .map(|n| (others - n) as f64 / (210 - n) as f64)
            .product();
        let expected = 1.0 - none;
        let share = found as f64 / batches;
        let deviation = (expected * none / batches).sqrt();
        assert!(
            (share - expected).abs() < 5.0 * deviation,
            "{item}: {share} {expected}"
        );
        let estimated = estimate.probability(item as u64);
        let error = (estimated - expected).abs() / expected;
        assert!(error < 0.15, "{item}: {estimated} {expected}");
    }
}

#[test]
fn the_holdout_is_the_last_event_of_each_user_or_the_latest_of_all() {
    // User 0 ends with an item seen before, which is not ranked.
    let events = [
        (0, 1, 10),
        (0, 2, 20),
        (0, 1, 30),
        (1, 1, 5),
        (1, 2, 15),
        (1, 3, 25),
        (1, 4, 35),
        (2, 5, 40),
        (2, 6, 50),
    ];
    let held_out = |how, since| {
        let mut logs = logs(&events);
        let out = logs.hold_out(how, since);
        let id = |out: &HeldOut| {
            let (user, item) = (out.user as usize, out.item as usize);
            (logs.users[user].0.clone(), logs.items[item].0.clone())
        };
        let named: Vec<_> = out.iter().map(id).collect();
        let left: Vec<usize> = logs.seen.iter().map(Vec::len).collect();
        assert!(logs.times.iter().map(Vec::len).eq(left.iter().copied()));
        let user = |id: &str| logs.users.iter().position(|(of, _)| of == id).unwrap();
        let left = ["u0", "u1", "u2"].map(|id| left[user(id)]);
        (named, left)
    };
    let pair = |user: &str, item: &str| (user.to_owned(), item.to_owned());
    let last = held_out(HoldOut::Last, None);
    assert_eq!(last, (vec![pair("u1", "i4")], [3, 3, 2]));
    // The latest third starts at 35: user 2 has no earlier events.
    let latest = held_out(HoldOut::Latest(1.0 / 3.0), None);
    assert_eq!(latest, (vec![pair("u1", "i4")], [3, 3, 0]));
    let half = held_out(HoldOut::Latest(0.5), None);
    assert_eq!(half, (vec![pair("u1", "i3"), pair("u1", "i4")], [2, 2, 0]));
    // Half of the three from 35 on are two of them.
    let new = held_out(HoldOut::Latest(0.5), Some(35));
    assert_eq!(new, (vec![], [3, 4, 0]));
    let rewarded = logs(&events)
        .with_min_reward(2.0)
        .hold_out(HoldOut::Last, None);
    assert!(rewarded.is_empty());
}

#[test]
fn repeats_are_held_out_where_they_are_to_be_found() {
    let events = [(0, 1, 10), (0, 2, 20), (0, 1, 30), (0, 2, 40), (0, 2, 50)];
    let held_out = |how, repeats| {
        let mut logs = logs(&events).with_repeats(repeats);
        let out = logs.hold_out(how, None).into_iter();
        let ids = out.map(|out| logs.items[out.item as usize].0.clone());
        (ids.collect::<Vec<_>>(), logs.seen[0].len())
    };
    assert_eq!(held_out(HoldOut::Last, false), (vec![], 5));
    assert_eq!(held_out(HoldOut::Last, true), (vec!["i2".to_owned()], 4));
    assert_eq!(held_out(HoldOut::Latest(0.5), false), (vec![], 2));
    let both = ["i1", "i2"].map(str::to_owned).to_vec();
    assert_eq!(held_out(HoldOut::Latest(0.5), true), (both, 2));
}

#[test]
fn every_nth_user_is_kept_whole_and_the_others_have_no_events() {
    let events: Vec<_> = (0..7u8)
        .flat_map(|user| (0..4i64).map(move |at| (user, at as u8, at)))
        .collect();
    for step in 1..9 {
        let mut logs = logs(&events);
        let (items, users) = (logs.items.len(), logs.users.len());
        logs.keep_every(step);
        assert_eq!((logs.items.len(), logs.users.len()), (items, users));
        for user in 0..users {
            let kept = if user % step == 0 { 4 } else { 0 };
            let lengths = [
                logs.seen[user].len(),
                logs.times[user].len(),
                logs.links[user].len(),
            ];
            assert_eq!(lengths, [kept; 3]);
            let mut history = Vec::new();
            logs.history(logs.now(user as u32), 9, &mut history);
            assert_eq!(history.len(), kept);
        }
        let held_out = logs.hold_out(HoldOut::Last, None);
        assert_eq!(held_out.len(), users.div_ceil(step));
    }
}

/// Of a user with a history of one item, or of one below the least reward, a naive walk would look at all
/// earlier events for each: 4·10¹⁰ in total.
#[test]
fn histories_take_time_by_their_own_length() {
    let events = (0..200_000i64).map(|at| (0, u8::from(at % 50_000 == 0), at));
    let events: Vec<_> = events.collect();
    for (least, total) in [(0.0, 200_000 * 3), (2.0, 0)] {
        let logs = logs(&events).with_min_reward(least);
        let mut history = Vec::new();
        let read = logs.interactions().into_iter().map(|example| {
            logs.history(example, 5, &mut history);
            history.len()
        });
        let read: usize = read.sum();
        assert!(read <= total, "{read}");
    }
}

proptest! {
    #[test]
    fn windows_partition_the_examples_in_order_of_time(
        events in prop::collection::vec((0u8..5, 0u8..9, -40i64..40), 1..60), seconds in 1u64..50,
    ) {
        let logs = logs(&events);
        let mut all = logs.examples();
        let windows = logs.windows(&mut all, seconds);
        let first = events.iter().map(|(.., at)| *at).min().unwrap();
        let number = |example: &Example| (logs.time(*example) - first) / seconds as i64;
        let mut before = -1;
        for window in &windows {
            let this = number(&window[0]);
            prop_assert!(this > before);
            prop_assert!(window.iter().all(|example| number(example) == this));
            before = this;
        }
        let key = |example: &Example| (example.user, example.at);
        let mut found: Vec<_> = windows.concat().iter().map(key).collect();
        found.sort_unstable();
        let mut expected: Vec<_> = logs.examples().iter().map(key).collect();
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_history_is_the_most_recent_items_without_the_item_itself_unless_repeats_are_to_be_found(
        events in prop::collection::vec((0u8..3, 0u8..4, 0i64..30), 1..40), limit in 0usize..6,
        least in prop::sample::select(vec![0.0f32, 0.5, 2.0]), repeats: bool,
    ) {
        // Events of even times have a reward below the least one.
        let mut logs = logs(&events);
        for (met, times) in logs.seen.iter_mut().zip(&logs.times) {
            met.iter_mut().zip(times).for_each(|(met, at)| met.1 = (at % 2) as f32);
        }
        let mut logs = logs.with_min_reward(least).with_repeats(repeats);
        let held_out = logs.hold_out(HoldOut::Latest(0.2), None);
        prop_assert!(held_out.len() <= events.len());
        let mut history = Vec::new();
        let now = (0..logs.users.len() as u32).map(|user| logs.now(user));
        for example in logs.interactions().into_iter().chain(now.collect::<Vec<_>>()) {
            let mine = &logs.seen[example.user as usize];
            let own = mine.get(example.at as usize).map(|(item, _)| *item);
            let before = mine[..example.at as usize].iter();
            let counts = |item: u32| repeats || Some(item) != own;
            let before = before.filter(|(item, reward)| counts(*item) && *reward >= least);
            let before: Vec<u32> = before.map(|(item, _)| *item).collect();
            logs.history(example, limit, &mut history);
            prop_assert_eq!(&history[..], &before[before.len().saturating_sub(limit)..]);
        }
    }
}
