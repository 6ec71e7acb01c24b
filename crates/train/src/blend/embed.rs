//! Vectors of the users and items of a log by towers as they serve, and how these rank a holdout.

use crate::evaluate::ranks;
use crate::hold_out::HeldOut;
use crate::sampler::Logs;
use ndarray::Array2;
use rayon::prelude::*;
use serde_json::Value;
use std::collections::HashSet;
use twinspire_towers::Towers;
use twinspire_towers::internals::{Reading, Side};

/// Users or items that one task embeds.
const CHUNK: usize = 64;

/// Vectors of the users, who have their latest `longest` items as history, and of all items. A user who has nothing that
/// the towers read gets zeros.
pub(crate) fn embed(
    towers: &Towers,
    logs: &Logs,
    users: &[u32],
    longest: usize,
) -> [Array2<f32>; 2] {
    let items: Vec<u32> = (0..logs.items.len() as u32).collect();
    [
        vectors(towers, Side::User, users, |user| {
            logs.record(logs.now(user), longest)
        }),
        vectors(towers, Side::Item, &items, |item| {
            logs.items[item as usize].1.clone()
        }),
    ]
}

/// The vectors of some records of a side.
fn vectors(
    towers: &Towers,
    side: Side,
    which: &[u32],
    record: impl Fn(u32) -> Value + Sync,
) -> Array2<f32> {
    let width = towers.dimension();
    let chunks = which.par_chunks(CHUNK).map(|chunk| {
        let records: Vec<Value> = chunk.iter().map(|which| record(*which)).collect();
        let each = towers
            .model()
            .embed_each(side, &records, Reading::default());
        let each = each.into_iter();
        each.flat_map(|vector| vector.unwrap_or_else(|_| vec![0.0; width]))
            .collect::<Vec<f32>>()
    });
    let chunks: Vec<Vec<f32>> = chunks.collect();
    Array2::from_shape_vec((which.len(), width), chunks.concat()).unwrap_or_default()
}

/// The rank, from 0, of each held-out item among those that are to be found for its user.
pub(crate) fn ranks_of(
    towers: &Towers,
    logs: &Logs,
    held_out: &[HeldOut],
    longest: usize,
) -> Vec<Option<usize>> {
    let asked: Vec<u32> = held_out.iter().map(|out| out.user).collect();
    let [users, items] = embed(towers, logs, &asked, longest);
    let hidden: Vec<HashSet<u32>> = asked.iter().map(|user| logs.hidden_from(*user)).collect();
    let hidden = |row: usize, item: u32| hidden[row].contains(&item);
    ranks(users.view(), items.view(), |row| held_out[row].item, hidden)
}
