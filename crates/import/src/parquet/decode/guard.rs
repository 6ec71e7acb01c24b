//! The one boundary around calls of the `parquet` crate.

use ::parquet::errors::ParquetError;
use twinspire_core::contain::contained;

/// Calls the `parquet` crate and turns its panics into errors.
///
/// The crate indexes, slices and asserts by numbers that it reads from the file, so damage may panic as well
/// as fail. A file must not end the process that imports it. The reader is dropped after a panic and never
/// called again.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match contained(call) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(undecodable(&error.to_string())),
        Err(panic) => Err(undecodable(&format!("the decoder panicked: {panic}"))),
    }
}

/// The reason for a file that cannot be decoded.
pub(crate) fn undecodable(what: &str) -> String {
    format!("Parquet that can be decoded expected; the file may be damaged: {what}")
}
