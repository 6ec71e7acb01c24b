//! Pairs of a query and a document that belong together.

use super::super::dataset::Dataset;
use super::super::error::TrainError;
use super::super::sampler::Logs;
use super::config::Config;
use crate::record::{RecordError, check_item, describe};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use std::collections::HashSet;

/// The words of a text, or of a sentence.
type Words = Vec<Box<str>>;

/// All queries and documents there are.
pub(super) struct Examples {
    queries: Vec<Words>,
    /// The sentences of each document.
    documents: Vec<Vec<Words>>,
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
    /// The clicks of a log, or without events each sentence of each document.
    pub(super) fn new(data: &Dataset, config: &Config) -> Result<Self, TrainError> {
        if data.items.is_empty() {
            return Err(TrainError::Empty { what: "items" });
        }
        if data.events.is_empty() {
            return Self::of_documents(&data.items, &config.document);
        }
        let logs = Logs::new(data)?;
        let text = |what, at, record: &Value, field: &str, id: &str| match record.get(field) {
            None | Some(Value::Null) if what == "user" => Ok(id.to_owned()),
            // Of a clicked item there may be no record.
            None | Some(Value::Null) => Ok(String::new()),
            Some(value) => {
                text_of(value, field).map_err(|source| TrainError::Record { what, at, source })
            }
        };
        let queries = logs.users.iter().enumerate();
        let queries = queries
            .map(|(at, (id, record))| Ok(words(&text("user", at, record, &config.query, id)?)));
        let documents = logs.items.iter().enumerate();
        let documents = documents.map(|(at, (id, record))| {
            Ok(vec![words(&text(
                "item",
                at,
                record,
                &config.document,
                id,
            )?)])
        });
        let queries: Vec<Words> = queries.collect::<Result<_, TrainError>>()?;
        let documents: Vec<Vec<Words>> = documents.collect::<Result<_, TrainError>>()?;
        let mut all = Vec::new();
        for (query, met) in logs.met.iter().enumerate() {
            for (document, weight) in met {
                let read =
                    !queries[query].is_empty() && !documents[*document as usize][0].is_empty();
                if read && *weight > 0.0 {
                    all.push(Example {
                        query: Query::Asked(query as u32),
                        document: *document,
                        weight: *weight,
                    });
                }
            }
        }
        let clicked = logs.met.iter();
        let clicked = clicked.map(|met| met.iter().map(|(document, _)| *document).collect());
        Ok(Self {
            clicked: clicked.collect(),
            queries,
            documents,
            all,
        })
    }

