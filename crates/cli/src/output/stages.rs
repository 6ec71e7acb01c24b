//! The progress of an operation that has several stages.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use twinspire::{Progress, ProgressStage};

use super::printer::Output;
use super::progress::Unit;

/// Shows one bar per stage, the current one only.
#[derive(Default)]
pub struct Stages(Mutex<Option<(ProgressStage, ProgressBar)>>);

impl Stages {
    /// Shows the progress of a stage; the first report of a new stage replaces the bar. Never cancels.
    pub fn show(&self, progress: &Progress, output: &Output) -> ControlFlow<()> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, bar) = match current.take() {
            Some((stage, bar)) if stage == progress.stage => current.insert((stage, bar)),
            previous => {
                if let Some((_, bar)) = previous {
                    bar.finish_and_clear();
                }
                let unit = match progress.stage {
                    ProgressStage::Check => Unit::Bytes,
                    _ => Unit::Count,
                };
                let bar = output.bar(progress.stage.as_str(), progress.total, unit);
                current.insert((progress.stage, bar))
            }
        };
        // Reports come from several threads: an older one may arrive after a newer one.
        bar.set_position(progress.done.max(bar.position()));
        ControlFlow::Continue(())
    }

    /// Hides the bar while `print` writes to the terminal.
    pub fn suspend(&self, print: impl FnOnce()) {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((_, bar)) => bar.suspend(print),
            None => print(),
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bar)) = current.take() {
            bar.finish_and_clear();
        }
    }
}
