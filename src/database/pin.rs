//! Pinned states: recalls of one state, and of generations that are not active.

use super::{Database, Recall};
use crate::error::Error;
use crate::maintain::is_gone;
use crate::manifest::LexicalSpace;
use crate::recall::View;
use crate::store;
use std::fmt;
use twinspire_core::ids::GenerationNo;
use twinspire_towers::Side;

/// One state of a database, held until this is dropped; see [`Database::pin`]. Cloning is cheap.
///
/// A pinned state keeps its segments open. When they are merged or dropped meanwhile, their files take
/// disk space until then. In memory it keeps the unsealed writes of its moment, which it shares with the
/// database until they are sealed or replaced. For each generation it [opened](Self::generation) it also holds the vectors of all items written since that generation's cut.
#[derive(Clone)]
pub struct Pinned {
    view: View,
}

impl Database {
    /// Pins the state of this moment. Every recall of it sees the same items, generations and recipes,
    /// whatever is written and published meanwhile. Pinning copies nothing and waits for nothing.
    ///
    /// [`Pinned::generation`] activates another generation of a space in the pinned state, so that two
    /// generations can be compared while one of them serves:
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// use serde_json::json;
    /// use twinspire::GenerationNo;
    ///
    /// let now = db.pin();
    /// let before = now.generation("unified", GenerationNo(6))?;
    /// let user = json!({"user_id": "u42"});
    /// let recall = |state: &twinspire::Pinned| state.recall("unified").user(&user).top(10);
    /// println!("{}", recall(&before)?.compare(&recall(&now)?));
    /// # Ok(())
    /// # }
    /// ```
    pub fn pin(&self) -> Pinned {
        let view = View::pinned(self.live());
        Pinned { view }
    }
}

impl Pinned {
    /// Finds the best items of a space or an ensemble in this state; as [`Database::recall`]. Records are of
    /// this state too.
    pub fn recall<'a>(&'a self, name: &'a str) -> Recall<'a> {
        Recall::pinned(&self.view, name)
    }

    /// This state with generation `number` of a space active, in recalls of ensembles too: as if the
    /// database had been [rolled back](Database::rollback) to it at that moment. Nothing is committed,
    /// and read-only databases can do it. Items written since the generation's cut are embedded now, with
    /// its own item tower, which takes time.
    ///
    /// # Errors
    /// [`Error::UnknownGeneration`], also if the generation was dropped after the state was pinned;
    /// [`Error::UnknownSpace`]; [`Error::NotASpace`]; [`Error::Embed`] if the older tower cannot embed a
    /// newer item.
    pub fn generation(&self, space: &str, number: GenerationNo) -> Result<Self, Error> {
        self.refuse_ensemble(space)?;
        let view = self.view.with_generation(space, number);
        let view = view.map_err(|error| match is_gone(&error) {
            true => self.dropped_generation(space, number).unwrap_or(error),
            false => error,
        })?;
        Ok(Self { view })
    }

    /// The active generation of a space.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], and [`Error::NotASpace`] for an ensemble.
    pub fn active_generation(&self, space: &str) -> Result<GenerationNo, Error> {
        self.refuse_ensemble(space)?;
        let serving = self.view.snapshot().space(space)?;
        Ok(serving.base.generation.number)
    }

    /// Whether the user tower of a space, or of any space of an ensemble, reads a field of users.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn reads_user_field(&self, name: &str, field: &str) -> Result<bool, Error> {
        let snapshot = self.view.snapshot();
        let spaces: Vec<&str> = match snapshot.sealed.manifest.ensembles.get(name) {
            Some(ensemble) => ensemble.spaces().collect(),
            None => vec![name],
        };
        for space in spaces {
            let lexical = snapshot.sealed.manifest.lexical.get(space);
            if let Some(active) = lexical.and_then(LexicalSpace::active) {
                if active.lexical.query() == field {
                    return Ok(true);
                }
                continue;
            }
            let base = &snapshot.space(space)?.base;
            // The towers of a fused space are those of its members.
            let members = base.generation.members.keys().map(String::as_str);
            let members: Vec<&str> = members.collect();
            let owners = if members.is_empty() {
                vec![space]
            } else {
                members
            };
            for owner in owners {
                if snapshot
                    .space(owner)?
                    .base
                    .model()?
                    .reads(Side::User, field)
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    /// Refuses the name of an ensemble where a space is expected.
    pub(super) fn refuse_ensemble(&self, name: &str) -> Result<(), Error> {
        let ensembles = &self.view.snapshot().sealed.manifest.ensembles;
        match ensembles.get(name) {
            None => Ok(()),
            Some(ensemble) => Err(Error::NotASpace {
                name: name.to_owned(),
                spaces: ensemble.spaces().map(str::to_owned).collect(),
            }),
        }
    }

    /// The error for a generation whose files are gone because it was dropped; `None` if it is kept.
    fn dropped_generation(&self, space: &str, number: GenerationNo) -> Option<Error> {
        let manifest = store::load(&self.view.live().directory).ok()??;
        let kept = manifest.spaces.get(space)?;
        kept.generation(number).is_none().then(|| {
            let space = space.to_owned();
            let kept = kept.generations.iter().map(|g| g.number).collect();
            Error::UnknownGeneration {
                space,
                generation: number,
                kept,
            }
        })
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spaces = self.view.snapshot().spaces.iter();
        let numbers = spaces.map(|(name, serving)| (name, serving.base.generation.number));
        f.debug_map().entries(numbers).finish()
    }
}
