//! What a recall searches for, as the command line says it.

use std::io::{BufRead, BufReader, Read, stdin};

use serde_json::Value;
use twinspire::import::regular_file;

use crate::args::{json, json_of_text};
use crate::output::Failure;

/// Maximum size of a file or of standard input that is one JSON value, in bytes.
const MAX_INPUT_BYTES: u64 = 64 << 20;

/// What to search for.
pub enum Query {
    User(Value),
    Users(Vec<Value>),
    /// Users as JSON lines.
    Lines(UserLines),
    Vector(Vec<f32>),
}

/// Users as JSON lines: the lines that were read already, and the rest.
pub struct UserLines {
    /// Lines that were read to see what the input is.
    pub first: Vec<String>,
    pub rest: Box<dyn BufRead + Send>,
    /// The name of the input in errors.
    pub origin: String,
}

impl Query {
    /// Reads the argument of `--user` or `--vector`. Of JSON lines no more is read than tells that they are
    /// lines: with `at_once` the first, so that it can be answered before there is a second.
    pub fn new(user: Option<&str>, vector: Option<&str>, at_once: bool) -> Result<Self, Failure> {
        let (reader, origin): (Box<dyn BufRead + Send>, String) = match (user, vector) {
            (Some("-"), None) => {
                let origin = "standard input".to_owned();
                (Box::new(BufReader::new(stdin())), origin)
            }
            (Some(user), None) => match user.strip_prefix('@') {
                Some(path) => {
                    let file = regular_file(path).map_err(|error| Failure::reading(path, error))?;
                    (Box::new(BufReader::new(file)), path.to_owned())
                }
                None => return Self::of_value(json("--user", user)?),
            },
            (None, Some(vector)) => return Ok(Self::Vector(numbers(&json("--vector", vector)?)?)),
            _ => return Err(Failure::usage("either --user or --vector expected")),
        };
        Self::of_reader(reader, origin, at_once)
    }

    fn of_reader(
        mut reader: Box<dyn BufRead + Send>,
        origin: String,
        at_once: bool,
    ) -> Result<Self, Failure> {
        let first = next_line(&mut reader, &origin)?;
        let is_user =
            |line: &str| serde_json::from_str(line).is_ok_and(|value: Value| value.is_object());
        if !is_user(&first) {
            let mut text = first;
            let rest = reader.take(MAX_INPUT_BYTES).read_to_string(&mut text);
            rest.map_err(|error| Failure::reading(&origin, error))?;
            return Self::of_value(json_of_text("--user", &text, &origin)?);
        }
        let mut lines = vec![first];
        if !at_once || origin != "standard input" {
            let second = next_line(&mut reader, &origin)?;
            if second.is_empty() {
                let one = lines.pop().unwrap_or_default();
                return Self::of_value(json_of_text("--user", &one, &origin)?);
            }
            lines.push(second);
        }
        Ok(Self::Lines(UserLines {
            first: lines,
            rest: reader,
            origin,
        }))
    }

    fn of_value(value: Value) -> Result<Self, Failure> {
        match value {
            Value::Array(users) => Ok(Self::Users(users)),
            user @ Value::Object(_) => Ok(Self::User(user)),
            _ => Err(Failure::usage(
                "--user: a JSON object of features expected, or a list of them",
            )),
        }
    }
}

/// The next line that is not blank; an empty one at the end.
fn next_line(reader: &mut dyn BufRead, origin: &str) -> Result<String, Failure> {
    let mut line = String::new();
    loop {
        line.clear();
        let read = reader.read_line(&mut line);
        let read = read.map_err(|error| Failure::reading(origin, error))?;
        if read == 0 || !line.trim_start_matches('\u{feff}').trim().is_empty() {
            return Ok(line.trim_start_matches('\u{feff}').to_owned());
        }
    }
}

/// The components of a vector.
fn numbers(value: &Value) -> Result<Vec<f32>, Failure> {
    let Value::Array(list) = value else {
        return Err(Failure::usage("--vector: a JSON list of numbers expected"));
    };
    let number = |(index, value): (usize, &Value)| {
        value.as_f64().map(|number| number as f32).ok_or_else(|| {
            Failure::usage(format!(
                "--vector: a number expected at place {index}, found {value}"
            ))
        })
    };
    list.iter().enumerate().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn a_query_is_a_user_a_list_of_users_or_a_vector() {
        let query = |user, vector| Query::new(user, vector, false);
        assert!(matches!(query(Some("{}"), None), Ok(Query::User(_))));
        assert!(
            matches!(query(Some("[{},{}]"), None), Ok(Query::Users(users)) if users.len() == 2)
        );
        assert!(matches!(query(None, Some("[1,-0.5]")), Ok(Query::Vector(v)) if v == [1.0, -0.5]));
        for (user, vector) in [
            (Some("3"), None),
            (Some("{"), None),
            (None, Some("{}")),
            (None, Some("[1,\"a\"]")),
            (None, None),
        ] {
            assert!(query(user, vector).is_err());
        }
    }

    #[test]
    fn an_input_is_one_value_or_lines_of_users() {
        let query = |text: &'static str, at_once| {
            let reader = Box::new(Cursor::new(text));
            Query::of_reader(reader, "standard input".to_owned(), at_once)
        };
        for text in ["{\"a\":1}", "\n{\"a\":\n1}\n", "\u{feff}{\"a\":1}\n\n"] {
            assert!(
                matches!(query(text, false), Ok(Query::User(user)) if user["a"] == 1),
                "{text}"
            );
        }
        for text in ["[{},{}]", "[{},\n{}]\n"] {
            assert!(
                matches!(query(text, true), Ok(Query::Users(users)) if users.len() == 2),
                "{text}"
            );
        }
        let lines = |text, at_once| match query(text, at_once) {
            Ok(Query::Lines(lines)) => lines.first.len(),
            _ => 0,
        };
        assert_eq!(lines("{}\n{}\n{}\n", false), 2);
        assert_eq!(lines("{}\n{}\n{}\n", true), 1);
        assert_eq!(lines("{}\noops\n", false), 2, "a bad line is that user's");
        assert_eq!(lines("{}", true), 1);
        assert!(
            query("7\n", true).is_err()
                && query("", true).is_err()
                && query("{} {}", true).is_err()
        );
    }
}
