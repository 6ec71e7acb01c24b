use crate::api::job::Progress;
use crate::api::problem::Problem;
use serde::Serialize;
use std::ops::ControlFlow;
use std::time::Instant;
use twinspire::{CheckReport, Database};

/// How often a check is done again that met a commit of another process.
const TRIES: usize = 3;

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    #[serde(flatten)]
    pub report: CheckReport,
    pub seconds: f64,
}

/// Checks the database. A commit of its writer meanwhile looks like a problem of CURRENT, so that the check is done
/// again.
pub(super) fn run(database: &Database, progress: &Progress) -> Result<Checked, Problem> {
    let since = Instant::now();
    let mut tries = 1;
    loop {
        let report = database.check_with_progress(|reached| {
            progress.set(reached.done, reached.total);
            ControlFlow::Continue(())
        })?;
        let is_of_current = report.problems.iter().all(|one| one.section == "CURRENT");
        if report.is_clean() || !is_of_current || tries == TRIES {
            let seconds = since.elapsed().as_secs_f64();
            return Ok(Checked { report, seconds });
        }
        tries += 1;
    }
}
