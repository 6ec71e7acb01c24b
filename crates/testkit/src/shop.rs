//! A database of three spaces whose scores are plain arithmetic, and the model its answers are compared with.
//!
//! Each item has whole numbers `x`, `y` and perhaps `z`, so that scores are exact and often equal. The items
//! are written in three parts: before the publish, sealed after it, and fresh. The last two parts also
//! overwrite earlier items.

use crate::database::open_without_background;
use crate::files::directory;
use crate::towers::field_towers;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use twinspire::{Database, Hits, Recall};

/// The spaces: `plane` is the inner product of x and y, `other` the L2 distance of y and z, `near` that of
/// x and y.
pub const SPACES: [&str; 3] = ["plane", "other", "near"];

/// An item of the shop.
#[derive(Clone, Debug)]
pub struct Item {
    /// `x`, `y` and `z`.
    pub numbers: [f32; 3],
    /// Whether the record has `z`; without it the item has no vector in the space `other`.
    pub has_z: bool,
    /// The field that [`Request::group`] filters by.
    pub group: u8,
    /// The field that business rules rank by.
    pub bid: Option<f64>,
}

/// The user of a recall, and the items that may be answered.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `x`, `y` and `z` of the user.
    pub user: [f32; 3],
    /// Only items of this group.
    pub group: Option<u8>,
    /// Items to leave out, by their place in [`Shop::items`].
    pub exclude: Vec<usize>,
    /// Only items of at least this score.
    pub at_least: Option<f32>,
}

/// The database, and the items it should hold.
pub struct Shop {
    dir: tempfile::TempDir,
    /// The open database.
    pub db: Database,
    /// The items as they are now, in the order of their first write.
    pub items: Vec<Item>,
}

/// Scores and items (by their place in [`Shop::items`]), best first.
pub type Ranking = Vec<(f32, usize)>;

/// Items, and later overwrites of some of them. `whole` asks for whole numbers.
pub fn any_items(whole: bool) -> impl Strategy<Value = (Vec<Item>, Vec<(usize, Item)>)> {
    (
        vec(any_item(whole), 3..70),
        vec((any::<prop::sample::Index>(), any_item(whole)), 0..12),
    )
        .prop_map(|(mut items, overwrites)| {
            items[0].has_z = true;
            let count = items.len();
            let overwrites = overwrites.into_iter();
            let overwrites = overwrites.map(|(at, item)| (at.index(count), item));
            (items, overwrites.collect())
        })
}

/// A request with or without a filter and exclusions.
pub fn any_request(whole: bool) -> impl Strategy<Value = Request> {
    (
        any_numbers(whole),
        prop::option::weighted(0.3, 0u8..3),
        vec(0usize..70, 0..4),
    )
        .prop_map(|(user, group, exclude)| Request {
            user,
            group,
            exclude,
            at_least: None,
        })
}

fn any_numbers(whole: bool) -> impl Strategy<Value = [f32; 3]> {
    let one =
        move || prop_oneof![-3.0f32..3.0].prop_map(move |x| if whole { x.round() } else { x });
    [one(), one(), one()]
}

fn any_item(whole: bool) -> impl Strategy<Value = Item> {
    let bid = prop::option::weighted(
        0.8,
        prop_oneof![
            Just(0.0),
            Just(-1.0),
            0.25f64..4.0,
            (1u8..5).prop_map(f64::from)
        ],
    );
    let parts = (any_numbers(whole), prop::bool::weighted(0.8), 0u8..3, bid);
    parts.prop_map(|(numbers, has_z, group, bid)| Item {
        numbers,
        has_z,
        group,
        bid,
    })
}

/// The id of the item at this place.
pub fn id(at: usize) -> String {
    format!("B{at:03}")
}

/// The record of an item.
pub fn record(at: usize, item: &Item) -> Value {
    let [x, y, z] = item.numbers;
    let mut record = json!({"id": id(at), "x": x, "y": y, "group": item.group});
    if item.has_z {
        record["z"] = json!(z);
    }
    if let Some(bid) = item.bid {
        record["bid"] = json!(bid);
    }
    record
}

/// The features of the user of a request.
pub fn user(request: &Request) -> Value {
    let [x, y, z] = request.user;
    json!({"x": x, "y": y, "z": z})
}

