//! Vectors back to back, a row per node.

use bytemuck::NoUninit;
use rayon::prelude::*;
use twinspire_core::kernel::Row;
use twinspire_core::wire::checksum;

/// Vectors of one dimension, back to back: floats, or the units they are stored in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a, T = f32> {
    data: &'a [T],
    dimension: usize,
}

impl<'a, T> Rows<'a, T> {
    /// Rows of `dimension` components each.
    pub(crate) fn new(data: &'a [T], dimension: usize) -> Self {
        Self { data, dimension }
    }

    /// Components of a row.
    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of rows; 0 where the dimension is 0.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        let count = self.data.len().checked_div(self.dimension).unwrap_or(0);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// All components, row after row.
    pub(crate) fn data(&self) -> &'a [T] {
        self.data
    }

    /// The vector of a node; `None` for a node out of range.
    #[inline]
    pub(crate) fn row(&self, node: u32) -> Option<&'a [T]> {
        let from = (node as usize).checked_mul(self.dimension)?;
        self.data.get(from..from.checked_add(self.dimension)?)
    }
}

/// Vectors as they are stored. A search reads these; building a graph takes [`Rows`] of floats.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StoredRows<'a> {
    /// In full precision.
    Full(Rows<'a>),
    /// In half precision.
    Half(Rows<'a, u16>),
}

impl<'a> StoredRows<'a> {
    /// Components of a row.
    pub(crate) fn dimension(&self) -> usize {
        match self {
            Self::Full(rows) => rows.dimension(),
            Self::Half(rows) => rows.dimension(),
        }
    }

    /// Number of rows; 0 where the dimension is 0.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        match self {
            Self::Full(rows) => rows.count(),
            Self::Half(rows) => rows.count(),
        }
    }

    /// The vector of a node; `None` for a node out of range.
    #[inline]
    pub(crate) fn row(&self, node: u32) -> Option<Row<'a>> {
        match self {
            Self::Full(rows) => rows.row(node).map(Row::Full),
            Self::Half(rows) => rows.row(node).map(Row::Half),
        }
    }

    /// Two nodes with equal vectors, if there are any.
    pub(crate) fn first_equal(&self) -> Option<(u32, u32)> {
        match self {
            Self::Full(rows) => equal_rows(*rows).next(),
            Self::Half(rows) => equal_rows(*rows).next(),
        }
    }

    /// Whether all components are finite.
    pub(crate) fn is_finite(&self) -> bool {
        match self {
            Self::Full(rows) => Row::Full(rows.data()).is_finite(),
            Self::Half(rows) => Row::Half(rows.data()).is_finite(),
        }
    }
}

/// Rows with the same bits as an earlier row: pairs of the first such row and the later one, in groups.
pub(crate) fn equal_rows<T>(rows: Rows<'_, T>) -> impl Iterator<Item = (u32, u32)>
where
    T: NoUninit + Sync,
{
    let bytes = |row: u32| bytemuck::cast_slice::<T, u8>(rows.row(row).unwrap_or_default());
    let mut hashed: Vec<(u64, u32)> = (0..rows.count())
        .into_par_iter()
        .map(|row| (checksum(bytes(row)), row))
        .collect();
    hashed.par_sort_unstable();
    let mut pairs = Vec::new();
    for group in hashed.chunk_by(|a, b| a.0 == b.0) {
        // Rows of one hash are nearly always equal; `firsts` holds one row of each distinct vector.
        let mut firsts: Vec<u32> = Vec::new();
        for (_, row) in group.iter().filter(|_| group.len() > 1) {
            match firsts.iter().find(|first| bytes(**first) == bytes(*row)) {
                Some(first) => pairs.push((*first, *row)),
                None => firsts.push(*row),
            }
        }
    }
    pairs.into_iter()
}

impl<'a> From<Rows<'a>> for StoredRows<'a> {
    fn from(rows: Rows<'a>) -> Self {
        Self::Full(rows)
    }
}
