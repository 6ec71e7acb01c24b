//! Building columns from records.
//!
//! Each column collects its terms in order of appearance, and the rows that have them. At the end the
//! dictionary is sorted and [written](super::encode). Memory: every term once, and eight bytes per
//! occurrence.

use super::column_builder::ColumnBuilder;
use super::encode;
use super::limits::MAX_COLUMNS;
use super::table::Table;
use crate::filter::is_within;
use std::collections::{BTreeMap, BTreeSet};
use twinspire_towers::internals::Fields;

/// Builds the columns of a segment, row by row.
pub(crate) struct ColumnsBuilder {
    /// The index of the column of each path.
    paths: BTreeMap<String, usize>,
    /// In order of appearance; none for a column that was given up.
    columns: Vec<(String, Option<ColumnBuilder>)>,
    /// The columns of the previous row, in order of paths; most often also those of the next row.
    before: Vec<usize>,
    complete: bool,
    rows: u32,
    /// Maximum number of entries of a column, and of bytes of its terms.
    limit: u32,
    /// Scratch buffer for keys.
    key: Vec<u8>,
    /// Paths without columns, together with their members.
    omitted: BTreeSet<String>,
}

impl Default for ColumnsBuilder {
    fn default() -> Self {
        Self::with_limit(u32::MAX - 8)
    }
}

impl ColumnsBuilder {
    /// A builder that gives up columns beyond this limit.
    pub(super) fn with_limit(limit: u32) -> Self {
        Self {
            paths: BTreeMap::new(),
            columns: Vec::new(),
            before: Vec::new(),
            complete: true,
            rows: 0,
            limit,
            key: Vec::new(),
            omitted: BTreeSet::new(),
        }
    }

    /// A builder that leaves out these paths and their members.
    pub(crate) fn omitting(omitted: &BTreeSet<String>) -> Self {
        Self {
            omitted: omitted.clone(),
            ..Self::default()
        }
    }

    /// Adds the next row. A deleted item has no fields.
    pub(crate) fn push(&mut self, fields: &Fields) {
        let omitted = std::mem::take(&mut self.omitted);
        let indexed = fields.iter().filter(|(path, _)| !is_within(&omitted, path));
        for (field, (path, value)) in indexed.enumerate() {
            let Some(at) = self.column(path, field) else {
                self.complete = false;
                continue;
            };
            if let Some((_, column)) = self.columns.get_mut(at)
                && let Some(building) = column
                && building
                    .push(self.rows, value, &mut self.key, self.limit)
                    .is_none()
            {
                *column = None;
                self.complete = false;
            }
        }
        self.omitted = omitted;
        self.rows += 1;
    }

    /// The index of the column of a path, the field with number `field` of its row. `None` if there are too many
    /// columns.
    fn column(&mut self, path: &str, field: usize) -> Option<usize> {
        let is_it = |at: &usize| self.columns.get(*at).is_some_and(|(its, _)| its == path);
        if let Some(at) = self.before.get(field).copied().filter(is_it) {
            return Some(at);
        }
        let at = match self.paths.get(path) {
            Some(at) => *at,
            None if self.columns.len() == MAX_COLUMNS => return None,
            None => {
                let at = self.columns.len();
                self.paths.insert(path.to_owned(), at);
                self.columns
                    .push((path.to_owned(), Some(ColumnBuilder::new())));
                at
            }
        };
        self.before.resize(self.before.len().max(field + 1), at);
        if let Some(before) = self.before.get_mut(field) {
            *before = at;
        }
        Some(at)
    }

    /// Passes the arrays to `put`, front to back; returns the table that describes them.
    pub(crate) fn finish<E>(self, mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<Table, E> {
        let (mut columns, mut sorted) = (Vec::new(), self.columns);
        sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (path, building) in sorted {
            if let Some(building) = building {
                columns.push(encode::column(path, building, self.rows, &mut put)?);
            }
        }
        Ok(Table {
            complete: self.complete,
            columns,
            omitted: self.omitted,
        })
    }
}
