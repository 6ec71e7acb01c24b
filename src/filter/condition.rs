//! What a filter comes to: a tree over the tests of single fields.

use super::check::Known;
use super::expr::{Comparison, Expr, Op};
use std::collections::BTreeMap;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use twinspire_towers::internals::{FieldValue, Fields, Place, Term, Test};

/// A condition on items. `All` and `Any` have two members or more, or none; none of their members is
/// of their own kind, and none is settled beforehand; nothing is negated twice.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// All of them; of none, everything.
    All(Vec<Condition>),
    /// Any of them; of none, nothing.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// A test of one field.
    Leaf {
        /// Its path.
        field: String,
        /// What is asked of it.
        test: Test,
    },
}

impl Condition {
    /// The condition of an expression on items with these fields.
    pub(super) fn of(expr: &Expr, known: &Known) -> Self {
        let all = |parts: &[Expr]| parts.iter().map(|part| Self::of(part, known)).collect();
        match expr {
            Expr::All(parts) => Self::all(all(parts), known),
            Expr::Any(parts) => Self::any(all(parts)),
            Expr::Not(inner) => Self::not(Self::of(inner, known)),
            Expr::Predicate(predicate) => Self::asked(&predicate.field, &predicate.op, known),
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

    fn asked(field: &str, op: &Op, known: &Known) -> Self {
        let leaf = |test| Self::Leaf {
            field: field.to_owned(),
            test,
        };
        let between = |low, high| leaf(Test::Between { low, high });
        match op {
            Op::Compare(comparison, term) => {
                let term = term.clone();
                match comparison {
                    Comparison::Equal => leaf(Test::OneOf(vec![term])),
                    Comparison::NotEqual => Self::not(leaf(Test::OneOf(vec![term]))),
                    Comparison::Less => between(Unbounded, Excluded(term)),
                    Comparison::AtMost => between(Unbounded, Included(term)),
                    Comparison::Greater => between(Excluded(term), Unbounded),
                    Comparison::AtLeast => between(Included(term), Unbounded),
                }
            }
            Op::Between(low, high) => between(Included(low.clone()), Included(high.clone())),
            Op::In(terms) | Op::HasAny(terms) => {
                let mut terms = terms.clone();
                tidy(&mut terms);
                leaf(Test::OneOf(terms))
            }
            Op::HasAll(terms) => {
                let each = terms
                    .iter()
                    .map(|term| leaf(Test::OneOf(vec![term.clone()])));
                Self::all(each.collect(), known)
            }
            Op::StartsWith(prefix) => {
                let after = after(prefix).map_or(Unbounded, |text| Excluded(Term::Text(text)));
                between(Included(Term::Text(prefix.clone())), after)
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

    /// All of these, each a condition by what is known.
    pub(crate) fn all(parts: Vec<Self>, known: &Known) -> Self {
        let mut flat: Vec<Self> = Vec::with_capacity(parts.len());
        // Where in `flat` the terms of a field are tested. Of a list, one element may pass one test and
        // another the next: such tests stay apart.
        let mut tested: BTreeMap<String, usize> = BTreeMap::new();
        let inner = parts.into_iter().flat_map(|part| match part {
            Self::All(parts) => parts,
            other => vec![other],
        });
        for part in inner {
            match part {
                Self::Any(parts) if parts.is_empty() => return Self::Any(parts),
                Self::Leaf { field, test } if tests_terms(&test) && known.is_single(&field) => {
                    let before = tested.get(&field).and_then(|at| flat.get_mut(*at));
                    match before {
                        Some(Self::Leaf { test: before, .. }) => match both(before, &test) {
                            Some(both) => *before = both,
                            None => return Self::Any(Vec::new()),
                        },
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
                tidy(terms);
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

fn tests_terms(test: &Test) -> bool {
    matches!(test, Test::Between { .. } | Test::OneOf(_))
}

fn tidy(terms: &mut Vec<Term>) {
    terms.sort_unstable();
    terms.dedup();
}

/// The test that a single value passes if it passes both, which are of terms; none if none can.
fn both(one: &Test, other: &Test) -> Option<Test> {
    let test = match (one, other) {
        (Test::OneOf(terms), test) | (test, Test::OneOf(terms)) => {
            let passes = |term: &&Term| {
                let terms = vec![(*term).clone()];
                test.matches(Some(&FieldValue::Terms { terms, list: false }))
            };
            let terms: Vec<Term> = terms.iter().filter(passes).cloned().collect();
            (!terms.is_empty()).then_some(Test::OneOf(terms))?
        }
        (Test::Between { low, high }, Test::Between { low: l, high: h }) => {
            let low = tighter(low, l, |a, b| a > b);
            let high = tighter(high, h, |a, b| a < b);
            if is_empty(low, high) || !of_one_kind(&[one, other]) {
                return None;
            }
            Test::Between {
                low: low.clone(),
                high: high.clone(),
            }
        }
        _ => return None,
    };
    Some(test)
}

/// The bound that lets less through.
fn tighter<'a>(
    one: &'a Bound<Term>,
    other: &'a Bound<Term>,
    inside: impl Fn(&Term, &Term) -> bool,
) -> &'a Bound<Term> {
    match (one, other) {
        (Unbounded, _) => other,
        (_, Unbounded) => one,
        (Included(a) | Excluded(a), Included(b) | Excluded(b)) => {
            if inside(a, b) || (a == b && matches!(one, Excluded(_))) {
                one
            } else {
                other
            }
        }
    }
}

fn is_empty(low: &Bound<Term>, high: &Bound<Term>) -> bool {
    match (low, high) {
        (Included(low), Included(high)) => low > high,
        (Included(low) | Excluded(low), Included(high) | Excluded(high)) => low >= high,
        _ => false,
    }
}

/// Whether all ends of the ranges are of one kind.
fn of_one_kind(ranges: &[&Test]) -> bool {
    let mut kinds = ranges
        .iter()
        .flat_map(|range| match range {
            Test::Between { low, high } => vec![low, high],
            _ => Vec::new(),
        })
        .filter_map(|bound| match bound {
            Included(term) | Excluded(term) => Some(std::mem::discriminant(term)),
            Unbounded => None,
        });
    let first = kinds.next();
    kinds.all(|kind| Some(kind) == first)
}

/// The first text after all that begin with this one; none if there is none.
fn after(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // Between these lie the surrogates, which are no characters.
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
