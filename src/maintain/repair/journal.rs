//! Salvaging the journal.

use super::repairer::{Repairer, Salvage};
use crate::catalog::{self, Fresh, Loss, Recovered};
use crate::error::Error;
use crate::format::items::Row;
use crate::maintain::problem::FileProblem;
use crate::snapshot::Sealed;
use crate::store::ItemsWriter;
use std::collections::BTreeMap;
use twinspire_core::files::names;
use twinspire_core::ids::ItemNo;

impl Repairer<'_> {
    /// Seals what the journal still holds into an items segment, with what the index has of a lost end.
    /// Does nothing if the database is sound so far.
    pub(super) fn repair_journal(
        &mut self,
        salvage: &mut Salvage,
        found: Recovered,
    ) -> Result<(), Error> {
        for loss in found.losses {
            let Loss {
                path,
                section,
                what,
                lost,
            } = loss;
            self.problem(FileProblem::new(path, section, what));
            self.report.lost_revisions.extend(lost);
        }
        let database = salvage.manifest.database;
        let indexed = catalog::newer_in_index(self.directory, database, found.last);
        if let Some(newest) = indexed.last().map(|(revision, _)| *revision) {
            let journal = self.directory.root.join(names::JOURNAL);
            let lost = (found.last.next(), newest);
            let (first, last) = lost;
            let what = format!(
                "the end is missing: revisions {first} to {last}; the index still has {} of them",
                indexed.len()
            );
            self.problem(FileProblem::new(journal, "frame", what));
            if indexed.len() as u64 != newest.0 - found.last.0 {
                self.report.lost_revisions.push(lost);
            }
        }
        if self.report.is_clean() {
            return Ok(());
        }
        for path in catalog::paths(self.directory)? {
            if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                self.quarantine(names::JOURNAL, name)?;
            }
        }
        if let Some((newest, _)) = indexed.last() {
            let manifest = &mut salvage.manifest;
            manifest.sealed = manifest.sealed.max(*newest);
        }
        let by_item = |(id, fresh): (String, Fresh)| (fresh.item, (id, fresh));
        let rows = catalog::newest(found.ops.into_iter().chain(indexed));
        let rows: BTreeMap<ItemNo, _> = rows.into_iter().map(by_item).collect();
        for item in rows.keys() {
            let manifest = &mut salvage.manifest;
            manifest.next_item = manifest.next_item.max(ItemNo(item.0.saturating_add(1)));
        }
        if !rows.is_empty() {
            let sealed = Sealed::open(self.directory, salvage.manifest.clone(), None)?;
            let number = salvage.take_file_number();
            let manifest = &salvage.manifest;
            let mut writer = ItemsWriter::create(self.directory, number, manifest)?;
            for (id, fresh) in rows.values() {
                writer.push(&Row {
                    item: fresh.item,
                    revision: fresh.revision,
                    id,
                    born: sealed.born(fresh)?,
                    record: fresh.record.as_deref(),
                })?;
            }
            salvage.manifest.items.push(writer.finish()?);
        }
        // Lost writes keep their revisions: none is given twice.
        let manifest = &mut salvage.manifest;
        manifest.sealed = manifest.sealed.max(found.last);
        Ok(())
    }
}
