//! Rows of cells, by the rules of RFC 4180.
//!
//! A cell that begins with a quote ends with one; two quotes in it stand for one. Rows end with LF, CRLF or CR.
//! A quote that is never closed would swallow the rest of the file, so a row is found before it is believed: where
//! its quotes are wrong, or where it spans lines and has another number of cells than the header, only its first line
//! is given up, and reading continues with the line that follows.

use std::io::{self, BufRead};
use std::ops::Range;

use crate::input::{BOM, Text};
use crate::lines::MAX_LINE_BYTES;

/// How cells are separated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialect {
    /// One character, or several.
    pub(super) delimiter: Vec<u8>,
    /// Whether a quote at the start of a cell opens a quoted cell.
    pub(super) quotes: bool,
}

/// The cells of a row. The text of all stands in one string.
#[derive(Debug, Default)]
pub(super) struct Cells {
    text: String,
    ends: Vec<usize>,
    quoted: Vec<bool>,
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a cell; empty beyond the last.
    pub(super) fn get(&self, at: usize) -> &str {
        let start = match at {
            0 => 0,
            _ => self.ends.get(at - 1).copied().unwrap_or_default(),
        };
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.text.get(start..end).unwrap_or_default()
    }

    /// Whether a cell is quoted.
    pub(super) fn is_quoted(&self, at: usize) -> bool {
        self.quoted.get(at).copied().unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }
}

/// Why there is no row.
#[derive(Debug)]
pub(super) enum Fault {
    /// The line is given up, and the next call continues with the line that follows.
    Line(String),
    /// The file system failed.
    Io(io::Error),
}

impl Fault {
    fn line(what: impl Into<String>) -> Self {
        Self::Line(what.into())
    }
}

/// Splits text into rows.
pub(super) struct Scanner {
    text: Text,
    dialect: Dialect,
    /// Text that is read but not yet passed on begins at `start`.
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    /// Number of the line at `start`, from 1, and of that of the last row.
    line: u64,
    row_line: u64,
    position: u64,
}

/// A row in the buffer.
struct Found {
    /// Length with and without the end of the line.
    length: usize,
    content: usize,
    /// Number of line ends in it, the last included.
    lines: u64,
}

/// Why no row can be found at this place.
enum Broken {
    Unclosed,
    AfterQuote(usize),
    TooLong,
}

impl Scanner {
    pub(super) fn new(text: Text, dialect: Dialect) -> Self {
        Self {
            text,
            dialect,
            buffer: Vec::new(),
            start: 0,
            ended: false,
            line: 1,
            row_line: 1,
            position: 0,
        }
    }

    /// The number of the line in which the last row began.
    pub(super) fn row_line(&self) -> u64 {
        self.row_line
    }

    /// Bytes of the file read so far, for a progress bar.
    pub(super) fn bytes_read(&self) -> u64 {
        self.text.bytes_read(self.position)
    }

    pub(super) fn set_dialect(&mut self, dialect: Dialect) {
        self.dialect = dialect;
    }

    /// The first line, without consuming it; cut off at `most` bytes.
    pub(super) fn peek_line(&mut self, most: usize) -> io::Result<&[u8]> {
        self.skip_bom()?;
        while !self.left().contains(&b'\n') && self.left().len() < most && self.fill()? {}
        let left = self.left();
        let end = left.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        Ok(left
            .get(..end.unwrap_or(left.len()).min(most))
            .unwrap_or_default())
    }

