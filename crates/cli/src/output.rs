//! What comes back: tables or JSON on standard output, failures and progress on standard error.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use twinspire::TowersError;
use twinspire::import::ImportError;
use twinspire::{Error, ErrorKind, FilterError};

/// How a command ends, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The operation failed.
    Failed = 1,
    /// The command line asks for something that makes no sense.
    Usage = 2,
    /// The database, space, item or file is not there.
    NotFound = 3,
    /// Something stored is damaged.
    Corrupt = 4,
}

impl Exit {
    /// The exit of a command that failed so.
    pub fn of(failure: &Failure) -> Self {
        failure.exit
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not do what it was asked: the message, its causes, what to do about it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    messages: Vec<String>,
    /// Lines that show what is wrong in what was typed.
    place: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// A command line that makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            messages: vec![message.into()],
            place: Vec::new(),
            hint: None,
        }
    }

    /// Something that is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::NotFound,
            messages: vec![message.into()],
            place: Vec::new(),
            hint: None,
        }
    }

    /// An operation that failed, with its causes.
    pub fn failed(error: impl StdError) -> Self {
        Self {
            exit: Exit::Failed,
            messages: chain(&error),
            place: Vec::new(),
            hint: None,
        }
    }

    /// A file that could not be read.
    pub fn reading(name: &str, error: io::Error) -> Self {
        Self::file(format!("{name}: cannot be read: {error}"), error)
    }

    /// A file that could not be written.
    pub fn writing(name: &str, error: io::Error) -> Self {
        Self::file(format!("{name}: cannot be written: {error}"), error)
    }

    fn file(message: String, error: io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Failed,
        };
        Self {
            exit,
            messages: vec![message],
            place: Vec::new(),
            hint: None,
        }
    }

    /// A filter that cannot be used, a word of the command line.
    fn filter(error: &FilterError) -> Self {
        let shown = error.to_string();
        let place = shown.lines().skip(1).map(str::to_owned);
        Self {
            place: place.collect(),
            ..Self::usage(format!("--filter: {}", error.message))
        }
    }

    /// Adds lines to be shown below the message.
    pub fn listing(mut self, lines: Vec<String>) -> Self {
        self.place.extend(lines);
        self
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        self.hint = Some(match self.hint.take() {
            Some(before) => format!("{before}; {hint}"),
            None => hint,
        });
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (exit, hint) = match &error {
            Error::Filter { source } => return Self::filter(source),
            _ => match error.kind() {
                ErrorKind::NotFound => (Exit::NotFound, None),
                ErrorKind::Corrupt => (
                    Exit::Corrupt,
                    Some(
                        "`check` lists what is damaged, `repair` goes on from what is left"
                            .to_owned(),
                    ),
                ),
                _ => (Exit::Failed, None),
            },
        };
        Self {
            exit,
            messages: chain(&error),
            place: Vec::new(),
            hint,
        }
    }
}

impl From<TowersError> for Failure {
    fn from(error: TowersError) -> Self {
        Error::from(error).into()
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let exit = if error.is_not_found() {
            Exit::NotFound
        } else {
            Exit::Failed
        };
        Self {
            exit,
            ..Self::failed(error)
        }
    }
}

/// An error and its causes; a cause that the message before it already tells is left out.
fn chain(error: &dyn StdError) -> Vec<String> {
    let mut messages = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if messages.last().is_none_or(|last| !last.contains(&message)) {
            messages.push(message);
        }
        cause = error.source();
    }
    messages
}

