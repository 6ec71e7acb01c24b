//! Items segments: writing and opening.

use super::directory::Directory;
use super::error::StoreError;
use super::segment::{SegmentWriter, check_pinned, section_damage};
use crate::filter::KnownFields;
use crate::format::FormatError;
use crate::format::columns::{self, COLUMN_TABLE, COLUMNS, ColumnsBuilder, Lookup};
use crate::format::container::Kind;
use crate::format::id_table;
use crate::format::items::{
    ID_OFFSETS, ID_TABLE, IDS, ItemsLayout, LIVES, NUMBERS, RECORD_OFFSETS, RECORDS, REVISIONS,
    ROWS, Row,
};
use crate::format::lexical::{self, LEXICAL, LEXICAL_TABLE, LexicalBuilder};
use crate::lexical::{Analyser, Analysis, IndexBuilder, IndexCache, LexicalIndex, OwnedIndex};
use crate::manifest::{ItemsFile, Manifest};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::files::{Blob, IoAction, names};
use twinspire_core::ids::{FileNo, ItemNo, Revision};
use twinspire_towers::internals::Fields;

/// An open items segment.
#[derive(Debug)]
pub(crate) struct ItemsSegment {
    path: PathBuf,
    pinned: ItemsFile,
    blob: Blob,
    layout: ItemsLayout,
    /// Lexical indexes that the file lacks.
    built: IndexCache,
}

/// A lexical index of an items segment.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one for each segment of a recall"
)]
pub(crate) enum SegmentIndex<'a> {
    /// In the file.
    Stored(LexicalIndex<'a>),
    /// In memory: the segment was written before the index was wanted, or its bytes are damaged.
    Built(Arc<OwnedIndex>),
}

impl SegmentIndex<'_> {
    /// The index, to read.
    pub(crate) fn view(&self) -> LexicalIndex<'_> {
        match self {
            Self::Stored(index) => *index,
            Self::Built(index) => index.view(),
        }
    }
}

impl ItemsSegment {
    /// Whether the file `name` needs a build that knows a newer format.
    pub(crate) fn check_supported(directory: &Directory, name: &str) -> Result<(), StoreError> {
        let path = directory.path(names::SEGMENTS, name);
        let blob = directory.files.open(&path);
        let blob = blob.map_err(StoreError::io(IoAction::Open, &path))?;
        match ItemsLayout::decode(&blob) {
            Err(error) if error.is_unsupported() => Err(StoreError::format(&path)(error)),
            _ => Ok(()),
        }
    }

    /// Opens the segment that the manifest pins.
    pub(crate) fn open(directory: &Directory, pinned: &ItemsFile) -> Result<Self, StoreError> {
        let path = directory.path(names::SEGMENTS, &names::items(pinned.file.number));
        let blob = directory
            .files
            .open(&path)
            .map_err(StoreError::io(IoAction::Open, &path))?;
        let wrong = StoreError::format(&path);
        let layout = ItemsLayout::decode(&blob).map_err(&wrong)?;
        check_pinned(directory, &pinned.file, &blob, &layout.sections).map_err(&wrong)?;
        if layout.rows() as u64 != pinned.rows {
            return Err(wrong(FormatError::bad(
                "row count",
                "is not the one the manifest says",
            )));
        }
        let pinned = *pinned;
        Ok(Self {
            path,
            pinned,
            blob,
            layout,
            built: IndexCache::default(),
        })
    }

    /// Path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its entry in the manifest.
    pub(crate) fn pinned(&self) -> &ItemsFile {
        &self.pinned
    }

    /// Number of rows, tombstones included.
    pub(crate) fn rows(&self) -> usize {
        self.layout.rows()
    }

