//! Quotas: the channels take turns until each has filled its quota. Shares hold for each page.

use super::lists::Lists;
use super::ranking::{Fused, Ranking, ranks_of};
use crate::ensemble::{Channel, has_counts, quota_places};
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use std::collections::HashSet;
use twinspire_core::ids::ItemNo;

/// The first `depth` items that the channels take, in pages of size `page`. Scores of different spaces cannot be compared, so that the
/// score of an item is one over its place.
pub(crate) fn best(
    source: &impl Lists,
    channels: &[Channel],
    page: usize,
    depth: usize,
) -> Result<Fused, Error> {
    let (mut lists, mut ranks): (Vec<Ranking>, Vec<_>) = (Vec::new(), Vec::new());
    let spaces = source.spaces();
    for channel in 0..spaces.len() {
        // As many candidates suffice: a channel whose first ones are all taken comes when the answer is full.
        let list = source.pages(channel, page, depth)?;
        ranks.push(ranks_of(&list));
        lists.push(list);
    }
    // Counts hold for the whole answer, shares for each page of it.
    let page = match has_counts(channels) {
        true => depth,
        false => page,
    };
    let (taken, counts) = take_turns(&lists, &quota_places(channels, page), page, depth);
    for ((space, list), count) in spaces.into_iter().zip(&lists).zip(counts) {
        let step = FusionStepKind::Quota;
        source.record(step, Some(space), Some(list.len()), count);
    }
    let placed = (1usize..).zip(taken);
    let best = placed.map(|(place, item)| (1.0 / place as f32, item));
    let best = best.collect();
    Ok(Fused { best, ranks })
}

/// The first `depth` items that the channels take, and how many each took. On each page they take turns
/// until their quotas are full, then again until the page is.
fn take_turns(
    lists: &[Ranking],
    quotas: &[usize],
    page: usize,
    depth: usize,
) -> (Vec<ItemNo>, Vec<usize>) {
    let (mut answer, mut taken) = (Vec::new(), HashSet::new());
    let mut counts = vec![0; lists.len()];
    let mut left: Vec<_> = lists.iter().map(|list| list.iter()).collect();
    let mut end = 0;
    while end < depth && answer.len() == end {
        end = depth.min(end.saturating_add(page));
        let mut on_page = vec![0; lists.len()];
        for within_quotas in [true, false] {
            loop {
                let before = answer.len();
                for ((list, count), quota) in left.iter_mut().zip(&mut on_page).zip(quotas) {
                    if answer.len() >= end || (within_quotas && *count >= *quota) {
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
        counts
            .iter_mut()
            .zip(on_page)
            .for_each(|(sum, count)| *sum += count);
    }
    (answer, counts)
}