/// Where results and progress go, and in which form.
#[derive(Debug)]
pub struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    /// Prints results as JSON or as text, and progress unless told to be quiet.
    pub fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Prints a result: `document` for programs, or what `text` makes of it for people.
    pub fn result(&self, document: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let mut shown = if !self.json {
            text()
        } else if out.is_terminal() {
            format!("{document:#}")
        } else {
            document.to_string()
        };
        if !shown.ends_with('\n') {
            shown.push('\n');
        }
        match out.write_all(shown.as_bytes()).and_then(|()| out.flush()) {
            // Whoever reads has read enough: `twinspire recall … | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::failed(error)),
            Ok(()) => Ok(()),
        }
    }

    /// Prints a remark on standard error.
    pub fn note(&self, text: &str) {
        // Nothing is left to be told when standard error itself is gone.
        let _ = writeln!(io::stderr(), "{}", clean(text));
    }

    /// Prints why a command failed.
    pub fn failure(&self, failure: &Failure) {
        let mut messages = failure.messages.iter();
        if let Some(first) = messages.next() {
            self.note(&format!("error: {first}"));
        }
        failure.place.iter().for_each(|line| self.note(line));
        for cause in messages {
            self.note(&format!("  because: {cause}"));
        }
        if let Some(hint) = &failure.hint {
            self.note(&format!("hint: {hint}"));
        }
    }

    /// A bar on a terminal, nothing elsewhere. A total of 0 is an unknown one.
    pub fn bar(&self, what: &'static str, total: u64, unit: Unit) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let (bar, template) = match (unit, total) {
            (_, 0) => (
                ProgressBar::no_length(),
                "{msg:>10} {spinner} {human_pos} {elapsed}",
            ),
            (Unit::Bytes, _) => (
                ProgressBar::new(total),
                "{msg:>10} [{bar:32}] {bytes}/{total_bytes} {eta}",
            ),
            (Unit::Count, _) => (
                ProgressBar::new(total),
                "{msg:>10} [{bar:32}] {human_pos}/{human_len} {eta}",
            ),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what);
        bar
    }
}

/// What a progress bar counts.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Bytes of a file.
    Bytes,
    /// Things of any kind.
    Count,
}

/// A table for people: a header and rows of cells, aligned; columns of numbers to the right.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    /// A table with these columns; a name that starts with `>` is aligned to the right.
    pub fn new(columns: &[&str]) -> Self {
        let names = columns
            .iter()
            .map(|name| name.trim_start_matches('>').to_owned());
        Self {
            rows: vec![names.collect()],
            right: columns.iter().map(|name| name.starts_with('>')).collect(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows
            .push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }

    /// The lines of the table.
    pub fn render(&self) -> String {
        let wide = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.right.len()).map(wide).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, &width), &right) in row.iter().zip(&widths).zip(&self.right) {
                let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
                let (before, after) = if right {
                    (gap.as_str(), "")
                } else {
                    ("", gap.as_str())
                };
                line.push_str(before);
                line.push_str(cell);
                line.push_str(after);
                line.push_str("  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Any document for people: names and values aligned, lists of objects as tables.
pub fn outline(document: &Value) -> String {
    let mut text = String::new();
    outline_into(document, 0, &mut text);
    text
}

/// How deep an outline goes before it shows plain JSON.
const MAX_OUTLINE_DEPTH: usize = 4;

fn outline_into(document: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let Value::Object(fields) = document else {
        let _ = writeln!(text, "{indent}{}", cell(document));
        return;
    };
    let width = fields
        .keys()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    for (name, value) in fields {
        let label = clean(&name.replace('_', " "));
        match value {
            Value::Object(inner) if !inner.is_empty() && depth < MAX_OUTLINE_DEPTH => {
                let _ = writeln!(text, "{indent}{label}");
                outline_into(value, depth + 1, text);
            }
            Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_object) => {
                let _ = writeln!(text, "{indent}{label}");
                for line in table_of(list).lines() {
                    let _ = writeln!(text, "{indent}  {line}");
                }
            }
            _ => {
                let gap = " ".repeat(width.saturating_sub(name.chars().count()));
                let _ = writeln!(text, "{indent}{label}{gap}  {}", cell(value));
            }
        }
    }
}

/// Objects of one shape as a table, the columns those of the first.
fn table_of(list: &[Value]) -> String {
    let Some(Value::Object(first)) = list.first() else {
        return String::new();
    };
    // What a row is called stands first.
    let mut fields: Vec<(&String, &Value)> = first.iter().collect();
    fields.sort_by_key(|(name, _)| !matches!(name.as_str(), "name" | "number" | "id" | "file"));
    let columns: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            let mark = if value.is_number() { ">" } else { "" };
            format!("{mark}{}", name.replace('_', " "))
        })
        .collect();
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(&names);
    for object in list {
        let cells = fields.iter().map(|(name, _)| object.get(name.as_str()));
        table.row(cells.map(|value| value.map_or_else(String::new, cell)));
    }
    table.render()
}

