//! Simulated logs of several kinds, each with something of its own to learn.
//!
//! - [`groceries`]: households with tastes that buy half of everything again.
//! - [`sessions`]: the last item decides the next one.
//! - [`drift`]: tastes and popularity move with time; the best ranking is known.
//! - [`popular`]: few items take most events, and tastes hardly matter.
//! - [`small`]: a hundred users with two tastes each.
//! - [`bare`]: tastes in a log without fields of users and items, and without times.
//! - [`tiny`]: two dozen users.
//! - [`giant`]: nothing but popularity, by a steep law.
//! - [`repeats`]: a few favourites, taken again and again.
//! - [`attributes`]: items with a handful of events each, wanted for their colour and maker.
//! - [`news`]: items that live for days.
//! - [`courses`]: items taken in a fixed order.
//! - [`short`]: users with two to five events.

use crate::random::normal;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use twinspire::Event;

/// Seconds of a day.
const DAY: i64 = 86_400;
/// A Unix time at which logs begin.
const START: i64 = 1_700_000_000;

/// A simulated log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Records of items.
    pub items: Vec<Value>,
    /// Records of users; may be empty.
    pub users: Vec<Value>,
    /// The events.
    pub events: Vec<Event>,
    /// For each user the probability of every item as the next one, where it is known. No ranking is better than by
    /// these.
    pub best: Vec<Vec<f64>>,
}

/// Items of one group, as `g3`, with weights by Zipf's law.
struct Groups {
    /// Weight of each item within its group.
    weights: Vec<f64>,
    /// Group of each item.
    of: Vec<usize>,
    /// Items of each group.
    members: Vec<Vec<usize>>,
}

impl Groups {
    /// Items in groups of equal size; the share of the item of rank r in its group is as r to the power `-zipf`.
    fn new(items: usize, groups: usize, zipf: f64) -> Self {
        let of: Vec<usize> = (0..items).map(|item| item % groups).collect();
        let members = (0..groups).map(|group| (group..items).step_by(groups).collect());
        Self {
            weights: (0..items)
                .map(|item| ((item / groups + 1) as f64).powf(-zipf))
                .collect(),
            of,
            members: members.collect(),
        }
    }

    /// Draws an item of a group.
    fn draw(&self, group: usize, rng: &mut Pcg64Mcg) -> usize {
        let members = &self.members[group];
        members[draw(members.iter().map(|item| self.weights[*item]), rng)]
    }
}

