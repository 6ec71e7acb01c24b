//! A journal file: the common header, then frames.
//!
//! One frame is one call, or several that were acknowledged together, all of it or nothing. A frame without
//! operations marks the file as closed; nothing follows it.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `TWJF` |
//! | 4 | 4 | payload length, u32 |
//! | 8 | 8 | revision of the first operation, u64 |
//! | 16 | 4 | number of operations, u32; they take consecutive revisions |
//! | 20 | 4 | flags, u32: the lower 16 must be understood, the upper 16 may be ignored |
//! | 24 | 8 | checksum of the 24 bytes before and the payload |
//! | 32 | … | payload: the packed list of [`Op`]; bytes after it may be ignored if a flag says so |

use super::container::{HEADER_BYTES, Header, Kind};
use super::damage::Damage;
use super::error::{FormatError, within};
use super::version::{MUST_UNDERSTAND, check_flags};
use bincode::{Decode, Encode};
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::wire::{Checksum, Reader, UnpackError, pack_into, unpack_front};

pub(crate) const MAGIC: &[u8; 4] = b"TWJF";
pub(crate) const FRAME_BYTES: usize = 32;

/// One write: a record put or an item deleted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Op {
    /// The item.
    pub(crate) item: ItemNo,
    /// Its id.
    pub(crate) id: String,
    /// Its record as JSON text; none deletes it.
    pub(crate) record: Option<Vec<u8>>,
}

/// The operations of one call, or of several that were acknowledged together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The revision of the first operation; the others follow without a gap.
    pub(crate) first: Revision,
    /// The operations.
    pub(crate) ops: Vec<Op>,
}

impl Frame {
    /// The revision of the last operation; without operations, that of the frame before.
    pub(crate) fn last(&self) -> Revision {
        Revision((self.first.0 + self.ops.len() as u64).saturating_sub(1))
    }

    /// The bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let mut frame = FrameBuilder::of(&self.ops)?;
        frame.finish(self.first)?;
        Ok(frame.bytes)
    }

    /// Reads the frame at the front of `bytes`; also returns its length.
    fn decode(bytes: &[u8]) -> Result<(Self, usize), FormatError> {
        let read = within("frame");
        let bad = |what: &str| FormatError::bad("frame", what);
        let mut reader = Reader::new(bytes);
        if reader.array("magic").map_err(&read)? != *MAGIC {
            return Err(bad("does not begin with TWJF"));
        }
        let length = reader.u32("length").map_err(&read)? as usize;
        let first = Revision(reader.u64("revision").map_err(&read)?);
        let count = reader.u32("count").map_err(&read)?;
        let flags = reader.u32("flags").map_err(&read)?;
        let sum = reader.u64("checksum").map_err(&read)?;
        let payload = reader.take(length, "payload").map_err(&read)?;
        if frame_checksum(bytes.get(..24).unwrap_or_default(), payload) != sum {
            return Err(FormatError::bad("frame", Damage::Checksum));
        }
        check_flags("frame", flags, 0)?;
        let (ops, left): (Vec<Op>, usize) =
            unpack_front(payload).map_err(|error| FormatError::bad("frame", error))?;
        if left > 0 && flags & !MUST_UNDERSTAND == 0 {
            let error = UnpackError::Trailing { left };
            return Err(FormatError::bad("frame", error));
        }
        if ops.len() != count as usize {
            return Err(bad("the number of operations differs from the payload"));
        }
        Ok((Self { first, ops }, FRAME_BYTES + length))
    }
}

/// An [`Op`], borrowed. It has the same bytes.
#[derive(Clone, Copy, Debug, Encode)]
pub(crate) struct OpRef<'a> {
    /// The item.
    pub(crate) item: ItemNo,
    /// Its id.
    pub(crate) id: &'a str,
    /// Its record as JSON text; none deletes it.
    pub(crate) record: Option<&'a [u8]>,
}

impl<'a> From<&'a Op> for OpRef<'a> {
    fn from(op: &'a Op) -> Self {
        Self {
            item: op.item,
            id: &op.id,
            record: op.record.as_deref(),
        }
    }
}

