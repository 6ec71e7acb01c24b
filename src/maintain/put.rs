//! Puts and deletes, in five stages: check, embed, append, apply, publish.
//!
//! 1. *Check*: every id gets its item number, and the call must fit into one frame of the journal.
//! 2. *Embed*: every space computes the vectors. What a space cannot embed is refused, because its
//!    recalls would miss it; a partial space stores it without a vector.
//! 3. *Append*: the journal takes the call as one frame and syncs it. From here on it is durable.
//! 4. *Apply*: the index takes the operations in, so that ids resolve to their new versions.
//! 5. *Publish*: readers get the snapshot with the new overlays.
//!
//! Nothing has changed before the third stage, and the last two cannot fail. An append of unknown
//! outcome stops the writer.

use super::backlog::Backlog;
use super::seal::seal;
use super::signal::Task;
use super::writer::Writer;
use super::writing::Writing;
use crate::error::Error;
use crate::format::journal::Op;
use crate::snapshot::{FreshItem, Live, Serving, Snapshot, embed, fuse, in_batches};
use serde_json::Value;
use std::sync::Arc;
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::Vector;
use twinspire_towers::internals::Fields;

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
    let written = write_due(live, writing, changes, |_| Ok(true))?;
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

/// Writes those changes that are due, all or none. `is_due` is asked under the writer's lock: what it
/// finds in the database stays so until the change is written.
pub(crate) fn write_due(
    live: &Live,
    writing: &Writing,
    changes: &[Change<'_>],
    is_due: impl Fn(&Change<'_>) -> Result<bool, Error>,
) -> Result<Written, Error> {
    let mut writer = writing.lock_writer()?;
    let mut due = Vec::with_capacity(changes.len());
    for change in changes {
        if is_due(change)? {
            due.push(*change);
        }
    }
    if due.is_empty() {
        let last = writer.journal.last();
        return Ok(Written { changes: 0, last });
    }
    let before = live.snapshot.load_full();
    let batch = Batch::check(live, &writer, &due)?;
    let snapshot = batch.embed(&before)?;
    let appended = batch.append(&mut writer)?;
    appended.apply(live);
    live.snapshot.store(snapshot.into());

    let last = writer.journal.last();
    let backlog = Backlog {
        journal_bytes: writer.journal.bytes(),
        writes: last.0 - before.sealed.manifest.sealed.0,
        has_spaces: !before.spaces.is_empty(),
    };
    drop(writer);
    relieve(live, writing, &backlog);
    Ok(Written {
        changes: due.len(),
        last,
    })
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
    /// Revision of the first operation.
    first: Revision,
    /// The next item number after this call.
    next_item: ItemNo,
}

/// Operations that are durable.
struct Appended {
    first: Revision,
    ops: Vec<Op>,
}

impl<'a> Batch<'a> {
    /// Gives every id its item number and bounds the size of the call.
    fn check(live: &Live, writer: &Writer, changes: &'a [Change<'a>]) -> Result<Self, Error> {
        let mut next_item = writer.next_item;
        let mut ops = Vec::with_capacity(changes.len());
        for Change { id, record } in changes {
            let item = match live.find(id)? {
                Some((item, _)) => item,
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
            first: writer.journal.last().next(),
            next_item,
        })
    }

    /// The snapshot after this call: the overlay of every space with the new versions, and the fields of
    /// the new records. Fused spaces come last and take the new vectors of their members.
    fn embed(&self, before: &Snapshot) -> Result<Snapshot, Error> {
        let mut next = before.clone();
        let fields = self.changes.iter();
        let fields = fields.map(|change| change.record.map(Fields::of).unwrap_or_default());
        let fields: Vec<Arc<Fields>> = fields.map(Arc::new).collect();
        for fields in fields
            .iter()
            .filter(|fields| !before.fields.covers_item(fields))
        {
            Arc::make_mut(&mut next.fields).add_item(fields);
        }
        let order = before.sealed.manifest.serving();
        for (space, serving) in order.filter_map(|(space, _)| before.spaces.get_key_value(space)) {
            let serving = self.embed_in(space, serving, &fields, &next)?;
            next = next.with_space(space, serving);
        }
        Ok(next)
    }

    /// What a space serves after this call. `state` holds the spaces that a fused one takes its vectors
    /// from.
    fn embed_in(
        &self,
        space: &str,
        serving: &Serving,
        fields: &[Arc<Fields>],
        state: &Snapshot,
    ) -> Result<Serving, Error> {
        let mut next = serving.clone();
        let puts = self.ops.iter().zip(self.changes);
        let puts = puts.filter_map(|(op, change)| Some((op.item, change.id, change.record?)));
        let puts: Vec<(ItemNo, &str, &Value)> = puts.collect();
        let generation = &serving.base.generation;
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
            embed(space, &serving.base, &ids, &records, given)
        });
        let mut vectors = vectors?.into_iter();
        let revisions = (self.first.0..).map(Revision);
        for ((revision, op), fields) in revisions.zip(&self.ops).zip(fields) {
            let vector = match op.record {
                Some(_) => vectors.next().flatten(),
                None => None,
            };
            let fresh = FreshItem {
                revision,
                id: op.id.clone(),
                vector,
                fields: Arc::clone(fields),
            };
            next.overlay.insert(op.item, Arc::new(fresh));
        }
        Ok(next)
    }

    /// Makes the operations durable.
    fn append(self, writer: &mut Writer) -> Result<Appended, Error> {
        let (first, ops) = writer.append(self.ops)?;
        writer.next_item = self.next_item;
        Ok(Appended { first, ops })
    }
}

impl Appended {
    /// Puts the operations into the index.
    fn apply(self, live: &Live) {
        live.index.apply(self.first, self.ops);
    }
}
