//! Bars of what goes on in several stages.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use twinspire::{Progress, ProgressStage};

use crate::output::{Output, Unit};

/// One bar a stage, the last one shown.
#[derive(Default)]
pub struct Stages(Mutex<Option<(ProgressStage, ProgressBar)>>);

impl Stages {
    /// Shows how far a stage is. Never cancels.
    pub fn show(&self, progress: &Progress, output: &Output) -> ControlFlow<()> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, bar) = match current.take() {
            Some((shown, bar)) if shown == progress.stage => current.insert((shown, bar)),
            before => {
                if let Some((_, bar)) = before {
                    bar.finish_and_clear();
                }
                let bar = output.bar(progress.stage.as_str(), progress.total, Unit::Count);
                current.insert((progress.stage, bar))
            }
        };
        // Threads report when they can: an older report may come after a newer one.
        bar.set_position(progress.done.max(bar.position()));
        ControlFlow::Continue(())
    }

    /// Lets something be shown where the bar is.
    pub fn suspend(&self, show: impl FnOnce()) {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((_, bar)) => bar.suspend(show),
            None => show(),
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bar)) = current.take() {
            bar.finish_and_clear();
        }
    }
}