/// The bytes of a frame, whose operations are packed one by one as they come.
#[derive(Debug)]
pub(crate) struct FrameBuilder {
    /// Room for what stands before the operations, then the operations.
    bytes: Vec<u8>,
    count: u32,
    /// Where chunks of the operations begin, after the first: the operations before, and the offset.
    chunks: Vec<(u32, usize)>,
}

/// Bytes from which a chunk of operations is followed by another one.
const CHUNK_BYTES: usize = 16 << 10;

/// Bytes before the operations of a frame: its head and their number.
const BEFORE_OPS: usize = FRAME_BYTES + size_of::<u64>();

impl Default for FrameBuilder {
    fn default() -> Self {
        Self {
            bytes: vec![0; BEFORE_OPS],
            count: 0,
            chunks: Vec::new(),
        }
    }
}

impl FrameBuilder {
    /// A frame with room for this many bytes of operations.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut frame = Self::default();
        frame.bytes.reserve(bytes);
        frame
    }

    /// The frame of some operations.
    pub(crate) fn of(ops: &[Op]) -> Result<Self, FormatError> {
        let mut frame = Self::default();
        ops.iter().try_for_each(|op| frame.push(op.into()))?;
        Ok(frame)
    }

    /// Adds an operation. After an error the frame is as before.
    pub(crate) fn push(&mut self, op: OpRef<'_>) -> Result<(), FormatError> {
        let at = self.bytes.len();
        let packed = pack_into(&op, &mut self.bytes);
        packed.map_err(|error| FormatError::bad("frame", error))?;
        self.end_chunk(at);
        self.count += 1;
        Ok(())
    }

    /// Adds the operations of another frame.
    pub(crate) fn append(&mut self, other: &Self) {
        let at = self.bytes.len();
        self.end_chunk(at);
        let chunks = other.chunks.iter();
        let chunks = chunks.map(|(ops, offset)| (self.count + ops, at + offset - BEFORE_OPS));
        self.chunks.extend(chunks);
        self.bytes.extend_from_slice(other.ops());
        self.count += other.count;
    }

    /// Begins a chunk at the offset `at`, if the one before is large enough.
    fn end_chunk(&mut self, at: usize) {
        let before = self.chunks.last().map_or(BEFORE_OPS, |(_, at)| *at);
        if at - before >= CHUNK_BYTES {
            self.chunks.push((self.count, at));
        }
    }

    /// The packed operations in chunks, each with the number of operations before it.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let starts = std::iter::once(&(0, BEFORE_OPS)).chain(&self.chunks);
        let ends = self.chunks.iter().map(|(_, at)| *at);
        let ends = ends.chain([self.bytes.len()]);
        let chunks = starts.zip(ends);
        let chunks = chunks.map(|((ops, from), to)| (*ops, self.bytes.get(*from..to)));
        chunks.filter_map(|(ops, bytes)| Some((ops, bytes.filter(|bytes| !bytes.is_empty())?)))
    }

    /// Number of operations.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The packed operations.
    pub(crate) fn ops(&self) -> &[u8] {
        self.bytes.get(BEFORE_OPS..).unwrap_or_default()
    }

    /// The bytes of the frame; `first` is the revision of its first operation.
    pub(crate) fn finish(&mut self, first: Revision) -> Result<&[u8], FormatError> {
        let Self { bytes, count, .. } = self;
        let (count, length) = (*count, bytes.len().saturating_sub(FRAME_BYTES));
        let length = u32::try_from(length).map_err(|_| {
            let what = format!("{length} bytes in one call; a frame has at most 4 GiB");
            FormatError::bad("frame", what)
        })?;
        let (head, payload) = bytes.split_at_mut_checked(FRAME_BYTES).unwrap_or_default();
        let (before, sum) = head
            .split_at_mut_checked(FRAME_BYTES - 8)
            .unwrap_or_default();
        let count_of_ops = u64::from(count).to_le_bytes();
        payload
            .iter_mut()
            .zip(count_of_ops)
            .for_each(|(to, from)| *to = from);
        let fields = MAGIC.iter().copied();
        let fields = fields
            .chain(length.to_le_bytes())
            .chain(first.0.to_le_bytes());
        let fields = fields.chain(count.to_le_bytes()).chain([0; 4]);
        before
            .iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        let checksum = frame_checksum(before, payload).to_le_bytes();
        sum.iter_mut()
            .zip(checksum)
            .for_each(|(to, from)| *to = from);
        Ok(bytes)
    }
}

