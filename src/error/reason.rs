//! Why input was rejected, where no folder below has an error for it.

use std::fmt;
use thiserror::Error;
use twinspire_core::kernel::VectorError;
use twinspire_towers::TowerError;

/// Why a vector is rejected.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidVector {
    /// The vector has another length than those of the space.
    #[error("it has {found} components, the space has dimension {expected}")]
    Dimension {
        /// Components of the vector.
        found: usize,
        /// Components of a vector of the space.
        expected: usize,
    },
    /// A component cannot be compared or stored.
    #[error(transparent)]
    Component(#[from] VectorError),
    /// The vector is for an item that does not exist.
    #[error("there is no such item")]
    UnknownItem,
    /// The item already has a vector from the same source.
    #[error("the item was given a vector before; leave one out")]
    Duplicate,
}

/// A sign that towers do not belong to the items of the database.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishDoubt {
    /// The vectors are nearly all equal.
    #[error(
        "the vectors of its {items} items are nearly all equal, so recalls cannot tell them apart; \
         a number may be in another unit than in the training"
    )]
    EqualVectors {
        /// Items with a vector.
        items: usize,
    },
    /// No item has the field of a feature.
    #[error("no item has {}, which the item tower reads", .fields.join(", "))]
    AbsentFeatures {
        /// The fields.
        fields: Vec<String>,
    },
    /// No id of a field is in the vocabulary of the towers.
    #[error("none of the items' {field:?}, such as {id:?}, is in the vocabulary of the towers")]
    UnknownIds {
        /// The field.
        field: String,
        /// One of its ids.
        id: String,
    },
}

/// Why spaces cannot be fused.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum FuseError {
    /// A member is a fused space.
    #[error("{member:?} is a fused space itself; name the spaces it is made of")]
    FusedMember {
        /// The member.
        member: String,
    },
    /// A member compares by L2.
    #[error(
        "{member:?} compares by L2, whose weighted sum is no inner product; use an ensemble without a \
         fused space"
    )]
    L2Member {
        /// The member.
        member: String,
    },
    /// A member is named twice.
    #[error("{member:?} is named twice; leave one out")]
    RepeatedMember {
        /// The member.
        member: String,
    },
    /// Fewer than two members.
    #[error("it has {count} members, 2 or more are needed")]
    TooFewMembers {
        /// Members named.
        count: usize,
    },
    /// The concatenated vectors make no space.
    #[error(transparent)]
    Schema(#[from] Box<TowerError>),
}

/// The kind of thing that already has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameOwner {
    /// A space with towers or vectors of its own.
    Space,
    /// A fused space.
    FusedSpace,
    /// An ensemble.
    Ensemble,
    /// A lexical space.
    LexicalSpace,
}

impl fmt::Display for NameOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Space => "a space with vectors of its own",
            Self::FusedSpace => "a fused space",
            Self::Ensemble => "an ensemble",
            Self::LexicalSpace => "a lexical space",
        })
    }
}

/// Why the contributions of shards give no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardsError {
    /// There are no contributions.
    #[error("no shard has answered; ask one or more")]
    None,
    /// The shards were asked different things.
    #[error("shards were asked with another {what}; give every shard the same request")]
    Requests {
        /// What differs.
        what: &'static str,
    },
    /// A space has other towers or another definition in another shard.
    #[error("space {space:?} is not the same in all shards; ask all of them for one epoch")]
    Towers {
        /// The space.
        space: String,
    },
    /// Two shards have an item of the same id.
    #[error("item {id:?} is in two shards; delete it where the hash of its id does not belong")]
    Repeated {
        /// The item.
        id: String,
    },
    /// A normalised sum by calibration, without a calibration of all shards.
    #[error(
        "space {space:?} has no calibration over all shards; give its scale, or normalise by `min_max` or `z_score`"
    )]
    Calibration {
        /// The space.
        space: String,
    },
    /// An option that a shard cannot answer.
    #[error("a shard does not give {option}; ask for it after the merge")]
    Option {
        /// The option.
        option: &'static str,
    },
    /// Bytes that no shard of this version wrote.
    #[error("the bytes are not of a shard of this version; run one version everywhere")]
    Bytes,
}
