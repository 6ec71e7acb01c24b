//! Users as of a split, and what they took afterwards.

use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::error_reason::MissingData;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use twinspire_towers::Event;

/// One user of an evaluation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Question {
    /// The user's record, with its `user_id` and without a history.
    pub user: Value,
    /// The items of the user's events before the split, oldest first, repeated where events are.
    pub seen: Vec<u32>,
    /// The distinct items to be found.
    pub relevant: Vec<u32>,
}

/// Users as of a split, each with the items to be found, over one catalogue. Items have numbers: first those of the
/// catalogue in its order, then those that events alone name.
#[derive(Clone, Debug)]
pub struct Questions {
    ids: Vec<String>,
    numbers: HashMap<String, u32>,
    /// Number of items of the catalogue.
    catalogue: usize,
    /// Events of each item before the split.
    counts: Vec<usize>,
    each: Vec<Question>,
    history: Vec<Event>,
    /// Records of items to be found.
    records: HashMap<u32, Value>,
    repeats: bool,
    held_out: usize,
    known: usize,
}

impl Questions {
    /// A question for each user with held-out events. `data` has the users, and the events before the split;
    /// `catalogue` the ids of all items that can be recommended. Unless `repeats` is set, items that the user had seen
    /// are neither to be found nor recommended. Of more than `most` users every n-th is taken, in order of their ids.
    ///
    /// # Errors
    /// [`TrainError::Empty`] if there is nothing to be found.
    pub fn new(
        data: &Dataset,
        held_out: &[Event],
        catalogue: impl IntoIterator<Item = String>,
        repeats: bool,
        most: usize,
    ) -> Result<Self, TrainError> {
        let mut questions = Self {
            ids: Vec::new(),
            numbers: HashMap::new(),
            catalogue: 0,
            counts: Vec::new(),
            each: Vec::new(),
            history: Vec::new(),
            records: HashMap::new(),
            repeats,
            held_out: held_out.len(),
            known: 0,
        };
        for id in catalogue {
            questions.number(&id);
        }
        questions.catalogue = questions.ids.len();
        let mut history: Vec<&Event> = data.events.iter().collect();
        history.sort_by_key(|event| event.at);
        let mut wanted: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for event in held_out {
            let item = questions.number(&event.item);
            wanted.entry(&event.user).or_default().push(item);
        }
        let mut seen: HashMap<&str, Vec<u32>> = HashMap::new();
        for event in &history {
            let item = questions.number(&event.item);
            questions.counts[item as usize] += 1;
            if wanted.contains_key(event.user.as_str()) {
                seen.entry(&event.user).or_default().push(item);
            }
        }
        let records: HashMap<&str, &Value> = data
            .users
            .iter()
            .filter_map(|user| Some((user.get("user_id")?.as_str()?, user)))
            .collect();
        let each = wanted.into_iter().filter_map(|(user, items)| {
            let seen = seen.remove(user).unwrap_or_default();
            let mut once: HashSet<u32> = match repeats {
                true => HashSet::new(),
                false => seen.iter().copied().collect(),
            };
            let new = items.into_iter().filter(|item| once.insert(*item));
            let relevant: Vec<u32> = new.collect();
            questions.known += usize::from(relevant.is_empty());
            let record = records.get(user).map(|record| (*record).clone());
            (!relevant.is_empty()).then(|| Question {
                user: record.unwrap_or_else(|| json!({"user_id": user})),
                seen,
                relevant,
            })
        });
        let each: Vec<Question> = each.collect();
        if each.is_empty() {
            let missing = MissingData::TestCases;
            return Err(TrainError::Empty { missing });
        }
        let step = each.len().div_ceil(most.max(1));
        questions.each = each.into_iter().step_by(step).collect();
        questions.history = history.into_iter().cloned().collect();
        Ok(questions)
    }

    fn number(&mut self, id: &str) -> u32 {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let number = self.ids.len() as u32;
        self.ids.push(id.to_owned());
        self.counts.push(0);
        self.numbers.insert(id.to_owned(), number);
        number
    }

