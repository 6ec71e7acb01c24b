//! One consistent state of the database.

use super::base::Base;
use super::catch_up::{WriteState, catch_up, caught_up};
use super::fresh_items::FreshItems;
use super::known_fields::known_fields;
use super::record::parse;
use super::sealed::Sealed;
use super::serving::{Serving, Spaces};
use crate::error::{Error, Unsupported};
use crate::filter::KnownFields;
use crate::format::journal::Op;
use crate::manifest::{Generation, Manifest, Space};
use crate::store::Directory;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::telemetry;

/// One consistent state: a manifest with all its files open, the unsealed items, and what each space
/// serves. A clone shares everything.
#[derive(Clone)]
pub(crate) struct Snapshot {
    /// The sealed items and the manifest.
    pub(crate) sealed: Arc<Sealed>,
    /// The unsealed items.
    pub(crate) fresh: FreshItems,
    /// What each space serves.
    pub(crate) spaces: Spaces,
    /// The spaces whose active generation this build cannot use.
    pub(crate) unusable: Unusable,
    /// Every field that an item has or had, unsealed ones included: filters are checked against them.
    pub(crate) fields: Arc<KnownFields>,
}

/// Spaces that serve nothing because this build does not know what their towers need. The others go on.
/// Writes stay above the cuts of these generations, so that a newer build embeds them.
pub(crate) type Unusable = BTreeMap<String, NewerTowers>;

/// The towers of a generation that only a newer build can use.
#[derive(Clone, Debug)]
pub(crate) struct NewerTowers {
    path: PathBuf,
    what: Unsupported,
}

