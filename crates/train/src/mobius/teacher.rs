//! Teachers: relevance of items to users, independent of clicks.

use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::error_reason::TeacherFault;
use crate::schema::category_fields;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use twinspire_towers::FeatureCheck;
use twinspire_towers::Towers;
use twinspire_towers::internals::{Reading, Side};

/// Relevance of unknown users and items: they are never bad cases by default.
const UNKNOWN: f32 = 1.0;

/// Judges the relevance of items to users. Closures of two ids implement it.
pub trait Teacher: Sync {
    /// The relevance of each item to a user, by id, in the order of the items. Larger is more relevant.
    fn relevance(&self, user: &str, items: &[&str]) -> Vec<f32>;
}

impl<F: Fn(&str, &str) -> f32 + Sync> Teacher for F {
    fn relevance(&self, user: &str, items: &[&str]) -> Vec<f32> {
        items.iter().map(|item| self(user, item)).collect()
    }
}

/// Relevance by categories: the cosine, from 0 to 1, between the categories of an item and the category counts of
/// the user's clicks. Users without a click and items without a category count as relevant.
#[derive(Clone, Debug)]
pub struct Categories {
    /// Category counts of each user, scaled to length 1.
    users: HashMap<String, Vec<f32>>,
    /// Categories of each item.
    items: HashMap<String, Vec<u32>>,
}

impl Categories {
    /// Compares items by these fields, strings or lists of strings; if empty, by all fields that hold
    /// categories. Events of weight `click` or more are clicks.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] if no item has a category.
    pub fn new(data: &Dataset, fields: &[String], click: f32) -> Result<Self, TrainError> {
        let derived = match fields {
            [] => {
                let mut fields = category_fields(&data.items);
                fields.retain(|field| field != "id");
                fields
            }
            fields => fields.to_vec(),
        };
        let mut numbers = HashMap::new();
        let mut items = HashMap::new();
        for item in &data.items {
            let mut categories = HashSet::new();
            for field in &derived {
                let value = item.get(field).unwrap_or(&Value::Null);
                let list = value.as_array().map_or(std::slice::from_ref(value), |l| l);
                for category in list.iter().filter_map(Value::as_str) {
                    let next = numbers.len() as u32;
                    let number = *numbers.entry((field.as_str(), category)).or_insert(next);
                    categories.insert(number);
                }
            }
            let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
            let mut categories: Vec<u32> = categories.into_iter().collect();
            categories.sort_unstable();
            items.insert(id.to_owned(), categories);
        }
        if numbers.is_empty() {
            let fault = match fields {
                [] => TeacherFault::NoCategoryField,
                fields => TeacherFault::NoCategoryIn(fields.to_vec()),
            };
            return Err(TrainError::Teacher { fault });
        }
        let mut users: HashMap<String, Vec<f32>> = HashMap::new();
        for event in data.events.iter().filter(|event| event.weight >= click) {
            if let Some(categories) = items.get(&event.item) {
                let profile = users.entry(event.user.clone());
                let profile = profile.or_insert_with(|| vec![0.0; numbers.len()]);
                categories
                    .iter()
                    .for_each(|number| profile[*number as usize] += 1.0);
            }
        }
        users.values_mut().for_each(|profile| normalise(profile));
        Ok(Self { users, items })
    }
}

impl Teacher for Categories {
    fn relevance(&self, user: &str, items: &[&str]) -> Vec<f32> {
        let profile = self.users.get(user);
        let profile = profile.filter(|profile| profile.iter().any(|share| *share > 0.0));
        let each = items.iter().map(|item| {
            let categories = self.items.get(*item).filter(|all| !all.is_empty());
            let (Some(profile), Some(categories)) = (profile, categories) else {
                return UNKNOWN;
            };
            let shares = categories.iter().map(|number| profile[*number as usize]);
            shares.sum::<f32>() / (categories.len() as f32).sqrt()
        });
        each.collect()
    }
}

/// Relevance by given towers, such as a DSSM model where users are queries: the cosine, from -1 to 1, of their
/// vectors of a user and an item. Users and items without a record count as relevant.
#[derive(Clone, Debug)]
pub struct Similarity {
    users: HashMap<String, Vec<f32>>,
    items: HashMap<String, Vec<f32>>,
}

