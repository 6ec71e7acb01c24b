//! Space segments: vectors, and the index over them.

use super::partitions::Partitions;
use super::{Packed, Sections, u32s};
use std::collections::BTreeSet;

/// A space segment.
pub struct Segment {
    pub dimension: usize,
    pub metric: u32,
    /// Whether vectors are in half precision.
    pub half: bool,
    /// The items of all nodes, node by node.
    pub items: Vec<u32>,
    /// The node of each of them.
    pub nodes: Vec<u32>,
    pub vectors: Vec<f32>,
    /// Items of older segments that are deleted.
    pub gone: Vec<u32>,
    index: Index,
}

enum Index {
    Graph(Graph),
    Partitions(Box<Partitions>),
}

struct Graph {
    entry: u32,
    base: Links,
    upper: Vec<Layer>,
}

struct Links {
    stride: usize,
    slots: Vec<u32>,
}

struct Layer {
    nodes: Vec<u32>,
    down: Vec<u32>,
    links: Links,
}

impl Segment {
    pub fn read(bytes: &[u8]) -> Self {
        let sections = Sections::read(bytes, 2);
        let mut shape = Packed(sections.section(1));
        let graph = match shape.u32() {
            0 => {
                let (stride, entry) = (shape.u32() as usize, shape.u32());
                let layers = shape.list(|packed| (packed.u32() as usize, packed.u32() as usize));
                Some((stride, entry, layers))
            }
            1 => None,
            index => panic!("an index of kind {index}"),
        };
        let (dimension, metric, half) = (shape.u32() as usize, shape.u32(), shape.half());
        let (nodes, held) = (shape.u32() as usize, shape.u32() as usize);
        let deleted = shape.u32() as usize;
        shape.done();
        let (items, order) = (u32s(sections.section(2)), u32s(sections.section(4)));
        assert_eq!((items.len(), order.len()), (held, held));
        let (firsts, mut item_nodes) = (u32s(sections.section(13)), u32s(sections.section(14)));
        if held == nodes {
            assert!(firsts.is_empty() && item_nodes.is_empty());
            item_nodes = (0..nodes as u32).collect();
        } else {
            assert_eq!((firsts.len(), item_nodes.len()), (nodes + 1, held));
            assert_eq!((firsts[0], firsts[nodes]), (0, held as u32));
            for (node, pair) in firsts.windows(2).enumerate() {
                let slots = pair[0] as usize..pair[1] as usize;
                assert!(!slots.is_empty() && items[slots.clone()].is_sorted_by(|a, b| a < b));
                assert!(item_nodes[slots].iter().all(|found| *found == node as u32));
            }
        }
        let gone = u32s(sections.section(9));
        assert_eq!(gone.len(), deleted);
        assert!(gone.is_sorted_by(|a, b| a < b));
        let ordered: Vec<u32> = order.iter().map(|slot| items[*slot as usize]).collect();
        assert_eq!(ordered, u32s(sections.section(10)));
        assert!(ordered.is_sorted_by(|a, b| a < b));
        let vectors: Vec<f32> = if half {
            let (halves, rest) = sections.section(3).as_chunks();
            assert!(rest.is_empty());
            let halves = halves.iter().map(|bytes| u16::from_le_bytes(*bytes));
            halves.map(of_half).collect()
        } else {
            let numbers = u32s(sections.section(3));
            numbers.into_iter().map(f32::from_bits).collect()
        };
        assert_eq!(vectors.len(), nodes * dimension);
        let distinct = vectors.chunks(dimension);
        let distinct = distinct.map(|row| row.iter().map(|x| x.to_bits()).collect());
        assert_eq!(distinct.collect::<BTreeSet<Vec<u32>>>().len(), nodes);
        let mut book = Packed(sections.section(11));
        let codes: Vec<i8> = sections.section(12).iter().map(|c| *c as i8).collect();
        let book_read = match book.u32() {
            0 => None,
            1 => {
                let numbers = [book.f32(), book.f32(), book.f32()];
                let rotated = book.take(1) == [1];
                Some((numbers, rotated, book.list(Packed::f32)))
            }
            kind => panic!("codes of kind {kind}"),
        };
        check_codes(book_read, &codes, &vectors, dimension);
        book.done();
        let index = match graph {
            Some((stride, entry, layers)) => {
                assert!((15..=25).all(|id| sections.section(id).is_empty()));
                Index::Graph(Graph::read(&sections, nodes, stride, entry, layers))
            }
            None => {
                assert!((5..=8).all(|id| sections.section(id).is_empty()));
                let partitions = Partitions::read(&sections, dimension);
                partitions.check(metric, &vectors);
                Index::Partitions(Box::new(partitions))
            }
        };
        Self {
            dimension,
            metric,
            half,
            items,
            nodes: item_nodes,
            vectors,
            gone,
            index,
        }
    }

