//! Pairs of a query and a document that belong together.

use super::super::dataset::Dataset;
use super::super::error::TrainError;
use super::super::sampler::Logs;
use super::config::Config;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use std::collections::HashSet;
use twinspire_towers::RecordError;
use twinspire_towers::internals::{check_item, describe};

/// Words one behind the other.
type Words = Vec<Box<str>>;
/// A text, in parts that have words.
type Text = Vec<Part>;

/// A sentence, or all that a field holds.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    /// The place of its field among those that are read.
    field: usize,
    words: Words,
}

/// All queries and documents there are.
pub(super) struct Examples {
    /// The fields that are read of a query, and of a document.
    query_fields: Vec<String>,
    document_fields: Vec<String>,
    queries: Vec<Text>,
    /// Of each document, its sentences, or what each field holds.
    documents: Vec<Text>,
    /// Of each query, documents that it is known to belong to.
    clicked: Vec<HashSet<u32>>,
    all: Vec<Example>,
}

/// A query and a document of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Example {
    query: Query,
    pub(super) document: u32,
    pub(super) weight: f32,
}

/// Where the text of a query stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Query {
    /// Among the queries.
    Asked(u32),
    /// Among the sentences of the document.
    Sentence(u32),
}

impl Examples {
    /// The clicks of a log, or without events each sentence of each document; of the fields that are
    /// named.
    pub(super) fn new(data: &Dataset, config: &Config) -> Result<Self, TrainError> {
        let mut examples = Self {
            query_fields: config.query.clone(),
            document_fields: config.document.clone(),
            queries: Vec::new(),
            documents: Vec::new(),
            clicked: Vec::new(),
            all: Vec::new(),
        };
        match data.events.is_empty() {
            true => examples.read_documents(&data.items)?,
            false => examples.read_clicks(&Logs::new(data)?)?,
        }
        Ok(examples)
    }

    fn read_clicks(&mut self, logs: &Logs) -> Result<(), TrainError> {
        let whole = |text: &str| vec![words(text)];
        for (at, (id, record)) in logs.users.iter().enumerate() {
            let wrong = |source| TrainError::Record {
                what: "user",
                at,
                source,
            };
            let text = text_of(record, &self.query_fields, whole).map_err(wrong)?;
            self.queries
                .push(text.unwrap_or_else(|| parts(0, whole(id))));
        }
        for (at, (_, record)) in logs.items.iter().enumerate() {
            let wrong = |source| TrainError::Record {
                what: "item",
                at,
                source,
            };
            // Of a clicked item there may be no record.
            let text = text_of(record, &self.document_fields, whole).map_err(wrong)?;
            self.documents.push(text.unwrap_or_default());
        }
        for (query, met) in logs.met.iter().enumerate() {
            for (document, weight) in met {
                let read = !self.queries[query].is_empty()
                    && !self.documents[*document as usize].is_empty();
                if read && *weight > 0.0 {
                    self.all.push(Example {
                        query: Query::Asked(query as u32),
                        document: *document,
                        weight: *weight,
                    });
                }
            }
        }
        let clicked = logs.met.iter();
        let clicked = clicked.map(|met| met.iter().map(|(document, _)| *document).collect());
        self.clicked = clicked.collect();
        Ok(())
    }

    fn read_documents(&mut self, items: &[Value]) -> Result<(), TrainError> {
        for (at, item) in items.iter().enumerate() {
            let wrong = |source| TrainError::Record {
                what: "item",
                at,
                source,
            };
            check_item(item).map_err(wrong)?;
            let text = text_of(item, &self.document_fields, sentences).map_err(wrong)?;
            let sentences = text.unwrap_or_default();
            for (at_sentence, sentence) in sentences.iter().enumerate() {
                // Of one that says nothing else there is no rest.
                if sentences.iter().any(|other| other.words != sentence.words) {
                    self.all.push(Example {
                        query: Query::Sentence(at_sentence as u32),
                        document: at as u32,
                        weight: 1.0,
                    });
                }
            }
            self.documents.push(sentences);
        }
        Ok(())
    }

