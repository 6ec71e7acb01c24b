//! The options of features: what replaces a missing field, pooling, recency, grams, scaling, padding.

use crate::record::Place;
use serde::{Deserialize, Serialize};

/// What replaces a field that is absent or null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Nothing: the record is refused.
    #[default]
    Error,
    /// Zeros, which for a standardised number is its mean.
    Zero,
    /// This value.
    Default(serde_json::Value),
}

impl Missing {
    pub(super) fn is_error(&self) -> bool {
        *self == Self::Error
    }
}

/// What happens to a value of another type than the feature reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreadable {
    /// The record is refused.
    #[default]
    Error,
    /// It counts as missing. A number outside of its range is still refused.
    Missing,
}

impl Unreadable {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(super) fn is_error(&self) -> bool {
        *self == Self::Error
    }
}

/// Pooling: how the embeddings of several strings become one.
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
    /// The maximum of each component.
    Max,
}

/// Weights by age in a list, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recency {
    /// Exponential decay: each weight is this share of the weight of the next newer element.
    Decay(f32),
    /// Explicit weights; the last one applies to all older elements.
    Weights(Vec<f32>),
}

/// How a text is cut into grams. A range `[from, to]` includes both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grams {
    /// Letter trigrams, as in DSSM.
    #[default]
    Trigrams,
    /// Letter n-grams of a word, n in this range.
    Letters([u32; 2]),
    /// Word n-grams, n in this range.
    Words([u32; 2]),
    /// Letter n-grams, followed by word n-grams, which are marked at both ends.
    Both {
        /// The range of n for letters.
        letters: [u32; 2],
        /// The range of n for words.
        words: [u32; 2],
    },
}

/// What a feature gives of the tokens of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPart {
    /// The ids, and that of padding behind them.
    Ids,
    /// 1 for each token, and 0 for padding.
    Mask,
    /// 0 for each token: they are all of one text.
    Types,
}

/// How the outputs of a model for the tokens of a text become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPooling {
    /// Their mean.
    Mean,
    /// That of the first token.
    First,
}

/// A point, or the field that holds it.
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
    /// The place at these degrees; `None` if they are out of range.
    pub(crate) fn place(self) -> Option<Place> {
        Place::new(self.lat, self.lon)
    }
}

/// A time, or the field that holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Until {
    /// The field.
    Field(String),
    /// Seconds since 1970-01-01 00:00 UTC.
    Seconds(f64),
}

/// Which side of a short list is padded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PadAt {
    /// Before the oldest element.
    Start,
    /// After the newest element.
    #[default]
    End,
}

/// How the rows of a table are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// The number of the first row.
    pub first: u32,
    /// The padding, which also replaces a string without a row; `None` if every string has one.
    pub pad: Option<i32>,
    /// Which side of a short list is padded.
    pub pad_at: PadAt,
}

/// How a number is scaled: clipped, compressed, standardised, in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scaling {
    /// The range to which it is clipped.
    pub clip: Option<[f64; 2]>,
    /// Whether it becomes `ln(1 + |x|)` with its sign.
    pub log: bool,
    /// The mean that is subtracted.
    pub mean: f32,
    /// The standard deviation that it is divided by.
    pub deviation: f32,
}

impl Scaling {
    /// Scales a number.
    pub(crate) fn apply(self, mut number: f64) -> f32 {
        if let Some([least, most]) = self.clip {
            number = number.max(least).min(most);
        }
        if self.log {
            number = number.abs().ln_1p().copysign(number);
        }
        ((number - f64::from(self.mean)) / f64::from(self.deviation)) as f32
    }
}
