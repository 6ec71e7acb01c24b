//! Parameters of a beam search.

/// The default beam width (efSearch). recall@10 over vectors of 128 components, shaped like a two-tower
/// model's:
///
/// | efSearch | 32 | 48 | 64 | 100 | 128 | 200 |
/// |---|---|---|---|---|---|---|
/// | 50,000 items | 0.970 | 0.987 | 0.993 | 0.995 | 0.996 | 0.998 |
/// | 200,000 items | 0.937 | 0.963 | 0.976 | 0.988 | 0.991 | 0.995 |
pub const DEFAULT_EF: usize = 100;

/// Parameters of a beam search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BeamParams<'a> {
    /// The query vector.
    pub(crate) query: &'a [f32],
    /// Number of nodes wanted.
    pub(crate) k: usize,
    /// Beam width (efSearch).
    pub(crate) ef: usize,
    /// The k-th best score found elsewhere, in other segments: a walk that does not come near it ends.
    pub(crate) threshold: f32,
    /// Which candidates are scored exactly.
    pub(crate) margin: Margin,
}

/// How far the score by codes may be off, for the choice of the candidates that are scored exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Margin {
    /// No more than the largest error of any code: no better candidate is missed.
    Proven,
    /// As the errors of codes come to: that of a row has any direction, so that its part along the query is a small
    /// fraction of its length. For searches that may miss nodes anyway.
    Likely,
}

impl<'a> BeamParams<'a> {
    /// Parameters of a search without a threshold.
    pub(crate) fn new(query: &'a [f32], k: usize, ef: usize) -> Self {
        Self {
            query,
            k,
            ef,
            threshold: f32::NEG_INFINITY,
            margin: Margin::Proven,
        }
    }

    /// The beam width of a walk. Codes may rank a node of the best `k` below others, so the beam is half as wide
    /// again as `k` at least.
    pub(crate) fn beam(&self) -> usize {
        self.ef.max(self.k.saturating_add(self.k / 2))
    }

    /// The width of a search of leaves. A leaf holds many nodes, so the lower limit is smaller than for a walk, and still
    /// smaller below the default width, where the caller wants speed.
    pub(crate) fn leaf_width(&self) -> usize {
        let least = match self.ef < DEFAULT_EF {
            true => self.k / 2,
            false => self.k,
        };
        self.ef.max(least)
    }
}
