//! Putting and deleting: journal, index, overlays, in this order.

use super::{Writer, lock};
use crate::error::Error;
use crate::format::journal::Op;
use crate::ids::{ItemNo, Revision};
use crate::snapshot::{Late, Live, Overlay, embed};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// Writes records (none for a delete) of different ids, all or none; gives the last revision.
///
/// Every space embeds them before anything is written: what a space cannot embed is refused, for it
/// would be missing from its recalls.
pub(crate) fn write(
    live: &Live,
    writer: &Mutex<Writer>,
    records: &[(&str, Option<&Value>)],
) -> Result<Revision, Error> {
    let mut writer = lock(writer)?;
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
    let before = live.snapshot.load_full();
    let mut next = (*before).clone();
    for (space, serving) in &mut next.spaces {
        let mut changed = (**serving).clone();
        let overlay = &mut changed.overlay;
        for (op, (id, record)) in ops.iter().zip(records) {
            let late = record
                .map(|record| embed(space, &changed.base.model, id, record))
                .transpose()?;
            insert(overlay, op, late);
        }
        *serving = Arc::new(changed);
    }
    let kept = ops.clone();
    let Writer {
        journal, next_file, ..
    } = &mut *writer;
    let number = || {
        let number = *next_file;
        next_file.0 += 1;
        number
    };
    match journal.append(ops, number) {
        Ok(first) => {
            live.index.apply(first, &kept);
            live.snapshot.store(next.into());
            writer.next_item = next_item;
            Ok(writer.journal.last())
        }
        Err(error) => {
            writer.poisoned = true;
            Err(error.into())
        }
    }
}

fn insert(overlay: &mut Overlay, op: &Op, vector: Option<Vec<f32>>) {
    let late = vector.map(|vector| {
        let id = op.id.clone();
        Arc::new(Late { id, vector })
    });
    overlay.insert(op.item, late);
}
