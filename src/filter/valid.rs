//! The checks of a filter that do not depend on the fields of the items.

use super::display::literal;
use super::error::FilterErrorKind;
use super::expr::{Expr, Op};
use super::limits::MAX_LIST;
use super::problem::{Flaw, Part, Problem};
use std::mem::discriminant;
use twinspire_towers::internals::Term;

/// Checks the operands of every predicate. The error is of the first invalid one.
pub(super) fn valid(expr: &Expr) -> Result<(), Problem> {
    expr.try_for_each_predicate(&mut |index, predicate| {
        check_operands(&predicate.op).map_err(Problem::of(index))
    })
}

fn check_operands(op: &Op) -> Result<(), Flaw> {
    match op {
        Op::Compare(_, term) => finite([term]),
        Op::Between(low, high) => {
            finite([low, high])?;
            if discriminant(low) != discriminant(high) {
                let message = format!(
                    "the ends of the range, {} and {}, differ in type; use two of one type",
                    literal(low),
                    literal(high)
                );
                return Err(operand(Part::Literal(1), message));
            }
            if low > high {
                let message = format!(
                    "the range from {} to {} is empty; write the smaller end first",
                    literal(low),
                    literal(high)
                );
                return Err(operand(Part::Literal(0), message));
            }
            Ok(())
        }
        Op::In(terms) | Op::HasAny(terms) | Op::HasAll(terms) => {
            if terms.is_empty() {
                let message = "the list is empty; write the values between the parentheses";
                return Err(operand(Part::Op, message.to_owned()));
            }
            if terms.len() > MAX_LIST {
                let message = format!(
                    "the list has {} values; at most {MAX_LIST} are allowed",
                    terms.len()
                );
                return Err(Flaw {
                    part: Part::Op,
                    kind: FilterErrorKind::Limit,
                    message,
                });
            }
            finite(terms)
        }
        Op::Within { lat, lon, km } => {
            let bounded = |at, number: &f64, most: f64, what| {
                let fits = number.abs() <= most;
                let message =
                    format!("{what} {number} is out of range; use degrees from -{most} to {most}");
                if fits {
                    Ok(())
                } else {
                    Err(operand(Part::Literal(at), message))
                }
            };
            bounded(0, lat, 90.0, "latitude")?;
            bounded(1, lon, 180.0, "longitude")?;
            if *km >= 0.0 && km.is_finite() {
                return Ok(());
            }
            let message = format!("distance {km} is out of range; use kilometres from 0 up");
            Err(operand(Part::Literal(2), message))
        }
        Op::StartsWith(_) | Op::IsNull | Op::IsNotNull => Ok(()),
    }
}

fn operand(part: Part, message: String) -> Flaw {
    Flaw {
        part,
        kind: FilterErrorKind::Operand,
        message,
    }
}

/// Checks that all numbers are finite.
fn finite<'a>(terms: impl IntoIterator<Item = &'a Term>) -> Result<(), Flaw> {
    for (at, term) in terms.into_iter().enumerate() {
        if let Term::Number(number) = term
            && !number.nearest().is_finite()
        {
            let message = "the number is not finite; numbers are 64-bit floats, up to 1.8e308";
            return Err(operand(Part::Literal(at), message.to_owned()));
        }
    }
    Ok(())
}
