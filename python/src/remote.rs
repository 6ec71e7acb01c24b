//! Replicas over an object store: push, fetch and follow.

use crate::database::Database;
use crate::failure::Failure;
use crate::{info, process};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use twinspire_remote::{DEFAULT_INTERVAL, DEFAULT_KEEP, Remote, RemoteError};

/// The documented defaults are those of Rust.
const _: () = assert!(DEFAULT_KEEP == 8 && DEFAULT_INTERVAL.as_secs() == 10);

/// Push a database to an object store as the next epoch, with everything acknowledged so far.
///
/// Only files that the store lacks travel. Others may write meanwhile: the push is one consistent state of its
/// beginning. Of two pushes at a time one wins.
///
/// Parameters
/// ----------
/// database : Database, str or os.PathLike
///     An open database, or the directory of one, which another process may have open.
/// url : str or os.PathLike
///     ``s3://bucket/prefix``, ``file:///path`` or a path. Credentials come from the environment, such as
///     ``AWS_ACCESS_KEY_ID``.
/// keep : int, default 8
///     Number of epochs that the store keeps.
/// replace : bool, default False
///     Let this database take the place of another one in the store.
/// upload_all : bool, default False
///     Upload every file again, which repairs damaged objects.
///
/// Returns
/// -------
/// Pushed
///
/// Raises
/// ------
/// ConflictError
///     Another push came first, or the store has another database.
/// StorageError
///     The store was not reached, or refused.
///
/// Examples
/// --------
/// >>> pushed = twinspire.push(db, tmp / "store")
/// >>> pushed.epoch
/// 1
#[pyfunction]
#[pyo3(signature = (database, url, *, keep=8, replace=false, upload_all=false))]
pub fn push(
    py: Python<'_>,
    database: &Bound<'_, PyAny>,
    url: PathBuf,
    keep: usize,
    replace: bool,
    upload_all: bool,
) -> Result<Py<PyAny>, Failure> {
    process::check()?;
    let open = match database.cast::<Database>() {
        Ok(open) => Some(open.get().handle()?),
        Err(_) => None,
    };
    let path: PathBuf = match open {
        Some(_) => PathBuf::new(),
        None => database.extract()?,
    };
    let pushed = py.detach(|| {
        let remote = Remote::create(&url.to_string_lossy())?;
        let push = match &open {
            Some(open) => remote.push(open),
            None => remote.push_directory(path),
        };
        push.keep(keep)
            .replace(replace)
            .upload_all(upload_all)
            .run()
    })?;
    info::record(py, "Pushed", &pushed)
}

/// The epochs of an object store, oldest first.
///
/// Parameters
/// ----------
/// url : str or os.PathLike
///
/// Returns
/// -------
/// list of Head
///
/// Examples
/// --------
/// >>> pushed = twinspire.push(db, tmp / "store")
/// >>> [head.epoch for head in twinspire.heads(tmp / "store")]
/// [1]
#[pyfunction]
pub fn heads(py: Python<'_>, url: PathBuf) -> Result<Vec<Py<PyAny>>, Failure> {
    process::check()?;
    let heads = py.detach(|| Remote::open(&url.to_string_lossy())?.heads())?;
    info::records(py, "Head", &heads)
}

/// Make one epoch of an object store available as a read-only database in a directory, without following.
///
/// The directory may hold several epochs, which share files by hard links. Every byte of the epoch is verified.
///
/// Parameters
/// ----------
/// url : str or os.PathLike
/// path : str or os.PathLike
///     The directory; made when absent.
/// epoch : int, optional
///     The newest one unless given. One that is in the directory already needs no store.
/// keep : int, optional
///     Remove other epochs from the directory until it has this many, but none in use.
///
/// Returns
/// -------
/// Fetched
///
/// Examples
/// --------
/// >>> pushed = twinspire.push(db, tmp / "store")
/// >>> fetched = twinspire.fetch(tmp / "store", tmp / "replica")
/// >>> twinspire.open(fetched.path, read_only=True).read_only
/// True
#[pyfunction]
#[pyo3(signature = (url, path, *, epoch=None, keep=None))]
pub fn fetch(
    py: Python<'_>,
    url: PathBuf,
    path: PathBuf,
    epoch: Option<u64>,
    keep: Option<usize>,
) -> Result<Fetched, Failure> {
    process::check()?;
    let fetched = py.detach(|| {
        let remote = Remote::open(&url.to_string_lossy())?;
        let mut fetch = remote.fetch(path);
        if let Some(epoch) = epoch {
            fetch = fetch.epoch(epoch);
        }
        if let Some(keep) = keep {
            fetch = fetch.keep(keep);
        }
        fetch.run()
    })?;
    Ok(Fetched {
        epoch: fetched.epoch(),
        path: fetched.path().to_owned(),
        held: Mutex::new(Some(Arc::new(fetched))),
    })
}

