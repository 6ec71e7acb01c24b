//! The rounds of a search.

use super::plan::AutoParams;
use super::report::{AutoCandidate, AutoReport};
use super::space::{Settings, Space, all, with, with_settings};
use super::trial::{ProgressFn, Trial};
use crate::error::TrainError;
use crate::error_reason::MissingData;
use crate::trained::Trained;
use crate::training_progress::{StopTraining, TrainingProgress};
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Instant;

/// Passes of a candidate without a better metric before it ends.
const PATIENCE: usize = 3;
/// Largest number of passes.
const MAX_PASSES: usize = 60;
/// A round: how many further passes the candidates run, and how many of them are left then.
const CAUTIOUS: [(usize, usize); 1] = [(2, 1)];
const STARTS: [(usize, usize); 3] = [(2, 4), (2, 2), (2, 1)];
const NEIGHBOURS: [(usize, usize); 2] = [(2, 4), (3, 4)];
const COMBINATIONS: [(usize, usize); 2] = [(5, 2), (MAX_PASSES, 1)];

/// Standard errors by which a candidate has to lead a cautious one: the best of many is ahead of its true worth.
const CONFIDENCE: f64 = 2.0;

/// A recipe with its data, ready to train candidates.
pub(crate) trait Tunable: Sync {
    /// Settings of the recipe.
    type Config: Default + Serialize + DeserializeOwned + Send + Sync;

    /// What is tried.
    fn space(&self) -> Space;

    /// Number of held-out events that candidates are judged by.
    fn held_out(&self) -> usize;

    /// A candidate at its start.
    fn open<'a>(
        &'a self,
        config: &Self::Config,
        progress: ProgressFn<'a>,
    ) -> Result<Box<dyn Trial + 'a>, TrainError>;
}

/// What a search found.
pub(crate) struct Found<C> {
    /// The best settings, with the best number of epochs and without a holdout.
    pub(crate) config: C,
    /// The towers of the best candidate, which did not learn from the holdout.
    pub(crate) judged: Trained,
    pub(crate) report: AutoReport,
}

/// Finds the best settings. Those that `config` changes from the defaults stay as they are. `user_step` is the
/// sample that the candidates see: every n-th user.
///
/// # Errors
/// [`TrainError::Empty`] if nothing can be held out, [`TrainError::Cancelled`], and those of a training.
pub(crate) fn search<T: Tunable>(
    tunable: &T,
    config: &T::Config,
    params: AutoParams,
    user_step: usize,
    progress: &mut dyn FnMut(TrainingProgress) -> ControlFlow<StopTraining>,
) -> Result<Found<T::Config>, TrainError> {
    if tunable.held_out() == 0 {
        let missing = MissingData::TestCases;
        return Err(TrainError::Empty { missing });
    }
    // Candidates run on other threads; the callback is called on this one.
    let (sender, progresses) = mpsc::channel();
    let (cancelled, stopped) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let rounds = Rounds {
                tunable,
                config,
                space: tunable.space().without_given(config),
                deadline: Instant::now() + params.guard(),
                sender,
                cancelled: &cancelled,
                stopped: &stopped,
                tried: Vec::new(),
                late: false,
            };
            rounds.run(params, user_step)
        });
        for at in progresses {
            match progress(at) {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(StopTraining::Cancel) => {
                    cancelled.store(true, Ordering::Relaxed);
                }
                ControlFlow::Break(StopTraining::KeepBest) => {
                    stopped.store(true, Ordering::Relaxed);
                }
            }
        }
        match running.join() {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// A candidate of a round.
struct Candidate<'a> {
    settings: Settings,
    trial: Box<dyn Trial + 'a>,
    /// Whether it may go on.
    goes_on: bool,
}

impl Candidate<'_> {
    /// The best metric so far, and the number of passes that it took.
    fn best(&self) -> (f64, usize) {
        let passes = self.trial.validations().iter().copied().zip(1..);
        passes.fold((f64::NEG_INFINITY, 0), |best, (metric, pass)| {
            match metric > best.0 {
                true => (metric, pass),
                false => best,
            }
        })
    }
}