impl Shop {
    /// Writes the items and publishes the three spaces, in three parts as the module says.
    pub fn new((items, overwrites): (Vec<Item>, Vec<(usize, Item)>)) -> Self {
        let (dir, path) = directory();
        let db = open_without_background(&path);
        let mut now: Vec<Item> = Vec::new();
        let (third, half) = (items.len().div_ceil(3), overwrites.len() / 2);
        for (part, new) in items.chunks(third).enumerate() {
            let mut put: BTreeMap<usize, Item> = (now.len()..).zip(new.iter().cloned()).collect();
            let overwrites = match part {
                0 => &[][..],
                1 => &overwrites[..half],
                _ => &overwrites[half..],
            };
            let count = now.len() + new.len();
            put.extend(overwrites.iter().filter(|(at, _)| *at < count).cloned());
            now.resize(count, new[0].clone());
            for (at, item) in &put {
                now[*at] = item.clone();
            }
            let records: Vec<Value> = put.iter().map(|(at, item)| record(*at, item)).collect();
            db.items().put_many(&records).unwrap();
            match part {
                0 => publish(&db),
                1 => drop(db.seal().unwrap()),
                _ => {}
            }
        }
        Self {
            dir,
            db,
            items: now,
        }
    }

    /// The path of the database.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("shop.twin")
    }

    /// A recall of a space or an ensemble, with the limits of the request. `user` is that of [`user`].
    pub fn recall<'a>(&'a self, name: &'a str, user: &'a Value, request: &Request) -> Recall<'a> {
        let mut recall = self.db.recall(name).user(user);
        recall = recall.exclude(request.exclude.iter().map(|at| id(*at)));
        if let Some(group) = request.group {
            recall = recall.filter(format!("group = {group}").as_str());
        }
        if let Some(score) = request.at_least {
            recall = recall.at_least(score);
        }
        recall
    }

    /// The score of an item for a user; `None` where it has no vector in the space.
    pub fn score(&self, space: &str, at: usize, user: &[f32; 3]) -> Option<f32> {
        let Item { numbers, has_z, .. } = &self.items[at];
        let [dx, dy, dz] = [0, 1, 2].map(|axis| numbers[axis] - user[axis]);
        match space {
            // Starts from zero: a sum of negative zeros is a negative zero, which sorts lower.
            "plane" => Some(0.0 + numbers[0] * user[0] + numbers[1] * user[1]),
            "other" => has_z.then_some(-(dy * dy + dz * dz)),
            _ => Some(-(dx * dx + dy * dy)),
        }
    }

    /// The items that the request allows, in the order of their first write.
    pub fn candidates(&self, request: &Request) -> Vec<usize> {
        let all = 0..self.items.len();
        all.filter(|at| !request.exclude.contains(at))
            .filter(|at| {
                let group = self.items[*at].group;
                request.group.is_none_or(|wanted| wanted == group)
            })
            .collect()
    }

    /// The exact top k of a space.
    pub fn top_k(&self, space: &str, request: &Request, k: usize) -> Ranking {
        let candidates = self.candidates(request).into_iter();
        let scored = candidates.filter_map(|at| Some((self.score(space, at, &request.user)?, at)));
        top_k(scored, None, k)
    }
}

fn publish(db: &Database) {
    db.publish("plane")
        .towers(field_towers("inner_product", &["x", "y"]))
        .run()
        .unwrap();
    db.publish("other")
        .towers(field_towers("l2", &["y", "z"]))
        .leave_out(|_| ())
        .run()
        .unwrap();
    db.publish("near")
        .towers(field_towers("l2", &["x", "y"]))
        .run()
        .unwrap();
}

/// The best `k` of at least this score; equal scores in the order of ids, which is that of the first write.
pub fn top_k(
    scored: impl IntoIterator<Item = (f32, usize)>,
    at_least: Option<f32>,
    k: usize,
) -> Ranking {
    let mut ranking: Ranking = scored.into_iter().collect();
    ranking.retain(|(score, _)| at_least.is_none_or(|least| *score >= least));
    ranking.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    ranking.truncate(k);
    ranking
}

/// The hits in the form of the model.
pub fn ranking(hits: &Hits) -> Ranking {
    let at = |id: &str| id[1..].parse().unwrap();
    hits.iter().map(|hit| (hit.score, at(&hit.id))).collect()
}