/// Opens what `open` serves of a space. Returns `None` and notes it if only a newer build can use its towers,
/// or those of a member.
fn serve(
    name: &str,
    generation: &Generation,
    unusable: &mut Unusable,
    open: impl FnOnce() -> Result<Arc<Serving>, Error>,
) -> Result<Option<Arc<Serving>>, Error> {
    let mut members = generation.members.keys();
    if let Some(newer) = members.find_map(|member| unusable.get(member)) {
        unusable.insert(name.to_owned(), newer.clone());
        return Ok(None);
    }
    match open() {
        Err(Error::Unsupported {
            path,
            what: what @ Unsupported::Towers { .. },
            ..
        }) => {
            telemetry::warn!("space {name:?} is not served: {what}");
            unusable.insert(name.to_owned(), NewerTowers { path, what });
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// What each space serves, and which spaces this build cannot use. `open` opens a space, with those before it.
fn serve_all(
    sealed: &Sealed,
    fresh: &FreshItems,
    open: impl Fn(&str, &Generation, WriteState<'_>) -> Result<Arc<Serving>, Error>,
) -> Result<(Spaces, Unusable), Error> {
    let (mut spaces, mut unusable) = (Spaces::new(), Unusable::new());
    for (name, generation) in sealed.manifest.serving() {
        let state = WriteState {
            sealed,
            fresh,
            spaces: &spaces,
        };
        let serving = serve(name, generation, &mut unusable, || {
            open(name, generation, state)
        })?;
        if let Some(serving) = serving {
            spaces.insert(name.into(), serving);
        }
    }
    Ok((spaces, unusable))
}

/// A space whose base `open` opens, with what was written since its cut. `open` takes over what the base of
/// `before` has open already.
fn open_caught_up(
    name: &str,
    before: Option<&Arc<Serving>>,
    state: WriteState<'_>,
    open: impl FnOnce(Option<&Base>) -> Result<Base, Error>,
) -> Result<Arc<Serving>, Error> {
    let base = open(before.map(|serving| &*serving.base))?;
    caught_up(name, base, state).map(Arc::new)
}

/// An item and its newest record; no record if the item is deleted.
pub(crate) type Found = (ItemNo, Option<Vec<u8>>);

impl Snapshot {
    /// Opens the state that a manifest describes, with the unsealed items `fresh` on top; `fields` are those of
    /// both. Reuses the files that `before` holds open. Towers are read when they are first asked for, by a recall or by an
    /// unsealed write.
    pub(crate) fn open(
        directory: &Directory,
        manifest: Manifest,
        (fresh, fields): (FreshItems, Arc<KnownFields>),
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let sealed = Sealed::open(directory, manifest, before.map(|b| &*b.sealed))?;
        let (spaces, unusable) = serve_all(&sealed, &fresh, |name, generation, state| {
            let before = before.and_then(|before| before.spaces.get(name));
            open_caught_up(name, before, state, |before| {
                Base::open(directory, name, generation, before)
            })
        })?;
        Ok(Self {
            sealed: Arc::new(sealed),
            fresh,
            spaces,
            unusable,
            fields,
        })
    }

    /// This state after what another process did: the manifest that is current now, and the operations
    /// `ops`, which follow on `last`, the last revision of this state. Only what is new is read and
    /// embedded.
    pub(crate) fn followed(
        &self,
        directory: &Directory,
        manifest: Manifest,
        last: Revision,
        ops: Vec<(Revision, Op)>,
    ) -> Result<Self, Error> {
        let sealed = if manifest == self.sealed.manifest {
            Arc::clone(&self.sealed)
        } else {
            Arc::new(Sealed::open(directory, manifest, Some(&self.sealed))?)
        };
        let mut fields = known_fields(&sealed.manifest, &ops);
        if !fields.covers(&self.fields) {
            Arc::make_mut(&mut fields).add_all(&self.fields);
        }
        let mut fresh = self.fresh.clone();
        if sealed.manifest.sealed > self.sealed.manifest.sealed {
            fresh = fresh.after_seal(sealed.manifest.sealed);
        }
        fresh.apply(ops, !sealed.manifest.spaces.is_empty());
        let (spaces, unusable) = serve_all(&sealed, &fresh, |name, generation, state| {
            let before = self.spaces.get(name);
            match before.filter(|before| before.serves(generation)) {
                Some(same) => followed_space(directory, name, same, generation, (state, last)),
                None => open_caught_up(name, before, state, |before| {
                    Base::open(directory, name, generation, before)
                }),
            }
        })?;
        Ok(Self {
            sealed,
            fresh,
            spaces,
            unusable,
            fields,
        })
    }

    /// This state with the towers of all spaces read: a put embeds in every space. A space whose towers this build
    /// cannot use serves nothing.
    pub(crate) fn with_towers(self) -> Result<Self, Error> {
        let (mut spaces, mut unusable) = (Spaces::new(), self.unusable);
        for (name, generation) in self.sealed.manifest.serving() {
            let Some(serving) = self.spaces.get(name) else {
                continue;
            };
            let serving = serve(name, generation, &mut unusable, || {
                serving.base.model()?;
                Ok(Arc::clone(serving))
            })?;
            if let Some(serving) = serving {
                spaces.insert(name.into(), serving);
            }
        }
        Ok(Self {
            sealed: self.sealed,
            fresh: self.fresh,
            spaces,
            unusable,
            fields: self.fields,
        })
    }

    /// The state in which every space serves the active generation of the manifest.
    ///
    /// A space in `known` is taken over if it serves that generation. Others are opened and caught up
    /// with the writes since their cut.
    pub(crate) fn serving(
        directory: &Directory,
        sealed: Arc<Sealed>,
        (fresh, fields): (FreshItems, Arc<KnownFields>),
        known: &Spaces,
    ) -> Result<Self, Error> {
        let (spaces, unusable) = serve_all(&sealed, &fresh, |name, generation, state| {
            let before = known.get(name);
            match before.filter(|before| before.serves(generation)) {
                Some(same) => Ok(Arc::clone(same)),
                None => open_caught_up(name, before, state, |before| {
                    Base::open_whole(directory, name, generation, before)
                }),
            }
        })?;
        Ok(Self {
            sealed,
            fresh,
            spaces,
            unusable,
            fields,
        })
    }

    /// The same items segments and spaces under another manifest.
    pub(crate) fn with_manifest(&self, manifest: Manifest) -> Self {
        let sealed = Sealed::new(manifest, self.sealed.items.clone());
        Self {
            sealed: Arc::new(sealed),
            fresh: self.fresh.clone(),
            spaces: self.spaces.clone(),
            unusable: self.unusable.clone(),
            fields: Arc::clone(&self.fields),
        }
    }

    /// This state with `serving` as what a space serves.
    #[must_use]
    pub(crate) fn with_space(mut self, name: &str, serving: Serving) -> Self {
        self.spaces.insert(name.into(), Arc::new(serving));
        self
    }

    /// What a space serves.
    pub(crate) fn space(&self, name: &str) -> Result<&Arc<Serving>, Error> {
        self.spaces.get(name).ok_or_else(|| {
            if let Some(NewerTowers { path, what }) = self.unusable.get(name).cloned() {
                let section = "towers";
                return Error::Unsupported {
                    path,
                    section,
                    what,
                };
            }
            if self.sealed.manifest.lexical.contains_key(name) {
                let name = name.to_owned();
                return Error::NoVectors { name };
            }
            let kept = self.sealed.manifest.spaces.get(name);
            let active = kept.and_then(Space::active);
            let checked = active.map_or(Ok(()), |active| self.check_members(name, active));
            checked.err().unwrap_or_else(|| self.unknown(name))
        })
    }

    /// Refuses a fused generation whose members serve other generations than it was built from.
    pub(crate) fn check_members(&self, space: &str, generation: &Generation) -> Result<(), Error> {
        let members = self.sealed.manifest.out_of_step(generation);
        if members.is_empty() {
            return Ok(());
        }
        Err(Error::OutOfStep {
            space: space.to_owned(),
            generation: generation.number,
            members,
        })
    }

    /// The manifest's entry of a space.
    pub(crate) fn kept(&self, name: &str) -> Result<&Space, Error> {
        let spaces = &self.sealed.manifest.spaces;
        let lexical = &self.sealed.manifest.lexical;
        spaces
            .get(name)
            .ok_or_else(|| match lexical.contains_key(name) {
                true => Error::NoVectors {
                    name: name.to_owned(),
                },
                false => self.unknown(name),
            })
    }

    fn unknown(&self, name: &str) -> Error {
        let spaces = self.spaces.keys().map(ToString::to_string);
        let ensembles = self.sealed.manifest.ensembles.keys().cloned();
        let lexical = self.sealed.manifest.lexical.keys().cloned();
        Error::UnknownSpace {
            name: name.to_owned(),
            known: spaces.chain(lexical).chain(ensembles).collect(),
        }
    }

    /// The item and the newest record of an id, unsealed or sealed.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Found>, Error> {
        if let Some(fresh) = self.fresh.find(id) {
            let version = &fresh.version;
            return Ok(Some((version.item, version.record.clone())));
        }
        for segment in self.sealed.items.iter().rev() {
            if let Some(row) = segment.find_id(id)? {
                return Ok(Some((row.item, row.record.map(<[u8]>::to_vec))));
            }
        }
        Ok(None)
    }

    /// The revision of the newest version of an id; `None` if it is deleted or unknown.
    pub(crate) fn revision(&self, id: &str) -> Result<Option<Revision>, Error> {
        if let Some(fresh) = self.fresh.find(id) {
            let version = &fresh.version;
            return Ok(version.record.is_some().then_some(version.revision));
        }
        for segment in self.sealed.items.iter().rev() {
            if let Some(row) = segment.find_id(id)? {
                return Ok(row.record.is_some().then_some(row.revision));
            }
        }
        Ok(None)
    }

    /// The number of items that are not deleted.
    pub(crate) fn count_items(&self) -> Result<u64, Error> {
        let mut count = self.sealed.count()?;
        for fresh in self.fresh.iter().map(|fresh| &fresh.version) {
            count += u64::from(fresh.record.is_some());
            count = count.saturating_sub(u64::from(self.sealed.contains(fresh.item)?));
        }
        Ok(count)
    }

    /// The item of an id, deleted or not.
    pub(crate) fn find_item(&self, id: &str) -> Result<Option<ItemNo>, Error> {
        match self.fresh.find(id) {
            Some(fresh) => Ok(Some(fresh.version.item)),
            None => self.sealed.find_item(id),
        }
    }

    /// The item of each id, deleted or not. Faster than one look-up after the other: memory accesses overlap.
    pub(crate) fn find_items(
        &self,
        ids: &[&str],
        items: &mut [Option<ItemNo>],
    ) -> Result<(), Error> {
        for (id, item) in ids.iter().zip(&mut *items) {
            *item = self.fresh.find(id).map(|fresh| fresh.version.item);
        }
        self.sealed.find_items(ids, items)
    }

    /// The newest record of an id; `None` if it is deleted or unknown.
    pub(crate) fn record(&self, id: &str) -> Result<Option<Value>, Error> {
        let Some(fresh) = self.fresh.find(id) else {
            return self.sealed.record(id);
        };
        let text = fresh.version.record.as_deref();
        let path = names::JOURNAL.as_ref();
        text.map(|text| parse(path, id, text)).transpose()
    }
}

/// What a space serves after a commit and writes of another process, if it serves the same generation as
/// before. `last` is the last revision that it has already.
fn followed_space(
    directory: &Directory,
    name: &str,
    before: &Arc<Serving>,
    generation: &Generation,
    (state, last): (WriteState<'_>, Revision),
) -> Result<Arc<Serving>, Error> {
    let mut next = Serving::clone(before);
    if *generation != before.base.generation {
        let base = Base::open(directory, name, generation, Some(&before.base))?;
        if generation.cut > before.base.generation.cut {
            next.overlay = next.overlay.after_seal(generation.cut, &base);
        }
        next.base = Arc::new(base);
    }
    let after = last.max(generation.cut);
    let Serving { base, overlay } = &mut next;
    catch_up(overlay, name, base, state, after, &|_, _| Ok(()))?;
    Ok(Arc::new(next))
}
