//! How published vectors score.

use crate::error::TrainError;
use crate::loss::three_class::part;
use crate::range::check_range;
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

/// How published vectors score: the inner product of the click parts, minus weighted inner products of
/// the other two.
///
/// The score is an inner product again: of the parts side by side, the user's multiplied by their
/// weights. A part of weight 0 is left out.
///
/// With `bad` 1 and `unclick` 0 it is the log-odds of a click against a bad case, divided by γ. The log
/// probability of a click is not an inner product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::unsafe_derive_deserialize,
    reason = "the unsafe code is that of macros of other crates"
)]
pub struct Score {
    /// Weight of the unclick parts, from 0; their product is subtracted.
    pub unclick: f32,
    /// Weight of the bad parts, from 0; their product is subtracted.
    pub bad: f32,
}

impl Score {
    /// The click parts alone.
    pub const CLICK: Self = Self {
        unclick: 0.0,
        bad: 0.0,
    };

    /// The factors of the user's parts: click, unclick, bad.
    pub(super) fn factors(self) -> [f32; 3] {
        [1.0, -self.unclick, -self.bad]
    }

    /// Scales vectors of users, in all three parts, so that inner products with items are scores.
    pub(super) fn apply(self, users: &mut Array2<f32>) {
        let components = users.ncols();
        for (class, factor) in self.factors().into_iter().enumerate() {
            let mut part = users.slice_mut(s![.., part(class, components)]);
            part *= factor;
        }
    }

    /// Rejects weights outside of their range.
    pub(super) fn check(self) -> Result<(), TrainError> {
        check_range("score.unclick", self.unclick, 0.0..=100.0)?;
        check_range("score.bad", self.bad, 0.0..=100.0)
    }
}