/// The first of some candidates, if it has a metric. They are sorted, the best first.
fn first(candidates: Vec<Candidate<'_>>) -> Option<Candidate<'_>> {
    let mut finite = candidates.into_iter();
    finite.find(|candidate| candidate.best().0.is_finite())
}

/// The mean difference of two candidates over the holdout, in standard errors.
fn lead(one: &Candidate<'_>, other: &Candidate<'_>) -> f64 {
    let values = one
        .trial
        .best_values()
        .iter()
        .zip(other.trial.best_values());
    let differences: Vec<f64> = values.map(|(one, other)| one - other).collect();
    let count = differences.len().max(2) as f64;
    let mean = differences.iter().sum::<f64>() / count;
    let squares: f64 = differences.iter().map(|x| (x - mean).powi(2)).sum();
    mean / (squares / (count - 1.0) / count)
        .sqrt()
        .max(f64::MIN_POSITIVE)
}

/// The state of a search.
struct Rounds<'a, T: Tunable> {
    tunable: &'a T,
    config: &'a T::Config,
    space: Space,
    deadline: Instant,
    sender: Sender<TrainingProgress>,
    cancelled: &'a AtomicBool,
    /// Whether the search is to end with the best candidate so far.
    stopped: &'a AtomicBool,
    tried: Vec<AutoCandidate>,
    /// Whether the deadline has passed.
    late: bool,
}

impl<'a, T: Tunable> Rounds<'a, T> {
    fn run(mut self, params: AutoParams, user_step: usize) -> Result<Found<T::Config>, TrainError> {
        let cautious = std::mem::take(&mut self.space.cautious);
        let cautious = first(self.round(cautious, Vec::new(), &CAUTIOUS)?);
        let starts = std::mem::take(&mut self.space.starts);
        let start = first(self.round(starts, Vec::new(), &STARTS)?);
        let from = start.iter().chain(&cautious);
        let from = from.max_by(|a, b| a.best().0.total_cmp(&b.best().0));
        let Some((origin, metric)) = from.map(|from| (from.settings.clone(), from.best().0)) else {
            return Err(self.nothing_found());
        };
        let neighbours = self.space.neighbours::<T::Config>(&origin);
        let changed = neighbours
            .iter()
            .map(|(_, settings)| settings.clone())
            .collect();
        let best = self.round(changed, start.into_iter().collect(), &NEIGHBOURS)?;
        // The best change of each setting that helped, the most helpful first.
        let mut helped: Vec<&str> = Vec::new();
        let mut together = origin;
        let mut combinations = Vec::new();
        for candidate in best.iter().filter(|candidate| candidate.best().0 > metric) {
            let of = neighbours
                .iter()
                .find(|(_, settings)| *settings == candidate.settings);
            let Some((setting, _)) = of.filter(|(setting, _)| !helped.contains(setting)) else {
                continue;
            };
            helped.push(setting);
            together = with_settings(&together, &candidate.settings, &[*setting]);
            if helped.len() > 1 {
                combinations.push(together.clone());
            }
        }
        let finalists = best.into_iter().take(2).collect();
        let best = first(self.round(combinations, finalists, &COMBINATIONS)?);
        let (chosen, passed_over) = match (best, cautious) {
            (Some(best), Some(cautious)) if lead(&best, &cautious) <= CONFIDENCE => {
                (cautious, Some(best.settings))
            }
            (Some(best), _) | (None, Some(best)) => (best, None),
            (None, None) => return Err(self.nothing_found()),
        };
        self.finish(chosen, passed_over, params, user_step)
    }

    /// Why no candidate has a metric.
    fn nothing_found(&self) -> TrainError {
        match self.stopped.load(Ordering::Relaxed) {
            true => TrainError::Cancelled,
            false => TrainError::Diverged { epoch: 1 },
        }
    }

