//! Rows of tables as numbers, for models that have their embeddings inside.

use super::{FeatureKind, FeatureSchema, LookupSchema, Missing, Schema, TableSchema, Unknown};
use serde::{Deserialize, Serialize};

/// The largest number up to which 32 bits hold every one exactly.
const MAX_NUMBER: u32 = 1 << 24;

/// On which side of a list that is too short the padding stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PadAt {
    /// Before the oldest.
    Start,
    /// Behind the newest.
    #[default]
    End,
}

/// How rows of a table are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// The number of the first row.
    pub first: u32,
    /// What stands for no row; none where there always is one.
    pub pad: Option<i32>,
    /// On which side it does.
    pub pad_at: PadAt,
}

impl FeatureSchema {
    /// How it numbers the rows of its table, if it gives their numbers and not their embeddings.
    pub(crate) fn numbering(&self) -> Option<Numbering> {
        match &self.kind {
            FeatureKind::Index { first, pad, .. } => Some(Numbering {
                first: *first,
                pad: *pad,
                pad_at: PadAt::End,
            }),
            FeatureKind::Indices {
                first, pad, pad_at, ..
            } => Some(Numbering {
                first: *first,
                pad: Some(*pad),
                pad_at: *pad_at,
            }),
            _ => None,
        }
    }
}

impl Schema {
    /// Whether a feature and its table agree on whether there are embeddings, and numbers are what they
    /// can be.
    pub(super) fn validate_numbering(
        feature: &FeatureSchema,
        named: &str,
        table: &TableSchema,
    ) -> Result<(), String> {
        let Some(numbering) = feature.numbering() else {
            return match table.dimension {
                Some(_) => Ok(()),
                None => Err(format!(
                    "table {named:?} has no dimension, hence no embeddings"
                )),
            };
        };
        if table.dimension.is_some() {
            return Err(format!(
                "table {named:?} has a dimension, hence embeddings; leave it out where rows are only \
                 numbered"
            ));
        }
        if table.lookup.hashes() > 1 {
            return Err(format!(
                "a string has one number, but table {named:?} has several hashes"
            ));
        }
        let rows = table.lookup.rows();
        if rows + u64::from(numbering.first) > u64::from(MAX_NUMBER) {
            return Err(format!(
                "table {named:?} has {rows} rows; they are numbered from {} to at most {MAX_NUMBER}",
                numbering.first
            ));
        }
        match numbering.pad {
            Some(pad) if pad.unsigned_abs() > MAX_NUMBER => {
                Err(format!("pad is from -{MAX_NUMBER} to {MAX_NUMBER}"))
            }
            None if feature.missing == Missing::Zero || table.lookup.skips() => Err(
                "a pad is needed, the number that stands for a field that is missing and for a \
                 string that is passed over"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }
}

impl LookupSchema {
    /// Rows of the table.
    fn rows(&self) -> u64 {
        match self {
            Self::Hash { buckets, .. } => u64::from(*buckets),
            Self::Index { rows } => u64::from(*rows),
            Self::Vocabulary { ids, unknown } => {
                let spare = match unknown {
                    Unknown::Buckets(count) => *count,
                    Unknown::Error | Unknown::Skip => 0,
                };
                ids.len() as u64 + u64::from(spare)
            }
        }
    }

    /// Whether strings may be passed over.
    fn skips(&self) -> bool {
        match self {
            Self::Vocabulary { unknown, .. } => *unknown == Unknown::Skip,
            Self::Hash { .. } | Self::Index { .. } => false,
        }
    }
}
