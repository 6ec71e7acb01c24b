//! What a model recommends to each user of an evaluation.

/// The recommendations of one model, or of a baseline, for all [`Questions`](super::Questions) in their order. Items
/// are numbers of the catalogue, best first.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Answers {
    /// What reports call it.
    pub name: String,
    /// Whether it is a baseline, which models should beat.
    pub is_baseline: bool,
    /// The items for each user.
    pub lists: Vec<Vec<u32>>,
    /// The items that the index finds for each user, where `lists` are those of an exact search.
    pub served: Option<Vec<Vec<u32>>>,
    /// Number of users without an answer, because the model cannot read them. Their lists are empty.
    pub refused: usize,
    /// Why the first of them has none.
    pub refused_because: Option<String>,
}

impl Answers {
    /// Answers of a model.
    pub fn new(name: impl Into<String>, lists: impl IntoIterator<Item = Vec<u32>>) -> Self {
        Self {
            name: name.into(),
            lists: lists.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The same answers as those of a baseline.
    #[must_use]
    pub fn of_baseline(mut self) -> Self {
        self.is_baseline = true;
        self
    }
}
