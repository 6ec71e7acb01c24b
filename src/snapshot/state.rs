//! One consistent state of the database.

use super::base::Base;
use super::catch_up::caught_up;
use super::sealed::Sealed;
use super::serving::{Serving, Spaces};
use crate::catalog::Fresh;
use crate::error::{Error, Unsupported};
use crate::filter::KnownFields;
use crate::manifest::{Generation, Manifest, Space};
use crate::store::Directory;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// One consistent state: a manifest with all its files open, and what each space serves.
#[derive(Clone)]
pub(crate) struct Snapshot {
    /// The sealed items and the manifest.
    pub(crate) sealed: Arc<Sealed>,
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
            log::warn!("space {name:?} is not served: {what}");
            unusable.insert(name.to_owned(), NewerTowers { path, what });
            Ok(None)
        }
        other => other.map(Some),
    }
}

impl Snapshot {
    /// Opens the state that a manifest describes, with the unsealed writes `fresh` on top; `fields` are
    /// those of both. Reuses the files that `before` holds open. Towers are read when they are first asked for, by a
    /// recall or by an unsealed write.
    pub(crate) fn open(
        directory: &Directory,
        manifest: Manifest,
        fresh: &BTreeMap<String, Fresh>,
        fields: Arc<KnownFields>,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let sealed = Sealed::open(directory, manifest, before.map(|b| &*b.sealed))?;
        let (mut spaces, mut unusable) = (Spaces::new(), Unusable::new());
        for (name, generation) in sealed.manifest.serving() {
            let before = before.and_then(|before| before.spaces.get(name));
            let before = before.map(|serving| &*serving.base);
            let serving = serve(name, generation, &mut unusable, || {
                let base = Base::open(directory, name, generation, before)?;
                caught_up(name, base, &sealed, fresh, &spaces).map(Arc::new)
            })?;
            spaces.extend(serving.map(|serving| (name.to_owned(), serving)));
        }
        let sealed = Arc::new(sealed);
        Ok(Self {
            sealed,
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
            spaces.extend(serving.map(|serving| (name.to_owned(), serving)));
        }
        Ok(Self {
            sealed: self.sealed,
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
        fresh: &BTreeMap<String, Fresh>,
        known: &Spaces,
        fields: Arc<KnownFields>,
    ) -> Result<Self, Error> {
        let (mut spaces, mut unusable) = (Spaces::new(), Unusable::new());
        for (name, generation) in sealed.manifest.serving() {
            let before = known.get(name);
            let serving = serve(name, generation, &mut unusable, || match before {
                Some(same) if same.base.generation.number == generation.number => {
                    Ok(Arc::clone(same))
                }
                _ => {
                    let before = before.map(|serving| &*serving.base);
                    let base = Base::open_whole(directory, name, generation, before)?;
                    caught_up(name, base, &sealed, fresh, &spaces).map(Arc::new)
                }
            })?;
            spaces.extend(serving.map(|serving| (name.to_owned(), serving)));
        }
        Ok(Self {
            sealed,
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
            spaces: self.spaces.clone(),
            unusable: self.unusable.clone(),
            fields: Arc::clone(&self.fields),
        }
    }

    /// This state with `serving` as what a space serves.
    #[must_use]
    pub(crate) fn with_space(mut self, name: &str, serving: Serving) -> Self {
        self.spaces.insert(name.to_owned(), Arc::new(serving));
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
        spaces.get(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Error {
        let ensembles = self.sealed.manifest.ensembles.keys();
        Error::UnknownSpace {
            name: name.to_owned(),
            known: self.spaces.keys().chain(ensembles).cloned().collect(),
        }
    }
}
