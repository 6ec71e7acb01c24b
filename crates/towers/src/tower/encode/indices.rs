//! Rows of tables as numbers, with padding.

use super::encoder::{Encoder, wrong};
use super::strings::text_of;
use crate::record::{RecordError, describe};
use crate::tower::encoded::Encoded;
use crate::tower::lookup::NotFound;
use crate::tower::model::Feature;
use crate::tower::schema::{FeatureKind, PadAt};
use serde_json::Value;

impl Encoder<'_> {
    /// Reads a feature that gives row numbers.
    pub(super) fn numbered(
        &mut self,
        feature: &Feature,
        value: &Value,
        encoded: &mut Encoded,
    ) -> Result<(), RecordError> {
        let list = match (&feature.schema.kind, value) {
            (FeatureKind::Index { .. }, one) => std::slice::from_ref(one),
            (FeatureKind::Indices { limit, .. }, Value::Array(list)) => {
                let from = list.len().saturating_sub(*limit as usize);
                list.get(from..).unwrap_or_default()
            }
            _ => return Err(wrong(&feature.schema, value)),
        };
        let first = feature.schema.numbering().map_or(0, |all| all.first);
        let numbers = padded(feature, encoded);
        let mut found = 0;
        for value in list {
            let number = self.number(feature, value)?;
            if let Some(row) = number
                && let Some(number) = numbers.get_mut(found)
            {
                *number = (first + row) as f32;
                found += 1;
            }
        }
        if feature.schema.numbering().map(|all| all.pad_at) == Some(PadAt::Start) {
            numbers.rotate_right(feature.width - found);
        }
        Ok(())
    }

    /// The row of a string; `None` if the string is skipped.
    fn number(&mut self, feature: &Feature, value: &Value) -> Result<Option<u32>, RecordError> {
        let Some(table) = feature.table.and_then(|at| self.tables.get(at)) else {
            return Ok(None);
        };
        let text = text_of(&feature.schema, value, &mut self.texts.one)?;
        let mut found = None;
        match table.lookup.find(text, |row| found = Some(row)) {
            Ok(()) | Err(NotFound::Skip) => Ok(found),
            Err(NotFound::Refuse(expected)) => {
                let expected = format!("{expected} of table `{}`", table.name);
                let found = describe(value);
                Err(RecordError::new(feature.schema.field(), expected, found))
            }
        }
    }
}

/// Fills the numbers of a feature with padding and returns them for writing.
pub(super) fn padded<'a>(feature: &Feature, encoded: &'a mut Encoded) -> &'a mut [f32] {
    let pad = feature.schema.numbering().and_then(|all| all.pad);
    let numbers = encoded.zeros(feature.width);
    numbers.fill(pad.unwrap_or(0) as f32);
    numbers
}
