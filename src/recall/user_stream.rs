//! A batch whose users are answered while later ones are still read.

use super::hits::Hits;
use super::params::SearchParams;
use super::query::{BatchInputs, Query};
use super::search::Search;
use super::view::View;
use crate::error::Error;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// Users of one task: as many as the towers compute at a time.
const USERS_PER_TASK: usize = 64;

/// Answers users in their order: this thread reads them, all cores answer. As
/// [`run_each`](super::search::run_each) otherwise.
pub(crate) fn run_stream(
    view: &View,
    name: &str,
    mut users: impl Iterator<Item = Value>,
    inputs: BatchInputs<'_>,
    params: &SearchParams,
) -> Result<Vec<Result<Hits, Error>>, Error> {
    let search = Search::new(view, name, params)?;
    let answered = Mutex::new(Vec::new());
    rayon::in_place_scope(|scope| {
        let (search, answered) = (&search, &answered);
        let mut from = 0;
        loop {
            let group: Vec<Value> = users.by_ref().take(USERS_PER_TASK).collect();
            let count = group.len();
            if count > 0 {
                scope.spawn(move |_| {
                    let queries = (from..).zip(&group);
                    let queries: Vec<Query<'_>> =
                        queries.map(|(at, user)| inputs.query(at, user)).collect();
                    let answers = search.answers(&queries);
                    let mut answered = answered.lock().unwrap_or_else(PoisonError::into_inner);
                    answered.push((from, answers));
                });
            }
            if count < USERS_PER_TASK {
                break;
            }
            from += count;
        }
    });
    let mut groups = answered
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    groups.sort_unstable_by_key(|(from, _)| *from);
    let mut all = Vec::new();
    for (from, answers) in groups {
        let answers = answers?.into_iter();
        all.extend(answers.map(|answer| answer.map_err(|error| error.further(from))));
    }
    Ok(all)
}
