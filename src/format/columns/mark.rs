//! Marks: values that are not in the dictionary.

/// Number of marks.
pub(super) const MARKS: u32 = 4;

/// A value of a row that is not in the dictionary. The ordinals of marks follow those of the terms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    /// A text that is too long for the dictionary.
    Long,
    /// A place.
    Place,
    /// An empty list.
    Empty,
    /// A list with too many numbers for the dictionary.
    Numbers,
}

impl Mark {
    /// All of them, in order.
    pub(super) const ALL: [Self; MARKS as usize] =
        [Self::Long, Self::Place, Self::Empty, Self::Numbers];
}
