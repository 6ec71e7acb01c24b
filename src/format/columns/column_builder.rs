//! Building one column.

use super::interner::Interner;
use super::key::{key_of, key_of_mark};
use super::limits::MAX_TEXT_BYTES;
use super::mark::Mark;
use crate::filter::MAX_LIST_NUMBERS;
use twinspire_towers::internals::{FieldValue, Place, Term};

/// Collects the values of one field.
pub(super) struct ColumnBuilder {
    /// The keys of the marks, then those of terms in order of appearance.
    pub(super) terms: Interner,
    /// Row and term number of each occurrence, in order of rows, then of terms.
    pub(super) entries: Vec<(u32, u32)>,
    /// The places, in order of rows.
    pub(super) places: Vec<Place>,
    /// Rows that have the field.
    pub(super) present: u32,
    /// Whether a row has a list.
    pub(super) lists: bool,
}

impl ColumnBuilder {
    /// A column without rows.
    pub(super) fn new() -> Self {
        let mut terms = Interner::default();
        for mark in Mark::ALL {
            terms.intern(&key_of_mark(mark), u32::MAX);
        }
        Self {
            terms,
            entries: Vec::new(),
            places: Vec::new(),
            present: 0,
            lists: false,
        }
    }

    /// Adds the value of a row; `None` if the column exceeds its limit.
    pub(super) fn push(
        &mut self,
        row: u32,
        value: &FieldValue,
        key: &mut Vec<u8>,
        limit: u32,
    ) -> Option<()> {
        let mut long = None;
        let mark = match value {
            FieldValue::Terms { terms, list } => {
                let numbers = terms.iter().filter(|term| matches!(term, Term::Number(_)));
                let many = numbers.count() > MAX_LIST_NUMBERS;
                for term in terms {
                    match term {
                        Term::Text(text) if text.len() > MAX_TEXT_BYTES => long = Some(Mark::Long),
                        Term::Number(_) if many => {}
                        term => {
                            key_of(term, key);
                            self.entries.push((row, self.terms.intern(key, limit)?));
                        }
                    }
                }
                self.lists |= list;
                match many {
                    true => Some(Mark::Numbers),
                    false => terms.is_empty().then_some(Mark::Empty),
                }
            }
            FieldValue::Place(place) => {
                self.places.push(*place);
                Some(Mark::Place)
            }
        };
        // Marks were interned first, so the number of a mark is its own.
        let marks = [long, mark].into_iter().flatten();
        self.entries.extend(marks.map(|mark| (row, mark as u32)));
        self.present += 1;
        (self.entries.len() <= limit as usize).then_some(())
    }
}
