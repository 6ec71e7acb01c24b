//! The simulated world of the examples is what it says it is.

#[path = "../../examples/quickstart/world.rs"]
mod world;

use std::collections::{HashMap, HashSet};

#[test]
fn a_seed_makes_one_world_and_another_seed_another() {
    let (one, same, other) = (world::generate(7), world::generate(7), world::generate(8));
    assert_eq!(one.items, same.items);
    assert_eq!(one.users, same.users);
    assert_eq!(one.events, same.events);
    assert_ne!(one.events, other.events);
}

#[test]
fn the_world_has_the_size_and_the_skew_it_promises() {
    let world = world::generate(42);
    assert_eq!(world.items.len(), world::ITEMS);
    assert_eq!(world.users.len(), world::USERS);
    let events = world.events.len();
    assert!((60_000..=100_000).contains(&events), "{events} events");
    assert!(world.events.is_sorted_by_key(|event| event.at));

    let ids: HashSet<&str> = world
        .items
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect();
    assert_eq!(ids.len(), world::ITEMS, "ids are unique");
    let mut count: HashMap<&str, usize> = HashMap::new();
    for event in &world.events {
        assert!(ids.contains(event.item.as_str()));
        *count.entry(&event.item).or_default() += 1;
    }
    let mut counts: Vec<usize> = count.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let top: usize = counts.iter().take(world::ITEMS / 10).sum();
    let share = top as f64 / events as f64;
    println!(
        "{events} events, {} items seen, top tenth {share:.2}",
        counts.len()
    );
    assert!(
        (0.3..0.8).contains(&share),
        "the top tenth draws {share:.2}"
    );
    assert!(counts.len() > world::ITEMS * 9 / 10, "most items were seen");
}
