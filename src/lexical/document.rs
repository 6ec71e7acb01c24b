//! An item as the index sees it.

use std::collections::BTreeMap;

/// The terms of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Document {
    /// How often each term occurs, with the boosts of fields, in units of the analysis. At least 1.
    pub(crate) terms: BTreeMap<String, u32>,
    /// The sum of all of them.
    pub(crate) length: u32,
}
