use twinspire_core::kernel::Row;

/// Maximum number of ids whose item vectors are looked up in one call.
pub const IDS_PER_LOOKUP: usize = 64;

/// Finds the vectors of items in the same generation. Passes those that there are to the callback, each with the
/// position of its id, in the order of the ids.
///
/// One call gets up to [`IDS_PER_LOOKUP`] ids, so that their memory accesses can overlap.
pub type ItemVectors<'a> = &'a dyn Fn(&[&str], &mut dyn FnMut(usize, Row<'_>));

/// Whether another tower that gets the same record reads a field.
pub type OtherReaders<'a> = &'a dyn Fn(&str) -> bool;

/// How strictly the features of a user are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FeatureCheck {
    /// As `tower.json` says. Fields that no feature reads are refused unless `other_fields` allows them. Values of
    /// a wrong type are refused. Lists and texts that exceed a limit are truncated.
    #[default]
    Described,
    /// Refuses fields that no feature reads, except those that `other_fields` ignores or allows by name, and
    /// values that exceed a limit.
    Strict,
    /// Ignores fields that no feature reads. A value that cannot be read counts as missing, if the feature has a
    /// replacement for a missing field.
    Lenient,
}

/// How a record is read.
#[derive(Clone, Copy, Default)]
pub struct Reading<'a> {
    /// The vectors of items; `None` without a generation.
    pub items: Option<ItemVectors<'a>>,
    /// How strictly features are checked.
    pub check: FeatureCheck,
    /// Which fields are for other towers; `None` if the record is for this one alone.
    pub others: Option<OtherReaders<'a>>,
}
