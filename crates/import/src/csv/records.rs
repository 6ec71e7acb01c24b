//! Items, users and events from the rows of a CSV file.

use std::io::Read;
use std::path::Path;

use ::csv::StringRecord;
use serde_json::{Map, Value};
use twinspire_towers::Event;

use super::cells;
use super::options::{CsvOptions, TEXT_COLUMNS};
use super::rows::{Rows, open};
use crate::error::ImportError;
use crate::fields;
use crate::lines::open_text;

/// Maximum number of columns that an error lists.
const MAX_NAMES: usize = 30;

/// Items from a file with a header row; one column is `id` ([`CsvOptions::id`] names another).
pub fn items(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Rows<Value>, ImportError> {
    let path = path.as_ref();
    items_from(open_text(path)?, path, options)
}

/// Items from any reader, such as standard input; errors call it `name`.
pub fn items_from(
    reader: impl Read + Send + 'static,
    name: impl AsRef<Path>,
    options: &CsvOptions,
) -> Result<Rows<Value>, ImportError> {
    records(reader, name.as_ref(), options, &["id"], fields::item)
}

/// Users from a file with a header row; one column is `user_id` or `id`.
pub fn users(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Rows<Value>, ImportError> {
    let path = path.as_ref();
    users_from(open_text(path)?, path, options)
}

/// Users from any reader; errors call it `name`.
pub fn users_from(
    reader: impl Read + Send + 'static,
    name: impl AsRef<Path>,
    options: &CsvOptions,
) -> Result<Rows<Value>, ImportError> {
    records(
        reader,
        name.as_ref(),
        options,
        &["user_id", "id"],
        fields::user,
    )
}

/// Events from a file with a header row.
///
/// The columns are `user` or `user_id` (or `query`, whose text then identifies the user), `item` or `item_id`,
/// `timestamp` or `at` in Unix seconds, and optionally `weight` or `rating`.
pub fn events(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Rows<Event>, ImportError> {
    let path = path.as_ref();
    events_from(open_text(path)?, path, options)
}

/// Events from any reader; errors call it `name`.
pub fn events_from(
    reader: impl Read + Send + 'static,
    name: impl AsRef<Path>,
    options: &CsvOptions,
) -> Result<Rows<Event>, ImportError> {
    let path = name.as_ref();
    let (reader, header) = open(reader, path, options)?;
    let position = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| header.iter().position(|column| column == *name))
    };
    let required = |names: &[&str]| position(names).ok_or_else(|| missing(path, names, &header));
    let user = required(&["user", "user_id", "query"])?;
    let item = required(&["item", "item_id"])?;
    let at = required(&["timestamp", "at"])?;
    let weight = position(&["weight", "rating"]);
    Ok(Rows::new(path, reader, move |row: &StringRecord| {
        let cell = |column: usize| row.get(column).unwrap_or_default();
        fields::event_from_cells(cell(user), cell(item), cell(at), weight.map(cell))
    }))
}

/// How a column is read, and the field it becomes.
enum Column {
    /// A string.
    Text(String),
    /// A list of strings.
    List(String),
    /// The type is read off each cell.
    Typed(String),
}

/// Records whose id stands in one of the columns `ids`; the first is the name of the field.
fn records(
    reader: impl Read + Send + 'static,
    path: &Path,
    options: &CsvOptions,
    ids: &[&'static str],
    check: fn(Value) -> Result<Value, String>,
) -> Result<Rows<Value>, ImportError> {
    let (reader, header) = open(reader, path, options)?;
    check_columns(path, &header, options, ids)?;
    let id = ids.first().copied().unwrap_or("id");
    let columns: Vec<Column> = header
        .iter()
        .map(|name| column(name, id, options))
        .collect();
    Ok(Rows::new(path, reader, move |row: &StringRecord| {
        let mut record = Map::new();
        for (column, cell) in columns.iter().zip(row) {
            if cell.is_empty() {
                continue;
            }
            let (name, value) = match column {
                Column::Text(name) => (name, Value::String(cell.to_owned())),
                Column::List(name) => (name, cells::list(cell)),
                Column::Typed(name) => (name, cells::value(cell)),
            };
            record.insert(name.clone(), value);
        }
        check(Value::Object(record))
    }))
}

/// Checks that the columns which the options name are there, and one for the id.
fn check_columns(
    path: &Path,
    header: &StringRecord,
    options: &CsvOptions,
    ids: &[&str],
) -> Result<(), ImportError> {
    let has = |name: &str| header.iter().any(|column| column == name);
    match &options.id {
        Some(named) if !has(named) => return Err(missing(path, &[named], header)),
        None if !ids.iter().any(|id| has(id)) => return Err(missing(path, ids, header)),
        _ => {}
    }
    let named = options.lists.iter().chain(&options.texts);
    if let Some(named) = named.into_iter().find(|named| !has(named)) {
        return Err(missing(path, &[named], header));
    }
    let id = ids.first().copied().unwrap_or("id");
    if let Some(named) = &options.id
        && named != id
        && has(id)
    {
        let what = format!("column `{named}` is to be read as `{id}`, but there is an `{id}` too");
        return Err(ImportError::line(path, 1, what));
    }
    Ok(())
}

/// How the column of this name is read.
fn column(name: &str, id: &str, options: &CsvOptions) -> Column {
    if options.id.as_deref() == Some(name) {
        Column::Text(id.to_owned())
    } else if options.lists.contains(name) {
        Column::List(name.to_owned())
    } else if options.texts.contains(name) || TEXT_COLUMNS.contains(&name) || name.ends_with("_id")
    {
        Column::Text(name.to_owned())
    } else {
        Column::Typed(name.to_owned())
    }
}

/// The error for a missing column; it lists the columns there are.
fn missing(path: &Path, names: &[&str], header: &StringRecord) -> ImportError {
    let names = names.join("` or `");
    let columns: Vec<&str> = header.iter().take(MAX_NAMES).collect();
    let columns = columns.join(", ");
    let what = format!("a column `{names}` expected, but the header has: {columns}");
    ImportError::line(path, 1, what)
}
