//! How a CSV file is written.

use std::collections::HashSet;

/// Columns that stay strings whatever they hold, as do those that end in `_id`.
pub const TEXT_COLUMNS: [&str; 4] = ["id", "title", "name", "description"];

/// How a CSV file is written.
#[derive(Debug, Clone, Default)]
pub struct CsvOptions {
    pub(super) delimiter: Option<u8>,
    pub(super) id: Option<String>,
    pub(super) lists: HashSet<String>,
    pub(super) texts: HashSet<String>,
}

impl CsvOptions {
    /// Cells separated by commas (by tabs in a `.tsv` file), types read off the cells, the id in a column `id`.
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

    /// Reads the id from this column. The record calls it `id`, or `user_id` for users.
    #[must_use]
    pub fn id(mut self, column: impl Into<String>) -> Self {
        self.id = Some(column.into());
        self
    }

    /// Columns that are lists of strings separated by `|`, as in `Comedy|Drama`.
    #[must_use]
    pub fn lists(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.lists.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Columns that are strings even where they look like numbers, such as post codes.
    #[must_use]
    pub fn text(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.texts.extend(columns.into_iter().map(Into::into));
        self
    }
}
