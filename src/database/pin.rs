//! Holding on to one state of the database, and asking generations that are not active.

use super::{Database, Recall};
use crate::error::Error;
use crate::maintain::is_gone;
use crate::recall::View;
use crate::store;
use std::fmt;
use twinspire_core::ids::GenerationNo;

/// One state of a database, held on to; see [`Database::pin`]. Copies are cheap.
///
/// It keeps the segments of its state open, and those of the generations that were opened in it: when
/// they are merged or let go meanwhile, their files take room on the disk until this is dropped. It
/// holds the writes that were fresh at that moment, which sealing bounds, and of a generation that is not
/// active the vectors of all items written since it was cut.
#[derive(Clone)]
pub struct Pinned {
    view: View,
}

impl Database {
    /// Holds on to the state of this moment: every recall of what this gives sees the same items, the
    /// same generations and the same recipes, whatever is written and published meanwhile. It waits for
    /// a write that is under way, and copies what is not sealed yet; recalls of it wait for nobody.
    ///
    /// With [`Pinned::generation`], a space answers with another generation that it keeps, so that two
    /// can be compared side by side while one of them serves:
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
    /// let ask = |state: &twinspire::Pinned| state.recall("unified").user(&user).top(10);
    /// println!("{}", ask(&before)?.compare(&ask(&now)?));
    /// # Ok(())
    /// # }
    /// ```
    pub fn pin(&self) -> Pinned {
        let live = self.live();
        let (snapshot, fresh) = {
            let _still = self.writing.as_ref().map(|writing| writing.pause_writes());
            (live.snapshot.load_full(), live.index.all())
        };
        let view = View::pinned(live, snapshot, fresh);
        Pinned { view }
    }
}

impl Pinned {
    /// Finds the best items of a space or an ensemble in this state; as [`Database::recall`]. Records
    /// are those of this state too.
    pub fn recall<'a>(&'a self, name: &'a str) -> Recall<'a> {
        Recall::pinned(&self.view, name)
    }

    /// This state, but for one space, which answers with generation `number`: as if the database had been
    /// [rolled back](Database::rollback) to it at that moment, in recalls of ensembles too. Nothing is
    /// committed, and a database that is open read-only can do it. Items written since that
    /// generation was cut are embedded with its own item tower now, which takes its time.
    ///
    /// # Errors
    /// [`Error::UnknownGeneration`], also when the generation was let go after the state was pinned;
    /// [`Error::UnknownSpace`], [`Error::NotASpace`], and [`Error::Embed`] when a newer item cannot be
    /// embedded by the older tower.
    pub fn generation(&self, space: &str, number: GenerationNo) -> Result<Self, Error> {
        self.refuse_ensemble(space)?;
        let view = self.view.with_generation(space, number);
        let view = view.map_err(|error| match is_gone(&error) {
            true => self.let_go(space, number).unwrap_or(error),
            false => error,
        })?;
        Ok(Self { view })
    }

    /// The generation that a space answers with.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], and [`Error::NotASpace`] for an ensemble.
    pub fn active_generation(&self, space: &str) -> Result<GenerationNo, Error> {
        self.refuse_ensemble(space)?;
        let serving = self.view.snapshot().space(space)?;
        Ok(serving.base.generation.number)
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    /// The error for a name that is an ensemble's where a space is meant.
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

    /// The error for a generation whose files are gone because it is not kept any more, if that is so.
    fn let_go(&self, space: &str, number: GenerationNo) -> Option<Error> {
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
