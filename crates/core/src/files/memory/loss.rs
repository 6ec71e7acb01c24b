//! Which pending changes a power cut undoes.

use super::disk::{Disk, Entry, Event, Names, apply, move_directory, parent};
use std::ops::Range;

/// Which of the pending changes did not reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of them are lost: only synced changes survive.
    All,
    /// None of them is lost.
    None,
    /// All but the pending change of this index.
    OnlyKept(usize),
    /// Only the pending change of this index.
    OnlyLost(usize),
    /// Each with probability 1/2, from this seed.
    Random(u64),
    /// Appended bytes block by block, names one by one, each with probability 1/2.
    Torn {
        /// Bytes of a block; blocks lie at multiples of it in the file.
        block: usize,
        /// Decides which are lost.
        seed: u64,
    },
    /// All bytes but no names: files keep their length, and pending bytes read as zeros.
    Zeroed,
}

impl Disk {
    /// The disk after the power cut. Lost bytes before kept ones read as zeros; lost bytes at the end make
    /// the file shorter.
    pub(super) fn after(&self, loss: Loss) -> Self {
        let mut names = self.durable.clone();
        for (at, event) in self.pending.iter().enumerate() {
            match event {
                Event::Named(changes) if loss.keeps(at) => apply(&mut names, changes),
                Event::MovedDirectory { from, to } if loss.keeps(at) => {
                    move_directory(&mut names, from, to);
                }
                _ => {}
            }
        }
        let mut next = Self::default();
        let mut numbers = vec![None; self.contents.len()];
        for (path, entry) in names {
            let parent = parent(&path);
            let reached = parent.is_empty() || next.live.get(parent) == Some(&Entry::Directory);
            if !reached {
                continue;
            }
            let entry = match entry {
                Entry::Directory => Entry::Directory,
                Entry::File(old) => Entry::File(*numbers[old].get_or_insert_with(|| {
                    next.contents.push(self.content_after(old, loss));
                    next.contents.len() - 1
                })),
            };
            next.live.insert(path, entry);
        }
        next.durable = Names::clone(&next.live);
        next
    }

    fn content_after(&self, number: usize, loss: Loss) -> Vec<u8> {
        let mut bytes = self.contents[number].clone();
        // The end of the appends seen so far, and the end of the last bytes that are kept.
        let (mut seen, mut end) = (0, 0);
        for (at, event) in self.pending.iter().enumerate() {
            let Event::Appended { content, range, .. } = event else {
                continue;
            };
            if *content != number {
                continue;
            }
            if range.start > seen {
                end = range.start;
            }
            seen = range.end;
            for piece in loss.pieces(range) {
                if loss.keeps_bytes(at, number, piece.start) {
                    end = piece.end;
                } else {
                    bytes[piece].fill(0);
                }
            }
        }
        if bytes.len() > seen || loss == Loss::Zeroed {
            end = bytes.len();
        }
        bytes.truncate(end);
        bytes
    }
}

impl Loss {
    /// Whether the pending change `at` survives as a whole.
    fn keeps(self, at: usize) -> bool {
        match self {
            Self::All => false,
            Self::None | Self::Zeroed => true,
            Self::OnlyKept(kept) => at == kept,
            Self::OnlyLost(lost) => at != lost,
            Self::Random(seed) | Self::Torn { seed, .. } => coin(seed, [at as u64, 0]),
        }
    }

    /// Whether bytes at `offset` of a content, appended by the pending change `at`, survive.
    fn keeps_bytes(self, at: usize, content: usize, offset: usize) -> bool {
        match self {
            Self::Zeroed => false,
            Self::Torn { block, seed } => {
                coin(seed, [1 + content as u64, 1 + (offset / block) as u64])
            }
            other => other.keeps(at),
        }
    }

    /// The parts of an append that are lost or kept together.
    fn pieces(self, range: &Range<usize>) -> Vec<Range<usize>> {
        let Self::Torn { block, .. } = self else {
            return vec![range.clone()];
        };
        let mut pieces = Vec::new();
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min((start / block + 1) * block);
            pieces.push(start..end);
            start = end;
        }
        pieces
    }
}

/// A pseudo-random bit, the same for equal seeds and places.
fn coin(seed: u64, place: [u64; 2]) -> bool {
    let mixed = place
        .into_iter()
        .fold(seed, |sum, part| mix(sum ^ mix(part)));
    mixed & 1 == 1
}

/// The finaliser of splitmix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