    /// The examples to learn from, and a share that is held out: all of a query, or of a document where
    /// the queries are its sentences.
    pub(super) fn split(&self, share: f64, rng: &mut Pcg64Mcg) -> (Vec<Example>, Vec<Example>) {
        let of = |example: &Example| match example.query {
            Query::Asked(query) => query,
            Query::Sentence(_) => example.document,
        };
        let mut groups: Vec<u32> = self.all.iter().map(of).collect();
        groups.dedup();
        groups.sort_unstable();
        groups.dedup();
        groups.shuffle(rng);
        let out = (groups.len() as f64 * share).ceil() as usize;
        let out: HashSet<u32> = groups.into_iter().take(out).collect();
        let (mut held_out, learnt): (Vec<_>, Vec<_>) = self
            .all
            .iter()
            .partition(|example| out.contains(&of(example)));
        held_out.shuffle(rng);
        (learnt, held_out)
    }

    /// The documents that have words, but for those that are held out whole.
    pub(super) fn pool(&self, held_out: &[Example]) -> Vec<u32> {
        let out = held_out.iter().filter_map(|example| match example.query {
            // Its document may well be met, by other queries.
            Query::Asked(_) => None,
            Query::Sentence(_) => Some(example.document),
        });
        let out: HashSet<u32> = out.collect();
        let documents = self.documents.iter().zip(0..);
        let documents = documents.filter(|(text, at)| !text.is_empty() && !out.contains(at));
        documents.map(|(_, at)| at).collect()
    }

    /// The queries that have words, or where there are none the first sentences of documents.
    pub(super) fn queries(&self) -> Vec<Value> {
        let rng = &mut Pcg64Mcg::seed_from_u64(0);
        let asked = self.queries.iter().filter(|text| !text.is_empty());
        let asked = asked.map(|text| record(&self.query_fields, text, 0.0, rng));
        let asked: Vec<Value> = asked.collect();
        if !self.queries.is_empty() {
            return asked;
        }
        let first = self.documents.iter().filter_map(|text| text.first());
        first
            .map(|sentence| self.asking(sentence, 0.0, rng))
            .collect()
    }

    /// An example's query, with a share of words left out.
    pub(super) fn query(&self, example: Example, omitted: f32, rng: &mut Pcg64Mcg) -> Value {
        match example.query {
            Query::Asked(query) => {
                let text = &self.queries[query as usize];
                record(&self.query_fields, text, omitted, rng)
            }
            Query::Sentence(at) => {
                let sentences = &self.documents[example.document as usize];
                self.asking(&sentences[at as usize], omitted, rng)
            }
        }
    }

    /// A sentence as a query.
    fn asking(&self, sentence: &Part, omitted: f32, rng: &mut Pcg64Mcg) -> Value {
        let asked = Part {
            field: 0,
            words: sentence.words.clone(),
        };
        record(&self.query_fields, [&asked], omitted, rng)
    }

    /// An example's document without the query, if it is a sentence of the document, and with a share of
    /// words left out.
    pub(super) fn document(&self, example: Example, omitted: f32, rng: &mut Pcg64Mcg) -> Value {
        let sentences = &self.documents[example.document as usize];
        let asked = match example.query {
            Query::Asked(_) => None,
            // A title that the text repeats would give itself away.
            Query::Sentence(at) => sentences.get(at as usize).map(|sentence| &sentence.words),
        };
        let rest = sentences.iter();
        let rest = rest.filter(|sentence| Some(&sentence.words) != asked);
        record(&self.document_fields, rest, omitted, rng)
    }

    /// Whether there are queries, and not documents alone.
    pub(super) fn are_asked(&self) -> bool {
        !self.clicked.is_empty()
    }

    /// How many documents there are.
    pub(super) fn documents(&self) -> usize {
        self.documents.len()
    }

    /// A document with a share of words left out.
    pub(super) fn whole(&self, document: u32, omitted: f32, rng: &mut Pcg64Mcg) -> Value {
        let text = &self.documents[document as usize];
        record(&self.document_fields, text, omitted, rng)
    }

    /// Whether a document is known to belong to the query of an example.
    pub(super) fn belong(&self, example: Example, document: u32) -> bool {
        match example.query {
            Query::Asked(query) => self.clicked[query as usize].contains(&document),
            Query::Sentence(_) => example.document == document,
        }
    }
}

