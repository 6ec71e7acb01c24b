//! The builder of a recall.

use super::Database;
use crate::error::Error;
use crate::filter::Filter;
use crate::recall::{
    BatchInputs, Hits, Query, QueryInput, SearchParams, ShardHits, ShardStatistics, View, run,
    run_each, run_one, run_shard, run_stream,
};
use serde_json::Value;
use std::ops::{ControlFlow, Range};
use twinspire_towers::FeatureCheck;

/// Builds a recall: a query and options in any order, then [`top`](Self::top) or
/// [`all_at_least`](Self::all_at_least) to run it.
#[derive(Clone)]
#[must_use = "a recall does nothing before `top` is called"]
pub struct Recall<'a, Q = OneQuery<'a>> {
    state: State<'a>,
    name: &'a str,
    query: Q,
    by_space: Vec<(&'a str, QueryInput<'a>)>,
    text: Option<&'a str>,
    /// Figures of all shards.
    statistics: Option<ShardStatistics>,
    params: SearchParams,
}

/// A recall for many users; made by [`Recall::users`]. It takes the same options in any order.
pub type BatchRecall<'a> = Recall<'a, ManyUsers<'a, Given<'a>>>;

/// A recall for users that are answered while later ones are read; made by [`Recall::users_from`]. It takes the
/// same options in any order.
pub type StreamRecall<'a, I> = Recall<'a, ManyUsers<'a, Read<I>>>;

/// The query of a recall with one answer.
#[derive(Clone)]
pub struct OneQuery<'a>(Option<QueryInput<'a>>);

/// The queries of a recall with one answer for each user.
#[derive(Clone)]
pub struct ManyUsers<'a, U> {
    users: U,
    /// Ids that the user at the same place excludes.
    exclude: &'a [Vec<String>],
}

/// Users in memory.
#[derive(Clone)]
pub struct Given<'a>(&'a [Value]);

/// Users from an iterator.
#[derive(Clone)]
pub struct Read<I>(I);

/// Users that one step of [`Recall::each`] answers.
const BATCH_USERS: usize = 256;

/// The state that a recall reads.
#[derive(Clone)]
enum State<'a> {
    /// The state that is current when the recall runs.
    Current(&'a Database),
    /// A pinned state.
    Pinned(&'a View),
}

impl State<'_> {
    fn view(&self) -> View {
        match self {
            Self::Current(database) => View::now(database.live()),
            Self::Pinned(view) => (*view).clone(),
        }
    }
}

impl Database {
    /// Finds the best items of a space, or of an [ensemble](Self::ensembles), for a user, a vector or
    /// another item.
    ///
    /// A recall reads one generation of a space: the user tower that makes the query vector and the item
    /// vectors it is compared with belong together, whatever is published meanwhile.
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
    pub fn recall<'a>(&'a self, name: &'a str) -> Recall<'a> {
        Recall::new(State::Current(self), name)
    }
}

impl<'a> Recall<'a> {
    fn new(state: State<'a>, name: &'a str) -> Self {
        Self {
            state,
            name,
            query: OneQuery(None),
            by_space: Vec::new(),
            text: None,
            statistics: None,
            params: SearchParams::default(),
        }
    }

    /// A recall of a pinned state.
    pub(super) fn pinned(view: &'a View, name: &'a str) -> Self {
        Self::new(State::Pinned(view), name)
    }

    /// Searches for a user: a JSON object with the raw features that the user tower reads.
    pub fn user(mut self, features: &'a Value) -> Self {
        self.query = OneQuery(Some(QueryInput::User(features)));
        self
    }

    /// Searches for a vector of the space's dimension.
    pub fn vector(mut self, vector: &'a [f32]) -> Self {
        self.query = OneQuery(Some(QueryInput::Vector(vector)));
        self
    }

    /// Searches for items similar to an item, which is not among the hits itself.
    pub fn similar(mut self, id: &'a str) -> Self {
        self.query = OneQuery(Some(QueryInput::Item(id)));
        self
    }

