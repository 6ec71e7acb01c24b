//! Running a repair.

use super::repairer::{Repairer, Salvage};
use super::report::RepairReport;
use crate::catalog;
use crate::error::Error;
use crate::maintain::open::{lock_directory, refuse_any_newer};
use crate::manifest::Manifest;
use crate::snapshot::known_fields;
use crate::store::{self, Directory, ItemsSegment, StoreError};
use std::sync::Arc;
use twinspire_core::files::{IoAction, names};
use twinspire_core::ids::FileNo;

/// Repairs a database that no process has open. A sound one is left as it is.
///
/// # Errors
/// [`Error::NoDatabase`], [`Error::Locked`], [`Error::Corrupt`] if no manifest can be read, and
/// [`Error::Unsupported`] if a file is of a newer format: nothing was changed then.
pub(crate) fn repair(directory: &Directory) -> Result<RepairReport, Error> {
    let root = &directory.root;
    let inside = directory.files.list(root);
    let inside = inside.map_err(StoreError::io(IoAction::List, root))?;
    let is_manifest = |name: &str| names::number_of(name, "manifest").is_some();
    let mut names = inside.iter();
    if !names.any(|name| name == names::CURRENT || is_manifest(name)) {
        return Err(Error::NoDatabase { path: root.clone() });
    }
    let _lock = lock_directory(directory)?;
    refuse_any_newer(directory)?;
    let mut repairer = Repairer {
        directory,
        report: RepairReport::default(),
        unreadable: Vec::new(),
    };
    let (manifest, highest) = repairer.choose_manifest(&inside)?;
    let salvage = repairer.salvage(manifest)?;
    if !repairer.report.is_clean() {
        repairer.commit(salvage, highest)?;
    }
    Ok(repairer.report)
}

impl Repairer<'_> {
    /// The state that can be kept. Writes new files and changes none.
    fn salvage(&mut self, manifest: Manifest) -> Result<Salvage, Error> {
        let highest = store::highest_number(self.directory)?;
        let next_file = FileNo(manifest.next_file.0.max(highest + 1));
        let journal = catalog::read(self.directory, manifest.database, manifest.sealed)?;
        let mut salvage = Salvage {
            manifest,
            next_file,
        };
        self.repair_items(&mut salvage, &journal)?;
        self.keep_whole_generations(&mut salvage.manifest);
        self.keep_whole_ensembles(&mut salvage.manifest);
        salvage.manifest.fields = known_fields(&salvage.manifest, &journal.ops);
        self.repair_journal(&mut salvage, journal)?;
        self.keep_fields(&mut salvage)?;
        if self.report.lost_rows + self.report.unverified_rows > 0 {
            self.align_vectors(&mut salvage)?;
        }
        Ok(salvage)
    }

    /// Adds the fields of the items segments: the manifest may be older than they are.
    fn keep_fields(&self, salvage: &mut Salvage) -> Result<(), Error> {
        let manifest = &mut salvage.manifest;
        for pinned in &manifest.items {
            let segment = ItemsSegment::open(self.directory, pinned)?;
            let fields = Arc::make_mut(&mut manifest.fields);
            fields.add_all(&segment.fields());
            if !segment.has_all_columns() {
                fields.set_open();
            }
        }
        Ok(())
    }

    /// Commits the salvaged state above the `highest` manifest number, and removes the journal and
    /// the index that it replaces.
    fn commit(&mut self, salvage: Salvage, highest: u64) -> Result<(), Error> {
        let Salvage {
            manifest,
            next_file,
        } = salvage;
        let manifest = Manifest {
            number: highest.max(manifest.number) + 1,
            next_file,
            ..manifest
        };
        let (files, root) = (&*self.directory.files, &self.directory.root);
        for name in std::mem::take(&mut self.unreadable) {
            self.quarantine("", &name)?;
            let path = root.join(&name);
            files
                .remove(&path)
                .map_err(StoreError::io(IoAction::Remove, &path))?;
        }
        self.directory.sync_dir(root)?;
        store::commit_over(self.directory, &manifest, None)?;
        for path in catalog::paths(self.directory)? {
            files
                .remove(&path)
                .map_err(StoreError::io(IoAction::Remove, &path))?;
        }
        catalog::remove_index(self.directory);
        Ok(())
    }
}
