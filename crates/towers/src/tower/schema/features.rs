//! What a tower reads of a record.

use super::{LookupSchema, PadAt, TableSchema};
use crate::record::Place;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureSchema {
    /// What stands for a field that is absent or null.
    #[serde(default, skip_serializing_if = "Missing::is_error")]
    pub missing: Missing,
    /// What it reads, and what it makes of that.
    #[serde(flatten)]
    pub kind: FeatureKind,
}

/// What a feature reads, and what it makes of that.
#[expect(
    missing_docs,
    reason = "storage-format.md describes the fields once, for all kinds"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FeatureKind {
    /// One string, embedded.
    Id { field: String, table: String },
    /// A list of strings in order of time, the newest last, embedded and pooled.
    Ids {
        field: String,
        table: String,
        #[serde(default)]
        pooling: Pooling,
        /// How many of the newest are read.
        limit: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recency: Option<Recency>,
    },
    /// A list of item ids, the newest last, whose vectors in the same generation are pooled.
    Items {
        field: String,
        #[serde(default)]
        pooling: Pooling,
        /// How many of the newest are read.
        limit: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recency: Option<Recency>,
    },
    /// One string or a set of them, embedded and pooled.
    Categories {
        field: String,
        table: String,
        #[serde(default)]
        pooling: Pooling,
    },
    /// All pairs of the strings of two fields, embedded and pooled.
    Cross {
        fields: [String; 2],
        table: String,
        #[serde(default)]
        pooling: Pooling,
    },
    /// Text, as grams, embedded and pooled.
    Text {
        field: String,
        /// Further fields, whose texts are read behind it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<String>,
        table: String,
        #[serde(default)]
        pooling: Pooling,
        #[serde(default)]
        grams: Grams,
        /// How many words are read, of all its fields together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
    },
    /// A number.
    Number {
        field: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clip: Option<[f64; 2]>,
        #[serde(default, skip_serializing_if = "is_false")]
        log: bool,
        #[serde(default)]
        mean: f32,
        #[serde(default = "one")]
        deviation: f32,
        #[serde(default, skip_serializing_if = "is_false")]
        missing_flag: bool,
    },
    /// Between which boundaries a number lies, embedded or one number for each place.
    Buckets {
        field: String,
        /// Increasing.
        boundaries: Vec<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
    },
    /// Cells that a point lies in, embedded and pooled.
    Geo {
        field: String,
        table: String,
        /// Degrees that a cell is high and wide.
        scales: Vec<f64>,
        #[serde(default = "sum")]
        pooling: Pooling,
    },
    /// Kilometres between two points.
    Distance {
        field: String,
        to: To,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clip: Option<[f64; 2]>,
        #[serde(default, skip_serializing_if = "is_false")]
        log: bool,
        #[serde(default)]
        mean: f32,
        #[serde(default = "one")]
        deviation: f32,
        #[serde(default, skip_serializing_if = "is_false")]
        missing_flag: bool,
    },
    /// The hour of a time, embedded or as sine and cosine.
    Hour {
        field: String,
        /// Minutes east of UTC.
        #[serde(default)]
        utc_offset: i32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
    },
    /// The day of the week of a time, embedded or one number for each.
    Weekday {
        field: String,
        /// Minutes east of UTC.
        #[serde(default)]
        utc_offset: i32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
    },
    /// Days from a time to another.
    Age {
        field: String,
        until: Until,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clip: Option<[f64; 2]>,
        #[serde(default, skip_serializing_if = "is_false")]
        log: bool,
        #[serde(default)]
        mean: f32,
        #[serde(default = "one")]
        deviation: f32,
        #[serde(default, skip_serializing_if = "is_false")]
        missing_flag: bool,
    },
    /// Numbers as they are.
    Vector { field: String, dimension: u32 },
    /// The row of one string, as a number.
    Index {
        field: String,
        table: String,
        /// The number of the first row.
        #[serde(default, skip_serializing_if = "is_zero")]
        first: u32,
        /// What stands for no string.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pad: Option<i32>,
    },
    /// The rows of a list of strings in order of time, the newest last, as numbers.
    Indices {
        field: String,
        table: String,
        /// How many of the newest are read, and how many numbers there are.
        limit: u32,
        /// What stands for no string.
        pad: i32,
        /// The number of the first row.
        #[serde(default, skip_serializing_if = "is_zero")]
        first: u32,
        #[serde(default)]
        pad_at: PadAt,
    },
}

