use std::fmt;

/// Which of the two towers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The tower for queries.
    User,
    /// The tower for items.
    Item,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Item => "item",
        })
    }
}
