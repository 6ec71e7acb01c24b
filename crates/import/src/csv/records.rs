//! Items, users and events from the rows of a CSV file.

use std::io::{self, Cursor, Read};
use std::path::Path;

use serde_json::{Map, Value};
use twinspire_towers::Event;

use super::kinds::{self, Kind};
use super::rows::{Rows, Table};
use super::scan::Cells;
use crate::error::ImportError;
use crate::fields::{self, Clock};
use crate::input::Text;
use crate::names::Wanted;
use crate::options::ReadOptions;
use crate::standard_input::is_standard_input;

/// Columns that stay strings whatever they hold.
pub const TEXT_COLUMNS: [&str; 4] = ["id", "title", "name", "description"];

/// Maximum number of columns that an error lists.
const MAX_NAMES: usize = 30;

/// Number of bytes of standard input, and of readers, in which the types of columns are detected.
const HEAD_BYTES: u64 = 16 << 20;

/// Items from a file with a header row; one column is `id` ([`ReadOptions::id`] names another).
pub fn items(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Rows<Value>, ImportError> {
    let path = path.as_ref();
    records(Text::open(path)?, path, options, &ITEMS)
}

/// Items from any reader; errors call it `name`.
pub fn items_from(
    reader: impl Read + Send + 'static,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<Rows<Value>, ImportError> {
    from(reader, name.as_ref(), options, &ITEMS)
}

/// Users from a file with a header row; one column is `user_id` or `id`.
pub fn users(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Rows<Value>, ImportError> {
    let path = path.as_ref();
    records(Text::open(path)?, path, options, &USERS)
}

/// Users from any reader; errors call it `name`.
pub fn users_from(
    reader: impl Read + Send + 'static,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<Rows<Value>, ImportError> {
    from(reader, name.as_ref(), options, &USERS)
}

/// Events from a file with a header row.
///
/// The columns are `user` or `user_id` (or `query`, whose text then identifies the user), `item` or `item_id`,
/// `timestamp` or `at` (Unix times, or dates and times as in ISO 8601), and optionally `weight` or `rating`.
pub fn events(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Rows<Event>, ImportError> {
    let path = path.as_ref();
    events_of(Text::open(path)?, path, options)
}

/// Events from any reader; errors call it `name`.
pub fn events_from(
    reader: impl Read + Send + 'static,
    name: impl AsRef<Path>,
    options: &ReadOptions,
) -> Result<Rows<Event>, ImportError> {
    let path = name.as_ref();
    events_of(Text::unpacked(reader, path)?, path, options)
}

pub(crate) fn items_of(
    text: Text,
    path: &Path,
    options: &ReadOptions,
) -> Result<Rows<Value>, ImportError> {
    records(text, path, options, &ITEMS)
}

/// Items whose rows `finish` turns into what is read.
pub(crate) fn films_of(
    text: Text,
    path: &Path,
    options: &ReadOptions,
    finish: fn(&Value) -> Value,
) -> Result<Rows<Value>, ImportError> {
    let films = Records {
        finish: Some(finish),
        ..ITEMS
    };
    records(text, path, options, &films)
}

pub(crate) fn users_of(
    text: Text,
    path: &Path,
    options: &ReadOptions,
) -> Result<Rows<Value>, ImportError> {
    records(text, path, options, &USERS)
}

pub(crate) fn events_of(
    text: Text,
    path: &Path,
    options: &ReadOptions,
) -> Result<Rows<Event>, ImportError> {
    let table = Table::open(text, path, options)?;
    let position = |wanted: &Wanted| {
        let names = table.header.iter().map(String::as_str);
        let name = wanted.find(names)?;
        table.header.iter().position(|column| column == name)
    };
    let required = |wanted: &Wanted| {
        position(wanted).ok_or_else(|| missing(path, &wanted.names(), &table.header))
    };
    let user = Wanted::user(options);
    let query = || table.header.iter().position(|column| column == "query");
    let query = query().filter(|_| user.given().is_none());
    let user = position(&user)
        .or(query)
        .map_or_else(|| required(&user), Ok)?;
    let item = required(&Wanted::item(options))?;
    let at = required(&Wanted::time(options))?;
    let weight = position(&Wanted::weight(options));
    let mut clock = Clock::default();
    Ok(table.rows(path, move |row: &Cells| {
        let cell = |column: usize| row.get(column);
        fields::event_from_cells(
            cell(user),
            cell(item),
            cell(at),
            weight.map(cell),
            &mut clock,
        )
    }))
}

/// What differs between items and users.
struct Records {
    /// The field of the id.
    id: &'static str,
    wanted: fn(&ReadOptions) -> Wanted,
    check: fn(&ReadOptions) -> Check,
    /// What a row becomes.
    finish: Option<fn(&Value) -> Value>,
}

type Check = Box<dyn FnMut(Value) -> Result<Value, String> + Send>;

const ITEMS: Records = Records {
    id: "id",
    wanted: Wanted::item_id,
    check: |options| Box::new(fields::items(options)),
    finish: None,
};

const USERS: Records = Records {
    id: "user_id",
    wanted: Wanted::user_id,
    check: |options| Box::new(fields::users(options)),
    finish: None,
};

/// Records from a reader: the types of columns are detected in its head.
fn from(
    reader: impl Read + Send + 'static,
    path: &Path,
    options: &ReadOptions,
    of: &Records,
) -> Result<Rows<Value>, ImportError> {
    let text = Text::unpacked(reader, path)?;
    streamed(text, path, options, of)
}

fn streamed(
    mut text: Text,
    path: &Path,
    options: &ReadOptions,
    of: &Records,
) -> Result<Rows<Value>, ImportError> {
    let mut head = Vec::new();
    let read = (&mut text.reader).take(HEAD_BYTES).read_to_end(&mut head);
    if let Err(error) = read {
        // The rows before it are read; then it is met again.
        let failed = Failed(Some(error));
        text.reader = Box::new(io::BufReader::new(failed));
    }
    // A row that is cut off here would have another type.
    let whole = match head.len() as u64 == HEAD_BYTES {
        true => head
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1),
        false => head.len(),
    };
    let whole = head.get(..whole).unwrap_or_default().to_vec();
    let kinds = kinds_of(Text::plain(Cursor::new(whole)), path, options)?;
    text.reader = Box::new(io::BufReader::new(Cursor::new(head).chain(text.reader)));
    table(text, path, options, of, &kinds)
}

/// A reader that fails once.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Records of a file, which is read twice: first for the types of its columns.
fn records(
    text: Text,
    path: &Path,
    options: &ReadOptions,
    of: &Records,
) -> Result<Rows<Value>, ImportError> {
    if is_standard_input(path) {
        return streamed(text, path, options, of);
    }
    let kinds = kinds_of(text, path, options)?;
    table(Text::open(path)?, path, options, of, &kinds)
}

fn kinds_of(text: Text, path: &Path, options: &ReadOptions) -> Result<Vec<Kind>, ImportError> {
    let mut table = Table::open(text, path, options)?;
    Ok(kinds::infer(&mut table.scanner, table.header.len()))
}

/// How a column is read.
enum Column {
    /// A string.
    Text(String),
    /// A list of strings.
    List(String),
    Typed(String, Kind),
    Unread,
}

fn table(
    text: Text,
    path: &Path,
    options: &ReadOptions,
    of: &Records,
    kinds: &[Kind],
) -> Result<Rows<Value>, ImportError> {
    let table = Table::open(text, path, options)?;
    let wanted = (of.wanted)(options);
    let names = table.header.iter().map(String::as_str);
    let id = wanted.find(names).map(str::to_owned);
    let id = id.ok_or_else(|| missing(path, &wanted.names(), &table.header))?;
    check_columns(path, &table.header, options, &id, of.id)?;
    let columns = table.header.iter().zip(kinds);
    let columns: Vec<Column> = columns
        .map(|(name, kind)| column(name, *kind, &id, of.id, options))
        .collect();
    // Its columns are selected and renamed here.
    let (mut check, finish) = ((of.check)(&ReadOptions::new()), of.finish);
    Ok(table.rows(path, move |row: &Cells| {
        let mut record = Map::new();
        for (at, column) in columns.iter().enumerate() {
            let cell = row.get(at);
            if cell.is_empty() {
                continue;
            }
            let (name, value) = match column {
                Column::Text(name) => (name, Value::String(cell.to_owned())),
                Column::List(name) => (name, kinds::list(cell)),
                Column::Typed(name, kind) => {
                    let value = kind.value(cell);
                    (
                        name,
                        value.map_err(|what| format!("field `{name}`: {what}"))?,
                    )
                }
                Column::Unread => continue,
            };
            if !value.is_null() {
                record.insert(name.clone(), value);
            }
        }
        let record = check(Value::Object(record))?;
        Ok(match finish {
            Some(finish) => finish(&record),
            None => record,
        })
    }))
}

/// Checks that the columns which the options name are there.
fn check_columns(
    path: &Path,
    header: &[String],
    options: &ReadOptions,
    id: &str,
    field: &str,
) -> Result<(), ImportError> {
    let has = |name: &str| header.iter().any(|column| column == name);
    let named = options
        .lists
        .iter()
        .chain(&options.texts)
        .chain(&options.columns)
        .chain(&options.drop);
    if let Some(named) = named
        .into_iter()
        .find(|named| !options.lenient && !has(named))
    {
        return Err(missing(path, &[named], header));
    }
    if id != field && has(field) && options.keeps(field, &[]) {
        let what = format!(
            "column `{id}` is to be read as `{field}`, but there is a column `{field}` too: drop it"
        );
        return Err(ImportError::line(path, 1, what));
    }
    Ok(())
}

/// How the column of this name is read.
fn column(name: &str, kind: Kind, id: &str, field: &str, options: &ReadOptions) -> Column {
    if name == id {
        Column::Text(field.to_owned())
    } else if !options.keeps(name, &[]) {
        Column::Unread
    } else if options.lists.contains(name) {
        Column::List(name.to_owned())
    } else if options.texts.contains(name) || TEXT_COLUMNS.contains(&name) {
        Column::Text(name.to_owned())
    } else {
        Column::Typed(name.to_owned(), kind)
    }
}

/// The error for a missing column; it lists the columns there are.
fn missing(path: &Path, names: &[&str], header: &[String]) -> ImportError {
    let names = names.join("` or `");
    let columns: Vec<&str> = header.iter().take(MAX_NAMES).map(String::as_str).collect();
    let columns = columns.join(", ");
    let what = format!("a column `{names}` expected, but the header has: {columns}");
    ImportError::line(path, 1, what)
}
