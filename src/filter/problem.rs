//! A problem of one predicate, and where its parts are in the text.

use super::error::{Fault, FilterErrorKind};
use std::ops::Range;

/// What is wrong with one predicate of an expression.
#[derive(Debug)]
pub(super) struct Problem {
    /// Number of the predicate, in the order of the text.
    predicate: usize,
    flaw: Flaw,
}

/// What is wrong with a part of a predicate.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) part: Part,
    pub(super) kind: FilterErrorKind,
    /// What is wrong, and what would be right.
    pub(super) message: String,
}

/// A part of a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The field.
    Field,
    /// One of its literals.
    Literal(usize),
    /// The operator with its operands.
    Op,
}

/// Spans of the parts of a predicate, in bytes of the text.
#[derive(Clone, Debug, Default)]
pub(super) struct PredicateSpan {
    /// The field.
    pub(super) field: Range<usize>,
    /// The literals.
    pub(super) literals: Vec<Range<usize>>,
    /// The operator with its operands.
    pub(super) op: Range<usize>,
}

impl Problem {
    /// Makes problems of the predicate with this number.
    pub(super) fn of(predicate: usize) -> impl Fn(Flaw) -> Self {
        move |flaw| Self { predicate, flaw }
    }

    /// The problem at its place in a text whose predicates have these spans.
    pub(super) fn located(self, spans: &[PredicateSpan]) -> Fault {
        let span = spans.get(self.predicate).map(|span| match self.flaw.part {
            Part::Field => span.field.clone(),
            Part::Literal(at) => span.literals.get(at).unwrap_or(&span.op).clone(),
            Part::Op => span.op.clone(),
        });
        let Flaw { kind, message, .. } = self.flaw;
        Fault::new(kind, span.unwrap_or_default(), message)
    }
}
