//! Asking: the builder of a recall.

use super::Database;
use crate::error::Error;
use crate::filter::Filter;
use crate::recall::{Hits, Query, Request, View, run, run_many};
use serde_json::Value;
use twinspire_towers::FeatureCheck;

/// A recall being put together: a query, options, and [`top`](Self::top) to run it.
#[derive(Clone)]
#[must_use = "a recall finds nothing before `top` is called"]
pub struct Recall<'a> {
    state: State<'a>,
    request: Request<'a>,
}

/// What answers a recall.
#[derive(Clone)]
enum State<'a> {
    /// The state in force when it runs.
    Now(&'a Database),
    /// One that is held on to.
    Pinned(&'a View),
}

impl State<'_> {
    fn view(&self) -> View {
        match self {
            Self::Now(database) => View::now(database.live()),
            Self::Pinned(view) => (*view).clone(),
        }
    }
}

/// A recall for many users.
#[must_use = "a recall finds nothing before `top` is called"]
pub struct BatchRecall<'a> {
    recall: Recall<'a>,
    users: &'a [Value],
}

impl Database {
    /// Finds the best items of a space, or of an [ensemble](Self::ensembles), for a user, a vector or
    /// another item.
    ///
    /// A recall sees one generation: the user tower that makes the query and the vectors it is
    /// compared with belong together, whatever is published meanwhile.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// use serde_json::json;
    /// let user = json!({"user_id": "u42", "history": ["B07", "B13"]});
    /// let hits = db.recall("unified").user(&user).exclude(["B07", "B13"]).top(10)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn recall<'a>(&'a self, space: &'a str) -> Recall<'a> {
        Recall {
            state: State::Now(self),
            request: Request::new(space),
        }
    }
}

impl<'a> Recall<'a> {
    /// A recall of a state that is held on to.
    pub(super) fn pinned(view: &'a View, name: &'a str) -> Self {
        Self {
            state: State::Pinned(view),
            request: Request::new(name),
        }
    }

    /// For a user: a JSON object of the raw features that the user tower reads.
    pub fn user(mut self, features: &'a Value) -> Self {
        self.request.query = Some(Query::User(features));
        self
    }

    /// In a recall of an ensemble, other features for one of its spaces: what its user tower reads and
    /// others do not know.
    pub fn user_in(mut self, space: &'a str, features: &'a Value) -> Self {
        self.request.queries.push((space, Query::User(features)));
        self
    }

    /// In a recall of an ensemble, a vector for one of its spaces.
    pub fn vector_in(mut self, space: &'a str, vector: &'a [f32]) -> Self {
        self.request.queries.push((space, Query::Vector(vector)));
        self
    }

    /// For a vector of the space's dimension.
    pub fn vector(mut self, vector: &'a [f32]) -> Self {
        self.request.query = Some(Query::Vector(vector));
        self
    }

    /// For an item: others near it. It is not among the answers itself.
    pub fn similar(mut self, id: &'a str) -> Self {
        self.request.query = Some(Query::Similar(id));
        self
    }

    /// For many users at once, answered in their order by one state of the database. Set the
    /// options before.
    pub fn users(self, users: &'a [Value]) -> BatchRecall<'a> {
        BatchRecall {
            recall: self,
            users,
        }
    }

    /// Never answers with these ids, such as what the user has seen already; ids of no item are
    /// passed over. Calls add up.
    pub fn exclude(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.request.exclude.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Answers only with items that match a filter, as text or put together by calls; see [`Filter`].
    /// There are `k` answers whenever `k` items match. Of several calls, all filters have to match.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// # let user = serde_json::json!({});
    /// let recall = db.recall("unified").user(&user);
    /// let hits = recall.filter("city = 'Seattle' and price < 30").top(10)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn filter(mut self, filter: impl Into<Filter>) -> Self {
        self.request.filters.push(filter.into());
        self
    }

    /// How strictly the features of users are taken; [as `tower.json` says](FeatureCheck::Described) by
    /// default. [`Database::check_user`] tells all that is wrong at once.
    pub fn check_features(mut self, check: FeatureCheck) -> Self {
        self.request.check = check;
        self
    }

    /// How much of the exact answer is wanted, from 0 to 1, in place of a width of the beam: the
    /// database picks the width that found as much when it was last
    /// [measured](Database::calibrate). At 1 every item is scored.
    pub fn recall_target(mut self, share: f32) -> Self {
        self.request.target = Some(share);
        self
    }

    /// Answers only with items that score at least this, by their exact score; the boundary belongs
    /// to it. Of an ensemble that is the score its answers have, with what they are worth; quotas have
    /// none, and refuse it.
    pub fn at_least(mut self, score: f32) -> Self {
        self.request.at_least = Some(score);
        self
    }

    /// How many candidates the search of the graph keeps (efSearch); [`DEFAULT_EF`](crate::DEFAULT_EF)
    /// by default, and never fewer than are asked for. More finds more of the exact answer and
    /// takes longer; a segment of no more items than that is scanned instead.
    pub fn ef(mut self, ef: usize) -> Self {
        self.request.ef = ef;
        self
    }

    /// Scores every item instead of searching the graph.
    pub fn exact(mut self) -> Self {
        self.request.exact = true;
        self
    }

    /// Leaves out the first `n` of the answer: `top(10)` gives places 11 to 20 with an offset of 10. What
    /// comes before has to be found all the same.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// # let user = serde_json::json!({});
    /// let second_page = db.recall("unified").user(&user).offset(10).top(10)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn offset(mut self, n: usize) -> Self {
        self.request.offset = n;
        self
    }

    /// Gives the record of each item as well.
    pub fn records(mut self) -> Self {
        self.request.records = true;
        self
    }

    /// Lets the answer say how it was found and what took how long; see [`Hits::explained`].
    pub fn explain(mut self) -> Self {
        self.request.explain = true;
        self
    }

    /// The best `k` items, or all when there are fewer.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], [`Error::UnknownItem`], [`Error::User`] naming the feature,
    /// [`Error::Vector`], [`Error::Filter`] showing the place, [`Error::NoQuery`], [`Error::NoScore`] and, for a `k` of 0, [`Error::TopZero`].
    pub fn top(self, k: usize) -> Result<Hits, Error> {
        run(&self.state.view(), &self.request, k)
    }

    /// Every item that scores `least` or more, by its exact score, best first; the boundary belongs
    /// to it. Under [`Metric::L2`](crate::Metric) scores are negative squared distances.
    ///
    /// # Errors
    /// As [`top`](Self::top).
    pub fn all_at_least(mut self, least: f32) -> Result<Hits, Error> {
        self.request.at_least = Some(least);
        run(&self.state.view(), &self.request, usize::MAX)
    }
}

impl BatchRecall<'_> {
    /// The best `k` items for each user.
    ///
    /// # Errors
    /// As [`Recall::top`]; [`Error::User`] tells the place of the user. It is all answers or none.
    pub fn top(self, k: usize) -> Result<Vec<Hits>, Error> {
        run_many(
            &self.recall.state.view(),
            &self.recall.request,
            self.users,
            k,
        )
    }
}
