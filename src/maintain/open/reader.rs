//! Opening for reading, while another process may be writing.

use super::current::refuse_without_current;
use super::lock::hold_files;
use super::missing::{is_gone, missing};
use super::newer::refuse_newer_segments;
use crate::catalog::{self, Index};
use crate::error::Error;
use crate::manifest::Manifest;
use crate::snapshot::{Live, Snapshot, known_fields};
use crate::store::{self, Directory};
use arc_swap::ArcSwap;
use std::sync::Arc;

/// Maximum number of attempts when a writer commits while a reader opens.
const ATTEMPTS: usize = 64;

/// Opens the current state. Reuses the files and query samples of `before`.
///
/// Damage in the journal is only logged: what can be read is served.
pub(crate) fn open_reader(directory: &Directory, before: Option<&Live>) -> Result<Live, Error> {
    let snapshot = before.map(|before| before.snapshot.load_full());
    let mut attempt = 0;
    let mut live = loop {
        attempt += 1;
        let is_last = attempt == ATTEMPTS;
        match try_open(directory, snapshot.as_deref()) {
            Ok(attempt) if attempt.is_stable || is_last => break attempt.live.map_err(missing)?,
            Err(error) if is_last || !is_gone(&error) => return Err(missing(error)),
            _ => {}
        }
    };
    if let Some(before) = before {
        live.query_samples = Arc::clone(&before.query_samples);
    }
    Ok(live)
}

/// One attempt at opening the current state.
struct Attempt {
    /// Whether CURRENT was the same before and after, and no file was gone in between.
    is_stable: bool,
    live: Result<Live, Error>,
}

/// Opens what can be read now.
///
/// A writer unlinks sealed journal files after its commit: a listed file may be gone although CURRENT
/// has not changed since.
fn try_open(directory: &Directory, before: Option<&Snapshot>) -> Result<Attempt, Error> {
    let _held = hold_files(directory)?;
    let Some(manifest) = store::load(directory)? else {
        refuse_without_current(directory)?;
        return Err(Error::NoDatabase {
            path: directory.root.clone(),
        });
    };
    let number = manifest.number;
    if before.is_none() {
        refuse_newer_segments(directory, &manifest)?;
    }
    let live = open_state(directory, manifest, before);
    let after = store::load(directory)?.map(|manifest| manifest.number);
    let gone = live.as_ref().err().is_some_and(is_gone);
    Ok(Attempt {
        is_stable: after == Some(number) && !gone,
        live,
    })
}

fn open_state(
    directory: &Directory,
    manifest: Manifest,
    before: Option<&Snapshot>,
) -> Result<Live, Error> {
    let recovered = catalog::read(directory, manifest.database, manifest.sealed)?;
    for loss in &recovered.losses {
        log::warn!(
            "{}: {}: {}; serving what can be read",
            loss.path.display(),
            loss.section,
            loss.what
        );
    }
    let index = Index::open(directory, manifest.database, None, &recovered)?;
    let fields = known_fields(&manifest, &recovered.ops);
    let snapshot = Snapshot::open(directory, manifest, &index.all(), fields, before)?;
    Ok(Live {
        directory: directory.clone(),
        snapshot: ArcSwap::from_pointee(snapshot),
        index,
        journal_bytes: recovered.bytes,
        query_samples: Arc::default(),
    })
}
