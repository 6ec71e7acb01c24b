//! Pairs of a query and a document that belong together.

use super::config::Config;
use super::texts::{Part, Text, parts, read_text, record, sentences, words};
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::sampler::Logs;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use std::collections::HashSet;
use twinspire_towers::Side;
use twinspire_towers::internals::check_item;

/// Maximum number of sentences of one document that are queries, evenly spread. Each is learnt with the rest of
/// its document, so that more would take time as the square of a document's length.
const MAX_QUERIES_PER_DOCUMENT: usize = 256;

/// All queries, documents and pairs of them.
pub(super) struct Examples {
    /// Fields that a query, and a document, is read from.
    query_fields: Vec<String>,
    document_fields: Vec<String>,
    queries: Vec<Text>,
    /// The sentences of each document, or with clicks the texts of its fields.
    documents: Vec<Text>,
    /// Clicked documents of each query.
    clicked: Vec<HashSet<u32>>,
    all: Vec<Example>,
}

/// A query and a document that belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Example {
    query: Query,
    pub(super) document: u32,
    pub(super) weight: f32,
}

/// The source of a query's text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Query {
    /// A query of the log, by number.
    Logged(u32),
    /// A sentence of the document, by number.
    Sentence(u32),
}

impl Examples {
    /// The clicks of the log, or without events each sentence of each document, read from the configured
    /// fields.
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
                side: Side::User,
                at,
                source,
            };
            let text = read_text(record, &self.query_fields, whole).map_err(wrong)?;
            self.queries
                .push(text.unwrap_or_else(|| parts(0, whole(id))));
        }
        for (at, (_, record)) in logs.items.iter().enumerate() {
            let wrong = |source| TrainError::Record {
                side: Side::Item,
                at,
                source,
            };
            // A clicked item may have no record.
            let text = read_text(record, &self.document_fields, whole).map_err(wrong)?;
            self.documents.push(text.unwrap_or_default());
        }
        for (query, met) in logs.seen.iter().enumerate() {
            for (document, weight) in met {
                let read = !self.queries[query].is_empty()
                    && !self.documents[*document as usize].is_empty();
                if read && *weight > 0.0 {
                    self.all.push(Example {
                        query: Query::Logged(query as u32),
                        document: *document,
                        weight: *weight,
                    });
                }
            }
        }
        let clicked = logs.seen.iter();
        let clicked = clicked.map(|met| met.iter().map(|(document, _)| *document).collect());
        self.clicked = clicked.collect();
        Ok(())
    }

    fn read_documents(&mut self, items: &[Value]) -> Result<(), TrainError> {
        for (at, item) in items.iter().enumerate() {
            let wrong = |source| TrainError::Record {
                side: Side::Item,
                at,
                source,
            };
            check_item(item).map_err(wrong)?;
            let text = read_text(item, &self.document_fields, sentences).map_err(wrong)?;
            let sentences = text.unwrap_or_default();
            // A document that only repeats one sentence leaves nothing to find.
            let first = sentences.first().map(|first| &first.words);
            let varied = sentences.iter().any(|other| Some(&other.words) != first);
            let step = sentences.len().div_ceil(MAX_QUERIES_PER_DOCUMENT).max(1);
            let asked = (0..sentences.len() as u32).step_by(step);
            self.all
                .extend(asked.filter(|_| varied).map(|sentence| Example {
                    query: Query::Sentence(sentence),
                    document: at as u32,
                    weight: 1.0,
                }));
            self.documents.push(sentences);
        }
        Ok(())
    }

    /// Splits the examples into training and holdout, by query, or by document where sentences are the
    /// queries.
    pub(super) fn split(&self, share: f64, rng: &mut Pcg64Mcg) -> (Vec<Example>, Vec<Example>) {
        let of = |example: &Example| self.group(*example);
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

    /// What an example depends on: its query, or its document where sentences are the queries.
    pub(super) fn group(&self, example: Example) -> u32 {
        match example.query {
            Query::Logged(query) => query,
            Query::Sentence(_) => example.document,
        }
    }

    /// Number of examples of a holdout of this share.
    pub(super) fn count_held_out(&self, share: f64, seed: u64) -> usize {
        let (_, held_out) = self.split(share, &mut Pcg64Mcg::seed_from_u64(seed));
        held_out.len()
    }

    /// Number of examples.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The words of the query of an example.
    pub(super) fn query_words(&self, example: Example) -> impl Iterator<Item = &str> {
        let asked = match example.query {
            Query::Logged(query) => &self.queries[query as usize][..],
            Query::Sentence(at) => {
                let sentences = &self.documents[example.document as usize];
                std::slice::from_ref(&sentences[at as usize])
            }
        };
        asked
            .iter()
            .flat_map(|part| part.words.iter().map(|word| &**word))
    }

    /// The words of a document; with an example, without the sentence that is its query.
    pub(super) fn document_words(
        &self,
        document: u32,
        without: Option<Example>,
    ) -> impl Iterator<Item = &str> {
        let parts = &self.documents[document as usize];
        let asked = without.and_then(|example| match example.query {
            Query::Logged(_) => None,
            Query::Sentence(at) => parts.get(at as usize).map(|sentence| &sentence.words),
        });
        let rest = parts.iter().filter(move |part| Some(&part.words) != asked);
        rest.flat_map(|part| part.words.iter().map(|word| &**word))
    }

    /// Documents with words, without those that are held out.
    pub(super) fn pool(&self, held_out: &[Example]) -> Vec<u32> {
        let out = held_out.iter().filter_map(|example| match example.query {
            // Other queries may be learnt from with its document.
            Query::Logged(_) => None,
            Query::Sentence(_) => Some(example.document),
        });
        let out: HashSet<u32> = out.collect();
        let documents = self.documents.iter().zip(0..);
        let documents = documents.filter(|(text, at)| !text.is_empty() && !out.contains(at));
        documents.map(|(_, at)| at).collect()
    }

    /// The queries with words, or without queries the first sentences of the documents.
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
            .map(|sentence| self.as_query(sentence, 0.0, rng))
            .collect()
    }

    /// The query of an example, with word dropout.
    pub(super) fn query(&self, example: Example, dropout: f32, rng: &mut Pcg64Mcg) -> Value {
        match example.query {
            Query::Logged(query) => {
                let text = &self.queries[query as usize];
                record(&self.query_fields, text, dropout, rng)
            }
            Query::Sentence(at) => {
                let sentences = &self.documents[example.document as usize];
                self.as_query(&sentences[at as usize], dropout, rng)
            }
        }
    }

    /// A sentence as a query record.
    fn as_query(&self, sentence: &Part, dropout: f32, rng: &mut Pcg64Mcg) -> Value {
        let asked = Part {
            field: 0,
            words: sentence.words.clone(),
        };
        record(&self.query_fields, [&asked], dropout, rng)
    }

    /// The document of an example, with word dropout. If the query is one of its sentences, that sentence
    /// is left out.
    pub(super) fn document(&self, example: Example, dropout: f32, rng: &mut Pcg64Mcg) -> Value {
        let sentences = &self.documents[example.document as usize];
        let asked = match example.query {
            Query::Logged(_) => None,
            // Every repetition is left out: it would give the answer away.
            Query::Sentence(at) => sentences.get(at as usize).map(|sentence| &sentence.words),
        };
        let rest = sentences.iter();
        let rest = rest.filter(|sentence| Some(&sentence.words) != asked);
        record(&self.document_fields, rest, dropout, rng)
    }

    /// Whether the log has queries; otherwise documents alone are learnt from.
    pub(super) fn has_queries(&self) -> bool {
        !self.clicked.is_empty()
    }

    /// Number of documents.
    pub(super) fn documents(&self) -> usize {
        self.documents.len()
    }

    /// A whole document, with word dropout.
    pub(super) fn whole(&self, document: u32, dropout: f32, rng: &mut Pcg64Mcg) -> Value {
        let text = &self.documents[document as usize];
        record(&self.document_fields, text, dropout, rng)
    }

    /// Whether a document is a known positive of the query of an example.
    pub(super) fn is_positive(&self, example: Example, document: u32) -> bool {
        match example.query {
            Query::Logged(query) => self.clicked[query as usize].contains(&document),
            Query::Sentence(_) => example.document == document,
        }
    }
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
    fn each_sentence_is_a_query_for_the_rest_of_its_document() {
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
    fn clicks_read_all_fields_of_query_and_document() {
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
    fn a_query_has_a_text_or_an_id_that_is_its_text() {
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
    fn holdout_and_training_share_no_document() {
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
}
