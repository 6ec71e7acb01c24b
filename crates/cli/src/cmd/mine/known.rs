//! The known positives of each user in a file of pairs.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;

use serde_json::Value;
use twinspire::TrainingPair;
use twinspire::import::jsonl;

use crate::output::Failure;

/// The positives of every user, by the value of one field of the user. All are held in memory.
pub struct KnownPositives {
    field: String,
    positives: HashMap<String, BTreeSet<Rc<str>>>,
}

impl KnownPositives {
    /// Reads a file of pairs.
    pub fn read(path: &Path, field: &str, skip_bad: bool) -> Result<Self, Failure> {
        let mut known = Self {
            field: field.to_owned(),
            positives: HashMap::new(),
        };
        let mut ids: HashSet<Rc<str>> = HashSet::new();
        let mut any_key = false;
        for pair in jsonl::pairs(path)? {
            let pair = match pair {
                // It is reported when the pairs are mined.
                Err(error) if skip_bad && error.is_bad_record() => continue,
                Err(error) if error.is_bad_record() => {
                    return Err(Failure::from(error).hint("--skip-bad skips such pairs"));
                }
                pair => pair?,
            };
            let Some(key) = known.key(&pair) else {
                continue;
            };
            any_key = true;
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
        if !any_key {
            return Err(Failure::usage(format!(
                "--known-by: no user in {} has a string or a number in the field {field:?}",
                path.display()
            )));
        }
        Ok(known)
    }

    /// Adds the known positives of the pair's user.
    pub fn add_to(&self, pair: &mut TrainingPair) {
        let positives = self.key(pair).and_then(|key| self.positives.get(&key));
        let ids = positives.into_iter().flatten();
        pair.known.extend(ids.map(|id| id.to_string()));
    }

    /// The value of the field as text, if it is a string or a number.
    fn key(&self, pair: &TrainingPair) -> Option<String> {
        match pair.user.get(&self.field)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}
