//! What a filter may say, whatever fields there are.

use super::MAX_LIST;
use super::display::literal;
use super::error::Fault;
use super::expr::{Expr, Op, Predicate};
use super::parse::Place;
use std::mem::discriminant;
use twinspire_towers::internals::Term;

/// What is wrong with one predicate of an expression.
#[derive(Debug)]
pub(super) struct Problem {
    /// Which predicate, as they stand in the text.
    pub(super) predicate: usize,
    /// Which part of it.
    pub(super) part: Part,
    /// What is wrong, and what would be right.
    pub(super) message: String,
}

/// A part of a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Field,
    FilterLiteral(usize),
    /// What is asked, without the field.
    Op,
}

impl Problem {
    /// Its place in the text that has its predicates in these places.
    pub(super) fn in_text(self, places: &[Place]) -> Fault {
        let span = places.get(self.predicate).map(|place| match self.part {
            Part::Field => place.field.clone(),
            Part::FilterLiteral(at) => place.literals.get(at).unwrap_or(&place.op).clone(),
            Part::Op => place.op.clone(),
        });
        Fault::new(span.unwrap_or_default(), self.message)
    }
}

/// Calls `look` with each predicate, in the order of the text, until it finds something wrong.
pub(super) fn each(
    expr: &Expr,
    look: &mut impl FnMut(&Predicate) -> Result<(), (Part, String)>,
) -> Result<(), Problem> {
    fn walk(
        expr: &Expr,
        count: &mut usize,
        look: &mut impl FnMut(&Predicate) -> Result<(), (Part, String)>,
    ) -> Result<(), Problem> {
        match expr {
            Expr::All(parts) | Expr::Any(parts) => {
                parts.iter().try_for_each(|part| walk(part, count, look))
            }
            Expr::Not(inner) => walk(inner, count, look),
            Expr::Predicate(predicate) => {
                let at = *count;
                *count += 1;
                look(predicate).map_err(|(part, message)| Problem {
                    predicate: at,
                    part,
                    message,
                })
            }
        }
    }
    walk(expr, &mut 0, look)
}

/// Whether every predicate of an expression says something.
pub(super) fn valid(expr: &Expr) -> Result<(), Problem> {
    each(expr, &mut |predicate| match &predicate.op {
        Op::Compare(_, term) => finite([term]),
        Op::Between(low, high) => {
            finite([low, high])?;
            if discriminant(low) != discriminant(high) {
                let message = format!(
                    "{} and {} are of two kinds; a range has ends of one",
                    literal(low),
                    literal(high)
                );
                return Err((Part::FilterLiteral(1), message));
            }
            if low > high {
                let message = format!(
                    "nothing is between {} and {}; write the smaller one first",
                    literal(low),
                    literal(high)
                );
                return Err((Part::FilterLiteral(0), message));
            }
            Ok(())
        }
        Op::In(terms) | Op::HasAny(terms) | Op::HasAll(terms) => {
            if terms.is_empty() {
                let message = "the list is empty; write the values between the parentheses";
                return Err((Part::Op, message.to_owned()));
            }
            if terms.len() > MAX_LIST {
                let message = format!(
                    "the list has {} values, at most {MAX_LIST} fit",
                    terms.len()
                );
                return Err((Part::Op, message));
            }
            finite(terms)
        }
        Op::Within { lat, lon, km } => {
            let bounded = |at, number: &f64, most: f64, what| {
                let fits = number.abs() <= most;
                let message = format!("{number} is no {what}; degrees from -{most} to {most} are");
                if fits {
                    Ok(())
                } else {
                    Err((Part::FilterLiteral(at), message))
                }
            };
            bounded(0, lat, 90.0, "latitude")?;
            bounded(1, lon, 180.0, "longitude")?;
            if *km >= 0.0 && km.is_finite() {
                return Ok(());
            }
            let message = format!("{km} is no distance; kilometres from 0 up are");
            Err((Part::FilterLiteral(2), message))
        }
        Op::StartsWith(_) | Op::IsNull | Op::IsNotNull => Ok(()),
    })
}

fn finite<'a>(terms: impl IntoIterator<Item = &'a Term>) -> Result<(), (Part, String)> {
    for (at, term) in terms.into_iter().enumerate() {
        if let Term::Number(number) = term
            && !number.is_finite()
        {
            let message = "no number of an item is this large; numbers have 64 bits, up to 1.8e308";
            return Err((Part::FilterLiteral(at), message.to_owned()));
        }
    }
    Ok(())
}
