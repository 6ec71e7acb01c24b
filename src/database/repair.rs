//! Repairing a database.

use super::Database;
use crate::error::Error;
use crate::maintain;
pub use crate::maintain::RepairReport;
use crate::store::Directory;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::files::{FileSystem, OsFiles};
use twinspire_core::telemetry;

impl Database {
    /// Makes a damaged database usable again with everything that can still be read. The report says
    /// what was lost. A sound database is left as it is.
    ///
    /// # Errors
    /// [`Error::Locked`] while the database is open, [`Error::NoDatabase`], and [`Error::Corrupt`] if
    /// no manifest can be read. Nothing has changed then.
    pub fn repair(path: impl AsRef<Path>) -> Result<RepairReport, Error> {
        Self::repair_on(Arc::new(OsFiles::MAPPED), path.as_ref())
    }

    pub(crate) fn repair_on(
        files: Arc<dyn FileSystem>,
        root: &Path,
    ) -> Result<RepairReport, Error> {
        let _span = telemetry::info_span!("repair", path = %root.display()).entered();
        let root = root.to_owned();
        maintain::repair(&Directory { files, root })
    }
}
