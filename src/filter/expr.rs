//! The expression of a filter.

use twinspire_towers::internals::Term;

/// An expression. [`all`](Self::all), [`any`](Self::any) and [`not`](Self::not) keep it in normal form: no
/// `All` in an `All`, no `Any` in an `Any`, no `Not` of a `Not`, and no `All` or `Any` of one member.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    /// Matches the items that all of these match; every item if the list is empty.
    All(Vec<Expr>),
    /// Matches the items that any of these matches; no item if the list is empty.
    Any(Vec<Expr>),
    /// Matches what this does not.
    Not(Box<Expr>),
    /// A predicate on one field.
    Predicate(Predicate),
}

/// A predicate on one field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Predicate {
    /// The path of the field.
    pub(super) field: String,
    /// The condition on the field.
    pub(super) op: Op,
}

/// An operator with its operands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    Compare(Comparison, Term),
    Between(Term, Term),
    In(Vec<Term>),
    HasAny(Vec<Term>),
    HasAll(Vec<Term>),
    StartsWith(String),
    IsNull,
    IsNotNull,
    Within { lat: f64, lon: f64, km: f64 },
}

/// A comparison with one literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Expr {
    /// Matches what all of these match.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        join(parts, Self::All, |part| match part {
            Self::All(parts) => Ok(parts),
            other => Err(other),
        })
    }

    /// Matches what any of these matches.
    pub(super) fn any(parts: Vec<Self>) -> Self {
        join(parts, Self::Any, |part| match part {
            Self::Any(parts) => Ok(parts),
            other => Err(other),
        })
    }

    /// Matches what this does not.
    pub(super) fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Levels of the expression.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                1 + parts.iter().map(Self::depth).max().unwrap_or(0)
            }
            Self::Not(inner) => 1 + inner.depth(),
            Self::Predicate(_) => 1,
        }
    }

    /// Calls `visit` with the number of each predicate and the predicate, in the order of the text, until
    /// it fails.
    pub(super) fn try_for_each_predicate<E>(
        &self,
        visit: &mut impl FnMut(usize, &Predicate) -> Result<(), E>,
    ) -> Result<(), E> {
        fn walk<E>(
            expr: &Expr,
            count: &mut usize,
            visit: &mut impl FnMut(usize, &Predicate) -> Result<(), E>,
        ) -> Result<(), E> {
            match expr {
                Expr::All(parts) | Expr::Any(parts) => {
                    parts.iter().try_for_each(|part| walk(part, count, visit))
                }
                Expr::Not(inner) => walk(inner, count, visit),
                Expr::Predicate(predicate) => {
                    let number = *count;
                    *count += 1;
                    visit(number, predicate)
                }
            }
        }
        walk(self, &mut 0, visit)
    }
}

/// Joins parts; parts that are joined the same way already are spliced in.
fn join(
    parts: Vec<Expr>,
    whole: impl Fn(Vec<Expr>) -> Expr,
    split: impl Fn(Expr) -> Result<Vec<Expr>, Expr>,
) -> Expr {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match split(part) {
            Ok(mut inner) if flat.is_empty() => std::mem::swap(&mut flat, &mut inner),
            Ok(inner) => flat.extend(inner),
            Err(part) => flat.push(part),
        }
    }
    match flat.len() {
        1 => flat.swap_remove(0),
        _ => whole(flat),
    }
}
