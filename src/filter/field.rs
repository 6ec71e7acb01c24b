//! Filters put together by calls.

use super::expr::{Comparison, Filter, Op};
use std::ops::RangeInclusive;
use twinspire_towers::internals::Term;

/// A field of the items, of which a [`Filter`] asks something.
#[derive(Clone, Debug)]
#[must_use = "a field alone asks nothing; compare it"]
pub struct Field {
    path: String,
}

/// What a field is compared with: a boolean, a number or a text, made by `From` of either. Numbers
/// compare as 64-bit floats.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterLiteral(pub(super) Term);

impl Field {
    pub(super) fn new(path: String) -> Self {
        Self { path }
    }

    /// The value is this, or a list with it in it.
    #[must_use]
    pub fn eq(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::Equal, literal)
    }

    /// Everything else, items without the field among it.
    #[must_use]
    pub fn ne(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::NotEqual, literal)
    }

    /// Less than this.
    #[must_use]
    pub fn lt(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::Less, literal)
    }

    /// This or less.
    #[must_use]
    pub fn le(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::AtMost, literal)
    }

    /// More than this.
    #[must_use]
    pub fn gt(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::Greater, literal)
    }

    /// This or more.
    #[must_use]
    pub fn ge(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.compare(Comparison::AtLeast, literal)
    }

    /// From the one to the other, both included.
    #[must_use]
    pub fn between(self, range: RangeInclusive<impl Into<FilterLiteral>>) -> Filter {
        let (low, high) = range.into_inner();
        self.ask(Op::Between(low.into().0, high.into().0))
    }

    /// One of these.
    #[must_use]
    pub fn one_of(self, literals: impl IntoIterator<Item = impl Into<FilterLiteral>>) -> Filter {
        self.ask(Op::In(terms(literals)))
    }

    /// A list with this in it.
    #[must_use]
    pub fn has(self, literal: impl Into<FilterLiteral>) -> Filter {
        self.has_any([literal])
    }

    /// A list with any of these in it.
    #[must_use]
    pub fn has_any(self, literals: impl IntoIterator<Item = impl Into<FilterLiteral>>) -> Filter {
        self.ask(Op::HasAny(terms(literals)))
    }

    /// A list with all of these in it.
    #[must_use]
    pub fn has_all(self, literals: impl IntoIterator<Item = impl Into<FilterLiteral>>) -> Filter {
        self.ask(Op::HasAll(terms(literals)))
    }

    /// A text that begins with this one.
    #[must_use]
    pub fn starts_with(self, prefix: impl Into<String>) -> Filter {
        self.ask(Op::StartsWith(prefix.into()))
    }

    /// Items that have nothing here.
    #[must_use]
    pub fn is_null(self) -> Filter {
        self.ask(Op::IsNull)
    }

    /// Items that have something here.
    #[must_use]
    pub fn is_not_null(self) -> Filter {
        self.ask(Op::IsNotNull)
    }

    /// A place (an object of `lat` and `lon`, in degrees) at most so many kilometres from this one.
    #[must_use]
    pub fn within(self, lat: f64, lon: f64, km: f64) -> Filter {
        self.ask(Op::Within { lat, lon, km })
    }

    fn compare(self, comparison: Comparison, literal: impl Into<FilterLiteral>) -> Filter {
        self.ask(Op::Compare(comparison, literal.into().0))
    }

    fn ask(self, op: Op) -> Filter {
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
    ($($number:ty)*) => {$(
        impl From<$number> for FilterLiteral {
            fn from(number: $number) -> Self {
                Self(Term::Number(number as f64))
            }
        }
    )*};
}

numbers!(f64 f32 i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
