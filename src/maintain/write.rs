//! Putting and deleting: journal, index, overlays, in this order.

use super::{Writing, seal};
use crate::error::Error;
use crate::format::journal::Op;
use crate::snapshot::{FreshItem, Live, embed, fuse, in_batches};
use serde_json::Value;
use std::sync::Arc;
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::Vector;
use twinspire_towers::internals::Fields;

/// How many times the limits may be passed before a put seals by itself, which bounds the memory
/// that fresh writes take when the background does not keep up.
const PATIENCE: u64 = 4;

/// The most bytes of records and ids in one call, which becomes one frame of the journal.
const MAX_CALL_BYTES: usize = 64 << 20;
/// What a frame holds of an operation besides its id and record, at most.
const OVERHEAD: usize = 32;

/// Writes records (none for a delete) of different ids, all or none; gives the last revision.
///
/// Every space embeds them before anything is written: what a space cannot embed is refused, for it
/// would be missing from its recalls, unless the space is partial.
pub(crate) fn write(
    live: &Live,
    writing: &Writing,
    records: &[(&str, Option<&Value>)],
) -> Result<Revision, Error> {
    let mut writer = writing.writer()?;
    if records.is_empty() {
        return Ok(writer.journal.last());
    }
    let mut next_item = writer.next_item;
    let mut ops = Vec::with_capacity(records.len());
    for (id, record) in records {
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
    let bytes = |op: &Op| op.id.len() + op.record.as_ref().map_or(0, Vec::len) + OVERHEAD;
    let bytes: usize = ops.iter().map(bytes).sum();
    if bytes > MAX_CALL_BYTES {
        let limit = MAX_CALL_BYTES;
        return Err(Error::CallTooLarge { bytes, limit });
    }
    let before = live.snapshot.load_full();
    let mut next = (*before).clone();
    let fields: Vec<Arc<Fields>> = match next.spaces.is_empty() {
        true => Vec::new(),
        false => {
            let fields = |record: &Option<&Value>| record.map(Fields::of).unwrap_or_default();
            let all = records.iter().map(|(_, record)| Arc::new(fields(record)));
            all.collect()
        }
    };
    let revisions = (writer.journal.last().next().0..).map(Revision);
    let order = before.sealed.manifest.serving();
    for (space, serving) in order.filter_map(|(space, _)| before.spaces.get_key_value(space)) {
        let mut changed = (**serving).clone();
        let there = ops.iter().zip(records);
        let there = there.filter_map(|(op, (id, record))| Some((op.item, *id, (*record)?)));
        let there: Vec<(ItemNo, &str, &Value)> = there.collect();
        let vectors = in_batches(&there, |there| {
            let ids: Vec<&str> = there.iter().map(|(_, id, _)| *id).collect();
            let records: Vec<&Value> = there.iter().map(|(.., record)| *record).collect();
            let given = |at: usize| {
                let (item, ..) = there.get(at)?;
                match changed.base.generation.is_fused() {
                    true => fuse(&changed.base.generation, &next.spaces, *item),
                    false => changed.vector(*item).map(Vector::from),
                }
            };
            embed(space, &changed.base, &ids, &records, given)
        });
        let mut vectors = vectors?.into_iter();
        let calls = revisions.clone().zip(&ops).zip(&fields);
        for ((revision, op), fields) in calls {
            let vector = match op.record {
                Some(_) => vectors.next().flatten(),
                None => None,
            };
            let id = op.id.clone();
            let late = FreshItem {
                revision,
                id,
                vector,
                fields: Arc::clone(fields),
            };
            changed.overlay.insert(op.item, Arc::new(late));
        }
        next.spaces.insert(space.clone(), Arc::new(changed));
    }
    let super::Writer {
        journal, next_file, ..
    } = &mut *writer;
    let number = || {
        let number = *next_file;
        next_file.0 += 1;
        number
    };
    match journal.append(ops, number) {
        Ok((first, ops)) => {
            live.index.apply(first, ops);
            live.snapshot.store(next.into());
            writer.next_item = next_item;
        }
        Err(error) => return Err(writer.failed(error.into())),
    }
    let last = writer.journal.last();
    let unsealed = Unsealed {
        bytes: writer.journal.bytes(),
        writes: last.0 - before.sealed.manifest.sealed.0,
        spaces: !before.spaces.is_empty(),
    };
    drop(writer);
    if unsealed.exceeds(writing, PATIENCE) {
        // The write itself is done, and stays so whatever comes of this.
        if let Err(error) = seal(live, writing) {
            log::warn!("cannot seal: {error}");
        }
    } else if unsealed.exceeds(writing, 1) {
        writing.signal.wake();
    }
    Ok(last)
}

/// What waits to be sealed.
struct Unsealed {
    bytes: u64,
    writes: u64,
    spaces: bool,
}

impl Unsealed {
    fn exceeds(&self, writing: &Writing, times: u64) -> bool {
        let limits = &writing.limits;
        self.bytes >= limits.journal_bytes.saturating_mul(times)
            || self.spaces && self.writes >= limits.writes.saturating_mul(times)
    }
}
