//! Channels that take turns.

use super::{Fused, Fusing, Ranking, ranks_of};
use crate::ensemble::{Channel, quotas};
use crate::error::Error;
use std::collections::HashSet;
use twinspire_core::ids::ItemNo;

/// The `k` that the channels take. Scores of different spaces cannot be compared: an answer's score is
/// one over its place.
pub(super) fn best(fusing: &Fusing<'_>, channels: &[Channel], k: usize) -> Result<Fused, Error> {
    let (mut lists, mut ranks): (Vec<Ranking>, Vec<_>) = (Vec::new(), Vec::new());
    for channel in &fusing.channels {
        // Whoever finds all its best `k` taken comes when the answer is full.
        let list = fusing.list(channel, None, k)?;
        ranks.push(ranks_of(&list));
        lists.push(list);
    }
    let (taken, counts) = take(&lists, &quotas(channels, k), k);
    for ((channel, list), count) in fusing.channels.iter().zip(&lists).zip(counts) {
        fusing.step("quota", Some(channel.name), Some(list.len()), count);
    }
    let placed = (1usize..).zip(taken);
    let best = placed.map(|(place, item)| (1.0 / place as f32, item));
    let best = best.collect();
    Ok(Fused { best, ranks })
}

/// Who takes what: in turns until the quotas are full, then in turns until the answer is; and how many
/// each took.
fn take(lists: &[Ranking], quotas: &[usize], k: usize) -> (Vec<ItemNo>, Vec<usize>) {
    let (mut answer, mut taken) = (Vec::new(), HashSet::new());
    let mut counts = vec![0; lists.len()];
    let mut left: Vec<_> = lists.iter().map(|list| list.iter()).collect();
    for within_quotas in [true, false] {
        loop {
            let before = answer.len();
            for ((list, count), quota) in left.iter_mut().zip(&mut counts).zip(quotas) {
                if answer.len() >= k {
                    return (answer, counts);
                }
                if within_quotas && *count >= *quota {
                    continue;
                }
                if let Some((_, item)) = list.find(|(_, item)| !taken.contains(item)) {
                    taken.insert(*item);
                    answer.push(*item);
                    *count += 1;
                }
            }
            if answer.len() == before {
                break;
            }
        }
    }
    (answer, counts)
}