/// What stands for a field that is absent or null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The record is refused.
    #[default]
    Error,
    /// Zeros, which for a standardised number is its mean.
    Zero,
    /// This value.
    Default(serde_json::Value),
}

impl Missing {
    fn is_error(&self) -> bool {
        *self == Self::Error
    }
}

/// How embeddings of several strings become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum divided by the square root of their number.
    Sqrtn,
    /// The largest of each component.
    Max,
}

/// How much the places in a list count, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recency {
    /// Each one this share of the next newer one.
    Decay(f32),
    /// So much each, the last for all that are older.
    Weights(Vec<f32>),
}

/// What a text is made into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grams {
    /// Three letters each, as in DSSM.
    #[default]
    Trigrams,
    /// So many letters of a word, between the two.
    Letters([u32; 2]),
    /// So many words in a row, between the two.
    Words([u32; 2]),
    /// Grams of letters, and after them those of words, each between two marks.
    Both {
        /// So many letters of a word, between the two.
        letters: [u32; 2],
        /// So many words in a row, between the two.
        words: [u32; 2],
    },
}

/// A point, or the field that has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum To {
    /// The field.
    Field(String),
    /// The point.
    Point(Point),
}

/// A point on the earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    lat: f64,
    lon: f64,
}

impl Point {
    /// The place, if it is one.
    pub(crate) fn place(self) -> Option<Place> {
        Place::new(self.lat, self.lon)
    }
}

/// A time, or the field that has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Until {
    /// The field.
    Field(String),
    /// Seconds since 1970.
    Seconds(f64),
}

/// What is done to a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scaling {
    /// Put between the two.
    pub clip: Option<[f64; 2]>,
    /// Made its logarithm, whatever its sign.
    pub log: bool,
    /// Subtracted.
    pub mean: f32,
    /// Divided by.
    pub deviation: f32,
}

impl Scaling {
    /// What becomes of a number.
    pub(crate) fn of(self, mut number: f64) -> f32 {
        if let Some([least, most]) = self.clip {
            number = number.max(least).min(most);
        }
        if self.log {
            number = number.abs().ln_1p().copysign(number);
        }
        ((number - f64::from(self.mean)) / f64::from(self.deviation)) as f32
    }
}

fn one() -> f32 {
    1.0
}

