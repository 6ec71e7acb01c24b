//! Files of users, to measure the recall that they get.

use std::path::Path;

use serde_json::Value;
use twinspire::import;

use super::json::json_values;
use crate::output::Failure;

/// Users from JSON lines, a JSON list, CSV or Parquet: objects with the features that the user tower reads.
/// `option` names the argument in errors.
pub fn read_users(option: &str, path: &Path) -> Result<Vec<Value>, Failure> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let is_json = ["json", "jsonl", "ndjson"].contains(&extension.to_lowercase().as_str());
    let users: Vec<Value> = if is_json {
        // Users without an id are users too.
        let values = json_values(option, &format!("@{}", path.display()))?;
        let each = values.into_iter().flat_map(|value| match value {
            Value::Array(list) => list,
            other => vec![other],
        });
        each.collect()
    } else {
        let users = import::open(path)?.users()?;
        users.collect::<Result<_, _>>()?
    };
    if users.is_empty() {
        let path = path.display();
        return Err(Failure::usage(format!("{option}: {path} has no users")));
    }
    match users.iter().position(|user| !user.is_object()) {
        Some(at) => Err(Failure::usage(format!(
            "{option}: user {at} of {} is no JSON object of features",
            path.display()
        ))),
        None => Ok(users),
    }
}
