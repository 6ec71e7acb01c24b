//! Why a recipe is invalid.

use super::business::MAX_EXPONENT;
use std::fmt;
use thiserror::Error;

/// Why an ensemble cannot be defined.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum EnsembleError {
    /// A builder call that belongs to another method.
    #[error("it is {method}: {call}")]
    Misuse {
        /// The method of the ensemble.
        method: &'static str,
        /// The call, and the method it is for.
        call: &'static str,
    },
    /// Too few or too many spaces, stages or channels.
    #[error("it has {found} {parts}, 1 to {limit} are due")]
    Count {
        /// What is counted.
        parts: Parts,
        /// How many it has.
        found: usize,
        /// The most allowed.
        limit: usize,
    },
    /// A list or a stage of no items, or of too many.
    #[error("{of} is {found}, 1 to {limit} is due")]
    Depth {
        /// The list or stage.
        of: DepthOf,
        /// Its depth.
        found: u32,
        /// The largest depth.
        limit: u32,
    },
    /// A weight that is not a number above 0.
    #[error("the weight of space {space:?} is {weight}, a number above 0 is due")]
    Weight {
        /// The space.
        space: String,
        /// Its weight.
        weight: f32,
    },
    /// A score for items without a vector that is not finite.
    #[error("what is missing scores {score}, a finite number is due")]
    MissingScore {
        /// The score.
        score: f32,
    },
    /// A score for items without a vector, beside a fused space, which has no such items.
    #[error(
        "a fused space has no items without a vector in one of its members: give `missing` or `fused`"
    )]
    MissingBesideFused,
    /// A minimum score that is not finite.
    #[error("the least score of stage {space:?} is {score}, a finite number is due")]
    LeastScore {
        /// The space of the stage.
        space: String,
        /// The score.
        score: f32,
    },
    /// A space is named twice.
    #[error("space {space:?} is named twice; leave one out")]
    RepeatedSpace {
        /// The space.
        space: String,
    },
    /// A share outside 0 to 1.
    #[error("the share of space {space:?} is {share}, above 0 and at most 1 is due")]
    Share {
        /// The space.
        space: String,
        /// Its share.
        share: f32,
    },
    /// Shares whose sum is not 1.
    #[error("the shares make {sum}, 1 is due")]
    ShareSum {
        /// The sum.
        sum: f64,
    },
    /// Both shares and counts.
    #[error("it has shares and counts, one or the other is due")]
    SharesAndCounts,
    /// A business field beside quotas, whose hits have no score.
    #[error("quotas take turns, and have no score that a field could be multiplied with")]
    BusinessBesideQuotas,
    /// The path of the business field is empty or too long.
    #[error("the path of the field has {bytes} bytes, 1 to {limit} are due")]
    FieldPath {
        /// Its bytes.
        bytes: usize,
        /// The most bytes of a path.
        limit: usize,
    },
    /// A business default that is negative or not finite.
    #[error("the default is {value}, 0 or more is due")]
    DefaultValue {
        /// The default.
        value: f64,
    },
    /// A business exponent out of range.
    #[error("an exponent is {exponent}, above 0 and at most {MAX_EXPONENT} is due")]
    Exponent {
        /// The exponent.
        exponent: f64,
    },
    /// A lambda outside 0 to 1.
    #[error("lambda is {lambda}, 0 to 1 is due")]
    Lambda {
        /// The lambda of the diversity.
        lambda: f32,
    },
    /// `fused` names a space that is not fused.
    #[error("space {space:?} is not a fused one")]
    NotFused {
        /// The space.
        space: String,
    },
    /// The fused space has other members than the ensemble has spaces.
    #[error(
        "fused space {space:?} is made of {}: the ensemble has to weigh these, and no others",
        members.join(", ")
    )]
    OtherMembers {
        /// The fused space.
        space: String,
        /// Its members.
        members: Vec<String>,
    },
    /// No item has a number in the business field.
    #[error("no item has a number in field {field:?}")]
    NoNumbers {
        /// The path of the field.
        field: String,
    },
    /// A business field beside scores by L2, which are never above 0.
    #[error(
        "scores by L2 are never above 0, and what is worth more would come later; normalise them"
    )]
    NegativeScores,
}

/// The parts of an ensemble that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parts {
    /// Spaces.
    Spaces,
    /// Stages of a cascade.
    Stages,
    /// Channels with quotas.
    Channels,
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spaces => "spaces",
            Self::Stages => "stages",
            Self::Channels => "channels",
        })
    }
}

/// The list or stage whose depth is limited.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DepthOf {
    /// The list of each space.
    Lists,
    /// A stage of a cascade.
    Stage {
        /// Its space.
        space: String,
    },
    /// A channel with a count.
    Channel {
        /// Its space.
        space: String,
    },
    /// The pool of the diversity.
    Diversity,
}

impl fmt::Display for DepthOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lists => f.write_str("the depth of the lists"),
            Self::Stage { space } => write!(f, "what stage {space:?} takes"),
            Self::Channel { space } => write!(f, "the count of space {space:?}"),
            Self::Diversity => f.write_str("the depth of the diversity"),
        }
    }
}
