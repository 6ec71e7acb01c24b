use crate::telemetry::metrics;
use std::fmt;
use std::ops::{Deref, Range};

/// The immutable content of a file, 64-byte aligned, so that sections can be read in place.
pub enum Blob {
    /// A read-only map of the file.
    Mapped(memmap2::Mmap),
    /// A copy in memory.
    Heap {
        /// The content in aligned blocks; the last one is padded with zeros.
        blocks: Vec<Block>,
        /// Bytes of the content.
        length: usize,
    },
}

/// 64 bytes, aligned to 64.
#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
pub struct Block([u8; 64]);

impl Blob {
    /// Copies `bytes` into a blob in memory.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut blocks = vec![Block([0; 64]); bytes.len().div_ceil(64)];
        bytemuck::cast_slice_mut::<Block, u8>(&mut blocks)[..bytes.len()].copy_from_slice(bytes);
        Self::Heap {
            blocks,
            length: bytes.len(),
        }
    }

    /// Advises the system that reads of these bytes are scattered: a page that is not in memory is then read alone.
    /// By default a system reads the pages around it too, which fills the memory with what nobody asked for if the
    /// file is larger.
    pub fn advise_scattered(&self, bytes: Range<usize>) {
        #[cfg(unix)]
        self.advise(memmap2::Advice::Random, bytes);
        #[cfg(not(unix))]
        let _ = bytes;
    }

    /// Starts to read a part of the content into memory, and does not wait for it. A part of anything else is ignored.
    #[inline]
    pub fn will_need(&self, part: &[u8]) {
        #[cfg(unix)]
        if let Some(from) = (part.as_ptr() as usize).checked_sub(self.as_ptr() as usize) {
            metrics::PAGES_REQUESTED.add(1);
            self.advise(memmap2::Advice::WillNeed, from..from + part.len());
        }
        #[cfg(not(unix))]
        let _ = part;
    }

    /// Gives the memory of a part of the content back: it will not be read again soon. A part of anything else is
    /// ignored, and so is all of this where the system cannot do it (anything but Linux).
    #[inline]
    pub fn release(&self, part: &[u8]) {
        #[cfg(target_os = "linux")]
        if let Some(from) = (part.as_ptr() as usize).checked_sub(self.as_ptr() as usize) {
            metrics::PAGES_RELEASED.add(1);
            self.page_out(from..from + part.len());
        }
        #[cfg(not(target_os = "linux"))]
        let _ = part;
    }

    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "memmap2 has no name for this advice")]
    fn page_out(&self, bytes: Range<usize>) {
        use rustix::{mm, param};
        if let Self::Mapped(map) = self
            && bytes.end <= map.len()
        {
            // Maps begin on a page.
            let first = bytes.start / param::page_size() * param::page_size();
            let from = map.as_ptr().wrapping_add(first).cast_mut().cast();
            // SAFETY: the bytes lie in the map, and `map` outlives the call. The advice drops pages of a file that
            // is not written to; they are read again when they are next touched, with the same content.
            let _ = unsafe { mm::madvise(from, bytes.end - first, mm::Advice::LinuxPageOut) };
        }
    }

    #[cfg(unix)]
    fn advise(&self, advice: memmap2::Advice, bytes: Range<usize>) {
        if let Self::Mapped(map) = self
            && bytes.start <= bytes.end
            && bytes.end <= map.len()
        {
            // A system that takes no advice works without.
            let _ = map.advise_range(advice, bytes.start, bytes.len());
        }
    }
}

impl Deref for Blob {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Heap { blocks, length } => &bytemuck::cast_slice::<Block, u8>(blocks)[..*length],
        }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_changes_no_byte_and_that_on_other_memory_is_ignored() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..100_000).map(|i| i as u8).collect();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        let mapped = Blob::Mapped(super::super::os::map(&file).unwrap());
        for blob in [mapped, Blob::from_bytes(&bytes)] {
            blob.advise_scattered(5_000..90_000);
            blob.advise_scattered(5_000..200_000);
            blob.will_need(&blob[70_001..70_009]);
            blob.will_need(&bytes[..10]);
            blob.will_need(&[]);
            blob.release(&blob[70_001..70_009]);
            blob.release(&bytes[..10]);
            assert_eq!(&*blob, &bytes[..]);
        }
    }

    #[test]
    fn a_heap_blob_is_aligned_and_holds_its_bytes() {
        for length in [0, 1, 63, 64, 65, 1000] {
            let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let blob = Blob::from_bytes(&bytes);
            assert_eq!(&*blob, &bytes[..]);
            assert_eq!(blob.as_ptr() as usize % 64, 0);
        }
    }
}
