//! Numbers in place of ids.

use super::error::TrainError;
use serde_json::Value;
use std::collections::HashMap;
use twinspire_towers::Side;

/// Numbers for ids.
pub(crate) struct Names {
    side: Side,
    numbers: HashMap<String, u32>,
    /// Ids and records, by number.
    pub(crate) records: Vec<(String, Value)>,
}

impl Names {
    /// No numbers yet.
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            numbers: HashMap::new(),
            records: Vec::new(),
        }
    }

    /// Numbers the id of record `at`, which has no number yet.
    ///
    /// # Errors
    /// [`TrainError::Duplicate`] if it has one.
    pub(crate) fn add(&mut self, at: usize, id: &str, record: &Value) -> Result<(), TrainError> {
        let number = self.records.len() as u32;
        if let Some(first) = self.numbers.insert(id.to_owned(), number) {
            return Err(TrainError::Duplicate {
                side: self.side,
                id: id.to_owned(),
                first: first as usize,
                second: at,
            });
        }
        self.records.push((id.to_owned(), record.clone()));
        Ok(())
    }

    /// The number of an id; of a new one, the next, and `record` becomes its record.
    pub(crate) fn number(&mut self, id: &str, record: impl FnOnce() -> Value) -> u32 {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let number = self.records.len() as u32;
        self.numbers.insert(id.to_owned(), number);
        self.records.push((id.to_owned(), record()));
        number
    }
}
