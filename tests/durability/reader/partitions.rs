//! Partitions: leaves of nodes, and codes of four bits.

use super::{Packed, Sections, u32s};

/// Partitions of the nodes of a segment.
pub struct Partitions {
    dimension: usize,
    /// Sizes of the rotation blocks, and their matrices.
    blocks: Vec<usize>,
    matrices: Vec<f32>,
    order: Vec<usize>,
    /// First place of each subspace, and the dimension.
    starts: Vec<usize>,
    words: Vec<f32>,
    centroids: Vec<f32>,
    halves: Vec<f32>,
    radii: Vec<f32>,
    spreads: Vec<f32>,
    first_nodes: Vec<u32>,
    first_blocks: Vec<u32>,
    codes: Vec<u8>,
}

impl Partitions {
    pub fn read(sections: &Sections, dimension: usize) -> Self {
        let mut book = Packed(sections.section(15));
        let (leaves, blocks) = (book.u32() as usize, book.u32());
        let usize = |packed: &mut Packed| packed.u32() as usize;
        let (sizes, order, starts) = (book.list(usize), book.list(usize), book.list(usize));
        let (mean, step) = (book.list(Packed::f32), book.f32());
        book.done();
        let floats = |id| -> Vec<f32> {
            let bits = u32s(sections.section(id)).into_iter();
            bits.map(f32::from_bits).collect()
        };
        let partitions = Self {
            dimension,
            blocks: sizes,
            matrices: floats(16),
            order,
            starts,
            words: floats(17),
            centroids: floats(18),
            halves: floats(19),
            radii: floats(20),
            spreads: floats(25),
            first_nodes: u32s(sections.section(21)),
            first_blocks: u32s(sections.section(22)),
            codes: sections.section(24).to_vec(),
        };
        let (places, starts) = (&partitions.order, &partitions.starts);
        let mut sorted = places.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..dimension));
        assert_eq!(partitions.blocks.iter().sum::<usize>(), dimension);
        assert!(starts.is_sorted() && (2..=257).contains(&starts.len()));
        assert_eq!((starts[0], starts[starts.len() - 1]), (0, dimension));
        let squares = partitions.blocks.iter().map(|size| size * size);
        assert_eq!(partitions.matrices.len(), squares.sum::<usize>());
        assert_eq!(partitions.words.len(), 16 * dimension);
        assert_eq!(partitions.centroids.len(), leaves * dimension);
        let of_leaves = [&partitions.halves, &partitions.radii, &partitions.spreads];
        assert_eq!(of_leaves.map(Vec::len), [leaves; 3]);
        let firsts = [&partitions.first_nodes, &partitions.first_blocks];
        assert!(firsts.iter().all(|firsts| firsts.len() == leaves + 1));
        assert_eq!(partitions.first_blocks[leaves], blocks);
        assert_eq!(partitions.codes.len(), blocks as usize * partitions.block());
        partitions.check_tiles(sections.section(23), &mean, step);
        partitions
    }

    /// Bytes of a block.
    fn block(&self) -> usize {
        16 * (self.starts.len() - 1)
    }

    fn check_tiles(&self, tiles: &[u8], mean: &[f32], step: f32) {
        let tile = 64 * self.dimension.div_ceil(4);
        let mut expected = vec![0; self.radii.len().div_ceil(16) * tile];
        for (leaf, centroid) in self.centroids.chunks(self.dimension).enumerate() {
            for (at, x) in centroid.iter().enumerate() {
                let place = leaf / 16 * tile + at / 4 * 64 + leaf % 16 * 4 + at % 4;
                let code = ((x - mean[at]) / step).round() + 64.0;
                expected[place] = code.clamp(0.0, 127.0) as u8;
            }
        }
        assert_eq!(tiles, expected);
    }

    /// The rotated vector.
    fn rotate(&self, vector: &[f32]) -> Vec<f32> {
        let (mut rotated, mut matrices, mut from) = (Vec::new(), &self.matrices[..], 0);
        for size in &self.blocks {
            let part = &vector[from..from + size];
            for row in matrices[..size * size].chunks(*size) {
                rotated.push(row.iter().zip(part).map(|(a, b)| a * b).sum::<f32>());
            }
            (matrices, from) = (&matrices[size * size..], from + size);
        }
        self.order
            .iter()
            .map(|component| rotated[*component])
            .collect()
    }

    /// The centroid of a leaf.
    fn centroid(&self, leaf: usize) -> &[f32] {
        &self.centroids[leaf * self.dimension..][..self.dimension]
    }

    /// The residual that the codes of the node at a place of a leaf stand for.
    fn decoded(&self, leaf: usize, at: usize) -> Vec<f32> {
        let block = (self.first_blocks[leaf] as usize + at / 32) * self.block();
        let block = &self.codes[block..][..self.block()];
        let mut residual = Vec::new();
        for (subspace, places) in self.starts.windows(2).enumerate() {
            let byte = block[16 * subspace + at % 16];
            let code = if at % 32 < 16 { byte & 15 } else { byte >> 4 };
            let words = (places[0]..places[1]).map(|at| self.words[16 * at + code as usize]);
            residual.extend(words.map(|word| self.spreads[leaf] * word));
        }
        residual
    }

    /// Compares leaves and codes with the vectors.
    pub fn check(&self, metric: u32, vectors: &[f32]) {
        let nodes = vectors.len() / self.dimension;
        let weight = match metric {
            2 => 1.0,
            _ => (0.04 / 0.96 * (self.dimension as f32 - 1.0)).max(1.0),
        };
        assert_eq!(self.first_nodes[0], 0);
        assert_eq!(*self.first_nodes.last().unwrap() as usize, nodes);
        for (leaf, pair) in self.first_nodes.windows(2).enumerate() {
            let count = (pair[1] - pair[0]) as usize;
            let blocks = self.first_blocks[leaf + 1] - self.first_blocks[leaf];
            assert_eq!(blocks as usize, count.div_ceil(32));
            let centroid = self.centroid(leaf);
            let half = dot(centroid, centroid) / 2.0;
            assert!((half - self.halves[leaf]).abs() <= 1e-4 * half);
            let (mut squares, mut lengths) = (0.0, 0.0);
            for at in 0..count {
                let node = pair[0] as usize + at;
                let vector = self.rotate(&vectors[node * self.dimension..][..self.dimension]);
                let residual: Vec<f32> = vector.iter().zip(centroid).map(|(x, c)| x - c).collect();
                squares += dot(&residual, &residual);
                lengths += dot(&vector, &vector);
                let distance = dot(&residual, &residual).sqrt();
                assert!(distance <= self.radii[leaf] * 1.001 + 1e-5);
                let loss = |words: &[f32]| {
                    let error: Vec<f32> = residual.iter().zip(words).map(|(r, w)| r - w).collect();
                    let along = dot(&error, &vector).powi(2) / dot(&vector, &vector);
                    dot(&error, &error) + (weight - 1.0) * along
                };
                let most = loss(&self.nearest(leaf, &residual));
                assert!(loss(&self.decoded(leaf, at)) <= most * 1.001 + 1e-6);
            }
            let spread = match squares > 1e-8 * lengths {
                true => (squares / count as f32).sqrt(),
                false => 0.0,
            };
            assert!(
                (spread - self.spreads[leaf]).abs()
                    <= 1e-4 * (lengths / count.max(1) as f32).sqrt()
            );
            for at in count..32 * blocks as usize {
                let words = self
                    .starts
                    .windows(2)
                    .flat_map(|places| places[0]..places[1]);
                let first: Vec<f32> = words
                    .map(|at| self.spreads[leaf] * self.words[16 * at])
                    .collect();
                assert_eq!(self.decoded(leaf, at), first);
            }
        }
    }

    /// The nearest codewords of a residual in a leaf.
    fn nearest(&self, leaf: usize, residual: &[f32]) -> Vec<f32> {
        let mut words = Vec::new();
        for places in self.starts.windows(2) {
            let word = |code: usize| {
                (places[0]..places[1])
                    .map(move |at| self.spreads[leaf] * self.words[16 * at + code])
            };
            let far = |code: &usize| -> f32 {
                let pairs = word(*code).zip(&residual[places[0]..places[1]]);
                pairs.map(|(w, r)| (w - r) * (w - r)).sum()
            };
            let nearest = (0..16).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap();
            words.extend(word(nearest));
        }
        words
    }

    /// The nodes with the best approximate scores, from all leaves.
    pub fn candidates(&self, metric: u32, query: &[f32], count: usize) -> Vec<u32> {
        let query = self.rotate(query);
        let mut scored = Vec::new();
        for (leaf, pair) in self.first_nodes.windows(2).enumerate() {
            for node in pair[0]..pair[1] {
                let residual = self.decoded(leaf, (node - pair[0]) as usize);
                let vector: Vec<f32> = residual
                    .iter()
                    .zip(self.centroid(leaf))
                    .map(|(r, c)| r + c)
                    .collect();
                scored.push((super::score(metric, &query, &vector), node));
            }
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(count);
        scored.into_iter().map(|(_, node)| node).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
