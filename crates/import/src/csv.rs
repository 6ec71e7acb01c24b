//! CSV with a header row.
//!
//! Types are read off each cell, and only where nothing is lost: `12` is an integer and `12.50` a
//! float, but `007`, `+1`, `1e5` and `NaN` stay text, for they are more often codes than numbers.
//! `true` and `false` are booleans; an empty cell is an absent field. Columns that are text by their
//! nature ([`TEXT_COLUMNS`] and all that end in `_id`) are never guessed at, so that a film called
//! `1984` keeps its title; [`CsvOptions::text`] names more of them.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ::csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use serde_json::{Map, Number, Value};

use super::error::ImportError;
use super::fields;
use super::lines::{MAX_LINE_BYTES, open_text};
use twinspire_towers::Event;

/// Columns that stay text whatever is in them, beside those that end in `_id`.
pub const TEXT_COLUMNS: [&str; 4] = ["id", "title", "name", "description"];

/// How a CSV file is to be read.
#[derive(Debug, Clone, Default)]
pub struct CsvOptions {
    delimiter: Option<u8>,
    id: Option<String>,
    lists: HashSet<String>,
    texts: HashSet<String>,
}

impl CsvOptions {
    /// Commas (tabs in a file called `.tsv`), types by cell, the id in a column `id`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Separates cells by this byte, such as `b';'`.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = Some(delimiter);
        self
    }

    /// Reads the id from this column; the record calls it `id` (`user_id` for users).
    #[must_use]
    pub fn id(mut self, column: impl Into<String>) -> Self {
        self.id = Some(column.into());
        self
    }

    /// Columns that are lists of texts, separated by `|`: `Comedy|Drama`.
    #[must_use]
    pub fn lists(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.lists.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Columns that are text even where they look like numbers, such as post codes.
    #[must_use]
    pub fn text(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.texts.extend(columns.into_iter().map(Into::into));
        self
    }
}

/// The records of a CSV file, read as they are asked for.
///
/// A bad row is an error that names its line, and the next call goes on with the row after; an error
/// of the file system, or a row without end (a quote never closed), ends the iteration.
pub struct Rows<T> {
    path: PathBuf,
    reader: Reader<Bounded>,
    record: StringRecord,
    convert: Convert<T>,
    done: bool,
}

type Convert<T> = Box<dyn FnMut(&StringRecord) -> Result<T, String> + Send>;

/// Items from a file with a header row; one column is `id` ([`CsvOptions::id`] names another).
pub fn items(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Rows<Value>, ImportError> {
    let path = path.as_ref();
    items_from(open_text(path)?, path, options)
}

/// Items from any reader, such as standard input; `name` is what errors call it.
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

/// Users from any reader; `name` is what errors call it.
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

/// Events from a file with a header row: columns `user` or `user_id` (or else `query`, where what was
/// asked stands for who asked), `item` or `item_id`, `timestamp` or `at` in Unix seconds, and maybe `weight` or `rating`.
pub fn events(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Rows<Event>, ImportError> {
    let path = path.as_ref();
    events_from(open_text(path)?, path, options)
}

/// Events from any reader; `name` is what errors call it.
pub fn events_from(
    reader: impl Read + Send + 'static,
    name: impl AsRef<Path>,
    options: &CsvOptions,
) -> Result<Rows<Event>, ImportError> {
    let path = name.as_ref();
    let (reader, header) = start(reader, path, options)?;
    let find = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| header.iter().position(|column| column == *name))
    };
    let need = |names: &[&str]| find(names).ok_or_else(|| missing(path, names, &header));
    let user = need(&["user", "user_id", "query"])?;
    let item = need(&["item", "item_id"])?;
    let at = need(&["timestamp", "at"])?;
    let weight = find(&["weight", "rating"]);
    Ok(Rows::new(path, reader, move |row: &StringRecord| {
        let cell = |column: usize| row.get(column).unwrap_or_default();
        fields::event_of_text(cell(user), cell(item), cell(at), weight.map(cell))
    }))
}

/// How one column of records is read.
enum Column {
    Text(String),
    List(String),
    Guess(String),
}

