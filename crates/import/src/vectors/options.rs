//! How to read a file of vectors.

use std::path::{Path, PathBuf};

use crate::error::ImportError;

/// How to read a file of vectors.
///
/// ```
/// # mod twinspire { pub use twinspire_import as import; }
/// use twinspire::import::vectors::VectorOptions;
/// let of_arrays = VectorOptions::new().ids("items.txt");
/// let of_tables = VectorOptions::new().id_column("item").vector_column("embedding");
/// ```
#[derive(Debug, Clone, Default)]
pub struct VectorOptions {
    pub(super) ids: Option<PathBuf>,
    pub(super) id_column: Option<String>,
    pub(super) vector_column: Option<String>,
    pub(super) space: Option<String>,
}

/// An option that only some kinds of file have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Ids,
    Columns,
    Space,
}

impl VectorOptions {
    /// Ids in a column `id` and vectors in a column `vector`. Files without columns have row numbers as ids: `"0"`,
    /// `"1"` and so on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the ids of `.npy`, `.fvecs` and `.bvecs` from this text file: one id per line, one line per row.
    #[must_use]
    pub fn ids(mut self, path: impl Into<PathBuf>) -> Self {
        self.ids = Some(path.into());
        self
    }

    /// The field or column of the ids in JSON lines or Parquet; `id` by default.
    #[must_use]
    pub fn id_column(mut self, name: impl Into<String>) -> Self {
        self.id_column = Some(name.into());
        self
    }

    /// The field or column of the vectors in JSON lines or Parquet; `vector` by default.
    #[must_use]
    pub fn vector_column(mut self, name: impl Into<String>) -> Self {
        self.vector_column = Some(name.into());
        self
    }

    /// Reads JSON lines written by `twinspire export --vectors`, `{"item": {…}, "vectors": {…}}`: the ids of the items
    /// and their vectors in this space.
    #[must_use]
    pub fn space(mut self, name: impl Into<String>) -> Self {
        self.space = Some(name.into());
        self
    }

    /// Refuses options that this kind of file does not use.
    pub(super) fn only(&self, path: &Path, uses: &[Setting]) -> Result<(), ImportError> {
        let columns = self.id_column.is_some() || self.vector_column.is_some();
        let refused = match self {
            Self { ids: Some(_), .. } if !uses.contains(&Setting::Ids) => {
                "a file of ids given, but this kind of file holds its own ids".to_owned()
            }
            _ if columns && !uses.contains(&Setting::Columns) => {
                "the name of a column given, but this kind of file has no columns".to_owned()
            }
            Self { space: Some(_), .. } if !uses.contains(&Setting::Space) => {
                "the name of a space given, but only the JSON lines of an export have spaces"
                    .to_owned()
            }
            Self { space: Some(_), .. } if columns => {
                "either the name of a space or names of columns expected, both given".to_owned()
            }
            _ => return Ok(()),
        };
        Err(ImportError::file(path, refused))
    }
}
