//! Puts and deletes, in five stages: check, embed, append, apply, publish.
//!
//! 1. *Check*: every id gets its item number, and the call must fit into one frame of the journal.
//! 2. *Embed*: every space computes the vectors. What a space cannot embed is refused, because its
//!    recalls would miss it; a partial space stores it without a vector.
//! 3. *Append*: the journal takes the call and syncs it. From here on it is durable.
//! 4. *Apply*: the index takes the new versions in.
//! 5. *Publish*: readers get the snapshot with the new versions. It shares all else with the one before:
//!    a space that knows nothing of the items costs nothing.
//!
//! After the second stage a call is [staged](super::staging). The others are done for all staged calls
//! together. Nothing has changed before the third, and the last two cannot fail. An append of unknown
//! outcome stops the writer.

use super::backlog::Backlog;
use super::seal::seal;
use super::signal::Task;
use super::staging::{StagedCall, Staging, Ticket};
use super::writing::Writing;
use crate::error::Error;
use crate::format::journal::{FrameBuilder, OpRef};
use crate::snapshot::{Live, Serving, Snapshot, SpaceVersion, Spaces, embed, fuse, in_batches};
use crate::store::StoreError;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::Vector;
use twinspire_core::telemetry::{self, METRICS, Stopwatch, metrics};
use twinspire_towers::internals::{Fields, Side};

/// A put seals by itself at this many times the limits of the background thread. That bounds the
/// memory of unsealed writes if the thread does not keep up.
const SEAL_AT_LIMITS: u64 = 4;

/// The most bytes of ids and records in one call, which becomes one frame of the journal.
const MAX_CALL_BYTES: usize = 64 << 20;
/// The most bytes that a frame takes for an operation besides its id and record.
const OP_OVERHEAD: usize = 32;

/// A change of one item.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    /// The id.
    pub(crate) id: &'a str,
    /// The new record; None deletes the item.
    pub(crate) record: Option<&'a Value>,
}

/// Writes changes of different ids, all or none. Returns the last revision.
pub(crate) fn write(
    live: &Live,
    writing: &Writing,
    changes: &[Change<'_>],
) -> Result<Revision, Error> {
    let written = write_due(live, writing, changes, |_, _| Ok(true))?;
    Ok(written.last)
}

/// What a call wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// Number of changes.
    pub(crate) changes: usize,
    /// The last revision.
    pub(crate) last: Revision,
}

/// Writes those changes that are due, all or none. `is_due` is asked with the state that the call builds on:
/// what it finds there stays so until the change is written.
pub(crate) fn write_due(
    live: &Live,
    writing: &Writing,
    changes: &[Change<'_>],
    is_due: impl Fn(&Snapshot, &Change<'_>) -> Result<bool, Error>,
) -> Result<Written, Error> {
    let _span = telemetry::debug_span!("put", changes = changes.len()).entered();
    let watch = Stopwatch::start();
    loop {
        let mut deleted = 0;
        let (ticket, changes) = {
            let mut staging = writing.lock_staging()?;
            let current = live.snapshot.load_full();
            let before = staging.latest().unwrap_or(&current);
            let mut due = Vec::with_capacity(changes.len());
            for change in changes {
                if is_due(before, change)? {
                    due.push(*change);
                }
            }
            if due.is_empty() {
                drop(staging);
                let last = writing.lock_writer(live)?.journal.last();
                return Ok(Written { changes: 0, last });
            }
            if METRICS {
                let deletes = due.iter().filter(|change| change.record.is_none());
                deleted = deletes.count();
            }
            let batch = Batch::check(before, &staging, &due)?;
            (batch.stage(current, &mut staging)?, due.len())
        };
        let last = ticket.last;
        let Some(journal_bytes) = writing.make_durable(live, ticket)? else {
            continue;
        };
        metrics::WRITES.add_for("put", changes.saturating_sub(deleted) as u64);
        metrics::WRITES.add_for("delete", deleted as u64);
        metrics::WRITE_SECONDS.observe(watch.seconds());
        live.record_fresh(journal_bytes);
        let snapshot = live.snapshot.load_full();
        let backlog = Backlog {
            journal_bytes,
            writes: last.0.saturating_sub(snapshot.sealed.manifest.sealed.0),
            has_spaces: !snapshot.spaces.is_empty(),
        };
        relieve(live, writing, &backlog);
        return Ok(Written { changes, last });
    }
}

/// Seals a large backlog at once, and wakes the background thread for a smaller one.
fn relieve(live: &Live, writing: &Writing, backlog: &Backlog) {
    if backlog.exceeds(&writing.limits, SEAL_AT_LIMITS) {
        // The write is durable, whether the seal succeeds or not.
        if let Err(error) = seal(live, writing) {
            telemetry::warn!("cannot seal: {error}");
        }
    } else if backlog.exceeds(&writing.limits, 1) {
        writing.signal.request(Task::Upkeep);
    }
}

/// The checked changes of one call.
struct Batch<'a> {
    versions: Vec<Version<'a>>,
    /// The same as operations of the journal.
    frame: FrameBuilder,
    /// Bytes of ids and records.
    bytes: usize,
    /// The next item number after this call.
    next_item: ItemNo,
}

/// A change as it will be stored.
struct Version<'a> {
    item: ItemNo,
    revision: Revision,
    change: &'a Change<'a>,
    /// The record as JSON text.
    text: Option<Vec<u8>>,
}

