//! What an item is worth, in the score it is ranked by.

use super::finite;
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// The largest exponent.
pub(super) const MAX_EXPONENT: f64 = 16.0;

/// Ranks by what an item is worth as well: score × field, a numeric field of the items such as a bid
/// (Fan et al., MOBIUS, KDD 2019, where recall ranks by cosine × bid). With
/// [exponents](Self::exponents), by score^a × field^b.
///
/// As JSON: `"business": {"field": "bid", "default": 1, "score_exponent": 1, "field_exponent": 1}`, all but
/// the field with these defaults.
///
/// - An item's value is the number in its field as it is now, the largest of a list; without one,
///   the [default](Self::default_value). A value below 0 counts as 0, for which nothing is earned.
/// - Below 0, score^a is −|score|^a: a power of a negative base is none, and so the order of scores stays.
/// - So a better score never ranks lower for the same value. A larger value never ranks lower while the
///   score is above 0, and never higher while it is below: as in the inner product with vectors as long
///   as they are worth, a large bid cannot lift what does not fit.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Business {
    pub(super) field: String,
    #[serde(default = "one")]
    pub(super) default: f64,
    #[serde(default = "one")]
    pub(super) score_exponent: f64,
    #[serde(default = "one")]
    pub(super) field_exponent: f64,
}

fn one() -> f64 {
    1.0
}

impl Business {
    /// By this field, a dotted path as in filters.
    #[must_use]
    pub fn by(field: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            default: 1.0,
            score_exponent: 1.0,
            field_exponent: 1.0,
        }
    }

    /// What items without the field are worth; 1 unless something else is said, and 0 or more.
    #[must_use]
    pub fn default_value(mut self, value: f64) -> Self {
        self.default = value;
        self
    }

    /// By score^a × field^b, each above 0 and at most 16.
    #[must_use]
    pub fn exponents(mut self, score: f64, field: f64) -> Self {
        self.score_exponent = score;
        self.field_exponent = field;
        self
    }

    /// The path of the field.
    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    /// What an item is ranked by that scores so much and has this number in its field.
    pub(crate) fn value(&self, score: f32, number: Option<f64>) -> f32 {
        if score.is_nan() {
            return score;
        }
        let score = power(
            f64::from(finite(f64::from(score)).max(f32::MIN)),
            self.score_exponent,
        );
        let worth = power(number.unwrap_or(self.default).max(0.0), self.field_exponent);
        // Adding zero makes zero of minus zero.
        finite((score * worth.min(f64::MAX)).max(f64::from(f32::MIN))) + 0.0
    }

    /// No item that scores `score` or less is ranked by more, if numbers of the field are in this range.
    pub(crate) fn bound(&self, score: f32, range: Option<(f64, f64)>) -> f32 {
        if score == f32::NEG_INFINITY {
            return score;
        }
        let numbers = range.into_iter().flat_map(|(least, most)| [least, most]);
        let values = numbers.map(|number| self.value(score, Some(number)));
        values.fold(self.value(score, None), f32::max)
    }
}

/// The power of the absolute value, with the sign; finite.
fn power(base: f64, exponent: f64) -> f64 {
    if exponent == 1.0 {
        return base;
    }
    base.abs().powf(exponent).min(f64::MAX).copysign(base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn business() -> impl Strategy<Value = Business> {
        let exponent = || prop_oneof![Just(1.0), 0.1f64..4.0];
        (exponent(), exponent(), 0.0f64..3.0)
            .prop_map(|(a, b, d)| Business::by("bid").exponents(a, b).default_value(d))
    }

    proptest! {
        #[test]
        fn it_is_monotone_and_bounded(
            business in business(),
            (low, high) in (-2.0f32..2.0, 0.0f32..2.0),
            (less, more) in (-3.0f64..5.0, 0.0f64..5.0),
        ) {
            let (high, more) = (low + high, less + more);
            let value = |score, number| business.value(score, Some(number));
            prop_assert!(value(high, less) >= value(low, less));
            if low >= 0.0 {
                prop_assert!(value(low, more) >= value(low, less));
            } else {
                prop_assert!(value(low, more) <= value(low, less));
            }
            let bound = business.bound(high, Some((less, more)));
            for number in [less, more, f64::midpoint(less, more)] {
                prop_assert!(value(low, number) <= bound);
            }
            prop_assert!(business.value(low, None) <= bound);
        }
    }

    #[test]
    fn extremes_stay_numbers() {
        let business = Business::by("bid").exponents(16.0, 16.0);
        for score in [
            f32::MAX,
            f32::INFINITY,
            0.0,
            -0.0,
            f32::MIN,
            f32::NEG_INFINITY,
        ] {
            for number in [Some(f64::MAX), Some(0.0), Some(-1.0), None] {
                let value = business.value(score, number);
                assert!(value.is_finite(), "{score} {number:?}: {value}");
            }
        }
        assert!(business.value(-1.0, Some(0.0)).is_sign_positive());
    }
}
