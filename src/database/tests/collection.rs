//! Collection while a file is under construction.

use super::*;
use crate::maintain::collect;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use twinspire_core::files::{Blob, FileSystem, LockMode, NewFile, names};

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Files that, once, tell when a directory is going to be listed, and wait a little for an answer.
#[derive(Debug, Default)]
struct Watched {
    files: MemoryFiles,
    told: Mutex<Option<(Sender<()>, Receiver<()>)>>,
}

impl FileSystem for Watched {
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let told = path
            .ends_with(names::SEGMENTS)
            .then(|| held(&self.told).take());
        if let Some((listing, made)) = told.flatten() {
            listing.send(()).unwrap();
            // Nobody answers if nobody can make anything now.
            let _ = made.recv_timeout(Duration::from_millis(200));
        }
        self.files.list(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.files.create_dir(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        self.files.create_new(path)
    }

    fn open(&self, path: &Path) -> io::Result<Blob> {
        self.files.open(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.read(path)
    }

    fn read_from(&self, path: &Path, offset: u64) -> io::Result<Vec<u8>> {
        self.files.read_from(path, offset)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.files.link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.remove(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.files.remove_dir(path)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.files.sync_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.files.sync_dir(path)
    }

    fn lock(&self, path: &Path, mode: LockMode) -> io::Result<Box<dyn Send + Sync>> {
        self.files.lock(path, mode)
    }

    fn network(&self, path: &Path) -> Option<String> {
        self.files.network(path)
    }

    fn outside(&self, path: &Path) -> Option<PathBuf> {
        self.files.outside(path)
    }
}

#[test]
fn a_file_created_during_collection_is_not_collected() {
    let (watched, root) = (Arc::new(Watched::default()), Path::new("shop.twin"));
    let options = Database::options().background(false);
    let files: Arc<dyn FileSystem> = watched.clone();
    let db = options.open_on(files, root).unwrap();
    let (live, writing) = (db.live(), db.writing().unwrap());
    let name = names::join(names::SEGMENTS, "space-000077");
    let path = root.join(&name);

    let ((listing, listed), (made, answer)) = (channel(), channel());
    *held(&watched.told) = Some((listing, answer));
    std::thread::scope(|scope| {
        let (watched, path) = (&watched, &path);
        let maker = scope.spawn(move || {
            listed.recv().unwrap();
            let guard = writing.protect(name);
            watched.create_new(path).unwrap().finish().unwrap();
            // The collection may not wait any longer.
            let _ = made.send(());
            guard
        });
        assert_eq!(collect(&live, writing).unwrap(), Vec::<PathBuf>::new());
        let guard = maker.join().unwrap();
        assert!(watched.read(path).is_ok(), "it is still there");
        assert_eq!(collect(&live, writing).unwrap(), Vec::<PathBuf>::new());
        drop(guard);
    });
    assert_eq!(collect(&live, writing).unwrap(), [path]);
}
