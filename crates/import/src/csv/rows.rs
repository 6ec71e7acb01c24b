//! The rows of a CSV file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::scan::{Cells, Dialect, Fault, Scanner};
use crate::error::ImportError;
use crate::input::Text;
use crate::options::ReadOptions;

/// Delimiters that a header is tried with, the likeliest first.
const DELIMITERS: [&str; 5] = [",", "\t", ";", "::", "|"];
/// Number of bytes of the header by which the delimiter is told.
const HEADER_BYTES: usize = 1 << 20;

/// Iterator over the records of a CSV file, one row at a time.
///
/// A bad row is an error with its line, and the next call reads the next row; after a quote that is never closed, the
/// next line. An error of the file system ends the iteration.
pub struct Rows<T> {
    path: PathBuf,
    scanner: Scanner,
    cells: Cells,
    columns: usize,
    convert: Convert<T>,
    done: bool,
}

type Convert<T> = Box<dyn FnMut(&Cells) -> Result<T, String> + Send>;

/// A file whose header is read.
pub(super) struct Table {
    pub(super) scanner: Scanner,
    pub(super) header: Vec<String>,
}

impl Table {
    /// Reads the header row, or takes the names that the options give. A header with an empty or repeated name is
    /// refused.
    pub(super) fn open(
        text: Text,
        path: &Path,
        options: &ReadOptions,
    ) -> Result<Self, ImportError> {
        let comma = Dialect {
            delimiter: b",".to_vec(),
            quotes: true,
        };
        let mut scanner = Scanner::new(text, comma);
        let first = scanner
            .peek_line(HEADER_BYTES)
            .map_err(|error| ImportError::io(path, &error))?;
        let delimiter = match &options.delimiter {
            Some(delimiter) => delimiter.as_bytes(),
            None => delimiter(first, path),
        };
        let dialect = Dialect {
            delimiter: delimiter.to_vec(),
            quotes: delimiter.len() == 1,
        };
        scanner.set_dialect(dialect);
        let header = match &options.header {
            Some(header) => header.clone(),
            None => {
                let mut cells = Cells::default();
                match scanner.next(&mut cells, None) {
                    Ok(true) => cells.iter().map(str::to_owned).collect(),
                    Ok(false) => {
                        let what = "a header row expected, an empty file found";
                        return Err(ImportError::file(path, what));
                    }
                    Err(fault) => return Err(located(path, scanner.row_line(), fault)),
                }
            }
        };
        check_names(path, &header)?;
        Ok(Self { scanner, header })
    }

    /// Rows of the file; `convert` turns each into a record.
    pub(super) fn rows<T>(
        self,
        path: &Path,
        convert: impl FnMut(&Cells) -> Result<T, String> + Send + 'static,
    ) -> Rows<T> {
        Rows {
            path: path.to_owned(),
            scanner: self.scanner,
            cells: Cells::default(),
            columns: self.header.len(),
            convert: Box::new(convert),
            done: false,
        }
    }
}

fn check_names(path: &Path, header: &[String]) -> Result<(), ImportError> {
    let mut seen = HashSet::new();
    for (index, name) in header.iter().enumerate() {
        if name.trim().is_empty() {
            let what = format!("column {} has no name in the header", index + 1);
            return Err(ImportError::line(path, 1, what));
        }
        if !seen.insert(name) {
            let what = format!("two columns are called `{name}`: rename one of them");
            return Err(ImportError::line(path, 1, what));
        }
    }
    Ok(())
}

/// The delimiter that the first line has most of; a tab in a file called `.tsv`.
fn delimiter(first: &[u8], path: &Path) -> &'static [u8] {
    let compressed = path.extension().is_some_and(|extension| {
        ["gz", "zst"]
            .iter()
            .any(|of| extension.eq_ignore_ascii_case(of))
    });
    let name = if compressed {
        path.with_extension("")
    } else {
        path.to_owned()
    };
    if name
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"))
    {
        return b"\t";
    }
    // What stands in quotes is not counted.
    let mut quoted = false;
    let bare: Vec<u8> = first
        .iter()
        .copied()
        .filter(|byte| {
            quoted ^= *byte == b'"';
            !quoted
        })
        .collect();
    let bare = String::from_utf8_lossy(&bare);
    let count = |delimiter: &&str| bare.matches(delimiter).count();
    let best = DELIMITERS
        .iter()
        .rev()
        .max_by_key(|delimiter| count(delimiter));
    best.filter(|best| count(best) > 0)
        .unwrap_or(&",")
        .as_bytes()
}

impl<T> Rows<T> {
    /// Bytes read so far, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.scanner.bytes_read()
    }
}

impl<T> Iterator for Rows<T> {
    type Item = Result<T, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.scanner.next(&mut self.cells, Some(self.columns)) {
            Ok(true) => {
                let line = self.scanner.row_line();
                let record = (self.convert)(&self.cells);
                Some(record.map_err(|what| ImportError::line(&self.path, line, what)))
            }
            Ok(false) => {
                self.done = true;
                None
            }
            Err(fault) => {
                self.done = matches!(fault, Fault::Io(_));
                Some(Err(located(&self.path, self.scanner.row_line(), fault)))
            }
        }
    }
}

impl<T> std::fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The error of the scanner at a line.
fn located(path: &Path, line: u64, fault: Fault) -> ImportError {
    match fault {
        Fault::Line(what) => ImportError::line(path, line, what),
        Fault::Io(error) => ImportError::unread(path, line, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_told_by_the_first_line() {
        for (line, name, expected) in [
            ("id,title", "a.csv", ","),
            ("id;title;price", "a.csv", ";"),
            ("id\ttitle", "a.csv", "\t"),
            ("id|title", "a.csv", "|"),
            ("id::title::genres", "a.csv", "::"),
            ("id", "a.csv", ","),
            ("\"a;b;c\",id", "a.csv", ","),
            ("id;title,note", "a.csv", ","),
            ("id,title", "a.TSV.gz", "\t"),
        ] {
            let found = delimiter(line.as_bytes(), Path::new(name));
            assert_eq!(found, expected.as_bytes(), "{line}");
        }
    }
}
