//! The calls, and the plain model that says what they do.

use crate::database::Database;
use crate::error::Error;
use crate::index::{IndexChoice, IndexKind};
use crate::maintain::{Extent, merge};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use twinspire_core::ids::GenerationNo;
use twinspire_core::kernel::Storage;
use twinspire_towers::{Towers, TowersError};

pub(super) const SPACES: [&str; 2] = ["one", "two"];
pub(super) const IDS: u8 = 16;
/// The price feature of the user in every recall.
pub(super) const PAYS: u8 = 15;

/// A call that may change what the database shows.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Put(BTreeMap<u8, Option<u8>>),
    Delete(u8),
    Seal,
    Merge,
    /// A merge by the policy of the background thread.
    Tidy,
    Publish {
        space: usize,
        scale: u8,
        retain: usize,
    },
    Rollback {
        space: usize,
        to: Option<u64>,
    },
    Retain {
        space: usize,
        keep: usize,
    },
    Calibrate {
        space: usize,
    },
    Collect,
}

impl Call {
    pub(super) fn run(&self, db: &Database) -> Result<u64, Error> {
        match self {
            Self::Put(rows) => {
                let records = rows.iter().map(|(id, price)| record(*id, *price));
                let put = db.items().put_many(&records.collect::<Vec<_>>());
                put.map(|revision| revision.0)
            }
            Self::Delete(id) => db.items().delete(&name(*id)).map(u64::from),
            Self::Seal => db.seal().map(|revision| revision.0),
            Self::Merge => db.merge().map(|()| 0),
            Self::Tidy => merge(&db.live(), db.writing()?, Extent::Due).map(|()| 0),
            Self::Publish {
                space,
                scale,
                retain,
            } => {
                // A price divided by a power of two has its halves exactly.
                let storage = [Storage::Full, Storage::Half][*space];
                let index = [IndexKind::Graph, IndexKind::Partitions][*space];
                let published = db
                    .publish(SPACES[*space])
                    .towers(towers(*scale)?)
                    .retain(*retain)
                    .storage(storage)
                    .index(IndexChoice::Only(index))
                    .run();
                published.map(|generation| generation.number.0)
            }
            Self::Rollback { space, to } => {
                let space = SPACES[*space];
                let generation = match to {
                    Some(to) => db.rollback(space).to(GenerationNo(*to)).run(),
                    None => db.rollback(space).run(),
                };
                generation.map(|generation| generation.number.0)
            }
            Self::Retain { space, keep } => db.retain(SPACES[*space], *keep).map(|()| 0),
            Self::Calibrate { space } => db.calibrate(SPACES[*space]).map(|_| 0),
            Self::Collect => db.collect().map(|_| 0),
        }
    }
}

/// The expected content of a database.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    pub(super) items: BTreeMap<u8, Option<u8>>,
    pub(super) revision: u64,
    spaces: [Space; SPACES.len()],
}

/// The generations that are kept, by number, each with its scale.
#[derive(Clone, Debug, Default, PartialEq)]
struct Space {
    generations: Vec<(u64, u8)>,
    active: u64,
    last: u64,
}

/// The visible state of a database.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) items: BTreeMap<u8, Value>,
    /// Number of each generation, and whether it answers.
    pub(super) generations: [Vec<(u64, bool)>; SPACES.len()],
    /// Id and score of everything a recall finds.
    pub(super) recalled: [Option<BTreeMap<String, f32>>; SPACES.len()],
}

impl Model {
    /// Applies a call, and returns the expected answer; `None` if the database must refuse it.
    pub(super) fn apply(&mut self, call: &Call) -> Option<u64> {
        match call {
            Call::Put(rows) => {
                let serves = self.spaces.iter().any(|space| space.active > 0);
                if serves && rows.values().any(Option::is_none) {
                    return None;
                }
                self.items.extend(rows);
                self.revision += rows.len() as u64;
                Some(self.revision)
            }
            Call::Delete(id) => {
                let found = u64::from(self.items.remove(id).is_some());
                self.revision += found;
                Some(found)
            }
            Call::Seal => Some(self.revision),
            Call::Merge | Call::Tidy | Call::Collect => Some(0),
            Call::Publish {
                space,
                scale,
                retain,
            } => {
                if self.items.is_empty() || self.items.values().any(Option::is_none) {
                    return None;
                }
                let space = &mut self.spaces[*space];
                let before = space.active;
                space.last += 1;
                space.active = space.last;
                space.generations.push((space.last, *scale));
                space.let_go(*retain, |number| number != before || *retain == 1);
                Some(space.active)
            }
            Call::Rollback { space, to } => {
                let space = &mut self.spaces[*space];
                let mut kept = space.generations.iter().rev().map(|(number, _)| *number);
                space.active = match to {
                    Some(to) => kept.find(|number| number == to),
                    None => kept.find(|number| *number < space.active),
                }?;
                Some(space.active)
            }
            Call::Retain { space, keep } => {
                let space = &mut self.spaces[*space];
                space.let_go(*keep, |_| true);
                (space.active > 0).then_some(0)
            }
            Call::Calibrate { space } => (self.spaces[*space].active > 0).then_some(0),
        }
    }

    pub(super) fn shown(&self) -> Shown {
        let items = self.items.iter();
        let recalled = |space: &Space| {
            let active = space.generations.iter().find(|g| g.0 == space.active);
            active.map(|(_, scale)| {
                let scored = self.items.iter().filter_map(|(id, price)| {
                    let apart = (f32::from((*price)?) - f32::from(PAYS)) / f32::from(*scale);
                    Some((name(*id), -apart * apart))
                });
                scored.collect()
            })
        };
        let generations = |space: &Space| {
            let all = space.generations.iter();
            all.map(|g| (g.0, g.0 == space.active)).collect()
        };
        Shown {
            items: items
                .map(|(id, price)| (*id, record(*id, *price)))
                .collect(),
            generations: self.spaces.each_ref().map(generations),
            recalled: self.spaces.each_ref().map(recalled),
        }
    }
}

impl Space {
    fn let_go(&mut self, keep: usize, may: impl Fn(u64) -> bool) {
        while self.generations.len() > keep.max(1) {
            let goes = |g: &(u64, u8)| g.0 != self.active && may(g.0);
            match self.generations.iter().position(goes) {
                Some(at) => drop(self.generations.remove(at)),
                None => break,
            }
        }
    }
}

pub(super) fn name(id: u8) -> String {
    format!("B{id:02}")
}

pub(super) fn record(id: u8, price: Option<u8>) -> Value {
    match price {
        Some(price) => json!({"id": name(id), "price": price}),
        None => json!({"id": name(id)}),
    }
}

/// Towers without weights: a vector is the price divided by the scale.
fn towers(scale: u8) -> Result<Towers, Error> {
    let tower = json!({
        "features": [{"kind": "number", "field": "price", "mean": 0, "deviation": scale}],
        "layers": []
    });
    let schema = json!({
        "format": 1, "name": format!("price by {scale}"), "dimension": 1, "metric": "l2",
        "user": tower, "item": tower
    });
    let parts = vec![("tower.json".to_owned(), schema.to_string().into_bytes())];
    let towers = Towers::from_bytes(parts).map_err(|source| TowersError::Invalid {
        path: "fuzzed".into(),
        source,
    });
    Ok(towers?)
}
