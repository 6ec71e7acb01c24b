//! Names and contents, and the pending changes, which a power cut could undo.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// What a process sees, and what of it is durable.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    /// Contents by number. A content can have several names, or none after it is unlinked.
    pub(super) contents: Vec<Vec<u8>>,
    /// The names that a process sees.
    pub(super) live: Names,
    /// The names that are durable.
    pub(super) durable: Names,
    /// Pending changes, oldest first. Applied to `durable`, they give `live`.
    pub(super) pending: Vec<Event>,
}

/// What each name refers to.
pub(super) type Names = BTreeMap<PathBuf, Entry>;

/// A directory, or the content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Directory,
    File(usize),
}

/// A change that is not durable yet.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// Bytes appended to a content; durable once it is synced. After a failed sync they stay undecided,
    /// even if a later sync succeeds.
    Appended {
        content: usize,
        range: Range<usize>,
        undecided: bool,
    },
    /// Names set or removed in one step; durable once a parent directory of one of them is synced.
    Named(Vec<(PathBuf, Option<Entry>)>),
    /// A directory renamed with everything below it; durable once either parent directory is synced.
    MovedDirectory { from: PathBuf, to: PathBuf },
}

impl Disk {
    /// The number of the content of a file.
    pub(super) fn content(&self, path: &Path) -> io::Result<usize> {
        match self.live.get(&plain(path)) {
            Some(Entry::File(number)) => Ok(*number),
            Some(Entry::Directory) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Whether there is a directory of this name.
    pub(super) fn is_dir(&self, path: &Path) -> bool {
        self.live.get(&plain(path)) == Some(&Entry::Directory)
    }

    /// The names in a directory.
    pub(super) fn list(&self, path: &Path) -> Vec<String> {
        let path = plain(path);
        // What is below a directory follows it in the order of paths.
        let below = self.live.range(path.clone()..).map(|(key, _)| key);
        below
            .take_while(|key| key.starts_with(&path))
            .filter(|key| key.parent() == Some(&path))
            .filter_map(|key| key.file_name()?.to_str().map(str::to_owned))
            .collect()
    }

    /// Creates a directory; succeeds if it exists already.
    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        if self.is_dir(path) {
            return Ok(());
        }
        self.add(path, Entry::Directory)
    }

    /// Creates an empty file; returns the number of its content.
    pub(super) fn create_new(&mut self, path: &Path) -> io::Result<usize> {
        let number = self.contents.len();
        self.add(path, Entry::File(number))?;
        self.contents.push(Vec::new());
        Ok(number)
    }

    /// Gives a content one more name.
    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let content = self.content(from)?;
        self.add(to, Entry::File(content))
    }

