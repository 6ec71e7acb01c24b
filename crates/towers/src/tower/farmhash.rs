//! Fingerprint64 of FarmHash (Pike and Alakuijala, 2014, <https://github.com/google/farmhash>): the hash
//! of TensorFlow's `string_to_hash_bucket_fast` and of the `Hashing` layer of Keras.
//!
//! It is implemented here because the Rust crates are wrong for lengths that are multiples of 64.

#![warn(clippy::indexing_slicing)]

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
/// Bytes per step through a long text.
const STEP: usize = 64;

/// The fingerprint of a text.
pub(super) fn fingerprint64(text: &[u8]) -> u64 {
    let text = Text(text);
    match text.0.len() {
        0..=16 => text.up_to_16(),
        17..=32 => text.up_to_32(),
        33..=64 => text.up_to_64(),
        _ => text.long(),
    }
}

/// A text that is read in 8-byte words.
#[derive(Clone, Copy)]
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn byte(self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or_default().into()
    }

    /// Four bytes from an offset on.
    fn half(self, at: usize) -> u64 {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes).into())
    }

    /// Eight bytes from an offset on.
    fn word(self, at: usize) -> u64 {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn up_to_16(self) -> u64 {
        let length = self.0.len();
        let factor = K2.wrapping_add(length as u64 * 2);
        match length {
            0 => K2,
            1..=3 => {
                let y = self.byte(0) + (self.byte(length / 2) << 8);
                let z = length as u64 + (self.byte(length - 1) << 2);
                shift(y.wrapping_mul(K2) ^ z.wrapping_mul(K0)).wrapping_mul(K2)
            }
            4..=7 => {
                let first = length as u64 + (self.half(0) << 3);
                mix(first, self.half(length - 4), factor)
            }
            _ => {
                let a = self.word(0).wrapping_add(K2);
                let b = self.word(length - 8);
                let c = b.rotate_right(37).wrapping_mul(factor).wrapping_add(a);
                let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(factor);
                mix(c, d, factor)
            }
        }
    }

    /// Mixes the first and the last sixteen bytes: two sums, and the first word times `first`.
    fn ends(self, first: u64) -> (u64, u64, u64) {
        let length = self.0.len();
        let factor = K2.wrapping_add(length as u64 * 2);
        let a = self.word(0).wrapping_mul(first);
        let b = self.word(8);
        let c = self.word(length - 8).wrapping_mul(factor);
        let d = self.word(length - 16).wrapping_mul(K2);
        let (u, v) = cross(a, b, c, d, K2);
        (u, v, a)
    }

    fn up_to_32(self) -> u64 {
        let factor = K2.wrapping_add(self.0.len() as u64 * 2);
        let (u, v, _) = self.ends(K1);
        mix(u, v, factor)
    }

    fn up_to_64(self) -> u64 {
        let length = self.0.len();
        let factor = K2.wrapping_add(length as u64 * 2);
        let (y, v, a) = self.ends(K2);
        let z = mix(y, v, factor);
        let e = self.word(16).wrapping_mul(factor);
        let f = self.word(24);
        let g = y.wrapping_add(self.word(length - 32)).wrapping_mul(factor);
        let h = z.wrapping_add(self.word(length - 24)).wrapping_mul(factor);
        let (u, v) = cross(e, f, g, h, a);
        mix(u, v, factor)
    }

    fn long(self) -> u64 {
        let length = self.0.len();
        let y = 81u64.wrapping_mul(K1).wrapping_add(113);
        let mut state = State {
            x: 81u64.wrapping_mul(K2).wrapping_add(self.word(0)),
            y,
            z: shift(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2),
            v: (0, 0),
            w: (0, 0),
        };
        // The last 64 bytes follow below; they overlap the previous step unless the length is a multiple of 64.
        for at in (0..(length - 1) / STEP * STEP).step_by(STEP) {
            state.step(self, at, K1, 1);
        }
        let factor = K1.wrapping_add((state.z & 0xff) << 1);
        let left = (length - 1) as u64 % STEP as u64;
        state.w.0 = state.w.0.wrapping_add(left);
        state.v.0 = state.v.0.wrapping_add(state.w.0);
        state.w.0 = state.w.0.wrapping_add(state.v.0);
        state.step(self, length - STEP, factor, 9);
        let State { x, y, z, v, w } = state;
        let first = mix(v.0, w.0, factor)
            .wrapping_add(shift(y).wrapping_mul(K0))
            .wrapping_add(z);
        mix(first, mix(v.1, w.1, factor).wrapping_add(x), factor)
    }

    /// Mixes four words from an offset on into two.
    fn weak(self, at: usize, a: u64, b: u64) -> (u64, u64) {
        let a = a.wrapping_add(self.word(at));
        let last = self.word(at + 24);
        let b = b.wrapping_add(a).wrapping_add(last).rotate_right(21);
        let sum = a
            .wrapping_add(self.word(at + 8))
            .wrapping_add(self.word(at + 16));
        let b = b.wrapping_add(sum.rotate_right(44));
        (sum.wrapping_add(last), b.wrapping_add(a))
    }
}

