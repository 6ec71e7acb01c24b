//! Strings to rows of an embedding table.

use super::TowerError;
use super::schema::{LookupSchema, Unknown};
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How a table finds the row of a string.
#[derive(Clone, Debug)]
pub(crate) enum Lookup {
    /// By list.
    Vocabulary {
        /// The row of each string.
        rows: HashMap<String, u32>,
        /// What happens to all others.
        unknown: Unknown,
    },
    /// By hash.
    Hash {
        /// Rows.
        buckets: u32,
        /// Of the hash.
        seed: u64,
    },
}

/// Where a string is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this row.
    Row(u32),
    /// Nowhere, and that counts for nothing.
    Nowhere,
    /// Nowhere, and the record is to be refused.
    Unknown,
}

impl Lookup {
    /// Builds the look-up of table `name`.
    pub(crate) fn new(name: &str, schema: &LookupSchema) -> Result<Self, TowerError> {
        let wrong = |what: String| TowerError::schema(format!("table {name:?}"), what);
        match schema {
            LookupSchema::Hash { buckets, seed } => Ok(Self::Hash {
                buckets: *buckets,
                seed: *seed,
            }),
            LookupSchema::Vocabulary { ids, unknown } => {
                let spare = if let Unknown::Buckets(count) = unknown {
                    *count
                } else {
                    0
                };
                if ids.len() as u64 + u64::from(spare) > u64::from(u32::MAX) {
                    return Err(wrong("more rows than 32 bits can number".to_owned()));
                }
                if *unknown == Unknown::Buckets(0) {
                    return Err(wrong("0 buckets for unknown strings hold none".to_owned()));
                }
                let mut rows = HashMap::with_capacity(ids.len());
                for (row, id) in ids.iter().enumerate() {
                    if rows.insert(id.clone(), row as u32).is_some() {
                        return Err(wrong(format!("{id:?} is in the vocabulary twice")));
                    }
                }
                if rows.is_empty() && spare == 0 {
                    return Err(wrong("the vocabulary is empty".to_owned()));
                }
                Ok(Self::Vocabulary {
                    rows,
                    unknown: *unknown,
                })
            }
        }
    }

    /// Rows the table must have.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Hash { buckets, .. } => *buckets as usize,
            Self::Vocabulary { rows, unknown } => match unknown {
                Unknown::Buckets(count) => rows.len() + *count as usize,
                Unknown::Error | Unknown::Skip => rows.len(),
            },
        }
    }

    /// The row of `text`.
    pub(crate) fn find(&self, text: &str) -> Place {
        match self {
            Self::Hash { buckets, seed } => Place::Row(bucket(text, *seed, *buckets)),
            Self::Vocabulary { rows, unknown } => match (rows.get(text), unknown) {
                (Some(row), _) => Place::Row(*row),
                (None, Unknown::Error) => Place::Unknown,
                (None, Unknown::Skip) => Place::Nowhere,
                (None, Unknown::Buckets(count)) => {
                    Place::Row(rows.len() as u32 + bucket(text, 0, *count))
                }
            },
        }
    }
}

fn bucket(text: &str, seed: u64, buckets: u32) -> u32 {
    (xxh3_64_with_seed(text.as_bytes(), seed) % u64::from(buckets.max(1))) as u32
}