/// One value in a cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => clean(text),
        Value::Number(number) => number
            .as_u64()
            .map_or_else(|| number.to_string(), thousands),
        Value::Array(list) => {
            let cells: Vec<String> = list.iter().map(|value| clean(&plain(value))).collect();
            cells.join(", ")
        }
        Value::Object(_) => clean(&value.to_string()),
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Text without control characters, which a terminal would obey: ids and records are anyone's.
pub fn clean(text: &str) -> String {
    if text.chars().any(char::is_control) {
        let shown = |c: char| {
            if c.is_control() {
                c.escape_default().to_string()
            } else {
                c.into()
            }
        };
        text.chars().map(shown).collect()
    } else {
        text.to_owned()
    }
}

/// A count with its thousands apart: `1,682`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of 32 bits as JSON, with no more digits than it has: 0.99, not 0.9900000095367432.
pub fn short(number: f32) -> Value {
    let digits = number.to_string().parse::<f64>();
    digits.map_or(Value::Null, Value::from)
}

/// A count and what is counted: `1 item`, `1,682 items`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// A moment as `2026-11-23 23:03:29 UTC`.
pub fn moment(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    // Civil date from a day number, in years that start in March, so that the odd day comes last.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_are_dates() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(951_827_696_000), "2000-02-29 12:34:56 UTC");
        assert_eq!(moment(1_735_689_599_999), "2024-12-31 23:59:59 UTC");
    }

    #[test]
    fn counts_are_easy_to_read() {
        assert_eq!(counted(1, "item"), "1 item");
        assert_eq!(counted(1_682, "item"), "1,682 items");
        assert_eq!(thousands(100_000_000), "100,000,000");
    }

    #[test]
    fn tables_are_aligned() {
        let mut table = Table::new(&["id", ">score"]);
        table.row(["Á1".to_owned(), "0.5".to_owned()]);
        table.row(["B\u{1b}[1m".to_owned(), "-10.5".to_owned()]);
        assert_eq!(
            table.render(),
            "id          score\nÁ1            0.5\nB\\u{1b}[1m  -10.5\n"
        );
    }

    #[test]
    fn any_document_has_an_outline() {
        let document = json!({
            "items": 1682,
            "journal_bytes": null,
            "spaces": [{"name": "movies", "items": 5}, {"name": "text"}],
        });
        let text = outline(&document);
        assert!(text.contains("items          1,682\n"), "{text}");
        assert!(text.contains("journal bytes  -\n"), "{text}");
        assert!(
            text.contains("  name    items\n  movies      5\n  text\n"),
            "{text}"
        );
    }

    #[test]
    fn scores_have_no_more_digits_than_they_have() {
        assert_eq!(short(0.99).to_string(), "0.99");
        assert_eq!(short(f32::NAN), Value::Null);
    }

    #[test]
    fn causes_are_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: {0}")]
        struct Outer(#[source] std::num::ParseIntError);
        let inner = "x".parse::<i32>().unwrap_err();
        assert_eq!(chain(&Outer(inner.clone())).len(), 1);
        assert_eq!(Failure::failed(inner).messages.len(), 1);
    }
}
