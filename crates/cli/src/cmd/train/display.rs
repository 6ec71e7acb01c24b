//! What a training shows while it runs, and how Ctrl-C ends it.

use std::io::{IsTerminal, stderr};
use std::ops::ControlFlow;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::ProgressBar;
use twinspire::train::{DataReport, StopTraining, TrainingProgress, TrainingReport};

use crate::output::{Output, Table, Unit};

/// Exit code of a command that a signal ends: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;
/// How often Ctrl-C was pressed since a training saw it; [`IDLE`] while none runs.
static PRESSED: AtomicUsize = AtomicUsize::new(IDLE);
const IDLE: usize = usize::MAX;

/// Shows a training: a bar on a terminal, else a line for each epoch.
pub struct Display<'a> {
    output: &'a Output,
    bar: ProgressBar,
    has_lines: bool,
    /// The epoch that is running, the number of all, and its loss so far.
    epoch: Option<(usize, usize, f32)>,
}

impl<'a> Display<'a> {
    /// A display for a training that begins. From now on, Ctrl-C ends it with the best epoch so far.
    pub fn new(output: &'a Output) -> Self {
        static HANDLER: Once = Once::new();
        // Where no handler can be set, Ctrl-C ends the command.
        HANDLER.call_once(|| drop(ctrlc::set_handler(interrupt)));
        PRESSED.store(0, Ordering::Relaxed);
        Self {
            bar: output.bar("training", 1, Unit::Count),
            has_lines: !output.is_quiet() && !stderr().is_terminal(),
            epoch: None,
            output,
        }
    }

    /// Shows the progress. Breaks after Ctrl-C.
    pub fn show(&mut self, progress: &TrainingProgress) -> ControlFlow<StopTraining> {
        match progress.loss {
            None => print_data(&progress.data, self.output),
            Some(loss) => self.show_batch(progress, loss),
        }
        match PRESSED.swap(0, Ordering::Relaxed) {
            0 => ControlFlow::Continue(()),
            _ => {
                self.output.note(match progress.searching {
                    true => {
                        "Interrupted: the best settings so far are trained. Ctrl-C ends that too."
                    }
                    false => {
                        "Interrupted: the best epoch so far is kept. Ctrl-C again ends the command."
                    }
                });
                ControlFlow::Break(StopTraining::KeepBest)
            }
        }
    }

    fn show_batch(&mut self, progress: &TrainingProgress, loss: f32) {
        let TrainingProgress { epoch, epochs, .. } = *progress;
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
        if progress.searching {
            self.bar
                .set_message(format!("comparing settings, loss {loss:.3}"));
            return;
        }
        let speed = progress.examples_per_second;
        self.bar.set_message(format!(
            "epoch {epoch} of {epochs}, loss {loss:.3}, {speed:.0} examples/s"
        ));
        let before = self.epoch.replace((epoch, epochs, loss));
        if let Some((ended, _, loss)) = before.filter(|(ended, ..)| *ended < epoch) {
            self.line(ended, epochs, loss, progress.validation);
        }
    }

    /// Ends the display with the last epoch.
    pub fn finish(self, report: Option<&TrainingReport>) {
        PRESSED.store(IDLE, Ordering::Relaxed);
        self.bar.finish_and_clear();
        // With a search, the validations are those of the search.
        let validation = report
            .filter(|report| report.auto.is_none())
            .and_then(|report| report.validations.last().copied());
        if let (Some((epoch, epochs, loss)), Some(_)) = (self.epoch, report) {
            self.line(epoch, epochs, loss, validation);
        }
    }

    fn line(&self, epoch: usize, epochs: usize, loss: f32, validation: Option<f64>) {
        if self.has_lines {
            let validation = validation.map(|value| format!(", validation {value:.4}"));
            self.output.note(&format!(
                "epoch {epoch} of {epochs}: loss {loss:.4}{}",
                validation.unwrap_or_default()
            ));
        }
    }
}

/// Prints the table of columns, and the ids without a record.
fn print_data(data: &DataReport, output: &Output) {
    let mut table = Table::new(&[
        "of", "column", "read as", ">values", ">null", ">strange", "note",
    ]);
    for column in &data.columns {
        let note = match (&column.unread, &column.example) {
            (Some(unread), _) => unread.to_string(),
            (None, Some(example)) if column.strays > 0 => format!("such as {example}"),
            (None, _) => String::new(),
        };
        table.row([
            column.side.to_string(),
            column.field.clone(),
            column
                .read_as
                .clone()
                .unwrap_or_else(|| "unread".to_owned()),
            column.values.to_string(),
            column.nulls.to_string(),
            column.strays.to_string(),
            note,
        ]);
    }
    if !data.columns.is_empty() {
        table.render().lines().for_each(|line| output.note(line));
    }
    let unknown = data.unknown_ids.iter().map(ToString::to_string);
    for note in unknown.chain(data.repeats_note()) {
        output.note(&note);
    }
}

/// Counts Ctrl-C for the training that runs. A second press before the training saw the first ends the command, and so
/// does any while none runs.
#[expect(clippy::exit, reason = "what a signal does without a handler")]
fn interrupt() {
    let count = |pressed| (pressed == 0).then_some(1);
    if PRESSED
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count)
        .is_err()
    {
        std::process::exit(INTERRUPTED);
    }
}