    /// Searches for many users at once. All answers are of one state of the database, in the order of the
    /// users. Options apply to all of them, whether they are set before or after.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// # let users: Vec<serde_json::Value> = Vec::new();
    /// let answers = db.recall("unified").users(&users).filter("price < 30").top(10)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn users(self, users: &'a [Value]) -> BatchRecall<'a> {
        self.many(Given(users))
    }

    /// Searches for many users while they are read: this thread reads the iterator, the others answer the users
    /// before. So the time that reading takes is shared among the cores, and an iterator that ends soon ends the
    /// recall: a few hundred users for each core are read ahead. As [`users`](Self::users) otherwise.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// use serde_json::json;
    /// let users = (1..=1000).map(|n| json!({"user_id": format!("u{n}")}));
    /// let answers = db.recall("unified").users_from(users).top(10)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn users_from<I>(self, users: I) -> StreamRecall<'a, I::IntoIter>
    where
        I: IntoIterator<Item = Value>,
    {
        self.many(Read(users.into_iter()))
    }

    fn many<U>(self, users: U) -> Recall<'a, ManyUsers<'a, U>> {
        Recall {
            state: self.state,
            name: self.name,
            query: ManyUsers {
                users,
                exclude: &[],
            },
            by_space: self.by_space,
            text: self.text,
            statistics: self.statistics,
            params: self.params,
        }
    }

    /// The best `k` items, or all if there are fewer.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], [`Error::UnknownItem`], [`Error::User`] naming the feature,
    /// [`Error::Vector`], [`Error::Filter`] showing the position, [`Error::NoQuery`],
    /// [`Error::NoScore`], [`Error::TopZero`] for a `k` of 0, [`Error::BeamWidthZero`] and
    /// [`Error::RecallTarget`].
    pub fn top(mut self, k: usize) -> Result<Hits, Error> {
        self.params.k = k;
        run_one(&self.state.view(), self.name, &self.query(), &self.params)
    }

    /// What this database contributes to the best `k` items of several databases with different items, its shards.
    /// [`merge`](crate::merge()) makes the answer of the contributions of all. Every shard gets the same request: `k`, offset,
    /// filters, recipes of the same name, towers with the same content. A filter may name fields that only items of other
    /// shards have.
    ///
    /// # Errors
    /// As [`top`](Self::top); [`Error::Shards`] for an option that needs all items at hand: records, exact ranks, an
    /// explanation.
    pub fn top_of_shard(mut self, k: usize) -> Result<ShardHits, Error> {
        self.params.k = k;
        let statistics = self.statistics.take().unwrap_or_default();
        let (view, query) = (self.state.view(), self.query());
        run_shard(&view, self.name, &query, &self.params, statistics)
    }

    fn query(&self) -> Query<'_> {
        Query {
            input: self.query.0,
            by_space: &self.by_space,
            text: self.text,
            exclude: &[],
        }
    }

    /// Gives [`top_of_shard`](Self::top_of_shard) figures of all shards, which an earlier merge has asked for.
    pub fn statistics(mut self, statistics: ShardStatistics) -> Self {
        self.statistics = Some(statistics);
        self
    }

    /// Every item that scores `min_score` or more, by its exact score, best first. Under
    /// [`Metric::L2`](crate::Metric) scores are negative squared distances.
    ///
    /// # Errors
    /// As [`top`](Self::top).
    pub fn all_at_least(self, min_score: f32) -> Result<Hits, Error> {
        self.at_least(min_score).top(usize::MAX)
    }
}

