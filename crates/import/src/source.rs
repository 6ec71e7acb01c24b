//! Sources of records by their path.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use serde_json::Value;

use twinspire_towers::Event;

use crate::csv::{self, CsvOptions, Rows};
use crate::error::ImportError;
use crate::lines::Lines;
#[cfg(feature = "parquet")]
use crate::parquet;
use crate::{jsonl, movielens};

/// The format of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object per line: `.jsonl`, `.ndjson`, `.json`.
    JsonLines,
    /// One object with an `item` per line, as an export with vectors writes; no file name implies it.
    Export,
    /// CSV with a header row: `.csv`, `.tsv`.
    Csv,
    /// A MovieLens-100K directory.
    MovieLens,
    /// Parquet, one field per column: `.parquet`, with the feature `parquet` of this crate.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// A file or directory of known format.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    format: Format,
    csv: CsvOptions,
}

/// Opens a path by its kind: a directory with `u.data` is MovieLens-100K, a file has the format of its extension.
pub fn open(path: impl AsRef<Path>) -> Result<Source, ImportError> {
    let path = path.as_ref();
    let metadata = path
        .metadata()
        .map_err(|error| ImportError::io(path, &error))?;
    if metadata.is_dir() {
        if movielens::is_movielens(path) {
            return Ok(Source::new(path, Format::MovieLens));
        }
        let what = "a MovieLens-100K directory expected (with u.data, u.item, u.user), but it has \
                    no u.data; other data is imported file by file";
        return Err(ImportError::file(path, what));
    }
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let format = match extension.as_str() {
        "jsonl" | "ndjson" | "json" => Format::JsonLines,
        "csv" | "tsv" => Format::Csv,
        #[cfg(feature = "parquet")]
        "parquet" => Format::Parquet,
        _ => {
            let what = "a file called .jsonl, .ndjson, .json, .csv, .tsv or (where the crate has the \
                        feature `parquet`) .parquet expected, or a MovieLens-100K directory";
            return Err(ImportError::file(path, what));
        }
    };
    Ok(Source::new(path, format))
}

impl Source {
    /// A source of this format.
    #[must_use]
    pub fn new(path: impl AsRef<Path>, format: Format) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            format,
            csv: CsvOptions::new(),
        }
    }

    /// Reads CSV with these options.
    #[must_use]
    pub fn csv_options(mut self, options: CsvOptions) -> Self {
        self.csv = options;
        self
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The file of the records; `name` is its name in a MovieLens directory.
    fn file(&self, name: &str) -> PathBuf {
        match self.format {
            Format::MovieLens => self.path.join(name),
            _ => self.path.clone(),
        }
    }

    fn items_only(&self) -> ImportError {
        ImportError::file(&self.path, "an export holds items only")
    }

    /// The items.
    pub fn items(&self) -> Result<Records<Value>, ImportError> {
        let records: Records<_> = match self.format {
            Format::JsonLines => jsonl::items(&self.path)?.into(),
            Format::Export => jsonl::exported(&self.path)?.into(),
            Format::Csv => csv::items(&self.path, &self.csv)?.into(),
            Format::MovieLens => movielens::items(&self.path)?.into(),
            #[cfg(feature = "parquet")]
            Format::Parquet => parquet::items(&self.path)?.into(),
        };
        Ok(records.with_size_of(&self.file("u.item")))
    }

    /// The users.
    pub fn users(&self) -> Result<Records<Value>, ImportError> {
        let records: Records<_> = match self.format {
            Format::JsonLines => jsonl::users(&self.path)?.into(),
            Format::Export => return Err(self.items_only()),
            Format::Csv => csv::users(&self.path, &self.csv)?.into(),
            Format::MovieLens => movielens::users(&self.path)?.into(),
            #[cfg(feature = "parquet")]
            Format::Parquet => parquet::users(&self.path)?.into(),
        };
        Ok(records.with_size_of(&self.file("u.user")))
    }

    /// The events.
    pub fn events(&self) -> Result<Records<Event>, ImportError> {
        let records: Records<_> = match self.format {
            Format::JsonLines => jsonl::events(&self.path)?.into(),
            Format::Export => return Err(self.items_only()),
            Format::Csv => csv::events(&self.path, &self.csv)?.into(),
            Format::MovieLens => movielens::events(self.path.join("u.data"))?.into(),
            #[cfg(feature = "parquet")]
            Format::Parquet => parquet::events(&self.path)?.into(),
        };
        Ok(records.with_size_of(&self.file("u.data")))
    }
}

