//! What a file of pairs knows of each user.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;

use serde_json::Value;
use twinspire::TrainingPair;
use twinspire::import::jsonl;

use crate::output::Failure;

/// The positives of every user, by the value of a field of the user. All of them are held in memory.
pub struct Known {
    field: String,
    positives: HashMap<String, BTreeSet<Rc<str>>>,
}

impl Known {
    /// Reads a file of pairs.
    pub fn read(path: &Path, field: &str, skip_bad: bool) -> Result<Self, Failure> {
        let mut known = Self {
            field: field.to_owned(),
            positives: HashMap::new(),
        };
        let mut ids: HashSet<Rc<str>> = HashSet::new();
        let mut met = false;
        for pair in jsonl::pairs(path)? {
            let pair = match pair {
                // It is told of when the pairs are mined.
                Err(error) if skip_bad && error.line.is_some() => continue,
                Err(error) if error.line.is_some() => {
                    return Err(Failure::from(error).hint("--skip-bad passes over such pairs"));
                }
                pair => pair?,
            };
            let Some(key) = known.key(&pair) else {
                continue;
            };
            met = true;
            let id = match ids.get(&*pair.positive) {
                Some(id) => Rc::clone(id),
                None => {
                    let id: Rc<str> = pair.positive.into();
                    ids.insert(Rc::clone(&id));
                    id
                }
            };
            known.positives.entry(key).or_default().insert(id);
        }
        if !met {
            return Err(Failure::usage(format!(
                "--known-by: no user of {} has a text or a number in the field {field:?}",
                path.display()
            )));
        }
        Ok(known)
    }

    /// Adds what is known of a pair's user.
    pub fn add_to(&self, pair: &mut TrainingPair) {
        let positives = self.key(pair).and_then(|key| self.positives.get(&key));
        let ids = positives.into_iter().flatten();
        pair.known.extend(ids.map(|id| id.to_string()));
    }

    /// The value that a user is known by, if it has one: a text, or a number, which is its text.
    fn key(&self, pair: &TrainingPair) -> Option<String> {
        match pair.user.get(&self.field)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}
