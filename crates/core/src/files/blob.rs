use std::fmt;
use std::ops::Deref;

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
    fn a_heap_blob_is_aligned_and_holds_its_bytes() {
        for length in [0, 1, 63, 64, 65, 1000] {
            let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let blob = Blob::from_bytes(&bytes);
            assert_eq!(&*blob, &bytes[..]);
            assert_eq!(blob.as_ptr() as usize % 64, 0);
        }
    }
}
