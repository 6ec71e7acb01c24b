//! Evaluation of spaces, ensembles and generations on held-out events, beside baselines.

use crate::database::{BatchRecall, Database, Pinned};
use crate::error::Error;
use crate::recall::Hits;
use std::collections::HashMap;
use std::ops::ControlFlow;
use thiserror::Error as ThisError;
use twinspire_towers::{Event, FeatureCheck};
use twinspire_train::evaluate::{Answers, Judge, Question, Questions, Report, SegmentBy, judge};
use twinspire_train::{Dataset, IntoControlFlow, TrainError, recommend_baselines};

/// Maximum number of users by default.
pub const DEFAULT_MAX_USERS: usize = 10_000;
/// The field of a user that holds its most recent items, by default.
const HISTORY: &str = "history";
/// The field of a user that identifies it.
const USER_ID: &str = "user_id";
/// Users that one step asks for.
const BATCH_USERS: usize = 256;

/// Why an evaluation fails.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The logs or the settings cannot be used.
    #[error(transparent)]
    Data(#[from] TrainError),
    /// A recall failed.
    #[error(transparent)]
    Recall(#[from] Error),
    /// Nothing to evaluate was named, and the database has no space.
    #[error("there is nothing to evaluate: the database has no space")]
    NoModels,
    /// The progress callback cancelled the evaluation.
    #[error("the evaluation was cancelled")]
    Cancelled,
}

/// Progress of an evaluation, reported after every few hundred users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvaluationProgress {
    /// Recalls done.
    pub done: u64,
    /// All recalls.
    pub total: u64,
}

/// Builds an evaluation; see [`Database::evaluate`].
#[must_use = "an evaluation does nothing before `run` is called"]
pub struct Evaluation<'a> {
    database: &'a Database,
    data: &'a Dataset,
    held_out: &'a [Event],
    models: Vec<Model<'a>>,
    judge: Judge,
    repeats: bool,
    baselines: bool,
    max_users: usize,
    history: String,
    params: RecallParams,
    progress: ProgressFn<'a>,
}

type ProgressFn<'a> = Box<dyn FnMut(EvaluationProgress) -> ControlFlow<()> + 'a>;

/// What is evaluated.
struct Model<'a> {
    label: String,
    name: String,
    state: Option<&'a Pinned>,
}

/// How users are asked for.
#[derive(Clone, Copy, Default)]
struct RecallParams {
    check: FeatureCheck,
    ef: Option<usize>,
    recall_target: Option<f32>,
}

impl Database {
    /// Evaluates spaces and ensembles on held-out events: metrics with confidence intervals beside baselines, paired
    /// differences, segments, and what indexes lose. Every item of the database is a candidate. Nothing is written or
    /// published.
    ///
    /// `data` has the users, and the events before the split; `held_out` what is to be found.
    /// [`SplitBy`](twinspire_train::evaluate::SplitBy) makes both of one log. Towers that learnt from held-out events
    /// are judged too well: train them on the same `data`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (db, mut data) = (twinspire::Database::open("shop.twin")?, twinspire::train::Dataset::default());
    /// use twinspire::GenerationNo;
    /// use twinspire::train::evaluate::{SplitBy, TieOrder};
    ///
    /// let held_out = SplitBy::Last.hold_out(&mut data, TieOrder::default());
    /// let earlier = db.pin().generation("movies", GenerationNo(6))?;
    /// let report = db
    ///     .evaluate(&data, &held_out)
    ///     .of("movies")
    ///     .of("home")
    ///     .of_state("movies@6", "movies", &earlier)
    ///     .segment_by("item.genre".parse()?)
    ///     .run()?;
    /// let standing = report.standing("movies").unwrap();
    /// println!("hit@10 {:?}", standing.metrics.get("hit@10"));
    /// for warning in report.warnings() {
    ///     eprintln!("{warning}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn evaluate<'a>(&'a self, data: &'a Dataset, held_out: &'a [Event]) -> Evaluation<'a> {
        Evaluation {
            database: self,
            data,
            held_out,
            models: Vec::new(),
            judge: Judge::default(),
            repeats: false,
            baselines: true,
            max_users: DEFAULT_MAX_USERS,
            history: HISTORY.to_owned(),
            params: RecallParams::default(),
            progress: Box::new(|_| ControlFlow::Continue(())),
        }
    }
}

