//! The builder of weighted sums.

use super::business_weight::BusinessWeight;
use super::diversity::Diversity;
use super::ensemble::Ensemble;
use super::options::{business_weight_option, diversity_option, space_option};
use super::recipe::{Method, Recipe};
use std::collections::BTreeMap;

/// Fuses spaces by the weighted sum of an item's scores in all of them, Σ weight · score (Huang et al.,
/// Embedding-based Retrieval in Facebook Search, KDD 2020, section 5.2).
///
/// This is the inner product of the concatenated vectors, each weighted. Items without a vector in one of
/// the spaces are left out, unless [`missing`](Self::missing) gives them a score there.
///
/// ```
/// use twinspire::{Ensemble, WeightedSum};
/// let home = WeightedSum::new().space("text", 0.4).space("unified", 0.6);
/// assert_eq!(Ensemble::from(home).to_string(), "0.4 × text + 0.6 × unified");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeightedSum {
    spaces: BTreeMap<String, f32>,
    missing: Option<f32>,
    fused: Option<String>,
    business_weight: Option<BusinessWeight>,
    diversity: Option<Diversity>,
}

impl WeightedSum {
    /// A sum of no spaces yet; at least one is needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    space_option!();

    /// Sets the score of an item in a space where it has no vector. Under cosine, 0 makes it neither near
    /// nor far. Cannot be combined with [`fused`](Self::fused).
    #[must_use]
    pub fn missing(mut self, score: f32) -> Self {
        self.missing = Some(score);
        self
    }

    /// Searches the one graph of a [fused space](crate::Publish::fuse) of the same spaces, instead
    /// of one graph per space. The weights are those of the ensemble.
    ///
    /// The spaces are searched one by one, as without this option, in exact mode and while the fused space
    /// is out of step with its members.
    #[must_use]
    pub fn fused(mut self, space: impl Into<String>) -> Self {
        self.fused = Some(space.into());
        self
    }

    business_weight_option!();
    diversity_option!();
}

impl From<WeightedSum> for Ensemble {
    fn from(builder: WeightedSum) -> Self {
        Self::of(Recipe {
            method: Method::Weighted {
                spaces: builder.spaces,
                missing: builder.missing,
                fused: builder.fused,
            },
            business: builder.business_weight,
            diversity: builder.diversity,
        })
    }
}
