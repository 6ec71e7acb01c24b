//! The options that builders of several methods share.

/// Defines `business_weight` on a builder with a field of that name.
macro_rules! business_weight_option {
    () => {
        /// Ranks by a numeric field of the items too, after the fusion; see
        /// [`BusinessWeight`](crate::BusinessWeight).
        #[must_use]
        pub fn business_weight(mut self, weight: crate::ensemble::BusinessWeight) -> Self {
            self.business_weight = Some(weight);
            self
        }
    };
}

/// Defines `diversity` on a builder with a field of that name.
macro_rules! diversity_option {
    () => {
        /// Re-ranks for diversity, after the fusion and the business weight; see
        /// [`Diversity`](crate::Diversity).
        #[must_use]
        pub fn diversity(mut self, diversity: crate::ensemble::Diversity) -> Self {
            self.diversity = Some(diversity);
            self
        }
    };
}

/// Defines `space` on a builder with a map of weights called `spaces`.
macro_rules! space_option {
    () => {
        /// Adds a space, or changes its weight. The weight must be finite and above 0.
        #[must_use]
        pub fn space(mut self, name: impl Into<String>, weight: f32) -> Self {
            self.spaces.insert(name.into(), weight);
            self
        }
    };
}

/// Defines `depth` on a builder with a field of that name.
macro_rules! depth_option {
    () => {
        /// Sets the length of the list of each space: 1 to 100,000, by default 100.
        #[must_use]
        pub fn depth(mut self, items: u32) -> Self {
            self.depth = items;
            self
        }
    };
}

pub(super) use {business_weight_option, depth_option, diversity_option, space_option};
