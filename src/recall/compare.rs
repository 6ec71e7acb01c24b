//! How two answers differ: what they share, and what moved.

use super::Hits;
use serde::Serialize;
use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// The persistence of [rank-biased overlap](Comparison::rbo): the first ten places carry 86 % of it.
const PERSISTENCE: f64 = 0.9;
/// So many of the items that moved most are shown.
const SHOWN: usize = 10;

/// Two answers side by side; made by [`Hits::compare`].
///
/// As text it is a table: a line for each place, with what the first answer has there and where it stands
/// in the second (`to`), and what the second has there and how it moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The places of the longer answer.
    pub depth: usize,
    /// How many items are in both.
    pub overlap: usize,
    /// The overlap's share of the depth; 1 if both are empty.
    pub overlap_share: f64,
    /// Items in both over items in either; 1 if both are empty.
    pub jaccard: f64,
    /// Rank-biased overlap (Webber, Moffat and Zobel, TOIS 2010) with p = 0.9, from 0 to 1: the overlap
    /// of the first d places over d, for every d, weighted by (1 − p) · p^(d − 1).
    ///
    /// What lies beyond the answers is extrapolated from them, by their equation 32: the unseen places of
    /// the shorter answer are taken to be shared in the proportion in which its seen ones are, and beyond
    /// the longer one the agreement stays as it is there. Two equal answers have 1, two without a common
    /// item 0, two empty ones 1.
    pub rbo: f64,
    /// Every item of either: those of the first answer in its order, then those of the second alone in
    /// theirs.
    pub items: Vec<ComparedItem>,
}

/// An item of one of two answers, or of both.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ComparedItem {
    /// The item's id.
    pub id: String,
    /// Where it stands in the first answer, if it is there.
    pub first: Option<ComparedRank>,
    /// Where it stands in the second.
    pub second: Option<ComparedRank>,
    /// If it is in both: by how many places it stands higher in the second; below 0 if lower.
    pub rise: Option<i64>,
}

/// A place in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ComparedRank {
    /// Its number in the answer, from 1, whatever the offset of the recall was.
    pub rank: usize,
    /// The item's score there.
    pub score: f32,
}

impl Hits {
    /// Compares this answer with another, such as that of another generation or ensemble to the same
    /// request: what both share, and how each item moved from this one to the `other`.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Comparison {
        let places = |hits: &Self| -> Vec<(String, f32)> {
            hits.iter().map(|hit| (hit.id.clone(), hit.score)).collect()
        };
        compare(&places(self), &places(other))
    }
}

