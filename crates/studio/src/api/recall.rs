//! What a query gets and why: the answer, how it was found, and the exact answer beside it.

use super::asked::{Query, RecallRequest, query};
use super::problem::Problem;
use super::snippets::{Snippets, snippets};
use super::state::State;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::time::Instant;
use twinspire::{Explain, GenerationNo, Hit, Promise};

/// The answer of a recall.
#[derive(Debug, Serialize)]
pub struct Answer {
    pub hits: Vec<Hit>,
    /// The generation of each space that answered.
    pub generations: BTreeMap<String, GenerationNo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promise: Option<Promise>,
    pub explain: Option<Explain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<Exact>,
    /// What the user towers cannot read of the user, taken strictly.
    pub remarks: Vec<String>,
    /// Time from the text of the query to the answer, in microseconds.
    pub micros: Micros,
    pub code: Snippets,
}

/// Times around the recall, in microseconds.
#[derive(Debug, Serialize)]
pub struct Micros {
    /// Parsing the JSON of the user.
    pub json: f64,
    /// The recall as a whole.
    pub recall: f64,
}

/// The exact answer.
#[derive(Debug, Serialize)]
pub struct Exact {
    pub hits: Vec<Hit>,
    /// Its ids that the answer does not have.
    pub missed: Vec<String>,
    /// Time of the exact recall, in microseconds.
    pub micros: f64,
}

/// Answers a recall.
pub fn post(state: &State, request: &RecallRequest) -> Result<Answer, Problem> {
    let database = state.database();
    let pinned = request.side.state(database)?;
    let top = request.search.top()?;
    let json = match &request.query {
        Query::User(user) => parse_micros(user),
        _ => 0.0,
    };
    let run = |exact: bool| {
        let recall = query(&pinned, &request.side.name, &request.query);
        let recall = request.search.apply(recall, exact).records();
        let since = Instant::now();
        let hits = match exact {
            true => recall.top(top),
            false => recall.explain().top(top),
        };
        hits.map(|hits| (hits, micros(since)))
    };
    let (hits, recall) = run(false)?;
    let exact = match request.exact_beside {
        true => Some(run(true)?),
        false => None,
    };
    let exact = exact.map(|(exact, micros)| {
        let found: HashSet<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
        let missed = exact.iter().filter(|hit| !found.contains(hit.id.as_str()));
        Exact {
            missed: missed.map(|hit| hit.id.clone()).collect(),
            hits: exact.into_iter().collect(),
            micros,
        }
    });
    let remarks = match &request.query {
        // A lexical space reads one text of the user, whatever else there is.
        Query::User(user) if database.lexical().get(&request.side.name).is_none() => {
            database.check_user_for(&request.side.name, user)?
        }
        _ => Vec::new(),
    };
    let remarks = remarks
        .into_iter()
        .map(|(space, remark)| match space == request.side.name {
            true => remark.to_string(),
            false => format!("space {space}: {remark}"),
        });
    let mut generations = hits.generations().clone();
    if generations.is_empty() {
        generations.insert(request.side.name.clone(), hits.generation());
    }
    Ok(Answer {
        generations,
        promise: hits.promise(),
        explain: hits.explained().cloned(),
        hits: hits.into_iter().collect(),
        exact,
        remarks: remarks.collect(),
        micros: Micros { json, recall },
        code: snippets(state.followed().path(), request),
    })
}

/// The time that parsing the text of a user takes: a server gets users as text.
fn parse_micros(user: &Value) -> f64 {
    let text = user.to_string();
    let since = Instant::now();
    let parsed = serde_json::from_str::<Value>(&text);
    let micros = micros(since);
    drop(parsed);
    micros
}

/// Microseconds since a moment.
pub fn micros(since: Instant) -> f64 {
    since.elapsed().as_nanos() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::super::tests::{shop, shop_with_words};
    use super::*;
    use serde_json::json;

    fn request(document: Value) -> RecallRequest {
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn an_answer_has_records_an_explanation_and_the_exact_answer() {
        let (_dir, state) = shop();
        let asked = request(json!({
            "side": {"name": "price"},
            "query": {"user": {"price": 20}},
            "search": {"k": 2, "filter": "price > 15"},
            "exact_beside": true,
        }));
        let answer = post(&state, &asked).unwrap();
        let ids: Vec<&str> = answer.hits.iter().map(|hit| hit.id.as_str()).collect();
        assert_eq!(ids, ["B02", "B03"]);
        assert_eq!(
            answer.hits[0].record.as_ref().unwrap()["title"],
            "blue boots"
        );
        assert!(answer.exact.unwrap().missed.is_empty());
        assert_eq!(answer.explain.unwrap().searches.len(), 1);
        assert!(answer.remarks.is_empty(), "{:?}", answer.remarks);
        assert_eq!(answer.generations.len(), 1);
    }

    #[test]
    fn words_are_explained_alone_and_in_an_ensemble() {
        let (_dir, state) = shop_with_words();
        for (name, user) in [
            ("titles", json!({"query": "blue shoes"})),
            ("both", json!({"query": "blue shoes", "price": 20})),
        ] {
            let asked = json!({"side": {"name": name}, "query": {"user": user}, "search": {}});
            let answer = post(&state, &request(asked)).unwrap();
            assert!(answer.remarks.is_empty(), "{:?}", answer.remarks);
            let words = &answer.explain.unwrap().words;
            assert_eq!((words.len(), words[0].space.as_str()), (1, "titles"));
            let terms = words[0].terms.iter();
            let terms: Vec<_> = terms.map(|one| (one.term.as_str(), one.items)).collect();
            assert_eq!(terms, [("blue", 1), ("shoe", 1)]);
        }
    }

    #[test]
    fn errors_name_the_part_of_the_form() {
        let (_dir, state) = shop();
        let part = |document: Value| post(&state, &request(document)).unwrap_err().part;
        let side = json!({"name": "price"});
        let search = json!({"filter": "prize < 3"});
        let user = json!({"user": {"price": 1}});
        assert_eq!(
            part(json!({"side": side, "query": user, "search": search})),
            Some("filter")
        );
        let user = json!({"user": {"price": "much"}});
        assert_eq!(
            part(json!({"side": side, "query": user, "search": {}})),
            Some("user")
        );
        let many = json!({"side": side, "query": user, "search": {"k": 1_000_000}});
        assert!(
            post(&state, &request(many))
                .unwrap_err()
                .message
                .contains("at most 1000")
        );
    }
}
