//! The metadata of a file.

use std::path::Path;

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::guard::undecodable;
use super::input::Input;
use super::thrift;
use crate::error::ImportError;

const MAGIC: &[u8; 4] = b"PAR1";
/// Bytes at the end of the file: the length of the metadata and the magic number.
const TAIL: usize = 8;
/// Maximum size of the metadata in bytes: enough for 100,000 column chunks.
const MAX_FOOTER: usize = 32 << 20;

/// The bytes of the metadata, which stand at the end of the file.
pub(crate) fn footer(input: &Input, path: &Path) -> Result<Vec<u8>, ImportError> {
    let io = |error| ImportError::io(path, &error);
    let at_fault = |what: String| Err(ImportError::file(path, what));
    let length = usize::try_from(input.length).unwrap_or(usize::MAX);
    let tail = input.read(input.length.saturating_sub(TAIL as u64), length.min(TAIL));
    let tail = tail.map_err(io)?;
    let Some((size, magic)) = tail.split_first_chunk().filter(|_| tail.len() == TAIL) else {
        return at_fault(format!("a Parquet file expected, found {length} bytes"));
    };
    match magic {
        b"PARE" => return at_fault("a Parquet file that is not encrypted expected".to_owned()),
        magic if magic != MAGIC => {
            let what = "a Parquet file expected, which ends with PAR1, found other bytes: was it cut \
                        short?";
            return at_fault(what.to_owned());
        }
        _ => {}
    }
    let size = u32::from_le_bytes(*size) as usize;
    if size > MAX_FOOTER || size > length.saturating_sub(TAIL + MAGIC.len()) {
        return at_fault(format!(
            "metadata of at most {MAX_FOOTER} bytes, and not more than the file, expected, found {size}"
        ));
    }
    let start = input.length - (size + TAIL) as u64;
    input.read(start, size).map_err(io)
}

/// The metadata of a footer. The numbers by which memory is reserved are checked first.
pub(crate) fn metadata(footer: &[u8]) -> Result<ParquetMetaData, ParquetError> {
    thrift::check_footer(footer).map_err(ParquetError::General)?;
    ParquetMetaDataReader::decode_metadata(footer)
}

/// Checks what each row group declares of the columns that are read.
pub(crate) fn check_groups(metadata: &ParquetMetaData, columns: &[usize]) -> Result<(), String> {
    let mut rows: i64 = 0;
    for group in metadata.row_groups() {
        let declared = Some(group.num_rows()).filter(|rows| *rows >= 0);
        let sum = declared.and_then(|declared| rows.checked_add(declared));
        rows = sum.ok_or_else(|| undecodable("a number of rows that cannot be"))?;
        for column in columns {
            let compression = match group.column(*column).compression() {
                Compression::BROTLI(_) => "Brotli",
                Compression::LZO => "LZO",
                _ => continue,
            };
            return Err(format!(
                "pages packed with Snappy, gzip, LZ4 or Zstandard, or not at all, expected, found \
                 {compression}"
            ));
        }
    }
    Ok(())
}
