/// Vectors of one dimension, back to back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    data: &'a [f32],
    dimension: usize,
}

impl<'a> Rows<'a> {
    /// Rows of `dimension` components each.
    pub(crate) fn new(data: &'a [f32], dimension: usize) -> Self {
        Self { data, dimension }
    }

    /// Components of a row.
    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many rows there are; 0 where the dimension is 0.
    pub(crate) fn count(&self) -> u32 {
        let count = self.data.len().checked_div(self.dimension).unwrap_or(0);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// All components, row after row.
    pub(crate) fn data(&self) -> &'a [f32] {
        self.data
    }

    /// The vector of a node; none for a node that is not there.
    pub(crate) fn row(&self, node: u32) -> Option<&'a [f32]> {
        let from = (node as usize).checked_mul(self.dimension)?;
        self.data.get(from..from.checked_add(self.dimension)?)
    }
}
