//! The numbers in the metadata that the `parquet` crate trusts, checked first.
//!
//! The crate reserves memory for as many children as a schema declares, recurses as deep as they go, and reserves a
//! page as large as its header declares. A stack overflow or a failed allocation ends the process and cannot be
//! caught. So these numbers are read here before. The metadata are Thrift structures in the compact protocol, in
//! which each field carries its number and type.

/// Maximum depth of a schema, and of nested structures.
const MAX_DEPTH: usize = 64;

/// Minimum size of a row group in the footer, in bytes.
const ROW_GROUP_BYTES: usize = 16;

const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Checks the numbers of a footer that memory is reserved by.
pub(super) fn check_footer(bytes: &[u8]) -> Result<(), String> {
    let mut children = Vec::new();
    let mut row_groups = 0;
    let mut walk = Walk { bytes };
    let walked = walk.fields(&mut |walk, field, kind| match (field, kind) {
        (2, LIST) => walk.list(&mut |walk, _| {
            let mut count = 0;
            walk.fields(&mut |walk, field, kind| match (field, kind) {
                (5, 3..=6) => {
                    count = walk.integer()?;
                    Some(())
                }
                _ => walk.skip(kind, MAX_DEPTH),
            })?;
            children.push(count);
            Some(())
        }),
        (4, LIST) => walk.list(&mut |walk, kind| {
            row_groups += 1;
            walk.skip(kind, MAX_DEPTH)
        }),
        _ => walk.skip(kind, MAX_DEPTH),
    });
    walked.ok_or("the metadata at the end of the file are damaged")?;
    if row_groups > bytes.len() / ROW_GROUP_BYTES {
        return Err(format!("{row_groups} row groups declared in too few bytes"));
    }
    check_tree(&children)
}

/// Checks a tree given by the number of children of each node, parents first.
fn check_tree(children: &[i64]) -> Result<(), String> {
    // For each level down to here, the number of nodes still to come.
    let mut levels: Vec<i64> = Vec::new();
    for (at, count) in children.iter().enumerate() {
        let left = (children.len() - at - 1) as i64;
        if !(0..=left).contains(count) {
            return Err(format!(
                "a schema node with {count} children, but {left} nodes follow it"
            ));
        }
        while levels.last() == Some(&0) {
            levels.pop();
        }
        if let Some(last) = levels.last_mut() {
            *last -= 1;
        }
        if *count > 0 {
            levels.push(*count);
        }
        if levels.len() > MAX_DEPTH {
            return Err(format!("a schema of more than {MAX_DEPTH} levels"));
        }
    }
    Ok(())
}

/// The sizes that a page header declares, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PageSize {
    pub(super) unpacked: i64,
    pub(super) packed: i64,
    /// Bytes at the beginning that are never compressed: the levels of version 2.
    pub(super) plain: i64,
}

/// The sizes in a page header, which more bytes may follow; `None` if it is no header or does not end here.
pub(super) fn page_size(bytes: &[u8]) -> Option<PageSize> {
    let mut size = PageSize::default();
    let mut walk = Walk { bytes };
    walk.fields(&mut |walk, field, kind| {
        match (field, kind) {
            (2, 3..=6) => size.unpacked = walk.integer()?,
            (3, 3..=6) => size.packed = walk.integer()?,
            (8, STRUCT) => {
                size.plain = 0;
                walk.fields(&mut |walk, field, kind| match (field, kind) {
                    (5 | 6, 3..=6) => {
                        size.plain = size.plain.checked_add(walk.integer()?)?;
                        Some(())
                    }
                    _ => walk.skip(kind, MAX_DEPTH),
                })?;
            }
            _ => walk.skip(kind, MAX_DEPTH)?,
        }
        Some(())
    })?;
    Some(size)
}

