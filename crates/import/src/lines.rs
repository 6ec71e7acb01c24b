//! Text files line by line. Every line is bounded, and every error has its line number.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use twinspire_towers::internals::MAX_RECORD_BYTES;

use crate::error::ImportError;
use crate::input::{BOM, Text};

/// Maximum length of a line in bytes. A record fits into [`MAX_RECORD_BYTES`] of plain JSON; its line may be longer by
/// `\u` escapes and spaces.
pub(super) const MAX_LINE_BYTES: usize = 8 * MAX_RECORD_BYTES;

type Convert<T> = Box<dyn FnMut(&[u8]) -> Result<T, String> + Send>;

/// Iterator over the records of a text file, one record per line.
///
/// A byte order mark, CRLF line ends and blank lines are skipped. A bad line is an error with its number, and the next
/// call reads the next line. An error of the file system ends the iteration.
pub struct Lines<T> {
    path: PathBuf,
    text: Text,
    convert: Convert<T>,
    buffer: Vec<u8>,
    line: u64,
    position: u64,
    blank: bool,
    done: bool,
}

impl<T> Lines<T> {
    /// Reads the file at `path`, turning each line into a record with `convert`.
    pub(super) fn open(
        path: &Path,
        convert: impl FnMut(&[u8]) -> Result<T, String> + Send + 'static,
    ) -> Result<Self, ImportError> {
        Ok(Self::of(Text::open(path)?, path, convert))
    }

    /// Reads from a reader; errors call it `path`.
    pub(super) fn new(
        reader: impl BufRead + Send + 'static,
        path: &Path,
        convert: impl FnMut(&[u8]) -> Result<T, String> + Send + 'static,
    ) -> Self {
        Self::of(Text::plain(reader), path, convert)
    }

    /// Reads any text; errors call it `path`.
    pub(super) fn of(
        text: Text,
        path: &Path,
        convert: impl FnMut(&[u8]) -> Result<T, String> + Send + 'static,
    ) -> Self {
        Self {
            path: path.to_owned(),
            text,
            convert: Box::new(convert),
            buffer: Vec::new(),
            line: 0,
            position: 0,
            blank: false,
            done: false,
        }
    }

    /// Keeps blank lines, for files whose lines belong to the rows of another file.
    pub(super) fn with_blank(mut self) -> Self {
        self.blank = true;
        self
    }

    /// Bytes read so far, for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.text.bytes_read(self.position)
    }

    /// The number of the last line read, from 1; 0 before the first.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Reads one line into the buffer; `false` at the end of the file.
    fn fill(&mut self) -> Result<bool, ImportError> {
        self.buffer.clear();
        let bound = MAX_LINE_BYTES as u64 + 1;
        let read = (&mut self.text.reader)
            .take(bound)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| ImportError::unread(&self.path, self.line + 1, &error))?
            as u64;
        if read == 0 {
            return Ok(false);
        }
        self.line += 1;
        self.position += read;
        if read == bound && self.buffer.last() != Some(&b'\n') {
            self.position += skip_line(&mut self.text.reader)
                .map_err(|error| ImportError::unread(&self.path, self.line, &error))?;
            let what = format!("a line of at most {MAX_LINE_BYTES} bytes expected, longer found");
            return Err(ImportError::line(&self.path, self.line, what));
        }
        Ok(true)
    }
}

impl<T> Iterator for Lines<T> {
    type Item = Result<T, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => {
                    self.done = true;
                    continue;
                }
                Err(error) => {
                    self.done = !error.is_bad_record();
                    return Some(Err(error));
                }
            }
            let mut text = self.buffer.as_slice();
            if self.line == 1 {
                text = text.strip_prefix(BOM).unwrap_or(text);
            }
            text = text.strip_suffix(b"\n").unwrap_or(text);
            text = text.strip_suffix(b"\r").unwrap_or(text);
            if text.trim_ascii().is_empty() && !self.blank {
                continue;
            }
            let record = (self.convert)(text);
            return Some(record.map_err(|what| ImportError::line(&self.path, self.line, what)));
        }
        None
    }
}

impl<T> std::fmt::Debug for Lines<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