    /// The vector of a node.
    pub fn vector(&self, node: u32) -> &[f32] {
        &self.vectors[node as usize * self.dimension..][..self.dimension]
    }

    /// Whether the index is a graph, with how many layers above the base.
    pub fn upper_layers(&self) -> Option<usize> {
        match &self.index {
            Index::Graph(graph) => Some(graph.upper.len()),
            Index::Partitions(_) => None,
        }
    }

    /// The nodes a search of the index finds, best first.
    pub fn search(&self, query: &[f32], ef: usize) -> Vec<u32> {
        let fit = |node: u32| score(self.metric, query, self.vector(node));
        match &self.index {
            Index::Graph(graph) => graph.search(fit, ef),
            Index::Partitions(partitions) => {
                let mut found = partitions.candidates(self.metric, query, ef.max(64));
                found.sort_by(|a, b| fit(*b).total_cmp(&fit(*a)));
                found
            }
        }
    }
}

impl Graph {
    fn read(
        sections: &Sections,
        nodes: usize,
        stride: usize,
        entry: u32,
        layers: Vec<(usize, usize)>,
    ) -> Self {
        let base = Links {
            stride,
            slots: u32s(sections.section(5)),
        };
        assert_eq!(base.slots.len(), nodes * stride);
        let (mut members, mut down) = (u32s(sections.section(6)), u32s(sections.section(7)));
        let mut slots = u32s(sections.section(8));
        let mut upper: Vec<Layer> = Vec::new();
        for (count, stride) in layers {
            let layer = Layer {
                nodes: members.drain(..count).collect(),
                down: down.drain(..count).collect(),
                links: Links {
                    stride,
                    slots: slots.drain(..count * stride).collect(),
                },
            };
            for (node, down) in layer.nodes.iter().zip(&layer.down) {
                let below = upper
                    .last()
                    .map_or(*down, |below| below.nodes[*down as usize]);
                assert_eq!(*node, below);
            }
            upper.push(layer);
        }
        assert!(members.is_empty() && down.is_empty() && slots.is_empty());
        Self { entry, base, upper }
    }

    fn search(&self, fit: impl Fn(u32) -> f32, ef: usize) -> Vec<u32> {
        let mut at = self.entry;
        let root = self.upper.last().map_or(at, |top| top.nodes[at as usize]);
        for layer in self.upper.iter().rev() {
            let fit = |member: u32| fit(layer.nodes[member as usize]);
            while let Some(better) = best(layer.links.of(at), fit)
                && fit(better) > fit(at)
            {
                at = better;
            }
            at = layer.down[at as usize];
        }
        let (mut found, mut visited) = (
            vec![at, root],
            vec![false; self.base.slots.len() / self.base.stride],
        );
        found.dedup();
        while let Some(next) = found.iter().copied().find(|node| !visited[*node as usize]) {
            visited[next as usize] = true;
            for near in self.base.of(next) {
                if !found.contains(&near) && !visited[near as usize] {
                    found.push(near);
                }
            }
            found.sort_by(|a, b| fit(*b).total_cmp(&fit(*a)));
            found.truncate(ef);
        }
        found
    }
}

