//! JSON as an argument: the text itself, `@file`, or `-` for standard input.

use std::io::Read;

use serde_json::Value;
use twinspire::import::{check_integers, regular_file};

use crate::output::Failure;

/// Maximum size of a file or of standard input that is read as one argument, in bytes.
const MAX_INPUT_BYTES: u64 = 64 << 20;

/// One JSON value. `option` names the argument in errors.
pub fn json(option: &str, argument: &str) -> Result<Value, Failure> {
    let (text, origin) = text(argument)?;
    json_of_text(option, &text, &origin)
}

/// One JSON value of a text that was read from `origin`.
pub fn json_of_text(option: &str, text: &str, origin: &str) -> Result<Value, Failure> {
    check_numbers(option, text)?;
    serde_json::from_str(text).map_err(|error| not_json(option, origin, &error))
}

/// Any number of JSON values one after the other, as in a file of JSON lines.
pub fn json_values(option: &str, argument: &str) -> Result<Vec<Value>, Failure> {
    let (text, origin) = text(argument)?;
    check_numbers(option, &text)?;
    let values = serde_json::Deserializer::from_str(&text).into_iter();
    let values = values.collect::<Result<Vec<Value>, _>>();
    values.map_err(|error| not_json(option, &origin, &error))
}

/// Refuses integers beyond 64 bits, which would be rounded.
fn check_numbers(option: &str, text: &str) -> Result<(), Failure> {
    check_integers(text).map_err(|error| Failure::usage(format!("{option}: {error}")))
}

/// The text of an argument and the name of its origin.
fn text(argument: &str) -> Result<(String, String), Failure> {
    if argument == "-" {
        let origin = "standard input".to_owned();
        Ok((read(std::io::stdin().lock(), &origin)?, origin))
    } else if let Some(path) = argument.strip_prefix('@') {
        let file = regular_file(path).map_err(|error| Failure::reading(path, error))?;
        Ok((read(file, path)?, path.to_owned()))
    } else {
        Ok((argument.to_owned(), "the argument".to_owned()))
    }
}

fn not_json(option: &str, origin: &str, error: &serde_json::Error) -> Failure {
    Failure::usage(format!("{option}: {origin} is not JSON: {error}"))
        .hint("quote JSON for the shell, as in --user '{\"user_id\":\"42\"}', or use @file or -")
}

fn read(reader: impl Read, origin: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let length = reader
        .take(MAX_INPUT_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::reading(origin, error))?;
    if length as u64 > MAX_INPUT_BYTES {
        return Err(Failure::usage(format!(
            "{origin}: more than {MAX_INPUT_BYTES} bytes of JSON"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_from_the_argument_or_from_a_file() {
        use std::io::Write;
        assert_eq!(json("--user", "{\"a\":1}").unwrap()["a"], 1);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[1, 2]").unwrap();
        let argument = format!("@{}", file.path().display());
        assert_eq!(json("--vector", &argument).unwrap()[1], 2);
        assert!(json("--user", "{").is_err());
        assert_eq!(json_values("--user", "{} {\"a\":1}\n[2]").unwrap().len(), 3);
        assert!(json_values("--user", "{} {").is_err());
        assert!(json("--user", "@/no/such/file").is_err());
    }
}
