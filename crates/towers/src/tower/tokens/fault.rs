//! Why a `tokenizer.json` is refused.

/// What is wrong at a place of the file.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) place: &'static str,
    pub(super) what: String,
}

impl Fault {
    pub(super) fn new(place: &'static str, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { place, what }
    }
}
