//! Recalls of an open database.

use crate::arrays;
use crate::batch::BatchHits;
use crate::database::Database;
use crate::failure::Failure;
use crate::hits::Hits;
use crate::options::{Call, Options};
use crate::records::{Kind, Records};
use pyo3::prelude::*;
use pyo3::types::PyDict;

#[pymethods]
impl Database {
    /// Find the best items of a space or an ensemble for one query.
    ///
    /// Parameters
    /// ----------
    /// name : str
    ///     A space or an ensemble.
    /// user : dict, optional
    ///     Raw features, as the user tower reads them. One of `user`, `vector` and `similar`.
    /// vector : array_like, optional
    ///     A query vector of the space's dimension.
    /// similar : str, optional
    ///     The id of an item, which is not among the hits itself.
    /// users_in, vectors_in : dict, optional
    ///     Of an ensemble: features or vectors for single spaces, by name.
    /// text : str, optional
    ///     The text that lexical spaces search for, in place of one of the user.
    /// k : int or None, default 10
    ///     Number of hits; with None every item, which makes sense with `min_score`.
    /// min_score : float, optional
    ///     Only items with this exact score or more.
    /// filter : str or Filter, or a list of them, optional
    ///     Only items that pass, such as ``"price < 30 and tags has 'red'"``; of several, all. `field` makes filters of
    ///     values that are not constants.
    /// exclude : iterable of str, optional
    ///     Ids that are never hits, such as those the user has seen.
    /// recall_target : float, optional
    ///     The share of the exact answer to find, in place of `ef`; `Hits.promise` says what came of it.
    /// ef : int, optional
    ///     Beam width (efSearch); by default 100, and in a recall by user as wide as recall of 0.9 takes.
    /// exact : bool, default False
    ///     Score every item.
    /// offset : int, default 0
    ///     Number of best hits to skip.
    /// records : bool or list of str, default False
    ///     Return records: whole, or these fields of them.
    /// exact_ranks : bool, default False
    ///     Return the exact rank of each hit in every space.
    /// check_features : {'described', 'strict', 'lenient'}
    ///     How strictly features are read; as `tower.json` says by default.
    /// explain : bool, default False
    ///     Return how the answer was found, in `Hits.explain`.
    ///
    /// Returns
    /// -------
    /// Hits
    ///     Best first.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     No such space or item.
    /// FeatureError
    ///     A feature that the user tower cannot read.
    /// FilterError
    ///     A filter that does not parse or does not fit the items.
    ///
    /// Examples
    /// --------
    /// >>> hits = db.recall("clip", vector=[0.0, 1.0], k=2, filter="price < 30")
    /// >>> [hit.id for hit in hits]
    /// ['B02', 'B01']
    #[pyo3(signature = (name, **options), text_signature = "($self, name, *, user=None, vector=None, similar=None, \
        users_in=None, vectors_in=None, text=None, k=10, min_score=None, filter=None, exclude=None, recall_target=None, ef=None, \
        exact=False, offset=0, records=False, exact_ranks=False, check_features='described', explain=False)")]
    fn recall(
        &self,
        py: Python<'_>,
        name: &str,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<Hits, Failure> {
        let database = self.handle()?;
        let options = Options::new(Call::Recall, options)?;
        Ok(py.detach(|| options.run(database.recall(name)))?.into())
    }

    /// Find the items most similar to an item.
    ///
    /// Parameters
    /// ----------
    /// name : str
    ///     A space or an ensemble.
    /// id : str
    ///     The item. It is not among the hits.
    /// **options
    ///     As those of `recall`.
    ///
    /// Returns
    /// -------
    /// Hits
    ///
    /// Examples
    /// --------
    /// >>> db.similar("clip", "B01", k=1).ids
    /// ['B02']
    #[pyo3(signature = (name, id, **options), text_signature = "($self, name, id, *, k=10, min_score=None, filter=None, \
        exclude=None, recall_target=None, ef=None, exact=False, offset=0, records=False, exact_ranks=False, \
        check_features='described', explain=False)")]
    fn similar(
        &self,
        py: Python<'_>,
        name: &str,
        id: String,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<Hits, Failure> {
        let database = self.handle()?;
        let options = Options::new(Call::Similar, options)?.similar_to(id);
        Ok(py.detach(|| options.run(database.recall(name)))?.into())
    }

    /// Find the best items for many users, on all cores.
    ///
    /// All answers are of one state of the database.
    ///
    /// Parameters
    /// ----------
    /// name : str
    ///     A space or an ensemble.
    /// users : iterable of dict, or a frame
    ///     Features of each user. A frame is anything with `__arrow_c_stream__` (polars, pandas, pyarrow,
    ///     DuckDB); its columns are the features.
    /// exclude_each : iterable of iterables of str, optional
    ///     For each user, ids that are never among its hits.
    /// on_error : {'raise', 'keep'}
    ///     Whether a user that cannot be answered fails the call, or is left without hits;
    ///     `BatchHits.errors` has the reasons then.
    /// **options
    ///     As those of `recall`.
    ///
    /// Returns
    /// -------
    /// BatchHits
    ///
    /// Examples
    /// --------
    /// >>> many = db.recall_many("by-price", [{"price": 15}, {"price": 70}], k=1)
    /// >>> many.ids.tolist()
    /// [['B01'], ['B02']]
    #[pyo3(signature = (name, users, **options), text_signature = "($self, name, users, *, users_in=None, \
        vectors_in=None, text=None, k=10, min_score=None, filter=None, exclude=None, exclude_each=None, recall_target=None, \
        ef=None, exact=False, offset=0, records=False, exact_ranks=False, check_features='described', explain=False, \
        on_error='raise')")]
    fn recall_many(
        &self,
        py: Python<'_>,
        name: &str,
        users: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<BatchHits, Failure> {
        let database = self.handle()?;
        let options = Options::new(Call::Batch, options)?;
        let users = Records::new(users, Kind::Any)?;
        let answers = users.stream(py, |users| options.run_many(database.recall(name), users))?;
        Ok(answers?.into())
    }

    /// The vectors of items in a space, as recalls compare them.
    ///
    /// Parameters
    /// ----------
    /// space : str
    /// ids : iterable of str
    ///
    /// Returns
    /// -------
    /// numpy.ndarray
    ///     float32, a row for each id.
    ///
    /// Raises
    /// ------
    /// NotFoundError
    ///     An id that is not stored, or has no vector in the space.
    ///
    /// Examples
    /// --------
    /// >>> db.vectors("clip", ["B02"])
    /// array([[0.6, 0.8]], dtype=float32)
    fn vectors(
        &self,
        py: Python<'_>,
        space: &str,
        ids: &Bound<'_, PyAny>,
    ) -> Result<Py<numpy::PyArray2<f32>>, Failure> {
        let (database, ids) = (self.handle()?, arrays::ids(ids)?);
        let rows = py.detach(|| database.vectors(space, &ids))?;
        let dimension = match ids.len() {
            0 => database
                .generations(space)?
                .last()
                .map_or(0, |last| last.dimension),
            count => rows.len() / count,
        };
        arrays::from_rows(py, rows, dimension)
    }
}
