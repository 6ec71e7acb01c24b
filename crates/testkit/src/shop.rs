//! A shop in three spaces whose scores are plain arithmetic, and what a recall of it ought to answer.
//!
//! Items have whole numbers `x`, `y`, `z` (or no `z`), so that scores are exact and often equal. They are
//! put in three parts: before the publish, sealed since, and late; the last two overwrite some of the
//! items before.

use crate::{directory, towers_of};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use twinspire::{Database, Hits, PublishOptions, Recall, Towers};

pub const SPACES: [&str; 3] = ["plane", "other", "near"];

#[derive(Clone, Debug)]
pub struct Thing {
    pub numbers: [f32; 3],
    /// Without, it has no vector in the space "other".
    pub z: bool,
    pub group: u8,
    pub bid: Option<f64>,
}

/// For whom a recall is, and what it may answer with.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub user: [f32; 3],
    pub group: Option<u8>,
    pub exclude: Vec<usize>,
    pub least: Option<f32>,
}

pub struct Shop {
    dir: tempfile::TempDir,
    pub db: Database,
    /// As they are now, in the order in which they were stored first.
    pub things: Vec<Thing>,
}

/// Items by what they are ranked by, best first.
pub type Ranked = Vec<(f32, usize)>;

fn numbers(whole: bool) -> impl Strategy<Value = [f32; 3]> {
    let one =
        move || prop_oneof![-3.0f32..3.0].prop_map(move |x| if whole { x.round() } else { x });
    [one(), one(), one()]
}

fn thing(whole: bool) -> impl Strategy<Value = Thing> {
    let bid = prop::option::weighted(
        0.8,
        prop_oneof![
            Just(0.0),
            Just(-1.0),
            0.25f64..4.0,
            (1u8..5).prop_map(f64::from)
        ],
    );
    (numbers(whole), prop::bool::weighted(0.8), 0u8..3, bid).prop_map(|(numbers, z, group, bid)| {
        Thing {
            numbers,
            z,
            group,
            bid,
        }
    })
}

/// Items and overwrites of them.
pub fn things(whole: bool) -> impl Strategy<Value = (Vec<Thing>, Vec<(usize, Thing)>)> {
    (
        vec(thing(whole), 3..70),
        vec((any::<prop::sample::Index>(), thing(whole)), 0..12),
    )
        .prop_map(|(mut things, changes)| {
            things[0].z = true;
            let count = things.len();
            let changes = changes.into_iter().map(|(at, new)| (at.index(count), new));
            (things, changes.collect())
        })
}

pub fn asked(whole: bool) -> impl Strategy<Value = Asked> {
    (
        numbers(whole),
        prop::option::weighted(0.3, 0u8..3),
        vec(0usize..70, 0..4),
    )
        .prop_map(|(user, group, exclude)| Asked {
            user,
            group,
            exclude,
            least: None,
        })
}

/// Towers whose vectors are fields of the record.
pub fn towers(metric: &str, fields: &[&str]) -> Towers {
    let feature = |field| json!({"kind": "number", "field": field, "mean": 0.0, "deviation": 1.0});
    let features: Vec<Value> = fields.iter().map(feature).collect();
    let tower = json!({"features": features, "layers": [], "other_fields": "ignore"});
    let schema = json!({
        "format": 1, "name": "fields", "dimension": fields.len(), "metric": metric,
        "user": tower, "item": tower
    });
    towers_of(&[("tower.json".to_owned(), schema.to_string().into_bytes())])
}

pub fn id(at: usize) -> String {
    format!("B{at:03}")
}

pub fn record(at: usize, thing: &Thing) -> Value {
    let [x, y, z] = thing.numbers;
    let mut record = json!({"id": id(at), "x": x, "y": y, "group": thing.group});
    if thing.z {
        record["z"] = json!(z);
    }
    if let Some(bid) = thing.bid {
        record["bid"] = json!(bid);
    }
    record
}

