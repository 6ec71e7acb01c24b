//! Stored records as JSON.

use crate::error::{Damage, Error};
use serde_json::Value;
use std::path::Path;

/// Parses the record of an item, stored in `path`: an items segment, or the directory of the journal.
pub(crate) fn parse(path: &Path, id: &str, text: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(text).map_err(|source| {
        let id = id.to_owned();
        Error::corrupt(path, "records", Damage::Record { id, source })
    })
}
