//! The end of the journal as a reader saw it: a later look reads only what was appended since.

use super::error::CatalogError;
use super::read_file::ReadFile;
use super::recovery::{Recovered, paths};
use crate::format::container::{HEADER_BYTES, Header, Kind};
use crate::format::journal::{Op, decode_frames};
use crate::store::{Directory, StoreError};
use std::path::{Path, PathBuf};
use twinspire_core::files::{IoAction, names};
use twinspire_core::ids::Revision;

/// How far the journal was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    /// The last revision, sealed or not.
    last: Revision,
    /// The files, oldest first.
    files: Vec<ReadFile>,
    /// Bytes of all files.
    bytes: u64,
}

/// The tail after what was appended, and the operations that were.
type Followed = (Tail, Vec<(Revision, Op)>);

impl Tail {
    /// The end of a journal that was read whole. If it is damaged, the next look reads it whole again.
    pub(crate) fn of(recovered: &Recovered) -> Self {
        let is_sound = recovered.losses.is_empty();
        Self {
            last: recovered.last,
            files: match is_sound {
                true => recovered.read.clone(),
                false => Vec::new(),
            },
            bytes: recovered.bytes,
        }
    }

    /// The last revision that was read, sealed or not.
    pub(crate) fn last(&self) -> Revision {
        self.last
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads what was appended since, and returns the new tail with the new operations. `None` if the
    /// journal has to be read whole: it is damaged, or another one than before.
    ///
    /// Everything up to `sealed` is in segments now: files with nothing else may be gone.
    pub(crate) fn follow(
        &self,
        directory: &Directory,
        database: u64,
        sealed: Revision,
    ) -> Result<Option<Followed>, CatalogError> {
        let mut next = Self {
            last: self.last.max(sealed),
            ..Self::default()
        };
        let (mut known, mut ops) = (self.files.iter().peekable(), Vec::new());
        for path in paths(directory)? {
            while let Some(gone) = known.next_if(|file| number(&file.path) < number(&path)) {
                if gone.last > sealed {
                    return Ok(None);
                }
            }
            let file = known.next_if(|file| file.path == path);
            let Some(file) = next.read_file(directory, path, file, database, &mut ops)? else {
                return Ok(None);
            };
            next.files.push(file);
        }
        let is_complete = known.all(|gone| gone.last <= sealed);
        Ok(is_complete.then_some((next, ops)))
    }

    /// Reads a file, from where it was read to before. Adds the operations that are new. `None` if it is
    /// damaged, or another file than before.
    fn read_file(
        &mut self,
        directory: &Directory,
        path: PathBuf,
        before: Option<&ReadFile>,
        database: u64,
        ops: &mut Vec<(Revision, Op)>,
    ) -> Result<Option<ReadFile>, CatalogError> {
        // The last frame is read again: it is the same if its header is.
        let mark = before.map_or(&[][..], |file| &file.mark);
        let from = before.map_or(0, |file| file.last_frame);
        let read = directory.files.read_from(&path, from);
        let bytes = read.map_err(StoreError::io(IoAction::Read, &path))?;
        if !bytes.starts_with(mark) {
            return Ok(None);
        }
        let mut start = 0;
        let mut last = before.map_or(Revision(0), |file| file.last);
        if from == 0 {
            // Nothing was acknowledged before the header is whole.
            if bytes.len() < HEADER_BYTES || bytes.iter().all(|byte| *byte == 0) {
                self.bytes += bytes.len() as u64;
                return Ok(Some(ReadFile::new(&path, &bytes, 0, 0, last)));
            }
            match Header::decode(&bytes, Kind::Journal) {
                Ok(header) if header.database == database && header.before <= self.last.0 => {
                    last = Revision(header.before);
                }
                _ => return Ok(None),
            }
            start = HEADER_BYTES;
        }
        let found = decode_frames(&bytes, start);
        for frame in found.frames {
            if frame.first > self.last.next() {
                return Ok(None);
            }
            last = last.max(frame.last());
            for (revision, op) in (frame.first.0..).map(Revision).zip(frame.ops) {
                if revision > self.last {
                    self.last = revision;
                    ops.push((revision, op));
                }
            }
        }
        let is_damaged = found.holes.iter().any(|hole| hole.next.is_some());
        if is_damaged || found.unsupported.is_some() {
            return Ok(None);
        }
        // A torn end may yet become whole: it is read again.
        let whole = found.holes.first().map_or(bytes.len(), |hole| hole.at);
        self.bytes += from + bytes.len() as u64;
        let mut file = ReadFile::new(&path, &bytes, found.last_frame, whole, last);
        file.last_frame += from;
        Ok(Some(file))
    }
}

fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    names::number_of(name, "journal")
}

