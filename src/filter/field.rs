//! Filters built by calls.

use super::expr::{Comparison, Op};
use super::filter::Filter;
use std::ops::RangeInclusive;
use twinspire_towers::internals::Term;

/// A field of the items, on which to build a [`Filter`].
#[derive(Clone, Debug)]
#[must_use = "a field alone is no filter; compare it"]
pub struct FilterField {
    path: String,
}

/// What a field is compared with: a boolean, a number or a text, converted by `From`. Integers of 64 bits
/// and floats compare exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterLiteral(pub(super) Term);

impl Filter {
    /// A field of the items, by its name or its path, to compare with a value.
    pub fn field(path: impl Into<String>) -> FilterField {
        FilterField { path: path.into() }
    }
}

impl FilterField {
    /// Equal to this value, or a list that contains it.
    #[must_use]
    pub fn eq(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::Equal, literal)
    }

    /// Everything that is not equal, also items without the field.
    #[must_use]
    pub fn ne(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::NotEqual, literal)
    }

    /// Less than this value.
    #[must_use]
    pub fn lt(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::Less, literal)
    }

    /// This value or less.
    #[must_use]
    pub fn le(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::AtMost, literal)
    }

    /// Greater than this value.
    #[must_use]
    pub fn gt(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::Greater, literal)
    }

    /// This value or greater.
    #[must_use]
    pub fn ge(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::AtLeast, literal)
    }

    /// In this range, both ends included.
    #[must_use]
    pub fn between(self, range: RangeInclusive<impl Into<FilterLiteral>>) -> Filter {
        let (low, high) = range.into_inner();
        self.filter(Op::Between(low.into().0, high.into().0))
    }

    /// One of these values.
    #[must_use]
    pub fn one_of(self, literals: impl IntoIterator<Item = impl Into<FilterLiteral>>) -> Filter {
        self.filter(Op::In(terms(literals)))
    }

    /// A list that contains this value.
    #[must_use]
    pub fn has(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.has_any([literal])
    }

    /// A list that contains any of these values.
    #[must_use]
    pub fn has_any(self, literals: impl IntoIterator<Item = impl Into<FilterLiteral>>) -> Filter {
        self.filter(Op::HasAny(terms(literals)))
    }

    /// A list that contains all of these values.
    #[must_use]
    pub fn has_all(self, literals: impl IntoIterator<Item = impl Into<FilterLiteral>>) -> Filter {
        self.filter(Op::HasAll(terms(literals)))
    }

    /// A text with this prefix.
    #[must_use]
    pub fn starts_with(self, prefix: impl Into<String>) -> Filter {
        self.filter(Op::StartsWith(prefix.into()))
    }

    /// Items without the field.
    #[must_use]
    pub fn is_null(self) -> Filter {
        self.filter(Op::IsNull)
    }

    /// Items with the field.
    #[must_use]
    pub fn is_not_null(self) -> Filter {
        self.filter(Op::IsNotNull)
    }

    /// A place (an object with `lat` and `lon`, in degrees) at most `km` kilometres from this point.
    #[must_use]
    pub fn within(self, lat: f64, lon: f64, km: f64) -> Filter {
        self.filter(Op::Within { lat, lon, km })
    }

    fn compare(self, comparison: Comparison, literal: impl Into<FilterLiteral>) -> Filter {
        self.filter(Op::Compare(comparison, literal.into().0))
    }

    fn filter(self, op: Op) -> Filter {
        Filter::predicate(self.path, op)
    }
}

fn terms(literals: impl IntoIterator<Item = impl Into<FilterLiteral>>) -> Vec<Term> {
    literals
        .into_iter()
        .map(|literal| literal.into().0)
        .collect()
}

impl From<bool> for FilterLiteral {
    fn from(flag: bool) -> Self {
        Self(Term::Bool(flag))
    }
}

impl From<&str> for FilterLiteral {
    fn from(text: &str) -> Self {
        Self(Term::Text(text.to_owned()))
    }
}

impl From<&String> for FilterLiteral {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for FilterLiteral {
    fn from(text: String) -> Self {
        Self(Term::Text(text))
    }
}

macro_rules! numbers {
    ($($number:ty as $exact:ty),* $(,)?) => {$(
        impl From<$number> for FilterLiteral {
            #[allow(clippy::cast_lossless, reason = "not of all these types")]
            fn from(number: $number) -> Self {
                Self(Term::Number((number as $exact).into()))
            }
        }
    )*};
}

numbers!(
    f64 as f64,
    f32 as f64,
    i8 as i64,
    i16 as i64,
    i32 as i64,
    i64 as i64,
    isize as i64,
    u8 as u64,
    u16 as u64,
    u32 as u64,
    u64 as u64,
    usize as u64,
);