/// Iterator over the records of a source, one at a time.
#[derive(Debug)]
pub struct Records<T> {
    inner: Inner<T>,
    bytes_total: Option<u64>,
}

#[derive(Debug)]
enum Inner<T> {
    Lines(Lines<T>),
    Rows(Box<Rows<T>>),
    #[cfg(feature = "parquet")]
    Table(Box<parquet::Rows<T>>),
}

impl<T> Records<T> {
    fn new(inner: Inner<T>) -> Self {
        Self {
            inner,
            bytes_total: None,
        }
    }

    /// Sets the size of the file, if it has one.
    fn with_size_of(mut self, file: &Path) -> Self {
        let metadata = file.metadata().ok().filter(Metadata::is_file);
        self.bytes_total = metadata.map(|metadata| metadata.len());
        self
    }

    /// Bytes read so far, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.inner {
            Inner::Lines(lines) => lines.bytes_read(),
            Inner::Rows(rows) => rows.bytes_read(),
            #[cfg(feature = "parquet")]
            Inner::Table(rows) => rows.bytes_read(),
        }
    }

    /// Size of the file in bytes; `None` for a pipe.
    #[must_use]
    pub fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }
}

impl<T> Iterator for Records<T> {
    type Item = Result<T, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.inner {
            Inner::Lines(lines) => lines.next(),
            Inner::Rows(rows) => rows.next(),
            #[cfg(feature = "parquet")]
            Inner::Table(rows) => rows.next(),
        }
    }
}

impl<T> From<Lines<T>> for Records<T> {
    fn from(lines: Lines<T>) -> Self {
        Self::new(Inner::Lines(lines))
    }
}

impl<T> From<Rows<T>> for Records<T> {
    fn from(rows: Rows<T>) -> Self {
        Self::new(Inner::Rows(Box::new(rows)))
    }
}

#[cfg(feature = "parquet")]
impl<T> From<parquet::Rows<T>> for Records<T> {
    fn from(rows: parquet::Rows<T>) -> Self {
        Self::new(Inner::Table(Box::new(rows)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::write_file;

    #[test]
    fn the_path_decides_the_format() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let format = |path: &Path| open(path).map(|source| source.format());
        for (name, kind) in [
            ("a.jsonl", Format::JsonLines),
            ("a.JSON", Format::JsonLines),
            ("a.csv", Format::Csv),
            ("a.tsv", Format::Csv),
        ] {
            assert_eq!(format(&write_file(dir, name, "")), Ok(kind));
        }
        let error = format(&write_file(dir, "a.xlsx", "")).unwrap_err();
        assert!(
            error.to_string().contains("a file called .jsonl, .ndjson"),
            "{error}"
        );
        let error = format(dir).unwrap_err();
        assert!(error.to_string().contains("it has no u.data"), "{error}");
        assert!(format(&dir.join("none.csv")).is_err());
        write_file(dir, "u.data", "1\t2\t3\t4\n");
        assert_eq!(format(dir), Ok(Format::MovieLens));
        assert_eq!(open(dir).unwrap().events().unwrap().count(), 1);
    }

    #[test]
    fn json_lines_and_csv_give_the_same_records() {
        let dir = tempfile::tempdir().unwrap();
        let json = "{\"id\":1,\"n\":2,\"tags\":[\"a\",\"b\"]}\n";
        let json = write_file(dir.path(), "a.jsonl", json);
        let table = write_file(dir.path(), "a.tsv", "id\tn\ttags\n1\t2\ta|b\n");
        let options = CsvOptions::new().lists(["tags"]);
        let mut items = open(table).unwrap().csv_options(options).items().unwrap();
        let item = items.next().unwrap().unwrap();
        assert_eq!(
            item,
            open(json)
                .unwrap()
                .items()
                .unwrap()
                .next()
                .unwrap()
                .unwrap()
        );
        assert_eq!(items.bytes_read(), 18);
        assert_eq!(items.bytes_total(), Some(18));
    }
}
