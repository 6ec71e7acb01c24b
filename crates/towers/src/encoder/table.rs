//! Static embeddings: a row for each token, averaged (model2vec; `StaticEmbedding` of sentence-transformers).

use super::tensors::{Tensors, WEIGHTS};
use crate::tower::{TowerError, TowerFault};

/// A table with a row for each token.
pub(super) struct StaticTable {
    pub(super) rows: usize,
    pub(super) dimension: usize,
    pub(super) weights: Vec<f32>,
    /// Whether tokens that the vocabulary lacks are left out.
    pub(super) skips_unknown: bool,
}

/// Names of the table.
const NAMES: [&str; 3] = ["embeddings", "embedding.weight", "embeddings.weight"];

/// The most numbers of a table.
const MAX_NUMBERS: usize = 1 << 31;

impl StaticTable {
    /// Reads a table, if the weights are one: tensors of two dimensions for transformers have other names. Weights of
    /// tokens are multiplied into their rows, and rows that tokens share are repeated.
    pub(super) fn read(weights: &[u8]) -> Result<Option<Self>, TowerError> {
        let tensors = Tensors::new(weights)?;
        let Some(name) = NAMES.iter().find(|name| tensors.has(name)) else {
            return Ok(None);
        };
        let wrong = |tensor: &str, what: String| {
            let place = format!("tensor {tensor:?}");
            TowerError::new(WEIGHTS, place, TowerFault::Description(what))
        };
        let shape = tensors.shape(name)?;
        let [stored, dimension] = shape[..] else {
            return Err(wrong(
                name,
                format!("has shape {shape:?}, not [tokens, dimension]"),
            ));
        };
        if stored == 0 || dimension == 0 {
            return Err(wrong(name, "is empty".to_owned()));
        }
        let table = tensors.floats(name, &shape)?;
        let mapping = match tensors.has("mapping") {
            true => tensors.integers("mapping")?,
            false => (0..stored as i64).collect(),
        };
        let rows = mapping.len();
        if rows.saturating_mul(dimension) > MAX_NUMBERS {
            return Err(wrong("mapping", format!("has {rows} rows, too many")));
        }
        let factors = match tensors.has("weights") {
            true => tensors.floats("weights", &[rows])?,
            false => vec![1.0; rows],
        };
        let mut all = Vec::with_capacity(rows * dimension);
        for (row, factor) in mapping.iter().zip(factors) {
            let from = usize::try_from(*row)
                .ok()
                .and_then(|row| row.checked_mul(dimension));
            let found = from.and_then(|from| table.get(from..from.checked_add(dimension)?));
            let Some(found) = found else {
                let what = format!("names row {row} of a table with {stored}");
                return Err(wrong("mapping", what));
            };
            all.extend(found.iter().map(|x| x * factor));
        }
        Ok(Some(Self {
            rows,
            dimension,
            weights: all,
            skips_unknown: *name == "embeddings",
        }))
    }
}