impl<'a> Evaluation<'a> {
    /// Evaluates a space or an ensemble. Calls add up; without any, every space and ensemble is evaluated.
    pub fn of(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.add(name.clone(), name, None)
    }

    /// Evaluates a space or an ensemble of a [pinned](Database::pin) state, such as another generation. `label` is its
    /// name in the report.
    pub fn of_state(
        self,
        label: impl Into<String>,
        name: impl Into<String>,
        state: &'a Pinned,
    ) -> Self {
        self.add(label.into(), name.into(), Some(state))
    }

    fn add(mut self, label: String, name: String, state: Option<&'a Pinned>) -> Self {
        if self.models.iter().all(|model| model.label != label) {
            self.models.push(Model { label, name, state });
        }
        self
    }

    /// What to measure; [`Judge::default`] otherwise.
    pub fn judge(mut self, judge: Judge) -> Self {
        self.judge = judge;
        self
    }

    /// Adds segments by another criterion. Calls add up.
    pub fn segment_by(mut self, by: SegmentBy) -> Self {
        self.judge.segments.push(by);
        self
    }

    /// Items that a user had seen are to be found too, and may be recommended. By default they are left out.
    pub fn repeats(mut self) -> Self {
        self.repeats = true;
        self
    }

    /// Leaves out the baselines.
    pub fn no_baselines(mut self) -> Self {
        self.baselines = false;
        self
    }

    /// Maximum number of users; of more, every n-th is asked for. [`DEFAULT_MAX_USERS`] by default.
    pub fn max_users(mut self, most: usize) -> Self {
        self.max_users = most;
        self
    }

    /// The field of users that towers read histories from; `history` by default.
    pub fn history_field(mut self, field: impl Into<String>) -> Self {
        self.history = field.into();
        self
    }

    /// How strictly the features of users are read; as recalls read them by default.
    pub fn check_features(mut self, check: FeatureCheck) -> Self {
        self.params.check = check;
        self
    }

    /// Beam width of the index, as [`Recall::ef`](crate::Recall::ef).
    pub fn ef(mut self, ef: usize) -> Self {
        self.params.ef = Some(ef);
        self
    }

    /// Recall target of the index, as [`Recall::recall_target`](crate::Recall::recall_target).
    pub fn recall_target(mut self, share: f32) -> Self {
        self.params.recall_target = Some(share);
        self
    }

    /// Called as the evaluation goes on. The callback [may cancel](IntoControlFlow).
    pub fn progress<C: IntoControlFlow>(
        mut self,
        mut progress: impl FnMut(EvaluationProgress) -> C + 'a,
    ) -> Self {
        self.progress = Box::new(move |at| progress(at).into_control_flow().map_break(drop));
        self
    }

    /// Asks all models for all users, exactly and by their indexes, and judges the answers.
    ///
    /// Users that a model cannot read count as not served, and the report says how many and why.
    ///
    /// # Errors
    /// [`EvaluateError::Data`] if there is nothing to be found, and for settings out of range. [`Error::UnknownSpace`];
    /// [`Error::User`] if a model can read none of the users.
    pub fn run(mut self) -> Result<Report, EvaluateError> {
        self.judge.check()?;
        let now = self.database.pin();
        if self.models.is_empty() {
            let ensembles = self.database.ensembles().list().into_keys();
            let names = self.database.spaces().into_iter().chain(ensembles);
            let models = names.map(|name| Model {
                label: name.clone(),
                name,
                state: None,
            });
            self.models = models.collect();
        }
        if self.models.is_empty() {
            return Err(EvaluateError::NoModels);
        }
        let questions = self.questions()?;
        let depth = self.judge.depth();
        let mut answers = Vec::new();
        let total = 2 * (self.models.len() * questions.len()) as u64;
        let mut done = 0;
        for model in &self.models {
            let state = model.state.unwrap_or(&now);
            let reads = |field: &str| state.reads_user_field(&model.name, field);
            let asking = Asking {
                state,
                name: &model.name,
                history: reads(&self.history)?.then_some(&*self.history),
                reads_id: reads(USER_ID)?,
                params: self.params,
                depth,
            };
            let mut of_model = Answers::new(&model.label, []);
            let (mut served, mut failed) = (Vec::new(), None);
            let all: Vec<&Question> = questions.iter().collect();
            for batch in all.chunks(BATCH_USERS) {
                let [exact, found] = asking.ask(&questions, batch)?;
                for (exact, found) in exact.into_iter().zip(found) {
                    let (exact, found) = match (exact, found) {
                        (Ok(exact), Ok(found)) => (exact, found),
                        (Err(error), _) | (_, Err(error)) => {
                            of_model.refused += 1;
                            failed.get_or_insert(error);
                            (Vec::new(), Vec::new())
                        }
                    };
                    of_model.lists.push(exact);
                    served.push(found);
                }
                done += 2 * batch.len() as u64;
                if (self.progress)(EvaluationProgress { done, total }).is_break() {
                    return Err(EvaluateError::Cancelled);
                }
            }
            if let Some(error) = failed {
                if of_model.refused == questions.len() {
                    return Err(error.into());
                }
                of_model.refused_because = Some(error.to_string());
            }
            of_model.served = Some(served);
            answers.push(of_model);
        }
        if self.baselines {
            answers.extend(recommend_baselines(
                &questions,
                depth,
                self.judge.bootstrap.seed,
            )?);
        }
        Ok(judge(&questions, &answers, &self.judge)?)
    }

