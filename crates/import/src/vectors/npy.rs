//! NumPy's `.npy`: a header that is the text of a Python dictionary, then the components.

use std::io::Read;
use std::path::Path;

use super::binary::{Binary, Component, Layout, read_up_to};
use super::ids::Ids;
use super::options::{Setting, VectorOptions};
use super::row;
use crate::error::ImportError;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Maximum size of the header in bytes; NumPy itself warns above 10,000.
const MAX_HEADER: usize = 1 << 16;

const ADVICE: &str = "numpy.save(path, numpy.ascontiguousarray(array, numpy.float32)) writes one";

/// Reads the header; the rows are read later.
pub(super) fn read(
    mut reader: Box<dyn Read + Send>,
    length: Option<u64>,
    path: &Path,
    options: &VectorOptions,
) -> Result<Binary, ImportError> {
    options.only(path, &[Setting::Ids])?;
    let ids = Ids::open(options)?;
    let at_fault = |what: String| ImportError::file(path, what);
    let (text, start) = header_text(&mut reader, path)?;
    let header = Header::parse(&text).map_err(at_fault)?;
    let layout = header.layout(start).map_err(at_fault)?;
    if let Some(length) = length {
        let found = length.saturating_sub(start);
        let expected = header.bytes();
        if expected != Some(found) {
            let what = format!(
                "{} rows of {} components expected, as the header says, which does not make the \
                 {found} bytes that follow it: was the file cut short?",
                header.rows, header.dimension
            );
            return Err(at_fault(what));
        }
    }
    Ok(Binary::new(reader, path, layout, ids))
}

/// The text of the header, and the position of the data.
fn header_text(reader: &mut impl Read, path: &Path) -> Result<(String, u64), ImportError> {
    let mut take = |wanted: usize| {
        let mut bytes = vec![0; wanted];
        let read = read_up_to(reader, &mut bytes).map_err(|error| ImportError::io(path, &error))?;
        bytes.truncate(read);
        Ok(bytes)
    };
    let at_fault = |what: String| Err(ImportError::file(path, what));
    let head = take(MAGIC.len() + 2)?;
    let Some([major, minor]) = head.strip_prefix(MAGIC) else {
        let found = match head.as_slice() {
            [b'P', b'K', ..] => "an archive (.npz?): save one of its arrays by itself",
            [] => "an empty file",
            _ => "other bytes",
        };
        return at_fault(format!(
            "a NumPy array expected, which begins with \\x93NUMPY, found {found}; {ADVICE}"
        ));
    };
    let size = match (*major, *minor) {
        (1, 0) => take(2)?,
        (2 | 3, 0) => take(4)?,
        (major, minor) => {
            return at_fault(format!(
                "version 1.0, 2.0 or 3.0 of the format expected, found {major}.{minor}"
            ));
        }
    };
    let start = (head.len() + size.len()) as u64;
    let length = size.iter().rev();
    let length = length.fold(0, |length, byte| length << 8 | usize::from(*byte));
    if length > MAX_HEADER {
        return at_fault(format!(
            "a header of at most {MAX_HEADER} bytes expected, found one of {length}"
        ));
    }
    let bytes = take(length)?;
    if bytes.len() < length || size.is_empty() {
        return at_fault(format!(
            "a header of {length} bytes expected, found the end of the file"
        ));
    }
    // Latin-1 before version 3; a valid header is ASCII.
    let text = bytes.iter().map(|byte| char::from(*byte)).collect();
    Ok((text, start + length as u64))
}

/// The content of a header.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    component: Component,
    big_endian: bool,
    rows: u64,
    dimension: u64,
}

