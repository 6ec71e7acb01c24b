//! What is asked for: a space or an ensemble and its generations, a query, and how to search.

use super::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use twinspire::{Database, GenerationNo, Pinned, Recall};

/// A recall, as the form gives it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecallRequest {
    pub side: Side,
    pub query: Query,
    pub search: Search,
    /// Whether to give the exact answer too, which scores every item.
    #[serde(default)]
    pub exact_beside: bool,
}

/// What to search for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    User(Value),
    Similar(String),
    Vector(Vec<f32>),
}

/// What to recall from.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// A space or an ensemble.
    pub name: String,
    /// Spaces that answer with another generation than their active one.
    #[serde(default)]
    pub generations: BTreeMap<String, u64>,
}

impl Side {
    /// The state to recall from.
    pub fn state(&self, database: &Database) -> Result<Pinned, Problem> {
        let mut state = database.pin();
        for (space, number) in &self.generations {
            let number = GenerationNo(*number);
            // Opening another generation takes time; the active one is there.
            if state.active_generation(space)? != number {
                state = state.generation(space, number)?;
            }
        }
        Ok(state)
    }
}

/// Refuses no users, and more than a page answers; `command` does it for all of them.
pub fn check_users(count: usize, most: usize, command: &str) -> Result<(), Problem> {
    match count {
        0 => Err(Problem::bad_request("give a user or more")),
        count if count > most => Err(Problem::bad_request(format!(
            "{count} users are too many for a page; give at most {most}, or use `{command}`"
        ))),
        _ => Ok(()),
    }
}

/// How to search.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Number of items.
    #[serde(default = "default_k")]
    pub k: usize,
    #[serde(default)]
    pub effort: Effort,
    /// Empty: all items.
    #[serde(default)]
    pub filter: String,
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// How hard to search.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum Effort {
    #[default]
    Default,
    /// A beam width (efSearch).
    Ef(usize),
    /// A recall target.
    Target(f32),
    /// Every item is scored.
    Exact,
}

/// Maximum number of items of an answer: more than a page can show at once.
const MAX_K: usize = 1_000;

fn default_k() -> usize {
    10
}

impl Search {
    /// The number of items, within bounds.
    pub fn top(&self) -> Result<usize, Problem> {
        match self.k {
            k if k <= MAX_K => Ok(k),
            k => Err(Problem::bad_request(format!(
                "{k} items are too many for a page; ask for at most {MAX_K}"
            ))),
        }
    }

    /// A recall with these options, exact or not.
    pub fn apply<'a>(&self, recall: Recall<'a>, exact: bool) -> Recall<'a> {
        let recall = recall.exclude(&self.exclude);
        let recall = match self.filter.trim().is_empty() {
            true => recall,
            false => recall.filter(self.filter.as_str()),
        };
        match self.effort {
            _ if exact => recall.exact(),
            Effort::Default => recall,
            Effort::Ef(ef) => recall.ef(ef),
            Effort::Target(share) => recall.recall_target(share),
            Effort::Exact => recall.exact(),
        }
    }
}

/// A recall of a query.
pub fn query<'a>(state: &'a Pinned, name: &'a str, query: &'a Query) -> Recall<'a> {
    let recall = state.recall(name);
    match query {
        Query::User(user) => recall.user(user),
        Query::Similar(id) => recall.similar(id),
        Query::Vector(vector) => recall.vector(vector),
    }
}
