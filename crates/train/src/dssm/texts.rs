//! Texts of queries and documents: words, sentences and fields.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use twinspire_towers::RecordError;
use twinspire_towers::internals::describe;

/// Words in order.
pub(super) type Words = Vec<Box<str>>;
/// A text: parts with at least one word each.
pub(super) type Text = Vec<Part>;

/// A sentence, or the whole text of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Index of its field among the fields that are read.
    pub(super) field: usize,
    pub(super) words: Words,
}

/// The text of a record's fields, each split by `cut`; `None` if the record has none of them.
pub(super) fn read_text(
    record: &Value,
    fields: &[String],
    cut: impl Fn(&str) -> Vec<Words>,
) -> Result<Option<Text>, RecordError> {
    let mut text: Option<Text> = None;
    for (at, field) in fields.iter().enumerate() {
        let value = record.get(field).filter(|value| !value.is_null());
        let Some(value) = value else { continue };
        let found = value.as_str();
        let found = found.ok_or_else(|| RecordError::new(field, "a string", describe(value)))?;
        text.get_or_insert_default().extend(parts(at, cut(found)));
    }
    Ok(text)
}

/// Parts of a field, without those that have no words.
pub(super) fn parts(field: usize, words: Vec<Words>) -> Text {
    let some = words.into_iter().filter(|words| !words.is_empty());
    some.map(|words| Part { field, words }).collect()
}

/// The words of a text as towers split it, in lower case.
pub(super) fn words(text: &str) -> Words {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.map(|word| word.to_lowercase().into()).collect()
}

/// The words of each sentence of a text. A sentence ends with `.`, `!` or `?` before white space, or with
/// its paragraph.
pub(super) fn sentences(text: &str) -> Vec<Words> {
    let mut all = Vec::new();
    for paragraph in text.split("\n\n") {
        let mut rest = paragraph;
        while !rest.is_empty() {
            let mut ends = rest.match_indices(['.', '!', '?']).map(|(at, _)| at + 1);
            let end = ends.find(|end| rest[*end..].starts_with(char::is_whitespace));
            let (sentence, after) = rest.split_at(end.unwrap_or(rest.len()));
            all.push(words(sentence));
            rest = after;
        }
    }
    all
}

/// A record with the words of parts in their fields. Each word is dropped with probability `dropout`, but
/// one is always kept.
pub(super) fn record<'a>(
    fields: &[String],
    parts: impl IntoIterator<Item = &'a Part>,
    dropout: f32,
    rng: &mut Pcg64Mcg,
) -> Value {
    let mut texts = vec![String::new(); fields.len()];
    let mut first: Option<(usize, &str)> = None;
    for part in parts {
        let text = &mut texts[part.field];
        for word in &part.words {
            first = first.or(Some((part.field, word)));
            if dropout > 0.0 && rng.random_bool(f64::from(dropout)) {
                continue;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    if let Some((field, word)) = first
        && texts.iter().all(String::is_empty)
    {
        texts[field].push_str(word);
    }
    let named = fields.iter().zip(texts).enumerate();
    // The first field is present even if it is empty.
    let named = named.filter(|(at, (_, text))| *at == 0 || !text.is_empty());
    let record = named.map(|(_, (field, text))| (field.clone(), Value::String(text)));
    Value::Object(record.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn dropout_hits_words_of_every_field_but_never_all_of_them() {
        let rng = &mut Pcg64Mcg::seed_from_u64(2);
        let fields = ["a".to_owned(), "b".to_owned()];
        let text = [
            parts(0, vec![words("one two three four")]),
            parts(1, vec![words("five six"), words("seven eight nine ten")]),
        ];
        let text = text.concat();
        let mut counts = [0usize; 2];
        for _ in 0..2000 {
            let left = record(&fields, &text, 0.4, rng);
            for (field, count) in fields.iter().zip(&mut counts) {
                let text = left.get(field).and_then(Value::as_str).unwrap_or_default();
                *count += text.split_whitespace().count();
            }
        }
        // Of 8,000 and of 12,000 words; five standard deviations are 220 and 269.
        assert!(counts[0].abs_diff(4800) < 220, "{counts:?}");
        assert!(counts[1].abs_diff(7200) < 269, "{counts:?}");
        let one = |rng: &mut Pcg64Mcg| record(&fields, &text[1..2], 0.9, rng);
        let one: Vec<Value> = (0..50).map(|_| one(rng)).collect();
        assert!(one.iter().all(|left| left["a"] == "" && left["b"] != ""));
    }
}
