//! What reading a feature needs: tables, options, scratch memory; and the words for a wrong value.

use super::reading::Reading;
use super::texts::Texts;
use crate::record::{RecordError, describe};
use crate::tower::model::Table;
use crate::tower::schema::{FeatureKind, FeatureSchema};
use serde_json::Value;
use std::borrow::Cow;

/// Reads features of records.
pub(crate) struct Encoder<'a> {
    pub(crate) tables: &'a [Table],
    pub(crate) reading: Reading<'a>,
    pub(crate) texts: &'a mut Texts,
}

/// What the field of a feature should hold.
pub(super) fn expected(feature: &FeatureSchema) -> Cow<'static, str> {
    let expected = match &feature.kind {
        FeatureKind::Id { .. } | FeatureKind::Index { .. } => "a string or an integer",
        FeatureKind::Ids { .. } | FeatureKind::Items { .. } | FeatureKind::Indices { .. } => {
            "a list of strings or integers"
        }
        FeatureKind::Categories { .. } | FeatureKind::Cross { .. } => {
            "a string or a list of strings"
        }
        FeatureKind::Number { .. } | FeatureKind::Buckets { .. } => "a finite number",
        FeatureKind::Text { .. } => "a string",
        FeatureKind::Geo { .. } | FeatureKind::Distance { .. } => {
            "a point {\"lat\": -90 to 90, \"lon\": -180 to 180}"
        }
        FeatureKind::Hour { .. } | FeatureKind::Weekday { .. } | FeatureKind::Age { .. } => {
            "a time: seconds since 1970, or a string as in RFC 3339"
        }
        FeatureKind::Vector { dimension, .. } => {
            return format!("a list of {dimension} numbers").into();
        }
    };
    expected.into()
}

/// The error for a value that a feature cannot read.
pub(super) fn wrong(feature: &FeatureSchema, found: &Value) -> RecordError {
    RecordError::new(feature.field(), expected(feature), describe(found))
}