    /// Renames a file, replacing one at `to`; or renames a directory to a name that is free.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if self.is_dir(from) {
            return self.rename_dir(plain(from), plain(to));
        }
        let content = self.content(from)?;
        if self.is_dir(to) {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.parent_is_there(&plain(to))?;
        let moved = (plain(to), Some(Entry::File(content)));
        self.name(vec![(plain(from), None), moved]);
        Ok(())
    }

    /// Renames a directory. Unlike POSIX, and like Windows, it does not replace an empty directory.
    fn rename_dir(&mut self, from: PathBuf, to: PathBuf) -> io::Result<()> {
        if self.live.contains_key(&to) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.parent_is_there(&to)?;
        move_directory(&mut self.live, &from, &to);
        self.pending.push(Event::MovedDirectory { from, to });
        Ok(())
    }

    /// Unlinks a file.
    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.content(path)?;
        self.name(vec![(plain(path), None)]);
        Ok(())
    }

    /// Removes an empty directory.
    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        match self.live.get(&plain(path)) {
            Some(Entry::Directory) if self.list(path).is_empty() => {}
            Some(Entry::Directory) => return Err(ErrorKind::DirectoryNotEmpty.into()),
            Some(Entry::File(_)) => return Err(ErrorKind::NotADirectory.into()),
            None => return Err(ErrorKind::NotFound.into()),
        }
        self.name(vec![(plain(path), None)]);
        Ok(())
    }

    /// Appends to a content.
    pub(super) fn append(&mut self, content: usize, bytes: &[u8]) {
        let whole = &mut self.contents[content];
        let range = whole.len()..whole.len() + bytes.len();
        whole.extend_from_slice(bytes);
        self.pending.push(Event::Appended {
            content,
            range,
            undecided: false,
        });
    }

    /// Makes a content durable.
    pub(super) fn sync(&mut self, synced: usize) {
        self.pending.retain(|event| match event {
            Event::Appended {
                content, undecided, ..
            } => *content != synced || *undecided,
            Event::Named(_) | Event::MovedDirectory { .. } => true,
        });
    }

    /// Marks the pending bytes of a content as undecided, after a failed sync.
    pub(super) fn fail_sync(&mut self, failed: usize) {
        for event in &mut self.pending {
            match event {
                Event::Appended {
                    content, undecided, ..
                } if *content == failed => *undecided = true,
                _ => {}
            }
        }
    }

    /// Makes the names in a directory durable. A failed sync leaves no name undecided: file systems keep a
    /// journal of names and stop when they cannot write it.
    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let path = plain(path);
        if !path.as_os_str().is_empty() && !self.is_dir(&path) {
            return Err(ErrorKind::NotFound.into());
        }
        let pending = std::mem::take(&mut self.pending);
        for event in pending {
            match &event {
                Event::Named(changes)
                    if changes.iter().any(|(key, _)| key.parent() == Some(&path)) =>
                {
                    apply(&mut self.durable, changes);
                }
                Event::MovedDirectory { from, to }
                    if [from, to].iter().any(|key| key.parent() == Some(&path)) =>
                {
                    move_directory(&mut self.durable, from, to);
                }
                _ => self.pending.push(event),
            }
        }
        Ok(())
    }

    /// Writes a whole file and its parent directories, durable at once.
    pub(super) fn put(&mut self, path: &Path, bytes: &[u8]) {
        let path = plain(path);
        let parents = path.ancestors().skip(1);
        let mut changes: Vec<_> = parents
            .filter(|parent| !parent.as_os_str().is_empty())
            .map(|parent| (parent.to_owned(), Some(Entry::Directory)))
            .collect();
        changes.push((path.clone(), Some(Entry::File(self.contents.len()))));
        self.contents.push(bytes.to_vec());
        apply(&mut self.live, &changes);
        apply(&mut self.durable, &changes);
    }

    fn add(&mut self, path: &Path, entry: Entry) -> io::Result<()> {
        let path = plain(path);
        if self.live.contains_key(&path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.parent_is_there(&path)?;
        self.name(vec![(path, Some(entry))]);
        Ok(())
    }

    fn parent_is_there(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().unwrap_or(path);
        match self.live.get(parent) {
            _ if parent.as_os_str().is_empty() => Ok(()),
            Some(Entry::Directory) => Ok(()),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    fn name(&mut self, changes: Vec<(PathBuf, Option<Entry>)>) {
        apply(&mut self.live, &changes);
        self.pending.push(Event::Named(changes));
    }
}

/// Applies changes of names.
pub(super) fn apply(names: &mut Names, changes: &[(PathBuf, Option<Entry>)]) {
    for (path, entry) in changes {
        match entry {
            Some(entry) => drop(names.insert(path.clone(), *entry)),
            None => drop(names.remove(path)),
        }
    }
}

/// Moves a directory and everything below it, replacing what is at `to`.
pub(super) fn move_directory(names: &mut Names, from: &Path, to: &Path) {
    let moved: Vec<_> = names
        .iter()
        .filter_map(|(path, entry)| {
            let below = path.strip_prefix(from).ok()?;
            Some((path.clone(), below.to_owned(), *entry))
        })
        .collect();
    if moved.is_empty() {
        // Its creation was lost.
        return;
    }
    names.retain(|path, _| !path.starts_with(to));
    for (path, below, entry) in moved {
        names.remove(&path);
        // Joining an empty path would append a slash.
        let target = if below.as_os_str().is_empty() {
            to.to_owned()
        } else {
            to.join(below)
        };
        names.insert(target, entry);
    }
}

/// A path without `.` components, so that every place has one spelling.
fn plain(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| !matches!(part, Component::CurDir))
        .collect()
}