/// Follow an object store: serve its newest epoch from a directory, and flip to each newer one.
///
/// A thread looks for a new epoch, fetches what is missing, verifies every byte, and swaps the database. Recalls never
/// wait for it. If the store is away, the last epoch is served and `Follower.lag` says why.
///
/// Parameters
/// ----------
/// url : str or os.PathLike
/// path : str or os.PathLike
///     The directory of the replica; made when absent.
/// interval : float or None, default 10
///     Seconds between two looks; None starts no thread, and `Follower.poll` looks.
///
/// Returns
/// -------
/// Follower
///
/// Examples
/// --------
/// >>> pushed = twinspire.push(db, tmp / "store")
/// >>> with twinspire.follow(tmp / "store", tmp / "replica") as follower:
/// ...     follower.epoch, len(follower.db.items), follower.lag.heads
/// (1, 2, 0)
#[pyfunction]
#[pyo3(
    signature = (url, path, *, interval=Some(10.0)),
    text_signature = "(url, path, *, interval=10.0)"
)]
pub fn follow(
    py: Python<'_>,
    url: PathBuf,
    path: PathBuf,
    interval: Option<f64>,
) -> Result<Follower, Failure> {
    process::check()?;
    let interval = interval.map(Duration::try_from_secs_f64).transpose();
    let interval = interval.map_err(|error| Failure::invalid(format!("interval: {error}")))?;
    let directory = path.clone();
    let follower = py.detach(|| {
        let remote = Remote::open(&url.to_string_lossy())?;
        let follow = remote.follow(path);
        match interval {
            Some(interval) => follow.interval(interval).start(),
            None => follow.manual().start(),
        }
    })?;
    Ok(Follower {
        path: directory,
        follower: Mutex::new(Some(Arc::new(follower))),
        database: Mutex::new(None),
    })
}

/// An epoch in a directory; made by `twinspire.fetch`. It is not removed from there until this is closed.
#[pyclass(frozen, module = "twinspire")]
pub struct Fetched {
    epoch: u64,
    path: PathBuf,
    held: Mutex<Option<Arc<twinspire_remote::Fetched>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fetched {
    fn held(&self) -> Result<Arc<twinspire_remote::Fetched>, Failure> {
        process::check()?;
        let held = lock(&self.held).clone();
        held.ok_or_else(|| {
            let message = format!("epoch {} is closed; fetch it again", self.epoch);
            Failure::new("ClosedError", message)
        })
    }
}

#[pymethods]
impl Fetched {
    /// The number of the epoch.
    #[getter]
    fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The directory of the database, to be opened read-only.
    #[getter]
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// What the epoch consists of: a `Head`.
    #[getter]
    fn head(&self, py: Python<'_>) -> Result<Py<PyAny>, Failure> {
        info::record(py, "Head", self.held()?.head())
    }

    /// Number of files that were fetched; 0 if the epoch was in the directory.
    #[getter]
    fn fetched_files(&self) -> Result<usize, Failure> {
        Ok(self.held()?.fetched_files())
    }

    /// Bytes that were fetched.
    #[getter]
    fn fetched_bytes(&self) -> Result<u64, Failure> {
        Ok(self.held()?.fetched_bytes())
    }

    /// Open the database read-only. The epoch stays in the directory until the database is closed too.
    fn open(&self, py: Python<'_>) -> Result<Database, Failure> {
        let held = self.held()?;
        let database = py.detach(|| held.open())?;
        let (epoch, path) = (self.epoch, self.path.clone());
        Ok(Database::of_epoch(path, Arc::new(database), epoch, held))
    }