/// Reads packed operations, one after the other.
pub(crate) fn unpack_ops(mut bytes: &[u8]) -> Result<Vec<Op>, UnpackError> {
    let mut ops = Vec::new();
    while !bytes.is_empty() {
        let (op, left) = unpack_front(bytes)?;
        ops.push(op);
        bytes = bytes.get(bytes.len() - left..).unwrap_or_default();
    }
    Ok(ops)
}

/// Bytes of a journal file that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    /// Their offset.
    pub(crate) at: usize,
    /// The first revision of the next whole frame: acknowledged writes before it are lost. `None` if no frame
    /// follows: a torn write at the end, when the process or the machine stopped.
    pub(crate) next: Option<Revision>,
}

/// A whole journal file.
#[derive(Debug)]
pub(crate) struct Journal {
    /// The header, unless it is damaged; `None` if it is of a newer format.
    pub(crate) header: Option<Result<Header, FormatError>>,
    /// All whole frames.
    pub(crate) frames: Vec<Frame>,
    /// Bytes between and after them.
    pub(crate) holes: Vec<Hole>,
    /// What only a newer build understands: the header, or the frame after the last of `frames`. Nothing is
    /// read behind it.
    pub(crate) unsupported: Option<FormatError>,
    /// The offset of the last whole frame; 0 without frames.
    pub(crate) last_frame: usize,
}

/// Reads a journal file and skips bytes that are no frame.
///
/// `None` if nothing was acknowledged: the file ends within the header, or has only zeros. The header is
/// durable before the first frame is written.
pub(crate) fn decode(bytes: &[u8]) -> Option<Journal> {
    if bytes.len() < HEADER_BYTES || bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    let (header, newer) = match Header::decode(bytes, Kind::Journal) {
        Err(error) if error.is_unsupported() => (None, Some(error)),
        header => (Some(header), None),
    };
    let found = match newer {
        Some(newer) => Frames {
            unsupported: Some(newer),
            ..Frames::default()
        },
        None => decode_frames(bytes, HEADER_BYTES),
    };
    Some(Journal {
        header,
        frames: found.frames,
        holes: found.holes,
        unsupported: found.unsupported,
        last_frame: found.last_frame,
    })
}

/// The frames of a part of a journal file.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// All whole frames.
    pub(crate) frames: Vec<Frame>,
    /// Bytes between and after them.
    pub(crate) holes: Vec<Hole>,
    /// Why the rest cannot be read: it is of a newer format.
    pub(crate) unsupported: Option<FormatError>,
    /// The offset of the last whole frame; 0 without frames.
    pub(crate) last_frame: usize,
}

/// Reads the frames from offset `at` on.
pub(crate) fn decode_frames(bytes: &[u8], mut at: usize) -> Frames {
    let mut found = Frames::default();
    let mut budget = Budget::of(bytes);
    while at < bytes.len() && found.unsupported.is_none() {
        let rest = bytes.get(at..).unwrap_or_default();
        match Frame::decode(rest) {
            Ok((frame, length)) => {
                found.frames.push(frame);
                found.last_frame = at;
                at += length;
                continue;
            }
            Err(error) if error.is_unsupported() => {
                found.unsupported = Some(error);
                continue;
            }
            Err(_) => {}
        }
        let next = next_frame(rest, &mut budget);
        found.holes.push(Hole {
            at,
            next: next.map(|(_, first)| first),
        });
        match next {
            Some((skip, _)) => at += skip,
            None => break,
        }
    }
    found
}

/// Limit of the bytes hashed in the search for frames. A hostile file can claim a frame at every fourth
/// byte, each as long as the file.
struct Budget(usize);

impl Budget {
    fn of(bytes: &[u8]) -> Self {
        Self(bytes.len().saturating_mul(16).saturating_add(64 << 20))
    }
}

