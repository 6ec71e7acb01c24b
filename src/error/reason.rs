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
