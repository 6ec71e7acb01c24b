//! Ranking by the business value of items.

use super::scale::finite;
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Ranks by score × field: a numeric field of the items, such as a bid (Fan et al., MOBIUS, KDD 2019, where
/// recall ranks by cosine × bid). With [exponents](Self::exponents), by score^a × field^b.
///
/// As JSON: `"business": {"field": "bid", "default": 1, "score_exponent": 1, "field_exponent": 1}`, all
/// but the field with these defaults.
///
/// - The value of an item is the number that its field has now; of a list, the largest. Items without a
///   number have the [default](Self::default_value). A value below 0 counts as 0.
/// - For a negative score, score^a is −|score|^a, which keeps the order of scores.
/// - For the same value, a better score never ranks lower. A larger value never ranks lower if the score is
///   above 0, and never higher if it is below: a large bid cannot lift an item that does not match.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessWeight {
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

impl BusinessWeight {
    /// Weighs by this field, a dotted path as in filters.
    #[must_use]
    pub fn new(field: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            default: 1.0,
            score_exponent: 1.0,
            field_exponent: 1.0,
        }
    }

    /// Sets the value of items without the field: 0 or more, by default 1.
    #[must_use]
    pub fn default_value(mut self, value: f64) -> Self {
        self.default = value;
        self
    }

    /// Ranks by score^a × field^b; each exponent is above 0 and at most 16.
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

    /// The weighted score of an item with this score and this number in its field.
    pub(crate) fn weigh(&self, score: f32, number: Option<f64>) -> f32 {
        if score.is_nan() {
            return score;
        }
        let score = power(
            f64::from(finite(f64::from(score)).max(f32::MIN)),
            self.score_exponent,
        );
        let worth = power(number.unwrap_or(self.default).max(0.0), self.field_exponent);
        // Adding zero turns minus zero into zero.
        finite((score * worth.min(f64::MAX)).max(f64::from(f32::MIN))) + 0.0
    }

    /// An upper bound of the weighted scores of all items that score at most `score`, whose numbers are in
    /// this range.
    pub(crate) fn bound(&self, score: f32, range: Option<(f64, f64)>) -> f32 {
        if score == f32::NEG_INFINITY {
            return score;
        }
        let numbers = range.into_iter().flat_map(|(least, most)| [least, most]);
        let values = numbers.map(|number| self.weigh(score, Some(number)));
        values.fold(self.weigh(score, None), f32::max)
    }
}

/// The power of the absolute value, with the sign of the base; finite.
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

    fn weight() -> impl Strategy<Value = BusinessWeight> {
        let exponent = || prop_oneof![Just(1.0), 0.1f64..4.0];
        (exponent(), exponent(), 0.0f64..3.0)
            .prop_map(|(a, b, d)| BusinessWeight::new("bid").exponents(a, b).default_value(d))
    }

    proptest! {
        #[test]
        fn weighted_scores_are_monotone_and_bounded(
            weight in weight(),
            (low, high) in (-2.0f32..2.0, 0.0f32..2.0),
            (less, more) in (-3.0f64..5.0, 0.0f64..5.0),
        ) {
            let (high, more) = (low + high, less + more);
            let value = |score, number| weight.weigh(score, Some(number));
            prop_assert!(value(high, less) >= value(low, less));
            if low >= 0.0 {
                prop_assert!(value(low, more) >= value(low, less));
            } else {
                prop_assert!(value(low, more) <= value(low, less));
            }
            let bound = weight.bound(high, Some((less, more)));
            for number in [less, more, f64::midpoint(less, more)] {
                prop_assert!(value(low, number) <= bound);
            }
            prop_assert!(weight.weigh(low, None) <= bound);
        }
    }

    #[test]
    fn extreme_scores_and_values_stay_finite() {
        let weight = BusinessWeight::new("bid").exponents(16.0, 16.0);
        for score in [
            f32::MAX,
            f32::INFINITY,
            0.0,
            -0.0,
            f32::MIN,
            f32::NEG_INFINITY,
        ] {
            for number in [Some(f64::MAX), Some(0.0), Some(-1.0), None] {
                let value = weight.weigh(score, number);
                assert!(value.is_finite(), "{score} {number:?}: {value}");
            }
        }
        assert!(weight.weigh(-1.0, Some(0.0)).is_sign_positive());
    }
}