/// A cursor over Thrift bytes. Its methods return `None` for a premature end or an invalid value.
struct Walk<'a> {
    bytes: &'a [u8],
}

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    /// Skips bytes.
    fn skip_bytes(&mut self, count: u64) -> Option<()> {
        self.bytes = self.bytes.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        varint(&mut self.bytes)
    }

    /// An integer of any width, zigzag-encoded: its last bit is the sign.
    fn integer(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// Calls `each` for every field of a structure, with its number and type; the call consumes the value.
    fn fields(&mut self, each: &mut impl FnMut(&mut Self, i64, u8) -> Option<()>) -> Option<()> {
        let mut field: i64 = 0;
        loop {
            let head = self.byte()?;
            if head & 0x0f == STOP {
                return Some(());
            }
            field = match head >> 4 {
                0 => self.integer()?,
                more => field.checked_add(i64::from(more))?,
            };
            each(self, field, head & 0x0f)?;
        }
    }

    /// Calls `each` for every element of a list, with its type; the call consumes the element.
    fn list(&mut self, each: &mut impl FnMut(&mut Self, u8) -> Option<()>) -> Option<()> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => self.varint()?,
            length => u64::from(length),
        };
        for _ in 0..length {
            each(self, head & 0x0f)?;
        }
        Some(())
    }

    /// Skips a value.
    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => Some(()),
            3 => self.skip_bytes(1),
            4..=6 => self.varint().map(drop),
            7 => self.skip_bytes(8),
            8 => {
                let length = self.varint()?;
                self.skip_bytes(length)
            }
            LIST | 10 => self.list(&mut |walk, kind| walk.skip_element(kind, depth)),
            11 => {
                let length = self.varint()?;
                let kinds = if length > 0 { self.byte()? } else { 0 };
                for _ in 0..length {
                    self.skip_element(kinds >> 4, depth)?;
                    self.skip_element(kinds & 0x0f, depth)?;
                }
                Some(())
            }
            STRUCT => self.fields(&mut |walk, _, kind| walk.skip(kind, depth)),
            13 => self.skip_bytes(16),
            _ => None,
        }
    }

    /// Skips a value in a list. A boolean takes a byte there; as a field its type is its value.
    fn skip_element(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            TRUE | FALSE => self.skip_bytes(1),
            _ => self.skip(kind, depth),
        }
    }
}

/// A number in as many bytes as it needs, seven bits in each.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with a schema whose nodes have these numbers of children.
    fn footer(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x15, 0x02, 0x19, 0xfc, children.len() as u8];
        for count in children {
            bytes.extend([0x48, 1, b'x', 0x15, count * 2, STOP]);
        }
        bytes.push(STOP);
        bytes
    }

    #[test]
    fn a_schema_may_not_declare_more_than_there_is() {
        assert_eq!(check_footer(&footer(&[2, 0, 1, 0])), Ok(()));
        for bad in [&[5, 0, 0][..], &[1, 1]] {
            let error = check_footer(&footer(bad)).unwrap_err();
            assert!(error.contains("nodes follow it"), "{error}");
        }
        let mut deep = vec![1; 70];
        deep.push(0);
        let error = check_footer(&footer(&deep)).unwrap_err();
        assert!(error.contains("more than 64 levels"), "{error}");
        let mut wide = vec![60];
        wide.extend([0; 60]);
        assert_eq!(check_footer(&footer(&wide)), Ok(()));
    }

    #[test]
    fn row_groups_may_not_be_more_than_there_is_room_for() {
        let mut bytes = vec![0x49, 0xfc, 100];
        bytes.extend([STOP; 101]);
        let error = check_footer(&bytes).unwrap_err();
        assert!(error.contains("100 row groups"), "{error}");
    }

    #[test]
    fn structures_within_structures_without_end_are_no_overflow() {
        let bytes = vec![0x1c; 1_000_000];
        assert!(check_footer(&bytes).is_err());
        assert_eq!(page_size(&bytes), None);
    }

    #[test]
    fn a_page_says_how_large_it_is() {
        let header = [
            0x15, 0x00, 0x15, 0x80, 0x01, 0x15, 0x14, 0x2c, 0x15, 0x02, 0x00, 0x00, 9,
        ];
        let size = PageSize {
            unpacked: 64,
            packed: 10,
            plain: 0,
        };
        assert_eq!(page_size(&header), Some(size));
        assert!((0..header.len() - 1).all(|end| page_size(&header[..end]).is_none()));
    }
}
