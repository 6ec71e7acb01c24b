//! The compiled filter: a tree of tests of single fields.

use super::expr::{Comparison, Expr, Op};
use super::intersection::intersection;
use super::known_fields::KnownFields;
use super::times;
use std::collections::BTreeMap;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use twinspire_towers::Moment;
use twinspire_towers::internals::{Fields, Place, Term, Test};

/// A condition on items, in normal form. `All` and `Any` have no member, or at least two. No member is of
/// their own kind, and none is constant. No negation is doubled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// Matches the items that all of these match; every item if the list is empty.
    All(Vec<Condition>),
    /// Matches the items that any of these matches; no item if the list is empty.
    Any(Vec<Condition>),
    /// Matches what this does not.
    Not(Box<Condition>),
    /// A test of one field.
    Leaf {
        /// The path of the field.
        field: String,
        /// The test of its value.
        test: Test,
    },
}

impl Condition {
    /// Compiles an expression for items with these fields.
    pub(super) fn compile(expr: &Expr, known: &KnownFields) -> Self {
        let all = |parts: &[Expr]| {
            parts
                .iter()
                .map(|part| Self::compile(part, known))
                .collect()
        };
        match expr {
            Expr::All(parts) => Self::all(all(parts), known),
            Expr::Any(parts) => Self::any(all(parts)),
            Expr::Not(inner) => Self::not(Self::compile(inner, known)),
            Expr::Predicate(predicate) => Self::compile_op(&predicate.field, &predicate.op, known),
        }
    }

