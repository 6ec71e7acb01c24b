//! The vectors of stored items.

use super::query_vectors::unknown_item;
use super::view::View;
use crate::error::Error;
use std::collections::BTreeMap;

/// The vectors of these items in a space, concatenated.
pub(crate) fn item_vectors(
    view: &View,
    space: &str,
    ids: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<Vec<f32>, Error> {
    let serving = view.snapshot().space(space)?;
    let mut vectors = Vec::new();
    for id in ids {
        let id = id.as_ref();
        let item = view.find_item(id)?;
        let row = item.and_then(|item| serving.vector(item));
        row.ok_or_else(|| unknown_item(id))?.append_to(&mut vectors);
    }
    Ok(vectors)
}

/// The vectors of those of these items that have one in a space, by id.
pub(crate) fn known_vectors(
    view: &View,
    space: &str,
    ids: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<BTreeMap<String, Vec<f32>>, Error> {
    let serving = view.snapshot().space(space)?;
    let mut vectors = BTreeMap::new();
    for id in ids {
        let id = id.as_ref();
        let item = view.find_item(id)?;
        if let Some(row) = item.and_then(|item| serving.vector(item)) {
            vectors.insert(id.to_owned(), row.to_vec());
        }
    }
    Ok(vectors)
}
