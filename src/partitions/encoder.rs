//! Codes of residuals.

use super::codebooks::{Entries, distances, least, products};
use super::rotation::Rotation;

/// Rounds of coordinate descent; most rows settle in two.
const ROUNDS: usize = 4;

/// Encodes residuals by the words of a rotation's subspaces.
pub(super) struct Encoder<'a> {
    pub(super) rotation: Rotation<'a>,
    pub(super) words: &'a [Entries],
    /// Weight of the error along the vector, relative to that across it; 1 for none.
    pub(super) parallel: f32,
}

/// Scratch space of an encoder.
#[derive(Default)]
pub(super) struct EncoderScratch {
    losses: Vec<Entries>,
    along: Vec<Entries>,
}

impl Encoder<'_> {
    /// The code of each subspace for a residual of `vector`, both rotated.
    ///
    /// The loss is |e|² + (parallel - 1) (e·x)² / |x|² for the error e and the vector x: an error along x
    /// changes the scores of the queries that x is a good answer to. It is lowered one subspace at a time.
    pub(super) fn encode(
        &self,
        residual: &[f32],
        vector: &[f32],
        scratch: &mut EncoderScratch,
        codes: &mut [u8],
    ) {
        let EncoderScratch { losses, along } = scratch;
        losses.clear();
        along.clear();
        let weigh = self.weight_along(vector);
        let mut total = 0.0;
        for (subspace, code) in codes.iter_mut().enumerate() {
            let places = self.rotation.shape.places(subspace);
            let words = &self.words[places.clone()];
            let (residual, vector) = (&residual[places.clone()], &vector[places]);
            let loss = distances(residual, words);
            *code = least(&loss) as u8;
            if weigh > 0.0 {
                let exact: f32 = residual.iter().zip(vector).map(|(r, x)| r * x).sum();
                let error = products(vector, words).map(|approximate| exact - approximate);
                total += error[usize::from(*code)];
                losses.push(loss);
                along.push(error);
            }
        }
        for _ in 0..if weigh > 0.0 { ROUNDS } else { 0 } {
            let mut changed = false;
            for ((code, loss), along) in codes.iter_mut().zip(&*losses).zip(&*along) {
                let others = total - along[usize::from(*code)];
                let mut sums = *loss;
                for (sum, along) in sums.iter_mut().zip(along) {
                    *sum += weigh * (others + along) * (others + along);
                }
                let best = least(&sums) as u8;
                changed |= best != *code;
                *code = best;
                total = others + along[usize::from(best)];
            }
            if !changed {
                break;
            }
        }
    }

    /// The loss of the codes of the nearest words, which [`encode`](Self::encode) starts from.
    pub(super) fn nearest_loss(
        &self,
        residual: &[f32],
        vector: &[f32],
        codes: &mut Vec<u8>,
    ) -> f32 {
        codes.clear();
        codes.extend((0..self.rotation.shape.subspaces()).map(|subspace| {
            let places = self.rotation.shape.places(subspace);
            let words = &self.words[places.clone()];
            least(&distances(&residual[places], words)) as u8
        }));
        self.loss(residual, vector, codes)
    }

    /// The loss of codes, each below the number of words.
    pub(super) fn loss(&self, residual: &[f32], vector: &[f32], codes: &[u8]) -> f32 {
        let (mut squared, mut along) = (0.0, 0.0);
        for (subspace, code) in codes.iter().enumerate() {
            for place in self.rotation.shape.places(subspace) {
                let error = residual[place] - self.words[place][usize::from(*code)];
                squared += error * error;
                along += error * vector[place];
            }
        }
        squared + self.weight_along(vector) * along * along
    }

    /// The factor of (e·x)² in the loss of an error e of a vector x; 0 for a vector without a direction.
    fn weight_along(&self, vector: &[f32]) -> f32 {
        let weight = (self.parallel - 1.0) / vector.iter().map(|x| x * x).sum::<f32>();
        if weight.is_finite() { weight } else { 0.0 }
    }
}
