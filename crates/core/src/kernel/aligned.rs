//! A buffer of `f32` that starts on a cache line.
//!
//! An AVX-512 register is as wide as a cache line, so an unaligned load touches two lines. Kernels accept
//! any alignment and are up to a third faster on rows that start on a line.

use std::ops::{Deref, DerefMut};

/// Numbers in a cache line.
const LINE: usize = 16;

/// A growable list of `f32` that starts on a cache line.
#[derive(Clone, Debug, Default)]
pub struct Aligned {
    lines: Vec<Line>,
    length: usize,
}

#[derive(Clone, Copy, Debug, Default, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

impl Aligned {
    /// Removes all numbers and keeps the allocation.
    #[inline]
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Appends `count` zeros and returns them for writing.
    #[inline]
    pub fn zeros(&mut self, count: usize) -> &mut [f32] {
        let from = self.grow(count);
        let new = self.get_mut(from..).unwrap_or_default();
        new.fill(0.0);
        new
    }

    /// Appends numbers.
    #[inline]
    pub fn extend_from_slice(&mut self, numbers: &[f32]) {
        let from = self.grow(numbers.len());
        let new = self.get_mut(from..).unwrap_or_default();
        new.copy_from_slice(numbers);
    }

    /// Grows by `count` numbers of unspecified value; returns the index of the first.
    #[inline]
    fn grow(&mut self, count: usize) -> usize {
        let from = self.length;
        self.length += count;
        let lines = self.length.div_ceil(LINE);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line::default());
        }
        from
    }
}

impl Deref for Aligned {
    type Target = [f32];

    #[inline]
    fn deref(&self) -> &[f32] {
        let all = bytemuck::cast_slice::<Line, f32>(&self.lines);
        all.get(..self.length).unwrap_or_default()
    }
}

impl DerefMut for Aligned {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f32] {
        let all = bytemuck::cast_slice_mut::<Line, f32>(&mut self.lines);
        all.get_mut(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aligned_list_equals_a_vec_and_starts_on_a_cache_line() {
        let (mut list, mut plain) = (Aligned::default(), Vec::new());
        for round in 0..40 {
            if round % 7 == 6 {
                list.clear();
                plain.clear();
            }
            let more: Vec<f32> = (0..round).map(|i| i as f32 + 1.0).collect();
            list.extend_from_slice(&more);
            plain.extend_from_slice(&more);
            list.zeros(round / 3).iter_mut().for_each(|x| *x += 0.5);
            plain.resize(plain.len() + round / 3, 0.5);
            assert_eq!(*list, *plain);
            assert_eq!(list.as_ptr() as usize % 64, 0);
        }
    }
}
