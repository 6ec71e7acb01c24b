//! `.fvecs` and `.bvecs`: each row is preceded by its dimension.

use std::io::{Chain, Cursor, Read};
use std::path::Path;

use super::binary::{Binary, Component, Layout, read_up_to};
use super::ids::Ids;
use super::options::{Setting, VectorOptions};
use super::row::{self, MAX_DIMENSION};
use crate::error::ImportError;

/// Reads the first dimension, which all rows share. The rows are read later.
pub(super) fn read(
    mut reader: Box<dyn Read + Send>,
    length: Option<u64>,
    path: &Path,
    component: Component,
    options: &VectorOptions,
) -> Result<Binary, ImportError> {
    options.only(path, &[Setting::Ids])?;
    let ids = Ids::open(options)?;
    let mut head = [0; 4];
    let read = read_up_to(&mut reader, &mut head).map_err(|error| ImportError::io(path, &error))?;
    let dimension = match read {
        4 => Some(dimension(head, path)?),
        // An empty file has no rows; a shorter prefix is reported with the first row.
        _ => None,
    };
    let stride = |dimension: usize| (4 + dimension * component.bytes()) as u64;
    let rows = length.zip(dimension).and_then(|(length, dimension)| {
        let stride = stride(dimension);
        // An incomplete last row is reported when it is read.
        length.is_multiple_of(stride).then(|| length / stride)
    });
    let layout = Layout {
        component,
        big_endian: false,
        dimension,
        prefixed: true,
        rows,
        start: 0,
    };
    let mut head = head.to_vec();
    head.truncate(read);
    let reader: Chain<Cursor<Vec<u8>>, _> = Cursor::new(head).chain(reader);
    Ok(Binary::new(Box::new(reader), path, layout, ids))
}

fn dimension(head: [u8; 4], path: &Path) -> Result<usize, ImportError> {
    let found = i32::from_le_bytes(head);
    let dimension = usize::try_from(found).ok();
    let dimension = dimension.filter(|dimension| row::check_length(*dimension).is_ok());
    dimension.ok_or_else(|| {
        let what = format!(
            "a dimension of 1 to {MAX_DIMENSION} expected, a little-endian int32 before each row, found {found}"
        );
        ImportError::row(path, 1, what)
    })
}
