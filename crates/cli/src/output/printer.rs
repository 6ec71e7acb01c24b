//! The two streams of a command.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use serde_json::Value;

use super::exit::Exit;
use super::failure::Failure;
use super::progress::{self, Unit};
use super::text::escape_controls;

/// Prints results on standard output; notes, failures and progress on standard error.
#[derive(Debug)]
pub struct Output {
    json: bool,
    quiet: bool,
    /// Whether records were lost that nobody looked at.
    lost: AtomicBool,
}

impl Output {
    /// Prints results as JSON if `json`, and no progress bars if `quiet`.
    pub fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            lost: AtomicBool::new(false),
        }
    }

    /// Notes that records were lost that may be good. The command goes on, and ends with an exit code that says so.
    pub fn mark_lost(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// The exit code of a command that ended in this way.
    pub fn exit(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Done if self.lost.load(Ordering::Relaxed) => Exit::Failed,
            exit => exit,
        }
    }

    /// Whether results are printed as JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether no progress is shown.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints a result: the document itself for programs, or the text for people.
    pub fn result(&self, document: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let mut shown = match self.json {
            false => text(),
            true if out.is_terminal() => format!("{document:#}"),
            true => document.to_string(),
        };
        if !shown.ends_with('\n') {
            shown.push('\n');
        }
        match out.write_all(shown.as_bytes()).and_then(|()| out.flush()) {
            // The reader has seen enough: `twinspire recall … | head`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::failed(error)),
            Ok(()) => Ok(()),
        }
    }

    /// Prints a remark on standard error.
    pub fn note(&self, text: &str) {
        // Nowhere is left to report that standard error is closed.
        let _ = writeln!(io::stderr(), "{}", escape_controls(text));
    }

    /// Prints why a command failed.
    pub fn failure(&self, failure: &Failure) {
        failure.lines().iter().for_each(|line| self.note(line));
    }

    /// A progress bar on a terminal, a hidden one elsewhere. A total of 0 means unknown.
    pub fn bar(&self, label: &'static str, total: u64, unit: Unit) -> ProgressBar {
        match self.quiet || !io::stderr().is_terminal() {
            true => ProgressBar::hidden(),
            false => progress::bar(label, total, unit),
        }
    }

    /// As [`Output::bar`], for a command whose lines go to `file` or else to standard output. It is hidden
    /// when the lines themselves scroll over the terminal.
    pub fn stream_bar(
        &self,
        label: &'static str,
        total: u64,
        unit: Unit,
        file: Option<&Path>,
    ) -> ProgressBar {
        match file.is_none() && io::stdout().is_terminal() {
            true => ProgressBar::hidden(),
            false => self.bar(label, total, unit),
        }
    }
}
