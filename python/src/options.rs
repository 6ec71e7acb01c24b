//! The options that all recalls share.

use crate::arguments::{by_space, choice, feature_check, of_argument};
use crate::failure::Failure;
use crate::filters::Filter;
use crate::{arrays, json};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use serde_json::Value;
use twinspire::{FeatureCheck, Recall, ShardStatistics};

/// Number of hits unless the caller says otherwise.
const DEFAULT_K: usize = 10;

/// What a recall searches for.
#[derive(Default)]
pub enum Input {
    /// Nothing but what single spaces are given.
    #[default]
    None,
    User(Value),
    Vector(Vec<f32>),
    Similar(String),
}

/// A recall as the keyword arguments of a call describe it.
#[expect(clippy::struct_excessive_bools, reason = "independent options")]
pub struct Options {
    input: Input,
    users_in: Vec<(String, Value)>,
    vectors_in: Vec<(String, Vec<f32>)>,
    /// Vectors that are used as they are.
    prepared_in: Vec<(String, Vec<f32>)>,
    /// Figures of all shards.
    statistics: Option<ShardStatistics>,
    text: Option<String>,
    /// Number of hits; `usize::MAX` for all.
    k: usize,
    min_score: Option<f32>,
    filters: Vec<twinspire::Filter>,
    exclude: Vec<String>,
    exclude_each: Vec<Vec<String>>,
    recall_target: Option<f32>,
    ef: Option<usize>,
    exact: bool,
    offset: usize,
    records: bool,
    fields: Vec<String>,
    exact_ranks: bool,
    check: FeatureCheck,
    explain: bool,
    /// Of a batch: answer the others where users fail.
    keep_going: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            input: Input::None,
            users_in: Vec::new(),
            vectors_in: Vec::new(),
            prepared_in: Vec::new(),
            statistics: None,
            text: None,
            k: DEFAULT_K,
            min_score: None,
            filters: Vec::new(),
            exclude: Vec::new(),
            exclude_each: Vec::new(),
            recall_target: None,
            ef: None,
            exact: false,
            offset: 0,
            records: false,
            fields: Vec::new(),
            exact_ranks: false,
            check: FeatureCheck::default(),
            explain: false,
            keep_going: false,
        }
    }
}

/// The kind of call, which decides the arguments it has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Recall,
    Similar,
    Batch,
    Shard,
}

impl Call {
    /// Whether the call has one query, with an input of its own.
    fn is_single(self) -> bool {
        matches!(self, Self::Recall | Self::Shard)
    }
}

impl Options {
    /// Reads keyword arguments.
    pub fn new(call: Call, arguments: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut options = Self::default();
        for (name, value) in arguments.into_iter().flatten() {
            let name = name.cast::<PyString>()?.to_str()?;
            let known = options.set(call, name, &value);
            if !known.map_err(|error| of_argument(&value, name, error))? {
                let method = match call {
                    Call::Recall => "recall",
                    Call::Similar => "similar",
                    Call::Batch => "recall_many",
                    Call::Shard => "top_of_shard",
                };
                let reason = format!("{method}() got an unexpected keyword argument '{name}'");
                return Err(PyTypeError::new_err(reason));
            }
        }
        Ok(options)
    }