impl Similarity {
    /// Embeds every user and every item with the towers. Fields that they do not read are ignored.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] names the record that the towers cannot read.
    pub fn new(towers: &Towers, data: &Dataset) -> Result<Self, TrainError> {
        let all = |side, records: &[Value], id: &str| {
            let each = records.iter().enumerate().map(|(at, record)| {
                let reading = Reading {
                    check: FeatureCheck::Lenient,
                    ..Reading::default()
                };
                let vector = towers.model().embed(side, record, reading);
                let mut vector = vector.map_err(|source| TrainError::Teacher {
                    fault: TeacherFault::Unreadable { side, at, source },
                })?;
                normalise(&mut vector);
                let id = record.get(id).and_then(Value::as_str).unwrap_or_default();
                Ok((id.to_owned(), vector))
            });
            each.collect::<Result<HashMap<_, _>, TrainError>>()
        };
        Ok(Self {
            users: all(Side::User, &data.users, "user_id")?,
            items: all(Side::Item, &data.items, "id")?,
        })
    }
}

impl Teacher for Similarity {
    fn relevance(&self, user: &str, items: &[&str]) -> Vec<f32> {
        let user = self.users.get(user);
        let each = items.iter().map(|item| {
            let (Some(user), Some(item)) = (user, self.items.get(*item)) else {
                return UNKNOWN;
            };
            user.iter().zip(item).map(|(a, b)| a * b).sum()
        });
        each.collect()
    }
}

/// Scales to length 1; a zero vector stays zero.
fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dssm;
    use crate::train_params::TrainParams;
    use serde_json::json;
    use twinspire_towers::Event;

    fn data() -> Dataset {
        let event = |user: &str, item: &str, weight| Event {
            user: user.to_owned(),
            item: item.to_owned(),
            at: 0,
            weight,
        };
        Dataset {
            items: vec![
                json!({"id": "a", "genres": ["war", "drama"], "text": "guns of war"}),
                json!({"id": "b", "genres": ["war"], "text": "war and guns"}),
                json!({"id": "c", "genres": "love", "text": "kisses"}),
                json!({"id": "d"}),
            ],
            users: vec![json!({"user_id": "u", "query": "the guns of war", "age": 7})],
            events: vec![
                event("u", "a", 5.0),
                event("u", "b", 4.0),
                event("u", "c", 2.0),
                event("v", "c", 1.0),
                event("w", "d", 5.0),
            ],
        }
    }

    #[test]
    fn relevance_is_the_cosine_of_category_counts() {
        let teacher = Categories::new(&data(), &["genres".to_owned()], 4.0).unwrap();
        let found = teacher.relevance("u", &["a", "b", "c", "d", "unknown"]);
        let length = 5f32.sqrt();
        let expected = [3.0 / length / 2f32.sqrt(), 2.0 / length, 0.0, 1.0, 1.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        // A user without a click, and one without a click on an item with a category.
        assert_eq!(teacher.relevance("v", &["c"]), [1.0]);
        assert_eq!(teacher.relevance("w", &["c"]), [1.0]);
        let derived = Categories::new(&data(), &[], 4.0).unwrap();
        assert!((derived.relevance("u", &["b"])[0] - 2.0 / length).abs() < 1e-6);
        let error = Categories::new(&data(), &["tags".to_owned()], 4.0).unwrap_err();
        assert!(error.to_string().contains("no item has a category in tags"));
    }

    #[test]
    fn towers_teach_by_the_cosine_of_their_vectors() {
        let mut data = data();
        data.items.truncate(3);
        let log = Dataset {
            events: Vec::new(),
            users: Vec::new(),
            items: vec![
                json!({"id": "a", "text": "Guns of war. The war of guns."}),
                json!({"id": "c", "text": "Kisses of love. Love and kisses."}),
            ],
        };
        let config = dssm::Config {
            dimension: 8,
            hidden: Vec::new(),
            training: TrainParams {
                epochs: 5,
                ..dssm::TRAINING
            },
            ..dssm::Config::default()
        };
        let towers = dssm::train(&log, &config, |_| {}).unwrap().towers;
        let teacher = Similarity::new(&towers, &data).unwrap();
        let found = teacher.relevance("u", &["a", "c", "unknown"]);
        let query = towers.embed_user(&json!({"query": "the guns of war"}));
        let item = towers.embed_item(&data.items[0]).unwrap();
        let cosine: f32 = query.unwrap().iter().zip(&item).map(|(a, b)| a * b).sum();
        assert!((found[0] - cosine).abs() < 1e-5);
        assert!(found[0] > found[1] && found[2] == 1.0, "{found:?}");
        data.users.push(json!({"user_id": "x"}));
        let error = Similarity::new(&towers, &data).unwrap_err().to_string();
        assert!(error.contains("its towers cannot read user 1"), "{error}");
    }

    #[test]
    fn a_closure_is_a_teacher() {
        let teacher = |user: &str, item: &str| f32::from(u8::from(user == item));
        assert_eq!(teacher.relevance("a", &["a", "b"]), [1.0, 0.0]);
    }
}
