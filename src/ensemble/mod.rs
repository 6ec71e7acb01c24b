//! Ensembles: recipes that fuse several spaces over the same items.
//!
//! Pure: [what a recipe says](recipe), [what makes it valid](check), and the arithmetic of it. Which
//! items are looked at is the business of `recall`.

mod business;
mod check;
mod display;
mod diversity;
mod error;
mod normal;
mod quota;
mod recipe;
#[cfg(test)]
mod tests;

pub use business::Business;
pub use diversity::Diversity;
pub use error::{DepthOf, EnsembleError, Parts};
pub use normal::Normalisation;
pub(crate) use normal::{Scale, finite};
pub(crate) use quota::quotas;
pub(crate) use recipe::{Channel, Method, Recipe, Share, Stage};

use recipe::{DEFAULT_DEPTH, DEFAULT_K};

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How several spaces answer as one; see [`Database::ensembles`](crate::Database::ensembles).
///
/// | | the answer is | as JSON |
/// |---|---|---|
/// | [`weighted`](Self::weighted) | by the weighted sum of scores | `{"method": "weighted", "spaces": {"text": 0.4, "unified": 0.6}}` |
/// | [`cascade`](Self::cascade) | by the last of several stages, each of which keeps the best of the one before | `{"method": "cascade", "stages": [{"space": "text", "take": 500}, {"space": "unified", "take": 50, "at_least": 0.2}]}` |
/// | [`ranks`](Self::ranks) | by the ranks in the list of each space | `{"method": "rank_fusion", "spaces": {"text": 1, "unified": 2}, "k": 60, "depth": 100}` |
/// | [`normalised`](Self::normalised) | by the weighted sum of scores on one scale | `{"method": "normalised", "spaces": {"text": 1, "unified": 2}, "by": "min_max", "depth": 100}` |
/// | [`quotas`](Self::quotas) | of channels that take turns | `{"method": "quotas", "channels": [{"space": "text", "share": 0.7}, {"space": "new", "share": 0.3}]}` |
///
/// To each belongs, if wanted, what items are worth ([`business`](Self::business), but not of quotas), and
/// variety ([`diversity`](Self::diversity)), as in `{"method": "weighted", "spaces": {"text": 1},
/// "business": {"field": "bid"}, "diversity": {"space": "text", "lambda": 0.7}}`.
///
/// A recipe is put together by calls, or read from JSON:
///
/// ```
/// use twinspire::Ensemble;
/// let built = Ensemble::cascade().stage("text", 500).stage_at_least("unified", 50, 0.25);
/// let read = r#"{"method": "cascade", "stages": [
///     {"space": "text", "take": 500}, {"space": "unified", "take": 50, "at_least": 0.25}]}"#;
/// assert_eq!(serde_json::from_str::<Ensemble>(read)?, built);
/// assert_eq!(built.to_string(), "best 500 by text → best 50 by unified from 0.25");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// What means nothing is an [`Error::Ensemble`](crate::Error::Ensemble) when it is
/// [defined](crate::Ensembles::define), calls among them that do not fit the method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ensemble {
    recipe: Recipe,
    /// The first call that did not fit the method; nothing of it is stored.
    #[serde(skip)]
    misuse: Option<&'static str>,
}

impl Ensemble {
    /// The weighted sum of an item's scores in all spaces, Σ weight · score (Huang et al.,
    /// Embedding-based Retrieval in Facebook Search, KDD 2020, section 5.2): the inner product of
    /// concatenated vectors, each space's weighted. Items without a vector in one of the spaces are not
    /// answered with, unless it is said what they [score](Self::missing) there.
    #[must_use]
    pub fn weighted() -> Self {
        Self::of(Method::Weighted {
            spaces: BTreeMap::new(),
            missing: None,
            fused: None,
        })
    }

    /// Stages, one after the other (ibid., the cascade): the first recalls the best of its space, each
    /// further one scores what the one before kept, in its own space and from the stored vectors, and
    /// keeps the best of these. The answer is the best of the last stage, by its score. What has no vector in
    /// the space of a stage is dropped there. Filters and exclusions hold from the first stage on.
    #[must_use]
    pub fn cascade() -> Self {
        let stages = Vec::new();
        Self::of(Method::Cascade { stages })
    }

