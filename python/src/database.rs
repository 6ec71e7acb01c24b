//! The handle of an open database.

use crate::failure::Failure;
use crate::process;
use pyo3::prelude::*;
use std::any::Any;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// An open database: one directory on disk. Made by `twinspire.open`.
///
/// Threads can share a handle. Calls that compute or wait let other threads run Python. Use it as a context manager,
/// or call `close`. A handle that a fork inherits raises `ForkedError`.
///
/// Examples
/// --------
/// >>> with twinspire.open(path) as db:
/// ...     revision = db.items.put({"id": "B01", "title": "red shoes"})
/// ...     len(db.items)
/// 1
/// >>> db.closed
/// True
#[pyclass(frozen, module = "twinspire")]
pub struct Database {
    path: PathBuf,
    read_only: bool,
    /// The epoch that it is of, and what keeps the files of that epoch.
    epoch: Option<u64>,
    lease: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    /// `None` once it is closed.
    handle: Mutex<Option<Arc<twinspire::Database>>>,
}

/// Open a database, which is created if it does not exist.
///
/// Parameters
/// ----------
/// path : str or os.PathLike
///     A directory.
/// read_only : bool, default False
///     Open for reading, which also works while another process writes. It shows the state of this moment, until
///     `Database.refresh`.
/// create : bool, default True
///     Create a database that does not exist.
/// background : bool, default True
///     Seal, merge and calibrate in the background.
/// collect : bool, default True
///     Unlink files that nothing needs.
/// in_memory : bool, default False
///     Read files into memory instead of mapping them.
/// allow_network : bool, default False
///     Write to a network file system, whose locks may not be reliable.
/// seal_bytes, seal_writes : int, optional
///     Journal size and number of unsealed writes at which the background seals; 32 MiB and 8,192 by default.
///
/// Returns
/// -------
/// Database
///
/// Raises
/// ------
/// LockedError
///     Another writer has it open.
/// NotFoundError
///     It does not exist, and is opened read-only or without `create`.
/// CorruptError
///     A file is damaged; the message names file and section.
///
/// Examples
/// --------
/// >>> db = twinspire.open(path)
/// >>> db.items.put({"id": "B01", "price": 12.5})
/// 1
#[pyfunction]
#[pyo3(signature = (path, *, read_only=false, create=true, background=true, collect=true, in_memory=false,
    allow_network=false, seal_bytes=None, seal_writes=None))]
#[expect(
    clippy::too_many_arguments,
    clippy::fn_params_excessive_bools,
    reason = "keyword arguments"
)]
pub fn open(
    py: Python<'_>,
    path: PathBuf,
    read_only: bool,
    create: bool,
    background: bool,
    collect: bool,
    in_memory: bool,
    allow_network: bool,
    seal_bytes: Option<u64>,
    seal_writes: Option<u64>,
) -> Result<Database, Failure> {
    process::check()?;
    let mut options = twinspire::Database::options()
        .read_only(read_only)
        .create(create)
        .background(background)
        .collect(collect)
        .in_memory(in_memory)
        .allow_network(allow_network);
    if let Some(bytes) = seal_bytes {
        options = options.seal_bytes(bytes);
    }
    if let Some(writes) = seal_writes {
        options = options.seal_writes(writes);
    }
    let handle = py.detach(|| options.open(&path))?;
    Ok(Database {
        path,
        read_only,
        epoch: None,
        lease: Mutex::new(None),
        handle: Mutex::new(Some(Arc::new(handle))),
    })
}

impl Database {
    /// The database of an epoch, which `lease` keeps.
    pub fn of_epoch(
        path: PathBuf,
        handle: Arc<twinspire::Database>,
        epoch: u64,
        lease: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        Self {
            path,
            read_only: true,
            epoch: Some(epoch),
            lease: Mutex::new(Some(lease)),
            handle: Mutex::new(Some(handle)),
        }
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        handle.is_none()
    }

    /// The database.
    ///
    /// # Errors
    /// In a fork, and once it is closed.
    pub fn handle(&self) -> Result<Arc<twinspire::Database>, Failure> {
        process::check()?;
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        handle.clone().ok_or_else(|| {
            let path = self.path.display();
            Failure::new(
                "ClosedError",
                format!("the database {path} is closed; open it again"),
            )
        })
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.path
    }

    /// Takes the handle, and lets the files of its epoch go.
    fn take(&self) -> Option<Arc<twinspire::Database>> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let lease = lease.take();
        if process::is_fork() {
            mem::forget(lease);
        }
        handle.take()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(handle) = self.take() else { return };
        if process::is_fork() {
            // Its threads and the writer's lock are the parent's.
            mem::forget(handle);
            return;
        }
        Python::attach(|py| py.detach(|| drop(handle)));
    }
}

#[pymethods]
impl Database {
    /// The directory.
    #[getter]
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Whether it was opened for reading only.
    #[getter]
    fn read_only(&self) -> bool {
        self.read_only
    }

    /// Whether it is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.is_closed()
    }

    /// The epoch of an object store that it is of; None if it was opened by its path.
    #[getter]
    fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// Close the database. Closing it again does nothing.
    ///
    /// Other calls of this handle raise `ClosedError` from now on. Those under way in other threads finish first;
    /// the last of them gives up the writer's lock.
    fn close(&self, py: Python<'_>) {
        let Some(handle) = self.take() else { return };
        match process::is_fork() {
            true => mem::forget(handle),
            false => py.detach(|| drop(handle)),
        }
    }

    fn __enter__(database: PyRef<'_, Self>) -> Result<PyRef<'_, Self>, Failure> {
        database.handle()?;
        Ok(database)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }

    /// Bring a database that was opened read-only up to date: it then shows every write that was acknowledged
    /// before this call.
    fn refresh(&self, py: Python<'_>) -> Result<(), Failure> {
        let database = self.handle()?;
        Ok(py.detach(|| database.refresh())?)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let path = self.path.display();
        let Ok(database) = self.handle() else {
            return format!("Database('{path}', closed)");
        };
        let counted = |count: u64, noun: &str| match count {
            1 => format!("1 {noun}"),
            _ => format!("{count} {noun}s"),
        };
        let items = py.detach(|| database.items().count());
        let items = items.map_or_else(|_| "damaged".to_owned(), |count| counted(count, "item"));
        let spaces = counted(database.spaces().len() as u64, "space");
        let mode = if self.read_only { ", read-only" } else { "" };
        format!("Database('{path}', {items}, {spaces}{mode})")
    }

    fn __reduce__(&self) -> Result<(), Failure> {
        let reason = "a database cannot be pickled; open it again by its path in the other process";
        Err(pyo3::exceptions::PyTypeError::new_err(reason).into())
    }
}