impl<'a> Batch<'a> {
    /// Gives every id its item number and bounds the size of the call.
    fn check(
        before: &Snapshot,
        staging: &Staging,
        changes: &'a [Change<'a>],
    ) -> Result<Self, Error> {
        let mut next_item = staging.next_item();
        let mut bytes = 0;
        let mut versions = Vec::with_capacity(changes.len());
        let revisions = (staging.last().next().0..).map(Revision);
        for (change, revision) in changes.iter().zip(revisions) {
            let item = match before.find_item(change.id)? {
                Some(item) => item,
                None => {
                    let item = next_item;
                    next_item = ItemNo(item.0.checked_add(1).ok_or(Error::TooManyItems)?);
                    item
                }
            };
            let text = change.record.map(|record| record.to_string().into_bytes());
            bytes += change.id.len() + text.as_ref().map_or(0, Vec::len) + OP_OVERHEAD;
            versions.push(Version {
                item,
                revision,
                change,
                text,
            });
        }
        if bytes > MAX_CALL_BYTES {
            let limit = MAX_CALL_BYTES;
            return Err(Error::CallTooLarge { bytes, limit });
        }
        let mut frame = FrameBuilder::with_capacity(bytes);
        for version in &versions {
            let op = OpRef {
                item: version.item,
                id: version.change.id,
                record: version.text.as_deref(),
            };
            frame
                .push(op)
                .map_err(StoreError::format(Path::new(names::JOURNAL)))?;
        }
        Ok(Self {
            versions,
            frame,
            bytes,
            next_item,
        })
    }

    /// Embeds the call, and lets it wait for the journal. `current` is what readers see.
    fn stage(self, current: Arc<Snapshot>, staging: &mut Staging) -> Result<Ticket, Error> {
        let before = staging.latest().unwrap_or(&current);
        let spaces = self.embed(before)?;
        let fields = self.versions.iter();
        let fields =
            fields.map(|version| version.change.record.map(Fields::of).unwrap_or_default());
        let fields: Vec<Fields> = fields.collect();
        let call = StagedCall {
            frame: self.frame,
            bytes: self.bytes,
            next_item: self.next_item,
        };
        let versions = self.versions;
        Ok(staging.add(call, current, |state| {
            state.spaces = spaces;
            for fields in &fields {
                if !state.fields.covers_item(fields) {
                    Arc::make_mut(&mut state.fields).add_item(fields);
                }
            }
            // Without spaces nothing is filtered.
            let eager = !state.spaces.is_empty();
            let versions = versions.into_iter().zip(fields);
            let items = versions.map(|(version, fields)| {
                let Version {
                    item,
                    revision,
                    change,
                    text,
                } = version;
                (change.id, (item, revision, text), fields)
            });
            state.fresh.put(items, eager);
        }))
    }

    /// What the spaces serve after this call. Fused spaces come last and take the new vectors of their members.
    fn embed(&self, before: &Snapshot) -> Result<Spaces, Error> {
        let mut spaces = before.spaces.clone();
        let order = before.sealed.manifest.serving();
        for (name, serving) in order.filter_map(|(space, _)| before.spaces.get_key_value(space)) {
            if let Some(serving) = self.embed_in(name, serving, &spaces)? {
                spaces.insert(Arc::clone(name), Arc::new(serving));
            }
        }
        Ok(spaces)
    }

    /// What a space serves after this call; `None` if that is the same as before. A fused space takes its vectors
    /// from `spaces`.
    fn embed_in(
        &self,
        space: &str,
        serving: &Serving,
        spaces: &Spaces,
    ) -> Result<Option<Serving>, Error> {
        let (base, generation) = (&serving.base, &serving.base.generation);
        let is_made = base.model()?.has(Side::Item) || generation.is_fused();
        // Without a tower, an item that the space knows nothing of does not concern it.
        let concerned = self.versions.iter().filter(|version| {
            is_made && version.text.is_some() || serving.overlay.concerns(base, version.item)
        });
        let concerned: Vec<_> = concerned.collect();
        if concerned.is_empty() {
            return Ok(None);
        }
        let puts = concerned.iter();
        let puts = puts.filter_map(|version| {
            let Change { id, record } = *version.change;
            Some((version.item, id, record?))
        });
        let puts: Vec<(ItemNo, &str, &Value)> = puts.collect();
        let vectors = in_batches(&puts, |puts| {
            let ids: Vec<&str> = puts.iter().map(|(_, id, _)| *id).collect();
            let records: Vec<&Value> = puts.iter().map(|(.., record)| *record).collect();
            let given = |at: usize| {
                let (item, ..) = puts.get(at)?;
                match generation.is_fused() {
                    true => fuse(generation, spaces, *item),
                    false => serving.vector(*item).map(Vector::from),
                }
            };
            embed(space, base, &ids, &records, given)
        });
        let mut vectors = vectors?.into_iter();
        let versions = concerned.iter().map(|version| SpaceVersion {
            item: version.item,
            revision: version.revision,
            vector: match version.text {
                Some(_) => vectors.next().flatten(),
                None => None,
            },
        });
        let mut next = serving.clone();
        next.overlay.append(base, versions);
        Ok(Some(next))
    }
}