    /// Reads the next row that is not blank; `false` at the end. With `expected`, a row has that number of cells.
    pub(super) fn next(
        &mut self,
        cells: &mut Cells,
        expected: Option<usize>,
    ) -> Result<bool, Fault> {
        self.skip_bom().map_err(Fault::Io)?;
        loop {
            self.row_line = self.line;
            if self.left().is_empty() && !self.fill().map_err(Fault::Io)? {
                return Ok(false);
            }
            let found = match self.find().map_err(Fault::Io)? {
                Ok(found) => found,
                Err(broken) => return Err(self.give_up(&broken)),
            };
            if found.content == 0 {
                self.consume(found.length);
                self.line += found.lines;
                continue;
            }
            let row = self.start..self.start + found.content;
            let split = self.split(row, cells);
            let count = cells.len();
            let fault = match (split, expected) {
                (Err(what), _) => Some(what),
                (Ok(()), Some(expected)) if expected != count => Some(format!(
                    "{expected} cells expected, as in the header, found {count}"
                )),
                _ => None,
            };
            let Some(what) = fault else {
                self.consume(found.length);
                self.line += found.lines;
                return Ok(true);
            };
            if found.lines > 1 {
                let what = format!(
                    "{what}, in a row of {} lines: is a quote never closed?",
                    found.lines
                );
                self.skip_line().map_err(Fault::Io)?;
                return Err(Fault::Line(what));
            }
            self.consume(found.length);
            self.line += found.lines;
            return Err(Fault::Line(what));
        }
    }

    /// Skips the byte order mark at the start of the file.
    fn skip_bom(&mut self) -> io::Result<()> {
        if self.position > 0 {
            return Ok(());
        }
        while self.left().len() < BOM.len() && self.fill()? {}
        if self.left().starts_with(BOM) {
            self.consume(BOM.len());
        }
        Ok(())
    }

