//! The studio: a local page that shows a database.

use crate::database::Database;
use crate::failure::Failure;
use pyo3::prelude::*;
use std::net::IpAddr;
use std::sync::Mutex;
use std::thread::{self, JoinHandle};
use twinspire_studio::{Stop, StudioError};

/// A page that shows a database, until it is closed; made by `Database.studio`.
///
/// Examples
/// --------
/// >>> with db.studio() as studio:
/// ...     studio.url.startswith("http://127.0.0.1:")
/// True
#[pyclass(frozen, module = "twinspire")]
pub struct Studio {
    url: String,
    stop: Stop,
    thread: Mutex<Option<JoinHandle<Result<(), StudioError>>>>,
}

#[pymethods]
impl Database {
    /// Show the database as a local page, from threads in the background.
    ///
    /// The page opens the database read-only by its path, and follows what is written. In a notebook the result is a
    /// link. From the first studio on, `/metrics` counts what this process does, in the format of Prometheus.
    ///
    /// Parameters
    /// ----------
    /// port : int, default 0
    ///     The port to listen at; 0 for any free one.
    /// listen : str, default "127.0.0.1"
    ///     The address to listen at. With any other than this machine's own, the URL contains a token that every request
    ///     needs.
    ///
    /// Returns
    /// -------
    /// Studio
    ///     Its `url`, and `close`. The page also ends with the process.
    #[pyo3(signature = (*, port=0, listen="127.0.0.1"))]
    fn studio(&self, py: Python<'_>, port: u16, listen: &str) -> Result<Studio, Failure> {
        // A closed handle and a fork have no studio.
        let path = self.handle().map(|_| self.directory())?;
        let address: IpAddr = listen.parse().map_err(|_| {
            Failure::invalid(format!(
                "{listen:?} is no IP address; give one such as \"127.0.0.1\""
            ))
        })?;
        let options = twinspire_studio::Studio::options(path);
        let options = options.port(port).listen(address).record_metrics(true);
        let studio = py.detach(|| options.bind()).map_err(failure)?;
        let (url, stop) = (studio.url().to_owned(), studio.stop());
        let thread = thread::Builder::new().name("studio".to_owned());
        let thread = thread.spawn(move || studio.run());
        let thread = thread.map_err(|error| {
            Failure::new("Error", format!("a thread cannot be started: {error}"))
        })?;
        Ok(Studio {
            url,
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }
}

fn failure(error: StudioError) -> Failure {
    match error {
        StudioError::Database(error) => Failure::of(&error),
        other => Failure::new("StorageError", other.to_string()),
    }
}

#[pymethods]
impl Studio {
    /// The address to open in a browser.
    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    /// Stop answering. Closing twice is no error.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.end());
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        format!("Studio('{}')", self.url)
    }

    /// The link of a notebook. The address has no characters that HTML would read.
    fn _repr_html_(&self) -> String {
        format!(
            "<a href=\"{0}\" target=\"_blank\" rel=\"noreferrer\">{0}</a>",
            self.url
        )
    }
}

impl Studio {
    fn end(&self) {
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            self.stop.stop();
            // Its error has been told by the browser: nothing answers.
            let _ = thread.join();
        }
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        if !crate::process::is_fork() {
            self.end();
        }
    }
}
