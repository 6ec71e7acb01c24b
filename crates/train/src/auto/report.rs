//! What a search tried and chose.

use super::space::Settings;
use crate::blend::BlendChoice;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A search for settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AutoReport {
    /// The budget in seconds, each counted as 50,000 examples.
    pub seconds: f64,
    /// The candidates learnt from every n-th user; 1 for all.
    pub user_step: usize,
    /// Number of held-out events that they were judged by.
    pub held_out: usize,
    /// The metric, larger being better.
    pub metric: Cow<'static, str>,
    /// Everything that was tried, the best first.
    pub candidates: Vec<AutoCandidate>,
    /// The chosen settings that differ from those that were given.
    pub chosen: Settings,
    /// The settings of the best candidate, if its lead was too small to be preferred to cautious ones.
    pub passed_over: Option<Settings>,
    /// The chosen number of epochs.
    pub epochs: usize,
    /// The baselines that the vectors hold beside what is learnt, and what they are worth on the holdout; `None` where
    /// none were tried.
    pub blend: Option<BlendChoice>,
    /// All settings of the final training.
    pub settings: Settings,
    /// Whether the search ended early, because it took more than four times its budget: the choice may then differ
    /// from one machine to another.
    pub cut_short: bool,
    /// Whether the caller ended the search early.
    pub stopped: bool,
}

/// Settings that were tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AutoCandidate {
    /// Those that differ from what was given; none for the defaults.
    pub settings: Settings,
    /// Epochs that it was trained for.
    pub trained: usize,
    /// Epochs after which the metric was best.
    pub epochs: usize,
    /// The best metric.
    pub metric: f64,
}

impl AutoCandidate {
    /// The settings in words, such as `temperature 0.2, history 1,5,50`.
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.settings)
    }
}

impl AutoReport {
    /// What was chosen and why, in a sentence or two.
    #[must_use]
    pub fn why(&self) -> String {
        let best = self.candidates.iter().find(|of| of.settings == self.chosen);
        let given = self.candidates.iter().find(|of| of.settings.is_empty());
        let metric = best.map_or(0.0, |best| best.metric);
        let beside = match given.filter(|given| !given.settings.eq(&self.chosen)) {
            Some(given) => format!("; {:.4} with the defaults", given.metric),
            None => String::new(),
        };
        let caution = match &self.passed_over {
            Some(settings) => format!(
                ". They are cautious settings: the lead of the best candidate ({}) is within two standard errors",
                label(settings)
            ),
            None => String::new(),
        };
        let sample = match self.user_step {
            1 => String::new(),
            step => format!(", each learning from one user in {step}"),
        };
        let blend = match &self.blend {
            Some(blend) => format!(". {blend}"),
            None => String::new(),
        };
        let early = match (self.stopped, self.cut_short) {
            (true, _) => ". The search was stopped early",
            (false, true) => {
                ". The search ended early, at four times its budget: this machine is slow or busy, and the choice \
                     may differ on another one"
            }
            (false, false) => "",
        };
        format!(
            "chosen of {} candidates{sample}: {}, {} epochs, with {} {metric:.4} on {} held-out events{beside}{caution}{blend}. The \
             final training learns from all events{early}",
            self.candidates.len(),
            label(&self.chosen),
            self.epochs,
            self.metric,
            self.held_out,
        )
    }
}

/// Settings in words.
fn label(settings: &Settings) -> String {
    if settings.is_empty() {
        return "the defaults".to_owned();
    }
    let each = settings.iter().map(|(name, value)| {
        let value = value.to_string();
        format!("{name} {}", value.trim_matches(['[', ']', '"']))
    });
    each.collect::<Vec<_>>().join(", ")
}
