//! One epoch, open.

use crate::error::RemoteError;
use crate::fetch::Fetched;
use crate::head::Head;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use twinspire::Database;
use twinspire_core::telemetry;

/// One epoch, open: every answer of its database is of this epoch. Its files stay until it is dropped.
pub struct Epoch {
    database: Arc<Database>,
    fetched: Fetched,
}

impl Epoch {
    /// Its number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.fetched.epoch()
    }

    /// Its database, read-only. A clone of the pointer may outlive the epoch on systems that allow open files to be
    /// unlinked.
    #[must_use]
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// What it consists of.
    #[must_use]
    pub fn head(&self) -> &Head {
        self.fetched.head()
    }

    /// The directory of its database.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.fetched.path()
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({})", self.number())
    }
}

/// Opens an epoch whose files are verified, and all its towers, so that no recall waits for them.
pub(super) fn open(fetched: Fetched, before: Option<&Epoch>) -> Result<Epoch, RemoteError> {
    let database = match before {
        Some(before) => fetched.open_after(&before.database)?,
        None => fetched.open()?,
    };
    let pinned = database.pin();
    for space in database.spaces() {
        // Any question about the towers reads them. Towers that this build cannot use leave their space unserved, as in
        // any database.
        if let Err(error) = pinned.reads_user_field(&space, "") {
            let epoch = fetched.epoch();
            telemetry::warn!("space {space:?} of epoch {epoch} is not served: {error}");
        }
    }
    drop(pinned);
    Ok(Epoch {
        database: Arc::new(database),
        fetched,
    })
}
