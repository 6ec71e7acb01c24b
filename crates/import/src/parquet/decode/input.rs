//! The bytes of a Parquet file, read piece by piece as the `parquet` crate asks for them.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::thrift::{PageSize, page_size};

/// Maximum size of a page in bytes, compressed or not. Most writers make pages of 1 MiB, DuckDB of up to 100 MB.
const MAX_PAGE_BYTES: u64 = 256 << 20;

/// Bytes to read until the end of a page header is found: the first is nearly always enough.
const HEADER_BYTES: [usize; 3] = [1 << 9, 1 << 14, 1 << 20];

/// A reader with random access.
pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// A file that is read piece by piece.
pub(crate) struct Input {
    reader: Mutex<Box<dyn ReadSeek>>,
    pub(super) length: u64,
}

impl Input {
    pub(crate) fn new(mut reader: Box<dyn ReadSeek>) -> io::Result<Self> {
        let length = reader.seek(SeekFrom::End(0))?;
        Ok(Self {
            reader: Mutex::new(reader),
            length,
        })
    }

    /// Reads `length` bytes. Memory is reserved only once the file is known to hold them.
    pub(super) fn read(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!(
                    "{length} bytes expected at byte {start}, but the file has {}",
                    self.length
                ),
            ));
        }
        let mut bytes = vec![0; length];
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.seek(SeekFrom::Start(start))?;
        reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads `length` bytes, or as many as there are.
    fn read_up_to(&self, start: u64, length: usize) -> io::Result<Vec<u8>> {
        let left = self.length.saturating_sub(start);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        self.read(start.min(self.length), length.min(left))
    }
}

/// One column of one row group. The size of a page is checked before the page is decompressed.
pub(crate) struct Chunk {
    pub(super) input: Arc<Input>,
    /// Whether the pages are compressed with gzip.
    gzip: bool,
    /// The sizes in the last page header that was read.
    size: Arc<Mutex<PageSize>>,
}

impl Chunk {
    pub(super) fn new(input: Arc<Input>, gzip: bool) -> Self {
        Self {
            input,
            gzip,
            size: Arc::default(),
        }
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.input.length
    }
}

impl ChunkReader for Chunk {
    type T = Header;

    fn get_read(&self, start: u64) -> Result<Header> {
        Ok(Header {
            input: Arc::clone(&self.input),
            size: Arc::clone(&self.size),
            start,
            bytes: None,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if length as u64 > MAX_PAGE_BYTES {
            return Err(too_large(length as i64).into());
        }
        let bytes = self.input.read(start, length)?;
        let size = *self.size.lock().unwrap_or_else(PoisonError::into_inner);
        if self.gzip && !fits(&bytes, size) {
            let what = "a page is larger than its header declares".to_owned();
            return Err(ParquetError::General(what));
        }
        Ok(bytes.into())
    }
}

/// Whether a gzip page is no larger than declared once decompressed. The crate decompresses all of it, and
/// gzip can expand a thousandfold.
fn fits(page: &[u8], size: PageSize) -> bool {
    let plain = usize::try_from(size.plain).unwrap_or_default();
    let packed = page.get(plain..).unwrap_or_default();
    let declared = size
        .unpacked
        .saturating_sub(size.plain)
        .max(0)
        .unsigned_abs();
    let mut all = MultiGzDecoder::new(packed).take(declared + 1);
    // Damaged data are reported when the crate decompresses them.
    io::copy(&mut all, &mut io::sink()).map_or(true, |found| found <= declared)
}

/// A reader that starts at the header of a page.
pub(crate) struct Header {
    input: Arc<Input>,
    size: Arc<Mutex<PageSize>>,
    start: u64,
    /// Filled by the first read: the crate creates readers that it never reads from.
    bytes: Option<Cursor<Vec<u8>>>,
}

impl Header {
    fn fill(&self) -> io::Result<Cursor<Vec<u8>>> {
        for length in HEADER_BYTES {
            let bytes = self.input.read_up_to(self.start, length)?;
            if let Some(size) = page_size(&bytes) {
                let allowed = 0..=MAX_PAGE_BYTES as i64;
                if !allowed.contains(&size.unpacked) || !allowed.contains(&size.packed) {
                    return Err(too_large(size.unpacked.max(size.packed)));
                }
                *self.size.lock().unwrap_or_else(PoisonError::into_inner) = size;
                return Ok(Cursor::new(bytes));
            }
            if bytes.len() < length {
                break;
            }
        }
        let what = format!("no page header at byte {}", self.start);
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }
}

impl Read for Header {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_none() {
            self.bytes = Some(self.fill()?);
        }
        match &mut self.bytes {
            Some(bytes) => bytes.read(buffer),
            None => Ok(0),
        }
    }
}

fn too_large(size: i64) -> io::Error {
    let what = format!(
        "a page of at most {MAX_PAGE_BYTES} bytes expected, found one of {size}: write smaller pages"
    );
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn a_gzip_page_larger_than_declared_is_refused() {
        let page = [&b"levels"[..], &gzip(&vec![0; 1 << 20])].concat();
        let size = |unpacked: i64| PageSize {
            unpacked: unpacked + 6,
            packed: page.len() as i64,
            plain: 6,
        };
        assert!(fits(&page, size(1 << 20)));
        assert!(!fits(&page, size((1 << 20) - 1)));
        assert!(!fits(&page, size(-6)));
        // Two members, one after the other, are unpacked both.
        let two = [&page[..], &gzip(b"more")].concat();
        assert!(!fits(&two, size(1 << 20)));
    }

    #[test]
    fn the_size_of_a_page_is_checked_with_its_header() {
        let header = |unpacked: &[u8]| {
            let head = [&[0x15, 0x00, 0x15][..], unpacked, &[0x15, 0x02, 0x00]].concat();
            let input = Input::new(Box::new(Cursor::new([head, vec![7; 1000]].concat()))).unwrap();
            let chunk = Chunk::new(Arc::new(input), false);
            let mut read = chunk.get_read(0).unwrap();
            let mut bytes = Vec::new();
            read.read_to_end(&mut bytes)
                .map_err(|error| error.to_string())
        };
        assert!(header(&[0x80, 0x01]).is_ok());
        // 2^31 - 1 and -1.
        for large in [&[0xfe, 0xff, 0xff, 0xff, 0x0f][..], &[0x01]] {
            let error = header(large).unwrap_err();
            assert!(
                error.contains("a page of at most 268435456 bytes"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_read_never_exceeds_the_file() {
        let input = Input::new(Box::new(Cursor::new(vec![1; 10]))).unwrap();
        assert_eq!(input.read(4, 6).unwrap(), [1; 6]);
        for (start, length) in [(4, 7), (11, 0), (u64::MAX, 2), (0, usize::MAX)] {
            assert!(input.read(start, length).is_err());
        }
        assert_eq!(input.read_up_to(8, 100).unwrap(), [1; 2]);
        assert!(input.read_up_to(20, 100).unwrap().is_empty());
        let chunk = Chunk::new(Arc::new(input), false);
        assert!(chunk.get_bytes(0, usize::MAX).is_err());
    }
}
