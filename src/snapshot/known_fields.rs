//! The fields that filters may name: those of sealed items, and those of unsealed writes.

use crate::filter::KnownFields;
use crate::format::journal::Op;
use crate::manifest::Manifest;
use rayon::prelude::*;
use std::sync::Arc;
use twinspire_core::ids::Revision;
use twinspire_towers::internals::Fields;

/// Writes whose fields one task collects.
const WRITES_PER_TASK: usize = 256;

/// Every field that an item of this state has or had. Each write counts, also one that was replaced
/// before it was sealed: a filter may have named its fields.
pub(crate) fn known_fields(manifest: &Manifest, unsealed: &[(Revision, Op)]) -> Arc<KnownFields> {
    let found = unsealed.par_chunks(WRITES_PER_TASK).map(|writes| {
        let mut found = KnownFields::default();
        // A record that cannot be read is reported where it is used.
        let records = writes.iter().filter_map(|(_, op)| {
            let record = serde_json::from_slice(op.record.as_deref()?);
            record.ok()
        });
        records.for_each(|record| found.add_item(&Fields::of(&record)));
        found
    });
    let mut known = Arc::clone(&manifest.fields);
    for found in found.collect::<Vec<_>>() {
        if !known.covers(&found) {
            Arc::make_mut(&mut known).add_all(&found);
        }
    }
    known
}
