/// Why a model cannot be used: a place in its file, and what is wrong there.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) place: String,
    pub(super) what: String,
}

impl Refusal {
    /// A fault at a place.
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }

    /// A fault of the file as a whole.
    pub(super) fn file(what: impl Into<String>) -> Self {
        Self::new("file", what)
    }
}
