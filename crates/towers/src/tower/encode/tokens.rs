//! Texts to tokens: rows of a table, or numbers for a model.

use super::encoder::{Encoder, expected};
use super::reading::FeatureCheck;
use super::strings::WeightSums;
use crate::record::{RecordError, describe};
use crate::tower::encoded::Encoded;
use crate::tower::model::Feature;
use crate::tower::schema::{FeatureKind, TokenPart};
use serde_json::Value;

impl Encoder<'_> {
    /// Reads the texts of a feature as one, joined by spaces; returns whether any field is present. With
    /// `skip_unreadable`, a value that is not a text counts as absent.
    pub(super) fn tokens<'v>(
        &mut self,
        feature: &Feature,
        given: impl Fn(&str) -> Option<&'v Value>,
        skip_unreadable: bool,
        encoded: &mut Encoded,
    ) -> Result<bool, RecordError> {
        let schema = &feature.schema;
        let (
            FeatureKind::Tokens {
                limit,
                special,
                skip_unknown,
                gives,
                ..
            },
            Some(tokenizer),
        ) = (&schema.kind, &feature.tokenizer)
        else {
            return Ok(false);
        };
        let (joined, tokens) = (&mut self.texts.joined, &mut self.texts.tokens);
        joined.clear();
        let mut any = false;
        let there = schema.fields();
        for (field, value) in there.filter_map(|field| Some((field, given(field)?))) {
            match value {
                Value::String(text) => {
                    if any {
                        joined.push(' ');
                    }
                    joined.push_str(text);
                    any = true;
                }
                _ if skip_unreadable => {}
                _ => return Err(RecordError::new(field, expected(schema), describe(value))),
            }
        }
        if !any {
            return Ok(false);
        }
        tokens.clear();
        let limit = *limit as usize;
        let tokenised = tokenizer.encode(joined, limit, *special, tokens);
        if tokenised.truncated && self.reading.check == FeatureCheck::Strict {
            let all: Vec<&str> = schema.fields().collect();
            let expected = format!("at most {limit} tokens in {}", all.join(", "));
            return Err(RecordError::new(schema.field(), expected, "more"));
        }
        if *skip_unknown {
            tokens.retain(|id| Some(*id) != tokenizer.unknown());
        }
        let table = feature.table.and_then(|at| self.tables.get(at));
        if let Some(table) = table {
            let mut found = WeightSums::default();
            for id in tokens.iter() {
                if let Some(embedding) = table.weights.row(*id) {
                    embedding.prefetch();
                }
                encoded.push_row(*id, 1.0);
                found.add(1.0);
            }
            let scale = found.scale(schema.pooling());
            encoded.factors().iter_mut().for_each(|x| *x *= scale);
        }
        for part in gives {
            let numbers = encoded.zeros(limit);
            match part {
                TokenPart::Ids => {
                    numbers.fill(tokenizer.pad() as f32);
                    numbers
                        .iter_mut()
                        .zip(&*tokens)
                        .for_each(|(x, id)| *x = *id as f32);
                }
                TokenPart::Mask => numbers.iter_mut().take(tokens.len()).for_each(|x| *x = 1.0),
                TokenPart::Types => {}
            }
        }
        Ok(true)
    }
}
