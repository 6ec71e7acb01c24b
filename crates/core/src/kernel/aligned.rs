//! Numbers that begin where a line of the cache does.
//!
//! A register of AVX-512 is a line: one that is read from the middle of a line on is two reads. Kernels
//! take numbers wherever they lie, and are up to a third faster where rows of them begin with a line.

use std::ops::{Deref, DerefMut};

/// Numbers of a line.
const LINE: usize = 16;

/// A list of numbers that begins with a line.
#[derive(Clone, Debug, Default)]
pub struct Aligned {
    lines: Vec<Line>,
    length: usize,
}

#[derive(Clone, Copy, Debug, Default, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

impl Aligned {
    /// Forgets all numbers and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Appends so many zeros, and gives them to be changed.
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

    /// Makes room for more numbers, which are whatever was there; gives where they begin.
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
    fn deref_mut(&mut self) -> &mut [f32] {
        let all = bytemuck::cast_slice_mut::<Line, f32>(&mut self.lines);
        all.get_mut(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_begins_with_a_line_and_holds_what_was_appended() {
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