    /// Whether a record matches.
    pub(crate) fn matches(&self, fields: &Fields) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(fields)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(fields)),
            Self::Not(inner) => !inner.matches(fields),
            Self::Leaf { field, test } => test.matches(fields.field(field)),
        }
    }

    fn compile_op(field: &str, op: &Op, known: &KnownFields) -> Self {
        let leaf = |test| Self::Leaf {
            field: field.to_owned(),
            test,
        };
        // A text that is a time also stands for the numbers that are this time.
        let holds_numbers = known.holds_numbers(field);
        let time = |term: &Term| holds_numbers.then(|| times::moment(term)).flatten();
        let between = |low: Bound<&Term>, high: Bound<&Term>| {
            let test = Test::Between {
                low: low.cloned(),
                high: high.cloned(),
            };
            let times = match (bound_by(low, time), bound_by(high, time)) {
                (Some(low), Some(high)) => times::ranges(low, high),
                _ => Vec::new(),
            };
            Self::any(std::iter::once(test).chain(times).map(leaf).collect())
        };
        let one_of = |terms: &[Term]| {
            let times = terms.iter().filter_map(time).flat_map(times::numbers);
            let mut terms: Vec<Term> = terms.iter().cloned().chain(times).collect();
            sort_and_dedup(&mut terms);
            leaf(Test::OneOf(terms))
        };
        match op {
            Op::Compare(comparison, term) => match comparison {
                Comparison::Equal => one_of(std::slice::from_ref(term)),
                Comparison::NotEqual => Self::not(one_of(std::slice::from_ref(term))),
                Comparison::Less => between(Unbounded, Excluded(term)),
                Comparison::AtMost => between(Unbounded, Included(term)),
                Comparison::Greater => between(Excluded(term), Unbounded),
                Comparison::AtLeast => between(Included(term), Unbounded),
            },
            Op::Between(low, high) => between(Included(low), Included(high)),
            Op::In(terms) | Op::HasAny(terms) => one_of(terms),
            Op::HasAll(terms) => {
                let each = terms.iter().map(|term| one_of(std::slice::from_ref(term)));
                Self::all(each.collect(), known)
            }
            Op::StartsWith(prefix) => {
                let end = prefix_end(prefix).map_or(Unbounded, |text| Excluded(Term::Text(text)));
                let low = Included(Term::Text(prefix.clone()));
                leaf(Test::Between { low, high: end })
            }
            Op::IsNull => Self::not(leaf(Test::Present)),
            Op::IsNotNull => leaf(Test::Present),
            Op::Within { lat, lon, km } => leaf(Test::Within {
                centre: Place {
                    lat: *lat,
                    lon: *lon,
                },
                km: *km,
            }),
        }
    }

    fn not(inner: Self) -> Self {
        match inner {
            Self::Not(inner) => *inner,
            Self::All(parts) if parts.is_empty() => Self::Any(parts),
            Self::Any(parts) if parts.is_empty() => Self::All(parts),
            other => Self::Not(Box::new(other)),
        }
    }

    /// The conjunction of conditions that were compiled for these fields. Tests of one field are merged.
    pub(crate) fn all(parts: Vec<Self>, known: &KnownFields) -> Self {
        let mut flat: Vec<Self> = Vec::with_capacity(parts.len());
        // Index in `flat` of the test of each field. Different elements of a list may pass different
        // tests, so tests of lists are not merged.
        let mut tested: BTreeMap<String, usize> = BTreeMap::new();
        let inner = parts.into_iter().flat_map(|part| match part {
            Self::All(parts) => parts,
            other => vec![other],
        });
        for part in inner {
            match part {
                Self::Any(parts) if parts.is_empty() => return Self::Any(parts),
                Self::Leaf { field, test }
                    if tests_terms(&test) && known.holds_no_lists(&field) =>
                {
                    let before = tested.get(&field).and_then(|at| flat.get_mut(*at));
                    match before {
                        Some(Self::Leaf { test: before, .. }) => {
                            match intersection(before, &test) {
                                Some(both) => *before = both,
                                None => return Self::Any(Vec::new()),
                            }
                        }
                        _ => {
                            tested.insert(field.clone(), flat.len());
                            flat.push(Self::Leaf { field, test });
                        }
                    }
                }
                other => flat.push(other),
            }
        }
        one_or(flat, Self::All)
    }

    /// The disjunction of conditions. Lists of values of one field are merged.
    fn any(parts: Vec<Self>) -> Self {
        let mut flat: Vec<Self> = Vec::with_capacity(parts.len());
        let mut tested: BTreeMap<String, usize> = BTreeMap::new();
        let inner = parts.into_iter().flat_map(|part| match part {
            Self::Any(parts) => parts,
            other => vec![other],
        });
        for part in inner {
            match part {
                Self::All(parts) if parts.is_empty() => return Self::All(parts),
                Self::Leaf {
                    field,
                    test: Test::OneOf(terms),
                } => {
                    let before = tested.get(&field).and_then(|at| flat.get_mut(*at));
                    match before {
                        Some(Self::Leaf {
                            test: Test::OneOf(before),
                            ..
                        }) => before.extend(terms),
                        _ => {
                            tested.insert(field.clone(), flat.len());
                            let test = Test::OneOf(terms);
                            flat.push(Self::Leaf { field, test });
                        }
                    }
                }
                other => flat.push(other),
            }
        }
        for part in &mut flat {
            if let Self::Leaf {
                test: Test::OneOf(terms),
                ..
            } = part
            {
                sort_and_dedup(terms);
            }
        }
        one_or(flat, Self::Any)
    }
}

fn one_or(mut parts: Vec<Condition>, whole: impl Fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => whole(parts),
    }
}

/// A bound whose term is a time; none is a bound of any times. `None` if the term is not a time.
fn bound_by(bound: Bound<&Term>, time: impl Fn(&Term) -> Option<Moment>) -> Option<Bound<Moment>> {
    Some(match bound {
        Included(term) => Included(time(term)?),
        Excluded(term) => Excluded(time(term)?),
        Unbounded => Unbounded,
    })
}

fn tests_terms(test: &Test) -> bool {
    matches!(test, Test::Between { .. } | Test::OneOf(_))
}

fn sort_and_dedup(terms: &mut Vec<Term>) {
    terms.sort_unstable();
    terms.dedup();
}

/// The least text above all texts with this prefix; `None` if no text is above them.
fn prefix_end(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The surrogates lie in between; they are no characters.
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}
