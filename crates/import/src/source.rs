//! Sources of records by their path.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use twinspire_towers::Event;

use crate::csv;
use crate::error::ImportError;
use crate::input::Text;
use crate::options::ReadOptions;
#[cfg(feature = "parquet")]
use crate::parquet;
use crate::records::Records;
use crate::standard_input::is_standard_input;
use crate::{jsonl, movielens};

/// Largest depth of nested directories.
const MAX_DEPTH: usize = 16;

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
    /// A MovieLens directory, or one of its `.dat` files.
    MovieLens,
    /// Parquet, one field per column: `.parquet`, with the feature `parquet` of this crate.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// A file or directory, or standard input.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    /// `None` for text whose format its first bytes tell.
    format: Option<Format>,
    options: ReadOptions,
}

/// Opens a path by its kind: a directory with MovieLens data, or a file, which has the format of its extension.
/// Behind it `.gz` or `.zst` may stand: text is unpacked. The path `-` is standard input: JSON lines if it begins with
/// an object, else CSV.
pub fn open(path: impl AsRef<Path>) -> Result<Source, ImportError> {
    let path = path.as_ref();
    if is_standard_input(path) {
        return Ok(Source::of(path, None));
    }
    let metadata = path
        .metadata()
        .map_err(|error| ImportError::io(path, &error))?;
    if metadata.is_dir() {
        if movielens::is_movielens(path) {
            return Ok(Source::new(path, Format::MovieLens));
        }
        let what = "a MovieLens directory expected (with u.data, ratings.dat or ratings.csv), but it has \
                    none of these; other data is imported file by file";
        return Err(ImportError::file(path, what));
    }
    let Some(format) = format_of(path) else {
        let what = "a file called .jsonl, .ndjson, .json, .csv, .tsv, .dat or (where the crate has the \
                    feature `parquet`) .parquet expected, or a MovieLens directory";
        return Err(ImportError::file(path, what));
    };
    Ok(Source::new(path, format))
}

/// The files of a path: of a directory those that [`open`] knows by their extension, at any depth, in the order of their
/// paths. Names that begin with `.` or `_` are passed over, as writers of partitioned data mark files that are no data.
/// A MovieLens directory, a file and standard input are themselves.
///
/// # Errors
/// [`ImportError`] if a directory cannot be read or has no such file.
pub fn files_of(path: impl AsRef<Path>) -> Result<Vec<PathBuf>, ImportError> {
    let path = path.as_ref();
    if is_standard_input(path) || !path.is_dir() || movielens::is_movielens(path) {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    list(path, 0, &mut files)?;
    if files.is_empty() {
        let what = "a directory with files called .jsonl, .ndjson, .json, .csv, .tsv or .parquet expected, or a \
                    MovieLens directory";
        return Err(ImportError::file(path, what));
    }
    Ok(files)
}

/// Adds the data files of a directory and of those in it.
fn list(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    let failed = |error| ImportError::io(directory, &error);
    if depth > MAX_DEPTH {
        return Err(ImportError::file(
            directory,
            "directories are nested too deeply",
        ));
    }
    let entries = directory.read_dir().map_err(failed)?;
    let paths: Result<Vec<PathBuf>, io::Error> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(failed)?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            list(&path, depth + 1, files)?;
        } else if format_of(&path).is_some() {
            files.push(path);
        }
    }
    Ok(())
}

/// The format that the name of a file tells.
fn format_of(path: &Path) -> Option<Format> {
    match &*extension(path) {
        "jsonl" | "ndjson" | "json" => Some(Format::JsonLines),
        "csv" | "tsv" => Some(Format::Csv),
        "dat" => Some(Format::MovieLens),
        #[cfg(feature = "parquet")]
        "parquet" => Some(Format::Parquet),
        _ => None,
    }
}