    /// Reciprocal rank fusion, Σ weight / (k + rank) (Cormack, Clarke and Buettcher, SIGIR 2009): ranks
    /// are from 1 within the best [`depth`](Self::depth) of each space, 100 by default, and
    /// [`k`](Self::k) is 60. An item outside of a list gets nothing from it, so that an answer has no items
    /// but those of the lists. For scores that cannot be compared at all. In JSON `spaces` may be a list
    /// of names, whose weights are 1.
    #[must_use]
    pub fn ranks() -> Self {
        Self::of(Method::RankFusion {
            spaces: BTreeMap::new(),
            k: DEFAULT_K,
            depth: DEFAULT_DEPTH,
        })
    }

    /// The weighted sum of scores on one scale, Σ weight · (score − zero) / unit: zero and unit are those
    /// of the best [`depth`](Self::depth) of each space for this query, 100 by default, as the
    /// [normalisation](Normalisation) says. Every item is on these scales, in the lists or not, by its
    /// scores from the stored vectors; those without a vector in one of the spaces are not
    /// answered with.
    #[must_use]
    pub fn normalised(by: Normalisation) -> Self {
        Self::of(Method::Normalised {
            spaces: BTreeMap::new(),
            by,
            depth: DEFAULT_DEPTH,
        })
    }

    /// Channels take turns, in the order in which they are added: each takes its best that no other has
    /// taken, until its quota is full. What is left then, as some found too little, is filled by the best
    /// that remain, turn by turn. Scores of different spaces are never compared: an answer's score
    /// is one over its place.
    ///
    /// Quotas are [shares](Self::share) of the whole answer or [counts](Self::count).
    #[must_use]
    pub fn quotas() -> Self {
        let channels = Vec::new();
        Self::of(Method::Quotas { channels })
    }

    /// Adds a space, or gives it another weight: above 0, and finite. For [`weighted`](Self::weighted),
    /// [`ranks`](Self::ranks) and [`normalised`](Self::normalised).
    #[must_use]
    pub fn space(mut self, name: impl Into<String>, weight: f32) -> Self {
        match self.recipe.method.weights_mut() {
            Some(spaces) => {
                spaces.insert(name.into(), weight);
                self
            }
            None => self.misused("`space` gives a weight, which it does not have"),
        }
    }

    /// What an item scores in a space where it has no vector, for [`weighted`](Self::weighted): 0 under
    /// cosine makes it neither near nor far. Without this such items are left out.
    #[must_use]
    pub fn missing(mut self, score: f32) -> Self {
        if let Method::Weighted { missing, .. } = &mut self.recipe.method {
            *missing = Some(score);
            return self;
        }
        self.misused("`missing` is for weighted")
    }

    /// Walks the one graph of a [fused space](crate::Publish::fuse) of the same spaces, in place of
    /// one graph for each, for [`weighted`](Self::weighted). The weights are those of the ensemble, whatever
    /// they are. While the fused space is out of step with its members, and in exact mode, the spaces are
    /// asked one by one, as without this.
    #[must_use]
    pub fn fused(mut self, space: impl Into<String>) -> Self {
        if let Method::Weighted { fused, .. } = &mut self.recipe.method {
            *fused = Some(space.into());
            return self;
        }
        self.misused("`fused` is for weighted")
    }

    /// What [`ranks`](Self::ranks) adds to every rank: the larger, the less the first places are ahead.
    #[must_use]
    pub fn k(mut self, constant: u32) -> Self {
        if let Method::RankFusion { k, .. } = &mut self.recipe.method {
            *k = constant;
            return self;
        }
        self.misused("`k` is for ranks")
    }

    /// How long the lists of [`ranks`](Self::ranks) and [`normalised`](Self::normalised) are, 1 to 100,000.
    #[must_use]
    pub fn depth(mut self, items: u32) -> Self {
        match &mut self.recipe.method {
            Method::RankFusion { depth, .. } | Method::Normalised { depth, .. } => {
                *depth = items;
                self
            }
            _ => self.misused("`depth` is for ranks and normalised scores"),
        }
    }

