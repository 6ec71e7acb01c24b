//! Pages, checked before the column readers of the `parquet` crate trust what they declare.
//!
//! A few bytes can declare 2^31 repetition levels of one row, dictionary entries or string lengths, and the
//! crate would reserve memory for each. They are counted here first, on the page as it is stored.

use std::sync::Arc;

use ::parquet::basic::{Compression, Encoding, Type};
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::properties::{ReaderProperties, ReaderPropertiesPtr};
use ::parquet::file::serialized_reader::SerializedPageReader;
use ::parquet::schema::types::ColumnDescPtr;

use super::input::{Chunk, Input};
use super::thrift::varint;

/// Maximum length of a list in one row.
pub(crate) const MAX_LIST_LENGTH: usize = 65_536;

/// Maximum length of a text that is stored by the part in which it differs from the one before it.
const MAX_TEXT_BYTES: i64 = 8 << 20;

/// The pages of a column, each checked before it is passed on.
pub(crate) struct Pages<P> {
    inner: P,
    column: ColumnDescPtr,
    /// Length of the last row's list at the end of the last page.
    run: usize,
}

impl<P: PageReader> Pages<P> {
    pub(super) fn new(inner: P, column: ColumnDescPtr) -> Self {
        Self {
            inner,
            column,
            run: 0,
        }
    }

