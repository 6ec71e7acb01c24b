use crate::tower::error::{ModelResource, TowerFault};

/// Why a model cannot be used: a place in its file, and what is wrong there.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) place: String,
    pub(super) fault: TowerFault,
}

/// More of a resource than a model may take.
pub(super) struct Excess {
    pub(super) of: ModelResource,
    pub(super) needed: u64,
    pub(super) limit: u64,
}

impl Refusal {
    /// A fault at a place.
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            fault: TowerFault::Onnx(what.into()),
        }
    }

    /// A fault of the file as a whole.
    pub(super) fn file(what: impl Into<String>) -> Self {
        Self::new("file", what)
    }

    /// An operator with which the model exceeds a limit.
    pub(super) fn exceeded(place: impl Into<String>, excess: Excess) -> Self {
        let Excess { of, needed, limit } = excess;
        Self {
            place: place.into(),
            fault: TowerFault::Exceeds { of, needed, limit },
        }
    }
}