    /// A row by its position.
    pub(crate) fn row(&self, row: usize) -> Result<Row<'_>, StoreError> {
        self.layout
            .row(&self.blob, row)
            .map_err(StoreError::reading(&self.path))
    }

    /// Whether row `row` is a put rather than a delete.
    pub(crate) fn is_put(&self, row: usize) -> Result<bool, StoreError> {
        match self.layout.is_put(&self.blob, row) {
            Some(is_put) => Ok(is_put),
            // Its error says what is wrong.
            None => Ok(self.row(row)?.record.is_some()),
        }
    }

    /// The item and revision of row `row`.
    pub(crate) fn version(&self, row: usize) -> Option<(ItemNo, Revision)> {
        self.layout.version(&self.blob, row)
    }

    /// The item numbers of all rows, increasing.
    pub(crate) fn numbers(&self) -> &[u32] {
        self.layout.numbers(&self.blob)
    }

    /// The row of an id.
    pub(crate) fn find_id(&self, id: &str) -> Result<Option<Row<'_>>, StoreError> {
        let found = self
            .layout
            .find_id(&self.blob, id)
            .map_err(StoreError::reading(&self.path))?;
        found.map(|row| self.row(row)).transpose()
    }

    /// Finds the item of each id that has none in `items` yet.
    pub(crate) fn find_items(
        &self,
        ids: &[&str],
        items: &mut [Option<ItemNo>],
    ) -> Result<(), StoreError> {
        let found = self.layout.find_items(&self.blob, ids, items);
        found.map_err(StoreError::reading(&self.path))
    }

    /// Hints to the processor that the [row](Self::row_of) of an item will soon be looked for.
    pub(crate) fn prefetch_row(&self, item: ItemNo) {
        self.layout.prefetch_row(&self.blob, item);
    }

    /// Hints to the processor that the [id](Self::id) of an item will soon be read. False if it has no row here.
    pub(crate) fn prefetch_id(&self, item: ItemNo) -> bool {
        let row = self.layout.find_item(&self.blob, item);
        row.inspect(|row| self.layout.prefetch_id(&self.blob, *row))
            .is_some()
    }

    /// Position of the row of an item.
    pub(crate) fn row_of(&self, item: ItemNo) -> Option<u32> {
        let row = self.layout.find_item(&self.blob, item)?;
        u32::try_from(row).ok()
    }

    /// The id of row `row`.
    pub(crate) fn id(&self, row: u32) -> Result<&str, StoreError> {
        let id = self.layout.id(&self.blob, row as usize);
        id.map_err(StoreError::reading(&self.path))
    }

    /// The row of an item.
    pub(crate) fn find_item(&self, item: ItemNo) -> Result<Option<Row<'_>>, StoreError> {
        let row = self.row_of(item);
        row.map(|row| self.row(row as usize)).transpose()
    }

    /// The filter fields of the record of row `row`.
    pub(crate) fn fields_of(&self, row: usize) -> Result<Fields, StoreError> {
        let fields = self.row(row)?.fields();
        fields.map_err(StoreError::reading(&self.path))
    }

    /// The column of a field.
    pub(crate) fn column(&self, path: &str) -> Lookup<'_> {
        self.layout.columns.lookup(&self.blob, path)
    }

    /// The lexical index by an analysis. If the file has none, the first call builds it in memory.
    pub(crate) fn lexical(&self, analysis: &Analysis) -> Result<SegmentIndex<'_>, StoreError> {
        if let Some(stored) = self.layout.lexical.index(&self.blob, analysis) {
            return Ok(SegmentIndex::Stored(stored));
        }
        let build = || {
            let (analyser, mut index) = (Analyser::new(analysis), IndexBuilder::default());
            for row in 0..self.rows() {
                index.push(&analyser.document(&self.fields_of(row)?));
            }
            Ok::<_, StoreError>(index.build())
        };
        let built = self.built.get_or_build(analysis, build)?;
        Ok(SegmentIndex::Built(built))
    }

    /// Bytes of the lexical index by an analysis; `None` if the file has none.
    pub(crate) fn lexical_bytes(&self, analysis: &Analysis) -> Option<u64> {
        let index = self.layout.lexical.index(&self.blob, analysis)?;
        index.shape().bytes()
    }

    /// Whether the file has the lexical indexes by these analyses.
    pub(crate) fn has_lexical(&self, analyses: &[Analysis]) -> bool {
        let stored =
            |analysis: &Analysis| self.layout.lexical.analyses().any(|own| own == analysis);
        analyses.iter().all(stored)
    }

    /// The fields that have columns, with the kinds of values in them.
    pub(crate) fn fields(&self) -> KnownFields {
        KnownFields::of_columns(self.layout.columns.fields())
    }

    /// Whether every field has a column.
    pub(crate) fn has_all_columns(&self) -> bool {
        self.layout.columns.is_complete()
    }

    /// The database in its header.
    pub(crate) fn database(&self) -> u64 {
        self.layout.sections.header.database
    }

    /// All damage in the file.
    pub(crate) fn check(&self) -> Vec<StoreError> {
        let damaged = section_damage(&self.layout.sections, &self.blob);
        let problems = damaged.into_iter().chain(self.layout.check(&self.blob));
        problems.map(StoreError::reading(&self.path)).collect()
    }

    /// Whether the rows are undamaged. Their columns and lexical indexes may be damaged: the records yield them again.
    pub(crate) fn has_sound_rows(&self) -> bool {
        let mut damaged = self.layout.sections.damaged(&self.blob).into_iter();
        let problems = self.layout.check(&self.blob);
        let derived = [COLUMN_TABLE, COLUMNS, LEXICAL_TABLE, LEXICAL];
        let is_derived = |problem: &FormatError| {
            columns::is_about_columns(problem) || lexical::is_about_indexes(problem)
        };
        damaged.all(|section| derived.contains(&section)) && problems.iter().all(is_derived)
    }
}

