//! The builder of cascades.

use super::business_weight::BusinessWeight;
use super::diversity::Diversity;
use super::ensemble::Ensemble;
use super::options::{business_weight_option, diversity_option};
use super::recipe::{Method, Recipe, Stage};

/// Ranks in stages (the cascade of Huang et al., KDD 2020, section 5.2): the first recalls, each further
/// one keeps the best of what the stage before kept.
///
/// A further stage scores those items in its own space, from the stored vectors, and drops items without
/// a vector there. The answer is the best of the last stage, by its score. Filters and exclusions hold
/// from the first stage on.
///
/// ```
/// use twinspire::{Cascade, Ensemble};
/// let cascade = Cascade::new().stage("text", 500).stage_at_least("unified", 50, 0.25);
/// let shown = Ensemble::from(cascade).to_string();
/// assert_eq!(shown, "best 500 by text → best 50 by unified from 0.25");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cascade {
    stages: Vec<Stage>,
    business_weight: Option<BusinessWeight>,
    diversity: Option<Diversity>,
}

impl Cascade {
    /// A cascade of no stages yet; at least one is needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stage that keeps its best `take` items, 1 to 100,000.
    #[must_use]
    pub fn stage(self, space: impl Into<String>, take: u32) -> Self {
        self.with_stage(space.into(), take, None)
    }

    /// Adds a stage that also drops items that score below `least` in its space.
    #[must_use]
    pub fn stage_at_least(self, space: impl Into<String>, take: u32, least: f32) -> Self {
        self.with_stage(space.into(), take, Some(least))
    }

    fn with_stage(mut self, space: String, take: u32, at_least: Option<f32>) -> Self {
        self.stages.push(Stage {
            space,
            take,
            at_least,
        });
        self
    }

    business_weight_option!();
    diversity_option!();
}

impl From<Cascade> for Ensemble {
    fn from(builder: Cascade) -> Self {
        Self::of(Recipe {
            method: Method::Cascade {
                stages: builder.stages,
            },
            business: builder.business_weight,
            diversity: builder.diversity,
        })
    }
}
