//! Keeping fields out of filters.

use super::commit::commit;
use super::writing::Writing;
use crate::error::Error;
use crate::filter::KnownFields;
use crate::snapshot::Live;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Changes which fields are kept out of filters. Segments written from now on do not index them.
pub(crate) fn set_unfiltered(
    live: &Live,
    writing: &Writing,
    change: impl FnOnce(&mut BTreeSet<String>),
) -> Result<(), Error> {
    let _state = writing.lock_state();
    let mut writer = writing.lock_writer(live)?;
    let before = live.snapshot.load_full();
    let mut unfiltered = before.fields.unfiltered().clone();
    change(&mut unfiltered);
    if unfiltered == *before.fields.unfiltered() {
        return Ok(());
    }
    let changed = |fields: &Arc<KnownFields>| {
        let mut fields = KnownFields::clone(fields);
        fields.set_unfiltered(unfiltered.clone());
        Arc::new(fields)
    };
    let manifest = &before.sealed.manifest;
    let mut next = before.with_manifest(manifest.with_fields(changed(&manifest.fields)));
    next.fields = changed(&before.fields);
    commit(live, &mut writer, next)
}
