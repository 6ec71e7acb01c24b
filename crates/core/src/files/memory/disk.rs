//! Names and contents, and the pending changes, which a power cut could undo.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Component, Path};

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

/// What each name refers to, by plain paths (see [`plain`]): strings compare faster than paths, and tests look up
/// millions of names.
pub(super) type Names = BTreeMap<String, Entry>;

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
    Named(Vec<(String, Option<Entry>)>),
    /// A directory renamed with everything below it; durable once either parent directory is synced.
    MovedDirectory { from: String, to: String },
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

    /// Whether a process sees the same names and bytes on another disk that no content was removed from.
    pub(super) fn holds_the_same(&self, other: &Self) -> bool {
        self.live == other.live && self.contents == other.contents
    }

    /// Whether there is a directory of this name.
    pub(super) fn is_dir(&self, path: &Path) -> bool {
        self.live.get(&plain(path)) == Some(&Entry::Directory)
    }

    /// The names in a directory.
    pub(super) fn list(&self, path: &Path) -> Vec<String> {
        let start = below(&plain(path));
        let paths = self.live.range(start.clone()..).map(|(path, _)| path);
        paths
            .map_while(|path| path.strip_prefix(&start))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
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
    fn rename_dir(&mut self, from: String, to: String) -> io::Result<()> {
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
        if !path.is_empty() && self.live.get(&path) != Some(&Entry::Directory) {
            return Err(ErrorKind::NotFound.into());
        }
        let pending = std::mem::take(&mut self.pending);
        for event in pending {
            match &event {
                Event::Named(changes) if changes.iter().any(|(key, _)| parent(key) == path) => {
                    apply(&mut self.durable, changes);
                }
                Event::MovedDirectory { from, to }
                    if [from, to].iter().any(|key| parent(key) == path) =>
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
        let parents = path.match_indices('/').map(|(end, _)| &path[..end]);
        let mut changes: Vec<_> = parents
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

    fn parent_is_there(&self, path: &str) -> io::Result<()> {
        let parent = parent(path);
        match self.live.get(parent) {
            _ if parent.is_empty() => Ok(()),
            Some(Entry::Directory) => Ok(()),
            _ => Err(ErrorKind::NotFound.into()),
        }
    }

    fn name(&mut self, changes: Vec<(String, Option<Entry>)>) {
        apply(&mut self.live, &changes);
        self.pending.push(Event::Named(changes));
    }
}

/// Applies changes of names.
pub(super) fn apply(names: &mut Names, changes: &[(String, Option<Entry>)]) {
    for (path, entry) in changes {
        match entry {
            Some(entry) => drop(names.insert(path.clone(), *entry)),
            None => drop(names.remove(path)),
        }
    }
}

/// Moves a directory and everything below it, replacing what is at `to`.
pub(super) fn move_directory(names: &mut Names, from: &str, to: &str) {
    let (below_from, below_to) = (below(from), below(to));
    let moved: Vec<_> = names
        .iter()
        .filter_map(|(path, entry)| {
            let target = match path.strip_prefix(&below_from) {
                Some(rest) => below_to.clone() + rest,
                None if path == from => to.to_owned(),
                None => return None,
            };
            Some((path.clone(), target, *entry))
        })
        .collect();
    if moved.is_empty() {
        // Its creation was lost.
        return;
    }
    names.retain(|path, _| path != to && !path.starts_with(&below_to));
    for (path, target, entry) in moved {
        names.remove(&path);
        names.insert(target, entry);
    }
}

/// A path as its components joined by `/`, without `.`, so that every place has one spelling.
fn plain(path: &Path) -> String {
    let mut plain = String::with_capacity(path.as_os_str().len());
    for part in path.components().filter(|part| *part != Component::CurDir) {
        if !plain.is_empty() {
            plain.push('/');
        }
        plain.push_str(&part.as_os_str().to_string_lossy());
    }
    plain
}

/// The directory of a plain path; the empty one for a path of one component.
pub(super) fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |end| &path[..end])
}

/// What every plain path below a directory begins with.
fn below(directory: &str) -> String {
    match directory {
        "" => String::new(),
        _ => format!("{directory}/"),
    }
}
