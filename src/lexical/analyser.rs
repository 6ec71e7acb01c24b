//! From texts to terms.

use super::analysis::Analysis;
use super::document::Document;
use rust_stemmers::Stemmer;
use std::borrow::Cow;
use std::collections::BTreeMap;
use twinspire_core::contain::contained;
use twinspire_towers::internals::{FieldValue, Fields, Term};
use unicode_segmentation::UnicodeSegmentation;

/// Longer words are left out: they are no words but data.
const MAX_WORD_BYTES: usize = 128;

/// Turns texts into terms, by the rules of an [`Analysis`].
pub(crate) struct Analyser<'a> {
    analysis: &'a Analysis,
    stemmer: Option<Stemmer>,
    unit: u32,
}

impl<'a> Analyser<'a> {
    /// An analyser by these rules.
    pub(crate) fn new(analysis: &'a Analysis) -> Self {
        Self {
            stemmer: analysis.language.stemmer(),
            unit: analysis.unit(),
            analysis,
        }
    }

    /// Passes the terms of a text to `visit`, in their order.
    pub(crate) fn for_each_term(&self, text: &str, mut visit: impl FnMut(&str)) {
        for word in text.unicode_words() {
            if word.len() > MAX_WORD_BYTES {
                continue;
            }
            let word = lower_case(word);
            let stop_words = &self.analysis.stop_words;
            if stop_words
                .binary_search_by(|stop| stop.as_str().cmp(&word))
                .is_ok()
            {
                continue;
            }
            // A word that breaks the stemmer is its own stem.
            let stem = |stemmer: &Stemmer| contained(|| stemmer.stem(&word)).ok();
            match self.stemmer.as_ref().and_then(stem) {
                Some(stem) => visit(&stem),
                None => visit(&word),
            }
        }
    }

    /// How often each term occurs in a text, in order of terms.
    pub(crate) fn counts(&self, text: &str) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        self.for_each_term(text, |term| add(&mut counts, term, 1));
        counts
    }

    /// The terms of an item.
    pub(crate) fn document(&self, fields: &Fields) -> Document {
        let (mut terms, mut length) = (BTreeMap::new(), 0u32);
        for (path, boost) in &self.analysis.fields {
            let Some(FieldValue::Terms { terms: values, .. }) = fields.field(path) else {
                continue;
            };
            let weight = boost / self.unit;
            for value in values {
                if let Term::Text(text) = value {
                    self.for_each_term(text, |term| {
                        add(&mut terms, term, weight);
                        length = length.saturating_add(weight);
                    });
                }
            }
        }
        Document { terms, length }
    }
}

fn add(counts: &mut BTreeMap<String, u32>, term: &str, weight: u32) {
    match counts.get_mut(term) {
        Some(count) => *count = count.saturating_add(weight),
        None => {
            counts.insert(term.to_owned(), weight);
        }
    }
}

/// Most words are in lower case already.
fn lower_case(word: &str) -> Cow<'_, str> {
    match word
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        true => Cow::Borrowed(word),
        false => Cow::Owned(word.to_lowercase()),
    }
}
