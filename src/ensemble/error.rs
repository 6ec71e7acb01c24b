//! Errors of an invalid ensemble.

use super::limits::MAX_EXPONENT;
use std::fmt;
use thiserror::Error;

/// Why an ensemble cannot be defined.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum EnsembleError {
    /// Too few or too many spaces, stages or channels.
    #[error("it has {found} {parts}; give 1 to {limit}")]
    Count {
        /// The part that is counted.
        parts: Parts,
        /// The number found.
        found: usize,
        /// The most allowed.
        limit: usize,
    },
    /// A list, a stage or a quota of no items, or of too many.
    #[error("{of} is {found}; it must be 1 to {limit}")]
    Depth {
        /// What has the depth.
        of: DepthOf,
        /// Its depth.
        found: u32,
        /// The largest depth.
        limit: u32,
    },
    /// A weight that is not finite and above 0.
    #[error("the weight of space {space:?} is {weight}; it must be finite and above 0")]
    Weight {
        /// The space.
        space: String,
        /// Its weight.
        weight: f32,
    },
    /// A score of items without a vector that is not finite.
    #[error("the `missing` score is {score}; it must be finite")]
    MissingScore {
        /// The score.
        score: f32,
    },
    /// A score of items without a vector together with a fused space, which has no such items.
    #[error(
        "a fused space has only items with a vector in each member; give `missing` or `fused`, not both"
    )]
    MissingBesideFused,
    /// A minimum score that is not finite.
    #[error("the least score of stage {space:?} is {score}; it must be finite")]
    LeastScore {
        /// The space of the stage.
        space: String,
        /// The score.
        score: f32,
    },
    /// A space is named twice.
    #[error("space {space:?} is named twice; remove one")]
    RepeatedSpace {
        /// The space.
        space: String,
    },
    /// A share outside 0 to 1.
    #[error("the share of space {space:?} is {share}; it must be above 0 and at most 1")]
    Share {
        /// The space.
        space: String,
        /// Its share.
        share: f32,
    },
    /// Shares whose sum is not 1.
    #[error("the shares sum to {sum}; they must sum to 1")]
    ShareSum {
        /// The sum.
        sum: f64,
    },
    /// Both shares and counts.
    #[error("channels have shares and counts; give all of them one or the other")]
    SharesAndCounts,
    /// A business weight of quotas, whose hits have no score.
    #[error("quotas have no score that a business weight could multiply; remove it")]
    BusinessBesideQuotas,
    /// The path of the business field is empty or too long.
    #[error("the path of the business field has {bytes} bytes; it must have 1 to {limit}")]
    FieldPath {
        /// Its length in bytes.
        bytes: usize,
        /// The maximum length.
        limit: usize,
    },
    /// A business default that is negative or not finite.
    #[error("the default value is {value}; it must be finite and 0 or more")]
    DefaultValue {
        /// The default.
        value: f64,
    },
    /// A business exponent out of range.
    #[error("an exponent is {exponent}; it must be above 0 and at most {MAX_EXPONENT}")]
    Exponent {
        /// The exponent.
        exponent: f64,
    },
    /// A lambda outside 0 to 1.
    #[error("lambda is {lambda}; it must be 0 to 1")]
    Lambda {
        /// The lambda of the diversity.
        lambda: f32,
    },
    /// `fused` names a space that is not fused.
    #[error("space {space:?} is not a fused space")]
    NotFused {
        /// The space.
        space: String,
    },
    /// A lexical space where vectors or a calibration are needed.
    #[error("space {space:?} is lexical and {role}")]
    Lexical {
        /// The space.
        space: String,
        /// What it was to be.
        role: LexicalRole,
    },
    /// The fused space has other members than the ensemble has spaces.
    #[error(
        "fused space {space:?} has the members {}; give weights to exactly these",
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
    /// A business weight of L2 scores, which are never above 0.
    #[error("L2 scores are never above 0, so that a larger value would rank lower; normalise them")]
    NegativeScores,
}

/// What a lexical space cannot be in an ensemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LexicalRole {
    /// The space whose vectors diversity compares.
    Diversity,
    /// The fused space.
    Fused,
    /// A member of a sum that is normalised by calibrations.
    Calibrated,
}

impl fmt::Display for LexicalRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Diversity => "has no vectors to compare for diversity; name another",
            Self::Fused => "cannot be a fused space; name one made by a publish",
            Self::Calibrated => "has no calibration; normalise by `min_max` or `z_score`",
        })
    }
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

/// The part of a recipe whose depth is limited.
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
            Self::Stage { space } => write!(f, "the number that stage {space:?} takes"),
            Self::Channel { space } => write!(f, "the count of space {space:?}"),
            Self::Diversity => f.write_str("the depth of the diversity"),
        }
    }
}
