//! Ensembles: recipes that fuse several spaces over the same items.
//!
//! Pure: [what a recipe says](recipe), [what makes it valid](check), and the arithmetic of it. Which
//! items are looked at is the business of `recall`.

mod check;
mod display;
mod recipe;
#[cfg(test)]
mod tests;

pub(crate) use recipe::{Method, Recipe, Stage};

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
    /// answered with.
    #[must_use]
    pub fn weighted() -> Self {
        let spaces = BTreeMap::new();
        Self::of(Method::Weighted { spaces })
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

    /// Adds a space, or gives it another weight: above 0, and finite.
    #[must_use]
    pub fn space(mut self, name: impl Into<String>, weight: f32) -> Self {
        match &mut self.recipe.method {
            Method::Weighted { spaces } => {
                spaces.insert(name.into(), weight);
                self
            }
            Method::Cascade { .. } => {
                self.misused("`space` gives a weight, which it does not have")
            }
        }
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
        self.recipe.method.named().into_iter()
    }

    /// What is wrong with it by itself, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let misuse = self
            .misuse
            .map(|call| format!("it is {}: {call}", self.method()));
        misuse.or_else(|| check::check(&self.recipe).err())
    }

    fn of(method: Method) -> Self {
        Self {
            recipe: Recipe { method },
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
