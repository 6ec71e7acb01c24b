//! Fetching objects, in pieces, into files that get their name once their checksum fits.

use super::directory::{Cache, PARTIAL};
use crate::checksum::Summing;
use crate::error::{Damage, RemoteError, StoreAction, StoreFault};
use crate::head::HeadFile;
use crate::layout;
use crate::remote::Remote;
use futures_util::{StreamExt, stream};
use std::io::ErrorKind;
use std::ops::Range;
use std::path::PathBuf;
use twinspire_core::files::{IoAction, NewFile};

/// Bytes of a request.
const PIECE: u64 = 4 << 20;
/// Number of requests at a time.
const AT_ONCE: usize = 8;

impl Cache {
    /// Fetches objects and verifies them. What was fetched before an error stays for the next try.
    pub(super) async fn download(
        &self,
        remote: &Remote,
        wanted: &[&HeadFile],
    ) -> Result<(), RemoteError> {
        let mut sinks = Vec::with_capacity(wanted.len());
        for file in wanted {
            sinks.push((*file, self.resumable(file)?));
        }
        let pieces = sinks
            .iter()
            .flat_map(|(file, at)| pieces(*at, file.length).map(|range| (*file, range)));
        let pieces: Vec<(&HeadFile, Range<u64>)> = pieces.collect();
        let mut arriving = stream::iter(pieces.into_iter().map(|(file, range)| async move {
            let path = layout::object(file.checksum);
            let got = remote.read_range(&path, range.clone()).await;
            match got {
                Ok(bytes) if bytes.len() as u64 == range.end - range.start => Ok(bytes),
                Ok(bytes) => {
                    Err(explain(remote, file, None, range.start + bytes.len() as u64).await)
                }
                Err(error) => Err(explain(remote, file, Some(error), 0).await),
            }
        }))
        .buffered(AT_ONCE);
        for (file, _) in sinks {
            let mut sink = self.resume(file)?;
            while sink.at < file.length {
                self.check_closed()?;
                let Some(bytes) = arriving.next().await else {
                    break;
                };
                sink.append(&bytes?)?;
            }
            self.finish(remote, file, sink)?;
        }
        Ok(())
    }

    /// The part of an object that is here already, and its length.
    fn left(&self, file: &HeadFile) -> Result<Option<(PathBuf, u64)>, RemoteError> {
        let partial = self.partial_path(file);
        let mut best: Option<(PathBuf, u64)> = None;
        for path in [partial.with_extension("old"), partial] {
            let length = match self.files.open(&path) {
                Ok(blob) => blob.len() as u64,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(RemoteError::file(IoAction::Open, &path)(error)),
            };
            let longer = best.as_ref().is_none_or(|(_, known)| length > *known);
            if longer && length <= file.length {
                best = Some((path, length));
            }
        }
        Ok(best)
    }

    /// From where on an object has to be fetched.
    fn resumable(&self, file: &HeadFile) -> Result<u64, RemoteError> {
        Ok(self.left(file)?.map_or(0, |(_, length)| length))
    }

    /// A file that has what is here of an object, to be continued. Files are never opened for writing again, so what is
    /// here is copied.
    fn resume(&self, file: &HeadFile) -> Result<Sink, RemoteError> {
        let path = self.partial_path(file);
        let old = path.with_extension("old");
        let left = self.left(file)?.map(|(left, _)| left);
        if left.as_ref() == Some(&path) {
            self.remove_file(&old)?;
            let renamed = self.files.rename(&path, &old);
            renamed.map_err(RemoteError::file(IoAction::Rename, &path))?;
        } else {
            self.remove_file(&path)?;
        }
        let created = self.files.create_new(&path);
        let mut sink = Sink {
            file: created.map_err(RemoteError::file(IoAction::Create, &path))?,
            path,
            sum: Summing::default(),
            at: 0,
        };
        if left.is_some() {
            let blob = self.files.open(&old);
            let blob = blob.map_err(RemoteError::file(IoAction::Open, &old))?;
            sink.append(&blob)?;
        }
        self.remove_file(&old)?;
        Ok(sink)
    }

    /// Gives an object its name if its bytes are those of its checksum.
    fn finish(&self, remote: &Remote, file: &HeadFile, sink: Sink) -> Result<(), RemoteError> {
        let Sink {
            file: new,
            path,
            sum,
            ..
        } = sink;
        let found = sum.value();
        if found != file.checksum {
            drop(new);
            self.remove_file(&path)?;
            let what = Damage::Checksum {
                expected: file.checksum,
                found,
            };
            return Err(damaged(remote, file, what));
        }
        new.finish()
            .map_err(RemoteError::file(IoAction::Sync, &path))?;
        let target = self.object_path(file.checksum);
        let renamed = self.files.rename(&path, &target);
        renamed.map_err(RemoteError::file(IoAction::Rename, &target))?;
        self.note_verified(file.checksum);
        Ok(())
    }

    fn partial_path(&self, file: &HeadFile) -> PathBuf {
        self.root.join(PARTIAL).join(file.checksum.to_string())
    }
}

/// An object that is being fetched.
struct Sink {
    file: Box<dyn NewFile>,
    path: PathBuf,
    sum: Summing,
    at: u64,
}

impl Sink {
    fn append(&mut self, bytes: &[u8]) -> Result<(), RemoteError> {
        let written = self.file.append(bytes);
        written.map_err(RemoteError::file(IoAction::Write, &self.path))?;
        self.sum.update(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// The requests for the bytes from `at` on.
fn pieces(at: u64, length: u64) -> impl Iterator<Item = Range<u64>> {
    let mut next = at;
    std::iter::from_fn(move || {
        let start = next;
        next = length.min(start.saturating_add(PIECE));
        (start < length).then_some(start..next)
    })
}

/// Why a piece did not come whole: the object is damaged, or the store failed.
async fn explain(
    remote: &Remote,
    file: &HeadFile,
    error: Option<RemoteError>,
    came: u64,
) -> RemoteError {
    let path = layout::object(file.checksum);
    match remote.look_up(&path).await {
        Ok(None) => damaged(remote, file, Damage::Missing),
        Ok(Some(meta)) if meta.size != file.length => {
            let (expected, found) = (file.length, meta.size);
            damaged(remote, file, Damage::Length { expected, found })
        }
        _ => error.unwrap_or_else(|| RemoteError::Store {
            action: StoreAction::Read,
            object: remote.object(&path),
            fault: StoreFault::Unreachable,
            what: format!("only {came} of {} bytes came", file.length),
        }),
    }
}

fn damaged(remote: &Remote, file: &HeadFile, what: Damage) -> RemoteError {
    RemoteError::Damaged {
        object: remote.object(&layout::object(file.checksum)),
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_what_is_left() {
        assert_eq!(pieces(0, 0).count(), 0);
        assert_eq!(pieces(5, 5).count(), 0);
        let all: Vec<Range<u64>> = pieces(1, 2 * PIECE + 2).collect();
        assert_eq!(
            all,
            [
                1..PIECE + 1,
                PIECE + 1..2 * PIECE + 1,
                2 * PIECE + 1..2 * PIECE + 2
            ]
        );
    }
}
