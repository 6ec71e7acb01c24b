//! How far a follower is behind, and the file in which it says so.

use crate::error::RemoteError;
use crate::push::now_unix_ms;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use twinspire_core::files::{FileSystem, IoAction, OsFiles};
use twinspire_core::telemetry;

/// The name of the state file.
const FILE: &str = "follow.json";
/// The format of the state file.
const FORMAT: u32 = 1;

/// How far a follower is behind its store.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Lag {
    /// Number of heads of the store that are newer than the served epoch, when it was last reached.
    pub heads: u64,
    /// Seconds since the first of these heads that the follower saw was pushed, by the clocks of both machines; 0
    /// without such heads.
    pub seconds: f64,
    /// Seconds since the store was last reached; `None` if it was not reached yet.
    pub checked_seconds: Option<f64>,
    /// Why the last look failed; `None` if it did not.
    pub error: Option<String>,
}

/// What a follower serves: the content of its state file, which `twinspire stats` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FollowState {
    /// The format of the file, 1.
    pub format: u32,
    /// The address of the store.
    pub store: String,
    /// The epoch that is served.
    pub epoch: u64,
    /// The newest epoch of the store, when it was last reached.
    pub newest: u64,
    /// Number of heads of the store that are newer than the served epoch.
    pub heads: u64,
    /// When the first head that is not served was pushed, in milliseconds since 1970-01-01 00:00 UTC.
    pub behind_since_unix_ms: Option<u64>,
    /// When the store was last reached, in milliseconds since 1970-01-01 00:00 UTC.
    pub checked_unix_ms: Option<u64>,
    /// Why the last look failed.
    pub error: Option<String>,
}

impl FollowState {
    /// Reads the state file of a follower's directory; `None` if nothing follows there.
    ///
    /// # Errors
    /// [`RemoteError::File`] when the file cannot be read.
    pub fn read(directory: impl AsRef<Path>) -> Result<Option<Self>, RemoteError> {
        let path = directory.as_ref().join(FILE);
        let bytes = match OsFiles::MAPPED.read(&path) {
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            other => other.map_err(RemoteError::file(IoAction::Read, &path))?,
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let source = std::io::Error::new(ErrorKind::InvalidData, error);
            RemoteError::file(IoAction::Read, &path)(source)
        })
    }

    /// The directory of the served database in the follower's directory.
    #[must_use]
    pub fn database(&self, directory: impl AsRef<Path>) -> PathBuf {
        let epochs = directory.as_ref().join("epochs");
        epochs.join(self.epoch.to_string())
    }

    /// How far the follower is behind, as of now.
    #[must_use]
    pub fn lag(&self) -> Lag {
        let now = now_unix_ms();
        let seconds = |since: u64| now.saturating_sub(since) as f64 / 1e3;
        Lag {
            heads: self.heads,
            seconds: self.behind_since_unix_ms.map_or(0.0, seconds),
            checked_seconds: self.checked_unix_ms.map(seconds),
            error: self.error.clone(),
        }
    }
}

/// The state of a follower, which it saves now and then.
pub(super) struct Status {
    files: Arc<dyn FileSystem>,
    path: PathBuf,
    state: Mutex<FollowState>,
}

impl Status {
    pub(super) fn new(files: Arc<dyn FileSystem>, directory: &Path, store: &str) -> Self {
        Self {
            files,
            path: directory.join(FILE),
            state: Mutex::new(FollowState {
                format: FORMAT,
                store: store.to_owned(),
                epoch: 0,
                newest: 0,
                heads: 0,
                behind_since_unix_ms: None,
                checked_unix_ms: None,
                error: None,
            }),
        }
    }

    fn change(&self, change: impl FnOnce(&mut FollowState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The store was reached: it has this newest epoch, and so many that are not served.
    pub(super) fn looked(&self, newest: u64, heads: usize) {
        self.change(|state| {
            state.newest = newest;
            state.heads = heads as u64;
            state.checked_unix_ms = Some(now_unix_ms());
            if heads == 0 {
                state.behind_since_unix_ms = None;
            } else if state.behind_since_unix_ms.is_none() {
                state.behind_since_unix_ms = Some(now_unix_ms());
            }
            state.error = None;
        });
    }

    /// A head that is not served was pushed at this time.
    pub(super) fn behind_since(&self, unix_ms: u64) {
        self.change(|state| {
            let known = state.behind_since_unix_ms.unwrap_or(unix_ms);
            state.behind_since_unix_ms = Some(known.min(unix_ms));
        });
    }

    /// The newest epoch that was seen is served.
    pub(super) fn serves(&self, epoch: u64) {
        self.change(|state| {
            state.epoch = epoch;
            if epoch >= state.newest {
                state.heads = 0;
                state.behind_since_unix_ms = None;
            }
        });
    }

    /// A look failed.
    pub(super) fn failed(&self, error: &RemoteError) {
        self.change(|state| state.error = Some(error.to_string()));
    }

    pub(super) fn lag(&self) -> Lag {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.lag()
    }

    /// Writes the state file. Nothing depends on it but what `stats` shows.
    pub(super) fn save(&self) {
        let state = self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Err(error) = self.write(&state) {
            telemetry::warn!("cannot write {}: {error}", self.path.display());
        }
    }

    fn write(&self, state: &FollowState) -> std::io::Result<()> {
        let bytes = serde_json::to_vec_pretty(state)?;
        // Several processes may follow in one directory.
        let next = self
            .path
            .with_extension(format!("json.{}", std::process::id()));
        match self.files.remove(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = self.files.create_new(&next)?;
        file.append(&bytes)?;
        drop(file);
        self.files.rename(&next, &self.path)
    }
}