    /// The questions, in order of the ids of their users.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Question> {
        self.each.iter()
    }

    /// Number of questions, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.each.len()
    }

    /// The question at a place.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Question> {
        self.each.get(at)
    }

    /// The id of an item.
    #[must_use]
    pub fn id(&self, item: u32) -> Option<&str> {
        self.ids.get(item as usize).map(String::as_str)
    }

    /// The number of an item; `None` if neither the catalogue nor the events have it.
    #[must_use]
    pub fn item(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    /// Ids of the distinct items that a user had seen, which its answers leave out; none if
    /// [repeats](Self::repeats) are asked for.
    #[must_use]
    pub fn excluded(&self, question: &Question) -> Vec<String> {
        if self.repeats {
            return Vec::new();
        }
        let mut once = HashSet::new();
        let seen = question.seen.iter().filter(|item| once.insert(**item));
        seen.filter_map(|item| self.id(*item))
            .map(str::to_owned)
            .collect()
    }

    /// The record of a user with its history, as a recall takes it. `field` is the name of the history.
    #[must_use]
    pub fn record(&self, question: &Question, field: &str) -> Value {
        let mut record = question.user.clone();
        let seen = question.seen.iter();
        let seen: Vec<&str> = seen.filter_map(|item| self.id(*item)).collect();
        record[field] = json!(seen);
        record
    }

    /// Gives items to be found their records, which [segments](super::SegmentBy::ItemField) by their fields need.
    #[must_use]
    pub fn with_item_records(mut self, records: HashMap<u32, Value>) -> Self {
        self.records = records;
        self
    }

    /// The record of an item, if it was given.
    pub(crate) fn item_record(&self, item: u32) -> Option<&Value> {
        self.records.get(&item)
    }

    /// The distinct items to be found.
    pub fn relevant_items(&self) -> impl Iterator<Item = u32> {
        let all = self.each.iter().flat_map(|question| &question.relevant);
        let all: BTreeSet<u32> = all.copied().collect();
        all.into_iter()
    }

    /// Whether items that users had seen are to be found too.
    #[must_use]
    pub fn repeats(&self) -> bool {
        self.repeats
    }

    /// Number of items that can be recommended: the first numbers.
    #[must_use]
    pub fn catalogue(&self) -> usize {
        self.catalogue
    }

    /// Number of events of each item before the split.
    #[must_use]
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// The events before the split, of all users, in order of time.
    #[must_use]
    pub fn history(&self) -> &[Event] {
        &self.history
    }

    /// Number of held-out events.
    #[must_use]
    pub fn held_out(&self) -> usize {
        self.held_out
    }

    /// Number of users that are left out, because they had seen all their held-out items.
    #[must_use]
    pub fn users_without_news(&self) -> usize {
        self.known
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_events::event;
    use super::*;

    #[test]
    fn questions_are_users_as_of_the_split_with_what_is_new_to_them() {
        let data = Dataset {
            users: vec![json!({"user_id": "u", "age": 30})],
            events: vec![event("u", "b", 4), event("u", "a", 1), event("w", "b", 2)],
            ..Dataset::default()
        };
        let held_out = [
            event("u", "a", 9),
            event("u", "c", 8),
            event("u", "c", 7),
            event("w", "b", 9),
            event("cold", "a", 9),
        ];
        let catalogue = || ["c", "a", "d"].map(str::to_owned);
        let of = |repeats, most| Questions::new(&data, &held_out, catalogue(), repeats, most);
        let questions = of(false, 9).unwrap();
        let ids = |items: &[u32]| -> Vec<&str> {
            items
                .iter()
                .map(|item| questions.id(*item).unwrap())
                .collect()
        };
        let [cold, u] = &questions.each[..] else {
            panic!("{questions:?}");
        };
        assert_eq!(
            (ids(&u.seen), ids(&u.relevant)),
            (vec!["a", "b"], vec!["c"])
        );
        let record = json!({"user_id": "u", "age": 30, "history": ["a", "b"]});
        assert_eq!(questions.record(u, "history"), record);
        assert_eq!(questions.excluded(u), ["a", "b"]);
        assert_eq!((ids(&cold.seen), ids(&cold.relevant)), (vec![], vec!["a"]));
        assert_eq!(cold.user, json!({"user_id": "cold"}));
        assert_eq!(
            (questions.catalogue(), questions.users_without_news()),
            (3, 1)
        );
        // c, a, d of the catalogue, and b.
        assert_eq!(questions.counts(), [0, 1, 0, 2]);
        assert_eq!((questions.item("b"), questions.item("x")), (Some(3), None));

        let repeats = of(true, 9).unwrap();
        assert_eq!(repeats.len(), 3);
        assert_eq!(repeats.each[1].relevant, [1, 0]);
        assert!(repeats.excluded(&repeats.each[1]).is_empty());
        assert_eq!(of(true, 2).unwrap().len(), 2);
        let nothing = Questions::new(&data, &held_out[3..4], catalogue(), false, 9).unwrap_err();
        assert!(
            nothing.to_string().contains("no held-out events"),
            "{nothing}"
        );
    }
}
