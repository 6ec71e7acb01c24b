//! Embedding tables, and how strings find their rows in them.

use serde::{Deserialize, Serialize};

/// An embedding table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSchema {
    /// Components of a row. A table without a dimension has no weights: it only numbers strings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<u32>,
    /// How a string finds its row.
    pub lookup: LookupSchema,
}

/// How a string finds its row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LookupSchema {
    /// By its position in a list.
    Vocabulary {
        /// The strings, in row order.
        ids: Vec<String>,
        /// What happens to other strings.
        #[serde(default)]
        unknown: Unknown,
    },
    /// By a hash, modulo the number of rows.
    Hash {
        /// Number of rows.
        buckets: u32,
        /// The seed of the hash.
        #[serde(default)]
        seed: u64,
        /// The hash function.
        #[serde(default)]
        function: HashFunction,
        /// Rows per string, hashed with this seed and the following ones.
        #[serde(default = "one")]
        hashes: u32,
    },
    /// The string is the row, in decimal digits.
    Index {
        /// Number of rows.
        rows: u32,
    },
}

/// A hash function for strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashFunction {
    /// XXH3, 64 bits, seeded.
    #[default]
    Xxh3,
    /// Fingerprint64 of FarmHash, as TensorFlow's `string_to_hash_bucket_fast`.
    FarmHash,
    /// SipHash-2-4 with this key, as TensorFlow's `string_to_hash_bucket_strong`.
    SipHash([u64; 2]),
    /// MurmurHash3, 32 bits, seeded, its absolute value, as scikit-learn's `FeatureHasher`.
    Murmur3,
}

fn one() -> u32 {
    1
}

/// What happens to a string that is not in a vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The record is refused.
    #[default]
    Error,
    /// It is skipped.
    Skip,
    /// It is hashed by XXH3 to one of this many rows behind the list.
    Buckets(u32),
    /// It is hashed to one of some additional rows.
    Hash(UnknownHash),
}

/// Additional rows of a vocabulary, for strings that it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnknownHash {
    /// Number of rows.
    pub buckets: u32,
    /// The hash function, unseeded.
    #[serde(default)]
    pub function: HashFunction,
    /// Where the rows are.
    #[serde(default)]
    pub at: RowsAt,
}

/// Where the rows of unknown strings are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsAt {
    /// Behind the list, as in TensorFlow's `StaticVocabularyTable`.
    #[default]
    End,
    /// Before the list, as in the `StringLookup` of Keras.
    Start,
}

impl Unknown {
    /// The rows of unknown strings, if they have any.
    pub(crate) fn rows(self) -> Option<UnknownHash> {
        match self {
            Self::Error | Self::Skip => None,
            Self::Buckets(buckets) => Some(UnknownHash {
                buckets,
                function: HashFunction::Xxh3,
                at: RowsAt::End,
            }),
            Self::Hash(hash) => Some(hash),
        }
    }

    /// Number of rows of unknown strings.
    pub(crate) fn buckets(self) -> u32 {
        self.rows().map_or(0, |rows| rows.buckets)
    }
}

impl LookupSchema {
    /// Rows per string.
    pub(crate) fn hashes(&self) -> u32 {
        match self {
            Self::Hash { hashes, .. } => *hashes,
            Self::Vocabulary { .. } | Self::Index { .. } => 1,
        }
    }

    /// Number of rows of the table.
    pub(super) fn rows(&self) -> u64 {
        match self {
            Self::Hash { buckets, .. } => u64::from(*buckets),
            Self::Index { rows } => u64::from(*rows),
            Self::Vocabulary { ids, unknown } => ids.len() as u64 + u64::from(unknown.buckets()),
        }
    }

    /// Whether unknown strings are skipped.
    pub(super) fn skips(&self) -> bool {
        match self {
            Self::Vocabulary { unknown, .. } => *unknown == Unknown::Skip,
            Self::Hash { .. } | Self::Index { .. } => false,
        }
    }
}
