//! A store that fails on purpose, and a file system that stops.

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use twinspire_core::files::{Blob, FileSystem, LockMode, NewFile, OsFiles};
use twinspire_remote::Remote;
use twinspire_remote::object_store::memory::InMemory;
use twinspire_remote::object_store::path::Path as ObjectPath;
use twinspire_remote::object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mischief {
    /// Nothing.
    None,
    /// Every request fails.
    Away,
    /// Every n-th request fails.
    Every(u64),
    /// Answers are this slow.
    Slow(Duration),
    /// Reads of objects end early.
    Truncate,
    /// Reads of objects have a flipped bit.
    Flip,
}

/// A store in memory that misbehaves on request, and counts.
#[derive(Debug)]
pub struct Mischievous {
    inner: InMemory,
    mischief: Mutex<Mischief>,
    /// Requests left until everything fails; negative for no limit.
    left: Arc<AtomicI64>,
    requests: Mutex<BTreeMap<&'static str, u64>>,
    read_bytes: Mutex<u64>,
}

impl Mischievous {
    pub fn new() -> Arc<Self> {
        Self::limited(Arc::new(AtomicI64::new(i64::MAX)))
    }

    /// A store that works until a counter is used up.
    pub fn limited(left: Arc<AtomicI64>) -> Arc<Self> {
        Arc::new(Self {
            inner: InMemory::new(),
            mischief: Mutex::new(Mischief::None),
            left,
            requests: Mutex::default(),
            read_bytes: Mutex::new(0),
        })
    }

    pub fn remote(self: &Arc<Self>) -> Remote {
        Remote::with_store(Arc::<Self>::clone(self), "mischief").unwrap()
    }

    pub fn be(&self, mischief: Mischief) {
        *self.mischief.lock().unwrap() = mischief;
    }

    /// Bytes that were read since the last call.
    pub fn read_bytes(&self) -> u64 {
        std::mem::take(&mut self.read_bytes.lock().unwrap())
    }

    /// Replaces the bytes of an object.
    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        block_on(self.inner.put(&ObjectPath::from(path), bytes.into())).unwrap();
    }

    pub fn get(&self, path: &str) -> Vec<u8> {
        block_on(async { self.inner.get(&ObjectPath::from(path)).await?.bytes().await })
            .unwrap()
            .to_vec()
    }

    pub fn remove(&self, path: &str) {
        block_on(self.inner.delete(&ObjectPath::from(path))).unwrap();
    }

    /// The paths of all objects.
    pub fn list(&self) -> Vec<String> {
        let listed = block_on(self.inner.list(None).collect::<Vec<_>>());
        listed
            .into_iter()
            .map(|meta| meta.unwrap().location.to_string())
            .collect()
    }

    fn request(&self, kind: &'static str) -> Result<Mischief> {
        let count = {
            let mut requests = self.requests.lock().unwrap();
            let count = requests.entry(kind).or_default();
            *count += 1;
            *count
        };
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(away());
        }
        let mischief = *self.mischief.lock().unwrap();
        match mischief {
            Mischief::Away => Err(away()),
            Mischief::Every(n) if count % n == 0 => Err(away()),
            Mischief::Slow(time) => {
                std::thread::sleep(time);
                Ok(mischief)
            }
            other => Ok(other),
        }
    }
}

/// What a client says of a server that does not answer.
fn away() -> Error {
    Error::Generic {
        store: "mischief",
        source: "status 503: slow down".into(),
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    runtime.block_on(future)
}

impl fmt::Display for Mischievous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mischief")
    }
}

#[async_trait]
impl ObjectStore for Mischievous {
    async fn put_opts(
        &self,
        path: &ObjectPath,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.request("put")?;
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &ObjectPath,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.request("put")?;
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &ObjectPath, options: GetOptions) -> Result<GetResult> {
        let kind = if options.head { "head" } else { "get" };
        let mischief = self.request(kind)?;
        if options.head {
            return self.inner.get_opts(path, options).await;
        }
        let got = self.inner.get_opts(path, options).await?;
        let (meta, range, attributes) =
            (got.meta.clone(), got.range.clone(), got.attributes.clone());
        let extensions = got.extensions.clone();
        let mut bytes = got.bytes().await?.to_vec();
        match mischief {
            Mischief::Truncate => bytes.truncate(bytes.len() / 2),
            Mischief::Flip => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 16;
            }
            _ => {}
        }
        *self.read_bytes.lock().unwrap() += bytes.len() as u64;
        let stream = futures_util::stream::once(async move { Ok(bytes.into()) });
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream.boxed()),
            meta,
            range,
            attributes,
            extensions,
        })
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<ObjectPath>>,
    ) -> BoxStream<'static, Result<ObjectPath>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.request("list") {
            Ok(_) => self.inner.list(prefix),
            Err(error) => futures_util::stream::once(async move { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: CopyOptions,
    ) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// The file system of the system until a counter is used up; then every operation fails, as after the end of a process.
#[derive(Debug)]
pub struct Stopping {
    left: Arc<AtomicI64>,
}

impl Stopping {
    pub fn new(left: Arc<AtomicI64>) -> Self {
        Self { left }
    }

    fn step(&self) -> io::Result<()> {
        match self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            true => Ok(()),
            false => Err(io::Error::other("stopped")),
        }
    }
}

struct StoppingFile {
    file: Box<dyn NewFile>,
    left: Arc<AtomicI64>,
}

impl NewFile for StoppingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Half of what was to be written may be there.
        if let Err(error) = Stopping::new(Arc::clone(&self.left)).step() {
            self.file.append(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Stopping::new(Arc::clone(&self.left)).step()?;
        self.file.sync()
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        Stopping::new(Arc::clone(&self.left)).step()?;
        self.file.finish()
    }
}

impl FileSystem for Stopping {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        OsFiles::MAPPED.create_dir(path)
    }
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        self.step()?;
        let file = OsFiles::MAPPED.create_new(path)?;
        let left = Arc::clone(&self.left);
        Ok(Box::new(StoppingFile { file, left }))
    }
    fn open(&self, path: &Path) -> io::Result<Blob> {
        self.step()?;
        OsFiles::MAPPED.open(path)
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.step()?;
        OsFiles::MAPPED.read(path)
    }
    fn read_from(&self, path: &Path, offset: u64) -> io::Result<Vec<u8>> {
        self.step()?;
        OsFiles::MAPPED.read_from(path, offset)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        OsFiles::MAPPED.rename(from, to)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        OsFiles::MAPPED.link(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        OsFiles::MAPPED.remove(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        OsFiles::MAPPED.remove_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.step()?;
        OsFiles::MAPPED.list(path)
    }
    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        OsFiles::MAPPED.sync_file(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        OsFiles::MAPPED.sync_dir(path)
    }
    fn lock(&self, path: &Path, mode: LockMode) -> io::Result<Box<dyn Send + Sync>> {
        self.step()?;
        OsFiles::MAPPED.lock(path, mode)
    }
    fn network(&self, path: &Path) -> Option<String> {
        OsFiles::MAPPED.network(path)
    }
    fn outside(&self, path: &Path) -> Option<PathBuf> {
        OsFiles::MAPPED.outside(path)
    }
}
