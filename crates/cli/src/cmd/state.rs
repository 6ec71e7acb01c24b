//! Names of what answers, with the generations that spaces are to answer with.

use std::str::FromStr;

use serde_json::{Map, Value, json};
use twinspire::{Database, GenerationNo, Pinned};

use crate::output::Failure;

/// `NAME`, `SPACE@GENERATION`, or `NAME,SPACE@GENERATION,…`: a space or an ensemble, and the spaces
/// that answer with another generation than their active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateArg {
    /// The space or ensemble that is asked.
    pub name: String,
    generations: Vec<(String, u64)>,
}

impl FromStr for StateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pinned = |part: &str| -> Result<(String, Option<u64>), String> {
            let (name, number) = match part.split_once('@') {
                None => (part, None),
                Some((name, number)) => {
                    let number = number.parse().map_err(|_| {
                        format!("the number of a generation expected after @, not {number:?}")
                    })?;
                    (name, Some(number))
                }
            };
            match name {
                "" => Err("the name of a space or an ensemble expected, as in movies@3".to_owned()),
                name => Ok((name.to_owned(), number)),
            }
        };
        let mut parts = text.split(',');
        let (name, number) = pinned(parts.next().unwrap_or_default())?;
        let own = number.map(|number| (name.clone(), number));
        let mut generations: Vec<(String, u64)> = own.into_iter().collect();
        for part in parts {
            let (space, number) = pinned(part)?;
            let number = number.ok_or_else(|| {
                format!("a generation expected after {space:?}, as in {name},{space}@3")
            })?;
            generations.push((space, number));
        }
        Ok(Self { name, generations })
    }
}

impl StateArg {
    /// The state that is asked, made of the present one.
    pub fn of(&self, now: &Pinned, db: &Database) -> Result<Pinned, Failure> {
        let mut state = now.clone();
        for (space, number) in &self.generations {
            let next = state.generation(space, GenerationNo(*number));
            state = next.map_err(|error| {
                let failure = Failure::from(error);
                match db.ensembles().get(space) {
                    Some(ensemble) => failure.hint(format!(
                        "as in {space},{}@{number}",
                        ensemble.spaces().next().unwrap_or_default()
                    )),
                    None => failure,
                }
            })?;
        }
        Ok(state)
    }

    /// What answers in a state: the name, and the generation of each space.
    pub fn document(&self, state: &Pinned, db: &Database) -> Result<Value, Failure> {
        let Some(ensemble) = db.ensembles().get(&self.name) else {
            let generation = state.active_generation(&self.name)?;
            return Ok(json!({"name": self.name, "generation": generation}));
        };
        let mut generations = Map::new();
        for space in ensemble.spaces() {
            generations.insert(space.to_owned(), json!(state.active_generation(space)?));
        }
        Ok(json!({"name": self.name, "generations": generations}))
    }
}

/// What answers, in a line.
pub fn label(document: &Value) -> String {
    let name = document["name"].as_str().unwrap_or_default();
    match document["generations"].as_object() {
        None => format!("{name}, generation {}", document["generation"]),
        Some(generations) => {
            let each = generations.iter();
            let each: Vec<String> = each
                .map(|(space, number)| format!("{space} generation {number}"))
                .collect();
            format!("{name} of {}", each.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_generations() {
        let parsed = |text: &str| {
            let state: StateArg = text.parse().unwrap();
            (state.name, state.generations)
        };
        let of = |name: &str, generations: &[(&str, u64)]| {
            let each = generations.iter();
            let each = each.map(|(space, number)| ((*space).to_owned(), *number));
            (name.to_owned(), each.collect::<Vec<_>>())
        };
        assert_eq!(parsed("home"), of("home", &[]));
        assert_eq!(parsed("movies@3"), of("movies", &[("movies", 3)]));
        assert_eq!(parsed("home,a@1,b@2"), of("home", &[("a", 1), ("b", 2)]));
        for (text, says) in [
            ("", "the name of a space"),
            ("@3", "the name of a space"),
            ("a@", "the number of a generation"),
            ("a@x", "not \"x\""),
            ("home,a", "as in home,a@3"),
            ("home,", "the name of a space"),
        ] {
            let error = text.parse::<StateArg>().unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
