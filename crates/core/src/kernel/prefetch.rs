#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "the prefetch instruction is behind an intrinsic"
    )
)]

/// Bytes of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Hints to the processor that a row will soon be read. Does nothing where there is no such instruction.
#[inline]
pub fn prefetch<T>(row: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let bytes = row.as_ptr().cast::<i8>();
        for line in (0..size_of_val(row)).step_by(LINE) {
            // SAFETY: a prefetch is a hint: it reads nothing and faults at no address, and every
            // x86-64 processor has it.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.wrapping_add(line)) }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}
