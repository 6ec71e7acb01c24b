//! How a file of vectors is to be read.

use std::path::{Path, PathBuf};

use super::super::error::ImportError;

/// How a file of vectors is to be read.
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

/// One of the options, which not every kind of file has a use for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Ids,
    Columns,
    Space,
}

impl VectorOptions {
    /// Ids in a column `id` and vectors in a column `vector`; of kinds without columns, the numbers of
    /// the rows as ids: `"0"`, `"1"` and so on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the ids of `.npy`, `.fvecs` and `.bvecs` from this text file: one id a line, as many as
    /// there are rows.
    #[must_use]
    pub fn ids(mut self, path: impl Into<PathBuf>) -> Self {
        self.ids = Some(path.into());
        self
    }

    /// The field or column of the ids in JSON lines or Parquet; `id` if none is named.
    #[must_use]
    pub fn id_column(mut self, name: impl Into<String>) -> Self {
        self.id_column = Some(name.into());
        self
    }

    /// The field or column of the vectors in JSON lines or Parquet; `vector` if none is named.
    #[must_use]
    pub fn vector_column(mut self, name: impl Into<String>) -> Self {
        self.vector_column = Some(name.into());
        self
    }

    /// Reads JSON lines that `twinspire export --vectors` wrote, `{"item": {…}, "vectors": {…}}`: the
    /// vectors in this space, and the ids of the items.
    #[must_use]
    pub fn space(mut self, name: impl Into<String>) -> Self {
        self.space = Some(name.into());
        self
    }

    /// Refuses an option that would be passed over.
    pub(super) fn only(&self, path: &Path, uses: &[Setting]) -> Result<(), ImportError> {
        let columns = self.id_column.is_some() || self.vector_column.is_some();
        let kind = "is not for this kind of file";
        let refused = match self {
            Self { ids: Some(_), .. } if !uses.contains(&Setting::Ids) => {
                format!("a file of ids {kind}, which holds its ids itself")
            }
            _ if columns && !uses.contains(&Setting::Columns) => {
                format!("the name of a column {kind}, which has none")
            }
            Self { space: Some(_), .. } if !uses.contains(&Setting::Space) => {
                format!("the name of a space {kind}, but for JSON lines that an export wrote")
            }
            Self { space: Some(_), .. } if columns => {
                "either the name of a space or names of columns expected, found both".to_owned()
            }
            _ => return Ok(()),
        };
        Err(ImportError::file(path, refused))
    }
}