fn sum() -> Pooling {
    Pooling::Sum
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl FeatureSchema {
    /// The field it reads; of several, the first.
    pub fn field(&self) -> &str {
        match &self.kind {
            FeatureKind::Id { field, .. }
            | FeatureKind::Ids { field, .. }
            | FeatureKind::Items { field, .. }
            | FeatureKind::Categories { field, .. }
            | FeatureKind::Text { field, .. }
            | FeatureKind::Number { field, .. }
            | FeatureKind::Buckets { field, .. }
            | FeatureKind::Geo { field, .. }
            | FeatureKind::Distance { field, .. }
            | FeatureKind::Hour { field, .. }
            | FeatureKind::Weekday { field, .. }
            | FeatureKind::Age { field, .. }
            | FeatureKind::Vector { field, .. }
            | FeatureKind::Index { field, .. }
            | FeatureKind::Indices { field, .. }
            | FeatureKind::Cross {
                fields: [field, _], ..
            } => field,
        }
    }

    /// The other field it reads, if it is made of two and needs both.
    pub(crate) fn second_field(&self) -> Option<&str> {
        match &self.kind {
            FeatureKind::Cross {
                fields: [_, field], ..
            }
            | FeatureKind::Distance {
                to: To::Field(field),
                ..
            }
            | FeatureKind::Age {
                until: Until::Field(field),
                ..
            } => Some(field),
            _ => None,
        }
    }

    /// Further fields whose texts it reads behind that of the first; any of them may be absent.
    pub(crate) fn also(&self) -> &[String] {
        match &self.kind {
            FeatureKind::Text { also, .. } => also,
            _ => &[],
        }
    }

    /// How much of its fields it reads at most, and of what.
    pub(crate) fn limit(&self) -> Option<(u32, &'static str)> {
        match &self.kind {
            FeatureKind::Ids { limit, .. }
            | FeatureKind::Items { limit, .. }
            | FeatureKind::Indices { limit, .. } => Some((*limit, "ids")),
            FeatureKind::Text { limit, .. } => Some(((*limit)?, "words")),
            _ => None,
        }
    }

    /// The fields it reads.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let also = self.also().iter().map(String::as_str);
        std::iter::once(self.field())
            .chain(self.second_field())
            .chain(also)
    }

    /// The table it looks strings up in, if it has one.
    pub fn table(&self) -> Option<&str> {
        match &self.kind {
            FeatureKind::Id { table, .. }
            | FeatureKind::Ids { table, .. }
            | FeatureKind::Categories { table, .. }
            | FeatureKind::Cross { table, .. }
            | FeatureKind::Text { table, .. }
            | FeatureKind::Geo { table, .. }
            | FeatureKind::Index { table, .. }
            | FeatureKind::Indices { table, .. } => Some(table),
            FeatureKind::Buckets { table, .. }
            | FeatureKind::Hour { table, .. }
            | FeatureKind::Weekday { table, .. } => table.as_deref(),
            FeatureKind::Items { .. }
            | FeatureKind::Number { .. }
            | FeatureKind::Distance { .. }
            | FeatureKind::Age { .. }
            | FeatureKind::Vector { .. } => None,
        }
    }

    /// How what it finds several of is made one.
    pub fn pooling(&self) -> Pooling {
        match &self.kind {
            FeatureKind::Ids { pooling, .. }
            | FeatureKind::Items { pooling, .. }
            | FeatureKind::Categories { pooling, .. }
            | FeatureKind::Cross { pooling, .. }
            | FeatureKind::Text { pooling, .. }
            | FeatureKind::Geo { pooling, .. } => *pooling,
            _ => Pooling::Sum,
        }
    }

    /// How much the places of a list count, if not alike.
    pub(crate) fn recency(&self) -> Option<&Recency> {
        match &self.kind {
            FeatureKind::Ids { recency, .. } | FeatureKind::Items { recency, .. } => {
                recency.as_ref()
            }
            _ => None,
        }
    }

    /// What is done to its number, if it is one, and whether another tells that it was missing.
    pub(crate) fn scaling(&self) -> Option<(Scaling, bool)> {
        match &self.kind {
            FeatureKind::Number {
                clip,
                log,
                mean,
                deviation,
                missing_flag,
                ..
            }
            | FeatureKind::Distance {
                clip,
                log,
                mean,
                deviation,
                missing_flag,
                ..
            }
            | FeatureKind::Age {
                clip,
                log,
                mean,
                deviation,
                missing_flag,
                ..
            } => {
                let scaling = Scaling {
                    clip: *clip,
                    log: *log,
                    mean: *mean,
                    deviation: *deviation,
                };
                Some((scaling, *missing_flag))
            }
            _ => None,
        }
    }

    /// Numbers it gives; of the vectors of items, `dimension`.
    pub(crate) fn width(&self, tables: &BTreeMap<String, TableSchema>, dimension: u32) -> usize {
        let table = self.table().filter(|_| self.numbering().is_none());
        if let Some(table) = table {
            let dimension = tables.get(table).and_then(|table| table.dimension);
            return dimension.unwrap_or(0) as usize;
        }
        match &self.kind {
            FeatureKind::Indices { limit, .. } => *limit as usize,
            FeatureKind::Items { .. } => dimension as usize,
            FeatureKind::Vector { dimension, .. } => *dimension as usize,
            FeatureKind::Buckets { boundaries, .. } => boundaries.len() + 1,
            FeatureKind::Hour { .. } => 2,
            FeatureKind::Weekday { .. } => 7,
            _ => match self.scaling() {
                Some((_, true)) => 2,
                _ => 1,
            },
        }
    }

    /// Rows a table has to have by number, if it is looked up in by number.
    pub(crate) fn indices(&self) -> Option<usize> {
        match &self.kind {
            FeatureKind::Buckets { boundaries, .. } => Some(boundaries.len() + 1),
            FeatureKind::Hour { .. } => Some(24),
            FeatureKind::Weekday { .. } => Some(7),
            _ => None,
        }
    }
}

impl LookupSchema {
    /// Rows that each string has.
    pub(crate) fn hashes(&self) -> u32 {
        match self {
            Self::Hash { hashes, .. } => *hashes,
            Self::Vocabulary { .. } | Self::Index { .. } => 1,
        }
    }
}
