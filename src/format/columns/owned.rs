//! Columns in memory, of rows that are not in a file yet.

use super::builder::ColumnsBuilder;
use super::layout::{ColumnsLayout, Lookup};
use std::convert::Infallible;
use twinspire_towers::internals::Fields;

/// Columns in memory. They answer as those of a file with the same rows do.
pub(crate) struct OwnedColumns {
    layout: ColumnsLayout,
    /// The arrays. Words of eight bytes keep them aligned.
    words: Vec<u64>,
}

impl OwnedColumns {
    /// The columns of some rows.
    pub(crate) fn of<'f>(rows: impl Iterator<Item = &'f Fields>) -> Self {
        let (mut builder, mut count) = (ColumnsBuilder::default(), 0);
        for fields in rows {
            builder.push(fields);
            count += 1;
        }
        let mut bytes = Vec::new();
        let written = builder.finish(|part| {
            bytes.extend_from_slice(part);
            Ok::<_, Infallible>(())
        });
        let table = match written {
            Ok(table) => table,
            Err(never) => match never {},
        };
        let mut words = vec![0u64; bytes.len().div_ceil(8)];
        if let Some(arrays) = bytemuck::cast_slice_mut(&mut words).get_mut(..bytes.len()) {
            arrays.copy_from_slice(&bytes);
        }
        let layout = ColumnsLayout::of_table(table, count);
        Self { layout, words }
    }

    /// Looks up the column of a path.
    pub(crate) fn lookup(&self, path: &str) -> Lookup<'_> {
        self.layout.lookup(bytemuck::cast_slice(&self.words), path)
    }
}