/// Writes an items segment from rows in item order.
///
/// Records are streamed. Memory holds a few dozen bytes a row, the distinct terms of the columns,
/// eight bytes for each term of each row, and the packed postings of lexical indexes.
pub(crate) struct ItemsWriter {
    segment: SegmentWriter,
    numbers: Vec<u32>,
    revisions: Vec<u64>,
    lives: Vec<[u64; 2]>,
    id_offsets: Vec<u64>,
    ids: Vec<u8>,
    record_offsets: Vec<u64>,
    columns: ColumnsBuilder,
    lexical: LexicalBuilder,
}

impl ItemsWriter {
    /// Creates the file. Fields that the manifest keeps out of filters get no columns; each way in which it indexes
    /// texts gets a lexical index.
    pub(crate) fn create(
        directory: &Directory,
        number: FileNo,
        manifest: &Manifest,
    ) -> Result<Self, StoreError> {
        let database = manifest.database;
        let path = directory.path(names::SEGMENTS, &names::items(number));
        let mut segment = SegmentWriter::create(directory, path, Kind::Items, number, database)?;
        segment.start_section(RECORDS)?;
        Ok(Self {
            segment,
            numbers: Vec::new(),
            revisions: Vec::new(),
            lives: Vec::new(),
            id_offsets: vec![0],
            ids: Vec::new(),
            record_offsets: vec![0],
            columns: ColumnsBuilder::omitting(manifest.fields.unfiltered()),
            lexical: LexicalBuilder::new(manifest.analyses()),
        })
    }

    /// Adds a row. Item numbers increase.
    pub(crate) fn push(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let fields = row.fields();
        let fields = fields.map_err(StoreError::format(self.segment.path()))?;
        self.push_with_fields(row, &fields)
    }

    /// [`push`](Self::push) of a row whose record has these fields.
    pub(crate) fn push_with_fields(
        &mut self,
        row: &Row<'_>,
        fields: &Fields,
    ) -> Result<(), StoreError> {
        if self.numbers.last().is_some_and(|last| *last >= row.item.0) {
            let what = format!("row for item {} comes out of order", row.item);
            return Err(StoreError::format(self.segment.path())(FormatError::bad(
                "item numbers",
                what,
            )));
        }
        self.columns.push(fields);
        self.lexical.push(fields);
        let record = row.record.unwrap_or_default();
        self.segment.append(record)?;
        let end = self.record_offsets.last().copied().unwrap_or_default() + record.len() as u64;
        self.record_offsets.push(end);
        self.ids.extend_from_slice(row.id.as_bytes());
        self.id_offsets.push(self.ids.len() as u64);
        if row.born > Revision(0) && row.record.is_some() {
            self.lives.push([self.numbers.len() as u64, row.born.0]);
        }
        self.numbers.push(row.item.0);
        self.revisions.push(row.revision.0);
        Ok(())
    }

