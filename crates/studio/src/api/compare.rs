//! Two generations or ensembles side by side, for one user or many.

use super::asked::{Search, Side, check_users};
use super::problem::Problem;
use super::state::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use twinspire::{Comparison, ComparisonSummary, Error, Hits, Pinned};

/// Maximum number of users of a comparison.
const MAX_USERS: usize = 5_000;
/// Number of items that moved most.
const MOVERS: usize = 50;

/// What to compare.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompareRequest {
    pub first: Side,
    pub second: Side,
    pub users: Vec<Value>,
    pub search: Search,
    /// The place of the user whose answers are shown in full.
    #[serde(default)]
    pub shown: usize,
}

/// The comparison.
#[derive(Debug, Serialize)]
pub struct Compared {
    pub summary: ComparisonSummary,
    /// The users that both sides answered, in order.
    pub users: Vec<ComparedUser>,
    pub failed: Vec<FailedUser>,
    /// One user's answers in full; none if that user failed.
    pub shown: Option<Shown>,
    /// Records of the items that moved most, by id.
    pub records: BTreeMap<String, Value>,
}

/// How far the answers of a user agree.
#[derive(Debug, Serialize)]
pub struct ComparedUser {
    /// The user's place.
    pub at: usize,
    pub overlap_share: f64,
    pub rbo: f64,
    pub same_first: bool,
}

/// A user that a side cannot answer.
#[derive(Debug, Serialize)]
pub struct FailedUser {
    /// The user's place.
    pub at: usize,
    pub message: String,
}

/// The answers of one user, with the records of all items.
#[derive(Debug, Serialize)]
pub struct Shown {
    pub at: usize,
    pub comparison: Comparison,
    pub records: BTreeMap<String, Value>,
}

/// Compares two sides.
pub fn post(state: &State, request: &CompareRequest) -> Result<Compared, Problem> {
    check_users(request.users.len(), MAX_USERS, "twinspire diff")?;
    let database = state.database();
    let first = request.first.state(database)?;
    let second = request.second.state(database)?;
    let firsts = answers(&first, &request.first, request)?;
    let seconds = answers(&second, &request.second, request)?;
    let (mut users, mut failed, mut all, mut shown) = (Vec::new(), Vec::new(), Vec::new(), None);
    for (at, pair) in firsts.into_iter().zip(seconds).enumerate() {
        let (first, second) = match pair {
            (Ok(first), Ok(second)) => (first, second),
            (Err(error), _) | (_, Err(error)) => {
                let message = Problem::from(error).message;
                failed.push(FailedUser { at, message });
                continue;
            }
        };
        let comparison = first.compare(&second);
        users.push(ComparedUser {
            at,
            overlap_share: comparison.overlap_share,
            rbo: comparison.rbo,
            same_first: comparison.is_same_first(),
        });
        if at == request.shown {
            let ids = comparison.items.iter().map(|item| item.id.as_str());
            shown = Some(Shown {
                at,
                records: records(state, ids)?,
                comparison: comparison.clone(),
            });
        }
        all.push(comparison);
    }
    let mut summary: ComparisonSummary = all.iter().collect();
    summary.movers.truncate(MOVERS);
    let ids = summary.movers.iter().map(|mover| mover.id.as_str());
    Ok(Compared {
        records: records(state, ids)?,
        summary,
        users,
        failed,
        shown,
    })
}

/// The answer of a side for each user.
fn answers(
    state: &Pinned,
    side: &Side,
    request: &CompareRequest,
) -> Result<Vec<Result<Hits, Error>>, Problem> {
    let recall = request.search.apply(state.recall(&side.name), false);
    Ok(recall
        .users(&request.users)
        .top_each(request.search.top()?)?)
}

/// The records of ids; those that are gone are left out.
fn records<'a>(
    state: &State,
    ids: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<String, Value>, Problem> {
    let items = state.database().items();
    let mut records = BTreeMap::new();
    for id in ids {
        if let Some(record) = items.get(id)? {
            records.insert(id.to_owned(), record);
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::super::tests::shop;
    use super::*;
    use serde_json::json;

    #[test]
    fn users_are_compared_and_those_that_fail_are_named() {
        let (_dir, state) = shop();
        let request = serde_json::from_value(json!({
            "first": {"name": "price"},
            "second": {"name": "price", "generations": {"price": 1}},
            "users": [{"price": 5}, {"price": "much"}, {"price": 50}],
            "search": {"k": 2},
            "shown": 2,
        }));
        let compared = post(&state, &request.unwrap()).unwrap();
        assert_eq!(compared.summary.users, 2);
        assert_eq!(
            compared
                .users
                .iter()
                .map(|user| user.at)
                .collect::<Vec<_>>(),
            [0, 2]
        );
        assert_eq!((compared.failed.len(), compared.failed[0].at), (1, 1));
        let shown = compared.shown.unwrap();
        assert_eq!(shown.comparison.items[0].id, "B03");
        assert_eq!(shown.records["B03"]["title"], "<b>socks</b>");
        assert!(compared.summary.movers.is_empty());
    }
}
