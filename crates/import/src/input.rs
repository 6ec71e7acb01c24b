//! Opening text: regular files and standard input, plain or compressed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, stdin};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use twinspire_core::files::open_regular;

use crate::error::ImportError;
use crate::standard_input::is_standard_input;

/// The byte order mark that some editors put before UTF-8 text.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Number of first bytes that tell what a file is.
const HEAD_BYTES: u64 = 4;

const BUFFER_BYTES: usize = 1 << 16;

/// Text to read, plain or unpacked on the way.
pub(crate) struct Text {
    pub(crate) reader: Box<dyn BufRead + Send>,
    /// Number of compressed bytes read so far, where the text is compressed.
    packed: Option<Arc<AtomicU64>>,
}

impl Text {
    /// Text from a reader, taken as it is.
    pub(crate) fn plain(reader: impl BufRead + Send + 'static) -> Self {
        Self {
            reader: Box::new(reader),
            packed: None,
        }
    }

    /// Opens a file, or standard input for the path `-`. Text that is compressed with gzip or Zstandard is
    /// unpacked, whatever its name; other files that are no UTF-8 text by their first bytes are refused.
    pub(crate) fn open(path: &Path) -> Result<Self, ImportError> {
        match is_standard_input(path) {
            true => Self::unpacked(stdin(), path),
            false => Self::unpacked(open_file(path)?, path),
        }
    }

    /// Text from a reader, unpacked if it is compressed; errors call it `path`.
    pub(crate) fn unpacked(
        mut reader: impl Read + Send + 'static,
        path: &Path,
    ) -> Result<Self, ImportError> {
        let mut head = Vec::new();
        (&mut reader)
            .take(HEAD_BYTES)
            .read_to_end(&mut head)
            .map_err(|error| ImportError::io(path, &error))?;
        let kind = kind(&head);
        // Chained instead of rewound, as standard input cannot be rewound.
        let reader = Cursor::new(head).chain(reader);
        let refused = |what: &str| {
            let what = format!("text expected, but this is {what}");
            Err(ImportError::file(path, what))
        };
        match kind {
            Kind::Text => Ok(Self::plain(BufReader::with_capacity(BUFFER_BYTES, reader))),
            Kind::Other(what) => refused(what),
            #[cfg(feature = "compressed")]
            Kind::Gzip => Self::packed(reader, path, |reader| {
                Ok(flate2::read::MultiGzDecoder::new(reader))
            }),
            #[cfg(feature = "compressed")]
            Kind::Zstd => Self::packed(reader, path, zstd::stream::read::Decoder::new),
            #[cfg(not(feature = "compressed"))]
            Kind::Gzip => refused("compressed with gzip: unpack it first"),
            #[cfg(not(feature = "compressed"))]
            Kind::Zstd => refused("compressed with zstd: unpack it first"),
        }
    }

    #[cfg(feature = "compressed")]
    fn packed<R: Read + Send + 'static, D: Read + Send + 'static>(
        reader: R,
        path: &Path,
        unpack: impl FnOnce(Counted<R>) -> io::Result<D>,
    ) -> Result<Self, ImportError> {
        let count = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            inner: reader,
            count: Arc::clone(&count),
        };
        let unpacked = unpack(counted).map_err(|error| ImportError::io(path, &error))?;
        let unpacked = Named(unpacked);
        Ok(Self {
            reader: Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacked)),
            packed: Some(count),
        })
    }

    /// The first byte that is no white space, without consuming it.
    pub(crate) fn first_byte(&mut self, path: &Path) -> Result<Option<u8>, ImportError> {
        let chunk = self.reader.fill_buf();
        let chunk = chunk.map_err(|error| ImportError::io(path, &error))?;
        let chunk = chunk.strip_prefix(BOM).unwrap_or(chunk);
        Ok(chunk.trim_ascii_start().first().copied())
    }

    /// Bytes of the file read so far; `position` is the number of bytes of text.
    pub(crate) fn bytes_read(&self, position: u64) -> u64 {
        match &self.packed {
            Some(packed) => packed.load(Ordering::Relaxed),
            None => position,
        }
    }
}

/// Opens a file that a user names. What is no regular file is refused before it is opened: a FIFO would wait for a writer,
/// and a device may have no end.
///
/// # Errors
/// Fails as the file system does; with [`io::ErrorKind::InvalidInput`] for what is no regular file.
pub fn regular_file(path: impl AsRef<Path>) -> io::Result<File> {
    open_regular(path.as_ref())
}

/// Opens a regular file.
pub(crate) fn open_file(path: &Path) -> Result<File, ImportError> {
    open_regular(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => ImportError::file(path, error.to_string()),
        _ => ImportError::io(path, &error),
    })
}

/// What a file is by its first bytes.
enum Kind {
    Text,
    Gzip,
    Zstd,
    /// No text, with advice.
    Other(&'static str),
}

fn kind(head: &[u8]) -> Kind {
    match head {
        [0x1f, 0x8b, ..] => Kind::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Kind::Zstd,
        [b'P', b'K', 3, 4] => Kind::Other("a zip archive: unpack it first"),
        b"PAR1" => Kind::Other("a Parquet file: call it .parquet; standard input cannot hold one"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Kind::Other("UTF-16 text: save it as UTF-8"),
        _ => Kind::Text,
    }
}

/// A reader that counts its bytes.
#[cfg(feature = "compressed")]
struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

#[cfg(feature = "compressed")]
impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A decompressor whose errors say that the compressed data are at fault.
#[cfg(feature = "compressed")]
struct Named<R>(R);

#[cfg(feature = "compressed")]
impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(
                kind,
                format!("the compressed data are damaged or cut short: {error}"),
            ),
        })
    }
}
