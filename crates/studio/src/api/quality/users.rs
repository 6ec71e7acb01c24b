//! What given users get: how much of the exact answer, how much of the catalogue, and who gets poor answers.

use super::popularity::{Catalogue, Popularity, value};
use crate::api::asked::{Side, check_users};
use crate::api::problem::Problem;
use crate::api::state::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use twinspire::Hits;

/// Maximum number of users.
const MAX_USERS: usize = 2_000;
/// Number of users and items that are listed.
const LISTED: usize = 20;

/// Users to answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersRequest {
    pub side: Side,
    pub users: Vec<Value>,
    pub k: usize,
    /// The field that says how popular an item is; empty: none does.
    #[serde(default)]
    pub popularity: String,
}

/// What the users get.
#[derive(Debug, Serialize)]
pub struct UsersReport {
    /// Users that were answered.
    pub users: usize,
    pub failed: Vec<Failed>,
    /// Mean share of the exact answer.
    pub mean_recall: f64,
    /// Share of users who get the whole exact answer.
    pub whole: f64,
    /// Different items in all answers.
    pub recalled: usize,
    /// All items.
    pub items: u64,
    /// Share of all places in answers that the most frequent tenth of the recalled items takes.
    pub top_tenth: f64,
    /// Places in answers by tenth of the recalled items, most frequent first.
    pub tenths: Vec<usize>,
    /// Which items these are, if a field says how popular they are.
    pub popularity: Option<Popularity>,
    /// The most frequent items.
    pub frequent: Vec<Frequent>,
    /// Users with the poorest answers first: least recall, then least score of the best item.
    pub hard: Vec<Hard>,
}

/// A user that cannot be answered.
#[derive(Debug, Serialize)]
pub struct Failed {
    pub at: usize,
    pub message: String,
}

/// An item and the number of answers that have it.
#[derive(Debug, Serialize)]
pub struct Frequent {
    pub id: String,
    pub record: Option<Value>,
    pub count: usize,
}

/// A user with a poor answer.
#[derive(Debug, Serialize, Clone)]
pub struct Hard {
    pub at: usize,
    pub recall: f64,
    /// Score of the best item, if the user gets any.
    pub best: Option<f32>,
}

/// Answers the users, once as recalls do and once exactly.
pub fn post(state: &State, request: &UsersRequest) -> Result<UsersReport, Problem> {
    check_users(request.users.len(), MAX_USERS, "twinspire audit --users")?;
    let database = state.database();
    let pinned = request.side.state(database)?;
    let k = request.k.clamp(1, 100);
    let recall = || pinned.recall(&request.side.name);
    let field = request.popularity.as_str();
    let found = match field {
        "" => recall(),
        field => recall().fields([field]),
    };
    let found = found.users(&request.users).top_each(k)?;
    let exact = recall().exact().users(&request.users).top_each(k)?;
    let (mut hard, mut failed) = (Vec::new(), Vec::new());
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut values: HashMap<String, f64> = HashMap::new();
    for (at, pair) in found.into_iter().zip(exact).enumerate() {
        match pair {
            (Ok(found), Ok(exact)) => {
                let recall = share(&found, &exact);
                let best = found.first().map(|hit| hit.score);
                hard.push(Hard { at, recall, best });
                for hit in found {
                    if let (Some(record), false) = (&hit.record, values.contains_key(&hit.id)) {
                        values.insert(hit.id.clone(), value(record, field));
                    }
                    *counts.entry(hit.id).or_default() += 1;
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                let message = Problem::from(error).message;
                failed.push(Failed { at, message });
            }
        }
    }
    let users = hard.len();
    let mean = |sum: f64| if users == 0 { 0.0 } else { sum / users as f64 };
    let mean_recall = mean(hard.iter().map(|user| user.recall).sum());
    let whole = mean(hard.iter().filter(|user| user.recall >= 1.0).count() as f64);
    let least = f32::NEG_INFINITY;
    hard.sort_by(|one, other| {
        let score = |user: &Hard| user.best.unwrap_or(least);
        one.recall
            .total_cmp(&other.recall)
            .then(score(one).total_cmp(&score(other)))
    });
    hard.truncate(LISTED);
    let mut order: Vec<(String, usize)> = counts.into_iter().collect();
    order.sort_by(|(one, count), (other, others)| others.cmp(count).then(one.cmp(other)));
    let popularity = match field {
        "" => None,
        field => {
            let places = order.iter();
            let places = places.map(|(id, count)| (values.get(id).copied().unwrap_or(0.0), *count));
            Some(Catalogue::read(database, field)?.sum(places))
        }
    };
    let tenths = tenths(&order);
    let places: usize = tenths.iter().sum();
    let mut frequent = Vec::new();
    for (id, count) in order.iter().take(LISTED) {
        frequent.push(Frequent {
            id: id.clone(),
            record: database.items().get(id)?,
            count: *count,
        });
    }
    Ok(UsersReport {
        users,
        failed,
        mean_recall,
        whole,
        recalled: order.len(),
        items: database.items().count()?,
        top_tenth: tenths
            .first()
            .map_or(0.0, |first| *first as f64 / places.max(1) as f64),
        tenths,
        popularity,
        frequent,
        hard,
    })
}

/// The share of the exact answer that was found; 1 if it is empty.
fn share(found: &Hits, exact: &Hits) -> f64 {
    let ids: HashSet<&str> = found.iter().map(|hit| hit.id.as_str()).collect();
    let both = exact
        .iter()
        .filter(|hit| ids.contains(hit.id.as_str()))
        .count();
    match exact.len() {
        0 => 1.0,
        all => both as f64 / all as f64,
    }
}

/// Sums of counts over ten groups of equal size.
fn tenths(order: &[(String, usize)]) -> Vec<usize> {
    let size = order.len().div_ceil(10).max(1);
    let groups = order.chunks(size);
    groups
        .map(|group| group.iter().map(|(_, count)| count).sum())
        .collect()
}
