//! An items segment: the record of each item at its last sealed revision, rows in item-number order.
//!
//! | id | section | elements |
//! |---|---|---|
//! | 1 | row count | one u64 |
//! | 2 | item numbers | u32 per row, strictly increasing |
//! | 3 | revisions | u64 per row |
//! | 4 | id offsets | u64 per row and one more, into 5 |
//! | 5 | ids | UTF-8, back to back |
//! | 6 | id table | u64 per slot of the [hash table](super::id_table) of ids |
//! | 7 | record offsets | u64 per row and one more, into 8 |
//! | 8 | records | JSON text, back to back; an empty one is a tombstone |
//! | 9 | column table | the packed table of [columns](super::columns) |
//! | 10 | columns | the arrays of the columns |
//! | 11 | lives | two u64 for each row whose item was put again after a delete: the row, and the revision of that put |
//! | 12 | lexical table | the packed table of [lexical indexes](super::lexical); absent if there are none |
//! | 13 | lexical indexes | the arrays of these indexes; absent if there are none |

use super::array::{array, array_range};
use super::columns::{self, ColumnsBuilder, ColumnsLayout};
use super::container::{Kind, Sections};
use super::damage::Damage;
use super::dense::{guess_dense, search_dense};
use super::error::FormatError;
use super::id_table;
use super::lexical::{self, LEXICAL, LexicalBuilder, LexicalLayout};
use serde_json::Value;
use std::ops::Range;
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::prefetch;
use twinspire_towers::internals::{Fields, IDS_PER_LOOKUP};

pub(crate) const ROWS: u32 = 1;
pub(crate) const NUMBERS: u32 = 2;
pub(crate) const REVISIONS: u32 = 3;
pub(crate) const ID_OFFSETS: u32 = 4;
pub(crate) const IDS: u32 = 5;
pub(crate) const ID_TABLE: u32 = 6;
pub(crate) const RECORD_OFFSETS: u32 = 7;
pub(crate) const RECORDS: u32 = 8;

pub(crate) const LIVES: u32 = 11;

const _: () = assert!(LEXICAL == Kind::Items.last_section());

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// The item.
    pub(crate) item: ItemNo,
    /// The revision of this version.
    pub(crate) revision: Revision,
    /// The item's id.
    pub(crate) id: &'a str,
    /// The put after the last delete of the item, which began its present life; 0 if it was never deleted.
    pub(crate) born: Revision,
    /// The record as JSON text; `None` if this version is a delete.
    pub(crate) record: Option<&'a [u8]>,
}

impl Row<'_> {
    /// The fields that filters see; `None` if this version is a delete.
    pub(crate) fn fields(&self) -> Result<Fields, FormatError> {
        let Some(text) = self.record else {
            return Ok(Fields::default());
        };
        let record: Value = serde_json::from_slice(text).map_err(|error| {
            let item = self.item;
            FormatError::bad(
                "records",
                Damage::ItemRecord {
                    item,
                    source: error,
                },
            )
        })?;
        Ok(Fields::of(&record))
    }
}

/// The look-up of one of many ids.
#[derive(Clone, Copy)]
struct Probe {
    hash: u64,
    /// The first row whose id may be the wanted one.
    row: Option<usize>,
}

/// The ranges of the arrays of an items segment.
#[derive(Debug)]
pub(crate) struct ItemsLayout {
    /// The section table.
    pub(crate) sections: Sections,
    /// The columns; empty if their table is damaged.
    pub(crate) columns: ColumnsLayout,
    /// The lexical indexes; none if their table is damaged.
    pub(crate) lexical: LexicalLayout,
    rows: usize,
    numbers: Range<usize>,
    revisions: Range<usize>,
    id_offsets: Range<usize>,
    ids: Range<usize>,
    id_table: Range<usize>,
    record_offsets: Range<usize>,
    records: Range<usize>,
    lives: Range<usize>,
}

