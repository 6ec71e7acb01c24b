//! The rows of a CSV file.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ::csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::options::CsvOptions;
use crate::error::ImportError;
use crate::lines::MAX_LINE_BYTES;

/// Iterator over the records of a CSV file, one row at a time.
///
/// A bad row is an error with its line, and the next call reads the next row. An error of the file system,
/// or a row above the size limit (a quote that is never closed), ends the iteration.
pub struct Rows<T> {
    path: PathBuf,
    reader: Reader<Bounded>,
    record: StringRecord,
    convert: Convert<T>,
    done: bool,
}

type Convert<T> = Box<dyn FnMut(&StringRecord) -> Result<T, String> + Send>;

/// Opens a file and reads its header row. A header with an empty or repeated name is refused.
pub(super) fn open(
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
        .map_err(|error| located(path, 1, &error))?
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
            let what = format!("two columns are called `{name}`: rename one of them");
            return Err(ImportError::line(path, 1, what));
        }
    }
    Ok((reader, header))
}

impl<T> Rows<T> {
    /// Rows of an opened file; `convert` turns each into a record.
    pub(super) fn new(
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

    /// Bytes read so far, for a progress bar.
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
                return Some(Err(located(
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

/// The error of the CSV reader with its line; `line` where that error has none.
fn located(path: &Path, line: u64, error: &::csv::Error) -> ImportError {
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

/// A reader with a limit that is renewed for each row, so that no row takes unbounded memory.
pub(super) struct Bounded {
    inner: Box<dyn Read + Send>,
    /// Bytes left for this row.
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
