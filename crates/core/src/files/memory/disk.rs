//! Names and contents, and which changes to them a power cut could still take back.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// What a running process sees, and how much of it is durable.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    /// Contents as last written, by number; a content can have several names, or none any more.
    pub(super) contents: Vec<Vec<u8>>,
    /// The names a process sees.
    pub(super) live: Names,
    /// The names that are durable.
    pub(super) durable: Names,
    /// Changes since, oldest first: `durable` and all of them make `live`.
    pub(super) pending: Vec<Event>,
}

/// What stands under each name.
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
    /// Bytes appended to a content, until it is synced. After a sync that failed no later one
    /// decides any more whether they are there.
    Appended {
        content: usize,
        range: Range<usize>,
        undecided: bool,
    },
    /// Names set or taken away in one step, until a directory of one of them is synced.
    Named(Vec<(PathBuf, Option<Entry>)>),
}

impl Disk {
    /// The number of a file's content.
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
        let inside = self.live.keys().filter(|key| key.parent() == Some(&path));
        inside
            .filter_map(|key| key.file_name()?.to_str().map(str::to_owned))
            .collect()
    }

    /// Makes a directory; fine when it is there.
    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        if self.is_dir(path) {
            return Ok(());
        }
        self.add(path, Entry::Directory)
    }

    /// Makes an empty file; gives its content's number.
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

    /// Puts a file in the place of another.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let content = self.content(from)?;
        if self.is_dir(to) {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.parent_is_there(&plain(to))?;
        let moved = (plain(to), Some(Entry::File(content)));
        self.name(vec![(plain(from), None), moved]);
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
            Event::Named(_) => true,
        });
    }

    /// A sync of a content that failed.
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

    /// Makes the names in a directory durable. One that failed before leaves nothing undecided:
    /// file systems keep a journal of names and stop when they cannot write it.
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
                _ => self.pending.push(event),
            }
        }
        Ok(())
    }

    /// Puts a whole file there, durable, with the directories it takes.
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

/// Does changes of names.
pub(super) fn apply(names: &mut Names, changes: &[(PathBuf, Option<Entry>)]) {
    for (path, entry) in changes {
        match entry {
            Some(entry) => drop(names.insert(path.clone(), *entry)),
            None => drop(names.remove(path)),
        }
    }
}

/// A path without `.`, so that it has one spelling.
fn plain(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| !matches!(part, Component::CurDir))
        .collect()
}