fn records(
    reader: impl Read + Send + 'static,
    path: &Path,
    options: &CsvOptions,
    ids: &[&'static str],
    check: fn(Value) -> Result<Value, String>,
) -> Result<Rows<Value>, ImportError> {
    let (reader, header) = start(reader, path, options)?;
    let has = |name: &str| header.iter().any(|column| column == name);
    let wanted = match &options.id {
        Some(named) => has(named),
        None => ids.iter().any(|id| has(id)),
    };
    if !wanted {
        let named = options.id.as_deref();
        let names: Vec<&str> = named.map_or_else(|| ids.to_vec(), |named| vec![named]);
        return Err(missing(path, &names, &header));
    }
    for named in options.lists.iter().chain(&options.texts) {
        if !has(named) {
            return Err(missing(path, &[named], &header));
        }
    }
    let id = ids.first().copied().unwrap_or("id");
    if let Some(named) = &options.id
        && named != id
        && has(id)
    {
        let what = format!("column `{named}` is to be read as `{id}`, but there is an `{id}` too");
        return Err(ImportError::line(path, 1, what));
    }
    let columns: Vec<Column> = header
        .iter()
        .map(|name| {
            if options.id.as_deref() == Some(name) {
                Column::Text(id.to_owned())
            } else if options.lists.contains(name) {
                Column::List(name.to_owned())
            } else if options.texts.contains(name)
                || TEXT_COLUMNS.contains(&name)
                || name.ends_with("_id")
            {
                Column::Text(name.to_owned())
            } else {
                Column::Guess(name.to_owned())
            }
        })
        .collect();
    Ok(Rows::new(path, reader, move |row: &StringRecord| {
        let mut record = Map::new();
        for (column, cell) in columns.iter().zip(row) {
            if cell.is_empty() {
                continue;
            }
            let (name, value) = match column {
                Column::Text(name) => (name, Value::String(cell.to_owned())),
                Column::List(name) => (name, list(cell)),
                Column::Guess(name) => (name, guess(cell)),
            };
            record.insert(name.clone(), value);
        }
        check(Value::Object(record))
    }))
}

/// Reads the header row and refuses one that cannot name fields.
fn start(
    reader: impl Read + Send + 'static,
    path: &Path,
    options: &CsvOptions,
) -> Result<(Reader<Bounded>, StringRecord), ImportError> {
    let tsv = path
        .extension()
        .is_some_and(|ext| ext.eq_ignore_ascii_case("tsv"));
    let delimiter = options.delimiter.unwrap_or(if tsv { b'\t' } else { b',' });
    let bounded = Bounded {
        inner: Box::new(reader),
        left: MAX_LINE_BYTES,
    };
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(bounded);
    let header = reader
        .headers()
        .map_err(|error| place(path, 1, &error))?
        .clone();
    if header.is_empty() {
        return Err(ImportError::file(
            path,
            "a header row expected, an empty file found",
        ));
    }
    let mut seen = HashSet::new();
    for (index, name) in header.iter().enumerate() {
        if name.trim().is_empty() {
            let what = format!("column {} has no name in the header", index + 1);
            return Err(ImportError::line(path, 1, what));
        }
        if !seen.insert(name) {
            let what = format!("two columns are called `{name}`: rename one");
            return Err(ImportError::line(path, 1, what));
        }
    }
    Ok((reader, header))
}

fn missing(path: &Path, names: &[&str], header: &StringRecord) -> ImportError {
    let names = names.join("` or `");
    let columns: Vec<&str> = header.iter().take(30).collect();
    let columns = columns.join(", ");
    let what = format!("a column `{names}` expected, but the header has: {columns}");
    ImportError::line(path, 1, what)
}

fn list(cell: &str) -> Value {
    let parts = cell
        .split('|')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
}

/// The value a cell plainly is; text when in doubt.
fn guess(cell: &str) -> Value {
    let text = || Value::String(cell.to_owned());
    match cell {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    if !is_plain_number(cell) {
        return text();
    }
    if !cell.contains('.') {
        // An integer too large for 64 bits is a code, not a quantity.
        return cell.parse::<i64>().map_or_else(|_| text(), Value::from);
    }
    let float = cell.parse::<f64>().ok().and_then(Number::from_f64);
    float.map_or_else(text, Value::Number)
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, and no `-0`.
fn is_plain_number(cell: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = match cell.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (cell, None),
    };
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    digits(unsigned)
        && (unsigned == "0" || !unsigned.starts_with('0'))
        && fraction.is_none_or(digits)
        && (fraction.is_some() || whole != "-0")
}

impl<T> Rows<T> {
    fn new(
        path: &Path,
        reader: Reader<Bounded>,
        convert: impl FnMut(&StringRecord) -> Result<T, String> + Send + 'static,
    ) -> Self {
        Self {
            path: path.to_owned(),
            reader,
            record: StringRecord::new(),
            convert: Box::new(convert),
            done: false,
        }
    }

    /// How many bytes of the file have been read: for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }
}

impl<T> Iterator for Rows<T> {
    type Item = Result<T, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.reader.get_mut().left = MAX_LINE_BYTES;
        match self.reader.read_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => {
                self.done = true;
                return None;
            }
            Err(error) => {
                self.done = error.is_io_error();
                return Some(Err(place(
                    &self.path,
                    self.reader.position().line(),
                    &error,
                )));
            }
        }
        let line = self.record.position().map_or(0, ::csv::Position::line);
        let record = (self.convert)(&self.record);
        Some(record.map_err(|what| ImportError::line(&self.path, line, what)))
    }
}

