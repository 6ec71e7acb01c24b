//! The database, open for reading only, and kept up to date.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use twinspire::{Database, Error};

/// Minimum time between two refreshes.
const EVERY: Duration = Duration::from_secs(1);

/// A database that follows its writer.
pub struct Followed {
    path: PathBuf,
    database: Database,
    last: Mutex<Last>,
}

/// The last refresh.
struct Last {
    at: Instant,
    error: Option<String>,
}

impl Followed {
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            path: path.to_owned(),
            database: Database::open_read_only(path)?,
            last: Mutex::new(Last {
                at: Instant::now(),
                error: None,
            }),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database as its writer left it a second ago at most. If that cannot be read, as before; then
    /// [`refresh_error`](Self::refresh_error) says why.
    pub fn current(&self) -> &Database {
        // Whoever refreshes already is followed by all others.
        if let Ok(mut last) = self.last.try_lock()
            && last.at.elapsed() >= EVERY
        {
            last.error = self.database.refresh().err().map(|error| error.to_string());
            last.at = Instant::now();
        }
        &self.database
    }

    /// Why the last refresh failed.
    pub fn refresh_error(&self) -> Option<String> {
        self.last.lock().ok()?.error.clone()
    }
}

/// The database that all connections share.
pub type Shared = Arc<Followed>;