impl ItemsLayout {
    /// Reads the table and checks the length of every array. The arrays are not read.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let sections = Sections::decode(bytes, Kind::Items)?;
        let count = array_range::<u64>(&sections, ROWS, "row count", 1)?;
        let rows = array::<u64>(bytes, &count)
            .first()
            .copied()
            .unwrap_or_default();
        let places = rows.saturating_add(1);
        let numbers = array_range::<u32>(&sections, NUMBERS, "item numbers", rows)?;
        Ok(Self {
            // Columns and indexes only repeat the records, so damage to them is no error here.
            columns: ColumnsLayout::decode(bytes, &sections, rows).unwrap_or_default(),
            lexical: LexicalLayout::decode(bytes, &sections, rows).unwrap_or_default(),
            numbers,
            revisions: array_range::<u64>(&sections, REVISIONS, "revisions", rows)?,
            id_offsets: array_range::<u64>(&sections, ID_OFFSETS, "id offsets", places)?,
            ids: sections.range(IDS, "ids")?,
            id_table: array_range::<u64>(&sections, ID_TABLE, "id table", id_table::slots(rows))?,
            record_offsets: array_range::<u64>(
                &sections,
                RECORD_OFFSETS,
                "record offsets",
                places,
            )?,
            records: sections.range(RECORDS, "records")?,
            lives: lives(&sections)?,
            rows: rows as usize,
            sections,
        })
    }

    /// Rows in the segment.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The item and revision of row `row`.
    pub(crate) fn version(&self, bytes: &[u8], row: usize) -> Option<(ItemNo, Revision)> {
        let item = array::<u32>(bytes, &self.numbers).get(row)?;
        let revision = array::<u64>(bytes, &self.revisions).get(row)?;
        Some((ItemNo(*item), Revision(*revision)))
    }

    /// The item numbers of all rows.
    pub(crate) fn numbers<'a>(&self, bytes: &'a [u8]) -> &'a [u32] {
        array(bytes, &self.numbers)
    }

    /// Row `row`, with every offset checked.
    pub(crate) fn row<'a>(&self, bytes: &'a [u8], row: usize) -> Result<Row<'a>, FormatError> {
        let Some((item, revision)) = self.version(bytes, row) else {
            return Err(FormatError::bad(
                "item numbers",
                format!("there is no row {row}"),
            ));
        };
        let record = slice(bytes, &self.record_offsets, &self.records, row).ok_or_else(|| {
            FormatError::bad(
                "record offsets",
                format!("row {row} lies outside the records"),
            )
        })?;
        Ok(Row {
            item,
            revision,
            id: self.id(bytes, row)?,
            born: self.born(bytes, row),
            record: (!record.is_empty()).then_some(record),
        })
    }

    /// Whether row `row` is a put rather than a delete; `None` if it lies outside the records. Reads less than
    /// [`row`](Self::row).
    pub(crate) fn is_put(&self, bytes: &[u8], row: usize) -> Option<bool> {
        let record = slice(bytes, &self.record_offsets, &self.records, row)?;
        Some(!record.is_empty())
    }

    /// The rows whose items were put again after a delete, and the revisions of these puts.
    fn lives<'a>(&self, bytes: &'a [u8]) -> &'a [[u64; 2]] {
        array::<u64>(bytes, &self.lives).as_chunks().0
    }

    /// The revision that began the present life of a row's item; 0 for its first life.
    fn born(&self, bytes: &[u8], row: usize) -> Revision {
        let lives = self.lives(bytes);
        let found = lives.binary_search_by_key(&(row as u64), |[row, _]| *row);
        let life = found.ok().and_then(|at| lives.get(at));
        Revision(life.map_or(0, |[_, born]| *born))
    }

    /// The row of an id.
    pub(crate) fn find_id(&self, bytes: &[u8], id: &str) -> Result<Option<usize>, FormatError> {
        self.find_hashed(bytes, id, id_table::hash(id.as_bytes()))
    }

    fn find_hashed(&self, bytes: &[u8], id: &str, hash: u64) -> Result<Option<usize>, FormatError> {
        for row in id_table::candidates(array(bytes, &self.id_table), hash) {
            if self.id_bytes(bytes, row)? == id.as_bytes() {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Finds the item of each id that has none in `items` yet. The memory accesses of many ids overlap.
    pub(crate) fn find_items(
        &self,
        bytes: &[u8],
        ids: &[&str],
        items: &mut [Option<ItemNo>],
    ) -> Result<(), FormatError> {
        let chunks = ids.chunks(IDS_PER_LOOKUP);
        let mut chunks = chunks.zip(items.chunks_mut(IDS_PER_LOOKUP));
        chunks.try_for_each(|(ids, items)| self.find_together(bytes, ids, items))
    }

    /// [`find_items`](Self::find_items) for one chunk. Each step prefetches what the next one reads.
    fn find_together(
        &self,
        bytes: &[u8],
        ids: &[&str],
        items: &mut [Option<ItemNo>],
    ) -> Result<(), FormatError> {
        let table = array::<u64>(bytes, &self.id_table);
        let offsets = array::<u64>(bytes, &self.id_offsets);
        let numbers = self.numbers(bytes);
        let mut probes = [None; IDS_PER_LOOKUP];
        for ((id, item), probe) in ids.iter().zip(&*items).zip(&mut probes) {
            if item.is_none() {
                let hash = id_table::hash(id.as_bytes());
                id_table::prefetch(table, hash);
                *probe = Some(Probe { hash, row: None });
            }
        }
        for probe in probes.iter_mut().flatten() {
            probe.row = id_table::candidates(table, probe.hash).next();
            if let Some(row) = probe.row {
                prefetch(offsets.get(row..row + 2).unwrap_or_default());
                prefetch(numbers.get(row..=row).unwrap_or_default());
            }
        }
        for row in probes.iter().flatten().filter_map(|probe| probe.row) {
            prefetch(self.id_bytes(bytes, row).unwrap_or_default());
        }
        for ((id, probe), item) in ids.iter().zip(probes).zip(items) {
            let Some((probe, row)) = probe.and_then(|probe| Some((probe, probe.row?))) else {
                continue;
            };
            let row = match self.id_bytes(bytes, row)? == id.as_bytes() {
                true => Some(row),
                // Another id with the same tag.
                false => self.find_hashed(bytes, id, probe.hash)?,
            };
            *item = row.and_then(|row| numbers.get(row)).copied().map(ItemNo);
        }
        Ok(())
    }

    /// The row of an item number.
    pub(crate) fn find_item(&self, bytes: &[u8], item: ItemNo) -> Option<usize> {
        search_dense(self.numbers(bytes), item.0)
    }

    /// Hints to the processor that the row of an item number will soon be looked for, and its id offset read.
    pub(crate) fn prefetch_row(&self, bytes: &[u8], item: ItemNo) {
        let numbers = self.numbers(bytes);
        if let Some(row) = guess_dense(numbers, item.0) {
            prefetch(numbers.get(row..=row).unwrap_or_default());
            let offsets = array::<u64>(bytes, &self.id_offsets);
            prefetch(offsets.get(row..row + 2).unwrap_or_default());
        }
    }

    /// Hints to the processor that the id of a row will soon be read.
    pub(crate) fn prefetch_id(&self, bytes: &[u8], row: usize) {
        prefetch(self.id_bytes(bytes, row).unwrap_or_default());
    }

    /// Problems with the order of rows, the offsets, the ids and the columns.
    pub(crate) fn check(&self, bytes: &[u8]) -> Vec<FormatError> {
        let mut problems = Vec::new();
        let numbers = array::<u32>(bytes, &self.numbers);
        if !numbers.is_sorted_by(|a, b| a < b) {
            problems.push(FormatError::bad(
                "item numbers",
                "are not strictly increasing",
            ));
        }
        let mut built = ColumnsBuilder::omitting(self.columns.omitted());
        let mut indexes = LexicalBuilder::new(self.lexical.analyses().cloned());
        for row in 0..self.rows {
            let fields = self.row(bytes, row).and_then(|row| row.fields());
            match fields {
                Ok(fields) => {
                    built.push(&fields);
                    indexes.push(&fields);
                }
                Err(problem) => {
                    problems.push(problem);
                    return problems;
                }
            }
        }
        problems.extend(columns::check(bytes, &self.sections, built).err());
        problems.extend(lexical::check(bytes, &self.sections, indexes).err());
        let lives = self.lives(bytes);
        let is_later = |[row, born]: &[u64; 2]| {
            let version = self.version(bytes, *row as usize);
            version.is_none_or(|(_, revision)| *born == 0 || *born > revision.0)
        };
        if !lives.is_sorted_by(|a, b| a[0] < b[0]) || lives.iter().any(is_later) {
            let what = "are not those of rows in order, or begin after the version of the row";
            problems.push(FormatError::bad("lives", what));
        }
        let all: Result<Vec<&[u8]>, _> = (0..self.rows)
            .map(|row| self.id_bytes(bytes, row))
            .collect();
        let found = array::<u64>(bytes, &self.id_table);
        if all.is_ok_and(|all| id_table::build(all.into_iter()) != found) {
            let what = "differs from the ids";
            problems.push(FormatError::bad("id table", what));
        }
        // If two rows have one id, one of them is not found by it.
        let unique = |row: &usize| {
            let id = self.id(bytes, *row)?;
            Ok::<_, FormatError>(self.find_id(bytes, id)? == Some(*row))
        };
        if !(0..self.rows).all(|row| unique(&row).unwrap_or(true)) {
            problems.push(FormatError::bad("ids", "two rows have the same id"));
        }
        problems
    }

    /// The id of row `row`.
    pub(crate) fn id<'a>(&self, bytes: &'a [u8], row: usize) -> Result<&'a str, FormatError> {
        let id = self.id_bytes(bytes, row)?;
        std::str::from_utf8(id).map_err(|_| no_id(row))
    }

    fn id_bytes<'a>(&self, bytes: &'a [u8], row: usize) -> Result<&'a [u8], FormatError> {
        slice(bytes, &self.id_offsets, &self.ids, row).ok_or_else(|| no_id(row))
    }
}

/// The range of the section of lives, two numbers each.
fn lives(sections: &Sections) -> Result<Range<usize>, FormatError> {
    let bytes = sections.range(LIVES, "lives")?.len() as u64;
    array_range::<[u64; 2]>(sections, LIVES, "lives", bytes / 16)
}

fn no_id(row: usize) -> FormatError {
    FormatError::bad("ids", format!("row {row} has no valid id"))
}

/// Piece `row` of a section, by the offsets in another.
fn slice<'a>(
    bytes: &'a [u8],
    offsets: &Range<usize>,
    data: &Range<usize>,
    row: usize,
) -> Option<&'a [u8]> {
    let offsets = array::<u64>(bytes, offsets);
    let from = usize::try_from(*offsets.get(row)?).ok()?;
    let to = usize::try_from(*offsets.get(row + 1)?).ok()?;
    bytes.get(data.clone())?.get(from..to)
}
