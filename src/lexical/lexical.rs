//! The definition of a lexical space.

use super::analysis::Analysis;
use super::error::LexicalError;
use super::language::Language;
use super::limits::{MAX_BOOST, MAX_FIELDS, MAX_K1, MAX_STOP_WORDS, MIN_BOOST};
use super::stop_words;
use bincode::{Decode, Encode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use twinspire_towers::internals::MAX_PATH_BYTES;

/// Saturation of the frequency of a term, by default.
const DEFAULT_K1: f64 = 1.2;
/// How much the length of an item counts, by default.
const DEFAULT_B: f64 = 0.75;
/// The field of the user with the text that is searched for, by default.
const DEFAULT_QUERY: &str = "query";

/// A space of full text: items are ranked by BM25 over the words of some of their fields. It needs no towers,
/// and is a member of [ensembles](crate::Ensemble) like any other space; see
/// [`Database::lexical`](crate::Database::lexical).
///
/// As JSON, `{"fields": {"title": 2, "text": 1}, "language": "english", "stop_words": ["the"], "k1": 1.2,
/// "b": 0.75, "query": "query"}`; only `fields` is needed, and may be a list of names.
///
/// ```
/// use twinspire::{Language, Lexical};
/// let words = Lexical::new().field("title", 2.0).field("text", 1.0).language(Language::English);
/// let read = r#"{"fields": {"title": 2, "text": 1}}"#;
/// assert_eq!(serde_json::from_str::<Lexical>(read)?, words);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// The score of an item for a query is Σ idf · f (k₁ + 1) / (f + k₁ (1 − b + b · length / mean length)) over the
/// terms of the query. f is how often the item has the term, each field counted as often as its boost says; idf is
/// ln(1 + (N − n + ½) / (n + ½)) for n of N items with the term. A term that the query repeats counts as often.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lexical {
    #[serde(deserialize_with = "boosts_or_names")]
    fields: BTreeMap<String, f64>,
    #[serde(default)]
    language: Language,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stop_words: Option<Vec<String>>,
    #[serde(default = "default_k1")]
    k1: f64,
    #[serde(default = "default_b")]
    b: f64,
    #[serde(default = "default_query")]
    query: String,
}

fn default_k1() -> f64 {
    DEFAULT_K1
}

fn default_b() -> f64 {
    DEFAULT_B
}

fn default_query() -> String {
    DEFAULT_QUERY.to_owned()
}

/// A boost of each field, or a list of fields that all have the boost 1.
fn boosts_or_names<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, f64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if !value.is_array() {
        return serde_json::from_value(value).map_err(D::Error::custom);
    }
    let names: Vec<String> = serde_json::from_value(value).map_err(D::Error::custom)?;
    Ok(names.into_iter().map(|name| (name, 1.0)).collect())
}

impl Default for Lexical {
    fn default() -> Self {
        Self::new()
    }
}

impl Lexical {
    /// A space of no fields yet; at least one is needed. English, with its stop words.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fields: BTreeMap::new(),
            language: Language::default(),
            stop_words: None,
            k1: DEFAULT_K1,
            b: DEFAULT_B,
            query: default_query(),
        }
    }

    /// Adds a field of the items, or changes its boost: a word in it counts this many times. Boosts are 0.1 to
    /// 100, rounded to tenths. The path is that of a [filter](crate::Filter): `title`, or `seller.city`. Texts
    /// and lists of texts are read; other values are skipped.
    #[must_use]
    pub fn field(mut self, path: impl Into<String>, boost: f64) -> Self {
        self.fields.insert(path.into(), boost);
        self
    }

    /// Sets the language, which decides the stems and the default stop words. English by default.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// Sets the words that are left out of items and queries, in place of those of the language.
    #[must_use]
    pub fn stop_words(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.stop_words = Some(words.into_iter().map(Into::into).collect());
        self
    }

    /// Sets how slowly the frequency of a term saturates: 0 to 100, by default 1.2. At 0 it does not count.
    #[must_use]
    pub fn k1(mut self, k1: f64) -> Self {
        self.k1 = k1;
        self
    }

    /// Sets how much longer items are put at a disadvantage: 0 (not at all) to 1, by default 0.75.
    #[must_use]
    pub fn b(mut self, b: f64) -> Self {
        self.b = b;
        self
    }

    /// Sets the field of the user with the text that is searched for, by default `query`. A
    /// [given text](crate::Recall::text) takes precedence.
    #[must_use]
    pub fn query_field(mut self, path: impl Into<String>) -> Self {
        self.query = path.into();
        self
    }

    /// The path of the field of the user with the text that is searched for.
    pub(crate) fn query(&self) -> &str {
        &self.query
    }

    /// Saturation and length normalisation.
    pub(crate) fn parameters(&self) -> (f64, f64) {
        (self.k1, self.b)
    }

    /// What decides which terms the items have.
    pub(crate) fn analysis(&self) -> Analysis {
        let tenths = |boost: f64| (boost * 10.0).round().max(1.0) as u32;
        let boosts = self.fields.iter();
        let mut stop_words = match &self.stop_words {
            Some(words) => words.iter().map(|word| word.to_lowercase()).collect(),
            None => {
                let words = stop_words::of(self.language).iter();
                Vec::from_iter(words.map(|word| (*word).to_owned()))
            }
        };
        stop_words.sort_unstable();
        stop_words.dedup();
        Analysis {
            fields: boosts
                .map(|(path, boost)| (path.clone(), tenths(*boost)))
                .collect(),
            language: self.language,
            stop_words,
        }
    }

    /// What is invalid about it.
    pub(crate) fn problem(&self) -> Option<LexicalError> {
        self.check().err()
    }

    fn check(&self) -> Result<(), LexicalError> {
        let found = self.fields.len();
        if found == 0 || found > MAX_FIELDS {
            return Err(LexicalError::Fields { found });
        }
        for path in self.fields.keys().chain([&self.query]) {
            let bytes = path.len();
            if bytes == 0 || bytes > MAX_PATH_BYTES {
                return Err(LexicalError::Path { bytes });
            }
        }
        for (field, boost) in &self.fields {
            if !(MIN_BOOST..=MAX_BOOST).contains(boost) {
                let (field, boost) = (field.clone(), *boost);
                return Err(LexicalError::Boost { field, boost });
            }
        }
        if !(0.0..=MAX_K1).contains(&self.k1) {
            return Err(LexicalError::K1 { k1: self.k1 });
        }
        if !(0.0..=1.0).contains(&self.b) {
            return Err(LexicalError::B { b: self.b });
        }
        let found = self.stop_words.as_ref().map_or(0, Vec::len);
        if found > MAX_STOP_WORDS {
            return Err(LexicalError::StopWords { found });
        }
        Ok(())
    }
}

impl fmt::Display for Lexical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields.iter().map(|(path, boost)| match *boost {
            1.0 => path.clone(),
            boost => format!("{boost} × {path}"),
        });
        let fields: Vec<String> = fields.collect();
        write!(f, "BM25 of {}, {}", fields.join(" + "), self.language)?;
        if (self.k1, self.b) != (DEFAULT_K1, DEFAULT_B) {
            write!(f, ", k1 {}, b {}", self.k1, self.b)?;
        }
        Ok(())
    }
}
