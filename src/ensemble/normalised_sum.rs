//! The builder of sums of normalised scores.

use super::business_weight::BusinessWeight;
use super::diversity::Diversity;
use super::ensemble::Ensemble;
use super::normalisation::Normalisation;
use super::options::{business_weight_option, depth_option, diversity_option, space_option};
use super::recipe::{DEFAULT_DEPTH, Method, Recipe};
use std::collections::BTreeMap;

/// Fuses spaces by the weighted sum of normalised scores, Σ weight · (score − zero) / unit. For scores of
/// different scales.
///
/// The [normalisation](Normalisation) takes zero and unit from the best [`depth`](Self::depth) items of
/// each space for this query. Every item is scored on these scales from the stored vectors, in the lists
/// or not. Items without a vector in one of the spaces are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct NormalisedSum {
    spaces: BTreeMap<String, f32>,
    by: Normalisation,
    depth: u32,
    business_weight: Option<BusinessWeight>,
    diversity: Option<Diversity>,
}

impl NormalisedSum {
    /// A sum of no spaces yet; at least one is needed.
    #[must_use]
    pub fn new(by: Normalisation) -> Self {
        Self {
            spaces: BTreeMap::new(),
            by,
            depth: DEFAULT_DEPTH,
            business_weight: None,
            diversity: None,
        }
    }

    space_option!();
    depth_option!();
    business_weight_option!();
    diversity_option!();
}

impl From<NormalisedSum> for Ensemble {
    fn from(builder: NormalisedSum) -> Self {
        Self::of(Recipe {
            method: Method::Normalised {
                spaces: builder.spaces,
                by: builder.by,
                depth: builder.depth,
            },
            business: builder.business_weight,
            diversity: builder.diversity,
        })
    }
}