/// The text of a record's fields, each cut in its own way; none if it has none of them.
fn text_of(
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

/// Those of the words that are any, as parts of a field.
fn parts(field: usize, words: Vec<Words>) -> Text {
    let some = words.into_iter().filter(|words| !words.is_empty());
    some.map(|words| Part { field, words }).collect()
}

/// The words of a text, as towers find them but for their case.
fn words(text: &str) -> Words {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.map(|word| word.to_lowercase().into()).collect()
}

/// The words of the sentences of a text, which end with `.`, `!` or `?` before a space, and at the
/// end of a paragraph.
fn sentences(text: &str) -> Vec<Words> {
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

/// A record of the words of parts, side by side in their fields, each left out with this probability; at
/// least one is there.
fn record<'a>(
    fields: &[String],
    parts: impl IntoIterator<Item = &'a Part>,
    omitted: f32,
    rng: &mut Pcg64Mcg,
) -> Value {
    let mut texts = vec![String::new(); fields.len()];
    let mut first: Option<(usize, &str)> = None;
    for part in parts {
        let text = &mut texts[part.field];
        for word in &part.words {
            first = first.or(Some((part.field, word)));
            if omitted > 0.0 && rng.random_bool(f64::from(omitted)) {
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
    // One is there even of a text without words.
    let named = named.filter(|(at, (_, text))| *at == 0 || !text.is_empty());
    let record = named.map(|(_, (field, text))| (field.clone(), Value::String(text)));
    Value::Object(record.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use serde_json::json;
    use twinspire_towers::Event;

    fn read(data: &Dataset) -> Examples {
        let config = Config::default().resolved(data, None).unwrap();
        Examples::new(data, &config).unwrap()
    }

    fn records(data: &Dataset) -> Vec<(Value, Value, f32)> {
        let rng = &mut Pcg64Mcg::seed_from_u64(1);
        let examples = read(data);
        let each = examples.all.iter().map(|example| {
            let query = examples.query(*example, 0.0, rng);
            (query, examples.document(*example, 0.0, rng), example.weight)
        });
        each.collect()
    }

    /// The same where both are of one field.
    fn texts(data: &Dataset) -> Vec<(String, String, f32)> {
        let text = |record: &Value, field: &str| {
            assert_eq!(record.as_object().unwrap().len(), 1);
            record[field].as_str().unwrap().to_owned()
        };
        let all = records(data).into_iter();
        all.map(|(query, document, weight)| {
            (text(&query, "query"), text(&document, "text"), weight)
        })
        .collect()
    }

    #[test]
    fn a_sentence_asks_for_the_rest_of_its_document() {
        let data = Dataset {
            items: vec![
                json!({"id": "1", "text": "On wings. On wings. The lift, at Mach 1.5, grows!\n\nWhy"}),
                json!({"id": "2", "text": "One sentence. One sentence"}),
                json!({"id": "3", "text": null}),
            ],
            ..Dataset::default()
        };
        let of = |query: &str, rest: &str| (query.to_owned(), rest.to_owned(), 1.0);
        let lift = "the lift at mach 1 5 grows";
        assert_eq!(
            texts(&data),
            [
                of("on wings", &format!("{lift} why")),
                of("on wings", &format!("{lift} why")),
                of(lift, "on wings on wings why"),
                of("why", &format!("on wings on wings {lift}")),
            ]
        );
    }

    #[test]
    fn each_field_is_a_paragraph_of_its_own() {
        let data = Dataset {
            items: vec![
                json!({"id": "1", "title": "On wings", "body": "The lift grows. Why? On wings!"}),
                json!({"id": "2", "title": "Untold", "body": null}),
                json!({"id": "3", "body": "Of heat. And more."}),
            ],
            ..Dataset::default()
        };
        let of = |query: &str, document: Value| (json!({"query": query}), document, 1.0);
        let rest = json!({"title": "", "body": "the lift grows why"});
        assert_eq!(
            records(&data),
            [
                // What the body repeats of the title is no part of the rest.
                of("on wings", rest.clone()),
                of(
                    "the lift grows",
                    json!({"title": "on wings", "body": "why on wings"})
                ),
                of(
                    "why",
                    json!({"title": "on wings", "body": "the lift grows on wings"})
                ),
                of("on wings", rest),
                of("of heat", json!({"title": "", "body": "and more"})),
                of("and more", json!({"title": "", "body": "of heat"})),
            ]
        );
        let asked = read(&data).queries();
        let first = ["on wings", "untold", "of heat"].map(|text| json!({"query": text}));
        assert_eq!(asked, first);
        let rng = &mut Pcg64Mcg::seed_from_u64(1);
        assert_eq!(read(&data).whole(1, 0.9, rng), json!({"title": "untold"}));
    }

    #[test]
    fn clicks_are_of_all_the_fields_of_a_query_and_of_a_document() {
        let event = |user: &str, item: &str| Event {
            user: user.to_owned(),
            item: item.to_owned(),
            at: 0,
            weight: 1.0,
        };
        let data = Dataset {
            items: vec![
                json!({"id": "1", "title": "Red shoes", "description": "Cheap. Soft."}),
                json!({"id": "2", "title": "Sofa"}),
                json!({"id": "3", "title": "?"}),
            ],
            users: vec![
                json!({"user_id": "q1", "query": "shoes", "description": "Soft ones, to run in."}),
                json!({"user_id": "q2", "age": 3}),
            ],
            events: vec![event("q1", "1"), event("q1", "3"), event("q2", "2")],
        };
        assert_eq!(
            records(&data),
            [
                (
                    json!({"description": "soft ones to run in", "query": "shoes"}),
                    json!({"title": "red shoes", "description": "cheap soft"}),
                    1.0
                ),
                (json!({"description": "q2"}), json!({"title": "sofa"}), 1.0),
            ]
        );
    }

    #[test]
    fn a_click_is_of_a_query_with_a_text_or_one_whose_id_is_its_text() {
        let event = |user: &str, item: &str, weight| Event {
            user: user.to_owned(),
            item: item.to_owned(),
            at: 0,
            weight,
        };
        let data = Dataset {
            items: vec![json!({"id": "1", "text": "Red shoes. Cheap."})],
            users: vec![json!({"user_id": "q1", "query": "Red boots"})],
            events: vec![
                event("q1", "1", 2.0),
                event("shoes", "1", 1.0),
                event("shoes", "unknown", 1.0),
                event("!", "1", 1.0),
                event("unclicked", "1", 0.0),
            ],
        };
        let document = || "red shoes cheap".to_owned();
        let expected = [
            ("red boots".to_owned(), document(), 2.0),
            ("shoes".to_owned(), document(), 1.0),
        ];
        assert_eq!(texts(&data), expected);
    }

    #[test]
    fn what_is_held_out_shares_no_document_with_the_rest() {
        let item =
            |n: usize| json!({"id": n.to_string(), "text": format!("a{n} b. c{n} d. e f{n}")});
        let data = Dataset {
            items: (0..20).map(item).collect(),
            ..Dataset::default()
        };
        let examples = read(&data);
        let (learnt, out) = examples.split(0.1, &mut Pcg64Mcg::seed_from_u64(5));
        assert_eq!((learnt.len(), out.len()), (54, 6));
        let documents = |all: &[Example]| all.iter().map(|e| e.document).collect::<HashSet<_>>();
        assert!(documents(&learnt).is_disjoint(&documents(&out)));
        // Two of twenty documents, each as likely as any other.
        let mut counts = [0u32; 20];
        for seed in 0..2000 {
            let (_, out) = examples.split(0.1, &mut Pcg64Mcg::seed_from_u64(seed));
            for document in documents(&out) {
                counts[document as usize] += 1;
            }
        }
        let parts = counts.map(|count| (f64::from(count) - 200.0).powi(2) / 200.0);
        // The quantile 0.999 of the chi-square distribution with 19 degrees of freedom; two without
        // repeats vary less than two draws.
        assert!(parts.iter().sum::<f64>() < 43.8, "{counts:?}");
    }

    #[test]
    fn words_are_left_out_of_any_field_but_not_all() {
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
