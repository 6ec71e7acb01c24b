//! Mining hard negatives.

use crate::arguments::{feature_check, of_argument};
use crate::database::Database;
use crate::failure::Failure;
use crate::filters::Filter;
use crate::pinned::Pinned;
use crate::{info, json, process, sources};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use twinspire::{
    DEFAULT_NEGATIVE_RANKS, DEFAULT_NEGATIVES_PER_PAIR, FeatureCheck, MinedPair, TrainingPair,
};

/// Number of mined pairs that wait to be taken.
const AHEAD: usize = 256;
/// How often signals are handled while the next pair is mined.
const INTERVAL: Duration = Duration::from_millis(50);

/// What to mine, and how.
struct Params {
    space: String,
    ranks: (u32, u32),
    per_pair: Option<usize>,
    seed: u64,
    hard_beyond: Option<u32>,
    only_hard: bool,
    filters: Vec<twinspire::Filter>,
    check: FeatureCheck,
    recall_target: Option<f32>,
    ef: Option<usize>,
    exact: bool,
    skip_failures: bool,
}

impl Params {
    /// Reads keyword arguments.
    fn new(space: String, arguments: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut params = Self {
            space,
            ranks: (
                *DEFAULT_NEGATIVE_RANKS.start(),
                *DEFAULT_NEGATIVE_RANKS.end(),
            ),
            per_pair: Some(DEFAULT_NEGATIVES_PER_PAIR),
            seed: 0,
            hard_beyond: None,
            only_hard: false,
            filters: Vec::new(),
            check: FeatureCheck::default(),
            recall_target: None,
            ef: None,
            exact: false,
            skip_failures: false,
        };
        for (name, value) in arguments.into_iter().flatten() {
            let name = name.cast::<PyString>()?.to_str()?;
            let known = params.set(name, &value);
            if !known.map_err(|error| of_argument(&value, name, error))? {
                let reason = format!("mine() got an unexpected keyword argument '{name}'");
                return Err(PyTypeError::new_err(reason));
            }
        }
        Ok(params)
    }