impl Header {
    fn parse(text: &str) -> Result<Self, String> {
        let mut rest = Rest(text);
        let (mut component, mut c_order, mut shape) = (None, None, None);
        rest.expect('{')?;
        while !rest.consume('}') {
            let key = rest.string()?;
            rest.expect(':')?;
            let again = match key {
                "descr" => component.replace(rest.dtype()?).is_some(),
                "fortran_order" => c_order.replace(rest.c_order()?).is_some(),
                "shape" => shape.replace(rest.shape()?).is_some(),
                _ => return Err(rest.fault("`descr`, `fortran_order` or `shape`", key)),
            };
            if again {
                return Err(rest.fault("each key once", key));
            }
            if !rest.consume(',') {
                rest.expect('}')?;
                break;
            }
        }
        if !rest.0.trim_ascii().is_empty() {
            return Err(rest.fault("nothing after the dictionary", rest.0));
        }
        let missing =
            |key: &str| format!("a header with `{key}` expected, which has none; {ADVICE}");
        let (component, big_endian) = component.ok_or_else(|| missing("descr"))?;
        c_order.ok_or_else(|| missing("fortran_order"))?;
        let (rows, dimension) = shape.ok_or_else(|| missing("shape"))?;
        Ok(Self {
            component,
            big_endian,
            rows,
            dimension,
        })
    }

    /// Size of all components in bytes; `None` on overflow.
    fn bytes(&self) -> Option<u64> {
        let components = self.rows.checked_mul(self.dimension)?;
        components.checked_mul(self.component.bytes() as u64)
    }

    fn layout(&self, start: u64) -> Result<Layout, String> {
        let dimension = usize::try_from(self.dimension).unwrap_or(usize::MAX);
        row::check_length(dimension)?;
        Ok(Layout {
            component: self.component,
            big_endian: self.big_endian,
            dimension: Some(dimension),
            prefixed: false,
            rows: Some(self.rows),
            start,
        })
    }
}

/// The unparsed rest of the header.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Consumes a character, and white space before it, if it comes next.
    fn consume(&mut self, wanted: char) -> bool {
        match self.0.trim_ascii_start().strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.consume(wanted) {
            true => Ok(()),
            false => Err(self.fault(&format!("`{wanted}`"), self.0)),
        }
    }

    /// A string in single or double quotes, as Python writes it; escapes do not occur.
    fn string(&mut self) -> Result<&'a str, String> {
        for quote in ['\'', '"'] {
            if self.consume(quote) {
                let (text, rest) = self
                    .0
                    .split_once(quote)
                    .ok_or_else(|| self.fault("a closing quote", self.0))?;
                self.0 = rest;
                return Ok(text);
            }
        }
        Err(self.fault("a string in quotes", self.0))
    }

    fn dtype(&mut self) -> Result<(Component, bool), String> {
        const WANTED: &str = "an array of float16, float32 or float64";
        if self.0.trim_ascii_start().starts_with('[') {
            return Err(format!(
                "{WANTED} expected, found a structured one; {ADVICE}"
            ));
        }
        let descr = self.string()?;
        match descr {
            "<f2" => Ok((Component::F2, false)),
            "<f4" => Ok((Component::F4, false)),
            "<f8" => Ok((Component::F8, false)),
            ">f2" => Ok((Component::F2, true)),
            ">f4" => Ok((Component::F4, true)),
            ">f8" => Ok((Component::F8, true)),
            _ => Err(format!(
                "{WANTED} expected (`<f4`), found `{}`; {ADVICE}",
                shown(descr)
            )),
        }
    }

    fn c_order(&mut self) -> Result<(), String> {
        let rest = self.0.trim_ascii_start();
        if let Some(rest) = rest.strip_prefix("False") {
            self.0 = rest;
            return Ok(());
        }
        if rest.starts_with("True") {
            let what = "an array in C order expected, row after row, found Fortran order";
            return Err(format!("{what}; {ADVICE}"));
        }
        Err(self.fault("True or False", rest))
    }

    fn shape(&mut self) -> Result<(u64, u64), String> {
        self.expect('(')?;
        let mut lengths = Vec::new();
        while !self.consume(')') {
            lengths.push(self.number()?);
            if !self.consume(',') {
                self.expect(')')?;
                break;
            }
        }
        match *lengths.as_slice() {
            [rows, dimension] => Ok((rows, dimension)),
            _ => Err(format!(
                "an array of 2 dimensions expected, one row for each vector, found {}: \
                 array.reshape(-1, dimension) makes one",
                lengths.len()
            )),
        }
    }

    fn number(&mut self) -> Result<u64, String> {
        let rest = self.0.trim_ascii_start();
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let (digits, after) = rest.split_at(end.unwrap_or(rest.len()));
        let number = digits.parse();
        let number = number.map_err(|_| self.fault("a whole number below 2^64", rest))?;
        // Python 2 wrote `3L`.
        self.0 = after.strip_prefix('L').unwrap_or(after);
        Ok(number)
    }

    fn fault(&self, expected: &str, found: &str) -> String {
        let found = shown(found);
        format!("a NumPy header expected, in it {expected}, found \"{found}\"; {ADVICE}")
    }
}

