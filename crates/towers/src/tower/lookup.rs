//! Strings to rows of an embedding table.

use super::error::TowerError;
use super::farmhash;
use super::schema::{HashFunction, LookupSchema, RowsAt, Unknown, UnknownHash};
use siphasher::sip::SipHasher24;
use std::collections::HashMap;
use std::hash::Hasher;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How a table finds the rows of a string.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// By its position in a list.
    Vocabulary {
        /// The row of each string.
        rows: HashMap<String, u32>,
        /// What happens to other strings.
        unknown: Unknown,
    },
    /// By hash.
    Hash {
        /// Number of rows.
        buckets: u32,
        /// The seed of the first hash.
        seed: u64,
        /// The hash function.
        function: HashFunction,
        /// Rows per string.
        hashes: u32,
    },
    /// The string is the row, in decimal digits.
    Index {
        /// Number of rows.
        rows: u32,
    },
}

/// Why a string has no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// It is skipped.
    Skip,
    /// The record is refused; this is what was expected.
    Refuse(&'static str),
}

impl Lookup {
    /// Builds the lookup of table `name`.
    pub fn new(name: &str, schema: &LookupSchema) -> Result<Self, TowerError> {
        let wrong = |what: String| TowerError::description(format!("table {name:?}"), what);
        match schema {
            LookupSchema::Hash {
                buckets,
                seed,
                function,
                hashes,
            } => Ok(Self::Hash {
                buckets: *buckets,
                seed: *seed,
                function: *function,
                hashes: *hashes,
            }),
            LookupSchema::Index { rows } => Ok(Self::Index { rows: *rows }),
            LookupSchema::Vocabulary { ids, unknown } => {
                let spare = unknown.buckets();
                if ids.len() as u64 + u64::from(spare) > u64::from(u32::MAX) {
                    return Err(wrong("has more than 2^32 - 1 rows".to_owned()));
                }
                if unknown.rows().is_some() && spare == 0 {
                    return Err(wrong(
                        "has 0 buckets for unknown strings; use 1 or more, or skip".to_owned(),
                    ));
                }
                if unknown
                    .rows()
                    .is_some_and(|rows| rows.function == HashFunction::Murmur3)
                {
                    return Err(wrong(
                        "hashes unknown strings by murmur3; use farmhash, siphash or xxh3"
                            .to_owned(),
                    ));
                }
                let first = first_of_list(*unknown);
                let mut rows = HashMap::with_capacity(ids.len());
                for (row, id) in ids.iter().enumerate() {
                    if rows.insert(id.clone(), first + row as u32).is_some() {
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

    /// The number of rows that the table must have.
    #[inline]
    pub fn rows(&self) -> usize {
        match self {
            Self::Hash { buckets, .. } => *buckets as usize,
            Self::Index { rows } => *rows as usize,
            Self::Vocabulary { rows, unknown } => rows.len() + unknown.buckets() as usize,
        }
    }

    /// Passes the rows of `text` to `each`.
    pub fn find(&self, text: &str, mut each: impl FnMut(u32)) -> Result<(), NotFound> {
        match self {
            Self::Hash {
                buckets,
                seed,
                function,
                hashes,
            } => {
                for more in 0..u64::from(*hashes) {
                    let hash = function.hash(text, seed.wrapping_add(more));
                    each(bucket(hash, *buckets));
                }
            }
            Self::Index { rows } => {
                let digits = text == "0" || !text.starts_with(['0', '+']);
                let row = text.parse().ok().filter(|row| digits && row < rows);
                each(row.ok_or(NotFound::Refuse("the number of a row"))?);
            }
            Self::Vocabulary { rows, unknown } => {
                let row = rows.get(text).copied();
                let row = row.or_else(|| row_of_unknown(rows.len(), *unknown, text));
                let refused = match unknown {
                    Unknown::Skip => NotFound::Skip,
                    _ => NotFound::Refuse("a string that is in the vocabulary"),
                };
                each(row.ok_or(refused)?);
            }
        }
        Ok(())
    }

    /// The row of a string that is not in the vocabulary; `None` if unknown strings have no rows.
    #[inline]
    pub fn row_of_unknown(&self, text: &str) -> Option<u32> {
        match self {
            Self::Vocabulary { rows, unknown } => row_of_unknown(rows.len(), *unknown, text),
            Self::Hash { .. } | Self::Index { .. } => None,
        }
    }

    /// The rows of a vocabulary's list, and those of unknown strings; `None` without a vocabulary.
    pub fn vocabulary_rows(&self) -> Option<[Range<usize>; 2]> {
        let Self::Vocabulary { rows, unknown } = self else {
            return None;
        };
        let (known, spare) = (rows.len(), unknown.buckets() as usize);
        Some(match first_of_list(*unknown) {
            0 => [0..known, known..known + spare],
            _ => [spare..spare + known, 0..spare],
        })
    }

    /// Whether a string is in the vocabulary; `None` without a vocabulary.
    pub fn knows(&self, text: &str) -> Option<bool> {
        match self {
            Self::Vocabulary { rows, .. } => Some(rows.contains_key(text)),
            Self::Hash { .. } | Self::Index { .. } => None,
        }
    }
}

/// The row of the first string of a vocabulary's list.
fn first_of_list(unknown: Unknown) -> u32 {
    match unknown.rows() {
        Some(UnknownHash {
            at: RowsAt::Start,
            buckets,
            ..
        }) => buckets,
        _ => 0,
    }
}

/// The row of a string that is not in a vocabulary of `known` strings; `None` if such strings have no rows.
fn row_of_unknown(known: usize, unknown: Unknown, text: &str) -> Option<u32> {
    let rows = unknown.rows()?;
    let first = match rows.at {
        RowsAt::End => known as u32,
        RowsAt::Start => 0,
    };
    Some(first + bucket(rows.function.hash(text, 0), rows.buckets))
}

impl HashFunction {
    fn hash(self, text: &str, seed: u64) -> u64 {
        let bytes = text.as_bytes();
        match self {
            Self::Xxh3 => xxh3_64_with_seed(bytes, seed),
            Self::FarmHash => farmhash::fingerprint64(bytes),
            Self::SipHash([k0, k1]) => {
                let mut hasher = SipHasher24::new_with_keys(k0, k1);
                hasher.write(bytes);
                hasher.finish()
            }
            Self::Murmur3 => {
                // Reading from memory cannot fail.
                let hash = murmur3::murmur3_32(&mut &*bytes, seed as u32).unwrap_or_default();
                u64::from((hash as i32).unsigned_abs())
            }
        }
    }
}

fn bucket(hash: u64, buckets: u32) -> u32 {
    (hash % u64::from(buckets.max(1))) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn hashes_equal_those_of_tensorflow_and_scikit_learn() {
        let rows = |function: HashFunction, buckets: u32, texts: &[&str]| -> Vec<u32> {
            let hash = |text: &&str| bucket(function.hash(text, 0), buckets);
            texts.iter().map(hash).collect()
        };
        // The examples in TensorFlow's documentation of to_hash_bucket_fast and _strong.
        let fast = rows(HashFunction::FarmHash, 3, &["Hello", "TensorFlow", "2.x"]);
        assert_eq!(fast, [0, 2, 2]);
        let strong = rows(HashFunction::SipHash([1, 2]), 3, &["Hello", "TF"]);
        assert_eq!(strong, [2, 0]);
        // As in scikit-learn's test of murmurhash3_32, without the signs.
        assert_eq!(HashFunction::Murmur3.hash("foo", 0), 156_908_512);
        assert_eq!(HashFunction::Murmur3.hash("foo", 42), 1_322_301_282);
    }

    /// The rows that Keras computes: `StringLookup(num_oov_indices=n)` gives an unknown string
    /// `to_hash_bucket_fast(text, n)`, and the strings of the vocabulary the numbers from n on.
    #[test]
    fn unknown_strings_have_the_rows_of_keras_and_tensorflow() {
        let lookup = |unknown: &str| {
            let unknown = serde_json::from_str(unknown).unwrap();
            let ids = ["a", "b", "c"].map(str::to_owned).to_vec();
            let schema = LookupSchema::Vocabulary { ids, unknown };
            Lookup::new("t", &schema).map_err(|error| error.to_string())
        };
        let rows = |lookup: &Lookup, texts: &[&str]| -> Vec<u32> {
            let mut rows = Vec::new();
            for text in texts {
                lookup.find(text, |row| rows.push(row)).unwrap();
            }
            rows
        };
        let texts = ["a", "c", "Hello", "TensorFlow", "2.x"];
        let keras = r#"{"hash": {"buckets": 3, "function": "farmhash", "at": "start"}}"#;
        let keras = lookup(keras).unwrap();
        assert_eq!(rows(&keras, &texts), [3, 5, 0, 2, 2]);
        assert_eq!(keras.vocabulary_rows(), Some([3..6, 0..3]));
        let table = lookup(r#"{"hash": {"buckets": 3, "function": "farmhash"}}"#).unwrap();
        assert_eq!(rows(&table, &texts), [0, 2, 3, 5, 5]);
        assert_eq!(table.vocabulary_rows(), Some([0..3, 3..6]));
        assert_eq!((keras.rows(), table.rows()), (6, 6));
        let ours = lookup(r#"{"hash": {"buckets": 9}}"#).unwrap();
        let short = lookup(r#"{"buckets": 9}"#).unwrap();
        assert_eq!(rows(&ours, &texts), rows(&short, &texts));
        for (wrong, says) in [
            (
                r#"{"hash": {"buckets": 0, "function": "farmhash"}}"#,
                "0 buckets",
            ),
            (
                r#"{"hash": {"buckets": 2, "function": "murmur3"}}"#,
                "murmur3",
            ),
        ] {
            let error = lookup(wrong).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        for wrong in [
            r#"{"buckets": 2, "function": "farmhash"}"#,
            r#"{"hash": {"buckets": 2, "seed": 3}}"#,
            r#"{"hash": {"function": "farmhash"}}"#,
            r#"{"hash": {"buckets": 2, "function": "md5"}}"#,
            r#"{"hash": {"buckets": 2, "at": "middle"}}"#,
        ] {
            assert!(serde_json::from_str::<Unknown>(wrong).is_err(), "{wrong}");
        }
    }

    /// The values that the reference for exports in Python is held to.
    #[test]
    fn hashes_and_rows_equal_those_of_the_reference_in_python() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../examples/python/golden.json"
        );
        let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for case in golden["hashes"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            for (name, function, seed) in [
                ("xxh3", HashFunction::Xxh3, 0),
                ("xxh3_seed_7", HashFunction::Xxh3, 7),
                ("farmhash", HashFunction::FarmHash, 0),
                ("siphash_1_2", HashFunction::SipHash([1, 2]), 0),
                ("murmur3", HashFunction::Murmur3, 0),
                ("murmur3_seed_42", HashFunction::Murmur3, 42),
            ] {
                let found = function.hash(text, seed).to_string();
                assert_eq!(case[name], found, "{name} of {text:?}");
            }
        }
        for case in golden["rows"].as_array().unwrap() {
            let schema = serde_json::from_value(case["lookup"].clone()).unwrap();
            let mut row = Value::Null;
            let _ = Lookup::new("t", &schema)
                .unwrap()
                .find(case["text"].as_str().unwrap(), |found| row = found.into());
            assert_eq!(case["row"], row, "{case}");
        }
    }

    #[test]
    fn an_index_is_a_decimal_number_below_the_rows() {
        let index = Lookup::Index { rows: 12 };
        let find = |text| {
            let mut rows = Vec::new();
            index.find(text, |row| rows.push(row)).map(|()| rows)
        };
        assert_eq!(find("0"), Ok(vec![0]));
        assert_eq!(find("11"), Ok(vec![11]));
        for wrong in ["12", "01", "+1", "-1", "1.0", "", "a", "4294967296"] {
            assert!(find(wrong).is_err(), "{wrong}");
        }
    }
}
