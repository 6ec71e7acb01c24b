//! The set of visited nodes.

/// A set of nodes: a bit per node, and a list of the members so that it empties quickly.
#[derive(Debug, Default)]
pub(super) struct Visited {
    words: Vec<u64>,
    /// Words in use.
    count: usize,
    /// The nodes in the set.
    members: Vec<u32>,
}

impl Visited {
    /// Empties the set, for nodes below `nodes`.
    pub(super) fn reset(&mut self, nodes: u32) {
        let last = self.count.saturating_sub(1);
        let used = self.members.drain(..).map(|node| node as usize / 64);
        for word in used.chain([last]) {
            if let Some(word) = self.words.get_mut(word) {
                *word = 0;
            }
        }
        self.count = (nodes as usize).div_ceil(64);
        if self.words.len() < self.count {
            self.words.resize(self.count, 0);
        }
        if !nodes.is_multiple_of(64)
            && let Some(last) = self.words.get_mut(self.count - 1)
        {
            // Bits beyond the last node count as visited.
            *last = u64::MAX << (nodes % 64);
        }
    }

    /// Adds nodes, and makes `new` the list of those that were not in the set. Nodes out of range are
    /// left out.
    #[inline]
    pub(super) fn insert_all(&mut self, nodes: &[u32], new: &mut Vec<u32>) {
        new.clear();
        new.resize(nodes.len(), 0);
        let words = self.words.get_mut(..self.count).unwrap_or_default();
        let mut length = 0;
        for node in nodes {
            let Some(word) = words.get_mut(*node as usize / 64) else {
                continue;
            };
            // No branch depends on whether the node is new: that is unpredictable.
            if let Some(place) = new.get_mut(length) {
                *place = *node;
            }
            length += (!*word >> (node % 64) & 1) as usize;
            *word |= 1 << (node % 64);
        }
        new.truncate(length);
        self.members.extend_from_slice(new);
    }
}