impl BatchRecall<'_> {
    /// The best `k` items for each user.
    ///
    /// # Errors
    /// As [`Recall::top`]; [`Error::User`] has the position of the user. One user that fails fails the
    /// batch.
    pub fn top(mut self, k: usize) -> Result<Vec<Hits>, Error> {
        self.params.k = k;
        let queries = self.queries(0..self.query.users.0.len());
        run(&self.state.view(), self.name, &queries, &self.params)
    }

    /// The best `k` items for each user, or why that user cannot be answered. The others are answered all
    /// the same.
    ///
    /// # Errors
    /// What concerns all users: as [`Recall::top`], without [`Error::User`].
    pub fn top_each(mut self, k: usize) -> Result<Vec<Result<Hits, Error>>, Error> {
        self.params.k = k;
        let queries = self.queries(0..self.query.users.0.len());
        run_each(&self.state.view(), self.name, &queries, &self.params)
    }

    /// Passes the answer of each user to `visit`, in their order, with the place of the user: the best `k`
    /// items, or why that user cannot be answered. Memory holds the answers of a few hundred users. All are of
    /// one state of the database. `visit` ends the recall by [`ControlFlow::Break`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// # let users: Vec<serde_json::Value> = Vec::new();
    /// use std::ops::ControlFlow;
    /// db.recall("unified").users(&users).each(10, |at, answer| {
    ///     match answer {
    ///         Ok(hits) => println!("{at}: {} items", hits.len()),
    ///         Err(error) => eprintln!("{at}: {error}"),
    ///     }
    ///     ControlFlow::Continue(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`top_each`](Self::top_each).
    pub fn each(
        mut self,
        k: usize,
        mut visit: impl FnMut(usize, Result<Hits, Error>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.params.k = k;
        let view = self.state.view();
        let count = self.query.users.0.len();
        for from in (0..count).step_by(BATCH_USERS) {
            let queries = self.queries(from..count.min(from + BATCH_USERS));
            let answers = run_each(&view, self.name, &queries, &self.params)?;
            for (at, answer) in (from..).zip(answers) {
                if visit(at, answer.map_err(|error| error.further(from))).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The queries of some of the users.
    fn queries(&self, users: Range<usize>) -> Vec<Query<'_>> {
        let inputs = BatchInputs {
            by_space: &self.by_space,
            text: self.text,
            exclude: self.query.exclude,
        };
        let given = self.query.users.0.get(users.clone()).unwrap_or_default();
        let each = users.zip(given);
        each.map(|(at, user)| inputs.query(at, user)).collect()
    }

    /// For each user every item that scores `min_score` or more; as [`Recall::all_at_least`].
    ///
    /// # Errors
    /// As [`top`](Self::top).
    pub fn all_at_least(self, min_score: f32) -> Result<Vec<Hits>, Error> {
        self.at_least(min_score).top(usize::MAX)
    }
}

impl<I: Iterator<Item = Value>> StreamRecall<'_, I> {
    /// The best `k` items for each user.
    ///
    /// # Errors
    /// As [`Recall::top`]; [`Error::User`] has the position of the user. One user that fails fails the
    /// batch.
    pub fn top(self, k: usize) -> Result<Vec<Hits>, Error> {
        self.top_each(k)?.into_iter().collect()
    }

    /// The best `k` items for each user, or why that user cannot be answered. The others are answered all
    /// the same.
    ///
    /// # Errors
    /// What concerns all users: as [`Recall::top`], without [`Error::User`].
    pub fn top_each(mut self, k: usize) -> Result<Vec<Result<Hits, Error>>, Error> {
        self.params.k = k;
        let (view, users) = (self.state.view(), self.query.users.0);
        let inputs = BatchInputs {
            by_space: &self.by_space,
            text: self.text,
            exclude: self.query.exclude,
        };
        run_stream(&view, self.name, users, inputs, &self.params)
    }
}

impl<'a, U> Recall<'a, ManyUsers<'a, U>> {
    /// For each user, ids of items that are never among its hits, such as those that it has seen: at the same
    /// place as the user. Users without a list exclude nothing of their own.
    pub fn exclude_each(mut self, ids: &'a [Vec<String>]) -> Self {
        self.query.exclude = ids;
        self
    }
}

impl<'a, Q> Recall<'a, Q> {
    /// In a recall of an ensemble: other features for one of its spaces, for a user tower that reads what
    /// others do not.
    pub fn user_in(mut self, space: &'a str, features: &'a Value) -> Self {
        self.by_space.push((space, QueryInput::User(features)));
        self
    }

    /// In a recall of an ensemble: a vector for one of its spaces.
    pub fn vector_in(mut self, space: &'a str, vector: &'a [f32]) -> Self {
        self.by_space.push((space, QueryInput::Vector(vector)));
        self
    }

    /// Searches one space of an ensemble, or the space itself, for a vector that is used as it is, without normalisation:
    /// one that [towers](crate::Towers::embed_user) or [the space](crate::Database::vectors) gave. So it scores exactly
    /// as the user or the item that it is of.
    pub fn prepared_vector_in(mut self, space: &'a str, vector: &'a [f32]) -> Self {
        self.by_space.push((space, QueryInput::Prepared(vector)));
        self
    }