/// The extension in small letters; that of a compressed file stands before `.gz` or `.zst`.
fn extension(path: &Path) -> String {
    let extension = |path: &Path| {
        let extension = path.extension().unwrap_or_default();
        extension.to_string_lossy().to_lowercase()
    };
    match &*extension(path) {
        "gz" | "zst" => extension(&path.with_extension("")),
        other => other.to_owned(),
    }
}

impl Source {
    /// A source of this format.
    #[must_use]
    pub fn new(path: impl AsRef<Path>, format: Format) -> Self {
        Self::of(path.as_ref(), Some(format))
    }

    fn of(path: &Path, format: Option<Format>) -> Self {
        Self {
            path: path.to_owned(),
            format,
            options: ReadOptions::new(),
        }
    }

    /// Reads with these options.
    #[must_use]
    pub fn options(mut self, options: ReadOptions) -> Self {
        self.options = options;
        self
    }

    /// The format; `None` for standard input, whose first bytes tell.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    fn items_only(&self) -> ImportError {
        ImportError::file(&self.path, "an export holds items only")
    }

    /// The text of the source and its format.
    fn text(&self) -> Result<(Text, Format), ImportError> {
        let mut text = Text::open(&self.path)?;
        let format = match self.format {
            Some(format) => format,
            None => match text.first_byte(&self.path)? {
                Some(b'{' | b'[') => Format::JsonLines,
                _ => Format::Csv,
            },
        };
        Ok((text, format))
    }

    /// The items.
    pub fn items(&self) -> Result<Records<Value>, ImportError> {
        let (path, options) = (&self.path, &self.options);
        if let Some(Format::MovieLens) = self.format {
            return movielens::items_of(path, options);
        }
        #[cfg(feature = "parquet")]
        if let Some(Format::Parquet) = self.format {
            return Ok(Records::from(parquet::items(path, options)?).with_size_of(path));
        }
        let (text, format) = self.text()?;
        let records: Records<_> = match format {
            Format::Export => jsonl::exported_of(text, path, options).into(),
            Format::Csv => csv::items_of(text, path, options)?.into(),
            _ => jsonl::items_of(text, path, options).into(),
        };
        Ok(records.with_size_of(path))
    }

    /// The users.
    pub fn users(&self) -> Result<Records<Value>, ImportError> {
        let (path, options) = (&self.path, &self.options);
        match self.format {
            Some(Format::MovieLens) => return movielens::users_of(path, options),
            Some(Format::Export) => return Err(self.items_only()),
            #[cfg(feature = "parquet")]
            Some(Format::Parquet) => {
                return Ok(Records::from(parquet::users(path, options)?).with_size_of(path));
            }
            _ => {}
        }
        let (text, format) = self.text()?;
        let records: Records<_> = match format {
            Format::Csv => csv::users_of(text, path, options)?.into(),
            _ => jsonl::users_of(text, path, options).into(),
        };
        Ok(records.with_size_of(path))
    }

    /// The events.
    pub fn events(&self) -> Result<Records<Event>, ImportError> {
        let (path, options) = (&self.path, &self.options);
        match self.format {
            Some(Format::MovieLens) => return movielens::events_of(path, options),
            Some(Format::Export) => return Err(self.items_only()),
            #[cfg(feature = "parquet")]
            Some(Format::Parquet) => {
                return Ok(Records::from(parquet::events(path, options)?).with_size_of(path));
            }
            _ => {}
        }
        let (text, format) = self.text()?;
        let records: Records<_> = match format {
            Format::Csv => csv::events_of(text, path, options)?.into(),
            _ => jsonl::events_of(text, path, options).into(),
        };
        Ok(records.with_size_of(path))
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
            ("a.csv.gz", Format::Csv),
            ("a.jsonl.zst", Format::JsonLines),
            ("movies.dat", Format::MovieLens),
        ] {
            assert_eq!(format(&write_file(dir, name, "")), Ok(Some(kind)));
        }
        let error = format(&write_file(dir, "a.xlsx", "")).unwrap_err();
        assert!(
            error.to_string().contains("a file called .jsonl, .ndjson"),
            "{error}"
        );
        let error = format(dir).unwrap_err();
        assert!(error.to_string().contains("none of these"), "{error}");
        assert!(format(&dir.join("none.csv")).is_err());
        write_file(dir, "u.data", "1\t2\t3\t4\n");
        assert_eq!(format(dir), Ok(Some(Format::MovieLens)));
        assert_eq!(open(dir).unwrap().events().unwrap().count(), 1);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "directories of a test")]
    fn files_of_a_directory_are_its_data_files_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        for name in ["day=2", "day=1", "_temporary", ".hidden"] {
            std::fs::create_dir(dir.join(name)).unwrap();
            write_file(&dir.join(name), "part-0.jsonl", "");
        }
        for name in ["_SUCCESS", "z.csv", "readme.txt", "a.jsonl.gz"] {
            write_file(dir, name, "");
        }
        let found = files_of(dir).unwrap();
        let expected = [
            "a.jsonl.gz",
            "day=1/part-0.jsonl",
            "day=2/part-0.jsonl",
            "z.csv",
        ];
        assert_eq!(found, expected.map(|name| dir.join(name)));
        assert_eq!(files_of(dir.join("z.csv")).unwrap(), [dir.join("z.csv")]);
        std::fs::create_dir(dir.join("empty")).unwrap();
        let error = files_of(dir.join("empty")).unwrap_err().to_string();
        assert!(error.contains("a directory with files called"), "{error}");
        write_file(dir, "u.data", "1\t2\t3\t4\n");
        assert_eq!(files_of(dir).unwrap(), [dir]);
    }

    #[cfg(feature = "compressed")]
    #[test]
    fn compressed_text_is_told_by_its_content_and_may_not_end_early() {
        use std::io::Write;
        let dir = tempfile::tempdir().unwrap();
        let text: String = (0..5_000).map(|id| format!("{{\"id\":{id}}}\n")).collect();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        let gzip = packed.finish().unwrap();
        let zstd = zstd::stream::encode_all(text.as_bytes(), 1).unwrap();
        for (name, bytes) in [("a.jsonl.gz", gzip), ("b.jsonl", zstd)] {
            let read = |bytes: &[u8]| {
                let mut items = open(write_file(dir.path(), name, bytes))
                    .unwrap()
                    .items()
                    .unwrap();
                let all: Vec<_> = items.by_ref().collect();
                assert!(items.bytes_read() <= bytes.len() as u64);
                all
            };
            let all = read(&bytes);
            assert_eq!(
                all.iter().filter(|item| item.is_ok()).count(),
                5_000,
                "{name}"
            );
            for cut in [bytes.len() / 2, bytes.len() - 9, bytes.len() - 1] {
                let all = read(&bytes[..cut]);
                let error = all.last().unwrap().as_ref().unwrap_err();
                assert!(!error.is_bad_record(), "{name}: {error}");
                assert!(error.to_string().contains("cut short"), "{name}: {error}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        for (name, device) in [
            ("a.jsonl", "/dev/zero"),
            ("a.csv", "/dev/zero"),
            ("ratings.dat", "/dev/zero"),
        ] {
            let path = dir.path().join(name);
            std::os::unix::fs::symlink(device, &path).unwrap();
            let error = open(&path).unwrap().events().unwrap_err();
            assert!(error.to_string().contains("a device found"), "{error}");
        }
    }

    #[test]
    fn json_lines_and_csv_give_the_same_records() {
        let dir = tempfile::tempdir().unwrap();
        let json = "{\"id\":1,\"n\":2,\"tags\":[\"a\",\"b\"]}\n";
        let json = write_file(dir.path(), "a.jsonl", json);
        let table = write_file(dir.path(), "a.tsv", "id\tn\ttags\n1\t2\ta|b\n");
        let options = ReadOptions::new().lists(["tags"]);
        let mut items = open(table).unwrap().options(options).items().unwrap();
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
