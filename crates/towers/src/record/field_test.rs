use super::fields::FieldValue;
use super::place::Place;
use super::term::Term;
use std::ops::Bound;

/// A condition on one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// A term in a range. Bounds of two kinds match nothing. With one bound, terms of its kind can match; with
    /// none, every term does.
    Between {
        /// The lower end.
        low: Bound<Term>,
        /// The upper end.
        high: Bound<Term>,
    },
    /// Any of these terms.
    OneOf(Vec<Term>),
    /// Any value: a term, a place, a list even if it is empty.
    Present,
    /// A place within a distance.
    Within {
        /// The centre.
        centre: Place,
        /// The distance in kilometres.
        km: f64,
    },
}

impl Test {
    /// Whether the value of the field satisfies the condition; `None` is an absent field.
    pub fn matches(&self, value: Option<&FieldValue>) -> bool {
        match (self, value) {
            (_, None) => false,
            (Self::Present, Some(_)) => true,
            (Self::Within { centre, km }, Some(FieldValue::Place(place))) => {
                centre.distance_km(place) <= *km
            }
            (_, Some(FieldValue::Terms { terms, .. })) => {
                terms.iter().any(|term| self.matches_term(term))
            }
            (_, Some(FieldValue::Place(_))) => false,
        }
    }

    /// Whether a single term satisfies the condition.
    fn matches_term(&self, term: &Term) -> bool {
        match self {
            Self::Between { low, high } => {
                let of_kind = |bound: &Bound<Term>| match bound {
                    Bound::Included(end) | Bound::Excluded(end) => end.kind() == term.kind(),
                    Bound::Unbounded => true,
                };
                let above = match low {
                    Bound::Included(low) => low <= term,
                    Bound::Excluded(low) => low < term,
                    Bound::Unbounded => true,
                };
                let below = match high {
                    Bound::Included(high) => term <= high,
                    Bound::Excluded(high) => term < high,
                    Bound::Unbounded => true,
                };
                above && below && of_kind(low) && of_kind(high)
            }
            Self::OneOf(terms) => terms.contains(term),
            Self::Present => true,
            Self::Within { .. } => false,
        }
    }
}