/// The offset of the next whole frame after the first byte, and its first revision.
///
/// When the budget is spent, the rest counts as damage before a frame: better an error than a silent
/// loss.
fn next_frame(bytes: &[u8], budget: &mut Budget) -> Option<(usize, Revision)> {
    let starts = bytes.windows(MAGIC.len()).enumerate().skip(1);
    let starts = starts.filter(|(_, four)| four == MAGIC).map(|(at, _)| at);
    for at in starts {
        let rest = bytes.get(at..).unwrap_or_default();
        match Frame::decode(rest) {
            Ok((frame, _)) => return Some((at, frame.first)),
            Err(error) if error.is_unsupported() => return Some((at, Revision(u64::MAX))),
            Err(_) => {}
        }
        let length = rest.get(4..8).and_then(|four| four.try_into().ok());
        let hashed = length.map_or(0, u32::from_le_bytes) as usize;
        let hashed = if hashed > rest.len() { 0 } else { hashed };
        match budget.0.checked_sub(hashed) {
            Some(left) => budget.0 = left,
            None => return Some((bytes.len(), Revision(u64::MAX))),
        }
    }
    None
}

/// The checksum of the first 24 bytes of a frame and its payload.
pub(crate) fn frame_checksum(head: &[u8], payload: &[u8]) -> u64 {
    let mut sum = Checksum::default();
    sum.update(head);
    sum.update(payload);
    sum.value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::wire::pack;

    fn frame(first: u64, ids: &[&str]) -> Frame {
        let op = |id: &&str| Op {
            item: ItemNo(7),
            id: (*id).into(),
            record: Some(b"{}".to_vec()),
        };
        Frame {
            first: Revision(first),
            ops: ids.iter().map(op).collect(),
        }
    }

    fn file(frames: &[Frame]) -> Vec<u8> {
        let header = Header {
            kind: Kind::Journal,
            identity: 1,
            database: 2,
            before: 0,
        };
        let mut bytes = header.encode().to_vec();
        bytes.extend(frames.iter().flat_map(|frame| frame.encode().unwrap()));
        bytes
    }

    #[test]
    fn a_frame_of_two_calls_has_the_operations_of_both() {
        let (one, other) = (frame(5, &["a", "b"]), frame(7, &["c"]));
        let mut both = FrameBuilder::of(&one.ops).unwrap();
        both.append(&FrameBuilder::of(&other.ops).unwrap());
        assert_eq!(both.count(), 3);
        let ops = [one.ops, other.ops].concat();
        assert_eq!(unpack_ops(both.ops()).unwrap(), ops);
        assert!(unpack_ops(&both.ops()[1..]).is_err());
        let first = Revision(5);
        let bytes = both.finish(first).unwrap();
        assert_eq!(bytes[FRAME_BYTES..], pack(&ops).unwrap());
        assert_eq!(bytes, Frame { first, ops }.encode().unwrap());
    }

    #[test]
    fn chunks_have_all_operations_in_order() {
        for (calls, size) in [(1, 10), (1, 9_000), (5, 10), (5, 9_000), (3, 40_000)] {
            let op = |item| Op {
                item: ItemNo(item),
                id: item.to_string(),
                record: (item % 5 > 0).then(|| vec![b' '; size]),
            };
            let ops: Vec<Op> = (0..30).map(op).collect();
            let mut frame = FrameBuilder::default();
            for call in ops.chunks(30 / calls) {
                frame.append(&FrameBuilder::of(call).unwrap());
            }
            let mut found = Vec::new();
            for (before, chunk) in frame.chunks() {
                assert_eq!(before as usize, found.len());
                found.extend(unpack_ops(chunk).unwrap());
            }
            assert_eq!(found, ops);
            let most = frame.chunks().map(|(_, chunk)| chunk.len()).max();
            // A call that follows a short chunk may fill one before it ends.
            assert!(most.unwrap() < 2 * CHUNK_BYTES + size + 100);
        }
        assert_eq!(FrameBuilder::default().chunks().count(), 0);
    }

    #[test]
    fn frames_come_back_with_their_revisions() {
        let frames = [frame(1, &["a", "b"]), frame(3, &["c"]), frame(4, &[])];
        let journal = decode(&file(&frames)).unwrap();
        assert_eq!(journal.frames, frames);
        assert_eq!(journal.holes, []);
        assert_eq!(frames[0].last(), Revision(2));
        assert_eq!(frames[2].last(), Revision(3));
    }

    #[test]
    fn a_cut_at_any_byte_keeps_the_whole_frames_before_it() {
        let frames = [frame(1, &["a"]), frame(2, &["b"])];
        let bytes = file(&frames);
        let second = file(&frames[..1]).len();
        for cut in HEADER_BYTES..bytes.len() {
            let journal = decode(&bytes[..cut]).unwrap();
            assert_eq!(
                journal.frames.len(),
                usize::from(cut >= second),
                "cut at {cut}"
            );
            assert!(journal.holes.iter().all(|hole| hole.next.is_none()));
        }
        assert!(decode(&bytes[..HEADER_BYTES - 1]).is_none());
        assert!(decode(&[0; HEADER_BYTES]).is_none());
        let other = decode(&[[0; HEADER_BYTES], [1; HEADER_BYTES]].concat());
        assert!(other.unwrap().header.unwrap().is_err());
    }

    #[test]
    fn damage_before_whole_frames_differs_from_a_torn_end() {
        let frames = [frame(1, &["a"]), frame(2, &["b"])];
        let bytes = file(&frames);
        let second = file(&frames[..1]).len();
        for at in HEADER_BYTES..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let journal = decode(&flipped).unwrap();
            let (hole, left) = if at < second {
                let next = Some(Revision(2));
                (
                    Hole {
                        at: HEADER_BYTES,
                        next,
                    },
                    &frames[1..],
                )
            } else {
                (
                    Hole {
                        at: second,
                        next: None,
                    },
                    &frames[..1],
                )
            };
            assert_eq!(journal.holes, [hole], "byte {at}");
            assert_eq!(journal.frames, left, "byte {at}");
        }
    }

    /// A frame with flags, bytes after its operations, and the right checksum.
    fn flagged(frame: &Frame, flags: u32, more: &[u8]) -> Vec<u8> {
        let mut bytes = frame.encode().unwrap();
        bytes.extend(more);
        let length = (bytes.len() - FRAME_BYTES) as u32;
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        bytes[20..24].copy_from_slice(&flags.to_le_bytes());
        let sum = frame_checksum(&bytes[..24], &bytes[FRAME_BYTES..]);
        bytes[24..32].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    #[test]
    fn a_frame_of_a_newer_build_is_read_or_unsupported_as_its_flags_say() {
        let (first, second) = (frame(1, &["a"]), frame(2, &["b"]));
        let with = |flags, more: &[u8]| {
            let mut bytes = file(std::slice::from_ref(&first));
            bytes.extend(flagged(&second, flags, more));
            bytes.extend(frame(3, &["c"]).encode().unwrap());
            decode(&bytes).unwrap()
        };
        for may_ignore in [0x1_0000, 0x8000_0000] {
            let journal = with(may_ignore, b"more");
            assert_eq!(journal.frames.len(), 3);
            assert!(journal.unsupported.is_none());
        }
        let journal = with(0, b"more");
        assert_eq!(
            journal.holes.len(),
            1,
            "bytes that no flag announces are damage"
        );
        for must_understand in [1, 0x8000, 0x1_0001] {
            let journal = with(must_understand, b"");
            assert_eq!(
                journal.frames,
                std::slice::from_ref(&first),
                "nothing behind it is read"
            );
            assert!(journal.unsupported.is_some());
        }
    }

    #[test]
    fn a_file_of_false_frames_is_damaged_and_searched_in_bounded_time() {
        let mut bytes = file(&[]);
        for _ in 0..400_000 {
            bytes.extend(MAGIC);
            bytes.extend(1_000_000u32.to_le_bytes());
        }
        let journal = decode(&bytes).unwrap();
        assert_eq!(journal.frames, []);
        assert!(journal.holes[0].next.is_some());
    }
}