/// The state of hashing a long text.
struct State {
    x: u64,
    y: u64,
    z: u64,
    v: (u64, u64),
    w: (u64, u64),
}

impl State {
    /// Adds 64 bytes; `times` is 1, and 9 for the last step.
    fn step(&mut self, text: Text<'_>, at: usize, factor: u64, times: u64) {
        let Self { x, y, z, v, w } = self;
        let sum = x
            .wrapping_add(*y)
            .wrapping_add(v.0)
            .wrapping_add(text.word(at + 8));
        *x = sum.rotate_right(37).wrapping_mul(factor);
        let sum = y.wrapping_add(v.1).wrapping_add(text.word(at + 48));
        *y = sum.rotate_right(42).wrapping_mul(factor);
        *x ^= w.1.wrapping_mul(times);
        let more = v.0.wrapping_mul(times).wrapping_add(text.word(at + 40));
        *y = y.wrapping_add(more);
        *z = z.wrapping_add(w.0).rotate_right(33).wrapping_mul(factor);
        *v = text.weak(at, v.1.wrapping_mul(factor), x.wrapping_add(w.0));
        let sum = y.wrapping_add(text.word(at + 16));
        *w = text.weak(at + 32, z.wrapping_add(w.1), sum);
        std::mem::swap(x, z);
    }
}

fn cross(a: u64, b: u64, c: u64, d: u64, more: u64) -> (u64, u64) {
    let u = a.wrapping_add(b).rotate_right(43);
    let u = u.wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let v = b.wrapping_add(more).rotate_right(18);
    (u, a.wrapping_add(v).wrapping_add(c))
}

fn shift(x: u64) -> u64 {
    x ^ (x >> 47)
}

fn mix(u: u64, v: u64, factor: u64) -> u64 {
    let a = shift((u ^ v).wrapping_mul(factor));
    let b = shift((v ^ a).wrapping_mul(factor));
    b.wrapping_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `tests/fixtures/reference.py`, which was compared with FarmHash itself.
    const FINGERPRINTS: [(usize, u64); 18] = [
        (0, 0x9ae16a3b2f90404f),
        (1, 0xb3454265b6df75e3),
        (3, 0x2d5b0cbcc48fdc6b),
        (4, 0x7b803bc75cee3292),
        (7, 0xed26868869003b0a),
        (8, 0x93b52af6d9b92820),
        (16, 0xf496a3696582095e),
        (17, 0x1f0c64814df23a1a),
        (32, 0x9636decce0f119bc),
        (33, 0x6fa5de3a3dd81cac),
        (64, 0xe01e9a6d5635769e),
        (65, 0x266a26491da9530d),
        (127, 0x44d86f1dc468d399),
        (128, 0x917472f7f980118d),
        (129, 0x0eb7d4a2cddb5078),
        (192, 0x29dccca451f6d409),
        (256, 0x2ab95468a424bfc2),
        (1000, 0xd06b2f1c71fdc6d0),
    ];

    #[test]
    fn fingerprints_match_the_reference_at_every_kind_of_length() {
        for (length, expected) in FINGERPRINTS {
            let text: Vec<u8> = (0..length).map(|i| b'a' + (i * 7 % 26) as u8).collect();
            assert_eq!(fingerprint64(&text), expected, "{length} bytes");
        }
    }
}