/// Compares codes with the vectors they stand for.
fn check_codes(
    book: Option<([f32; 3], bool, Vec<f32>)>,
    codes: &[i8],
    vectors: &[f32],
    dimension: usize,
) {
    let Some(([scale, error, longest], turned, centre)) = book else {
        assert!(codes.is_empty());
        return;
    };
    assert_eq!(centre.len(), dimension);
    let padded = match dimension {
        0..=16 => 16,
        17..=32 => 32,
        _ => dimension.next_multiple_of(64),
    };
    assert_eq!(codes.len() / padded, vectors.len() / dimension);
    for (codes, vector) in codes.chunks(padded).zip(vectors.chunks(dimension)) {
        let mut vector = vector.to_vec();
        if turned {
            rotate(&mut vector);
        }
        let (codes, padding) = codes.split_at(dimension);
        assert!(padding.iter().all(|code| *code == 0));
        let said = codes.iter().zip(&centre);
        let said = said.map(|(code, centre)| centre + scale * f32::from(*code));
        let off: f32 = said
            .zip(&vector)
            .map(|(said, x)| (said - x) * (said - x))
            .sum();
        assert!(off.sqrt() <= error * 1.001 + 1e-6);
        assert!(vector.iter().map(|x| x * x).sum::<f32>().sqrt() <= longest * 1.001);
        for ((code, x), centre) in codes.iter().zip(&vector).zip(&centre) {
            let right = ((x - centre) / scale).round().clamp(-127.0, 127.0);
            assert_eq!(f32::from(*code), right);
        }
    }
}

/// The rotation of vectors before they are coded.
fn rotate(vector: &mut [f32]) {
    let (all, mut state) = (vector.len(), 0u64);
    let block = 1 << all.ilog2();
    let starts = if block == all {
        vec![0]
    } else {
        vec![0, all - block]
    };
    for start in starts.repeat(2) {
        for sixty_four in vector.chunks_mut(64) {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let word = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let word = word ^ (word >> 31);
            for (at, x) in sixty_four.iter_mut().enumerate() {
                *x = if word >> at & 1 == 1 { -*x } else { *x };
            }
        }
        let part = &mut vector[start..start + block];
        let mut apart = 1;
        while apart < block {
            for first in (0..block).filter(|at| at & apart == 0) {
                let (x, y) = (part[first], part[first + apart]);
                (part[first], part[first + apart]) = (x + y, x - y);
            }
            apart *= 2;
        }
        let scale = 1.0 / (block as f32).sqrt();
        part.iter_mut().for_each(|x| *x *= scale);
    }
}

impl Links {
    fn of(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let slots = &self.slots[at as usize * self.stride..][..self.stride];
        slots.iter().copied().take_while(|link| *link != u32::MAX)
    }
}

fn best(members: impl Iterator<Item = u32>, fit: impl Fn(u32) -> f32) -> Option<u32> {
    members.max_by(|a, b| fit(*a).total_cmp(&fit(*b)))
}

/// The number that a binary16 stands for.
fn of_half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let amount = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 => panic!("{bits:#x} is no number"),
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -amount } else { amount }
}

/// The nearest number that a binary16 stands for.
pub fn rounded(x: f32) -> f32 {
    // The numbers from one power of two to the next are a 1024th of it apart.
    let mut power = 2f32.powi(-14);
    while x.abs() >= 2.0 * power {
        power *= 2.0;
    }
    (x / power * 1024.0).round_ties_even() / 1024.0 * power
}

/// How well two vectors fit.
pub fn score(metric: u32, a: &[f32], b: &[f32]) -> f32 {
    let pairs = a.iter().zip(b);
    match metric {
        0 | 1 => pairs.map(|(a, b)| a * b).sum(),
        2 => -pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f32>(),
        _ => panic!("metric {metric}"),
    }
}
