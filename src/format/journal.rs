//! A journal file: the common header, then frames. One frame is one acknowledged call: all of it
//! or nothing.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `TWJF` |
//! | 4 | 4 | payload length, u32 |
//! | 8 | 8 | revision of the first operation, u64 |
//! | 16 | 4 | number of operations, u32; they take consecutive revisions |
//! | 20 | 4 | zero |
//! | 24 | 8 | checksum of the 24 bytes before and the payload |
//! | 32 | … | payload: the packed list of [`Op`] |

use super::container::{HEADER_BYTES, Header, Kind};
use super::{FormatError, within};
use crate::ids::{ItemNo, Revision};
use crate::wire::{Checksum, Reader, pack, unpack};
use bincode::{Decode, Encode};

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

/// The operations of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The first operation's revision; the others follow without a gap.
    pub(crate) first: Revision,
    /// The operations.
    pub(crate) ops: Vec<Op>,
}

impl Frame {
    /// The last operation's revision.
    pub(crate) fn last(&self) -> Revision {
        Revision((self.first.0 + self.ops.len() as u64).saturating_sub(1))
    }

    /// The bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let bad = |what: String| FormatError::bad("frame", what);
        let payload = pack(&self.ops).map_err(|error| bad(error.to_string()))?;
        let length = u32::try_from(payload.len())
            .map_err(|_| bad(format!("{} bytes are too many for one call", payload.len())))?;
        let mut out = Vec::with_capacity(FRAME_BYTES + payload.len());
        out.extend(MAGIC);
        out.extend(length.to_le_bytes());
        out.extend(self.first.0.to_le_bytes());
        out.extend((self.ops.len() as u32).to_le_bytes());
        out.extend([0; 4]);
        let sum = frame_checksum(&out, &payload);
        out.extend(sum.to_le_bytes());
        out.extend(payload);
        Ok(out)
    }

    /// Reads the frame at the front of `bytes`; gives it with its length.
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
        reader.u32("zero").map_err(&read)?;
        let sum = reader.u64("checksum").map_err(&read)?;
        let payload = reader.take(length, "payload").map_err(&read)?;
        if frame_checksum(bytes.get(..24).unwrap_or_default(), payload) != sum {
            return Err(bad("checksum does not match"));
        }
        let ops: Vec<Op> = unpack(payload).map_err(|what| FormatError::bad("frame", what))?;
        if ops.len() != count as usize || ops.is_empty() {
            return Err(bad("the count does not fit the payload"));
        }
        Ok((Self { first, ops }, FRAME_BYTES + length))
    }
}

/// How a journal file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// After a whole frame.
    Whole,
    /// In a frame that was being written when the process or the machine stopped; nothing follows.
    Torn { at: usize },
    /// In a damaged frame with good ones after it: acknowledged writes are lost.
    Damaged { at: usize },
}

/// A whole journal file.
#[derive(Debug)]
pub(crate) struct Journal {
    /// The header.
    pub(crate) header: Header,
    /// The frames up to the end or the first bad one.
    pub(crate) frames: Vec<Frame>,
    /// How it ends.
    pub(crate) end: End,
}

/// Reads a journal file. The header is durable before the first frame is written, so in a file cut
/// off within it, or of zeros alone, nothing was acknowledged: `None`.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Journal>, FormatError> {
    if bytes.len() < HEADER_BYTES || bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let header = Header::decode(bytes, Kind::Journal)?;
    let (mut frames, mut at) = (Vec::new(), HEADER_BYTES);
    let end = loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.is_empty() {
            break End::Whole;
        }
        match Frame::decode(rest) {
            Ok((frame, length)) => {
                frames.push(frame);
                at += length;
            }
            Err(_) if has_frame_after(rest) => break End::Damaged { at },
            Err(_) => break End::Torn { at },
        }
    };
    Ok(Some(Journal {
        header,
        frames,
        end,
    }))
}

/// Whether a whole frame begins anywhere after the first byte.
fn has_frame_after(bytes: &[u8]) -> bool {
    let starts = bytes
        .windows(4)
        .enumerate()
        .skip(1)
        .filter(|(_, four)| four == MAGIC);
    // A payload may hold the magic by chance or malice: bound the work.
    let mut candidates = starts.take(10_000);
    candidates.any(|(at, _)| Frame::decode(bytes.get(at..).unwrap_or_default()).is_ok())
}

pub(crate) fn frame_checksum(head: &[u8], payload: &[u8]) -> u64 {
    let mut sum = Checksum::default();
    sum.update(head);
    sum.update(payload);
    sum.value()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn frames_come_back_with_their_revisions() {
        let frames = [frame(1, &["a", "b"]), frame(3, &["c"])];
        let journal = decode(&file(&frames)).unwrap().unwrap();
        assert_eq!(journal.frames, frames);
        assert_eq!(journal.end, End::Whole);
        assert_eq!(frames[0].last(), Revision(2));
    }

    #[test]
    fn a_cut_at_any_byte_keeps_the_whole_frames_before_it() {
        let frames = [frame(1, &["a"]), frame(2, &["b"])];
        let bytes = file(&frames);
        let second = file(&frames[..1]).len();
        for cut in HEADER_BYTES..bytes.len() {
            let journal = decode(&bytes[..cut]).unwrap().unwrap();
            assert_eq!(
                journal.frames.len(),
                usize::from(cut >= second),
                "cut at {cut}"
            );
            assert!(!matches!(journal.end, End::Damaged { .. }));
        }
        assert!(decode(&bytes[..HEADER_BYTES - 1]).unwrap().is_none());
        assert!(decode(&[0; HEADER_BYTES]).unwrap().is_none());
        assert!(decode(&[[0; HEADER_BYTES], [1; HEADER_BYTES]].concat()).is_err());
    }

    #[test]
    fn damage_before_good_frames_is_told_from_a_torn_end() {
        let frames = [frame(1, &["a"]), frame(2, &["b"])];
        let bytes = file(&frames);
        let second = file(&frames[..1]).len();
        for at in HEADER_BYTES..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let end = decode(&flipped).unwrap().unwrap().end;
            if at < second {
                assert_eq!(end, End::Damaged { at: HEADER_BYTES }, "byte {at}");
            } else {
                assert_eq!(end, End::Torn { at: second }, "byte {at}");
            }
        }
    }
}
