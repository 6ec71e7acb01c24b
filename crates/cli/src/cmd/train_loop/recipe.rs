//! The recipe of a loop: that of the flag, or that of the active towers, with their settings.

use std::ops::ControlFlow;
use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use twinspire::train::{
    Dataset, StopTraining, TrainError, TrainParams, Trained, TrainingProgress, dssm, ebr, mobius,
    youtube,
};
use twinspire::{Database, Towers};

use crate::cmd::train::config_of;
use crate::output::Failure;

/// A recipe by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecipeName {
    Dssm,
    Ebr,
    Mobius,
    Youtube,
}

/// A recipe with its settings.
pub enum Recipe {
    Dssm(Box<dssm::Config>),
    Ebr(Box<ebr::Config>),
    Mobius(Box<mobius::Config>),
    Youtube(Box<youtube::Config>),
}

/// What a training is told by its display.
type Flow = ControlFlow<StopTraining>;

impl Recipe {
    /// The recipe of the flag, or else that of the active towers, or else `youtube`. Its settings are those of the file,
    /// or else those of the active towers if they are of this recipe, or else the defaults.
    pub fn choose(
        given: Option<RecipeName>,
        config: Option<&Path>,
        db: &Database,
        space: &str,
    ) -> Result<Self, Failure> {
        let report = report_of(db, space)?;
        let trained_by = report["recipe"].as_str();
        let trained_by = trained_by.and_then(|name| RecipeName::from_str(name, true).ok());
        let name = given.or(trained_by).unwrap_or(RecipeName::Youtube);
        let settings = match trained_by == Some(name) {
            true => &report["settings"],
            false => &Value::Null,
        };
        Ok(match name {
            RecipeName::Dssm => Self::Dssm(settings_of(config, settings)?),
            RecipeName::Ebr => Self::Ebr(settings_of(config, settings)?),
            RecipeName::Mobius => Self::Mobius(settings_of(config, settings)?),
            RecipeName::Youtube => Self::Youtube(settings_of(config, settings)?),
        })
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Dssm(_) => "dssm",
            Self::Ebr(_) => "ebr",
            Self::Mobius(_) => "mobius",
            Self::Youtube(_) => "youtube",
        }
    }

    /// The settings that every recipe has.
    pub fn training(&mut self) -> &mut TrainParams {
        match self {
            Self::Dssm(config) => &mut config.training,
            Self::Ebr(config) => &mut config.training,
            Self::Mobius(config) => &mut config.training,
            Self::Youtube(config) => &mut config.training,
        }
    }

    /// Whether items that a user had before are to be found. With `asked` they are.
    pub fn set_repeats(&mut self, asked: bool) -> bool {
        let log = match self {
            Self::Dssm(_) => return asked,
            Self::Ebr(config) => &mut config.log,
            Self::Mobius(config) => &mut config.log,
            Self::Youtube(config) => &mut config.log,
        };
        log.repeats |= asked;
        log.repeats
    }

    /// Whether a training can continue from published towers. Those of `mobius` are cut out of a larger model.
    pub fn can_continue(&self) -> bool {
        !matches!(self, Self::Mobius(_))
    }

    /// Trains, from earlier towers if there are some, on the events from `since` on; recipes other than `youtube` learn
    /// from all events. Returns towers with a report.
    pub fn train(
        &mut self,
        earlier: Option<&Towers>,
        data: &Dataset,
        since: Option<i64>,
        progress: impl FnMut(TrainingProgress) -> Flow,
    ) -> Result<(Towers, Trained), TrainError> {
        let name = self.name();
        Ok(match self {
            Self::Dssm(config) => {
                let trained = dssm::train_from(earlier, data, config, progress)?;
                reported(name, trained, config)
            }
            Self::Ebr(config) => {
                let trained = ebr::train_from(earlier, data, config, progress)?;
                reported(name, trained, config)
            }
            Self::Mobius(config) => {
                let teacher = mobius::Categories::new(data, &[], config.click)?;
                reported(
                    name,
                    mobius::train(data, &teacher, config, progress)?,
                    config,
                )
            }
            Self::Youtube(config) => {
                config.since = since;
                let trained = youtube::train_from(earlier, data, config, progress)?;
                reported(name, trained, config)
            }
        })
    }
}

/// Towers with the report of their training.
fn reported(name: &str, trained: Trained, config: &impl Serialize) -> (Towers, Trained) {
    (trained.reported_towers(name, config), trained)
}

/// The report of the training of the active towers; null without one.
fn report_of(db: &Database, space: &str) -> Result<Value, Failure> {
    if !db.spaces().iter().any(|name| name == space) {
        return Ok(Value::Null);
    }
    let active = db.generations(space)?.into_iter().find(|of| of.active);
    let report = active.map(|of| db.training_report(space, of.number));
    Ok(report.transpose()?.flatten().unwrap_or_default())
}

/// Settings of a file, or of a report, or the defaults.
fn settings_of<C: DeserializeOwned + Default>(
    file: Option<&Path>,
    reported: &Value,
) -> Result<Box<C>, Failure> {
    let settings = match (file, reported) {
        (None, Value::Object(_)) => serde_json::from_value(reported.clone()).map_err(|error| {
            let message = format!("the settings of the active towers: {error}");
            Failure::operation(message).hint("--config gives the settings")
        })?,
        _ => config_of(file)?,
    };
    Ok(Box::new(settings))
}