    fn left(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.position += bytes as u64;
        if self.start >= self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    /// Reads more text; `false` at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let chunk = loop {
            match self.text.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                chunk => break chunk?,
            }
        };
        let length = chunk.len();
        self.buffer.extend_from_slice(chunk);
        self.text.reader.consume(length);
        self.ended = length == 0;
        Ok(!self.ended)
    }

    /// Finds the end of the row at `start`.
    fn find(&mut self) -> io::Result<Result<Found, Broken>> {
        let delimiter = self.dialect.delimiter.clone();
        let quotes = self.dialect.quotes;
        let (mut at, mut quoted, mut cell_start, mut any_quoted) = (0, false, true, false);
        let end = loop {
            let rest = self.left().get(at..).unwrap_or_default();
            let special = match quoted {
                true => rest.iter().position(|byte| *byte == b'"'),
                false if quotes && cell_start && rest.first() == Some(&b'"') => Some(0),
                false => rest.iter().position(|byte| {
                    matches!(byte, b'\n' | b'\r') || delimiter.first() == Some(byte)
                }),
            };
            let Some(skipped) = special else {
                cell_start &= rest.is_empty();
                at = self.left().len();
                if at >= MAX_LINE_BYTES {
                    return Ok(Err(Broken::TooLong));
                }
                match self.fill()? {
                    true => continue,
                    false if quoted => return Ok(Err(Broken::Unclosed)),
                    false => break (at, at),
                }
            };
            at += skipped;
            // What follows decides what the byte means.
            while self.left().len() <= at + delimiter.len().max(1) && self.fill()? {}
            let (byte, after) = match self.left().get(at..).and_then(<[u8]>::split_first) {
                Some((byte, after)) => (*byte, after),
                None => continue,
            };
            match byte {
                b'"' if quoted => match after.first() {
                    Some(b'"') => at += 2,
                    None | Some(b'\n' | b'\r') => {
                        quoted = false;
                        at += 1;
                    }
                    Some(_) if after.starts_with(&delimiter) => {
                        quoted = false;
                        at += 1;
                    }
                    Some(_) => return Ok(Err(Broken::AfterQuote(at))),
                },
                b'"' if cell_start => {
                    (quoted, any_quoted, cell_start) = (true, true, false);
                    at += 1;
                }
                b'\n' => break (at, at + 1),
                b'\r' => break (at, at + 1 + usize::from(after.first() == Some(&b'\n'))),
                _ => {
                    let row = self.left().get(at..).unwrap_or_default();
                    cell_start = row.starts_with(&delimiter);
                    at += if cell_start { delimiter.len() } else { 1 };
                }
            }
        };
        let (content, length) = end;
        let row = self.left().get(..content).unwrap_or_default();
        let inside = match any_quoted {
            true => line_breaks(row) as u64,
            false => 0,
        };
        Ok(Ok(Found {
            length,
            content,
            lines: inside + 1,
        }))
    }

    /// Splits a row without errors in its quotes into its cells.
    fn split(&self, row: Range<usize>, cells: &mut Cells) -> Result<(), String> {
        cells.ends.clear();
        cells.quoted.clear();
        let mut bytes = std::mem::take(&mut cells.text).into_bytes();
        bytes.clear();
        let delimiter = self.dialect.delimiter.as_slice();
        let mut rest = self.buffer.get(row).unwrap_or_default();
        loop {
            let quoted = self.dialect.quotes && rest.first() == Some(&b'"');
            let mut after = rest;
            if quoted {
                after = after.get(1..).unwrap_or_default();
                while let Some(end) = after.iter().position(|byte| *byte == b'"') {
                    bytes.extend_from_slice(after.get(..end).unwrap_or_default());
                    after = after.get(end + 1..).unwrap_or_default();
                    match after.split_first() {
                        Some((b'"', more)) => {
                            bytes.push(b'"');
                            after = more;
                        }
                        _ => break,
                    }
                }
            } else {
                let end = find(after, delimiter).unwrap_or(after.len());
                bytes.extend_from_slice(after.get(..end).unwrap_or_default());
                after = after.get(end..).unwrap_or_default();
            }
            cells.ends.push(bytes.len());
            cells.quoted.push(quoted);
            match after.strip_prefix(delimiter) {
                Some(next) => rest = next,
                None => break,
            }
        }
        cells.text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let cell = cells.ends.iter().take_while(|end| **end <= valid).count();
                return Err(not_utf8(cell));
            }
        };
        // A character must not be put together from two cells.
        let whole = cells
            .ends
            .iter()
            .position(|end| !cells.text.is_char_boundary(*end));
        match whole {
            None => Ok(()),
            Some(cell) => Err(not_utf8(cell)),
        }
    }

    /// Gives up the line at `start`, from which no row can be read.
    fn give_up(&mut self, broken: &Broken) -> Fault {
        let what = match broken {
            Broken::Unclosed => "a closing quote expected, found the end of the file".to_owned(),
            Broken::AfterQuote(at) => {
                let before = self.left().get(..*at).unwrap_or_default();
                let lines = line_breaks(before);
                let place = match lines {
                    0 => String::new(),
                    _ => format!(", {lines} lines further: is a quote never closed?"),
                };
                format!(
                    "a delimiter or the end of the row expected after a closing quote, found other text{place}"
                )
            }
            Broken::TooLong => format!(
                "a row of at most {MAX_LINE_BYTES} bytes expected, longer found: is a quote never closed?"
            ),
        };
        match self.skip_line() {
            Ok(()) => Fault::line(what),
            Err(error) => Fault::Io(error),
        }
    }

    /// Skips to the next line without keeping what stands before it.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let left = self.left();
            let end = left.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            match end {
                // Whether it is CRLF decides the next byte.
                Some(end) if end + 1 == left.len() && left.ends_with(b"\r") && self.fill()? => {}
                Some(end) => {
                    let crlf = self
                        .left()
                        .get(end..)
                        .is_some_and(|rest| rest.starts_with(b"\r\n"));
                    self.consume(end + 1 + usize::from(crlf));
                    self.line += 1;
                    return Ok(());
                }
                None => {
                    self.consume(self.left().len());
                    if !self.fill()? {
                        return Ok(());
                    }
                }
            }
        }
    }
}

#[expect(
    clippy::naive_bytecount,
    reason = "of rare rows: not worth a dependency"
)]
fn line_breaks(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

fn not_utf8(cell: usize) -> String {
    format!(
        "UTF-8 text expected, found other bytes in cell {}",
        cell + 1
    )
}

/// The first place of `wanted`.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    match wanted {
        [one] => bytes.iter().position(|byte| byte == one),
        _ => bytes
            .windows(wanted.len().max(1))
            .position(|window| window == wanted),
    }
}
