//! What a tower reads of a record.

use super::options::{
    Grams, Missing, Numbering, PadAt, Pooling, Recency, Scaling, To, TokenPart, Unreadable, Until,
};
use super::sequence::SequenceEncoder;
use super::table::TableSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Standard deviations from the mean within which a standardised number lies. No value of a training set of a
/// million rows can be further off, whatever its distribution.
const MAX_DEVIATIONS: f64 = 1000.0;

/// One feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureSchema {
    /// What replaces a field that is absent or null.
    #[serde(default, skip_serializing_if = "Missing::is_error")]
    pub missing: Missing,
    /// What happens to a value that cannot be read, such as `"N/A"` among numbers.
    #[serde(default, skip_serializing_if = "Unreadable::is_error")]
    pub unreadable: Unreadable,
    /// The least and the largest value of its numbers; others are refused. Seconds since 1970 for times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// What it reads, and what it computes from it.
    #[serde(flatten)]
    pub kind: FeatureKind,
}

/// What a feature reads, and what it computes from it. `storage-format.md` defines each kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FeatureKind {
    /// One string, embedded.
    Id {
        /// The field of the record.
        field: String,
        /// The embedding table.
        table: String,
    },
    /// A list of strings in chronological order, the newest last, embedded and pooled.
    Ids {
        /// The field of the record.
        field: String,
        /// The embedding table.
        table: String,
        /// Pooling of the embeddings.
        #[serde(default)]
        pooling: Pooling,
        /// Maximum number of elements read; the newest count.
        limit: u32,
        /// Weights by age; without them all elements count alike.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recency: Option<Recency>,
        /// Whether a string that occurs several times counts once, in its newest place.
        #[serde(default, skip_serializing_if = "is_false")]
        distinct: bool,
    },
    /// A list of strings in chronological order, the newest last, embedded and encoded in order.
    Sequence {
        /// The field of the record.
        field: String,
        /// The embedding table.
        table: String,
        /// Maximum number of elements read; the newest count.
        limit: u32,
        /// How the embeddings become one vector.
        encoder: SequenceEncoder,
    },
    /// A list of item ids, the newest last, whose vectors in the same generation are pooled.
    Items {
        /// The field of the record.
        field: String,
        /// Pooling of the embeddings.
        #[serde(default)]
        pooling: Pooling,
        /// Maximum number of elements read; the newest count.
        limit: u32,
        /// Weights by age; without them all elements count alike.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recency: Option<Recency>,
        /// Whether a string that occurs several times counts once, in its newest place.
        #[serde(default, skip_serializing_if = "is_false")]
        distinct: bool,
    },
    /// One string or a set of them, embedded and pooled.
    Categories {
        /// The field of the record.
        field: String,
        /// The embedding table.
        table: String,
        /// Pooling of the embeddings.
        #[serde(default)]
        pooling: Pooling,
    },
    /// All pairs of the strings of two fields, embedded and pooled.
    Cross {
        /// The two fields.
        fields: [String; 2],
        /// The embedding table.
        table: String,
        /// Pooling of the embeddings.
        #[serde(default)]
        pooling: Pooling,
    },
    /// Text, as grams, embedded and pooled.
    Text {
        /// The field of the record.
        field: String,
        /// Further fields, whose texts are read after it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<String>,
        /// The embedding table.
        table: String,
        /// Pooling of the embeddings.
        #[serde(default)]
        pooling: Pooling,
        /// How the text is cut.
        #[serde(default)]
        grams: Grams,
        /// Maximum number of words read, over all fields.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
    },
    /// Text, as the tokens of `tokenizer.json`, embedded and pooled, or as numbers for a model that has its embeddings
    /// inside.
    Tokens {
        /// The field of the record.
        field: String,
        /// Further fields, whose texts follow it, each after a space.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<String>,
        /// Maximum number of tokens, those that surround the text among them.
        limit: u32,
        /// Whether the tokens that surround a text, such as `[CLS]` and `[SEP]`, are there.
        #[serde(default = "yes", skip_serializing_if = "is_true")]
        special: bool,
        /// Whether unknown tokens are left out.
        #[serde(default, skip_serializing_if = "is_false")]
        skip_unknown: bool,
        /// The embedding table; without one the feature gives numbers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
        /// Pooling of the embeddings.
        #[serde(default)]
        pooling: Pooling,
        /// Without a table: what it gives, `limit` numbers each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gives: Vec<TokenPart>,
    },
    /// A number.
    Number {
        /// The field of the record.
        field: String,
        /// The range to which the number is clipped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clip: Option<[f64; 2]>,
        /// Whether the number becomes `ln(1 + |x|)` with its sign.
        #[serde(default, skip_serializing_if = "is_false")]
        log: bool,
        /// The mean that is subtracted.
        #[serde(default)]
        mean: f32,
        /// The standard deviation that it is divided by.
        #[serde(default = "one")]
        deviation: f32,
        /// Whether a second output number flags a missing field.
        #[serde(default, skip_serializing_if = "is_false")]
        missing_flag: bool,
    },
    /// The bucket of a number between boundaries, embedded or one-hot.
    Buckets {
        /// The field of the record.
        field: String,
        /// The boundaries, increasing.
        boundaries: Vec<f64>,
        /// The embedding table; without one the place is encoded as numbers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
    },
    /// The grid cells of a point, one per scale, embedded and pooled.
    Geo {
        /// The field of the record.
        field: String,
        /// The embedding table.
        table: String,
        /// The height and width of a cell in degrees, one per grid.
        scales: Vec<f64>,
        /// Pooling of the embeddings.
        #[serde(default = "sum")]
        pooling: Pooling,
    },
    /// Kilometres between two points.
    Distance {
        /// The field of the record.
        field: String,
        /// The other point.
        to: To,
        /// The range to which the number is clipped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clip: Option<[f64; 2]>,
        /// Whether the number becomes `ln(1 + |x|)` with its sign.
        #[serde(default, skip_serializing_if = "is_false")]
        log: bool,
        /// The mean that is subtracted.
        #[serde(default)]
        mean: f32,
        /// The standard deviation that it is divided by.
        #[serde(default = "one")]
        deviation: f32,
        /// Whether a second output number flags a missing field.
        #[serde(default, skip_serializing_if = "is_false")]
        missing_flag: bool,
    },
    /// The hour of a time, embedded, or as sine and cosine.
    Hour {
        /// The field of the record.
        field: String,
        /// Minutes east of UTC.
        #[serde(default)]
        utc_offset: i32,
        /// The embedding table; without one the place is encoded as numbers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
    },
    /// The day of the week of a time, embedded or one-hot.
    Weekday {
        /// The field of the record.
        field: String,
        /// Minutes east of UTC.
        #[serde(default)]
        utc_offset: i32,
        /// The embedding table; without one the place is encoded as numbers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<String>,
    },
    /// Days from one time to another.
    Age {
        /// The field of the record.
        field: String,
        /// The later time.
        until: Until,
        /// The range to which the number is clipped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clip: Option<[f64; 2]>,
        /// Whether the number becomes `ln(1 + |x|)` with its sign.
        #[serde(default, skip_serializing_if = "is_false")]
        log: bool,
        /// The mean that is subtracted.
        #[serde(default)]
        mean: f32,
        /// The standard deviation that it is divided by.
        #[serde(default = "one")]
        deviation: f32,
        /// Whether a second output number flags a missing field.
        #[serde(default, skip_serializing_if = "is_false")]
        missing_flag: bool,
    },
    /// A list of numbers, unchanged.
    Vector {
        /// The field of the record.
        field: String,
        /// Length of the list.
        dimension: u32,
    },
    /// The row of one string as a number, for models that have their embeddings inside.
    Index {
        /// The field of the record.
        field: String,
        /// The embedding table.
        table: String,
        /// The number of the first row.
        #[serde(default, skip_serializing_if = "is_zero")]
        first: u32,
        /// The padding, which also replaces a string without a row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pad: Option<i32>,
    },
    /// The rows of a list of strings in chronological order, the newest last, as numbers.
    Indices {
        /// The field of the record.
        field: String,
        /// The embedding table.
        table: String,
        /// How many of the newest elements are read, and how many numbers the feature gives.
        limit: u32,
        /// The padding, which also replaces a string without a row.
        pad: i32,
        /// The number of the first row.
        #[serde(default, skip_serializing_if = "is_zero")]
        first: u32,
        /// Which side of a short list is padded.
        #[serde(default)]
        pad_at: PadAt,
    },
}

