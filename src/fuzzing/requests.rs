//! The targets of queries and filters.

use super::golden::{HALVES, SPACE, golden, load, open};
use crate::database::Database;
use crate::filter::Filter;
use serde_json::Value;
use std::sync::OnceLock;

/// A query or an item as JSON text, for the golden database.
pub fn query(data: &[u8]) {
    static DATABASE: OnceLock<Option<Database>> = OnceLock::new();
    let database = DATABASE.get_or_init(|| open(load(&golden()), true).ok());
    let (Some(database), Ok(record)) = (database, serde_json::from_slice::<Value>(data)) else {
        return;
    };
    ask(database, &record);
    let _ = twinspire_towers::internals::check_item(&record);
}

/// The text of a filter, for the parser and the golden database.
pub fn filter(data: &[u8]) {
    static DATABASE: OnceLock<Option<Database>> = OnceLock::new();
    let database = DATABASE.get_or_init(|| open(load(&golden()), true).ok());
    let (Some(database), Ok(text)) = (database, std::str::from_utf8(data)) else {
        return;
    };
    let shown = match Filter::parse(text) {
        Ok(filter) => {
            let again = Filter::parse(&filter.to_string());
            assert_eq!(again.as_ref(), Ok(&filter), "{filter}");
            filter.to_string()
        }
        Err(error) => {
            assert!(error.to_string().lines().count() == 3, "{error:?}");
            assert!(text.get(error.span.clone()).is_some(), "{error:?}");
            return;
        }
    };
    let user = serde_json::json!({"user_id": 7});
    for exact in [false, true] {
        let answers = [text, &shown].map(|filter| {
            let recall = database.recall(SPACE).user(&user).filter(filter);
            let recall = if exact { recall.exact() } else { recall };
            recall.top(5).ok()
        });
        assert_eq!(answers[0], answers[1], "{shown}");
    }
}

/// Recalls for a user in both spaces and by all ensembles.
pub(super) fn ask(database: &Database, user: &Value) {
    for (space, exact) in [
        (SPACE, false),
        (SPACE, true),
        (HALVES, false),
        (HALVES, true),
    ] {
        let recall = database.recall(space).user(user).records();
        let recall = if exact { recall.exact() } else { recall };
        if let Ok(hits) = recall.top(5) {
            assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "{hits:?}");
        }
    }
    // There is one of each method.
    for name in database.ensembles().list().into_keys() {
        if let Ok(hits) = database.recall(&name).user(user).top(5) {
            assert!(hits.iter().all(|hit| !hit.score.is_nan()), "{hits:?}");
        }
    }
}