/// Skips the rest of a line without keeping it.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(skipped);
        }
        let (used, ended) = match chunk.iter().position(|&byte| byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (chunk.len(), false),
        };
        reader.consume(used);
        skipped += used as u64;
        if ended {
            return Ok(skipped);
        }
    }
}

/// The text of a line, which must be UTF-8.
pub(super) fn utf8(line: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(line).map_err(|error| {
        format!(
            "UTF-8 text expected, found other bytes at byte {}",
            error.valid_up_to() + 1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::write_file;
    use proptest::prelude::*;

    fn lines(text: impl Into<Vec<u8>>) -> Lines<String> {
        let reader = io::Cursor::new(text.into());
        Lines::new(reader, Path::new("a.txt"), |line| {
            utf8(line).map(str::to_owned)
        })
    }

    #[test]
    fn byte_order_mark_crlf_and_blank_lines_are_skipped_and_counted() {
        let mut all = lines("\u{feff}one\r\n\r\n  \t\n\ntwo");
        assert_eq!(all.next().unwrap().unwrap(), "one");
        assert_eq!(all.line(), 1);
        assert_eq!(all.next().unwrap().unwrap(), "two");
        assert_eq!(all.line(), 5);
        assert!(all.next().is_none());
        assert_eq!(all.bytes_read(), 18);
    }

    #[test]
    fn blank_lines_are_kept_on_request() {
        let all = lines("\none\r\n  \n\r\ntwo\n").with_blank();
        let all: Vec<String> = all.map(Result::unwrap).collect();
        assert_eq!(all, ["", "one", "  ", "", "two"]);
        assert_eq!(lines("").with_blank().count(), 0);
    }

    #[test]
    fn a_bad_line_is_reported_with_its_number_and_the_next_is_read() {
        let mut all = lines(b"one\nt\xffo\nthree\n".to_vec());
        assert!(all.next().unwrap().is_ok());
        let error = all.next().unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.txt, line 2: UTF-8 text expected, found other bytes at byte 2"
        );
        assert_eq!(all.next().unwrap().unwrap(), "three");
    }

    #[test]
    fn an_endless_line_takes_bounded_memory_and_is_skipped() {
        let mut text = vec![b'x'; 3 * MAX_LINE_BYTES];
        text.extend_from_slice(b"\nnext\n");
        let mut all = lines(text);
        let error = all.next().unwrap().unwrap_err();
        assert_eq!(error.line, Some(1));
        assert!(all.buffer.capacity() <= 4 * MAX_LINE_BYTES);
        assert_eq!(all.next().unwrap().unwrap(), "next");
        assert_eq!(all.line(), 2);
    }

    #[test]
    fn a_file_system_error_ends_the_iteration() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let mut all = Lines::new(io::BufReader::new(Broken), Path::new("a.txt"), |_| Ok(()));
        let error = all.next().unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.txt, line 1: cannot be read: the disk is gone"
        );
        assert!(all.next().is_none());
    }

    #[test]
    fn files_that_are_not_text_are_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        for (head, advice) in [
            (&b"PK\x03\x04"[..], "unpack it first"),
            (b"PAR1", "call it .parquet"),
            (b"\xff\xfe{\0", "save it as UTF-8"),
        ] {
            let path = write_file(dir.path(), "a", head);
            let error = Lines::open(&path, |_| Ok(())).unwrap_err();
            assert!(error.to_string().contains(advice), "{error}");
        }
        let error = Lines::open(dir.path(), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("a directory found"));
        let error = Lines::open(&dir.path().join("none"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("cannot be read"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_the_lines_of_a_plain_split(text in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'\r'), Just(b' '), Just(0xffu8), b'a'..b'd'], 0..60)
        ) {
            let bytes = |line: &[u8]| Ok(line.to_vec());
            let all = Lines::new(io::Cursor::new(text.clone()), Path::new("a"), bytes);
            let plain: Vec<Vec<u8>> = text
                .split(|&byte| byte == b'\n')
                .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
                .filter(|line| !line.trim_ascii().is_empty())
                .collect();
            prop_assert_eq!(all.map(Result::unwrap).collect::<Vec<_>>(), plain);
        }
    }
}
