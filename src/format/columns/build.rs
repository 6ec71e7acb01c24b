//! Making columns of records.
//!
//! While rows come, each column keeps its terms in order of appearance, and which row has which; at
//! the end the dictionary is sorted and [written](super::encode). Memory: every term once, and eight
//! bytes each time that it occurs.

use super::interner::Interner;
use super::{MAX_COLUMNS, MAX_TEXT_BYTES, Mark, Table, encode};
use std::collections::BTreeMap;
use twinspire_towers::internals::{FieldValue, Fields, Place, Term};

/// Columns being made.
pub(crate) struct ColumnsBuilder {
    /// Which of the columns is that of a path.
    paths: BTreeMap<String, usize>,
    /// In order of appearance; none is a column that was given up.
    columns: Vec<(String, Option<Building>)>,
    /// The columns of the row before, in order of paths: most often those of the next row too.
    before: Vec<usize>,
    complete: bool,
    rows: u32,
    /// The most entries of a column, and the most bytes of its terms.
    most: u32,
    /// Where keys are put together.
    key: Vec<u8>,
}

/// A column being made.
pub(super) struct Building {
    /// The marks, then terms as they came.
    pub(super) terms: Interner,
    /// Row and number of the term, in order of rows, and within a row in order of terms.
    pub(super) entries: Vec<(u32, u32)>,
    /// In order of rows.
    pub(super) places: Vec<Place>,
    /// Rows that have the field.
    pub(super) present: u32,
    /// Whether one has a list.
    pub(super) lists: bool,
}

impl Default for ColumnsBuilder {
    fn default() -> Self {
        Self::with_limit(u32::MAX - 8)
    }
}

impl ColumnsBuilder {
    /// Gives up columns that grow beyond `most`.
    pub(super) fn with_limit(most: u32) -> Self {
        Self {
            paths: BTreeMap::new(),
            columns: Vec::new(),
            before: Vec::new(),
            complete: true,
            rows: 0,
            most,
            key: Vec::new(),
        }
    }

    /// Adds the next row; one without a record has no fields.
    pub(crate) fn push(&mut self, fields: &Fields) {
        for (field, (path, value)) in fields.iter().enumerate() {
            let Some(at) = self.column(path, field) else {
                self.complete = false;
                continue;
            };
            if let Some((_, column)) = self.columns.get_mut(at)
                && let Some(building) = column
                && building
                    .push(self.rows, value, &mut self.key, self.most)
                    .is_none()
            {
                *column = None;
                self.complete = false;
            }
        }
        self.rows += 1;
    }

    /// The column of a path, which is that of field number `field` of its row; none if there are too
    /// many.
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
                self.columns.push((path.to_owned(), Some(Building::new())));
                at
            }
        };
        self.before.resize(self.before.len().max(field + 1), at);
        if let Some(before) = self.before.get_mut(field) {
            *before = at;
        }
        Some(at)
    }

    /// Gives the arrays to `put`, front to back; the table that describes them.
    pub(crate) fn finish<E>(self, mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<Table, E> {
        let (mut columns, mut sorted) = (Vec::new(), self.columns);
        sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (path, building) in sorted {
            if let Some(building) = building {
                columns.push(encode::column(path, building, self.rows, &mut put)?);
            }
        }
        let complete = self.complete;
        Ok(Table { complete, columns })
    }
}

impl Building {
    fn new() -> Self {
        let mut terms = Interner::default();
        for mark in [Mark::Long, Mark::Place, Mark::Empty] {
            terms.intern(&encode::key_of_mark(mark), u32::MAX);
        }
        Self {
            terms,
            entries: Vec::new(),
            places: Vec::new(),
            present: 0,
            lists: false,
        }
    }

    /// Takes in what a row has; none if that is too much for the column.
    fn push(&mut self, row: u32, value: &FieldValue, key: &mut Vec<u8>, most: u32) -> Option<()> {
        let mut mark = None;
        match value {
            FieldValue::Terms { terms, list } => {
                for term in terms {
                    match term {
                        Term::Text(text) if text.len() > MAX_TEXT_BYTES => mark = Some(Mark::Long),
                        term => {
                            encode::key_of(term, key);
                            self.entries.push((row, self.terms.intern(key, most)?));
                        }
                    }
                }
                if terms.is_empty() {
                    mark = Some(Mark::Empty);
                }
                self.lists |= list;
            }
            FieldValue::Place(place) => {
                mark = Some(Mark::Place);
                self.places.push(*place);
            }
        }
        // A mark's number is its own, for marks were the first to come.
        self.entries.extend(mark.map(|mark| (row, mark as u32)));
        self.present += 1;
        (self.entries.len() <= most as usize).then_some(())
    }
}