#[cfg(test)]
mod tests {
    use super::super::{newest, read};
    use super::*;
    use crate::format::journal::Frame;
    use proptest::prelude::*;
    use std::sync::Arc;
    use twinspire_core::files::{FileSystem, MemoryFiles};
    use twinspire_core::ids::ItemNo;

    const DATABASE: u64 = 7;

    fn directory() -> Directory {
        let (root, files) = (PathBuf::from("shop.twin"), MemoryFiles::default());
        files.create_dir(&root).unwrap();
        files.create_dir(&root.join(names::JOURNAL)).unwrap();
        let files = Arc::new(files);
        Directory { files, root }
    }

    fn header(before: u64) -> Vec<u8> {
        let header = Header {
            kind: Kind::Journal,
            identity: before,
            database: DATABASE,
            before,
        };
        header.encode().to_vec()
    }

    fn frame(first: u64, ops: usize) -> Vec<u8> {
        let op = |at: u64| Op {
            item: ItemNo(at as u32 % 5),
            id: format!("B{}", at % 5),
            record: (!at.is_multiple_of(3)).then(|| format!("{at}").into_bytes()),
        };
        let ops = (first..).take(ops).map(op).collect();
        let first = Revision(first);
        Frame { first, ops }.encode().unwrap()
    }

    /// What happens to a journal between two looks at it.
    #[derive(Clone, Debug)]
    enum Step {
        Append(usize),
        TornAppend,
        NewFile,
        Seal,
        Rewrite,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0usize..4).prop_map(Step::Append),
            1 => Just(Step::TornAppend),
            2 => Just(Step::NewFile),
            2 => Just(Step::Seal),
            1 => Just(Step::Rewrite),
        ]
    }

    /// The journal files and what is in them, and how far everything is sealed.
    struct Files {
        directory: Directory,
        content: Vec<(u64, Vec<u8>)>,
        last: u64,
        sealed: u64,
    }

    impl Files {
        fn run(&mut self, step: &Step) {
            let next = self.content.last().map_or(1, |(number, _)| number + 1);
            match step {
                Step::NewFile => self.content.push((next, header(self.last))),
                Step::Append(count) => {
                    if let Some((_, bytes)) = self.content.last_mut() {
                        bytes.extend(frame(self.last + 1, *count));
                        self.last += *count as u64;
                    }
                }
                Step::TornAppend => {
                    if let Some((_, bytes)) = self.content.last_mut() {
                        bytes.extend(&frame(self.last + 1, 2)[..40]);
                        self.content.push((next, header(self.last)));
                    }
                }
                Step::Seal => {
                    self.sealed = self.last;
                    self.content = vec![(next, header(self.last))];
                }
                Step::Rewrite => {
                    // All unsealed writes, in one call of one file of the same name.
                    let number = self.content.first().map_or(1, |(number, _)| *number);
                    let mut bytes = header(self.sealed);
                    bytes.extend(frame(self.sealed + 1, (self.last - self.sealed) as usize));
                    self.content = vec![(number, bytes)];
                }
            }
            let files = &self.directory.files;
            for path in paths(&self.directory).unwrap() {
                files.remove(&path).unwrap();
            }
            for (number, bytes) in &self.content {
                let number = twinspire_core::ids::FileNo(*number);
                let path = self.directory.path(names::JOURNAL, &names::journal(number));
                files.create_new(&path).unwrap().append(bytes).unwrap();
            }
        }
    }

    proptest! {
        #[test]
        fn following_a_journal_finds_what_reading_it_whole_does(
            steps in prop::collection::vec((step(), any::<bool>()), 1..40)
        ) {
            let mut journal = Files { directory: directory(), content: Vec::new(), last: 0, sealed: 0 };
            let (mut tail, mut rows) = (Tail::default(), newest([]));
            for (step, look) in steps {
                journal.run(&step);
                if !look {
                    continue;
                }
                let sealed = Revision(journal.sealed);
                let whole = read(&journal.directory, DATABASE, sealed).unwrap();
                prop_assert!(whole.losses.is_empty());
                match tail.follow(&journal.directory, DATABASE, sealed).unwrap() {
                    Some((next, ops)) => {
                        rows.retain(|_, fresh| fresh.revision > sealed);
                        for (revision, op) in ops {
                            let before = rows.get(&op.id);
                            let fresh = super::super::Fresh::after(before, revision, op.clone());
                            rows.insert(op.id, fresh);
                        }
                        tail = next;
                    }
                    None => {
                        rows = newest(whole.ops.iter().cloned());
                        tail = Tail::of(&whole);
                    }
                }
                prop_assert_eq!(&rows, &newest(whole.ops.iter().cloned()));
                prop_assert_eq!(tail.last(), whole.last);
                prop_assert_eq!(tail.bytes(), whole.bytes);
            }
        }
    }
}