    /// The users, and the items to be found with their records, if segments read them.
    fn questions(&self) -> Result<Questions, EvaluateError> {
        let mut catalogue = Vec::new();
        for item in self.database.export().run()? {
            let record = item?.record;
            catalogue.extend(record["id"].as_str().map(str::to_owned));
        }
        let (data, held_out) = (self.data, self.held_out);
        let questions = Questions::new(data, held_out, catalogue, self.repeats, self.max_users)?;
        let reads_items = |by: &SegmentBy| matches!(by, SegmentBy::ItemField(_));
        if !self.judge.segments.iter().any(reads_items) {
            return Ok(questions);
        }
        let items = self.database.items();
        let mut records = HashMap::new();
        for item in questions.relevant_items() {
            if let Some(id) = questions.id(item)
                && let Some(record) = items.get(id)?
            {
                records.insert(item, record);
            }
        }
        Ok(questions.with_item_records(records))
    }
}

/// How one model is asked.
struct Asking<'a> {
    state: &'a Pinned,
    name: &'a str,
    /// The field of the history, if the model reads it.
    history: Option<&'a str>,
    /// Whether the model reads the ids of users.
    reads_id: bool,
    params: RecallParams,
    depth: usize,
}

/// For each user the items, or why it was refused.
type BatchAnswers = Vec<Result<Vec<u32>, Error>>;

impl Asking<'_> {
    /// The answers to some questions, by exact search and by the index.
    fn ask(&self, questions: &Questions, batch: &[&Question]) -> Result<[BatchAnswers; 2], Error> {
        let users = batch.iter().map(|question| {
            let mut record = match self.history {
                Some(field) => questions.record(question, field),
                None => question.user.clone(),
            };
            // What only identifies the user would be refused as a field that nothing reads.
            if let Some(fields) = record.as_object_mut()
                && !self.reads_id
            {
                fields.remove(USER_ID);
            }
            record
        });
        let users: Vec<_> = users.collect();
        let exclude: Vec<_> = batch
            .iter()
            .map(|question| questions.excluded(question))
            .collect();
        let recall = self
            .state
            .recall(self.name)
            .users(&users)
            .exclude_each(&exclude);
        let recall = recall.check_features(self.params.check);
        let exact = self.answers(questions, recall.clone().exact())?;
        let mut recall = recall;
        if let Some(ef) = self.params.ef {
            recall = recall.ef(ef);
        }
        if let Some(share) = self.params.recall_target {
            recall = recall.recall_target(share);
        }
        Ok([exact, self.answers(questions, recall)?])
    }

    fn answers(
        &self,
        questions: &Questions,
        recall: BatchRecall<'_>,
    ) -> Result<BatchAnswers, Error> {
        let items = |hits: Hits| {
            // An item that was put after the evaluation began has no number. It takes a place all the same.
            let numbers = hits
                .iter()
                .map(|hit| questions.item(&hit.id).unwrap_or(u32::MAX));
            numbers.collect::<Vec<u32>>()
        };
        let each = recall.top_each(self.depth)?.into_iter();
        Ok(each.map(|answer| answer.map(items)).collect())
    }
}
