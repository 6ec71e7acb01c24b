//! The baselines that vectors can hold, and their weights.

use crate::error::TrainError;
use crate::range::check_range;
use serde::{Deserialize, Serialize};

/// Weights of baselines in the scores of towers, relative to the cosine of what is learnt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blend {
    /// Of the logarithm of an item's number of events.
    pub popularity: f32,
    /// Of the logarithm of the same with newer events counting more, as in the baseline.
    pub recent_popularity: f32,
    /// Of the shares in which an item followed the user's most recent ones.
    pub transitions: f32,
    /// Of a linear model of all pairs of items, as EASE, over the distinct items of a user.
    pub cooccurrence: f32,
}

/// A baseline that vectors can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    Popularity,
    RecentPopularity,
    Transitions,
    Cooccurrence,
}

impl Component {
    pub(super) const ALL: [Self; 4] = [
        Self::Popularity,
        Self::RecentPopularity,
        Self::Transitions,
        Self::Cooccurrence,
    ];

    /// Its name among the settings.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Popularity => "popularity",
            Self::RecentPopularity => "recent_popularity",
            Self::Transitions => "transitions",
            Self::Cooccurrence => "cooccurrence",
        }
    }
}

impl Blend {
    /// The weight of a baseline.
    pub(super) fn of(&self, component: Component) -> f32 {
        match component {
            Component::Popularity => self.popularity,
            Component::RecentPopularity => self.recent_popularity,
            Component::Transitions => self.transitions,
            Component::Cooccurrence => self.cooccurrence,
        }
    }

    /// The blend of these weights, in the order of [`Component::ALL`].
    pub(super) fn from_weights(
        [popularity, recent_popularity, transitions, cooccurrence]: [f32; 4],
    ) -> Self {
        Self {
            popularity,
            recent_popularity,
            transitions,
            cooccurrence,
        }
    }

    /// Rejects weights that are not finite or below 0.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let mut each = Component::ALL.into_iter();
        each.try_for_each(|component| check_range("blend", self.of(component), 0.0..=1e9))
    }
}
