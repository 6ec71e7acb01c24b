//! Opening for reading, while another process may be writing.

use super::current::refuse_without_current;
use super::lock::hold_files;
use super::missing::{is_gone, missing};
use super::newer::refuse_newer_segments;
use crate::catalog::{self, Tail, newest};
use crate::error::Error;
use crate::manifest::Manifest;
use crate::snapshot::{FreshItems, Live, Snapshot, known_fields};
use crate::store::{self, Directory};
use arc_swap::ArcSwap;
use std::sync::Arc;
use twinspire_core::telemetry;

/// Maximum number of attempts when a writer commits while a reader opens.
const ATTEMPTS: usize = 64;

/// What a reader has open already.
#[derive(Clone, Copy)]
pub(crate) enum Known<'a> {
    /// Nothing.
    Nothing,
    /// An earlier state of the same directory: only what is new since is read, and its query samples are kept.
    Before(&'a Arc<Live>),
    /// A state of another directory: files that both have are shared.
    Elsewhere(&'a Snapshot),
}

/// Opens the current state.
///
/// Damage in the journal is only logged: what can be read is served.
pub(crate) fn open_reader(directory: &Directory, known: Known<'_>) -> Result<Arc<Live>, Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let is_last = attempt == ATTEMPTS;
        match try_open(directory, known) {
            Ok(attempt) if attempt.is_stable || is_last => return attempt.live.map_err(missing),
            Err(error) if is_last || !is_gone(&error) => return Err(missing(error)),
            _ => {}
        }
    }
}

/// One attempt at opening the current state.
struct Attempt {
    /// Whether CURRENT was the same before and after, and no file was gone in between.
    is_stable: bool,
    live: Result<Arc<Live>, Error>,
}

/// Opens what can be read now.
///
/// A writer unlinks sealed journal files after its commit: a listed file may be gone although CURRENT
/// has not changed since.
fn try_open(directory: &Directory, known: Known<'_>) -> Result<Attempt, Error> {
    let _held = hold_files(directory)?;
    let Some(manifest) = store::load(directory)? else {
        refuse_without_current(directory)?;
        return Err(Error::NoDatabase {
            path: directory.root.clone(),
        });
    };
    let number = manifest.number;
    if !matches!(known, Known::Before(_)) {
        refuse_newer_segments(directory, &manifest)?;
    }
    let live = open_state(directory, manifest, known);
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
    known: Known<'_>,
) -> Result<Arc<Live>, Error> {
    if let Known::Before(before) = known
        && let Some(live) = follow(before, &manifest)?
    {
        return Ok(live);
    }
    let recovered = catalog::read(directory, manifest.database, manifest.sealed)?;
    for loss in &recovered.losses {
        telemetry::warn!(
            "{}: {}: {}; serving what can be read",
            loss.path.display(),
            loss.section,
            loss.what
        );
    }
    let tail = Tail::of(&recovered);
    let fields = known_fields(&manifest, &recovered.ops);
    let fresh = FreshItems::of(newest(recovered.ops), !manifest.spaces.is_empty());
    let (held, query_samples) = match known {
        Known::Before(before) => {
            let samples = Arc::clone(&before.query_samples);
            (Some(before.snapshot.load_full()), samples)
        }
        Known::Nothing | Known::Elsewhere(_) => (None, Arc::default()),
    };
    let open = match known {
        Known::Elsewhere(snapshot) => Some(snapshot),
        _ => held.as_deref(),
    };
    let snapshot = Snapshot::open(directory, manifest, (fresh, fields), open)?;
    Ok(Arc::new(Live {
        directory: directory.clone(),
        snapshot: ArcSwap::from_pointee(snapshot),
        tail,
        query_samples,
    }))
}

/// The state after `before`, from what was committed and appended to the journal since; `before` itself if
/// that is nothing. `None` if the journal has to be read whole.
fn follow(before: &Arc<Live>, manifest: &Manifest) -> Result<Option<Arc<Live>>, Error> {
    let (directory, snapshot) = (&before.directory, before.snapshot.load_full());
    let known = &snapshot.sealed.manifest;
    if known.database != manifest.database || known.number > manifest.number {
        return Ok(None);
    }
    let followed = before
        .tail
        .follow(directory, manifest.database, manifest.sealed)?;
    let Some((tail, ops)) = followed else {
        return Ok(None);
    };
    if ops.is_empty() && known == manifest {
        return Ok(Some(Arc::clone(before)));
    }
    let last = before.tail.last();
    let next = snapshot.followed(directory, manifest.clone(), last, ops)?;
    Ok(Some(Arc::new(Live {
        directory: directory.clone(),
        snapshot: ArcSwap::from_pointee(next),
        tail,
        query_samples: Arc::clone(&before.query_samples),
    })))
}
