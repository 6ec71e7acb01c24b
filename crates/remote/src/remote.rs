//! A store that holds the epochs of one database: its address, its client, and the few operations that are needed.

use crate::address::Address;
use crate::error::{RemoteError, StoreAction, StoreFault};
use crate::layout;
use crate::redact;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{
    GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Maximum number of requests at a time.
const MAX_THREADS: usize = 16;

/// A store that holds the epochs of one database. Clones share the client.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let (path, store, replica) = (dir.path().join("shop.twin"), dir.path().join("store"), dir.path().join("replica"));
/// # let store = store.display().to_string();
/// use twinspire::Database;
/// use twinspire_remote::Remote;
///
/// let db = Database::open(path)?;
/// db.items().put(&serde_json::json!({"id": "B01", "title": "red shoes"}))?;
/// let remote = Remote::create(&store)?; // or "s3://bucket/shop"
/// let pushed = remote.push(&db).run()?;
/// assert_eq!(pushed.epoch, 1);
///
/// let follower = Remote::open(&store)?.follow(replica).start()?;
/// let now = follower.current(); // one epoch, for as long as it is held
/// assert_eq!(now.number(), 1);
/// assert!(now.database().items().contains("B01")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Remote {
    name: Arc<str>,
    store: Arc<dyn ObjectStore>,
    runtime: Arc<Runtime>,
}

impl Remote {
    /// The store at an address: `s3://bucket/prefix`, `file:///path`, or the path of a directory that exists.
    ///
    /// Credentials and settings of `s3` come from the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`, or the role of the machine. Nothing is
    /// asked of the store yet.
    ///
    /// # Errors
    /// [`RemoteError::Url`].
    pub fn open(url: &str) -> Result<Self, RemoteError> {
        let address = Address::parse(url)?;
        Self::with_store(address.connect(false)?, &address.name())
    }

    /// As [`open`](Self::open), but a directory that does not exist is made.
    ///
    /// # Errors
    /// [`RemoteError::Url`] and [`RemoteError::File`].
    pub fn create(url: &str) -> Result<Self, RemoteError> {
        let address = Address::parse(url)?;
        Self::with_store(address.connect(true)?, &address.name())
    }

    /// A store in memory, which ends with its last clone.
    ///
    /// # Errors
    /// [`RemoteError::Thread`].
    pub fn memory() -> Result<Self, RemoteError> {
        Self::with_store(Arc::new(InMemory::new()), "memory")
    }

    /// A store with a client of your own. `name` is its address in errors. It must create objects only if absent when
    /// asked to ([`PutMode::Create`]), and show what was written to every later read and list.
    ///
    /// # Errors
    /// [`RemoteError::Thread`].
    pub fn with_store(store: Arc<dyn ObjectStore>, name: &str) -> Result<Self, RemoteError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(MAX_THREADS)
            .thread_name("twinspire-remote")
            .build()
            .map_err(|source| RemoteError::Thread { source })?;
        Ok(Self {
            name: name.into(),
            store,
            runtime: Arc::new(runtime),
        })
    }

    /// The address of the store.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a future to its end, on a thread of its own: the caller may be a thread of another runtime.
    pub(crate) fn block_on<T: Send, F: Future<Output = T>>(
        &self,
        make: impl FnOnce() -> F + Send,
    ) -> Result<T, RemoteError> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("twinspire-remote".to_owned());
            let spawned = thread.spawn_scoped(scope, || self.runtime.block_on(make()));
            let spawned = spawned.map_err(|source| RemoteError::Thread { source })?;
            Ok(spawned
                .join()
                .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked)))
        })
    }

    pub(crate) fn client(&self) -> &dyn ObjectStore {
        &*self.store
    }

    /// `s3://bucket/prefix/objects/…`: an object as errors name it.
    pub(crate) fn object(&self, path: &ObjectPath) -> String {
        format!("{}/{path}", self.name)
    }

    /// Adds action and object to an error of the client.
    pub(crate) fn failed(
        &self,
        action: StoreAction,
        path: &ObjectPath,
    ) -> impl Fn(object_store::Error) -> RemoteError {
        let object = self.object(path);
        move |error| {
            use object_store::Error as E;
            let fault = match &error {
                E::NotFound { .. } => StoreFault::Missing,
                E::AlreadyExists { .. } | E::Precondition { .. } => StoreFault::Exists,
                E::PermissionDenied { .. } | E::Unauthenticated { .. } => StoreFault::Denied,
                _ => StoreFault::Unreachable,
            };
            RemoteError::Store {
                action,
                object: object.clone(),
                fault,
                what: redact::message(&error),
            }
        }
    }

    /// The whole of a small object; `None` if it has more than `limit` bytes.
    pub(crate) async fn read(
        &self,
        path: &ObjectPath,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RemoteError> {
        let failed = self.failed(StoreAction::Read, path);
        let got = self.store.get(path).await.map_err(&failed)?;
        if got.meta.size > limit {
            return Ok(None);
        }
        Ok(Some(got.bytes().await.map_err(&failed)?.to_vec()))
    }

    /// A part of an object. A store may answer with less: then the object is shorter.
    pub(crate) async fn read_range(
        &self,
        path: &ObjectPath,
        range: Range<u64>,
    ) -> Result<Vec<u8>, RemoteError> {
        let failed = self.failed(StoreAction::Read, path);
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let got = self.store.get_opts(path, options).await.map_err(&failed)?;
        Ok(got.bytes().await.map_err(&failed)?.to_vec())
    }

    /// Metadata of an object: size, time and tag. `None` if the object does not exist.
    pub(crate) async fn look_up(
        &self,
        path: &ObjectPath,
    ) -> Result<Option<ObjectMeta>, RemoteError> {
        match self.store.head(path).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(StoreAction::Read, path)(error)),
        }
    }

    /// Writes an object, replacing one that is there.
    pub(crate) async fn write(&self, path: &ObjectPath, bytes: Vec<u8>) -> Result<(), RemoteError> {
        let put = self.store.put(path, PutPayload::from(bytes)).await;
        put.map(drop).map_err(self.failed(StoreAction::Write, path))
    }

    /// Creates an object that must not exist.
    pub(crate) async fn create_object(
        &self,
        path: &ObjectPath,
        bytes: Vec<u8>,
    ) -> Result<(), RemoteError> {
        let put = self
            .store
            .put_opts(path, PutPayload::from(bytes), PutMode::Create.into());
        let put = put.await;
        put.map(drop).map_err(self.failed(StoreAction::Write, path))
    }

    /// Removes an object. An object that does not exist is no error.
    pub(crate) async fn remove(&self, path: &ObjectPath) -> Result<(), RemoteError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(StoreAction::Remove, path)(error)),
        }
    }

    /// The objects below a prefix.
    pub(crate) async fn list(&self, prefix: &ObjectPath) -> Result<Vec<ObjectMeta>, RemoteError> {
        let listed: Result<Vec<ObjectMeta>, _> = self.store.list(Some(prefix)).try_collect().await;
        match listed {
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            other => other.map_err(self.failed(StoreAction::List, prefix)),
        }
    }

    /// The epochs that have a head, oldest first.
    pub(crate) async fn epochs(&self) -> Result<Vec<u64>, RemoteError> {
        let listed = self.list(&layout::heads()).await?;
        let mut epochs: Vec<u64> = listed
            .iter()
            .filter_map(|meta| layout::epoch_of(&meta.location))
            .collect();
        epochs.sort_unstable();
        Ok(epochs)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.name)
    }
}