/// Draws an index in proportion to weights.
fn draw(weights: impl Iterator<Item = f64> + Clone, rng: &mut Pcg64Mcg) -> usize {
    let mut left = rng.random_range(0.0..1.0) * weights.clone().sum::<f64>();
    let mut last = 0;
    for (at, weight) in weights.enumerate() {
        last = at;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// A taste: weights of groups, a few of them large.
fn taste(groups: usize, spread: f32, rng: &mut Pcg64Mcg) -> Vec<f64> {
    (0..groups)
        .map(|_| f64::from(spread * normal(rng)).exp())
        .collect()
}

/// An event of weight 1: user `u{user}`, item `i{item}`.
#[must_use]
pub fn event(user: usize, item: usize, at: i64) -> Event {
    Event {
        user: format!("u{user}"),
        item: format!("i{item}"),
        at,
        weight: 1.0,
    }
}

/// Items with a group, a price and a name of several words.
fn described(groups: &Groups, rng: &mut Pcg64Mcg) -> Vec<Value> {
    let each = groups.of.iter().enumerate().map(|(item, group)| {
        let price = (1.0 + 9.0 * rng.random::<f64>()) * (1.0 + *group as f64 / 10.0);
        json!({
            "id": format!("i{item}"), "group": format!("g{group}"), "brand": format!("b{}", rng.random_range(0..40)),
            "price": (price * 100.0).round() / 100.0, "name": format!("thing of kind{group} sort{}", item / 7),
        })
    });
    each.collect()
}

/// Households of a grocery: each has tastes, a half of the purchases are of products that it bought before, and prices
/// and departments are known. `cold` products are in the catalogue and never sold.
pub fn groceries(households: usize, products: usize, cold: usize, seed: u64) -> Log {
    let rng = &mut Pcg64Mcg::seed_from_u64(seed);
    let groups = Groups::new(products, 24, 1.0);
    let mut items = described(&groups, rng);
    items.extend((0..cold).map(|n| {
        json!({"id": format!("cold{n}"), "group": format!("g{}", n % 24), "brand": "b1", "price": 3.0,
               "name": format!("thing of kind{} sort{}", n % 24, n / 90)})
    }));
    let (mut users, mut events) = (Vec::new(), Vec::new());
    for household in 0..households {
        let of_groups = taste(24, 1.0, rng);
        let persons = rng.random_range(1..6);
        users.push(json!({"user_id": format!("u{household}"), "persons": persons, "region": format!("r{}", household % 5)}));
        let mut bought: Vec<usize> = Vec::new();
        let mut at = START + rng.random_range(0..30) * DAY;
        for _ in 0..rng.random_range(15..20 + 14 * persons) {
            let again = !bought.is_empty() && rng.random_bool(0.52);
            let item = match again {
                true => bought[rng.random_range(0..bought.len())],
                false => groups.draw(draw(of_groups.iter().copied(), rng), rng),
            };
            bought.push(item);
            events.push(event(household, item, at));
            at += rng.random_range(0..3 * DAY);
        }
    }
    Log {
        items,
        users,
        events,
        best: Vec::new(),
    }
}

/// Visits of a site where each page leads to a few others: after an item comes one of its three successors, or, once in
/// seven, a popular one.
pub fn sessions(users: usize, items: usize, seed: u64) -> Log {
    let rng = &mut Pcg64Mcg::seed_from_u64(seed);
    let groups = Groups::new(items, 1, 0.7);
    let next: Vec<[usize; 3]> = (0..items)
        .map(|_| [(); 3].map(|()| rng.random_range(0..items)))
        .collect();
    let mut events = Vec::new();
    for user in 0..users {
        let mut item = groups.draw(0, rng);
        let mut at = START + rng.random_range(0..60 * DAY);
        for _ in 0..rng.random_range(4..28) {
            events.push(event(user, item, at));
            item = match rng.random_range(0..7) {
                0 => groups.draw(0, rng),
                1 => next[item][2],
                2 | 3 => next[item][1],
                _ => next[item][0],
            };
            at += rng.random_range(20..600);
        }
    }
    let items = (0..items)
        .map(|item| json!({"id": format!("i{item}")}))
        .collect();
    Log {
        items,
        events,
        ..Log::default()
    }
}

/// A site whose users change: each moves from one taste to another in the course of half a year, and items come into
/// fashion and out of it.
pub fn drift(users: usize, items: usize, seed: u64) -> Log {
    let rng = &mut Pcg64Mcg::seed_from_u64(seed);
    let groups = Groups::new(items, 12, 0.6);
    let records = described(&groups, rng);
    let peaks: Vec<f64> = (0..items).map(|_| rng.random_range(-0.1..1.1)).collect();
    let weight = |item: usize, when: f64| {
        groups.weights[item] * (0.03 + (-40.0 * (when - peaks[item]).powi(2)).exp())
    };
    let (mut events, mut best) = (Vec::new(), Vec::new());
    for user in 0..users {
        let tastes = [taste(12, 1.2, rng), taste(12, 1.2, rng)];
        let shares = |when: f64| -> Vec<f64> {
            let of = |item: &usize| {
                let group = groups.of[*item];
                (1.0 - when) * tastes[0][group] + when * tastes[1][group]
            };
            let all: Vec<usize> = (0..items).collect();
            all.iter()
                .map(|item| of(item) * weight(*item, when))
                .collect()
        };
        let count = rng.random_range(10..40);
        let mut moments: Vec<f64> = (0..count).map(|_| rng.random_range(0.0..1.0)).collect();
        moments.sort_by(f64::total_cmp);
        for when in moments {
            let item = draw(shares(when).into_iter(), rng);
            events.push(event(
                user,
                item,
                START + (when * 180.0 * DAY as f64) as i64,
            ));
        }
        best.push(shares(1.0));
    }
    Log {
        items: records,
        users: Vec::new(),
        events,
        best,
    }
}

/// Tastes over groups of items, `spread` being how much they differ.
fn tastes(
    users: usize,
    items: usize,
    groups: usize,
    (zipf, spread): (f64, f32),
    events: usize,
    seed: u64,
) -> Log {
    let rng = &mut Pcg64Mcg::seed_from_u64(seed);
    let of_items = Groups::new(items, groups, zipf);
    let mut log = Log {
        items: described(&of_items, rng),
        ..Log::default()
    };
    for user in 0..users {
        let of_groups = taste(groups, spread, rng);
        log.users
            .push(json!({"user_id": format!("u{user}"), "age": rng.random_range(18..80)}));
        let mut at = START + rng.random_range(0..90) * DAY;
        for _ in 0..rng.random_range(events / 2..events * 3 / 2) {
            let item = of_items.draw(draw(of_groups.iter().copied(), rng), rng);
            log.events.push(event(user, item, at));
            at += rng.random_range(0..4 * DAY);
        }
    }
    log
}

/// Few items take most events, and tastes hardly matter.
pub fn popular(users: usize, items: usize, seed: u64) -> Log {
    tastes(users, items, 5, (1.3, 0.3), 16, seed)
}

/// A hundred users, twelve events each.
pub fn small(seed: u64) -> Log {
    tastes(100, 200, 8, (0.8, 1.5), 12, seed)
}

/// Tastes, without fields and without times: the order of the log is the order of events.
pub fn bare(users: usize, items: usize, seed: u64) -> Log {
    let mut log = tastes(users, items, 30, (0.7, 1.6), 24, seed);
    log.users.clear();
    for item in &mut log.items {
        *item = json!({"id": item["id"]});
    }
    log.events.iter_mut().for_each(|event| event.at = 0);
    log
}

/// Very few users and items.
pub fn tiny(seed: u64) -> Log {
    tastes(24, 30, 3, (0.8, 1.5), 8, seed)
}

/// Popularity by a steep law, and nothing else to learn.
pub fn giant(users: usize, items: usize, seed: u64) -> Log {
    tastes(users, items, 1, (1.8, 0.0), 14, seed)
}

/// Listeners who go round a few favourites and now and then find a new one, near the latest.
pub fn repeats(users: usize, items: usize, seed: u64) -> Log {
    let rng = &mut Pcg64Mcg::seed_from_u64(seed);
    let groups = Groups::new(items, 20, 0.9);
    let mut events = Vec::new();
    for user in 0..users {
        let of_groups = taste(20, 1.4, rng);
        let mut favourites: Vec<usize> = Vec::new();
        let mut at = START + rng.random_range(0..20) * DAY;
        for n in 0..rng.random_range(20..80) {
            let again = favourites.len() > 2 && rng.random_bool(0.8);
            let item = match again {
                true => favourites[favourites.len() - 1 - (n * 7) % favourites.len().min(6)],
                false => groups.draw(draw(of_groups.iter().copied(), rng), rng),
            };
            if !again {
                favourites.push(item);
            }
            events.push(event(user, item, at));
            at += rng.random_range(60..DAY);
        }
    }
    let items = (0..items).map(|item| json!({"id": format!("i{item}")}));
    Log {
        items: items.collect(),
        events,
        ..Log::default()
    }
}

/// Attributes decide: each item has a handful of events, and users like one colour and one maker.
pub fn attributes(users: usize, items: usize, seed: u64) -> Log {
    let rng = &mut Pcg64Mcg::seed_from_u64(seed);
    let of: Vec<[usize; 2]> = (0..items)
        .map(|_| [rng.random_range(0..12), rng.random_range(0..30)])
        .collect();
    let records = of.iter().zip(0..).map(|([colour, maker], item)| {
        json!({"id": format!("i{item}"), "colour": format!("c{colour}"), "maker": format!("m{maker}"),
               "price": rng.random_range(1..100)})
    });
    let items_of: Vec<Value> = records.collect();
    let (mut events, mut people) = (Vec::new(), Vec::new());
    for user in 0..users {
        let (colour, maker) = (rng.random_range(0..12), rng.random_range(0..30));
        people.push(json!({"user_id": format!("u{user}"), "city": format!("t{}", colour)}));
        let mut at = START + rng.random_range(0..90) * DAY;
        for _ in 0..rng.random_range(3..12) {
            let weights = of.iter().map(|[c, m]| match (*c == colour, *m == maker) {
                (true, true) => 60.0,
                (true, false) | (false, true) => 8.0,
                _ => 0.3,
            });
            events.push(event(user, draw(weights, rng), at));
            at += rng.random_range(0..5 * DAY);
        }
    }
    Log {
        items: items_of,
        users: people,
        events,
        best: Vec::new(),
    }
}

/// Articles that live for a few days.
pub fn news(users: usize, items: usize, seed: u64) -> Log {
    let rng = &mut Pcg64Mcg::seed_from_u64(seed);
    let groups = Groups::new(items, 8, 0.5);
    let records = described(&groups, rng);
    let born: Vec<f64> = (0..items).map(|_| rng.random_range(0.0..60.0)).collect();
    let mut events = Vec::new();
    for user in 0..users {
        let of_groups = taste(8, 1.0, rng);
        let mut days: Vec<f64> = (0..rng.random_range(5..30))
            .map(|_| rng.random_range(1.0..60.0))
            .collect();
        days.sort_by(f64::total_cmp);
        for day in days {
            let weights = (0..items).map(|item| {
                let age = day - born[item];
                if age < 0.0 {
                    0.0
                } else {
                    groups.weights[item] * of_groups[groups.of[item]] * (-age / 1.5).exp()
                }
            });
            events.push(event(
                user,
                draw(weights, rng),
                START + (day * DAY as f64) as i64,
            ));
        }
    }
    Log {
        items: records,
        events,
        ..Log::default()
    }
}

/// Courses taken one after the other in a fixed order, by users who begin anywhere.
pub fn courses(users: usize, items: usize, seed: u64) -> Log {
    let rng = &mut Pcg64Mcg::seed_from_u64(seed);
    let mut events = Vec::new();
    for user in 0..users {
        let mut item = rng.random_range(0..items);
        let mut at = START + rng.random_range(0..90) * DAY;
        for _ in 0..rng.random_range(3..10) {
            events.push(event(user, item, at));
            item = (item
                + if rng.random_bool(0.8) {
                    1
                } else {
                    rng.random_range(2..9)
                })
                % items;
            at += rng.random_range(DAY..9 * DAY);
        }
    }
    let items = (0..items).map(|item| json!({"id": format!("i{item}"), "level": item / 20}));
    Log {
        items: items.collect(),
        events,
        ..Log::default()
    }
}

/// Users with two to five events each.
pub fn short(users: usize, items: usize, seed: u64) -> Log {
    tastes(users, items, 10, (1.0, 1.2), 4, seed)
}