    /// Trains new candidates, beside those that continue, by rungs. Returns the best ones, best first.
    fn round(
        &mut self,
        settings: Vec<Settings>,
        continued: Vec<Candidate<'a>>,
        rungs: &[(usize, usize)],
    ) -> Result<Vec<Candidate<'a>>, TrainError> {
        let new = settings
            .into_iter()
            .filter(|settings| !self.tried.iter().any(|tried| tried.settings == *settings));
        let new: Vec<Settings> = new.collect();
        let opened: Vec<Candidate<'a>> = new
            .into_par_iter()
            .map(|settings| self.open(settings))
            .collect::<Result<_, TrainError>>()?;
        let mut candidates = continued;
        candidates.extend(opened);
        for (passes, left) in rungs {
            self.late |= Instant::now() > self.deadline;
            if self.late || self.stopped.load(Ordering::Relaxed) {
                break;
            }
            candidates.par_iter_mut().try_for_each(|candidate| {
                candidate.goes_on = candidate.goes_on
                    && match candidate.trial.advance(*passes) {
                        // A candidate that diverges is judged by the passes before.
                        Err(TrainError::Diverged { .. }) => false,
                        goes_on => goes_on?,
                    };
                Ok::<(), TrainError>(())
            })?;
            // The sort is stable: of equal candidates the earlier one is better.
            candidates.sort_by(|a, b| b.best().0.total_cmp(&a.best().0));
            candidates
                .iter()
                .for_each(|candidate| self.record(candidate));
            candidates.truncate(*left);
        }
        Ok(candidates)
    }

    fn open(&self, settings: Settings) -> Result<Candidate<'a>, TrainError> {
        let mut settings_of_trial = settings.clone();
        settings_of_trial.insert("epochs".to_owned(), json!(MAX_PASSES));
        settings_of_trial.insert("patience".to_owned(), json!(PATIENCE));
        let config = with(self.config, &settings_of_trial)?;
        let (sender, cancelled, stopped) = (self.sender.clone(), self.cancelled, self.stopped);
        let progress = move |at: TrainingProgress| {
            // The receiver lives as long as the search.
            let _ = sender.send(TrainingProgress {
                searching: true,
                ..at
            });
            match (
                cancelled.load(Ordering::Relaxed),
                stopped.load(Ordering::Relaxed),
            ) {
                (true, _) => ControlFlow::Break(StopTraining::Cancel),
                (false, true) => ControlFlow::Break(StopTraining::KeepBest),
                (false, false) => ControlFlow::Continue(()),
            }
        };
        Ok(Candidate {
            trial: self.tunable.open(&config, Box::new(progress))?,
            settings,
            goes_on: true,
        })
    }

    fn record(&mut self, candidate: &Candidate<'_>) {
        let (metric, epochs) = candidate.best();
        let found = AutoCandidate {
            settings: candidate.settings.clone(),
            trained: candidate.trial.validations().len(),
            epochs,
            metric,
        };
        let known = self
            .tried
            .iter_mut()
            .find(|tried| tried.settings == found.settings);
        match known {
            Some(known) => *known = found,
            None => self.tried.push(found),
        }
    }

    fn finish(
        mut self,
        best: Candidate<'_>,
        passed_over: Option<Settings>,
        params: AutoParams,
        user_step: usize,
    ) -> Result<Found<T::Config>, TrainError> {
        self.tried.sort_by(|a, b| b.metric.total_cmp(&a.metric));
        let (_, epochs) = best.best();
        let mut chosen = best.settings.clone();
        chosen.insert("epochs".to_owned(), json!(epochs));
        chosen.insert("patience".to_owned(), json!(0));
        let config = with(self.config, &chosen)?;
        let judged = best.trial.finish()?;
        Ok(Found {
            report: AutoReport {
                seconds: params.seconds,
                user_step,
                held_out: self.tunable.held_out(),
                metric: judged.report.metric.clone().unwrap_or_default(),
                candidates: self.tried,
                chosen: best.settings,
                passed_over,
                epochs,
                settings: all(&config),
                blend: None,
                cut_short: self.late,
                stopped: self.stopped.load(Ordering::Relaxed),
            },
            config,
            judged,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::space::settings;
    use super::*;
    use crate::report::TrainingReport;
    use crate::youtube;
    use std::time::Duration;
    use twinspire_core::kernel::Metric;
    use twinspire_towers::Towers;

    /// Candidates whose metric is their temperature, give or take 0.1 from event to event.
    struct Made {
        /// The cautious candidate; the other one has a temperature of 0.4.
        cautious: f32,
        held_out: usize,
        /// What a pass takes.
        pass: Duration,
    }

    struct MadeTrial {
        values: Vec<f64>,
        passes: Vec<f64>,
        pass: Duration,
    }

    impl Trial for MadeTrial {
        fn advance(&mut self, passes: usize) -> Result<bool, TrainError> {
            std::thread::sleep(self.pass * passes as u32);
            let mean = self.values.iter().sum::<f64>() / self.values.len() as f64;
            self.passes.extend(vec![mean; passes.min(3)]);
            Ok(true)
        }

        fn validations(&self) -> &[f64] {
            &self.passes
        }

        fn best_values(&self) -> &[f64] {
            &self.values
        }

        fn finish(self: Box<Self>) -> Result<Trained, TrainError> {
            Ok(Trained {
                towers: Towers::vectors_only("made", 2, Metric::Cosine)?,
                report: TrainingReport::default(),
            })
        }
    }

    impl Tunable for Made {
        type Config = youtube::Config;

        fn space(&self) -> Space {
            let at = |temperature: f32| settings(json!({"temperature": temperature}));
            Space {
                cautious: vec![at(self.cautious)],
                starts: vec![at(0.4)],
                axes: Vec::new(),
            }
        }

        fn held_out(&self) -> usize {
            self.held_out
        }

        fn open<'a>(
            &'a self,
            config: &youtube::Config,
            _: ProgressFn<'a>,
        ) -> Result<Box<dyn Trial + 'a>, TrainError> {
            let temperature = f64::from(config.temperature);
            // Events on which one candidate is ahead are not those of the other.
            let phase = usize::from(config.temperature < 0.4);
            let value = |at: usize| temperature + if at / 2 % 2 == phase { 0.1 } else { -0.1 };
            Ok(Box::new(MadeTrial {
                values: (0..self.held_out).map(value).collect(),
                passes: Vec::new(),
                pass: self.pass,
            }))
        }
    }

    fn found(made: &Made, seconds: f64) -> AutoReport {
        let params = AutoParams { seconds };
        let config = youtube::Config::default();
        let mut ignored = |_| ControlFlow::Continue(());
        search(made, &config, params, 1, &mut ignored)
            .unwrap()
            .report
    }

    /// Differences are the lead ± 0.2, so the standard error over n events is about 0.2 / √n.
    #[test]
    fn a_candidate_needs_a_lead_of_two_standard_errors_over_a_cautious_one() {
        for (lead, held_out, is_chosen) in [
            (0.02, 40, false),
            (0.02, 1000, true),
            (0.07, 40, true),
            (0.06, 40, false),
        ] {
            let made = Made {
                cautious: 0.4 - lead,
                held_out,
                pass: Duration::ZERO,
            };
            let report = found(&made, 60.0);
            let chosen = report.chosen["temperature"].as_f64().unwrap();
            assert_eq!((chosen - 0.4).abs() < 1e-6, is_chosen, "{lead} {held_out}");
            assert_eq!(report.passed_over.is_some(), !is_chosen);
            assert!(!report.cut_short);
        }
    }

    #[test]
    fn a_search_far_beyond_its_budget_ends_early_and_says_so() {
        let made = Made {
            cautious: 0.3,
            held_out: 20,
            pass: Duration::from_millis(30),
        };
        let report = found(&made, 0.005);
        assert!(report.cut_short && report.why().contains("ended early"));
        assert!(!found(&made, 60.0).cut_short);
    }
}
