//! The builder of rank fusions.

use super::business_weight::BusinessWeight;
use super::diversity::Diversity;
use super::ensemble::Ensemble;
use super::options::{business_weight_option, depth_option, diversity_option, space_option};
use super::recipe::{DEFAULT_DEPTH, DEFAULT_K, Method, Recipe};
use std::collections::BTreeMap;

/// Fuses spaces by the ranks in their lists: reciprocal rank fusion, Σ weight / (k + rank) (Cormack,
/// Clarke and Buettcher, SIGIR 2009). For scores that cannot be compared.
///
/// Ranks count from 1 within the best [`depth`](Self::depth) items of each space. A list contributes
/// nothing to an item that is not in it, so an answer has only items of the lists. In JSON, `spaces` may
/// be a list of names, whose weights are 1.
#[derive(Clone, Debug, PartialEq)]
pub struct RankFusion {
    spaces: BTreeMap<String, f32>,
    k: u32,
    depth: u32,
    business_weight: Option<BusinessWeight>,
    diversity: Option<Diversity>,
}

impl Default for RankFusion {
    fn default() -> Self {
        Self {
            spaces: BTreeMap::new(),
            k: DEFAULT_K,
            depth: DEFAULT_DEPTH,
            business_weight: None,
            diversity: None,
        }
    }
}

impl RankFusion {
    /// A fusion of no spaces yet; at least one is needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    space_option!();

    /// Sets the constant that is added to every rank, by default 60. The larger it is, the smaller is the
    /// advantage of the first ranks.
    #[must_use]
    pub fn k(mut self, constant: u32) -> Self {
        self.k = constant;
        self
    }

    depth_option!();
    business_weight_option!();
    diversity_option!();
}

impl From<RankFusion> for Ensemble {
    fn from(builder: RankFusion) -> Self {
        Self::of(Recipe {
            method: Method::RankFusion {
                spaces: builder.spaces,
                k: builder.k,
                depth: builder.depth,
            },
            business: builder.business_weight,
            diversity: builder.diversity,
        })
    }
}