impl Shop {
    pub fn new((things, changes): (Vec<Thing>, Vec<(usize, Thing)>)) -> Self {
        let (dir, path) = directory();
        let db = Database::options().background(false).open(&path).unwrap();
        let mut now: Vec<Thing> = Vec::new();
        let (third, half) = (things.len().div_ceil(3), changes.len() / 2);
        for (part, new) in things.chunks(third).enumerate() {
            let mut put: BTreeMap<usize, Thing> = (now.len()..).zip(new.iter().cloned()).collect();
            let changes = match part {
                0 => &[][..],
                1 => &changes[..half],
                _ => &changes[half..],
            };
            let there = now.len() + new.len();
            put.extend(changes.iter().filter(|(at, _)| *at < there).cloned());
            now.resize(there, new[0].clone());
            for (at, thing) in &put {
                now[*at] = thing.clone();
            }
            let records: Vec<Value> = put.iter().map(|(at, thing)| record(*at, thing)).collect();
            db.items().put_many(&records).unwrap();
            if part == 0 {
                let partly = PublishOptions::new().leave_out(|_| ());
                let plane = towers("inner_product", &["x", "y"]);
                db.publish("plane", plane).unwrap();
                db.publish_with("other", towers("l2", &["y", "z"]), &partly)
                    .unwrap();
                db.publish("near", towers("l2", &["x", "y"])).unwrap();
            } else if part == 1 {
                db.seal().unwrap();
            }
        }
        Self {
            dir,
            db,
            things: now,
        }
    }

    /// Where the database is.
    pub fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("shop.twin")
    }

    pub fn recall<'a>(&'a self, name: &'a str, user: &'a Value, asked: &Asked) -> Recall<'a> {
        let mut recall = self.db.recall(name).user(user);
        recall = recall.exclude(asked.exclude.iter().map(|at| id(*at)));
        if let Some(group) = asked.group {
            recall = recall.filter(format!("group = {group}").as_str());
        }
        if let Some(least) = asked.least {
            recall = recall.at_least(least);
        }
        recall
    }

    pub fn score(&self, space: &str, at: usize, user: &[f32; 3]) -> Option<f32> {
        let Thing { numbers, z, .. } = &self.things[at];
        let [dx, dy, dz] = [0, 1, 2].map(|axis| numbers[axis] - user[axis]);
        match space {
            // From zero on: a sum of negative zeros is a negative zero, which sorts lower.
            "plane" => Some(0.0 + numbers[0] * user[0] + numbers[1] * user[1]),
            "other" => z.then_some(-(dy * dy + dz * dz)),
            _ => Some(-(dx * dx + dy * dy)),
        }
    }

    /// What may be answered with.
    pub fn allowed(&self, asked: &Asked) -> Vec<usize> {
        let all = 0..self.things.len();
        all.filter(|at| !asked.exclude.contains(at))
            .filter(|at| {
                asked
                    .group
                    .is_none_or(|group| self.things[*at].group == group)
            })
            .collect()
    }

    /// The best of a space.
    pub fn list(&self, space: &str, asked: &Asked, depth: usize) -> Ranked {
        let scored = self.allowed(asked).into_iter();
        let scored = scored.filter_map(|at| Some((self.score(space, at, &asked.user)?, at)));
        best(scored, None, depth)
    }
}

pub fn user(asked: &Asked) -> Value {
    let [x, y, z] = asked.user;
    json!({"x": x, "y": y, "z": z})
}

/// The best `k`, equal ones in the order in which they were stored.
pub fn best(all: impl IntoIterator<Item = (f32, usize)>, least: Option<f32>, k: usize) -> Ranked {
    let mut all: Ranked = all.into_iter().collect();
    all.retain(|(score, _)| least.is_none_or(|least| *score >= least));
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all
}

/// What was answered, in the form of the model.
pub fn ranked(hits: &Hits) -> Ranked {
    let at = |id: &str| id[1..].parse().unwrap();
    hits.iter().map(|hit| (hit.score, at(&hit.id))).collect()
}