    /// Writes the remaining sections. File and name are durable then.
    pub(crate) fn finish(self) -> Result<ItemsFile, StoreError> {
        let Self {
            mut segment,
            numbers,
            revisions,
            lives,
            id_offsets,
            ids,
            record_offsets,
            columns,
            lexical,
        } = self;
        let each = id_offsets.windows(2).map(|ends| match ends {
            [from, to] => ids.get(*from as usize..*to as usize).unwrap_or_default(),
            _ => &[],
        });
        let table_of_ids = id_table::build(each);
        let rows = numbers.len() as u64;
        segment.section(ROWS, &rows.to_le_bytes())?;
        segment.section(NUMBERS, bytemuck::cast_slice(&numbers))?;
        segment.section(REVISIONS, bytemuck::cast_slice(&revisions))?;
        segment.section(ID_OFFSETS, bytemuck::cast_slice(&id_offsets))?;
        segment.section(IDS, &ids)?;
        segment.section(ID_TABLE, bytemuck::cast_slice(&table_of_ids))?;
        segment.section(RECORD_OFFSETS, bytemuck::cast_slice(&record_offsets))?;
        segment.start_section(COLUMNS)?;
        let wrong = StoreError::format(segment.path());
        let columns = columns.finish(|bytes| segment.append(bytes))?.encode();
        segment.section(COLUMN_TABLE, &columns.map_err(wrong)?)?;
        segment.section(LIVES, bytemuck::cast_slice(&lives))?;
        if !lexical.is_empty() {
            segment.start_section(LEXICAL)?;
            let wrong = StoreError::format(segment.path());
            let table = lexical.finish(|bytes| segment.append(bytes))?.encode();
            segment.section(LEXICAL_TABLE, &table.map_err(wrong)?)?;
        }
        Ok(ItemsFile {
            file: segment.finish()?,
            rows,
            newest: Revision(revisions.into_iter().max().unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;
    use twinspire_core::files::{FileSystem, MemoryFiles};
    use twinspire_towers::internals::{Fields, Term, Test};

    fn directory() -> Directory {
        let root = PathBuf::from("shop.twin");
        let files = Arc::new(MemoryFiles::default());
        files.create_dir(&root).unwrap();
        files.create_dir(&root.join(names::SEGMENTS)).unwrap();
        Directory { files, root }
    }

    #[test]
    fn a_segment_answers_from_the_columns_of_its_records() {
        let directory = directory();
        let mut writer = ItemsWriter::create(&directory, FileNo(1), &Manifest::new(7)).unwrap();
        let record = |item: u32| json!({"id": item.to_string(), "bucket": item % 10});
        // Every third item is missing, and the seventh deleted.
        let items = (5..500).filter(|item| item % 3 != 0);
        for item in items.clone() {
            let text = record(item).to_string();
            let row = Row {
                item: ItemNo(item),
                revision: Revision(u64::from(item)),
                id: &item.to_string(),
                born: Revision(if item % 5 == 0 {
                    u64::from(item) - 3
                } else {
                    0
                }),
                record: (item != 7).then_some(text.as_bytes()),
            };
            writer.push(&row).unwrap();
        }
        let segment = ItemsSegment::open(&directory, &writer.finish().unwrap()).unwrap();
        assert!(segment.check().is_empty());
        let mut expected = KnownFields::default();
        expected.add_item(&Fields::of(&record(5)));
        assert_eq!(segment.fields(), expected);
        assert!(matches!(segment.column("price"), Lookup::Absent));
        let Lookup::Column(column) = segment.column("bucket") else {
            panic!("there is no column");
        };
        let test = Test::OneOf(vec![Term::Number(7.0.into())]);
        let matches = column.resolve(&test);
        for item in 0..600 {
            let there = items.clone().any(|other| other == item);
            let row = segment.row_of(ItemNo(item));
            assert_eq!(row.is_some(), there);
            if let Some(row) = row {
                let due = if item % 5 == 0 {
                    u64::from(item) - 3
                } else {
                    0
                };
                assert_eq!(segment.row(row as usize).unwrap().born, Revision(due));
            }
            let found = segment.find_item(ItemNo(item)).unwrap();
            assert_eq!(found.map(|row| row.item.0), there.then_some(item));
            let fields = Fields::of(&record(item));
            let expected = item != 7 && test.matches(fields.field("bucket"));
            assert!(row.is_none_or(|row| matches.contains(row) == expected));
        }
        let mut found = 0;
        matches.for_each_batch(|rows| found += rows.len());
        assert_eq!(matches.count(), found);
    }

    #[test]
    fn a_record_that_is_not_json_is_refused() {
        let directory = directory();
        let mut writer = ItemsWriter::create(&directory, FileNo(1), &Manifest::new(7)).unwrap();
        let row = Row {
            item: ItemNo(3),
            revision: Revision(1),
            id: "a",
            born: Revision(0),
            record: Some(b"{\"id\": "),
        };
        let error = writer.push(&row).unwrap_err().to_string();
        assert!(error.contains("that of item 3 is not JSON"), "{error}");
    }
}
