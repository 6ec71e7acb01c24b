/// The stages of a recall that follow its set-up, in order: their places among the names of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The query vector is made.
    Query = 1,
    /// The search, and the fusion of an ensemble.
    Search,
    /// Ids and records are looked up.
    Answer,
}
