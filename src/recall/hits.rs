//! What a recall answers.

use crate::ids::GenerationNo;
use serde::Serialize;
use serde_json::Value;
use std::ops::Deref;

/// One item found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// The item's id.
    pub id: String,
    /// How well it fits; larger is better under every [`Metric`](crate::Metric).
    pub score: f32,
    /// The item's record as it is now, if the recall asked for records; none as well when the item
    /// was deleted while the recall ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Value>,
}

/// The items found, best first. Of equal scores, the item stored first comes first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hits {
    generation: GenerationNo,
    hits: Vec<Hit>,
}

impl Hits {
    pub(super) fn new(generation: GenerationNo, hits: Vec<Hit>) -> Self {
        Self { generation, hits }
    }

    /// The generation whose towers and vectors gave this answer.
    #[must_use]
    pub fn generation(&self) -> GenerationNo {
        self.generation
    }
}

impl Deref for Hits {
    type Target = [Hit];

    fn deref(&self) -> &[Hit] {
        &self.hits
    }
}

impl IntoIterator for Hits {
    type Item = Hit;
    type IntoIter = std::vec::IntoIter<Hit>;

    fn into_iter(self) -> Self::IntoIter {
        self.hits.into_iter()
    }
}

impl<'a> IntoIterator for &'a Hits {
    type Item = &'a Hit;
    type IntoIter = std::slice::Iter<'a, Hit>;

    fn into_iter(self) -> Self::IntoIter {
        self.hits.iter()
    }
}
