//! Instruction sets, and the kernels of each.
//!
//! A [`Level`] is detected once and passed around by value: a tag together with the proof that the
//! processor supports it. Levels agree to the bit on integers and conversions. Sums of components differ
//! in the last digits, because each level adds in another order.
//!
//! Where two lists differ in length, the shorter length counts.

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
use super::codes::{CodeBatch, CodeQuery};
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::scalar;
use crate::telemetry;
use std::ffi::OsStr;
use std::sync::OnceLock;

/// The environment variable that selects a level: `scalar`, `avx2`, `avx512` or `neon`. It helps to find
/// out whether a kernel is at fault, and to test lower levels on any machine.
const VARIABLE: &str = "TWINSPIRE_KERNELS";

/// An instruction set that kernels are written for.
#[derive(Clone, Copy, Debug)]
pub enum Level {
    /// Plain Rust, for every processor.
    Scalar,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// AVX-512 with VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    /// NEON.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

impl Level {
    /// The levels that this processor supports, the best last.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let wider = {
            let avx512 = Avx512::detect().map(Self::Avx512);
            Avx2::detect().map(Self::Avx2).into_iter().chain(avx512)
        };
        #[cfg(target_arch = "aarch64")]
        let wider = Neon::detect().map(Self::Neon);
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let wider = None;
        std::iter::once(Self::Scalar).chain(wider)
    }

    /// The best level of this processor, or the one that [`VARIABLE`] selects. The first call decides for
    /// the life of the process.
    #[inline]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Self::requested(std::env::var_os(VARIABLE).as_deref()))
    }

    /// The level of this key; the best one if there is no key or no such level on this processor.
    pub(super) fn requested(key: Option<&OsStr>) -> Self {
        let best = Self::all().last().unwrap_or(Self::Scalar);
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return best;
        };
        Self::all()
            .find(|level| *key == *level.key())
            .unwrap_or_else(|| {
                let keys: Vec<_> = Self::all().map(Self::key).collect();
                telemetry::warn!(
                    "{VARIABLE}={} is not supported by this processor, which has {}; using {}",
                    key.display(),
                    keys.join(", "),
                    best.key()
                );
                best
            })
    }

    /// The name of the level in [`VARIABLE`].
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
        }
    }

    /// The name of the level for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "AVX2 + FMA",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "AVX-512 + VNNI",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "NEON",
        }
    }

    /// The inner product.
    #[inline]
    pub fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        match self {
            Self::Scalar => scalar::dot(a, b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.dot(a, b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.dot(a, b),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.dot(a, b),
        }
    }

    /// The squared Euclidean distance.
    #[inline]
    pub(super) fn l2_squared(self, a: &[f32], b: &[f32]) -> f32 {
        match self {
            Self::Scalar => scalar::l2_squared(a, b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.l2_squared(a, b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.l2_squared(a, b),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.l2_squared(a, b),
        }
    }

    /// The inner product of codes. `b` may contain -128; with -128 in `a`, levels give different results.
    /// To compare one query with many rows, use [`dot_codes`](Self::dot_codes).
    #[inline]
    pub(super) fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        match self {
            Self::Scalar => scalar::dot_i8(a, b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.dot_i8(a, b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.dot_i8(a, b),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.dot_i8(a, b),
        }
    }

    /// The squared Euclidean distance of codes.
    #[inline]
    pub(super) fn l2_squared_i8(self, a: &[i8], b: &[i8]) -> i32 {
        match self {
            Self::Scalar => scalar::l2_squared_i8(a, b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.l2_squared_i8(a, b),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.l2_squared_i8(a, b),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.l2_squared_i8(a, b),
        }
    }

    /// The inner product of a query and a row of codes.
    #[inline]
    pub fn dot_codes(self, query: &CodeQuery, row: &[i8]) -> i32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) if row.len() >= query.codes().len() => {
                avx512.dot_codes(query.codes(), query.sum(), row)
            }
            // The sum of the query covers all its codes, so a shorter row needs the general kernel.
            _ => self.dot_i8(query.codes(), row),
        }
    }

    /// Writes the scores of rows of codes by their inner products with the query.
    #[inline]
    pub fn dot_scores(self, batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
        match self {
            Self::Scalar => scalar::dot_scores(batch, scores),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.dot_scores(batch, scores),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.dot_scores(batch, scores),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.dot_scores(batch, scores),
        }
    }

    /// The squared Euclidean distance of a query and a row of codes.
    #[inline]
    pub fn l2_squared_codes(self, query: &CodeQuery, row: &[i8]) -> i32 {
        self.l2_squared_i8(query.codes(), row)
    }

    /// Writes the scores of rows of codes by their squared Euclidean distances from the query.
    #[inline]
    pub fn l2_squared_scores(self, batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
        match self {
            Self::Scalar => scalar::l2_squared_scores(batch, scores),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.l2_squared_scores(batch, scores),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.l2_squared_scores(batch, scores),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.l2_squared_scores(batch, scores),
        }
    }

    /// The inner product of a query and a row in binary16.
    #[inline]
    pub(super) fn dot_f16(self, query: &[f32], row: &[u16]) -> f32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.dot_f16(query, row),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.dot_f16(query, row),
            // Stable Rust has no NEON conversions yet.
            _ => scalar::dot_f16(query, row),
        }
    }

    /// The squared Euclidean distance of a query and a row in binary16.
    #[inline]
    pub(super) fn l2_squared_f16(self, query: &[f32], row: &[u16]) -> f32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.l2_squared_f16(query, row),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.l2_squared_f16(query, row),
            // Stable Rust has no NEON conversions yet.
            _ => scalar::l2_squared_f16(query, row),
        }
    }

    /// Converts components to binary16, as many as `row` has room for. Components beyond the range become
    /// infinite; NaN stays NaN.
    #[inline]
    pub fn encode_f16(self, vector: &[f32], row: &mut [u16]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.encode_f16(vector, row),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.encode_f16(vector, row),
            // Stable Rust has no NEON conversions yet.
            _ => scalar::encode_f16(vector, row),
        }
    }

    /// Converts components from binary16, as many as `vector` has room for.
    #[inline]
    pub(super) fn decode_f16(self, row: &[u16], vector: &mut [f32]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.decode_f16(row, vector),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.decode_f16(row, vector),
            // Stable Rust has no NEON conversions yet.
            _ => scalar::decode_f16(row, vector),
        }
    }
}