    /// Sets the option `name`. Returns false if there is no such option.
    fn set(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        match name {
            "ranks" => self.ranks = value.extract()?,
            "per_pair" => self.per_pair = value.extract()?,
            "seed" => self.seed = value.extract()?,
            "hard_beyond" => self.hard_beyond = value.extract()?,
            "only_hard" => self.only_hard = value.extract()?,
            "filter" => self.filters = Filter::each(value)?,
            "check_features" => self.check = feature_check(&value.extract::<String>()?)?,
            "recall_target" => self.recall_target = value.extract()?,
            "ef" => self.ef = value.extract()?,
            "exact" => self.exact = value.extract()?,
            "skip_failures" => self.skip_failures = value.extract()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What the miner sends.
type Sent = Result<MinedPair, Failure>;

/// Mined pairs, in the order of the pairs: an iterator of dicts. Made by `Database.mine`.
///
/// They are mined ahead of the iteration, on threads of their own. Dropping the iterator ends the mining.
#[pyclass(frozen, module = "twinspire")]
pub struct MinedPairs {
    mined: Mutex<Receiver<Sent>>,
    skipped: Arc<Mutex<Vec<Failure>>>,
    #[pyo3(get)]
    /// The generation that is mined.
    generation: u64,
}

#[pymethods]
impl Database {
    /// Mine hard training examples from a space: for each pair of a user and a positive item, negatives at given
    /// ranks of the user's recall.
    ///
    /// Parameters
    /// ----------
    /// space : str
    /// pairs : iterable of dict, frame or path of JSON lines
    ///     Each ``{"user": {…}, "positive": id}``, with ``"known"`` for ids that are never negatives.
    /// ranks : (int, int), default (101, 500)
    ///     The first and the last rank of negatives, from 1.
    /// per_pair : int or None, default 4
    ///     Number of negatives of each pair, a uniform sample of the ranks; None for every rank.
    /// seed : int, default 0
    /// hard_beyond : int, optional
    ///     A positive is hard if its rank is larger; the last of `ranks` by default.
    /// only_hard : bool, default False
    ///     Only pairs whose positive is hard.
    /// filter, check_features, recall_target, ef, exact
    ///     As those of `recall`.
    /// skip_failures : bool, default False
    ///     Skip pairs that fail instead of ending with the first; `MinedPairs.skipped` has the reasons.
    ///
    /// Returns
    /// -------
    /// MinedPairs
    ///     An iterator of dicts, which `train.ebr` takes as `mined`.
    ///
    /// Examples
    /// --------
    /// >>> pairs = [{"user": {"price": 15}, "positive": "B01"}]
    /// >>> for mined in db.mine("by-price", pairs, ranks=(1, 5)):
    /// ...     print(mined["positive_rank"], [negative["id"] for negative in mined["negatives"]])
    /// 1 ['B02']
    #[pyo3(signature = (space, pairs, **options), text_signature = "($self, space, pairs, *, ranks=(101, 500), \
        per_pair=4, seed=0, hard_beyond=None, only_hard=False, filter=None, check_features='described', \
        recall_target=None, ef=None, exact=False, skip_failures=False)")]
    fn mine(
        &self,
        py: Python<'_>,
        space: String,
        pairs: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<MinedPairs, Failure> {
        let state = self.handle()?.pin();
        start(
            py,
            state,
            Params::new(space, options)?,
            sources::pairs(pairs)?,
        )
    }
}

#[pymethods]
impl Pinned {
    /// Mine hard training examples from a space of this state; as `Database.mine`.
    ///
    /// Examples
    /// --------
    /// >>> pairs = [{"user": {"price": 15}, "positive": "B01"}]
    /// >>> with db.pin() as state:
    /// ...     [mined["positive_rank"] for mined in state.mine("by-price", pairs, ranks=(1, 5))]
    /// [1]
    #[pyo3(signature = (space, pairs, **options), text_signature = "($self, space, pairs, *, ranks=(101, 500), \
        per_pair=4, seed=0, hard_beyond=None, only_hard=False, filter=None, check_features='described', \
        recall_target=None, ef=None, exact=False, skip_failures=False)")]
    fn mine(
        &self,
        py: Python<'_>,
        space: String,
        pairs: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<MinedPairs, Failure> {
        let params = Params::new(space, options)?;
        start(py, self.state()?, params, sources::pairs(pairs)?)
    }
}

/// Starts to mine on a thread of its own, and waits until it began.
fn start(
    py: Python<'_>,
    state: twinspire::Pinned,
    params: Params,
    pairs: Vec<TrainingPair>,
) -> Result<MinedPairs, Failure> {
    let (sender, mined) = sync_channel::<Sent>(AHEAD);
    let (began, generation) = sync_channel(1);
    let skipped = Arc::<Mutex<Vec<Failure>>>::default();
    let skips = Arc::clone(&skipped);
    let work = move || {
        let mut miner = state
            .mine(&params.space)
            .ranks(params.ranks.0..=params.ranks.1)
            .seed(params.seed)
            .check_features(params.check);
        miner = match params.per_pair {
            Some(count) => miner.per_pair(count),
            None => miner.every_rank(),
        };
        if let Some(rank) = params.hard_beyond {
            miner = miner.hard_positives_beyond(rank);
        }
        if params.only_hard {
            miner = miner.only_hard_positives();
        }
        for filter in &params.filters {
            miner = miner.filter(filter.clone());
        }
        if let Some(share) = params.recall_target {
            miner = miner.recall_target(share);
        }
        if let Some(ef) = params.ef {
            miner = miner.ef(ef);
        }
        if params.exact {
            miner = miner.exact();
        }
        if params.skip_failures {
            miner = miner.skip_failures(move |error| {
                let mut skips = skips.lock().unwrap_or_else(PoisonError::into_inner);
                skips.push(Failure::of(error));
            });
        }
        let mined = match miner.pairs(pairs) {
            Ok(mined) => mined,
            Err(error) => return drop(began.send(Err(Failure::from(error)))),
        };
        if began.send(Ok(mined.generation().0)).is_err() {
            return;
        }
        for pair in mined {
            // The iterator is gone: nobody wants the rest.
            if sender.send(pair.map_err(Failure::from)).is_err() {
                return;
            }
        }
    };
    let builder = thread::Builder::new().name("twinspire-mine".to_owned());
    let started = builder.spawn(work);
    started
        .map_err(|error| Failure::new("StorageError", format!("cannot start a thread: {error}")))?;
    let ended = |_| Failure::new("InternalError", "the mining ended early");
    let generation = py.detach(move || generation.recv()).map_err(ended)??;
    Ok(MinedPairs {
        mined: Mutex::new(mined),
        skipped,
        generation,
    })
}

#[pymethods]
impl MinedPairs {
    fn __iter__(pairs: PyRef<'_, Self>) -> PyRef<'_, Self> {
        pairs
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        process::check()?;
        loop {
            let next = py.detach(|| {
                let mined = self.mined.lock().unwrap_or_else(PoisonError::into_inner);
                mined.recv_timeout(INTERVAL)
            });
            match next {
                Ok(pair) => return Ok(Some(json::to_python(py, &info::value(&pair?)?)?)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            }
        }
    }

    /// Why pairs were skipped so far: a list of exceptions.
    #[getter]
    fn skipped(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        let skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        skipped
            .iter()
            .map(|failure| failure.copy(py).into_exception(py))
            .collect()
    }
}
