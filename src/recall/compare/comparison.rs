//! Comparison of two answers.

use super::rbo::rank_biased_overlap;
use super::table::{printable, score, write_table};
use crate::recall::hits::Hits;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;

/// Two answers side by side; made by [`Hits::compare`].
///
/// Printed, it is a table with a row for each rank: the item of the first answer, with its rank in the
/// second (`to`), and the item of the second answer, with the number of ranks it moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// Number of items in the longer answer.
    pub depth: usize,
    /// Number of items in both answers.
    pub overlap: usize,
    /// `overlap` divided by `depth`; 1 if both answers are empty.
    pub overlap_share: f64,
    /// Jaccard index: items in both answers over items in either; 1 if both are empty.
    pub jaccard: f64,
    /// Rank-biased overlap (Webber, Moffat and Zobel, TOIS 2010) with p = 0.9, from 0 to 1. It is the
    /// overlap of the first d ranks over d, for every d, weighted by (1 − p) · p^(d − 1).
    ///
    /// Ranks beyond the answers are extrapolated by equation 32 of the paper. The unseen ranks of the
    /// shorter answer are assumed to be shared in the proportion of its seen ones; beyond the longer
    /// answer the agreement stays as it is there. Two equal answers have 1, two without a common item 0,
    /// two empty ones 1.
    pub rbo: f64,
    /// Every item of either answer: those of the first in its order, then the rest of the second in its
    /// order.
    pub items: Vec<ComparedItem>,
}

/// An item of one of two answers, or of both.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ComparedItem {
    /// The item's id.
    pub id: String,
    /// Its rank in the first answer, if it is there.
    pub first: Option<ComparedRank>,
    /// Its rank in the second answer, if it is there.
    pub second: Option<ComparedRank>,
    /// If the item is in both answers: the number of ranks it stands higher in the second; negative if
    /// lower.
    pub rise: Option<i64>,
}

/// The rank of an item in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ComparedRank {
    /// The rank, from 1; it does not count hits that an offset skipped.
    pub rank: usize,
    /// The item's score.
    pub score: f32,
}

impl Hits {
    /// Compares this answer with another to the same query, such as that of another generation or
    /// ensemble: what both share, and how each item moved from this answer to the `other`.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Comparison {
        let scored = |hits: &Self| -> Vec<(String, f32)> {
            hits.iter().map(|hit| (hit.id.clone(), hit.score)).collect()
        };
        compare(&scored(self), &scored(other))
    }
}

/// Compares two lists of ids and scores, best first, without duplicate ids.
pub(super) fn compare(first: &[(String, f32)], second: &[(String, f32)]) -> Comparison {
    let ranked = |(rank, (id, score)): (usize, &(String, f32))| {
        let rank = ComparedRank {
            rank,
            score: *score,
        };
        (id.clone(), rank)
    };
    let mut others: HashMap<String, ComparedRank> = (1..).zip(second).map(ranked).collect();
    let mut items = Vec::with_capacity(first.len() + second.len());
    for (id, first) in (1..).zip(first).map(ranked) {
        let second = others.remove(&id);
        let rise = second.map(|second| first.rank as i64 - second.rank as i64);
        items.push(ComparedItem {
            id,
            first: Some(first),
            second,
            rise,
        });
    }
    let mut only_second: Vec<(String, ComparedRank)> = others.into_iter().collect();
    only_second.sort_by_key(|(_, second)| second.rank);
    items.extend(only_second.into_iter().map(|(id, second)| ComparedItem {
        id,
        first: None,
        second: Some(second),
        rise: None,
    }));
    let overlap = items.iter().filter(|item| item.rise.is_some()).count();
    let depth = first.len().max(second.len());
    let share = |part: usize, of: usize| match of {
        0 => 1.0,
        of => part as f64 / of as f64,
    };
    let shared = items
        .iter()
        .filter_map(|item| Some((item.first?.rank, item.second?.rank)));
    Comparison {
        depth,
        overlap,
        overlap_share: share(overlap, depth),
        jaccard: share(overlap, items.len()),
        rbo: rank_biased_overlap(shared, first.len().min(second.len()), depth),
        items,
    }
}

impl Comparison {
    /// The items that only the first answer has.
    pub fn only_in_first(&self) -> impl Iterator<Item = &ComparedItem> {
        self.items.iter().filter(|item| item.second.is_none())
    }

    /// The items that only the second answer has.
    pub fn only_in_second(&self) -> impl Iterator<Item = &ComparedItem> {
        self.items.iter().filter(|item| item.first.is_none())
    }

    /// The items that both answers have.
    pub fn in_both(&self) -> impl Iterator<Item = &ComparedItem> {
        self.items.iter().filter(|item| item.rise.is_some())
    }

    /// Whether both answers begin with the same item, or are empty.
    #[must_use]
    pub fn is_same_first(&self) -> bool {
        let mut items = self.items.iter();
        self.depth == 0
            || items.any(|item| {
                let ranks = [item.first, item.second].map(|found| found.map(|found| found.rank));
                ranks == [Some(1), Some(1)]
            })
    }

    /// Whether both answers have the same items in the same order, whatever their scores.
    #[must_use]
    pub fn is_same_order(&self) -> bool {
        self.items.iter().all(|item| item.rise == Some(0))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = ["rank", "first", "score", "to", "second", "score", "moved"];
        let mut rows = vec![columns.map(str::to_owned)];
        for rank in 1..=self.depth {
            let mut row = [const { String::new() }; 7];
            let [at, first, first_score, to, second, second_score, moved] = &mut row;
            *at = rank.to_string();
            for item in &self.items {
                if let Some(found) = item.first.filter(|found| found.rank == rank) {
                    *first = printable(&item.id);
                    *first_score = score(found.score);
                    *to = item
                        .second
                        .map_or("-".to_owned(), |second| second.rank.to_string());
                }
                if let Some(found) = item.second.filter(|found| found.rank == rank) {
                    *second = printable(&item.id);
                    *second_score = score(found.score);
                    *moved = match item.rise {
                        None => "new".to_owned(),
                        Some(0) => "=".to_owned(),
                        Some(rise) => format!("{rise:+}"),
                    };
                }
            }
            rows.push(row);
        }
        let right = [true, false, true, true, false, true, true];
        write_table(f, &rows, right)?;
        write!(
            f,
            "{} of {} in both ({:.1} %), Jaccard {:.3}, rank-biased overlap {:.3}",
            self.overlap,
            self.depth,
            self.overlap_share * 100.0,
            self.jaccard,
            self.rbo
        )
    }
}
