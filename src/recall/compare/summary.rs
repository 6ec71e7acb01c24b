//! The summary of many comparisons.

use super::comparison::{ComparedItem, ComparedRank, Comparison};
use super::table::{printable, write_table};
use serde::Serialize;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;

/// Number of items that the printed summary lists.
const ITEMS_PRINTED: usize = 10;

/// The summary of many comparisons: means over users, and the items that moved most.
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
    /// Number of comparisons, one for each user.
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
    /// The items whose ranks differ for any user, largest absolute [change](RankChange::change) first;
    /// equal changes by id.
    pub movers: Vec<RankChange>,
}

/// The changes of one item's rank over many comparisons.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RankChange {
    /// The item's id.
    pub id: String,
    /// The sum over all users of 1/rank in the second answer minus 1/rank in the first. An answer without
    /// the item counts as 0. An item that comes to the top of one user's answer has 1.
    pub change: f64,
    /// Number of users for whom only the second answer has the item.
    pub entered: u64,
    /// Number of users for whom only the first answer has the item.
    pub left: u64,
    /// Number of users for whom the item stands higher in the second answer.
    pub rose: u64,
    /// Number of users for whom the item stands lower in the second answer.
    pub fell: u64,
}

impl<C: Borrow<Comparison>> FromIterator<C> for ComparisonSummary {
    /// Keeps sums only, and one entry for each item that moved. Without comparisons every number is 0.
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
        let reciprocal =
            |rank: Option<ComparedRank>| rank.map_or(0.0, |rank| 1.0 / rank.rank as f64);
        self.change += reciprocal(item.second) - reciprocal(item.first);
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
        for mover in self.movers.iter().take(ITEMS_PRINTED) {
            let [entered, left, rose, fell] =
                [mover.entered, mover.left, mover.rose, mover.fell].map(|count| count.to_string());
            let change = format!("{:+.3}", mover.change);
            rows.push([printable(&mover.id), change, entered, left, rose, fell]);
        }
        write_table(f, &rows, [false, true, true, true, true, true])?;
        match self.movers.len().saturating_sub(ITEMS_PRINTED) {
            0 => Ok(()),
            more => write!(f, "and {more} more"),
        }
    }
}
