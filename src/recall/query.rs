//! What a recall searches for.

use crate::error::Error;
use serde_json::Value;

/// What a query vector is made from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum QueryInput<'a> {
    /// The raw features of a user.
    User(&'a Value),
    /// A vector of the space.
    Vector(&'a [f32]),
    /// A vector of the space that is normalised where the metric needs it, as towers and the space give it.
    Prepared(&'a [f32]),
    /// The id of an item, whose stored vector becomes the query.
    Item(&'a str),
}

/// Where a query vector comes from. It decides the default beam width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryOrigin {
    /// The user tower, of this process or of a router of shards.
    User,
    /// A given vector, or the vector of an item.
    Vector,
}

/// What to search for: an input for every space, and inputs that replace it in single spaces.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Query<'a> {
    /// The input for every space without one of its own.
    pub(crate) input: Option<QueryInput<'a>>,
    /// Inputs for single spaces, by name. The last one of a name counts.
    pub(crate) by_space: &'a [(&'a str, QueryInput<'a>)],
    /// The text that lexical spaces search for, in place of one of the user.
    pub(crate) text: Option<&'a str>,
    /// Ids of items that this query must not return, besides those that no query may.
    pub(crate) exclude: &'a [String],
}

impl<'a> Query<'a> {
    /// The input for one space.
    pub(super) fn input_in(&self, space: &str) -> Result<QueryInput<'a>, Error> {
        self.own_input(space).or(self.input).ok_or(Error::NoQuery)
    }

    /// Where the query vector in one space comes from. A fused space without an input of its own concatenates the
    /// query vectors of its members, which are those of users.
    pub(super) fn origin_in(&self, space: &str) -> QueryOrigin {
        match self.input_in(space) {
            Ok(QueryInput::Vector(_) | QueryInput::Item(_)) => QueryOrigin::Vector,
            Ok(QueryInput::User(_) | QueryInput::Prepared(_)) | Err(_) => QueryOrigin::User,
        }
    }

    /// The input that one space has for itself.
    pub(super) fn own_input(&self, space: &str) -> Option<QueryInput<'a>> {
        let mut own = self.by_space.iter().rev();
        let own = own.find(|(name, _)| *name == space);
        own.map(|(_, input)| *input)
    }
}

/// What the queries of a batch share besides parameters, and what is its own of each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BatchInputs<'a> {
    /// As [`Query::by_space`], of all queries.
    pub(crate) by_space: &'a [(&'a str, QueryInput<'a>)],
    /// As [`Query::text`], of all queries.
    pub(crate) text: Option<&'a str>,
    /// As [`Query::exclude`], of the query at the same place.
    pub(crate) exclude: &'a [Vec<String>],
}

impl<'a> BatchInputs<'a> {
    /// The query of the user at a place in the batch.
    pub(crate) fn query(&self, at: usize, user: &'a Value) -> Query<'a> {
        Query {
            input: Some(QueryInput::User(user)),
            by_space: self.by_space,
            text: self.text,
            exclude: self.exclude.get(at).map_or(&[], Vec::as_slice),
        }
    }
}