    fn check(&mut self, page: &Page) -> Result<()> {
        let checked = match page {
            Page::DictionaryPage {
                buf, num_values, ..
            } => self.dictionary(*num_values, buf.len()),
            Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding,
                rep_level_encoding,
                ..
            } => self.first_version(
                buf,
                *num_values,
                *encoding,
                [*rep_level_encoding, *def_level_encoding],
            ),
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                rep_levels_byte_len,
                def_levels_byte_len,
                ..
            } => {
                let lengths = [*rep_levels_byte_len, *def_levels_byte_len];
                self.second_version(buf, *num_values, *encoding, lengths)
            }
        };
        checked.map_err(|what| self.at_fault(what))
    }

    /// An error in this column.
    fn at_fault(&self, what: impl std::fmt::Display) -> ParquetError {
        ParquetError::General(format!("column `{}`: {what}", self.column.path()))
    }

    /// A dictionary holds at least a length or a number for each entry.
    fn dictionary(&self, entries: u32, bytes: usize) -> Result<(), &'static str> {
        let least = match self.column.physical_type() {
            Type::BOOLEAN => 1,
            Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
            Type::INT64 | Type::DOUBLE => 8,
            Type::INT96 => 12,
            Type::FIXED_LEN_BYTE_ARRAY => usize::try_from(self.column.type_length())
                .unwrap_or_default()
                .max(1),
        };
        match entries as usize <= bytes / least {
            true => Ok(()),
            false => Err("a dictionary declares more entries than it has"),
        }
    }

    /// A page of version 1: the levels that the column has, each after its length, then the values.
    fn first_version(
        &mut self,
        mut bytes: &[u8],
        count: u32,
        encoding: Encoding,
        levels: [Encoding; 2],
    ) -> Result<(), &'static str> {
        let has = [
            self.column.max_rep_level() > 0,
            self.column.max_def_level() > 0,
        ];
        let mut found = [&[][..]; 2];
        for ((has, encoding), found) in has.into_iter().zip(levels).zip(&mut found) {
            if !has {
                continue;
            }
            if encoding != Encoding::RLE {
                return Err("levels in an encoding that is no longer in use");
            }
            let (length, rest) = bytes.split_first_chunk().ok_or(LEVELS)?;
            let length = u32::from_le_bytes(*length) as usize;
            (*found, bytes) = rest.split_at_checked(length).ok_or(LEVELS)?;
        }
        self.levels(found[0], count)?;
        self.values(bytes, encoding)
    }

    /// A page of version 2: the lengths of the levels stand in the header.
    fn second_version(
        &mut self,
        bytes: &[u8],
        count: u32,
        encoding: Encoding,
        [repetition, definition]: [u32; 2],
    ) -> Result<(), &'static str> {
        let (levels, rest) = bytes.split_at_checked(repetition as usize).ok_or(LEVELS)?;
        let (_, values) = rest.split_at_checked(definition as usize).ok_or(LEVELS)?;
        self.levels(levels, count)?;
        self.values(values, encoding)
    }

    /// Counts the length of each row by the repetition levels: 0 begins a row, any other continues it. They come in
    /// runs: one level repeated, or bit-packed groups of eight.
    fn levels(&mut self, mut levels: &[u8], count: u32) -> Result<(), &'static str> {
        let most = self.column.max_rep_level().max(0).unsigned_abs();
        if most == 0 {
            return Ok(());
        }
        // Fewer than eight: a schema is at most 64 deep.
        let width = (u16::BITS - most.leading_zeros()) as usize;
        let mut left = u64::from(count);
        while left > 0 && !levels.is_empty() {
            let head = varint(&mut levels).ok_or(LEVELS)?;
            let length = head >> 1;
            if head & 1 == 0 {
                let (level, rest) = levels.split_first().ok_or(LEVELS)?;
                levels = rest;
                let length = length.min(left);
                left -= length;
                match (level, length) {
                    (_, 0) => {}
                    (0, _) => self.run = 1,
                    (_, length) => self.lengthen(length)?,
                }
            } else {
                let bytes = usize::try_from(length)
                    .ok()
                    .and_then(|groups| groups.checked_mul(width));
                // The last run may be cut short where all that is left is padding.
                let (groups, rest) = levels.split_at(bytes.ok_or(LEVELS)?.min(levels.len()));
                levels = rest;
                for group in groups.chunks(width) {
                    let bit = |bit: usize| {
                        group
                            .get(bit / 8)
                            .is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
                    };
                    let size = left.min(8) as usize;
                    left -= size as u64;
                    for level in 0..size {
                        match (level * width..(level + 1) * width).any(bit) {
                            false => self.run = 1,
                            true => self.lengthen(1)?,
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn lengthen(&mut self, levels: u64) -> Result<(), &'static str> {
        let levels = usize::try_from(levels).unwrap_or(usize::MAX);
        self.run = self.run.saturating_add(levels);
        match self.run <= MAX_LIST_LENGTH {
            true => Ok(()),
            false => Err("a row with a list of more than 65,536 values"),
        }
    }

    /// Checks the lengths of strings, which the crate unpacks all at once.
    fn values(&self, bytes: &[u8], encoding: Encoding) -> Result<(), &'static str> {
        match encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => lengths(bytes, bytes.len(), |_| Ok(())).map(drop),
            Encoding::DELTA_BYTE_ARRAY => {
                // Each text repeats a part of the one before it.
                let mut prefixes = Vec::new();
                let suffixes = lengths(bytes, bytes.len(), |length| {
                    prefixes.push(length);
                    Ok(())
                })?;
                let mut prefixes = prefixes.into_iter();
                lengths(suffixes, bytes.len(), |length| {
                    let whole = length.checked_add(prefixes.next().unwrap_or_default());
                    match whole {
                        Some(whole) if whole <= MAX_TEXT_BYTES => Ok(()),
                        _ => Err("a text of more than 8 MiB"),
                    }
                })
                .map(drop)
            }
            _ => Ok(()),
        }
    }
}

/// The checked pages of a column of a row group; `leaf` is the number of the column in the schema.
pub(crate) fn open_pages(
    group: &RowGroupMetaData,
    leaf: usize,
    input: &Arc<Input>,
) -> Result<Pages<SerializedPageReader<Chunk>>> {
    let chunk = group.column(leaf);
    let gzip = matches!(chunk.compression(), Compression::GZIP(_));
    let bytes = Arc::new(Chunk::new(Arc::clone(input), gzip));
    let rows = usize::try_from(group.num_rows())?;
    let pages = SerializedPageReader::new_with_properties(bytes, chunk, rows, None, properties())?;
    Ok(Pages::new(pages, chunk.column_descr_ptr()))
}

fn properties() -> ReaderPropertiesPtr {
    // With the compatibility on, pages in the old LZ4 framing that do not decode are retried in other ways,
    // without a bound.
    let properties = ReaderProperties::builder().set_backward_compatible_lz4(false);
    Arc::new(properties.build())
}

const LEVELS: &str = "a page with damaged levels";

/// Reads numbers in the encoding DELTA_BINARY_PACKED, of which there may be at most `most`, and passes each on.
fn lengths(
    mut bytes: &[u8],
    most: usize,
    mut pass: impl FnMut(i64) -> Result<(), &'static str>,
) -> Result<&[u8], &'static str> {
    const DAMAGED: &str = "a page with damaged lengths of texts";
    let mut number = || varint(&mut bytes).ok_or(DAMAGED);
    let (block, minis, total, first) = (number()?, number()?, number()?, number()?);
    if total > most as u64 {
        return Err("a page declares more texts than it has bytes");
    }
    let in_mini = block.checked_div(minis).ok_or(DAMAGED)?;
    if in_mini == 0 {
        return Err(DAMAGED);
    }
    let minis = usize::try_from(minis).map_err(|_| DAMAGED)?;
    let mut left = total.saturating_sub(1);
    let mut last = signed(first);
    if total > 0 {
        pass(last)?;
    }
    while left > 0 {
        let least = signed(varint(&mut bytes).ok_or(DAMAGED)?);
        let (widths, mut rest) = bytes.split_at_checked(minis).ok_or(DAMAGED)?;
        for width in widths {
            if left == 0 {
                break;
            }
            if *width > 64 {
                return Err(DAMAGED);
            }
            let bits = u64::from(*width).checked_mul(in_mini).ok_or(DAMAGED)?;
            let length = usize::try_from(bits / 8).map_err(|_| DAMAGED)?;
            // The last one may be cut short.
            let (packed, after) = rest.split_at(length.min(rest.len()));
            for at in 0..in_mini.min(left) {
                let delta = unpack(packed, at, *width);
                last = last.wrapping_add(least).wrapping_add(delta.cast_signed());
                pass(last)?;
            }
            rest = after;
            left = left.saturating_sub(in_mini);
        }
        bytes = rest;
    }
    Ok(bytes)
}