/// Compares two lists of ids and scores, best first, no id twice in one.
fn compare(first: &[(String, f32)], second: &[(String, f32)]) -> Comparison {
    let place = |(rank, (id, score)): (usize, &(String, f32))| {
        let place = ComparedRank {
            rank,
            score: *score,
        };
        (id.clone(), place)
    };
    let mut others: HashMap<String, ComparedRank> = (1..).zip(second).map(place).collect();
    let mut items = Vec::with_capacity(first.len() + second.len());
    for (id, first) in (1..).zip(first).map(place) {
        let second = others.remove(&id);
        let rise = second.map(|second| first.rank as i64 - second.rank as i64);
        items.push(ComparedItem {
            id,
            first: Some(first),
            second,
            rise,
        });
    }
    let mut alone: Vec<(String, ComparedRank)> = others.into_iter().collect();
    alone.sort_by_key(|(_, place)| place.rank);
    items.extend(alone.into_iter().map(|(id, second)| ComparedItem {
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
    Comparison {
        depth,
        overlap,
        overlap_share: share(overlap, depth),
        jaccard: share(overlap, items.len()),
        rbo: rbo(&items, first.len().min(second.len()), depth),
        items,
    }
}

/// Rank-biased overlap, extrapolated, of a shorter and a longer list; equation 32 of the paper.
fn rbo(items: &[ComparedItem], short: usize, long: usize) -> f64 {
    if long == 0 {
        return 1.0;
    }
    if short == 0 {
        return 0.0;
    }
    // Both lists have an item from the deeper of its two places on.
    let mut met: BTreeMap<usize, usize> = BTreeMap::new();
    for item in items {
        if let (Some(first), Some(second)) = (item.first, item.second) {
            *met.entry(first.rank.max(second.rank)).or_default() += 1;
        }
    }
    let up_to_short: usize = met.range(..=short).map(|(_, count)| count).sum();
    let seen = up_to_short as f64 / short as f64;
    let (mut sum, mut weight, mut common) = (0.0, 1.0, 0);
    for depth in 1..=long {
        common += met.get(&depth).copied().unwrap_or_default();
        weight *= PERSISTENCE;
        let beyond = depth.saturating_sub(short) as f64;
        sum += (common as f64 + seen * beyond) / depth as f64 * weight;
    }
    let last = (common as f64 - up_to_short as f64) / long as f64 + seen;
    (1.0 - PERSISTENCE) / PERSISTENCE * sum + last * weight
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

    /// The items that both have.
    pub fn in_both(&self) -> impl Iterator<Item = &ComparedItem> {
        self.items.iter().filter(|item| item.rise.is_some())
    }

    /// Whether both begin with the same item, or are empty.
    #[must_use]
    pub fn is_same_first(&self) -> bool {
        let mut items = self.items.iter();
        self.depth == 0
            || items.any(|item| {
                let ranks = [item.first, item.second].map(|place| place.map(|place| place.rank));
                ranks == [Some(1), Some(1)]
            })
    }

    /// Whether both have the same items in the same order, whatever their scores.
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
            let [at, first, score, to, second, other, moved] = &mut row;
            *at = rank.to_string();
            for item in &self.items {
                if let Some(place) = item.first.filter(|place| place.rank == rank) {
                    *first = shown(&item.id);
                    *score = digits(place.score);
                    *to = item
                        .second
                        .map_or("-".to_owned(), |place| place.rank.to_string());
                }
                if let Some(place) = item.second.filter(|place| place.rank == rank) {
                    *second = shown(&item.id);
                    *other = digits(place.score);
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

/// A score; the negative zero of a distance is a zero.
fn digits(score: f32) -> String {
    format!("{:.4}", score + 0.0)
}

/// An id without what a terminal would take for commands.
fn shown(id: &str) -> String {
    let each = id.chars().map(|c| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    each.collect()
}

fn write_table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    rows: &[[String; N]],
    right: [bool; N],
) -> fmt::Result {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(widths).zip(right) {
            line.push_str(&match right {
                true => format!("{cell:>width$}  "),
                false => format!("{cell:<width$}  "),
            });
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

/// What many comparisons come to: means over users, and the items that moved most.
///
/// ```no_run
/// # fn main() -> Result<(), twinspire::Error> {
/// # let db = twinspire::Database::open("shop.twin")?;
/// # let users: Vec<serde_json::Value> = Vec::new();
/// use twinspire::ComparisonSummary;
///
/// let now = db.pin();
/// let one = now.recall("home").users(&users).top(10)?;
/// let other = now.recall("unified").users(&users).top(10)?;
/// let pairs = one.iter().zip(&other);
/// let summary: ComparisonSummary = pairs.map(|(one, other)| one.compare(other)).collect();
/// println!("{summary}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ComparisonSummary {
    /// How many comparisons there were, one a user.
    pub users: u64,
    /// The mean of [`Comparison::overlap_share`].
    pub mean_overlap_share: f64,
    /// The mean of [`Comparison::jaccard`].
    pub mean_jaccard: f64,
    /// The mean of [`Comparison::rbo`].
    pub mean_rbo: f64,
    /// The share of users whose answers begin with the same item.
    pub same_first: f64,
    /// The share of users whose answers are the same items in the same order.
    pub same_order: f64,
    /// The items whose places differ for anybody, the largest [change](RankChange::change) first, of equal ones
    /// the lesser id.
    pub movers: Vec<RankChange>,
}

/// How an item fared over many comparisons.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RankChange {
    /// The item's id.
    pub id: String,
    /// The sum over all users of 1/rank in the second answer less 1/rank in the first, where being in
    /// neither place counts as 0: an item that comes to the top of one user's answer has 1.
    pub change: f64,
    /// Answers that it is in only in the second.
    pub entered: u64,
    /// Answers that it is in only in the first.
    pub left: u64,
    /// Users for whom it stands higher in the second.
    pub rose: u64,
    /// Users for whom it stands lower.
    pub fell: u64,
}

impl<C: Borrow<Comparison>> FromIterator<C> for ComparisonSummary {
    /// Nothing is kept of the comparisons but sums, and those for each item that moved. Of no comparisons
    /// everything is 0.
    fn from_iter<I: IntoIterator<Item = C>>(comparisons: I) -> Self {
        let (mut summary, mut movers) = (Self::default(), HashMap::<String, RankChange>::new());
        for comparison in comparisons {
            let comparison = comparison.borrow();
            summary.users += 1;
            summary.mean_overlap_share += comparison.overlap_share;
            summary.mean_jaccard += comparison.jaccard;
            summary.mean_rbo += comparison.rbo;
            summary.same_first += f64::from(u8::from(comparison.is_same_first()));
            summary.same_order += f64::from(u8::from(comparison.is_same_order()));
            for item in comparison.items.iter().filter(|item| item.rise != Some(0)) {
                match movers.get_mut(&item.id) {
                    Some(mover) => mover.add(item),
                    None => {
                        let mut mover = RankChange::new(&item.id);
                        mover.add(item);
                        movers.insert(item.id.clone(), mover);
                    }
                }
            }
        }
        let users = summary.users.max(1) as f64;
        for mean in [
            &mut summary.mean_overlap_share,
            &mut summary.mean_jaccard,
            &mut summary.mean_rbo,
            &mut summary.same_first,
            &mut summary.same_order,
        ] {
            *mean /= users;
        }
        summary.movers = movers.into_values().collect();
        summary.movers.sort_by(|a, b| {
            let by_change = b.change.abs().total_cmp(&a.change.abs());
            by_change.then_with(|| a.id.cmp(&b.id))
        });
        summary
    }
}

impl RankChange {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            change: 0.0,
            entered: 0,
            left: 0,
            rose: 0,
            fell: 0,
        }
    }

    fn add(&mut self, item: &ComparedItem) {
        let worth =
            |place: Option<ComparedRank>| place.map_or(0.0, |place| 1.0 / place.rank as f64);
        self.change += worth(item.second) - worth(item.first);
        match (item.first, item.rise) {
            (_, Some(rise)) if rise > 0 => self.rose += 1,
            (_, Some(_)) => self.fell += 1,
            (None, None) => self.entered += 1,
            (Some(_), None) => self.left += 1,
        }
    }
}

impl fmt::Display for ComparisonSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| share * 100.0;
        writeln!(f, "users                     {}", self.users)?;
        writeln!(
            f,
            "in both, on average       {:.1} %",
            percent(self.mean_overlap_share)
        )?;
        writeln!(f, "Jaccard, on average       {:.3}", self.mean_jaccard)?;
        writeln!(f, "rank-biased overlap       {:.3}", self.mean_rbo)?;
        writeln!(
            f,
            "same first item           {:.1} % of users",
            percent(self.same_first)
        )?;
        write!(
            f,
            "same items in same order  {:.1} % of users",
            percent(self.same_order)
        )?;
        if self.movers.is_empty() {
            return Ok(());
        }
        f.write_str("\n\n")?;
        let columns = ["item", "change", "entered", "left", "rose", "fell"];
        let mut rows = vec![columns.map(str::to_owned)];
        for mover in self.movers.iter().take(SHOWN) {
            let [entered, left, rose, fell] =
                [mover.entered, mover.left, mover.rose, mover.fell].map(|count| count.to_string());
            let change = format!("{:+.3}", mover.change);
            rows.push([shown(&mover.id), change, entered, left, rose, fell]);
        }
        write_table(f, &rows, [false, true, true, true, true, true])?;
        match self.movers.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(ids: &[&str]) -> Vec<(String, f32)> {
        let scored = ids.iter().enumerate();
        scored
            .map(|(at, id)| ((*id).to_owned(), 1.0 - at as f32 / 10.0))
            .collect()
    }

    #[test]
    fn what_moved_came_and_went_is_told() {
        let comparison = compare(&list(&["a", "b", "c"]), &list(&["b", "d", "a", "e"]));
        let rises: Vec<_> = comparison
            .items
            .iter()
            .map(|item| (item.id.as_str(), item.rise))
            .collect();
        assert_eq!(
            rises,
            [
                ("a", Some(-2)),
                ("b", Some(1)),
                ("c", None),
                ("d", None),
                ("e", None)
            ]
        );
        assert_eq!((comparison.depth, comparison.overlap), (4, 2));
        assert_eq!((comparison.overlap_share, comparison.jaccard), (0.5, 0.4));
        assert_eq!(comparison.only_in_first().count(), 1);
        assert_eq!(comparison.only_in_second().count(), 2);
        assert_eq!(comparison.in_both().count(), 2);
        assert!(!comparison.is_same_first() && !comparison.is_same_order());
        assert_eq!(
            comparison.to_string(),
            "rank  first   score  to  second   score  moved\n   \
                1  a      1.0000   3  b       1.0000     +1\n   \
                2  b      0.9000   1  d       0.9000    new\n   \
                3  c      0.8000   -  a       0.8000     -2\n   \
                4                     e       0.7000    new\n\
             2 of 4 in both (50.0 %), Jaccard 0.400, rank-biased overlap 0.585"
        );
        let json = serde_json::to_value(&comparison).unwrap();
        assert_eq!(json["items"][1]["second"]["rank"], 1);
    }

    #[test]
    fn lists_that_are_equal_or_empty_are_the_ends_of_the_scale() {
        let same = compare(&list(&["a", "b"]), &list(&["a", "b"]));
        assert!((same.rbo - 1.0).abs() < 1e-12);
        assert!(same.is_same_first() && same.is_same_order());
        let nothing = compare(&[], &[]);
        assert_eq!((nothing.rbo, nothing.jaccard), (1.0, 1.0));
        assert!(nothing.is_same_first() && nothing.is_same_order());
        let one = compare(&[], &list(&["a"]));
        assert_eq!((one.rbo, one.overlap_share), (0.0, 0.0));
        assert!(!one.is_same_first() && !one.is_same_order());
        let apart = compare(&list(&["a"]), &list(&["b"]));
        assert_eq!((apart.rbo, apart.jaccard), (0.0, 0.0));
    }

    #[test]
    fn terminal_commands_in_ids_are_not_carried_out() {
        let text = compare(&list(&["a\u{1b}[1m"]), &[]).to_string();
        assert!(text.contains("a\\u{1b}[1m"), "{text}");
    }

    #[test]
    fn a_summary_has_means_and_the_items_that_moved_most() {
        let comparisons = [
            compare(&list(&["a", "b"]), &list(&["a", "b"])),
            compare(&list(&["a", "b"]), &list(&["c", "a"])),
        ];
        let summary: ComparisonSummary = comparisons.iter().collect();
        assert_eq!(summary.users, 2);
        assert_eq!(summary.mean_overlap_share, 0.75);
        assert_eq!((summary.same_first, summary.same_order), (0.5, 0.5));
        let movers: Vec<_> = summary
            .movers
            .iter()
            .map(|mover| (mover.id.as_str(), mover.change))
            .collect();
        assert_eq!(movers, [("c", 1.0), ("a", -0.5), ("b", -0.5)]);
        assert_eq!(summary.movers[0].entered, 1);
        assert_eq!((summary.movers[1].fell, summary.movers[2].left), (1, 1));
        assert!(summary.to_string().contains("c     +1.000"), "{summary}");
        let nobody: ComparisonSummary = Vec::<Comparison>::new().into_iter().collect();
        assert_eq!(nobody, ComparisonSummary::default());
    }

    /// The agreement at every depth as the paper defines it, summed until nothing is left.
    fn naive_rbo(a: &[u8], b: &[u8]) -> f64 {
        let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
        let common = |depth: usize| {
            let (a, b) = (&short[..depth.min(short.len())], &long[..depth]);
            a.iter().filter(|id| b.contains(id)).count() as f64
        };
        if short.is_empty() {
            return f64::from(u8::from(long.is_empty()));
        }
        let seen = common(short.len()) / short.len() as f64;
        let agreement = |depth: usize| {
            let depth = depth.min(long.len());
            let guessed = depth.saturating_sub(short.len()) as f64 * seen;
            (common(depth) + guessed) / depth as f64
        };
        let terms = (1..1500).map(|depth| 0.1 * 0.9f64.powi(depth - 1) * agreement(depth as usize));
        terms.sum()
    }

    fn permutation() -> impl Strategy<Value = Vec<u8>> {
        (
            Just((0..14).collect::<Vec<u8>>()).prop_shuffle(),
            0usize..14,
        )
            .prop_map(|(ids, len)| ids[..len].to_vec())
    }

    proptest! {
        #[test]
        fn every_measure_is_that_of_its_definition(a in permutation(), b in permutation()) {
            let listed = |ids: &[u8]| -> Vec<(String, f32)> {
                ids.iter().map(|id| (id.to_string(), f32::from(*id))).collect()
            };
            let comparison = compare(&listed(&a), &listed(&b));
            let both = a.iter().filter(|id| b.contains(id)).count();
            let either = a.len() + b.len() - both;
            prop_assert_eq!(comparison.overlap, both);
            prop_assert_eq!(comparison.items.len(), either);
            prop_assert!((comparison.jaccard * either as f64 - both as f64).abs() < 1e-9);
            prop_assert!((comparison.rbo - naive_rbo(&a, &b)).abs() < 1e-9);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&comparison.rbo));
            prop_assert_eq!(comparison.is_same_order(), a == b);
            prop_assert_eq!(comparison.is_same_first(), a.first() == b.first());
            for item in &comparison.items {
                let at = |ids: &[u8]| ids.iter().position(|id| id.to_string() == item.id);
                let rank = |place: Option<ComparedRank>| place.map(|place| place.rank - 1);
                prop_assert_eq!(rank(item.first), at(&a));
                prop_assert_eq!(rank(item.second), at(&b));
                let rise = at(&a).zip(at(&b)).map(|(a, b)| a as i64 - b as i64);
                prop_assert_eq!(item.rise, rise);
            }
            let turned = compare(&listed(&b), &listed(&a));
            prop_assert!((turned.rbo - comparison.rbo).abs() < 1e-12);
        }
    }
}
