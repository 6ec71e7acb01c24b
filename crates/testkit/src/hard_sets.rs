//! Sets of vectors that graph searches find hard, with users that are near the items or far from them.

use crate::random::{normal, unit};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// What a set is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hard {
    /// Items around centres.
    Clusters,
    /// Half of all items are copies of twenty vectors.
    Copies,
    /// Nine of ten items are near copies of a centre.
    NearCopies,
    /// Lengths are distributed log-normally.
    Norms,
    /// No structure at all.
    Noise,
}

/// Vectors of items and of users.
#[derive(Debug)]
pub struct HardSet {
    /// The items.
    pub items: Vec<Vec<f32>>,
    /// The users: one half near the items, one half of any direction.
    pub users: Vec<Vec<f32>>,
}

impl Hard {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Clusters,
        Self::Copies,
        Self::NearCopies,
        Self::Norms,
        Self::Noise,
    ];

    /// Generates a set.
    pub fn generate(self, (items, users): (usize, usize), dimension: usize, seed: u64) -> HardSet {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let draw = |random: &mut Pcg64Mcg| -> Vec<f32> {
            (0..dimension).map(|_| normal(random)).collect()
        };
        let centres: Vec<Vec<f32>> = (0..60).map(|_| draw(&mut random)).collect();
        let around = |random: &mut Pcg64Mcg, spread: f32| -> Vec<f32> {
            let centre = &centres[random.random_range(0..centres.len())];
            centre.iter().map(|x| x + spread * normal(random)).collect()
        };
        let item = |at: usize| match self {
            Self::Clusters => around(&mut random, 0.7),
            Self::Copies if at.is_multiple_of(2) => centres[at / 2 % 20].clone(),
            Self::NearCopies if !at.is_multiple_of(10) => around(&mut random, 0.01),
            Self::Norms => {
                let length = (1.2 * normal(&mut random)).exp();
                let item = around(&mut random, 0.7);
                item.iter().map(|x| length * x).collect()
            }
            Self::Copies | Self::NearCopies | Self::Noise => draw(&mut random),
        };
        let items = (0..items).map(item).collect();
        let user = |at: usize| match at % 2 {
            0 => unit(around(&mut random, 0.9)),
            _ => unit(draw(&mut random)),
        };
        let users = (0..users).map(user).collect();
        HardSet { items, users }
    }
}
