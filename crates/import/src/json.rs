//! One JSON value in a line.

use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed};
use twinspire_towers::internals::check_integers;

use crate::lines::utf8;

/// Parses a line.
pub(crate) fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    parse_seed(line, PhantomData)
}

/// Parses a line with a seed, for types that need a state to be parsed.
pub(crate) fn parse_seed<'a, S>(line: &'a [u8], seed: S) -> Result<S::Value, String>
where
    S: DeserializeSeed<'a>,
{
    let text = utf8(line)?;
    check_integers(text).map_err(|error| error.to_string())?;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut json);
    let value = value.and_then(|value| json.end().map(|()| value));
    value.map_err(|error| {
        // The parser ends its message with the place. Its line is always 1, the column is said below.
        let what = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let what = what.strip_suffix(&place).unwrap_or(&what);
        let hint = if text.trim_start().starts_with('[') {
            " (one object per line expected, not one list of all)"
        } else {
            ""
        };
        format!("not JSON: {what} at column {}{hint}", error.column())
    })
}
