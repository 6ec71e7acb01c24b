//! Quotas: the channels take turns until each has filled its quota.

use super::context::FusionContext;
use super::ranking::{Fused, Ranking, ranks_of};
use crate::ensemble::{Channel, quota_places};
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use std::collections::HashSet;
use twinspire_core::ids::ItemNo;

/// The `k` items that the channels take. Scores of different spaces cannot be compared, so that the
/// score of an item is one over its place.
pub(super) fn best(
    context: &FusionContext<'_>,
    channels: &[Channel],
    k: usize,
) -> Result<Fused, Error> {
    let (mut lists, mut ranks): (Vec<Ranking>, Vec<_>) = (Vec::new(), Vec::new());
    for channel in &context.channels {
        // `k` candidates suffice: a channel whose `k` best are all taken comes when the answer is full.
        let list = context.top_k(channel, None, k)?;
        ranks.push(ranks_of(&list));
        lists.push(list);
    }
    let (taken, counts) = take_turns(&lists, &quota_places(channels, k), k);
    for ((channel, list), count) in context.channels.iter().zip(&lists).zip(counts) {
        let step = FusionStepKind::Quota;
        context.record(step, Some(channel.name), Some(list.len()), count);
    }
    let placed = (1usize..).zip(taken);
    let best = placed.map(|(place, item)| (1.0 / place as f32, item));
    let best = best.collect();
    Ok(Fused { best, ranks })
}

/// The items that the channels take, and how many each took. They take turns until their quotas are
/// full, then again until the answer is.
fn take_turns(lists: &[Ranking], quotas: &[usize], k: usize) -> (Vec<ItemNo>, Vec<usize>) {
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