    /// Sets the argument of this name. False if the call has none.
    fn set(&mut self, call: Call, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        match name {
            "user" if call.is_single() => {
                if !value.is_none() {
                    self.only(Input::User(json::to_object(value)?))?;
                }
            }
            "vector" if call.is_single() => {
                if !value.is_none() {
                    self.only(Input::Vector(arrays::vector(value)?))?;
                }
            }
            "similar" if call.is_single() => {
                if let Some(id) = value.extract()? {
                    self.only(Input::Similar(id))?;
                }
            }
            "exclude_each" if call == Call::Batch => {
                if !value.is_none() {
                    let each = value.try_iter()?.map(|ids| arrays::ids(&ids?));
                    self.exclude_each = each.collect::<PyResult<_>>()?;
                }
            }
            "on_error" if call == Call::Batch => {
                self.keep_going = match &*value.extract::<String>()? {
                    "raise" => false,
                    "keep" => true,
                    other => return Err(choice(other, "'raise' or 'keep'")),
                };
            }
            "prepared_in" if call == Call::Shard => {
                self.prepared_in = by_space(value, arrays::vector)?;
            }
            "statistics" if call == Call::Shard => {
                if let Some(bytes) = value.extract::<Option<Vec<u8>>>()? {
                    let read = ShardStatistics::from_bytes(&bytes);
                    let read = read.map_err(|error| PyErr::from(Failure::of(&error)))?;
                    self.statistics = Some(read);
                }
            }
            "users_in" if call != Call::Similar => {
                self.users_in = by_space(value, json::to_object)?;
            }
            "vectors_in" if call != Call::Similar => {
                self.vectors_in = by_space(value, arrays::vector)?;
            }
            "text" if call != Call::Similar => self.text = value.extract()?,
            "k" => self.k = value.extract::<Option<usize>>()?.unwrap_or(usize::MAX),
            "min_score" => self.min_score = value.extract()?,
            "filter" => self.filters = Filter::each(value)?,
            "exclude" => {
                if !value.is_none() {
                    self.exclude = arrays::ids(value)?;
                }
            }
            "recall_target" => self.recall_target = value.extract()?,
            "ef" => self.ef = value.extract()?,
            "exact" => self.exact = value.extract()?,
            "offset" => self.offset = value.extract()?,
            "records" => match value.cast::<PyBool>() {
                Ok(records) => self.records = records.is_true(),
                Err(_) => self.fields = arrays::ids(value)?,
            },
            "exact_ranks" => self.exact_ranks = value.extract()?,
            "check_features" => self.check = feature_check(&value.extract::<String>()?)?,
            "explain" => self.explain = value.extract()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Sets the input; there is one at most.
    fn only(&mut self, input: Input) -> PyResult<()> {
        if matches!(self.input, Input::None) {
            self.input = input;
            return Ok(());
        }
        let reason = "a recall has one of `user`, `vector` and `similar`";
        Err(PyValueError::new_err(reason))
    }

    /// Searches for items like this one.
    pub fn similar_to(mut self, id: String) -> Self {
        self.input = Input::Similar(id);
        self
    }

    /// The hits of a recall.
    pub fn run(&self, recall: Recall<'_>) -> Result<twinspire::Hits, twinspire::Error> {
        self.apply(self.with_input(recall)).top(self.k)
    }

    /// What a shard contributes to the hits of a recall.
    pub fn run_shard(&self, recall: Recall<'_>) -> Result<twinspire::ShardHits, twinspire::Error> {
        let mut recall = self.apply(self.with_input(recall));
        for (space, vector) in &self.prepared_in {
            recall = recall.prepared_vector_in(space, vector);
        }
        if let Some(statistics) = &self.statistics {
            recall = recall.statistics(statistics.clone());
        }
        recall.top_of_shard(self.k)
    }

    fn with_input<'a>(&'a self, recall: Recall<'a>) -> Recall<'a> {
        match &self.input {
            Input::None => recall,
            Input::User(user) => recall.user(user),
            Input::Vector(vector) => recall.vector(vector),
            Input::Similar(id) => recall.similar(id),
        }
    }

    /// The hits of each user.
    pub fn run_many(
        &self,
        recall: Recall<'_>,
        users: &mut dyn Iterator<Item = Value>,
    ) -> Result<Vec<Result<twinspire::Hits, twinspire::Error>>, twinspire::Error> {
        let recall = self
            .apply(recall)
            .users_from(users)
            .exclude_each(&self.exclude_each);
        match self.keep_going {
            true => recall.top_each(self.k),
            false => Ok(recall.top(self.k)?.into_iter().map(Ok).collect()),
        }
    }

    fn apply<'a>(&'a self, mut recall: Recall<'a>) -> Recall<'a> {
        for (space, user) in &self.users_in {
            recall = recall.user_in(space, user);
        }
        for (space, vector) in &self.vectors_in {
            recall = recall.vector_in(space, vector);
        }
        if let Some(text) = &self.text {
            recall = recall.text(text);
        }
        for filter in &self.filters {
            recall = recall.filter(filter.clone());
        }
        recall = recall
            .exclude(&self.exclude)
            .offset(self.offset)
            .check_features(self.check);
        if let Some(score) = self.min_score {
            recall = recall.at_least(score);
        }
        if let Some(share) = self.recall_target {
            recall = recall.recall_target(share);
        }
        if let Some(ef) = self.ef {
            recall = recall.ef(ef);
        }
        if self.records {
            recall = recall.records();
        }
        if !self.fields.is_empty() {
            recall = recall.fields(&self.fields);
        }
        for (wanted, option) in [
            (self.exact, Recall::exact as fn(Recall<'a>) -> Recall<'a>),
            (self.exact_ranks, Recall::exact_ranks),
            (self.explain, Recall::explain),
        ] {
            if wanted {
                recall = option(recall);
            }
        }
        recall
    }
}