    fn of_documents(items: &[Value], field: &str) -> Result<Self, TrainError> {
        let documents = items.iter().enumerate().map(|(at, item)| {
            let wrong = |source| TrainError::Record {
                what: "item",
                at,
                source,
            };
            check_item(item).map_err(wrong)?;
            match item.get(field) {
                None | Some(Value::Null) => Ok(Vec::new()),
                Some(value) => Ok(sentences(text_of(value, field).map_err(wrong)?.as_str())),
            }
        });
        let documents: Vec<Vec<Words>> = documents.collect::<Result<_, TrainError>>()?;
        let mut all = Vec::new();
        for (document, sentences) in documents.iter().enumerate() {
            for (at, sentence) in sentences.iter().enumerate() {
                // Of one that says nothing else there is no rest.
                if sentences.iter().any(|other| other != sentence) {
                    all.push(Example {
                        query: Query::Sentence(at as u32),
                        document: document as u32,
                        weight: 1.0,
                    });
                }
            }
        }
        Ok(Self {
            queries: Vec::new(),
            documents,
            clicked: Vec::new(),
            all,
        })
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

    /// The texts of the queries, or where there are none of the first sentences of documents.
    pub(super) fn queries(&self) -> Vec<String> {
        let first = self
            .documents
            .iter()
            .filter_map(|sentences| sentences.first());
        let texts: Vec<&Words> = match &self.queries[..] {
            [] => first.collect(),
            queries => queries.iter().collect(),
        };
        let texts = texts.into_iter().filter(|words| !words.is_empty());
        texts.map(|words| words.join(" ")).collect()
    }

    /// The text of an example's query, with a share of words left out.
    pub(super) fn query(&self, example: Example, omitted: f32, rng: &mut Pcg64Mcg) -> String {
        match example.query {
            Query::Asked(query) => joined(&self.queries[query as usize], omitted, rng),
            Query::Sentence(at) => {
                let sentences = &self.documents[example.document as usize];
                joined(&sentences[at as usize], omitted, rng)
            }
        }
    }

    /// The text of an example's document without the query, if it is a sentence of the document, and
    /// with a share of words left out.
    pub(super) fn document(&self, example: Example, omitted: f32, rng: &mut Pcg64Mcg) -> String {
        let sentences = &self.documents[example.document as usize];
        let asked = match example.query {
            Query::Asked(_) => None,
            // A title that the text repeats would give itself away.
            Query::Sentence(at) => sentences.get(at as usize),
        };
        let rest = sentences.iter().filter(|sentence| Some(*sentence) != asked);
        joined(rest.flatten(), omitted, rng)
    }

    /// How many documents there are.
    pub(super) fn documents(&self) -> usize {
        self.documents.len()
    }

    /// The texts of all documents.
    pub(super) fn whole_documents(&self) -> Vec<String> {
        let each = self.documents.iter();
        each.map(|sentences| {
            let words: Vec<&str> = sentences.iter().flatten().map(|word| &**word).collect();
            words.join(" ")
        })
        .collect()
    }

    /// Whether a document is known to belong to the query of an example.
    pub(super) fn belong(&self, example: Example, document: u32) -> bool {
        match example.query {
            Query::Asked(query) => self.clicked[query as usize].contains(&document),
            Query::Sentence(_) => example.document == document,
        }
    }
}

/// A text.
fn text_of(value: &Value, field: &str) -> Result<String, RecordError> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| RecordError::new(field, "a string", describe(value)))
}

/// The words of a text, as towers find them but for their case.
fn words(text: &str) -> Words {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.map(|word| word.to_lowercase().into()).collect()
}

/// The sentences of a text that have words: they end with `.`, `!` or `?` before a space, and at the
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
    all.retain(|sentence| !sentence.is_empty());
    all
}

/// Words side by side, each left out with this probability; at least one is there.
fn joined<'a>(
    words: impl IntoIterator<Item = &'a Box<str>>,
    omitted: f32,
    rng: &mut Pcg64Mcg,
) -> String {
    let mut text = String::new();
    let mut first: Option<&str> = None;
    for word in words {
        first = first.or(Some(word));
        if omitted > 0.0 && rng.random_bool(f64::from(omitted)) {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    if text.is_empty() {
        text.push_str(first.unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Event;
    use rand::SeedableRng;
    use serde_json::json;

    fn texts(data: &Dataset) -> Vec<(String, String, f32)> {
        let rng = &mut Pcg64Mcg::seed_from_u64(1);
        let examples = Examples::new(data, &Config::default()).unwrap();
        let each = examples.all.iter().map(|example| {
            let query = examples.query(*example, 0.0, rng);
            (query, examples.document(*example, 0.0, rng), example.weight)
        });
        each.collect()
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
        let examples = Examples::new(&data, &Config::default()).unwrap();
        let (learnt, out) = examples.split(0.1, &mut Pcg64Mcg::seed_from_u64(5));
        assert_eq!((learnt.len(), out.len()), (54, 6));
        let documents = |all: &[Example]| all.iter().map(|e| e.document).collect::<HashSet<_>>();
        assert!(documents(&learnt).is_disjoint(&documents(&out)));
    }

    #[test]
    fn words_are_left_out_but_not_all() {
        let rng = &mut Pcg64Mcg::seed_from_u64(2);
        let words = words("one two three four five six seven eight nine ten");
        let counts: Vec<_> = (0..200)
            .map(|_| joined(&words, 0.4, rng).split(' ').count())
            .collect();
        let mean = counts.iter().sum::<usize>() as f64 / 200.0;
        assert!((5.5..6.5).contains(&mean), "{mean}");
        assert!((0..50).all(|_| !joined(&words[..1], 0.9, rng).is_empty()));
    }
}
