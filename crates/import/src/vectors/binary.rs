//! Rows of one length in bytes, as in `.npy` and `.fvecs`.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use twinspire_core::kernel;

use super::ids::Ids;
use super::row::{self, Row};
use crate::error::ImportError;

/// The stored type of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Component {
    U1,
    F2,
    F4,
    F8,
}

impl Component {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U1 => 1,
            Self::F2 => 2,
            Self::F4 => 4,
            Self::F8 => 8,
        }
    }

    /// The components of little-endian bytes.
    fn decode(self, bytes: &[u8]) -> Result<Vec<f32>, String> {
        let mut vector = Vec::with_capacity(bytes.len() / self.bytes());
        match self {
            Self::U1 => vector.extend(bytes.iter().copied().map(f32::from)),
            Self::F2 => {
                let (halves, _) = bytes.as_chunks();
                let halves: Vec<u16> = halves.iter().copied().map(u16::from_le_bytes).collect();
                kernel::Row::Half(&halves).append_to(&mut vector);
            }
            Self::F4 => {
                let (floats, _) = bytes.as_chunks();
                vector.extend(floats.iter().copied().map(f32::from_le_bytes));
            }
            Self::F8 => {
                let (floats, _) = bytes.as_chunks();
                for (at, float) in floats.iter().enumerate() {
                    row::narrow(at + 1, f64::from_le_bytes(*float), &mut vector)?;
                }
            }
        }
        row::check_finite(&vector)?;
        Ok(vector)
    }
}

/// The layout of a file of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) component: Component,
    pub(super) big_endian: bool,
    /// Number of components of a row; `None` for an empty file that does not declare it.
    pub(super) dimension: Option<usize>,
    /// Whether each row is preceded by its dimension.
    pub(super) prefixed: bool,
    /// Number of rows, if known.
    pub(super) rows: Option<u64>,
    /// Position of the first row in bytes.
    pub(super) start: u64,
}

/// The rows of a file, with their ids.
pub(super) struct Binary {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    layout: Layout,
    ids: Ids,
    buffer: Vec<u8>,
    /// Number of rows read.
    row: u64,
    position: u64,
    done: bool,
}

/// A bad row, and whether it is the last that can be read.
struct Fault {
    error: ImportError,
    last: bool,
}

impl Binary {
    /// Reads rows from the current position of `reader`.
    pub(super) fn new(reader: Box<dyn Read + Send>, path: &Path, layout: Layout, ids: Ids) -> Self {
        Self {
            path: path.to_owned(),
            reader: Box::new(BufReader::with_capacity(1 << 16, reader)),
            position: layout.start,
            layout,
            ids,
            buffer: Vec::new(),
            row: 0,
            done: false,
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.position
    }

    pub(super) fn rows_total(&self) -> Option<u64> {
        self.layout.rows
    }

    pub(super) fn dimension(&self) -> Option<usize> {
        self.layout.dimension
    }

    /// The next row; `None` at the proper end of the file.
    fn read(&mut self) -> Result<Option<Row>, Fault> {
        if !self.fill()? {
            self.ids.finish(self.row, &self.path).map_err(Fault::last)?;
            return Ok(None);
        }
        let id = self.ids.next(self.row, &self.path);
        let id = id.map_err(|error| match error.is_bad_record() && !self.ids.ended() {
            true => Fault { error, last: false },
            // Once the ids have ended, no later row has one.
            false => Fault::last(error),
        })?;
        let vector = self.layout.component.decode(&self.buffer);
        let vector = vector.map_err(|what| Fault {
            error: ImportError::row(&self.path, self.row, what),
            last: false,
        })?;
        Ok(Some((id, vector)))
    }

    /// Reads the bytes of a row; `false` at the end of the file.
    fn fill(&mut self) -> Result<bool, Fault> {
        if self.layout.rows == Some(self.row) {
            return self.check_end().map(|()| false);
        }
        let row = self.row + 1;
        if self.layout.prefixed {
            let mut prefix = [0; 4];
            match self.read_into(&mut prefix)? {
                0 => return Ok(false),
                4 => {}
                _ => return Err(self.truncated(row, "its dimension, an int32,")),
            }
            let found = i32::from_le_bytes(prefix);
            let expected = self.layout.dimension.unwrap_or_default();
            if usize::try_from(found) != Ok(expected) {
                let what = format!(
                    "{expected} components expected, as the first row has, found a dimension of {found}"
                );
                return Err(Fault::last(ImportError::row(&self.path, row, what)));
            }
        }
        let bytes = self.layout.dimension.unwrap_or_default() * self.layout.component.bytes();
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(bytes, 0);
        let read = self.read_into(&mut buffer);
        self.buffer = buffer;
        if read? < bytes {
            return Err(self.truncated(row, &format!("{bytes} bytes")));
        }
        if self.layout.big_endian {
            let component = self.layout.component.bytes();
            self.buffer
                .chunks_exact_mut(component)
                .for_each(<[u8]>::reverse);
        }
        self.row = row;
        Ok(true)
    }

    /// Checks that nothing follows the declared rows.
    fn check_end(&mut self) -> Result<(), Fault> {
        let rows = self.row;
        if self.read_into(&mut [0])? == 0 {
            return Ok(());
        }
        let what = format!("the end of the file expected after {rows} rows, found more bytes");
        Err(Fault::last(ImportError::file(&self.path, what)))
    }

    fn truncated(&self, row: u64, wanted: &str) -> Fault {
        let what = format!("{wanted} expected, found the end of the file");
        Fault::last(ImportError::row(&self.path, row, what))
    }

    /// Reads until the buffer is full or the file ends.
    fn read_into(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let read = read_up_to(&mut self.reader, buffer)
            .map_err(|error| Fault::last(ImportError::io(&self.path, &error)))?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Fault {
    /// A fault after which nothing more can be read.
    fn last(error: ImportError) -> Self {
        let error = match error.is_bad_record() {
            true => error.cut(),
            false => error,
        };
        Self { error, last: true }
    }
}

/// Reads until the buffer is full or the file ends. Returns the number of bytes read.
pub(super) fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Iterator for Binary {
    type Item = Result<Row, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.read() {
            Ok(row) => {
                self.done = row.is_none();
                row.map(Ok)
            }
            Err(fault) => {
                self.done = fault.last;
                Some(Err(fault.error))
            }
        }
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binary")
            .field("path", &self.path)
            .field("layout", &self.layout)
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}