    /// Adds a channel to [`quotas`](Self::quotas) by its share of the answer; all shares make 1. A channel
    /// has the whole part of its share of `k`, and what is left over goes to the largest fractions.
    #[must_use]
    pub fn share(self, space: impl Into<String>, share: f32) -> Self {
        self.with_channel(space.into(), Share::Share(share))
    }

    /// Adds a channel to [`quotas`](Self::quotas) by how many it takes.
    #[must_use]
    pub fn count(self, space: impl Into<String>, count: u32) -> Self {
        self.with_channel(space.into(), Share::Count(count))
    }

    fn with_channel(mut self, space: String, share: Share) -> Self {
        if let Method::Quotas { channels } = &mut self.recipe.method {
            channels.push(Channel { space, share });
            return self;
        }
        self.misused("`share` and `count` are for quotas")
    }

    /// Adds a stage to a cascade: its best `take` are kept, 1 to 100,000.
    #[must_use]
    pub fn stage(self, space: impl Into<String>, take: u32) -> Self {
        self.with_stage(space.into(), take, None)
    }

    /// Adds a stage to a cascade that also drops what scores below `least` in its space; the boundary
    /// belongs to what is kept.
    #[must_use]
    pub fn stage_at_least(self, space: impl Into<String>, take: u32, least: f32) -> Self {
        self.with_stage(space.into(), take, Some(least))
    }

    fn with_stage(mut self, space: String, take: u32, at_least: Option<f32>) -> Self {
        if let Method::Cascade { stages } = &mut self.recipe.method {
            stages.push(Stage {
                space,
                take,
                at_least,
            });
            return self;
        }
        self.misused("`stage` is for a cascade")
    }

    /// Ranks by what items are worth as well, after any fusion by score; see [`Business`]. Not for
    /// [`quotas`](Self::quotas), which have no score.
    #[must_use]
    pub fn business(mut self, business: Business) -> Self {
        self.recipe.business = Some(business);
        self
    }

    /// Chooses for variety too, after any fusion and what items are worth; see [`Diversity`].
    #[must_use]
    pub fn diversity(mut self, diversity: Diversity) -> Self {
        self.recipe.diversity = Some(diversity);
        self
    }

    /// The spaces that are asked, each once, in the order of the recipe: of weights, by name.
    pub fn spaces(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.recipe.method.named() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.into_iter()
    }

    /// The weights of the spaces, by name; none where the method has no weights.
    pub fn weights(&self) -> impl Iterator<Item = (&str, f32)> {
        let weights = self.recipe.method.weights().into_iter().flatten();
        weights.map(|(name, weight)| (name.as_str(), *weight))
    }

    /// The name of the method, as JSON has it.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.recipe.method.name()
    }

    /// What it says.
    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// All spaces that have to be there.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &str> {
        let compared = self.recipe.diversity.iter().map(Diversity::space);
        let fused = self.recipe.method.fused();
        let named = self.recipe.method.named().into_iter();
        named.chain(compared).chain(fused)
    }

    /// The spaces whose scores are the fused one, or are added up to it; none if it is on another scale.
    pub(crate) fn scored_by(&self) -> impl Iterator<Item = &str> {
        let named = self.recipe.method.named();
        let from = match &self.recipe.method {
            Method::Weighted { .. } => 0,
            Method::Cascade { .. } => named.len().saturating_sub(1),
            _ => named.len(),
        };
        named.into_iter().skip(from)
    }

    /// What is wrong with it by itself, if anything.
    pub(crate) fn problem(&self) -> Option<EnsembleError> {
        let misuse = self.misuse.map(|call| EnsembleError::Misuse {
            method: self.method(),
            call,
        });
        misuse.or_else(|| check::check(&self.recipe).err())
    }

    fn of(method: Method) -> Self {
        Self {
            recipe: Recipe {
                method,
                business: None,
                diversity: None,
            },
            misuse: None,
        }
    }

    fn misused(mut self, what: &'static str) -> Self {
        self.misuse.get_or_insert(what);
        self
    }
}

impl Encode for Ensemble {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.recipe.encode(encoder)
    }
}

impl<C> Decode<C> for Ensemble {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let recipe = Recipe::decode(decoder)?;
        Ok(Self {
            recipe,
            misuse: None,
        })
    }
}

bincode::impl_borrow_decode!(Ensemble);
