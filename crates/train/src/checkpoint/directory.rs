//! The directory of a checkpoint and its files.

use super::state::CourseState;
use crate::error::TrainError;
use crate::error_reason::CheckpointFault;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use twinspire_core::files::{FileSystem, OsFiles};
use twinspire_core::wire::{Reader, WireError, checksum};

/// What a search for settings chose.
const SEARCH: &str = "search.json";
/// The state of a training.
const TRAINING: &str = "training.bin";
/// Ending of a file that is being written.
const NEW: &str = ".new";
/// The first bytes of the state.
const MAGIC: [u8; 8] = *b"TWINCKPT";
/// The version of both files.
const VERSION: u32 = 1;

/// The directory of a checkpoint.
#[derive(Debug)]
pub(crate) struct CheckpointDirectory {
    path: PathBuf,
    /// The training that it belongs to.
    fingerprint: u64,
}

impl CheckpointDirectory {
    /// The directory that a setting names, if it does.
    pub(crate) fn of(path: Option<&Path>, fingerprint: impl FnOnce() -> u64) -> Option<Self> {
        Some(Self {
            path: path?.to_owned(),
            fingerprint: fingerprint(),
        })
    }

    /// The state of the training after its last epoch, if one is there.
    pub(crate) fn read_state(&self) -> Result<Option<CourseState>, TrainError> {
        self.read(TRAINING, |bytes| {
            let (fingerprint, state) = unseal(bytes)?;
            self.check(fingerprint)?;
            CourseState::from_bytes(state)
        })
    }

    /// Replaces the state of the training.
    pub(crate) fn write_state(&self, state: &CourseState) -> Result<(), TrainError> {
        let sealed = state
            .to_bytes()
            .map(|state| seal(self.fingerprint, &state))
            .map_err(|fault| self.error(TRAINING, fault))?;
        self.write(TRAINING, &sealed)
    }

    /// What a search chose, if it has ended.
    pub(super) fn read_search<T: DeserializeOwned>(&self) -> Result<Option<T>, TrainError> {
        self.read(SEARCH, |bytes| {
            let wrong = |error: serde_json::Error| CheckpointFault::Damaged(error.to_string());
            let document: Value = serde_json::from_slice(bytes).map_err(wrong)?;
            if document["version"] != VERSION {
                return Err(CheckpointFault::OtherTraining);
            }
            self.check(document["fingerprint"].as_u64().unwrap_or_default())?;
            serde_json::from_value(document["chosen"].clone()).map_err(wrong)
        })
    }

    /// Keeps what a search chose.
    pub(super) fn write_search(&self, chosen: &impl Serialize) -> Result<(), TrainError> {
        let document =
            json!({"version": VERSION, "fingerprint": self.fingerprint, "chosen": chosen});
        self.write(SEARCH, format!("{document:#}\n").as_bytes())
    }

    fn check(&self, fingerprint: u64) -> Result<(), CheckpointFault> {
        match fingerprint == self.fingerprint {
            true => Ok(()),
            false => Err(CheckpointFault::OtherTraining),
        }
    }

    fn read<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, CheckpointFault>,
    ) -> Result<Option<T>, TrainError> {
        let bytes = match OsFiles::IN_MEMORY.read(&self.path.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| self.io(name, &error))?,
        };
        parse(&bytes)
            .map(Some)
            .map_err(|fault| self.error(name, fault))
    }

    /// Replaces a file: after a crash it is the old one or the new one.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let files = &OsFiles::IN_MEMORY;
        let (path, new) = (self.path.join(name), self.path.join(format!("{name}{NEW}")));
        let replace = || {
            files.create_dir_all(&self.path)?;
            match files.remove(&new) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = files.create_new(&new)?;
            file.append(bytes)?;
            file.sync()?;
            drop(file);
            files.rename(&new, &path)?;
            files.sync_dir(&self.path)
        };
        replace().map_err(|error| self.io(name, &error))
    }

    fn io(&self, name: &str, error: &io::Error) -> TrainError {
        self.error(name, CheckpointFault::Io(error.to_string()))
    }

    /// A fault of one of the files.
    pub(crate) fn error(&self, name: &str, fault: CheckpointFault) -> TrainError {
        TrainError::Checkpoint {
            path: self.path.join(name),
            fault,
        }
    }

    /// A state that does not fit the training.
    pub(crate) fn misfit(&self, what: &str) -> TrainError {
        self.error(TRAINING, CheckpointFault::Damaged(what.to_owned()))
    }
}

/// Removes a directory of checkpoints, with the files of a checkpoint alone; nothing if it is not there.
///
/// # Errors
/// [`TrainError::Checkpoint`] if it has other files, or cannot be removed.
pub fn remove_checkpoint(directory: impl AsRef<Path>) -> Result<(), TrainError> {
    let (directory, files) = (directory.as_ref(), &OsFiles::IN_MEMORY);
    let failed = |error: &io::Error| TrainError::Checkpoint {
        path: directory.to_owned(),
        fault: CheckpointFault::Io(error.to_string()),
    };
    let ours = [SEARCH, TRAINING].map(|name| [name.to_owned(), format!("{name}{NEW}")]);
    let names = files.list(directory).map_err(|error| failed(&error))?;
    for name in names
        .iter()
        .filter(|name| ours.as_flattened().contains(*name))
    {
        let path = directory.join(name);
        files.remove(&path).map_err(|error| failed(&error))?;
    }
    match files.remove_dir(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&error)),
        _ => Ok(()),
    }
}

/// The file of a state: magic bytes, version, fingerprint, state, checksum of all before.
fn seal(fingerprint: u64, state: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(fingerprint.to_le_bytes());
    bytes.extend(state);
    bytes.extend(checksum(&bytes).to_le_bytes());
    bytes
}

/// The fingerprint and the state of a file.
fn unseal(bytes: &[u8]) -> Result<(u64, &[u8]), CheckpointFault> {
    let damaged = |what: &str| CheckpointFault::Damaged(what.to_owned());
    let short = |error: WireError| CheckpointFault::Damaged(error.to_string());
    let (content, sum) = bytes
        .split_last_chunk()
        .ok_or_else(|| damaged("it is too short"))?;
    let mut reader = Reader::new(content);
    if reader.array("the magic bytes").map_err(short)? != MAGIC {
        return Err(damaged("it is not a checkpoint"));
    }
    if reader.u32("the version").map_err(short)? != VERSION {
        return Err(CheckpointFault::OtherTraining);
    }
    if checksum(content) != u64::from_le_bytes(*sum) {
        return Err(damaged("its checksum differs"));
    }
    let fingerprint = reader.u64("the fingerprint").map_err(short)?;
    let state = content.get(size_of_val(&MAGIC) + size_of::<u32>() + size_of::<u64>()..);
    Ok((fingerprint, state.unwrap_or_default()))
}