/// The beginning of a text, escaped for a message.
fn shown(text: &str) -> String {
    text.trim()
        .chars()
        .take(30)
        .flat_map(char::escape_default)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Header, String> {
        Header::parse(text)
    }

    #[test]
    fn headers_are_read_in_every_form_that_python_writes() {
        let header = Header {
            component: Component::F4,
            big_endian: false,
            rows: 3,
            dimension: 4,
        };
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }          \n",
            "{'shape': (3, 4,), 'fortran_order': False, 'descr': '<f4'}",
            "{\"descr\":\"<f4\",\"fortran_order\":False,\"shape\":(3L,4L)}\n",
            "  { 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 3 , 4 ) , } ",
        ] {
            assert_eq!(parse(text).as_ref(), Ok(&header), "{text}");
        }
        let big = parse("{'descr': '>f8', 'fortran_order': False, 'shape': (1, 2)}").unwrap();
        assert!(big.big_endian && big.component == Component::F8);
    }

    #[test]
    fn a_wrong_header_is_refused_with_advice() {
        let with = |descr: &str, order: &str, shape: &str| {
            format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}")
        };
        for (text, says) in [
            (with("'<i8'", "False", "(3, 4)"), "found `<i8`; numpy.save("),
            (with("'|u1'", "False", "(3, 4)"), "found `|u1`"),
            (with("'|O'", "False", "(3, 4)"), "found `|O`"),
            (
                with("[('a', '<f4')]", "False", "(3,)"),
                "found a structured one",
            ),
            (
                with("'<f4'", "True", "(3, 4)"),
                "found Fortran order; numpy.save(path, numpy.asc",
            ),
            (
                with("'<f4'", "true", "(3, 4)"),
                "in it True or False, found \"true,",
            ),
            (
                with("'<f4'", "False", "()"),
                "2 dimensions expected, one row for each vector, found 0",
            ),
            (
                with("'<f4'", "False", "(12,)"),
                "found 1: array.reshape(-1, dimension)",
            ),
            (with("'<f4'", "False", "(1, 2, 3)"), "found 3"),
            (
                with("'<f4'", "False", "(-1, 2)"),
                "in it a whole number below 2^64, found \"-1, 2",
            ),
            (
                with("'<f4'", "False", "(99999999999999999999, 2)"),
                "below 2^64",
            ),
            (with("'<f4'", "False", "(1 2)"), "in it `)`, found \"2)"),
            (
                "{'descr': '<f4', 'shape': (1, 2)}".into(),
                "with `fortran_order` expected",
            ),
            ("{}".into(), "with `descr` expected"),
            (
                "{'descr': '<f4', 'fortran_order': False}".into(),
                "with `shape` expected",
            ),
            (
                "{'descr': '<f4', 'descr': '<f4'}".into(),
                "each key once, found \"descr\"",
            ),
            (
                "{'more': 1}".into(),
                "`fortran_order` or `shape`, found \"more\"",
            ),
            ("{'descr".into(), "a closing quote"),
            ("{descr: 1}".into(), "a string in quotes"),
            ("import os".into(), "in it `{`, found \"import os\""),
            (
                with("'<f4'", "False", "(1, 2)") + "x",
                "nothing after the dictionary, found \"x\"",
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
