//! Long calls. Each runs on a thread of its own, while the caller's thread waits and lets Python run: signals such
//! as Ctrl-C and the progress callback are handled there, and cancel the call.

use crate::failure::Failure;
use crate::info;
use pyo3::prelude::*;
use std::ops::ControlFlow;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often signals are handled and progress is reported.
pub const INTERVAL: Duration = Duration::from_millis(50);

/// What a progress callback returns to end a training with the best epoch so far.
const KEEP_BEST: &str = "keep_best";

/// What a long call reports.
#[derive(Clone, Copy)]
pub struct Report {
    pub stage: &'static str,
    pub done: u64,
    pub total: u64,
    /// The mean loss of a training.
    pub loss: Option<f32>,
}

/// The link between a long call and the thread that waits for it.
#[derive(Default)]
pub struct Job {
    cancelled: AtomicBool,
    /// Whether a training is to end with the best epoch so far.
    keep_best: AtomicBool,
    latest: Mutex<Option<Report>>,
}

impl Job {
    /// Takes a report; the waiting thread passes on the latest one. Breaks once the call is to end.
    pub fn report(&self, report: Report) -> ControlFlow<()> {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        match self.cancelled.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Whether the callback asked a training to end with the best epoch so far, since the last call of this.
    pub fn take_keep_best(&self) -> bool {
        self.keep_best.swap(false, Ordering::Relaxed)
    }

    fn take(&self) -> Option<Report> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.take()
    }
}

/// Whom to tell of progress.
pub struct Listener(Option<Py<PyAny>>);

impl Listener {
    /// `None` and `False` tell nobody, `True` shows a bar, a callable is called with a `Progress`.
    pub fn new(progress: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(progress) = progress else {
            return Ok(Self(None));
        };
        let module = PyModule::import(progress.py(), "twinspire._progress")?;
        let listener = module.getattr("listener")?.call1((progress,))?;
        Ok(Self((!listener.is_none()).then(|| listener.unbind())))
    }

    /// Reports progress. An exception of the callback, or its `False`, ends the call. Returns whether it answers that the
    /// best so far is to be kept.
    pub fn tell(&self, py: Python<'_>, report: Report) -> Result<bool, Failure> {
        let Some(listener) = &self.0 else {
            return Ok(false);
        };
        let Report {
            stage,
            done,
            total,
            loss,
        } = report;
        let progress = info::class(py, "Progress")?.call1((stage, done, total, loss))?;
        let answer = listener.bind(py).call1((progress,))?;
        match answer.extract::<bool>() {
            Ok(false) => Err(Failure::new(
                "CancelledError",
                "cancelled by the progress callback",
            )),
            _ => Ok(answer
                .extract::<&str>()
                .is_ok_and(|answer| answer == KEEP_BEST)),
        }
    }

    /// Ends the display.
    pub fn close(&self, py: Python<'_>) {
        if let Some(listener) = &self.0
            && let Ok(close) = listener.bind(py).getattr("close")
            && let Err(error) = close.call0()
        {
            error.write_unraisable(py, Some(&close));
        }
    }
}

/// Runs a long call without the interpreter's lock.
///
/// # Errors
/// What the call fails with; before that, what a signal handler or the callback raises meanwhile.
pub fn run<T: Send, E: Into<Failure> + Send>(
    py: Python<'_>,
    listener: &Listener,
    work: impl FnOnce(&Job) -> Result<T, E> + Send,
) -> Result<T, Failure> {
    let job = Job::default();
    let mut interrupted = None;
    let attend = |py: Python<'_>| {
        py.check_signals()?;
        job.take()
            .map_or(Ok(false), |report| listener.tell(py, report))
            .map(|keep_best| job.keep_best.fetch_or(keep_best, Ordering::Relaxed))
    };
    let result = py.detach(|| {
        thread::scope(|scope| {
            let (sender, receiver) = channel();
            let job = &job;
            let worker = scope.spawn(move || {
                let result = work(job);
                // The receiver waits until the worker ends.
                let _ = sender.send(());
                result
            });
            while receiver.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if interrupted.is_none()
                    && let Err(failure) = Python::attach(attend)
                {
                    job.cancelled.store(true, Ordering::Relaxed);
                    interrupted = Some(failure);
                }
            }
            worker.join()
        })
    });
    let result = result.unwrap_or_else(|panicked| panic::resume_unwind(panicked));
    if interrupted.is_none()
        && result.is_ok()
        && let Err(failure) = attend(py)
    {
        interrupted = Some(failure);
    }
    listener.close(py);
    match interrupted {
        Some(failure) => Err(failure),
        None => result.map_err(Into::into),
    }
}
