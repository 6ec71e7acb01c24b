//! The lexical indexes of an items segment.
//!
//! A table says by which analysis each index was built, and what it holds. The arrays of the indexes follow each
//! other in another section. The records determine every bit of both, so damage to them is no loss.

use super::container::Sections;
use super::error::FormatError;
use crate::lexical::{Analyser, Analysis, IndexBuilder, IndexShape, LexicalIndex};
use bincode::{Decode, Encode};
use std::ops::Range;
use twinspire_core::wire::{pack, unpack};
use twinspire_towers::internals::Fields;

/// The section of the table. A segment without indexes lacks it and the next one.
pub(crate) const LEXICAL_TABLE: u32 = 12;
/// The section of the arrays.
pub(crate) const LEXICAL: u32 = 13;

const TABLE_NAME: &str = "lexical table";
const ARRAYS_NAME: &str = "lexical indexes";

/// An entry of the table.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Entry {
    analysis: Analysis,
    shape: IndexShape,
}

/// The indexes in a file.
#[derive(Debug, Default)]
pub(crate) struct LexicalLayout {
    /// Each index, and where its arrays are in the file.
    indexes: Vec<(Entry, Range<usize>)>,
}

impl LexicalLayout {
    /// Reads the table and checks the length of all arrays. The arrays are not read.
    pub(crate) fn decode(
        bytes: &[u8],
        sections: &Sections,
        rows: u64,
    ) -> Result<Self, FormatError> {
        if !sections.has(LEXICAL_TABLE) && !sections.has(LEXICAL) {
            return Ok(Self::default());
        }
        let bad = |what: &str| FormatError::bad(TABLE_NAME, what);
        let packed = sections.range(LEXICAL_TABLE, TABLE_NAME)?;
        let table: Vec<Entry> = unpack(bytes.get(packed).unwrap_or_default())
            .map_err(|error| FormatError::bad(TABLE_NAME, error))?;
        let data = sections.range(LEXICAL, ARRAYS_NAME)?;
        let (mut indexes, mut at) = (Vec::with_capacity(table.len()), data.start as u64);
        for entry in table {
            let end = entry.shape.bytes().and_then(|bytes| at.checked_add(bytes));
            let end = end.filter(|end| *end <= data.end as u64);
            let Some(end) = end.filter(|_| u64::from(entry.shape.rows) == rows) else {
                return Err(bad("counts contradict the indexes"));
            };
            indexes.push((entry, at as usize..end as usize));
            at = end;
        }
        if at != data.end as u64 {
            return Err(bad("counts contradict the indexes"));
        }
        Ok(Self { indexes })
    }

    /// The index by an analysis, if the file has it.
    pub(crate) fn index<'a>(
        &self,
        bytes: &'a [u8],
        analysis: &Analysis,
    ) -> Option<LexicalIndex<'a>> {
        let mut indexes = self.indexes.iter();
        let (entry, range) = indexes.find(|(entry, _)| entry.analysis == *analysis)?;
        LexicalIndex::of(&entry.shape, bytes.get(range.clone())?)
    }

    /// The analyses that the file has an index by.
    pub(crate) fn analyses(&self) -> impl Iterator<Item = &Analysis> {
        self.indexes.iter().map(|(entry, _)| &entry.analysis)
    }
}

/// Builds the indexes of a file from its rows.
pub(crate) struct LexicalBuilder {
    indexes: Vec<(Analysis, IndexBuilder)>,
}

impl LexicalBuilder {
    /// Indexes by these analyses.
    pub(crate) fn new(analyses: impl IntoIterator<Item = Analysis>) -> Self {
        let indexes = analyses.into_iter();
        let indexes = indexes.map(|analysis| (analysis, IndexBuilder::default()));
        Self {
            indexes: indexes.collect(),
        }
    }

    /// Adds a row whose record has these fields.
    pub(crate) fn push(&mut self, fields: &Fields) {
        for (analysis, index) in &mut self.indexes {
            index.push(&Analyser::new(analysis).document(fields));
        }
    }

    /// Whether there is an index.
    pub(crate) fn is_empty(&self) -> bool {
        self.indexes.is_empty()
    }

    /// Passes the arrays to `write`, and returns their table.
    pub(crate) fn finish<E>(
        self,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<LexicalTable, E> {
        let mut table = Vec::with_capacity(self.indexes.len());
        for (analysis, index) in self.indexes {
            let shape = index.finish(&mut write)?;
            table.push(Entry { analysis, shape });
        }
        Ok(LexicalTable(table))
    }
}

/// The table of the indexes of a file.
pub(crate) struct LexicalTable(Vec<Entry>);

impl LexicalTable {
    /// The packed table.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        pack(&self.0).map_err(|error| FormatError::bad(TABLE_NAME, error))
    }
}

/// Compares the indexes in a file with those built from its rows.
pub(super) fn check(
    bytes: &[u8],
    sections: &Sections,
    built: LexicalBuilder,
) -> Result<(), FormatError> {
    if !sections.has(LEXICAL_TABLE) && !sections.has(LEXICAL) {
        return Ok(());
    }
    let part = |range: Range<usize>| bytes.get(range).unwrap_or_default();
    let mut left = part(sections.range(LEXICAL, ARRAYS_NAME)?);
    let differs = || FormatError::bad(ARRAYS_NAME, "differ from the records");
    let table = built.finish(|expected| {
        left = left.strip_prefix(expected).ok_or_else(differs)?;
        Ok::<_, FormatError>(())
    })?;
    if !left.is_empty() {
        return Err(differs());
    }
    if table.encode()? != part(sections.range(LEXICAL_TABLE, TABLE_NAME)?) {
        let what = "differs from the indexes of the records";
        return Err(FormatError::bad(TABLE_NAME, what));
    }
    Ok(())
}

/// Whether the problem is in the indexes only, which can be rebuilt from the records.
pub(crate) fn is_about_indexes(problem: &FormatError) -> bool {
    [TABLE_NAME, ARRAYS_NAME].contains(&problem.section)
}
