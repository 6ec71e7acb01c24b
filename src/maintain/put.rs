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
use crate::catalog::Fresh;
use crate::error::Error;
use crate::format::journal::Op;
use crate::snapshot::{FreshItem, Live, Serving, Snapshot, SpaceVersion, embed, fuse, in_batches};
use serde_json::Value;
use std::sync::Arc;
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::Vector;
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
    loop {
        let (ticket, changes) = {
            let mut staging = writing.lock_staging()?;
            let before = match staging.latest() {
                Some(latest) => Arc::clone(latest),
                None => live.snapshot.load_full(),
            };
            let mut due = Vec::with_capacity(changes.len());
            for change in changes {
                if is_due(&before, change)? {
                    due.push(*change);
                }
            }
            if due.is_empty() {
                drop(staging);
                let last = writing.lock_writer(live)?.journal.last();
                return Ok(Written { changes: 0, last });
            }
            (stage(&before, &mut staging, &due)?, due.len())
        };
        let Some(journal_bytes) = writing.make_durable(live, ticket)? else {
            continue;
        };
        let last = ticket.last;
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

/// Checks and embeds a call, and lets it wait for the journal.
fn stage(
    before: &Snapshot,
    staging: &mut Staging,
    changes: &[Change<'_>],
) -> Result<Ticket, Error> {
    let (first, next_item) = (staging.last().next(), staging.next_item());
    let batch = Batch::check(before, (first, next_item), changes)?;
    let snapshot = Arc::new(batch.embed(before)?);
    Ok(staging.add(StagedCall {
        ops: batch.ops,
        bytes: batch.bytes,
        snapshot,
        next_item: batch.next_item,
    }))
}

/// Seals a large backlog at once, and wakes the background thread for a smaller one.
fn relieve(live: &Live, writing: &Writing, backlog: &Backlog) {
    if backlog.exceeds(&writing.limits, SEAL_AT_LIMITS) {
        // The write is durable, whether the seal succeeds or not.
        if let Err(error) = seal(live, writing) {
            log::warn!("cannot seal: {error}");
        }
    } else if backlog.exceeds(&writing.limits, 1) {
        writing.signal.request(Task::Upkeep);
    }
}

/// The checked changes of one call.
struct Batch<'a> {
    changes: &'a [Change<'a>],
    /// The operations for the journal, one for each change.
    ops: Vec<Op>,
    /// Bytes of ids and records.
    bytes: usize,
    /// Revision of the first operation.
    first: Revision,
    /// The next item number after this call.
    next_item: ItemNo,
}

impl<'a> Batch<'a> {
    /// Gives every id its item number and bounds the size of the call.
    fn check(
        before: &Snapshot,
        (first, mut next_item): (Revision, ItemNo),
        changes: &'a [Change<'a>],
    ) -> Result<Self, Error> {
        let mut ops = Vec::with_capacity(changes.len());
        for Change { id, record } in changes {
            let item = match before.find_item(id)? {
                Some(item) => item,
                None => {
                    let item = next_item;
                    next_item = ItemNo(item.0.checked_add(1).ok_or(Error::TooManyItems)?);
                    item
                }
            };
            ops.push(Op {
                item,
                id: (*id).to_owned(),
                record: record.map(|record| record.to_string().into_bytes()),
            });
        }
        let bytes = |op: &Op| op.id.len() + op.record.as_ref().map_or(0, Vec::len) + OP_OVERHEAD;
        let bytes: usize = ops.iter().map(bytes).sum();
        if bytes > MAX_CALL_BYTES {
            let limit = MAX_CALL_BYTES;
            return Err(Error::CallTooLarge { bytes, limit });
        }
        Ok(Self {
            changes,
            ops,
            bytes,
            first,
            next_item,
        })
    }

    /// The snapshot after this call. Fused spaces come last and take the new vectors of their members.
    fn embed(&self, before: &Snapshot) -> Result<Snapshot, Error> {
        let mut next = before.clone();
        let order = before.sealed.manifest.serving();
        for (space, serving) in order.filter_map(|(space, _)| before.spaces.get_key_value(space)) {
            if let Some(serving) = self.embed_in(space, serving, &next)? {
                next = next.with_space(space, serving);
            }
        }
        let mut items = Vec::with_capacity(self.ops.len());
        for (revision, op, change) in self.versions() {
            let fields = change.record.map(Fields::of).unwrap_or_default();
            if !next.fields.covers_item(&fields) {
                Arc::make_mut(&mut next.fields).add_item(&fields);
            }
            let before = before.fresh.get(op.item).map(|before| &before.version);
            let version = Fresh::after(before, revision, op.clone());
            items.push(FreshItem::with_fields(
                op.id.as_str().into(),
                version,
                fields,
            ));
        }
        // Without spaces nothing is filtered.
        let eager = !next.spaces.is_empty();
        next.fresh.append(items, eager);
        Ok(next)
    }

    /// The operations with their revisions and changes.
    fn versions(&self) -> impl Iterator<Item = (Revision, &Op, &Change<'a>)> {
        let revisions = (self.first.0..).map(Revision);
        let each = revisions.zip(&self.ops).zip(self.changes);
        each.map(|((revision, op), change)| (revision, op, change))
    }

    /// What a space serves after this call; `None` if that is the same as before. `state` holds the spaces
    /// that a fused one takes its vectors from.
    fn embed_in(
        &self,
        space: &str,
        serving: &Serving,
        state: &Snapshot,
    ) -> Result<Option<Serving>, Error> {
        let (base, generation) = (&serving.base, &serving.base.generation);
        let is_made = base.model()?.has(Side::Item) || generation.is_fused();
        // Without a tower, an item that the space knows nothing of does not concern it.
        let concerned = self.versions().filter(|(_, op, change)| {
            is_made && change.record.is_some() || serving.overlay.concerns(base, op.item)
        });
        let concerned: Vec<_> = concerned.collect();
        if concerned.is_empty() {
            return Ok(None);
        }
        let puts = concerned.iter();
        let puts = puts.filter_map(|(_, op, change)| Some((op.item, change.id, change.record?)));
        let puts: Vec<(ItemNo, &str, &Value)> = puts.collect();
        let vectors = in_batches(&puts, |puts| {
            let ids: Vec<&str> = puts.iter().map(|(_, id, _)| *id).collect();
            let records: Vec<&Value> = puts.iter().map(|(.., record)| *record).collect();
            let given = |at: usize| {
                let (item, ..) = puts.get(at)?;
                match generation.is_fused() {
                    true => fuse(generation, &state.spaces, *item),
                    false => serving.vector(*item).map(Vector::from),
                }
            };
            embed(space, base, &ids, &records, given)
        });
        let mut vectors = vectors?.into_iter();
        let versions = concerned.iter().map(|(revision, op, change)| SpaceVersion {
            item: op.item,
            revision: *revision,
            vector: match change.record {
                Some(_) => vectors.next().flatten(),
                None => None,
            },
        });
        let mut next = serving.clone();
        next.overlay.append(base, versions);
        Ok(Some(next))
    }
}
