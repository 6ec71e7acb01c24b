#![expect(clippy::disallowed_methods, reason = "tests damage files")]

use super::*;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::error_reason::CheckpointFault;
use crate::trained::Trained;
use crate::{AutoParams, StopTraining, TrainParams, TrainingProgress, dssm, ebr, mobius, youtube};
use proptest::prelude::*;
use serde_json::json;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use twinspire_towers::Event;

type Progress<'a> = &'a mut dyn FnMut(TrainingProgress) -> ControlFlow<StopTraining>;
/// A recipe: the directory of checkpoints and a callback in, the result out.
type Recipe = fn(&Dataset, Option<&Path>, Progress<'_>) -> Result<Trained, TrainError>;

/// Users of two tastes.
fn data() -> Dataset {
    let kind = |n: usize| ["night train to the coast", "day hike in the hills"][n % 2];
    let items = (0..20).map(|n| {
        json!({"id": format!("i{n}"), "text": format!("A {}. Number {n} of the {}.", kind(n), kind(n)),
               "genres": [kind(n)]})
    });
    let events = (0..30usize).flat_map(|user| {
        (0..6usize).map(move |at| Event {
            user: format!("u{user}"),
            item: format!("i{}", (user % 2 + 2 * (user + 3 * at)) % 20),
            at: at as i64,
            weight: 1.0 + (at % 3) as f32,
        })
    });
    Dataset {
        items: items.collect(),
        users: (0..30)
            .map(|n| json!({"user_id": format!("u{n}")}))
            .collect(),
        events: events.collect(),
    }
}

/// The settings of a training: four epochs, of which early stopping keeps the best.
fn training(defaults: TrainParams, directory: Option<&Path>) -> TrainParams {
    TrainParams {
        epochs: 4,
        batch: 32,
        patience: 2,
        checkpoint: directory.map(Path::to_owned),
        ..defaults
    }
}

fn of_youtube(
    data: &Dataset,
    at: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Trained, TrainError> {
    let config = youtube::Config {
        dimension: 8,
        training: training(youtube::TRAINING, at),
        ..youtube::Config::default()
    };
    youtube::train(data, &config, progress)
}

fn of_dssm(
    data: &Dataset,
    at: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Trained, TrainError> {
    let documents = Dataset {
        items: data.items.clone(),
        ..Dataset::default()
    };
    let config = dssm::Config {
        dimension: 8,
        hidden: vec![12],
        average: 0.9,
        held_out: 0.2,
        training: TrainParams {
            batch: 4,
            ..training(dssm::TRAINING, at)
        },
        ..dssm::Config::default()
    };
    dssm::train(&documents, &config, progress)
}

fn of_ebr(
    data: &Dataset,
    at: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Trained, TrainError> {
    let config = ebr::Config {
        dimension: 8,
        average: 0.9,
        training: training(ebr::TRAINING, at),
        ..ebr::Config::default()
    };
    ebr::train(data, &config, progress)
}

fn of_mobius(
    data: &Dataset,
    at: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Trained, TrainError> {
    let config = mobius::Config {
        click: 2.0,
        part: 4,
        training: training(mobius::TRAINING, at),
        ..mobius::Config::default()
    };
    let teacher = mobius::Categories::new(data, &[], config.click)?;
    mobius::train(data, &teacher, &config, progress)
}

fn go_on(_: TrainingProgress) -> ControlFlow<StopTraining> {
    ControlFlow::Continue(())
}

/// Stops after so many batches.
fn stop_at(
    batches: u64,
    how: StopTraining,
) -> impl FnMut(TrainingProgress) -> ControlFlow<StopTraining> {
    move |at| match at.loss.is_some() && at.done >= batches {
        true => ControlFlow::Break(how),
        false => ControlFlow::Continue(()),
    }
}

/// What must be the same.
fn outcome(trained: &Trained) -> (u64, Vec<f32>, Vec<f64>, usize) {
    let report = &trained.report;
    (
        trained.towers.hash(),
        report.losses.clone(),
        report.validations.clone(),
        report.kept,
    )
}

#[test]
fn a_resumed_training_ends_with_the_same_weights() {
    let data = data();
    let recipes: [Recipe; 4] = [of_youtube, of_dssm, of_ebr, of_mobius];
    for (number, train) in recipes.into_iter().enumerate() {
        // Early stopping may leave the last epochs out.
        let (mut done, mut of_epoch) = (0, 0);
        let whole = train(&data, None, &mut |at| {
            (done, of_epoch) = (at.done, at.total / at.epochs as u64);
            go_on(at)
        });
        let whole = whole.unwrap();
        for batch in [1, done / 3, done / 2, done - 1] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("at");
            let cancelled = train(
                &data,
                Some(&path),
                &mut stop_at(batch, StopTraining::Cancel),
            );
            assert_eq!(cancelled.unwrap_err(), TrainError::Cancelled);
            let mut first = None;
            let resumed = train(&data, Some(&path), &mut |at| {
                first = first.or(at.loss.and(Some(at.done)));
                go_on(at)
            });
            let resumed = resumed.unwrap();
            assert_eq!(
                outcome(&resumed),
                outcome(&whole),
                "recipe {number}, batch {batch}"
            );
            // Whole epochs before the interruption are not run again.
            assert!(
                first.unwrap_or(done) > (batch - 1) / of_epoch * of_epoch,
                "recipe {number}, batch {batch}"
            );
            // A finished training is there at once.
            let mut batches = 0;
            let again = train(&data, Some(&path), &mut |at| {
                batches += usize::from(at.loss.is_some());
                go_on(at)
            });
            assert_eq!(outcome(&again.unwrap()), outcome(&whole));
            assert_eq!(batches, 0);
        }
    }
}

#[test]
fn a_search_that_ended_is_not_run_again() {
    let data = data();
    let (dir, params) = (tempfile::tempdir().unwrap(), AutoParams { seconds: 1.0 });
    let mut config = youtube::Config::default();
    let whole = youtube::train_auto(&data, &config, params, |_| {}).unwrap();
    config.training.checkpoint = Some(dir.path().join("at"));
    let stop = |at: TrainingProgress| match at.searching || at.loss.is_none() {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    let cancelled = youtube::train_auto(&data, &config, params, stop);
    assert_eq!(cancelled.unwrap_err(), TrainError::Cancelled);
    let mut searching = false;
    let resumed = youtube::train_auto(&data, &config, params, |at: TrainingProgress| {
        searching |= at.searching;
    });
    let resumed = resumed.unwrap();
    assert!(!searching);
    assert_eq!(outcome(&resumed), outcome(&whole));
    assert_eq!(resumed.report.auto, whole.report.auto);
    assert_eq!(resumed.report.baselines, whole.report.baselines);
}

#[test]
fn a_stopped_training_keeps_the_best_epoch_so_far_and_can_be_resumed() {
    let data = data();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("at");
    let whole = of_youtube(&data, None, &mut go_on).unwrap();
    let mut per_epoch = 0;
    let stopped = of_youtube(&data, Some(&path), &mut |at: TrainingProgress| {
        per_epoch = at.total / at.epochs as u64;
        stop_at(per_epoch * 2 + 1, StopTraining::KeepBest)(at)
    });
    let stopped = stopped.unwrap();
    assert!(stopped.report.stopped && !whole.report.stopped);
    assert_eq!(stopped.report.validations, whole.report.validations[..2]);
    let best = stopped
        .report
        .validations
        .iter()
        .copied()
        .fold(0.0, f64::max);
    assert_eq!(stopped.report.validations[stopped.report.kept - 1], best);
    let resumed = of_youtube(&data, Some(&path), &mut go_on).unwrap();
    assert_eq!(outcome(&resumed), outcome(&whole));
    // Before the first batch nothing is learnt.
    let at_once = of_youtube(&data, None, &mut |_| {
        ControlFlow::Break(StopTraining::KeepBest)
    });
    assert_eq!(at_once.unwrap_err(), TrainError::Cancelled);
    // In the first epoch: the current weights.
    let early = of_youtube(&data, None, &mut stop_at(2, StopTraining::KeepBest)).unwrap();
    assert_eq!((early.report.losses.len(), early.report.kept), (1, 1));
}

#[test]
fn a_stopped_search_takes_the_best_settings_so_far() {
    let data = data();
    // As soon as one candidate has been validated.
    let stop = |at: TrainingProgress| match at.searching && at.validation.is_some() {
        true => ControlFlow::Break(StopTraining::KeepBest),
        false => ControlFlow::Continue(()),
    };
    let config = youtube::Config::default();
    let trained = youtube::train_auto(&data, &config, AutoParams::default(), stop).unwrap();
    let auto = trained.report.auto.as_ref().unwrap();
    assert!(auto.stopped && !auto.candidates.is_empty());
    assert!(auto.why().contains("stopped early"), "{}", auto.why());
    assert!(!trained.report.stopped);
    let at_once = youtube::train_auto(&data, &config, AutoParams::default(), |_| {
        ControlFlow::Break(StopTraining::KeepBest)
    });
    assert_eq!(at_once.unwrap_err(), TrainError::Cancelled);
}

#[test]
fn checkpoints_of_other_trainings_and_damaged_ones_are_refused() {
    let data = data();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("at");
    of_youtube(&data, Some(&path), &mut go_on).unwrap();
    let file = path.join("training.bin");
    let bytes = fs::read(&file).unwrap();
    let mut other = self::data();
    other.events[0].weight = 2.5;
    let error = of_youtube(&other, Some(&path), &mut go_on).unwrap_err();
    let expected = TrainError::Checkpoint {
        path: file.clone(),
        fault: CheckpointFault::OtherTraining,
    };
    assert_eq!(error, expected);
    assert_eq!(
        of_ebr(&data, Some(&path), &mut go_on).unwrap_err(),
        expected
    );
    assert_eq!(fs::read(&file).unwrap(), bytes);
    for damage in [0, 9, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[damage] ^= 1;
        fs::write(&file, &damaged).unwrap();
        let error = of_youtube(&data, Some(&path), &mut go_on).unwrap_err();
        assert!(
            matches!(error, TrainError::Checkpoint { .. }),
            "{damage}: {error}"
        );
        fs::write(&file, &bytes[..damage]).unwrap();
        let error = of_youtube(&data, Some(&path), &mut go_on).unwrap_err();
        assert!(
            error.to_string().contains("training.bin"),
            "{damage}: {error}"
        );
    }
}

proptest! {
    #[test]
    fn hostile_states_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = is_training_state(&bytes);
    }
}
