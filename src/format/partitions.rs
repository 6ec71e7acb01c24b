//! The sections of partitions in a space segment.
//!
//! | id | section | elements |
//! |---|---|---|
//! | 15 | partition book | the packed [`PartitionBook`] |
//! | 16 | rotation | f32: a matrix per block of the rotation, row-major |
//! | 17 | codewords | f32, 16 per place of a rotated vector |
//! | 18 | centroids | f32, `dimension` per leaf, rotated |
//! | 19 | centroid halves | f32 per leaf: half the squared length of its centroid |
//! | 20 | leaf radii | f32 per leaf: distance of its centroid from its farthest node |
//! | 21 | first nodes | u32 per leaf and one more |
//! | 22 | first blocks | u32 per leaf and one more |
//! | 23 | centroid tiles | u8: codes of the centroids, in tiles of 16 |
//! | 24 | leaf codes | u8: blocks of 32 codes of four bits per subspace |
//! | 25 | leaf spreads | f32 per leaf: root mean square distance of its nodes from its centroid |

use super::array::{array, array_range};
use super::container::Sections;
use super::error::FormatError;
use crate::partitions::{PartitionArrays, PartitionBook, Partitions};
use std::ops::Range;

pub(crate) const PARTITION_BOOK: u32 = 15;
pub(crate) const ROTATION: u32 = 16;
pub(crate) const CODEWORDS: u32 = 17;
pub(crate) const CENTROIDS: u32 = 18;
pub(crate) const CENTROID_HALVES: u32 = 19;
pub(crate) const LEAF_RADII: u32 = 20;
pub(crate) const FIRST_NODES: u32 = 21;
pub(crate) const FIRST_BLOCKS: u32 = 22;
pub(crate) const CENTROID_TILES: u32 = 23;
pub(crate) const LEAF_CODES: u32 = 24;
pub(crate) const LEAF_SPREADS: u32 = 25;

/// The ranges of the arrays of partitions.
type Ranges = PartitionArrays<Range<usize>, Range<usize>, Range<usize>>;

/// Partitions of a file: the book, and where the arrays are.
#[derive(Debug)]
pub(super) struct PartitionLayout {
    book: PartitionBook,
    ranges: Ranges,
}

impl PartitionLayout {
    /// Reads and checks the book, and checks the length of every array. The arrays are not read.
    pub(super) fn decode(
        bytes: &[u8],
        sections: &Sections,
        dimension: usize,
    ) -> Result<Self, FormatError> {
        let book: PartitionBook = sections.unpack(bytes, PARTITION_BOOK, "partition book")?;
        if !book.is_sound(dimension) {
            let what = "has another dimension, or numbers that are out of range";
            return Err(FormatError::bad("partition book", what));
        }
        let ranges = ranges(sections, &book.lengths())?;
        Ok(Self { book, ranges })
    }

    /// Refuses arrays of partitions where there are none.
    pub(super) fn check_absent(sections: &Sections) -> Result<(), FormatError> {
        array_range::<u8>(sections, PARTITION_BOOK, "partition book", 0)?;
        let none = PartitionArrays {
            matrix: 0,
            words: 0,
            centroids: 0,
            halves: 0,
            radii: 0,
            spreads: 0,
            first_nodes: 0,
            first_blocks: 0,
            tiles: 0,
            codes: 0,
        };
        ranges(sections, &none).map(drop)
    }

    /// The partitions, read in place.
    pub(super) fn view<'a>(&'a self, bytes: &'a [u8]) -> Result<Partitions<'a>, FormatError> {
        let ranges = &self.ranges;
        let arrays = PartitionArrays {
            matrix: array(bytes, &ranges.matrix),
            words: array(bytes, &ranges.words),
            centroids: array(bytes, &ranges.centroids),
            halves: array(bytes, &ranges.halves),
            radii: array(bytes, &ranges.radii),
            spreads: array(bytes, &ranges.spreads),
            first_nodes: array(bytes, &ranges.first_nodes),
            first_blocks: array(bytes, &ranges.first_blocks),
            tiles: array(bytes, &ranges.tiles),
            codes: array(bytes, &ranges.codes),
        };
        let view = Partitions::from_parts(&self.book, arrays);
        view.ok_or_else(|| FormatError::bad("partition book", "has other counts than its arrays"))
    }
}

/// The ranges of arrays of these lengths.
fn ranges(
    sections: &Sections,
    lengths: &PartitionArrays<u64, u64, u64>,
) -> Result<Ranges, FormatError> {
    let floats = |id, name, count| array_range::<f32>(sections, id, name, count);
    let numbers = |id, name, count| array_range::<u32>(sections, id, name, count);
    let bytes = |id, name, count| array_range::<u8>(sections, id, name, count);
    Ok(PartitionArrays {
        matrix: floats(ROTATION, "rotation", lengths.matrix)?,
        words: floats(CODEWORDS, "codewords", lengths.words)?,
        centroids: floats(CENTROIDS, "centroids", lengths.centroids)?,
        halves: floats(CENTROID_HALVES, "centroid halves", lengths.halves)?,
        radii: floats(LEAF_RADII, "leaf radii", lengths.radii)?,
        spreads: floats(LEAF_SPREADS, "leaf spreads", lengths.spreads)?,
        first_nodes: numbers(FIRST_NODES, "first nodes", lengths.first_nodes)?,
        first_blocks: numbers(FIRST_BLOCKS, "first blocks", lengths.first_blocks)?,
        tiles: bytes(CENTROID_TILES, "centroid tiles", lengths.tiles)?,
        codes: bytes(LEAF_CODES, "leaf codes", lengths.codes)?,
    })
}
