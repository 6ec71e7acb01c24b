//! A condition on the rows of one items segment, its tests answered by columns.

use crate::filter::Condition;
use crate::format::columns::{Lookup, Matches};
use crate::store::ItemsSegment;

/// A condition of which each test is resolved. What the segment alone decides is folded away: `All`
/// and `Any` have two members or more, none of which is constant, unless they are constant themselves.
#[derive(Debug)]
pub(super) enum Tree<'a> {
    /// All of them, the one that fewest rows pass first; of none, everything.
    All(Vec<Tree<'a>>),
    /// Any of them, the one that most rows pass first; of none, nothing.
    Any(Vec<Tree<'a>>),
    /// Not this.
    Not(Box<Tree<'a>>),
    /// A test of a column.
    Column(Box<Matches<'a>>),
    /// A test that only records can answer.
    Record,
}

impl<'a> Tree<'a> {
    /// A condition on the rows of a segment.
    pub(super) fn of(condition: &Condition, segment: &'a ItemsSegment) -> Self {
        let rows = segment.rows();
        match condition {
            Condition::All(parts) => {
                let mut all = Vec::with_capacity(parts.len());
                for part in parts {
                    match Self::of(part, segment) {
                        Self::Any(none) if none.is_empty() => return Self::Any(none),
                        Self::All(parts) => all.extend(parts),
                        other => all.push(other),
                    }
                }
                all.sort_by(|a, b| a.share(rows).total_cmp(&b.share(rows)));
                one_or(all, Self::All)
            }
            Condition::Any(parts) => {
                let mut any = Vec::with_capacity(parts.len());
                for part in parts {
                    match Self::of(part, segment) {
                        Self::All(none) if none.is_empty() => return Self::All(none),
                        Self::Any(parts) => any.extend(parts),
                        other => any.push(other),
                    }
                }
                any.sort_by(|a, b| b.share(rows).total_cmp(&a.share(rows)));
                one_or(any, Self::Any)
            }
            Condition::Not(inner) => match Self::of(inner, segment) {
                Self::All(none) if none.is_empty() => Self::Any(none),
                Self::Any(none) if none.is_empty() => Self::All(none),
                other => Self::Not(Box::new(other)),
            },
            Condition::Leaf { field, test } => match segment.column(field) {
                Lookup::Absent => Self::Any(Vec::new()),
                Lookup::Unindexed => Self::Record,
                Lookup::Column(column) => match column.resolve(test) {
                    matches if matches.count() == 0 => Self::Any(Vec::new()),
                    matches => Self::Column(Box::new(matches)),
                },
            },
        }
    }

    /// Whether a row passes; none if only its record can tell.
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

    /// Asks for what [`passes`](Self::passes) will read first.
    pub(super) fn prefetch(&self, row: u32) {
        match self {
            Self::Column(matches) => matches.prefetch(row),
            Self::Not(inner) => inner.prefetch(row),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.prefetch(row)),
            Self::Record => {}
        }
    }

    /// The share of the rows that pass, estimated. What fields hold is related more often than not:
    /// of tests that all have to be passed, the second counts by its square root, the third by its
    /// fourth root, and so on.
    pub(super) fn share(&self, rows: usize) -> f64 {
        match self {
            Self::Column(matches) => (matches.count() as f64 / rows.max(1) as f64).min(1.0),
            Self::Record => 0.5,
            Self::Not(inner) => 1.0 - inner.share(rows),
            Self::All(parts) => {
                let mut exponent = 1.0;
                let shares = parts.iter().map(|part| {
                    let share = part.share(rows).powf(exponent);
                    exponent /= 2.0;
                    share
                });
                shares.product()
            }
            Self::Any(parts) => {
                let shares = parts.iter().map(|part| part.share(rows));
                shares.sum::<f64>().min(1.0)
            }
        }
    }

    /// At most so many rows are [candidates](Self::each_candidates).
    pub(super) fn reach(&self, rows: usize) -> usize {
        match self {
            Self::Column(matches) => matches.count().min(rows),
            Self::Record | Self::Not(_) => rows,
            Self::All(parts) => fewest(parts, rows).map_or(rows, |part| part.reach(rows)),
            Self::Any(parts) => {
                let reaches = parts.iter().map(|part| part.reach(rows));
                reaches.fold(0, usize::saturating_add).min(rows)
            }
        }
    }

    /// Calls `each` with rows among which all are that pass, some at a time, and whether they surely do:
    /// the rows of the test in an `All` that fewest pass, and those of every test in an `Any`.
    pub(super) fn each_candidates(&self, rows: usize, each: &mut impl FnMut(&[u32], bool)) {
        self.each_below(rows, true, each);
    }

    /// The same of a part; `sure` says whether what passes the part passes the whole.
    fn each_below(&self, rows: usize, sure: bool, each: &mut impl FnMut(&[u32], bool)) {
        match self {
            _ if self.reach(rows) >= rows => {
                let all = Vec::from_iter((0u32..).take(rows));
                each(&all, false);
            }
            Self::Column(matches) => {
                matches.each_rows(|rows| each(rows, sure));
                each(matches.uncertain(), false);
            }
            Self::All(parts) => {
                if let Some(part) = fewest(parts, rows) {
                    part.each_below(rows, false, each);
                }
            }
            Self::Any(parts) => {
                for part in parts {
                    part.each_below(rows, sure, each);
                }
            }
            // These reach all rows.
            Self::Record | Self::Not(_) => {}
        }
    }

    /// Whether all [candidates](Self::each_candidates) surely pass, but for a few.
    pub(super) fn is_sure(&self) -> bool {
        match self {
            Self::Column(_) => true,
            Self::Any(parts) => parts.iter().all(Self::is_sure),
            Self::All(_) | Self::Not(_) | Self::Record => false,
        }
    }

    /// Whether a row may be a candidate several times.
    pub(super) fn repeats(&self, rows: usize) -> bool {
        match self {
            _ if self.reach(rows) >= rows => false,
            Self::Column(matches) => matches.repeats(),
            Self::All(parts) => fewest(parts, rows).is_some_and(|part| part.repeats(rows)),
            Self::Any(_) | Self::Record | Self::Not(_) => true,
        }
    }

    /// Whether a test in it needs records of all rows.
    pub(super) fn needs_records(&self) -> bool {
        match self {
            Self::Column(_) => false,
            Self::Record => true,
            Self::Not(inner) => inner.needs_records(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::needs_records),
        }
    }
}

/// The part that has the fewest candidates.
fn fewest<'t, 'a>(parts: &'t [Tree<'a>], rows: usize) -> Option<&'t Tree<'a>> {
    parts.iter().min_by_key(|part| part.reach(rows))
}

/// Whether one of the parts is `wanted`, which then the whole is; if none is, but of some only the
/// record can tell, so is it of the whole.
fn decide(parts: &[Tree<'_>], row: u32, wanted: bool) -> Option<bool> {
    let mut certain = true;
    for part in parts {
        match part.passes(row) {
            Some(passes) if passes == wanted => return Some(wanted),
            Some(_) => {}
            None => certain = false,
        }
    }
    certain.then_some(!wanted)
}

fn one_or<'a>(mut parts: Vec<Tree<'a>>, whole: impl Fn(Vec<Tree<'a>>) -> Tree<'a>) -> Tree<'a> {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => whole(parts),
    }
}
