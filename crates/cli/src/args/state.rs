//! A space or an ensemble, and the generations that its spaces answer with.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};
use twinspire::{Database, GenerationNo, Pinned};

use crate::output::Failure;

/// `NAME`, `SPACE@GENERATION` or `NAME,SPACE@GENERATION,…`: a space or an ensemble, and the spaces that
/// answer with another generation than their active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateArg {
    /// The space or ensemble.
    pub name: String,
    /// Spaces and their generations.
    generations: Vec<(String, u64)>,
}

impl FromStr for StateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let (name, number) = parse_part(parts.next().unwrap_or_default())?;
        let own = number.map(|number| (name.clone(), number));
        let mut generations: Vec<(String, u64)> = own.into_iter().collect();
        for part in parts {
            let (space, number) = parse_part(part)?;
            let number = number.ok_or_else(|| {
                format!("a generation expected after {space:?}, as in {name},{space}@3")
            })?;
            generations.push((space, number));
        }
        Ok(Self { name, generations })
    }
}

impl fmt::Display for StateArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (space, number) in &self.generations {
            match *space == self.name {
                true => write!(f, "@{number}")?,
                false => write!(f, ",{space}@{number}")?,
            }
        }
        Ok(())
    }
}

/// `NAME` or `NAME@GENERATION`.
fn parse_part(part: &str) -> Result<(String, Option<u64>), String> {
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
}

impl StateArg {
    /// The state to recall from: the current one, with the given generations.
    pub fn resolve(&self, now: &Pinned, db: &Database) -> Result<Pinned, Failure> {
        let mut state = now.clone();
        for (space, number) in &self.generations {
            let next = state.generation(space, GenerationNo(*number));
            state = next.map_err(|error| {
                let failure = Failure::from(error);
                // An ensemble has no generations of its own.
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

    /// The name, and the generation that each space has in this state.
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

/// The document of [`StateArg::document`] in one line.
pub fn state_label(document: &Value) -> String {
    let name = document["name"].as_str().unwrap_or_default();
    match document["generations"].as_object() {
        None => format!("{name}, generation {}", document["generation"]),
        Some(generations) => {
            let spaces = generations.iter();
            let spaces: Vec<String> = spaces
                .map(|(space, number)| format!("{space} generation {number}"))
                .collect();
            format!("{name} of {}", spaces.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_carry_generations() {
        let parsed = |text: &str| {
            let state: StateArg = text.parse().unwrap();
            assert_eq!(state.to_string(), text);
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