impl<T> std::fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A CSV error in our words; `line` where the error itself does not know.
fn place(path: &Path, line: u64, error: &::csv::Error) -> ImportError {
    let line = error.position().map_or(line, ::csv::Position::line);
    match error.kind() {
        ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            let what = format!(
                "a row of at most {MAX_LINE_BYTES} bytes expected, longer found: \
                 is a quote never closed?"
            );
            ImportError::line(path, line, what)
        }
        ErrorKind::Io(error) => ImportError::io(path, error),
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            let what = format!("{expected_len} cells expected, as in the header, found {len}");
            ImportError::line(path, line, what)
        }
        ErrorKind::Utf8 { err, .. } => {
            let cell = err.field() + 1;
            let what = format!("UTF-8 text expected, found other bytes in cell {cell}");
            ImportError::line(path, line, what)
        }
        _ => ImportError::line(path, line, error.to_string()),
    }
}

/// A reader that gives only so much before its owner looks again: the bound on one row.
struct Bounded {
    inner: Box<dyn Read + Send>,
    left: usize,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::io::Cursor;

    fn rows(text: &str, options: &CsvOptions) -> Vec<Result<Value, String>> {
        match items_from(Cursor::new(text.to_owned()), "a.csv", options) {
            Ok(rows) => rows
                .map(|row| row.map_err(|error| error.to_string()))
                .collect(),
            Err(error) => vec![Err(error.to_string())],
        }
    }

    #[test]
    fn cells_become_what_they_plainly_are() {
        let text = "\u{feff}id,price,stock,new,colour,title\r\n\
                    7,12.50,3,true,,1984\r\n\r\nB2,,-4,false,red,\"a, b\"\r\n";
        assert_eq!(
            rows(text, &CsvOptions::new()),
            [
                Ok(json!({"id": "7", "price": 12.5, "stock": 3, "new": true, "title": "1984"})),
                Ok(
                    json!({"id": "B2", "stock": -4, "new": false, "colour": "red", "title": "a, b"})
                ),
            ]
        );
    }

    #[test]
    fn codes_are_not_taken_for_numbers() {
        for code in [
            "007",
            "+1",
            "1e5",
            "NaN",
            "inf",
            "-0",
            "1.",
            ".5",
            "00.5",
            " 1",
            "1_0",
            "True",
            "99999999999999999999",
            "1.2.3",
            "-",
            "--1",
            "٣",
        ] {
            assert_eq!(guess(code), json!(code), "{code}");
        }
        assert_eq!(guess("-0.5"), json!(-0.5));
        assert_eq!(guess("0"), json!(0));
    }

    #[test]
    fn lists_texts_and_the_id_column_are_named_in_options() {
        let options = CsvOptions::new()
            .id("movieId")
            .lists(["genres"])
            .text(["zip"])
            .delimiter(b';');
        let text = "movieId;genres;zip\n1;Comedy| Drama|;12345\n2;;\n";
        assert_eq!(
            rows(text, &options),
            [
                Ok(json!({"id": "1", "genres": ["Comedy", "Drama"], "zip": "12345"})),
                Ok(json!({"id": "2"})),
            ]
        );
    }