    /// Let the epoch be removed from the directory. Closing twice is no error.
    fn close(&self) {
        lock(&self.held).take();
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        self.close();
    }

    fn __repr__(&self) -> String {
        format!(
            "Fetched(epoch={}, path='{}')",
            self.epoch,
            self.path.display()
        )
    }
}

/// A replica that follows an object store, until it is closed; made by `twinspire.follow`. Threads can share it.
#[pyclass(frozen, module = "twinspire")]
pub struct Follower {
    path: PathBuf,
    follower: Mutex<Option<Arc<twinspire_remote::Follower>>>,
    /// The database of the epoch that was last asked for.
    database: Mutex<Option<(u64, Py<Database>)>>,
}

impl Follower {
    fn open(&self) -> Result<Arc<twinspire_remote::Follower>, Failure> {
        process::check()?;
        let follower = lock(&self.follower).clone();
        follower.ok_or_else(|| {
            let path = self.path.display();
            Failure::new(
                "ClosedError",
                format!("the follower of {path} is closed; follow again"),
            )
        })
    }
}

#[pymethods]
impl Follower {
    /// The database of the epoch that is served now, read-only. Every answer of it is of this epoch, its
    /// `Database.epoch`; ask for it again to get a newer one.
    #[getter]
    fn db(&self, py: Python<'_>) -> Result<Py<Database>, Failure> {
        let now = self.open()?.current();
        let number = now.number();
        if let Some((epoch, database)) = &*lock(&self.database)
            && *epoch == number
            && !database.get().is_closed()
        {
            return Ok(database.clone_ref(py));
        }
        let (path, shared) = (now.path().to_owned(), Arc::clone(now.database()));
        let database = Py::new(py, Database::of_epoch(path, shared, number, now))?;
        let before = lock(&self.database).replace((number, database.clone_ref(py)));
        drop(before);
        Ok(database)
    }

    /// The number of the epoch that is served now.
    #[getter]
    fn epoch(&self) -> Result<u64, Failure> {
        Ok(self.open()?.epoch())
    }

    /// How far it is behind the store, as of its last look: a `Lag`.
    #[getter]
    fn lag(&self, py: Python<'_>) -> Result<Py<PyAny>, Failure> {
        info::record(py, "Lag", &self.open()?.lag())
    }

    /// The address of the store.
    #[getter]
    fn store(&self) -> Result<String, Failure> {
        Ok(self.open()?.store().to_owned())
    }

    /// The directory of the replica.
    #[getter]
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Look for a new epoch now, and flip to it.
    ///
    /// Returns
    /// -------
    /// bool
    ///     Whether it flipped.
    fn poll(&self, py: Python<'_>) -> Result<bool, Failure> {
        let follower = self.open()?;
        Ok(py.detach(|| follower.poll())?)
    }

    /// Stop following. Databases that it gave stay open. Closing twice is no error.
    fn close(&self, py: Python<'_>) {
        let (follower, database) = (lock(&self.follower).take(), lock(&self.database).take());
        drop(database);
        py.detach(|| drop(follower));
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        let path = self.path.display();
        match self.open() {
            Ok(follower) => format!(
                "Follower('{path}', epoch {} of {})",
                follower.epoch(),
                follower.store()
            ),
            Err(_) => format!("Follower('{path}', closed)"),
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let follower = lock(&self.follower).take();
        match process::is_fork() {
            // Its thread is the parent's.
            true => std::mem::forget(follower),
            false => Python::attach(|py| py.detach(|| drop(follower))),
        }
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let class = match &error {
            RemoteError::Database(error) => return Self::of(error),
            RemoteError::Superseded { .. } | RemoteError::OtherDatabase { .. } => "ConflictError",
            RemoteError::Empty { .. } | RemoteError::UnknownEpoch { .. } => "NotFoundError",
            RemoteError::Damaged { .. } | RemoteError::Mismatch { .. } => "CorruptError",
            RemoteError::Unsupported { .. } => "UnsupportedError",
            RemoteError::Url { .. } | RemoteError::OtherStore { .. } => "InvalidInputError",
            RemoteError::Closed => "ClosedError",
            _ => "StorageError",
        };
        Self::new(class, error.to_string())
    }
}
