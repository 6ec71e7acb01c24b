//! A filter on the rows of one items segment, or of a block of fresh items, answered by columns.

use crate::filter::Condition;
use crate::format::columns::{Lookup, Matches};

/// A condition with its tests resolved against columns.
///
/// Constants are folded: an empty `All` is always true and an empty `Any` always false. All others have
/// at least two members, none of them constant.
#[derive(Debug)]
pub(super) enum FilterTree<'a> {
    /// All members pass; the most selective member comes first.
    All(Vec<FilterTree<'a>>),
    /// Any member passes; the least selective member comes first.
    Any(Vec<FilterTree<'a>>),
    /// The member does not pass.
    Not(Box<FilterTree<'a>>),
    /// A test of a column.
    Column(Box<Matches<'a>>),
    /// A test that only the record can answer.
    Record,
}

impl<'a> FilterTree<'a> {
    /// Resolves a condition against the columns of `rows` rows, which `column` looks up by path.
    pub(super) fn resolve(
        condition: &Condition,
        rows: usize,
        column: &impl Fn(&str) -> Lookup<'a>,
    ) -> Self {
        match condition {
            Condition::All(parts) => {
                let mut all = Vec::with_capacity(parts.len());
                for part in parts {
                    match Self::resolve(part, rows, column) {
                        Self::Any(none) if none.is_empty() => return Self::Any(none),
                        Self::All(parts) => all.extend(parts),
                        other => all.push(other),
                    }
                }
                all.sort_by(|a, b| a.selectivity(rows).total_cmp(&b.selectivity(rows)));
                unwrap_single(all, Self::All)
            }
            Condition::Any(parts) => {
                let mut any = Vec::with_capacity(parts.len());
                for part in parts {
                    match Self::resolve(part, rows, column) {
                        Self::All(none) if none.is_empty() => return Self::All(none),
                        Self::Any(parts) => any.extend(parts),
                        other => any.push(other),
                    }
                }
                any.sort_by(|a, b| b.selectivity(rows).total_cmp(&a.selectivity(rows)));
                unwrap_single(any, Self::Any)
            }
            Condition::Not(inner) => match Self::resolve(inner, rows, column) {
                Self::All(none) if none.is_empty() => Self::Any(none),
                Self::Any(none) if none.is_empty() => Self::All(none),
                other => Self::Not(Box::new(other)),
            },
            Condition::Leaf { field, test } => match column(field) {
                Lookup::Absent => Self::Any(Vec::new()),
                Lookup::Unindexed => Self::Record,
                Lookup::Column(column) => match column.resolve(test) {
                    matches if matches.count() == 0 => Self::Any(Vec::new()),
                    matches => Self::Column(Box::new(matches)),
                },
            },
        }
    }

    /// Whether a row passes; `None` if only its record can answer.
    pub(super) fn passes(&self, row: u32) -> Option<bool> {
        match self {
            Self::Column(matches) if matches.contains(row) => Some(true),
            Self::Column(matches) if matches.is_uncertain(row) => None,
            Self::Column(_) => Some(false),
            Self::Record => None,
            Self::Not(inner) => inner.passes(row).map(|passes| !passes),
            Self::All(parts) => decide(parts, row, false),
            Self::Any(parts) => decide(parts, row, true),
        }
    }

    /// Prefetches what [`passes`](Self::passes) reads first.
    pub(super) fn prefetch(&self, row: u32) {
        match self {
            Self::Column(matches) => matches.prefetch(row),
            Self::Not(inner) => inner.prefetch(row),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.prefetch(row)),
            Self::Record => {}
        }
    }

    /// The estimated share of rows that pass, from 0 to 1. Fields are usually correlated. In an `All` the
    /// second member therefore counts by its square root, the third by its fourth root, and so on.
    pub(super) fn selectivity(&self, rows: usize) -> f64 {
        match self {
            Self::Column(matches) => (matches.count() as f64 / rows.max(1) as f64).min(1.0),
            Self::Record => 0.5,
            Self::Not(inner) => 1.0 - inner.selectivity(rows),
            Self::All(parts) => {
                let mut exponent = 1.0;
                let shares = parts.iter().map(|part| {
                    let share = part.selectivity(rows).powf(exponent);
                    exponent /= 2.0;
                    share
                });
                shares.product()
            }
            Self::Any(parts) => {
                let shares = parts.iter().map(|part| part.selectivity(rows));
                shares.sum::<f64>().min(1.0)
            }
        }
    }

    /// Maximum number of [candidate rows](Self::for_each_candidates).
    pub(super) fn candidates(&self, rows: usize) -> usize {
        match self {
            Self::Column(matches) => matches.count().min(rows),
            Self::Record | Self::Not(_) => rows,
            Self::All(parts) => fewest(parts, rows).map_or(rows, |part| part.candidates(rows)),
            Self::Any(parts) => {
                let counts = parts.iter().map(|part| part.candidates(rows));
                counts.fold(0, usize::saturating_add).min(rows)
            }
        }
    }

    /// Calls `each` with batches of candidate rows, and whether all rows of the batch certainly pass.
    /// Every passing row is a candidate: of an `All` those of its most selective member, of an `Any`
    /// those of each member.
    pub(super) fn for_each_candidates(&self, rows: usize, each: &mut impl FnMut(&[u32], bool)) {
        self.for_each_in(rows, true, each);
    }

    /// The candidates of a member. `certain` says that a row which passes the member passes the whole.
    fn for_each_in(&self, rows: usize, certain: bool, each: &mut impl FnMut(&[u32], bool)) {
        match self {
            _ if self.candidates(rows) >= rows => {
                let all = Vec::from_iter((0u32..).take(rows));
                each(&all, false);
            }
            Self::Column(matches) => {
                matches.for_each_batch(|rows| each(rows, certain));
                each(matches.uncertain(), false);
            }
            Self::All(parts) => {
                if let Some(part) = fewest(parts, rows) {
                    part.for_each_in(rows, false, each);
                }
            }
            Self::Any(parts) => {
                for part in parts {
                    part.for_each_in(rows, certain, each);
                }
            }
            // All rows are candidates of these.
            Self::Record | Self::Not(_) => {}
        }
    }

    /// Whether all but a few [candidates](Self::for_each_candidates) certainly pass.
    pub(super) fn is_certain(&self) -> bool {
        match self {
            Self::Column(_) => true,
            Self::Any(parts) => parts.iter().all(Self::is_certain),
            Self::All(_) | Self::Not(_) | Self::Record => false,
        }
    }

    /// Whether a row may be a candidate more than once.
    pub(super) fn has_duplicates(&self, rows: usize) -> bool {
        match self {
            _ if self.candidates(rows) >= rows => false,
            Self::Column(matches) => matches.may_repeat(),
            Self::All(parts) => fewest(parts, rows).is_some_and(|part| part.has_duplicates(rows)),
            Self::Any(_) | Self::Record | Self::Not(_) => true,
        }
    }

    /// Whether a test needs the record of every row.
    pub(super) fn needs_records(&self) -> bool {
        match self {
            Self::Column(_) => false,
            Self::Record => true,
            Self::Not(inner) => inner.needs_records(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::needs_records),
        }
    }
}

/// The member with the fewest candidates.
fn fewest<'t, 'a>(parts: &'t [FilterTree<'a>], rows: usize) -> Option<&'t FilterTree<'a>> {
    parts.iter().min_by_key(|part| part.candidates(rows))
}

/// Evaluates an `Any` (`decisive` is true) or an `All` (`decisive` is false): one member with the decisive
/// result decides. Without one, a member that needs the record leaves the result open.
fn decide(parts: &[FilterTree<'_>], row: u32, decisive: bool) -> Option<bool> {
    let mut certain = true;
    for part in parts {
        match part.passes(row) {
            Some(passes) if passes == decisive => return Some(decisive),
            Some(_) => {}
            None => certain = false,
        }
    }
    certain.then_some(!decisive)
}

/// The only member, or all members as a whole.
fn unwrap_single<'a>(
    mut parts: Vec<FilterTree<'a>>,
    whole: impl Fn(Vec<FilterTree<'a>>) -> FilterTree<'a>,
) -> FilterTree<'a> {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => whole(parts),
    }
}
