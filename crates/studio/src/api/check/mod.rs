//! A check of the whole database, started from the page.

mod run;

pub use run::Checked;

use super::job::{Job, Status};
use super::problem::Problem;
use super::state::State;
use run::run;
use serde::Serialize;
use std::sync::Arc;

/// The last check, or how far it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CheckView {
    /// None was started.
    None,
    Working {
        share: f64,
    },
    Ready(Checked),
}

/// The last check.
pub fn get(state: &State) -> Result<CheckView, Problem> {
    let job = state.check()?.clone();
    let Some(job) = job else {
        return Ok(CheckView::None);
    };
    Ok(match job.status()? {
        Status::Working(share) => CheckView::Working { share },
        Status::Done(checked) => CheckView::Ready(Checked::clone(&checked)),
    })
}

/// Starts a check, unless one is running.
pub fn start(state: &State) -> Result<CheckView, Problem> {
    let mut check = state.check()?;
    let is_running = |job: &Arc<Job<Checked>>| matches!(job.status(), Ok(Status::Working(_)));
    if !check.as_ref().is_some_and(is_running) {
        let database = state.shared();
        *check = Some(Job::start(move |progress| {
            run(database.current(), progress)
        })?);
    }
    drop(check);
    get(state)
}

#[cfg(test)]
mod tests {
    use super::super::tests::shop;
    use super::*;
    use std::thread;
    use std::time::{Duration, Instant};

    fn ended(state: &State) -> Checked {
        let since = Instant::now();
        loop {
            if let CheckView::Ready(checked) = get(state).unwrap() {
                return checked;
            }
            assert!(since.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_check_runs_when_it_is_started() {
        let (_dir, state) = shop();
        assert!(matches!(get(&state).unwrap(), CheckView::None));
        start(&state).unwrap();
        let checked = ended(&state);
        assert!(checked.report.is_clean() && checked.report.files > 3);
    }
}
