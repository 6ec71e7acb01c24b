//! Ensembles: stored recipes that fuse several spaces over the same items.
//!
//! Each method has a builder with just its options: [`WeightedSum`], [`Cascade`], [`RankFusion`],
//! [`NormalisedSum`] and [`Quotas`]. [`BusinessWeight`] and [`Diversity`] are options of several. A builder
//! converts into an [`Ensemble`], which is what is stored, and what JSON is read into.
//!
//! This module is pure: the stored [recipe](recipe), its [validation](check) and the arithmetic of each
//! method. Which items are scored is decided by `recall`.

mod business_weight;
mod cascade;
mod check;
mod display;
mod diversity;
mod ensemble;
mod error;
mod limits;
mod normalisation;
mod normalised_sum;
mod options;
mod quotas;
mod rank_fusion;
mod recipe;
mod scale;
#[cfg(test)]
mod tests;
mod weighted_sum;

pub use business_weight::BusinessWeight;
pub use cascade::Cascade;
pub use diversity::Diversity;
pub use ensemble::Ensemble;
pub use error::{DepthOf, EnsembleError, LexicalRole, Parts};
pub use normalisation::Normalisation;
pub use normalised_sum::NormalisedSum;
pub use quotas::Quotas;
pub(crate) use quotas::{has_counts, quota_places};
pub use rank_fusion::RankFusion;
pub(crate) use recipe::{Channel, Method, Stage};
pub(crate) use scale::{Scale, finite};
pub use weighted_sum::WeightedSum;
