//! Marks: values that are not in the dictionary.

/// Number of marks.
pub(super) const MARKS: u32 = 3;

/// A value of a row that is not in the dictionary. The ordinals of marks follow those of the terms.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    /// A text that is too long for the dictionary.
    Long,
    /// A place.
    Place,
    /// An empty list.
    Empty,
}