fn one() -> f32 {
    1.0
}

fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_true(flag: &bool) -> bool {
    *flag
}

fn sum() -> Pooling {
    Pooling::Sum
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl FeatureSchema {
    /// The field that it reads; of several fields, the first.
    pub fn field(&self) -> &str {
        match &self.kind {
            FeatureKind::Id { field, .. }
            | FeatureKind::Ids { field, .. }
            | FeatureKind::Sequence { field, .. }
            | FeatureKind::Items { field, .. }
            | FeatureKind::Categories { field, .. }
            | FeatureKind::Text { field, .. }
            | FeatureKind::Tokens { field, .. }
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

    /// The second field, if the feature needs two.
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

    /// Further fields whose texts are read after the first; each of them is optional.
    pub(crate) fn also(&self) -> &[String] {
        match &self.kind {
            FeatureKind::Text { also, .. } | FeatureKind::Tokens { also, .. } => also,
            _ => &[],
        }
    }

    /// The maximum length that it reads, and the unit of that length.
    pub(crate) fn limit(&self) -> Option<(u32, &'static str)> {
        match &self.kind {
            FeatureKind::Ids { limit, .. }
            | FeatureKind::Sequence { limit, .. }
            | FeatureKind::Items { limit, .. }
            | FeatureKind::Indices { limit, .. } => Some((*limit, "ids")),
            FeatureKind::Text { limit, .. } => Some(((*limit)?, "words")),
            _ => None,
        }
    }

    /// All fields that it reads.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let also = self.also().iter().map(String::as_str);
        std::iter::once(self.field())
            .chain(self.second_field())
            .chain(also)
    }

    /// The table of its strings, if it has one.
    pub fn table(&self) -> Option<&str> {
        match &self.kind {
            FeatureKind::Id { table, .. }
            | FeatureKind::Ids { table, .. }
            | FeatureKind::Sequence { table, .. }
            | FeatureKind::Categories { table, .. }
            | FeatureKind::Cross { table, .. }
            | FeatureKind::Text { table, .. }
            | FeatureKind::Geo { table, .. }
            | FeatureKind::Index { table, .. }
            | FeatureKind::Indices { table, .. } => Some(table),
            FeatureKind::Buckets { table, .. }
            | FeatureKind::Tokens { table, .. }
            | FeatureKind::Hour { table, .. }
            | FeatureKind::Weekday { table, .. } => table.as_deref(),
            FeatureKind::Items { .. }
            | FeatureKind::Number { .. }
            | FeatureKind::Distance { .. }
            | FeatureKind::Age { .. }
            | FeatureKind::Vector { .. } => None,
        }
    }

    /// Pooling of several embeddings or vectors.
    pub fn pooling(&self) -> Pooling {
        match &self.kind {
            FeatureKind::Ids { pooling, .. }
            | FeatureKind::Items { pooling, .. }
            | FeatureKind::Categories { pooling, .. }
            | FeatureKind::Cross { pooling, .. }
            | FeatureKind::Text { pooling, .. }
            | FeatureKind::Tokens { pooling, .. }
            | FeatureKind::Geo { pooling, .. } => *pooling,
            _ => Pooling::Sum,
        }
    }

    /// Whether it reads tokens.
    pub(crate) fn reads_tokens(&self) -> bool {
        matches!(self.kind, FeatureKind::Tokens { .. })
    }

    /// The encoder of its sequence, if it has one.
    pub fn encoder(&self) -> Option<&SequenceEncoder> {
        match &self.kind {
            FeatureKind::Sequence { encoder, .. } => Some(encoder),
            _ => None,
        }
    }

    /// Weights by age, if the elements of its list do not count alike.
    pub(crate) fn recency(&self) -> Option<&Recency> {
        match &self.kind {
            FeatureKind::Ids { recency, .. } | FeatureKind::Items { recency, .. } => {
                recency.as_ref()
            }
            _ => None,
        }
    }

    /// Whether a string of its list counts once, however often it occurs.
    pub(crate) fn distinct(&self) -> bool {
        matches!(
            &self.kind,
            FeatureKind::Ids { distinct: true, .. } | FeatureKind::Items { distinct: true, .. }
        )
    }

    /// How its number is scaled, if it gives one, and whether a second number flags a missing field.
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

    /// Whether its field holds numbers or times, or numbers are computed from it, so that they have a range.
    pub fn has_numbers(&self) -> bool {
        matches!(
            self.kind,
            FeatureKind::Number { .. }
                | FeatureKind::Buckets { .. }
                | FeatureKind::Distance { .. }
                | FeatureKind::Hour { .. }
                | FeatureKind::Weekday { .. }
                | FeatureKind::Age { .. }
                | FeatureKind::Vector { .. }
        )
    }

    /// The range of its numbers: the given one, or what [`MAX_DEVIATIONS`] leave of a standardised number.
    pub(crate) fn range(&self) -> Option<[f64; 2]> {
        let implied = || {
            let (scaling, _) = self.scaling()?;
            let standardised = (scaling.mean, scaling.deviation) != (0.0, 1.0);
            let bounded = scaling.log || scaling.clip.is_some();
            let (mean, deviation) = (f64::from(scaling.mean), f64::from(scaling.deviation));
            let reach = MAX_DEVIATIONS * deviation;
            (standardised && !bounded).then_some([mean - reach, mean + reach])
        };
        self.range.or_else(implied)
    }

    /// Width of its output. Vectors of items have `dimension` components.
    pub(crate) fn width(&self, tables: &BTreeMap<String, TableSchema>, dimension: u32) -> usize {
        let table = self.table().filter(|_| self.numbering().is_none());
        if let Some(table) = table {
            let dimension = tables.get(table).and_then(|table| table.dimension);
            let dimension = dimension.unwrap_or(0) as usize;
            let encoder = self.encoder();
            return encoder.map_or(dimension, |encoder| encoder.width(dimension));
        }
        match &self.kind {
            FeatureKind::Indices { limit, .. } => *limit as usize,
            FeatureKind::Tokens { limit, gives, .. } => {
                (*limit as usize).saturating_mul(gives.len())
            }
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

    /// The rows that its table must have, if rows are looked up by number.
    pub(crate) fn indices(&self) -> Option<usize> {
        match &self.kind {
            FeatureKind::Buckets { boundaries, .. } => Some(boundaries.len() + 1),
            FeatureKind::Hour { .. } => Some(24),
            FeatureKind::Weekday { .. } => Some(7),
            _ => None,
        }
    }

    /// How it numbers the rows of its table, if it gives numbers instead of embeddings.
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