    #[test]
    fn each_bad_row_is_named_and_the_next_is_read() {
        let all = rows("id,n\na\n,1\nc,1,2\nd,1\n", &CsvOptions::new());
        assert_eq!(all.len(), 4);
        let says = |index: usize| all[index].clone().unwrap_err();
        assert_eq!(
            says(0),
            "a.csv, line 2: 2 cells expected, as in the header, found 1"
        );
        assert!(
            says(1).starts_with("a.csv, line 3: field `id`: expected a non-empty"),
            "{}",
            says(1)
        );
        assert_eq!(
            says(2),
            "a.csv, line 4: 2 cells expected, as in the header, found 3"
        );
        assert_eq!(all[3], Ok(json!({"id": "d", "n": 1})));

        let bytes = Cursor::new(b"id,n\na,\xff\nb,1\n".to_vec());
        let mut all = items_from(bytes, "a.csv", &CsvOptions::new()).unwrap();
        let error = all.next().unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.csv, line 2: UTF-8 text expected, found other bytes in cell 2"
        );
        assert!(all.next().unwrap().is_ok());
    }

    #[test]
    fn a_header_that_cannot_name_fields_is_refused() {
        let says = |text: &str, options: &CsvOptions| rows(text, options)[0].clone().unwrap_err();
        let plain = CsvOptions::new();
        assert!(says("", &plain).contains("a header row expected, an empty file found"));
        assert!(says("id,,b\n", &plain).contains("column 2 has no name"));
        assert!(says("id,b,b\n", &plain).contains("two columns are called `b`"));
        assert!(
            says("name,b\n", &plain)
                .contains("a column `id` expected, but the header has: name, b")
        );
        assert!(says("id,b\n", &plain.clone().lists(["c"])).contains("a column `c` expected"));
        assert!(says("id,b\n", &plain.clone().id("b")).contains("there is an `id` too"));
    }

    #[test]
    fn a_quote_never_closed_ends_in_an_error_and_bounded_memory() {
        let endless = io::Read::chain(Cursor::new("id,b\nx,\"".to_owned()), io::repeat(b'y'));
        let mut all = items_from(endless, "a.csv", &CsvOptions::new()).unwrap();
        let error = all.next().unwrap().unwrap_err();
        assert!(
            error.to_string().contains("is a quote never closed?"),
            "{error}"
        );
        assert!(all.next().is_none());
    }

    #[test]
    fn events_are_read_under_either_name() {
        let text = "user_id,item,rating,timestamp,extra\n1,B,4,881250949,x\n1,B,,5,x\n,B,1,1,x\n1,B,x,1,x\n1,B,1,,x\n";
        let all: Vec<_> = events_from(Cursor::new(text), "log.csv", &CsvOptions::new())
            .unwrap()
            .map(|event| event.map_err(|error| error.to_string()))
            .collect();
        let event = |at, weight| Event {
            user: "1".into(),
            item: "B".into(),
            at,
            weight,
        };
        assert_eq!(all[0], Ok(event(881_250_949, 4.0)));
        assert_eq!(all[1], Ok(event(5, 1.0)));
        let says = |index: usize| all[index].clone().unwrap_err();
        assert!(says(2).starts_with("log.csv, line 4: field `user`: expected a non-empty"));
        assert!(
            says(3).contains("line 5: field `weight`: expected a finite number, found a string")
        );
        assert!(says(4).contains("line 6: field `timestamp`: expected Unix seconds"));
        let none = events_from(Cursor::new("user,item\n"), "log.csv", &CsvOptions::new());
        assert!(
            none.unwrap_err()
                .to_string()
                .contains("a column `timestamp` or `at` expected")
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_run_on(text in prop::collection::vec(
            prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200)
        ) {
            let mut all = b"id,b\n".to_vec();
            all.extend_from_slice(&text);
            let rows = items_from(Cursor::new(all), "x", &CsvOptions::new()).unwrap();
            prop_assert!(rows.count() <= text.len() + 1);
        }

        #[test]
        fn a_number_guessed_says_what_the_cell_said(cell in "-?[0-9]{1,6}(\\.[0-9]{1,4})?") {
            match guess(&cell) {
                Value::Number(number) => prop_assert_eq!(
                    number.as_f64().unwrap(), cell.parse::<f64>().unwrap()
                ),
                other => prop_assert_eq!(other, json!(cell)),
            }
        }
    }
}
