//! A path, and what it turns out to be.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::csv::{self, CsvOptions, Rows};
use super::error::ImportError;
use super::lines::Lines;
#[cfg(feature = "parquet")]
use super::parquet;
use super::{jsonl, movielens};
use twinspire_towers::Event;

/// The kinds of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object a line: `.jsonl`, `.ndjson`, `.json`.
    JsonLines,
    /// One object with an `item` a line, as an export with vectors writes them; never told by a name.
    Export,
    /// CSV with a header row: `.csv`, `.tsv`.
    Csv,
    /// A MovieLens-100K directory.
    MovieLens,
    /// Parquet, a field a column: `.parquet`, with the feature `parquet` of this crate.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// A file or directory whose kind is known and whose records can be asked for.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    format: Format,
    csv: CsvOptions,
}

/// Looks at `path` and tells its kind: a directory with `u.data` is MovieLens-100K, a file goes by
/// its extension.
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
    /// A source whose kind the caller knows.
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

    /// What kind of source it is.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The file its records come from, where a MovieLens directory calls it `name`.
    fn file(&self, name: &str) -> PathBuf {
        match self.format {
            Format::MovieLens => self.path.join(name),
            _ => self.path.clone(),
        }
    }

    fn items_alone(&self) -> ImportError {
        ImportError::file(&self.path, "an export holds items alone")
    }

    /// Its items.
    pub fn items(&self) -> Result<Records<Value>, ImportError> {
        let records: Records<_> = match self.format {
            Format::JsonLines => jsonl::items(&self.path)?.into(),
            Format::Export => jsonl::exported(&self.path)?.into(),
            Format::Csv => csv::items(&self.path, &self.csv)?.into(),
            Format::MovieLens => movielens::items(&self.path)?.into(),
            #[cfg(feature = "parquet")]
            Format::Parquet => parquet::items(&self.path)?.into(),
        };
        Ok(records.sized(&self.file("u.item")))
    }

    /// Its users.
    pub fn users(&self) -> Result<Records<Value>, ImportError> {
        let records: Records<_> = match self.format {
            Format::JsonLines => jsonl::users(&self.path)?.into(),
            Format::Export => return Err(self.items_alone()),
            Format::Csv => csv::users(&self.path, &self.csv)?.into(),
            Format::MovieLens => movielens::users(&self.path)?.into(),
            #[cfg(feature = "parquet")]
            Format::Parquet => parquet::users(&self.path)?.into(),
        };
        Ok(records.sized(&self.file("u.user")))
    }

    /// Its events.
    pub fn events(&self) -> Result<Records<Event>, ImportError> {
        let records: Records<_> = match self.format {
            Format::JsonLines => jsonl::events(&self.path)?.into(),
            Format::Export => return Err(self.items_alone()),
            Format::Csv => csv::events(&self.path, &self.csv)?.into(),
            Format::MovieLens => movielens::events(self.path.join("u.data"))?.into(),
            #[cfg(feature = "parquet")]
            Format::Parquet => parquet::events(&self.path)?.into(),
        };
        Ok(records.sized(&self.file("u.data")))
    }
}

/// The records of a source, read as they are asked for.
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
    fn of(inner: Inner<T>) -> Self {
        Self {
            inner,
            bytes_total: None,
        }
    }

    /// Notes how large the file is, where that can be known.
    fn sized(mut self, file: &Path) -> Self {
        let metadata = file.metadata().ok().filter(Metadata::is_file);
        self.bytes_total = metadata.map(|metadata| metadata.len());
        self
    }

    /// How many bytes of the file have been read: for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.inner {
            Inner::Lines(lines) => lines.bytes_read(),
            Inner::Rows(rows) => rows.bytes_read(),
            #[cfg(feature = "parquet")]
            Inner::Table(rows) => rows.bytes_read(),
        }
    }

    /// How many bytes the file has, where that is known (a pipe has no end).
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
        Self::of(Inner::Lines(lines))
    }
}

impl<T> From<Rows<T>> for Records<T> {
    fn from(rows: Rows<T>) -> Self {
        Self::of(Inner::Rows(Box::new(rows)))
    }
}

#[cfg(feature = "parquet")]
impl<T> From<parquet::Rows<T>> for Records<T> {
    fn from(rows: parquet::Rows<T>) -> Self {
        Self::of(Inner::Table(Box::new(rows)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn add(dir: &Path, name: &str, text: &str) -> PathBuf {
        let mut file = tempfile::NamedTempFile::new_in(dir).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = dir.join(name);
        file.persist(&path).unwrap();
        path
    }

    #[test]
    fn the_kind_is_told_by_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let format = |path: &Path| open(path).map(|source| source.format());
        for (name, kind) in [
            ("a.jsonl", Format::JsonLines),
            ("a.JSON", Format::JsonLines),
            ("a.csv", Format::Csv),
            ("a.tsv", Format::Csv),
        ] {
            assert_eq!(format(&add(dir, name, "")), Ok(kind));
        }
        let error = format(&add(dir, "a.xlsx", "")).unwrap_err();
        assert!(
            error.to_string().contains("a file called .jsonl, .ndjson"),
            "{error}"
        );
        let error = format(dir).unwrap_err();
        assert!(error.to_string().contains("it has no u.data"), "{error}");
        assert!(format(&dir.join("none.csv")).is_err());
        add(dir, "u.data", "1\t2\t3\t4\n");
        assert_eq!(format(dir), Ok(Format::MovieLens));
        assert_eq!(open(dir).unwrap().events().unwrap().count(), 1);
    }

    #[test]
    fn the_same_records_come_from_either_kind_of_file() {
        let dir = tempfile::tempdir().unwrap();
        let json = "{\"id\":1,\"n\":2,\"tags\":[\"a\",\"b\"]}\n";
        let json = add(dir.path(), "a.jsonl", json);
        let table = add(dir.path(), "a.tsv", "id\tn\ttags\n1\t2\ta|b\n");
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