    /// The text that [lexical spaces](crate::Lexical) search for, in place of the one that they read from the user.
    /// Other spaces do not see it.
    pub fn text(mut self, text: &'a str) -> Self {
        self.text = Some(text);
        self
    }

    /// Never returns items with these ids, such as those that the user has seen. Unknown ids are ignored.
    /// Calls add up.
    pub fn exclude(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.params.exclude.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Returns only items that pass a [`Filter`], given as text or built by calls. There are `k` hits
    /// whenever `k` items pass. If called several times, all filters have to pass.
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
        self.params.filters.push(filter.into());
        self
    }

    /// How strictly the features of users are read; [as `tower.json` says](FeatureCheck::Described) by
    /// default. [`Database::check_user`] lists all problems at once.
    pub fn check_features(mut self, check: FeatureCheck) -> Self {
        self.params.check = check;
        self
    }

    /// The share of the exact answer to find, above 0 and at most 1, in place of a beam width.
    ///
    /// The database takes the least beam width whose lower confidence bound reaches the target in the
    /// [calibration](Database::calibrate), for up to a hundred items. Where none does, or where it is faster,
    /// every item is scored, and the answer is exact. [`Hits::promise`] says which. Takes precedence over
    /// [`ef`](Self::ef).
    pub fn recall_target(mut self, share: f32) -> Self {
        self.params.recall_target = Some(share);
        self
    }

    /// Returns only items with this score or more, by their exact score. For an ensemble that is the
    /// fused score, including business values; quotas have no score and refuse the option.
    pub fn at_least(mut self, min_score: f32) -> Self {
        self.params.at_least = Some(min_score);
        self
    }

    /// The beam width (efSearch). A wider beam finds more of the exact answer and takes longer.
    ///
    /// The default is [`DEFAULT_EF`](crate::DEFAULT_EF). If recall for users is below 0.9 at that width, a recall by user
    /// takes the width of [`Calibration::default_width`](crate::Calibration::default_width), or scores every item.
    /// Recalls by vector and by item keep `DEFAULT_EF`. The vectors of
    /// [`prepared_vector_in`](Self::prepared_vector_in) count as users: routers of shards embed users themselves.
    ///
    /// A walk over a graph keeps this many candidates, at least one and a half times `k`. Of partitions, two leaves for
    /// each step are scanned, at least `k`, or three times `k` from efSearch 100 on. Segments with no more items than
    /// the beam width are scanned instead.
    pub fn ef(mut self, ef: usize) -> Self {
        self.params.ef = Some(ef);
        self
    }

    /// Scores every item instead of searching the graph. Takes precedence over
    /// [`recall_target`](Self::recall_target) and [`ef`](Self::ef).
    pub fn exact(mut self) -> Self {
        self.params.exact = true;
        self
    }

    /// Skips the first `n` hits: with an offset of 10, `top(10)` returns ranks 11 to 20. The skipped hits
    /// have to be found all the same.
    ///
    /// Pages of one size (offsets of 0, `k`, 2 `k` and so on, with the same `k`) of an unchanged
    /// [state](Database::pin) are slices of one list: no item is on two pages, and paging to the end returns
    /// every item that matches. Where a deeper search finds an item that belongs on an earlier page, it comes
    /// at the start of a later one, so scores may rise there; never in [exact](Self::exact) mode.
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
        self.params.offset = n;
        self
    }

    /// Returns the record of each hit.
    pub fn records(mut self) -> Self {
        self.params.records = true;
        self
    }

    /// Returns the record of each hit with these fields only: names, or paths such as `seller.city`.
    pub fn fields(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.params.records = true;
        self.params
            .fields
            .extend(fields.into_iter().map(Into::into));
        self
    }

    /// Returns the exact rank of each hit in every space that is searched, as
    /// [`Hit::ranks`](crate::Hit::ranks). Scores every item of every space, whatever the search does.
    pub fn exact_ranks(mut self) -> Self {
        self.params.exact_ranks = true;
        self
    }

    /// Returns how the answer was found, and how long each stage took; see [`Hits::explained`]. The hits
    /// and the work stay the same.
    pub fn explain(mut self) -> Self {
        self.params.explain = true;
        self
    }
}
