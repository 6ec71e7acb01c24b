//! The arrays of a column.

/// Arrays are aligned to this many bytes.
pub(super) const ALIGNMENT: usize = 8;
/// The entry of a row without the field.
pub(super) const NO_ENTRY: u32 = u32::MAX;

/// The arrays of a column, in order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Array {
    /// f64 per number of the dictionary: the nearest one.
    Numbers,
    /// i16 per number: what the nearest one lacks; empty if nothing for all of them.
    Rests,
    /// f64 per place, in order of rows: degrees north.
    Latitudes,
    /// f64 per place: degrees east.
    Longitudes,
    /// u32 per text of the dictionary and one more; empty without texts.
    TextOffsets,
    /// The texts, back to back.
    Texts,
    /// u32 per term and one more, into the postings; empty if each term has one row.
    PostingOffsets,
    /// u32 per posting: its row.
    Postings,
    /// u32 per row that has the field: its number; empty if there is a slot for every row.
    SlotRows,
    /// u32 per slot and one more, into the entries; empty if each row has at most one entry.
    EntryOffsets,
    /// u32 per posting: its ordinal, in order of slots; or one per slot.
    Entries,
    /// u32 per place: places in order of latitude.
    ByLatitude,
}

/// Number of arrays of a column.
pub(super) const ARRAYS: usize = Array::ALL.len();

impl Array {
    /// All of them, in order.
    pub(super) const ALL: [Self; 12] = [
        Self::Numbers,
        Self::Rests,
        Self::Latitudes,
        Self::Longitudes,
        Self::TextOffsets,
        Self::Texts,
        Self::PostingOffsets,
        Self::Postings,
        Self::SlotRows,
        Self::EntryOffsets,
        Self::Entries,
        Self::ByLatitude,
    ];
}

/// The length of an array with its padding.
pub(super) fn padded(length: u64) -> u64 {
    length.next_multiple_of(ALIGNMENT as u64)
}
