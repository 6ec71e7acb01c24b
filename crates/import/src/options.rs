//! How files are read: which columns, under which names, and how text is cut into cells.

use std::collections::HashSet;

/// How files of records are read. What concerns columns applies to every kind of file, the rest to CSV.
///
/// ```
/// # mod twinspire { pub use twinspire_import as import; }
/// use twinspire::import::ReadOptions;
/// let options = ReadOptions::new().id("movieId").user("userId").lists(["genres"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    pub(crate) id: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) item: Option<String>,
    pub(crate) time: Option<String>,
    pub(crate) weight: Option<String>,
    pub(crate) columns: HashSet<String>,
    pub(crate) drop: HashSet<String>,
    pub(crate) lists: HashSet<String>,
    pub(crate) texts: HashSet<String>,
    pub(crate) delimiter: Option<String>,
    pub(crate) header: Option<Vec<String>>,
    pub(crate) lenient: bool,
}

fn all(names: impl IntoIterator<Item = impl Into<String>>) -> impl Iterator<Item = String> {
    names.into_iter().map(Into::into)
}

impl ReadOptions {
    /// Every column, under its own name; the delimiter of CSV is detected in its header.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the id of items from this column. Users are read by it too, unless [`user`](Self::user) names another, and
    /// so are the items of events that have such a column.
    #[must_use]
    pub fn id(mut self, column: impl Into<String>) -> Self {
        self.id = Some(column.into());
        self
    }

    /// Reads the id of users, in their file and in events, from this column.
    #[must_use]
    pub fn user(mut self, column: impl Into<String>) -> Self {
        self.user = Some(column.into());
        self
    }

    /// Reads the items of events from this column.
    #[must_use]
    pub fn item(mut self, column: impl Into<String>) -> Self {
        self.item = Some(column.into());
        self
    }

    /// Reads the times of events from this column.
    #[must_use]
    pub fn time(mut self, column: impl Into<String>) -> Self {
        self.time = Some(column.into());
        self
    }

    /// Reads the weights of events from this column.
    #[must_use]
    pub fn weight(mut self, column: impl Into<String>) -> Self {
        self.weight = Some(column.into());
        self
    }

    /// Reads these columns, and those of ids, alone.
    #[must_use]
    pub fn columns(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.columns.extend(all(columns));
        self
    }

    /// Leaves out these columns.
    #[must_use]
    pub fn drop(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.drop.extend(all(columns));
        self
    }

    /// CSV: columns that are lists of strings separated by `|`, as in `Comedy|Drama`.
    #[must_use]
    pub fn lists(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.lists.extend(all(columns));
        self
    }

    /// CSV: columns that are strings even where they look like numbers, such as post codes.
    #[must_use]
    pub fn text(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.texts.extend(all(columns));
        self
    }

    /// CSV: separates cells by this text: one character such as `;`, or several such as `::`, which leave quotes as
    /// they are.
    #[must_use]
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.delimiter = Some(delimiter.into()).filter(|delimiter| !delimiter.is_empty());
        self
    }

    /// CSV: the file has no header row; these are the names of its columns.
    #[must_use]
    pub fn header(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.header = Some(all(columns).collect());
        self
    }

    /// Ignores names of columns that the file lacks, for options that several files share.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// These options for a file whose columns have known names.
    pub(crate) fn of_known_names(&self) -> Self {
        Self {
            columns: self.columns.clone(),
            drop: self.drop.clone(),
            lenient: true,
            ..Self::default()
        }
    }

    /// Whether a column is read; `ids` names those of ids, which always are.
    pub(crate) fn keeps(&self, column: &str, ids: &[&str]) -> bool {
        let named = self.columns.is_empty() || self.columns.contains(column);
        !self.drop.contains(column) && (named || ids.contains(&column))
    }

    /// Whether only some columns are read.
    pub(crate) fn selects(&self) -> bool {
        !self.columns.is_empty() || !self.drop.is_empty()
    }
}
