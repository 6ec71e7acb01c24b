//! The result of a search for settings, kept for the training that follows.

use super::directory::CheckpointDirectory;
use crate::auto::{AutoReport, Found};
use crate::baselines::Comparison;
use crate::error::TrainError;
use crate::report::TrainingReport;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What a search chose, and how it judged the towers that it trained.
#[derive(Serialize, Deserialize)]
pub(crate) struct Chosen<C> {
    /// The best settings, with the best number of epochs and without a holdout.
    pub(crate) config: C,
    metric: Option<Cow<'static, str>>,
    validations: Vec<f64>,
    baselines: Option<Comparison>,
    report: AutoReport,
}

impl<C> Chosen<C> {
    /// Adds the search to the report of the final training, with the comparison on its holdout.
    pub(crate) fn report_in(self, last: &mut TrainingReport) {
        last.metric = self.metric;
        last.validations = self.validations;
        last.baselines = self.baselines;
        last.auto = Some(self.report);
    }
}

impl<C> From<Found<C>> for Chosen<C> {
    fn from(found: Found<C>) -> Self {
        let judged = found.judged.report;
        Self {
            config: found.config,
            metric: judged.metric,
            validations: judged.validations,
            baselines: judged.baselines,
            report: found.report,
        }
    }
}

/// Searches, or takes what an earlier search of the same training chose.
///
/// # Errors
/// Those of the search, and [`TrainError::Checkpoint`].
pub(crate) fn search_once<C: Serialize + DeserializeOwned>(
    checkpoint: Option<&CheckpointDirectory>,
    search: impl FnOnce() -> Result<Found<C>, TrainError>,
) -> Result<Chosen<C>, TrainError> {
    let Some(checkpoint) = checkpoint else {
        return Ok(search()?.into());
    };
    if let Some(chosen) = checkpoint.read_search()? {
        return Ok(chosen);
    }
    let chosen: Chosen<C> = search()?.into();
    // A search that was stopped is run anew.
    if !chosen.report.stopped {
        checkpoint.write_search(&chosen)?;
    }
    Ok(chosen)
}
