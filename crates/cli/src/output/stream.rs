//! Records that are written while they are read: into a file, or to standard output.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use super::failure::Failure;
use crate::atomic_file::AtomicFile;

/// Bytes that are collected before a system call writes them.
const BUFFER_BYTES: usize = 1 << 16;
/// The name of standard output in errors.
const STANDARD_OUTPUT: &str = "standard output";

/// Where records are written.
pub type StreamWriter<'a> = BufWriter<&'a mut (dyn Write + Send)>;

/// Why a stream ended early.
#[derive(Debug)]
pub enum StreamError {
    /// The records cannot be read or computed.
    Source(Failure),
    /// The records cannot be written.
    Write(io::Error),
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Lets `write` write to standard output, or into a file that replaces the one at `path` once it is
/// complete and durable. Gives `None` for standard output: its lines are the result.
pub fn write_stream<T>(
    path: Option<&Path>,
    write: impl FnOnce(&mut StreamWriter<'_>) -> Result<T, StreamError>,
) -> Result<Option<T>, Failure> {
    let Some(path) = path else {
        return match write_all(&mut io::stdout(), write) {
            // The reader has seen enough: `twinspire export … | head`.
            Err(StreamError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
            Err(error) => Err(error.into_failure(STANDARD_OUTPUT)),
            Ok(_) => Ok(None),
        };
    };
    let name = path.display().to_string();
    let failed = |error| Failure::writing(&name, error);
    let file = AtomicFile::create(path).map_err(failed)?;
    let written = write_all(&mut file.file(), write);
    let written = written.map_err(|error| error.into_failure(&name))?;
    file.commit().map_err(failed)?;
    Ok(Some(written))
}

fn write_all<T>(
    out: &mut (dyn Write + Send),
    write: impl FnOnce(&mut StreamWriter<'_>) -> Result<T, StreamError>,
) -> Result<T, StreamError> {
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, out);
    let written = write(&mut writer)?;
    writer.flush()?;
    Ok(written)
}

impl StreamError {
    fn into_failure(self, name: &str) -> Failure {
        match self {
            Self::Source(failure) => failure,
            Self::Write(error) => Failure::writing(name, error),
        }
    }
}