/// A number in zigzag encoding.
fn signed(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// The number at a place of bit-packed ones.
fn unpack(packed: &[u8], at: u64, width: u8) -> u64 {
    let start = at * u64::from(width);
    let mut number = 0;
    for bit in 0..u64::from(width) {
        let place = start + bit;
        let byte = usize::try_from(place / 8)
            .ok()
            .and_then(|byte| packed.get(byte));
        let set = byte.is_some_and(|byte| byte >> (place % 8) & 1 == 1);
        number |= u64::from(set) << bit;
    }
    number
}

impl<P: PageReader> PageReader for Pages<P> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        while let Some(page) = self
            .inner
            .get_next_page()
            .map_err(|error| self.at_fault(error))?
        {
            // The crate would take an empty page for the end of the column.
            if page.num_values() > 0 || page.is_dictionary_page() {
                self.check(&page)?;
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }
}

impl<P: PageReader> Iterator for Pages<P> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::schema::parser::parse_message_type;
    use ::parquet::schema::types::SchemaDescriptor;

    /// Pages given by a test.
    struct Given(std::vec::IntoIter<Page>);

    impl Iterator for Given {
        type Item = Result<Page>;

        fn next(&mut self) -> Option<Self::Item> {
            self.0.next().map(Ok)
        }
    }

    impl PageReader for Given {
        fn get_next_page(&mut self) -> Result<Option<Page>> {
            self.next().transpose()
        }

        fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
            Ok(None)
        }

        fn skip_next_page(&mut self) -> Result<()> {
            Ok(())
        }
    }

    /// How many pages are given, or why one is not.
    fn given(column: &str, pages: Vec<Page>) -> std::result::Result<usize, String> {
        let schema = parse_message_type(&format!("message m {{ {column} }}")).unwrap();
        let column = SchemaDescriptor::new(Arc::new(schema)).column(0);
        let pages = Pages::new(Given(pages.into_iter()), column);
        let pages = pages.collect::<Result<Vec<_>>>();
        pages
            .map(|pages| pages.len())
            .map_err(|error| error.to_string())
    }

    const LIST: &str = "repeated float vector;";
    const TEXT: &str = "required binary id;";

    fn second(levels: &[u8], values: &[u8], count: u32, encoding: Encoding) -> Page {
        Page::DataPageV2 {
            buf: [levels, values].concat().into(),
            num_values: count,
            encoding,
            num_nulls: 0,
            num_rows: 1,
            def_levels_byte_len: 0,
            rep_levels_byte_len: levels.len() as u32,
            is_compressed: false,
            statistics: None,
        }
    }

    fn first(bytes: Vec<u8>, count: u32, levels: Encoding) -> Page {
        Page::DataPage {
            buf: bytes.into(),
            num_values: count,
            encoding: Encoding::PLAIN,
            def_level_encoding: levels,
            rep_level_encoding: levels,
            statistics: None,
        }
    }

    /// A run of `length` equal levels: the length doubled, seven bits in each byte.
    fn run(length: u64, level: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut head = length << 1;
        while head > 0x7f {
            bytes.push(head as u8 | 0x80);
            head >>= 7;
        }
        bytes.extend([head as u8, level]);
        bytes
    }

    #[test]
    fn a_row_is_bounded_however_few_bytes_declare_it() {
        let page = |levels: &[u8]| second(levels, &[], u32::MAX, Encoding::PLAIN);
        let long = "more than 65,536 values";
        for levels in [
            run(1 << 31, 1),
            run(u64::MAX >> 1, 1),
            [run(1, 0), run(65_536, 1)].concat(),
            [&[0x81, 0x81, 0x01][..], &[0xff; 9000]].concat(),
        ] {
            let error = given(LIST, vec![page(&levels)]).unwrap_err();
            assert!(error.contains(long), "{error}");
        }
        for levels in [
            [run(1, 0), run(65_535, 1)].concat(),
            run(1 << 31, 0),
            Vec::new(),
        ] {
            assert_eq!(given(LIST, vec![page(&levels)]), Ok(1));
        }
        // What is beyond the values of the page is padding.
        let padded = second(&run(1 << 31, 1), &[], 9, Encoding::PLAIN);
        assert_eq!(given(LIST, vec![padded]), Ok(1));
        let half = || page(&run(40_000, 1));
        assert!(
            given(LIST, vec![half(), half()])
                .unwrap_err()
                .contains(long)
        );
    }

    #[test]
    fn levels_stand_where_they_are_declared() {
        let in_front = |levels: &[u8]| [&(levels.len() as u32).to_le_bytes(), levels].concat();
        let good = [in_front(&run(1, 0)), in_front(&run(1, 1))].concat();
        let page = |bytes: &[u8]| given(LIST, vec![first(bytes.to_vec(), 1, Encoding::RLE)]);
        assert_eq!(page(&good), Ok(1));
        for length in 0..good.len() {
            assert!(
                page(&good[..length])
                    .unwrap_err()
                    .contains("damaged levels")
            );
        }
        let old = given(LIST, vec![first(good, 1, Encoding::PLAIN)]).unwrap_err();
        assert!(old.contains("no longer in use"), "{old}");
        let mut page = second(&[], &[], 1, Encoding::PLAIN);
        if let Page::DataPageV2 {
            rep_levels_byte_len,
            ..
        } = &mut page
        {
            *rep_levels_byte_len = 1;
        }
        assert!(
            given(TEXT, vec![page])
                .unwrap_err()
                .contains("damaged levels")
        );
    }

    #[test]
    fn a_dictionary_has_the_entries_it_declares() {
        let page = |num_values| Page::DictionaryPage {
            buf: vec![0; 16].into(),
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        assert_eq!(given(TEXT, vec![page(4)]), Ok(1));
        let error = given(TEXT, vec![page(5)]).unwrap_err();
        assert!(error.contains("more entries than it has"), "{error}");
        let error = given("repeated double vector;", vec![page(3)]).unwrap_err();
        assert!(error.contains("more entries than it has"), "{error}");
    }

    #[test]
    fn there_are_no_more_string_lengths_than_bytes() {
        // A block of 128 in 4, then how many, the first, and for the rest the least and the widths.
        let header = |count: u8| vec![0x80, 0x01, 4, count, 2];
        let block = [vec![0, 8, 0, 0, 0], vec![0; 32]].concat();
        let good = [header(3), block.clone(), vec![b'x'; 3]].concat();
        let (length, both) = (
            Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Encoding::DELTA_BYTE_ARRAY,
        );
        let page = |bytes: &[u8], encoding| given(TEXT, vec![second(&[], bytes, 3, encoding)]);
        assert_eq!(page(&good, length), Ok(1));
        assert_eq!(
            page(&[header(3), block, good.clone()].concat(), both),
            Ok(1)
        );
        let many = [header(0x80)[..4].to_vec(), vec![0x80, 0x80, 0x80, 0x01, 2]].concat();
        for (bytes, encoding) in [
            (many.clone(), length),
            (many.clone(), both),
            ([header(1), many].concat(), both),
        ] {
            let error = page(&bytes, encoding).unwrap_err();
            assert!(error.contains("more texts than it has bytes"), "{error}");
        }
        for bytes in [&[0x80, 0x01, 0, 1, 2][..], &[0, 4, 1, 2], &[0x80], &[]] {
            assert!(page(bytes, length).unwrap_err().contains("damaged lengths"));
        }
    }

    #[test]
    fn empty_pages_are_skipped() {
        let page = |count| second(&run(1, 0), &[], count, Encoding::PLAIN);
        assert_eq!(given(LIST, vec![page(0), page(1), page(0), page(1)]), Ok(2));
    }
}
