//! The known positives of each user in a file of pairs.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use twinspire::TrainingPair;
use twinspire::import::jsonl;

use crate::output::Failure;

/// The positives of every user, by the value of one field of the user. All are held in memory.
pub struct KnownPositives {
    field: String,
    /// Pairs of one user share its list.
    positives: HashMap<String, Arc<[String]>>,
}

impl KnownPositives {
    /// Reads a file of pairs.
    pub fn read(path: &Path, field: &str, skip_bad: bool) -> Result<Self, Failure> {
        let mut positives: HashMap<String, BTreeSet<String>> = HashMap::new();
        for pair in jsonl::pairs(path)? {
            let pair = match pair {
                // It is reported when the pairs are mined.
                Err(error) if skip_bad && error.is_bad_record() => continue,
                Err(error) if error.is_bad_record() => {
                    return Err(Failure::from(error).hint("--skip-bad skips such pairs"));
                }
                pair => pair?,
            };
            let Some(key) = key(&pair, field) else {
                continue;
            };
            let ids = positives.entry(key).or_default();
            ids.extend(pair.known.iter().cloned());
            ids.insert(pair.positive);
        }
        if positives.is_empty() {
            return Err(Failure::usage(format!(
                "--known-by: no user in {} has a string or a number in the field {field:?}",
                path.display()
            )));
        }
        let lists = positives.into_iter();
        let lists = lists.map(|(key, ids)| (key, ids.into_iter().collect()));
        Ok(Self {
            field: field.to_owned(),
            positives: lists.collect(),
        })
    }

    /// Gives the pair the known positives of its user, those that the pair names among them.
    pub fn add_to(&self, pair: &mut TrainingPair) {
        let ids = key(pair, &self.field).and_then(|key| self.positives.get(&key));
        if let Some(ids) = ids {
            pair.known = Arc::clone(ids);
        }
    }
}

/// The value of a user's field as text, if it is a string or a number.
fn key(pair: &TrainingPair, field: &str) -> Option<String> {
    match pair.user.get(field)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
