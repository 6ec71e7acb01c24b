//! Fields that filters do not read.

use super::Database;
use crate::error::Error;
use crate::maintain;

impl Database {
    /// Keeps fields of the items out of filters: they are stored with the records, but not indexed. A
    /// path stands for its members too. Lists of more than 32 numbers are never indexed.
    ///
    /// For fields that nobody filters by and that make the database large, such as texts or raw
    /// measurements. A filter that names one is refused with [`Error::Filter`]. The choice is kept with the
    /// database. Segments that exist already keep their indexes until a [merge](Self::merge).
    ///
    /// # Errors
    /// [`Error::Io`] when the commit fails.
    pub fn exclude_from_filters(
        &self,
        fields: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<(), Error> {
        let fields: Vec<String> = fields.into_iter().map(Into::into).collect();
        maintain::set_unfiltered(&self.live(), self.writing()?, |unfiltered| {
            unfiltered.extend(fields);
        })
    }

    /// Lets filters read fields again that were [excluded](Self::exclude_from_filters). Until a
    /// [merge](Self::merge) such a filter reads the records of the segments written meanwhile, which is slow.
    ///
    /// # Errors
    /// As [`exclude_from_filters`](Self::exclude_from_filters).
    pub fn include_in_filters(
        &self,
        fields: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), Error> {
        let fields: Vec<_> = fields.into_iter().collect();
        maintain::set_unfiltered(&self.live(), self.writing()?, |unfiltered| {
            for field in &fields {
                unfiltered.remove(field.as_ref());
            }
        })
    }

    /// The fields that filters do not read, in order.
    #[must_use]
    pub fn excluded_from_filters(&self) -> Vec<String> {
        let live = self.live();
        let snapshot = live.snapshot.load();
        snapshot.fields.unfiltered().iter().cloned().collect()
    }
}
