//! The reference kernels, in plain Rust. Eight running sums let the compiler use one vector register.
//!
//! Where two lists differ in length, the shorter length counts.

use super::code_layout::{
    BlockSums, FAST_SCAN_BLOCK, FAST_SCAN_STEP, GROUP, GROUP_BYTES, TILE_ROWS,
};
use super::codes::CodeBatch;
use super::{bf16, half};

const LANES: usize = 8;

/// The inner product.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y| x * y)
}

/// The squared Euclidean distance.
pub(super) fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |x, y| (x - y) * (x - y))
}

/// The inner product with a row in binary16.
pub(super) fn dot_f16(query: &[f32], row: &[u16]) -> f32 {
    sum(query, row, |x, y| x * half::decode(y))
}

/// The inner product with a row in bfloat16.
pub(super) fn dot_bf16(query: &[f32], row: &[u16]) -> f32 {
    sum(query, row, |x, y| x * bf16::decode(y))
}

/// The squared Euclidean distance to a row in binary16.
pub(super) fn l2_squared_f16(query: &[f32], row: &[u16]) -> f32 {
    sum(query, row, |x, y| {
        let apart = x - half::decode(y);
        apart * apart
    })
}

fn sum<T: Copy>(a: &[f32], b: &[T], term: impl Fn(f32, T) -> f32) -> f32 {
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    let mut lanes = [0.0f32; LANES];
    let (whole_a, whole_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = whole_a.remainder().iter().zip(whole_b.remainder());
    let tail: f32 = rest.map(|(x, y)| term(*x, *y)).sum();
    for (x, y) in whole_a.zip(whole_b) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += term(*x, *y);
        }
    }
    lanes.iter().sum::<f32>() + tail
}

/// Converts components to binary16, as many as `row` has room for.
pub(super) fn encode_f16(vector: &[f32], row: &mut [u16]) {
    row.iter_mut()
        .zip(vector)
        .for_each(|(half, x)| *half = half::encode(*x));
}

/// Converts components from binary16, as many as `vector` has room for.
pub(super) fn decode_f16(row: &[u16], vector: &mut [f32]) {
    vector
        .iter_mut()
        .zip(row)
        .for_each(|(x, half)| *x = half::decode(*half));
}

/// The inner product of codes.
pub(super) fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    let pairs = a.iter().zip(b);
    pairs.map(|(x, y)| i32::from(*x) * i32::from(*y)).sum()
}

/// The squared Euclidean distance of codes.
pub(super) fn l2_squared_i8(a: &[i8], b: &[i8]) -> i32 {
    let apart = a.iter().zip(b).map(|(x, y)| i32::from(*x) - i32::from(*y));
    apart.map(|apart| apart * apart).sum()
}

/// The scores of rows of codes by their inner products.
pub(super) fn dot_scores(batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
    batch.score(
        scores,
        |query, rows| rows.map(|row| dot_i8(query, row)),
        dot_i8,
    );
}

/// The scores of rows of codes by their squared Euclidean distances.
pub(super) fn l2_squared_scores(batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
    batch.score(
        scores,
        |query, rows| rows.map(|row| l2_squared_i8(query, row)),
        l2_squared_i8,
    );
}

/// Visits the blocks that have sums of `least` or more; see [`Level::scan_blocks`](super::Level::scan_blocks).
pub(super) fn scan_blocks<'a>(
    table: &[u8],
    blocks: impl Iterator<Item = &'a [u8]>,
    mut least: u16,
    mut visit: impl FnMut(usize, u32, &BlockSums) -> u16,
) {
    for (at, block) in blocks.enumerate() {
        let sums = block_sums(table, block);
        let bits = sums.iter().enumerate();
        let mask = bits.fold(0, |mask, (at, sum)| mask | u32::from(*sum >= least) << at);
        if mask != 0 {
            least = visit(at, mask, &sums);
        }
    }
}

/// The sums of a block of codes of four bits.
fn block_sums(table: &[u8], block: &[u8]) -> BlockSums {
    let mut sums = [0; FAST_SCAN_BLOCK];
    let (lower, upper) = sums.split_at_mut(FAST_SCAN_STEP);
    let tables = table.as_chunks::<FAST_SCAN_STEP>().0;
    for (table, codes) in tables.iter().zip(block.as_chunks::<FAST_SCAN_STEP>().0) {
        for ((low, high), byte) in lower.iter_mut().zip(upper.iter_mut()).zip(codes) {
            *low += u16::from(table[usize::from(byte & 15)]);
            *high += u16::from(table[usize::from(byte >> 4)]);
        }
    }
    sums
}

/// The inner products of a query with the rows of a tile.
pub(super) fn dot_tile(
    query: &[[i8; GROUP]],
    tile: &[[u8; GROUP_BYTES]],
    sums: &mut [i32; TILE_ROWS],
) {
    sums.fill(0);
    for (query, rows) in query.iter().zip(tile) {
        for (sum, row) in sums.iter_mut().zip(rows.as_chunks::<GROUP>().0) {
            let products = query.iter().zip(row);
            *sum += products
                .map(|(q, x)| i32::from(*q) * i32::from(*x))
                .sum::<i32>();
        }
    }
}
