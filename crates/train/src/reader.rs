//! Users and items of a log, encoded as the towers read them: as of an example, or as of now.
//!
//! All records are encoded once; the history of a user is filled in for each example. In training, ids are
//! replaced by unknown ones with a given probability (id dropout), so that the rows of unknown ids are
//! trained.

use super::error::TrainError;
use super::evaluate::ranks;
use super::hold_out::HeldOut;
use super::log_params::LogParams;
use super::nn::vectors;
use super::popularity::{Decile, Popularity};
use super::sampler::{Example, HISTORY, Logs};
use super::schema::{ITEMS, USER_ID};
use ndarray::Array2;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde_json::Value;
use std::collections::HashSet;
use twinspire_towers::internals::{Encoded, Model, Side};

/// Minimum number of users that one task encodes.
const MIN_CHUNK: usize = 16;

/// Encoded users and items.
pub(crate) struct Reader<'a> {
    logs: &'a Logs,
    users: Vec<Encoded>,
    items: Vec<Encoded>,
    /// Lengths of the histories, which are the first features of a user.
    histories: Vec<usize>,
    /// Length of the history that is read in order, the feature after these; 0 without one.
    sequence: usize,
    /// Weight of an item of a history relative to the next newer one.
    decay: f32,
    /// Whether an item of a history counts once.
    distinct: bool,
    /// Rows of each item in the table that histories are read from; empty without such a table.
    rows: Vec<Rows>,
    /// Index of the user id among the features, if it is one, and the rows of each user.
    user_id: Option<(usize, Vec<Rows>)>,
    /// Share of ids that are dropped.
    dropout: f64,
}

/// The rows of an id in a table.
#[derive(Clone, Copy, Debug)]
struct Rows {
    own: u32,
    /// The row that the id would have if it were unknown.
    unknown: u32,
}

/// Rows of ids in a table; empty without such a table.
fn rows(model: &Model, table: &str, records: &[(String, Value)]) -> Vec<Rows> {
    let table = model.tables.iter().find(|of| of.name == table);
    let each = records.iter().filter_map(|(id, _)| {
        let lookup = &table?.lookup;
        let mut own = None;
        lookup.find(id, |row| own = Some(row)).ok()?;
        let unknown = lookup.row_of_unknown(id)?;
        Some(Rows { own: own?, unknown })
    });
    each.collect()
}

/// Encodes records with the tower of a side.
fn encode_all(
    model: &Model,
    side: Side,
    records: &[(String, Value)],
) -> Result<Vec<Encoded>, TrainError> {
    let each = records.iter().enumerate().map(|(at, (_, record))| {
        let encoded = model.tower(side).encode_alone(&model.tables, record);
        encoded.map_err(|source| TrainError::Record { side, at, source })
    });
    each.collect()
}

impl<'a> Reader<'a> {
    /// Encodes all records of the log, to be read by these settings.
    ///
    /// # Errors
    /// [`TrainError::Record`] names the record that cannot be read.
    pub(crate) fn new(
        model: &Model,
        logs: &'a Logs,
        params: &LogParams,
    ) -> Result<Self, TrainError> {
        let fields = || model.user.features.iter().map(|f| f.schema.field());
        let users = rows(model, USER_ID, &logs.users);
        let user_id = fields().position(|field| field == USER_ID);
        let rows = rows(model, ITEMS, &logs.items);
        let reads_histories = fields().next() == Some(HISTORY);
        Ok(Self {
            users: encode_all(model, Side::User, &logs.users)?,
            items: encode_all(model, Side::Item, &logs.items)?,
            histories: match reads_histories {
                true => params.history.clone(),
                false => Vec::new(),
            },
            sequence: match reads_histories {
                true => params.history_encoder.length(),
                false => 0,
            },
            decay: params.history_decay,
            distinct: params.history_distinct,
            rows,
            user_id: user_id.map(|at| (at, users)),
            dropout: f64::from(params.id_dropout),
            logs,
        })
    }

    /// Number of items.
    pub(crate) fn items(&self) -> usize {
        self.items.len()
    }

    /// The user as of an example; `history` is a scratch buffer. With `aligned`, the history that is read in order starts
    /// where those of examples nearby start, so that each continues the one before it: it has between half of its length
    /// and all of it.
    fn user(&self, example: Example, aligned: bool, history: &mut Vec<u32>, user: &mut Encoded) {
        user.copy_from(&self.users[example.user as usize]);
        let longest = self.histories.iter().copied().max().unwrap_or(0);
        let longest = longest.max(self.sequence);
        if longest == 0 {
            return;
        }
        self.logs.history(example, longest, history);
        for item in &mut *history {
            *item = self.rows[*item as usize].own;
        }
        for (feature, limit) in self.histories.iter().enumerate() {
            let from = history.len().saturating_sub(*limit);
            user.set_rows(feature, &history[from..], self.decay, self.distinct);
        }
        if self.sequence > 0 {
            let half = (self.sequence / 2).max(1);
            let length = match example.at as usize {
                at if aligned && at > self.sequence => half + at % half,
                _ => self.sequence,
            };
            let from = history.len().saturating_sub(length);
            user.set_rows(self.histories.len(), &history[from..], 1.0, false);
        }
    }

    /// Encodes users as of their examples, with id dropout, into `users`. Entries without an example stay as they
    /// are.
    pub(crate) fn encode_users(
        &self,
        examples: impl Iterator<Item = Option<Example>>,
        rng: &mut Pcg64Mcg,
        users: &mut Vec<Encoded>,
    ) {
        // Drawn up front, so that dropout does not depend on the threads.
        let each = examples.map(|example| {
            let dropped = example.is_some() && self.user_id.is_some() && self.drops_id(rng);
            (example, dropped)
        });
        let examples: Vec<_> = each.collect();
        users.resize_with(examples.len(), Encoded::default);
        let each = users.par_iter_mut().zip(examples).with_min_len(MIN_CHUNK);
        each.for_each_init(Vec::new, |history, (user, (example, dropped))| {
            let Some(example) = example else { return };
            self.user(example, true, history, user);
            if let Some((feature, rows)) = self.user_id.as_ref().filter(|_| dropped) {
                user.set_rows(*feature, &[rows[example.user as usize].unknown], 1.0, false);
            }
        });
    }

    /// Encodes items, with id dropout.
    pub(crate) fn encode_items(
        &self,
        items: &[u32],
        rng: &mut Pcg64Mcg,
        encoded: &mut Vec<Encoded>,
    ) {
        encoded.resize_with(items.len(), Encoded::default);
        for (encoded, item) in encoded.iter_mut().zip(items) {
            encoded.copy_from(&self.items[*item as usize]);
            if let Some(rows) = self.rows.get(*item as usize)
                && self.drops_id(rng)
            {
                encoded.set_rows(0, &[rows.unknown], 1.0, false);
            }
        }
    }

    fn drops_id(&self, rng: &mut Pcg64Mcg) -> bool {
        self.dropout > 0.0 && rng.random_bool(self.dropout)
    }

    /// Vectors of users as of now, in the given order, and of all items.
    fn embed(&self, model: &Model, users: &[u32]) -> [Array2<f32>; 2] {
        let each = users.par_iter().with_min_len(MIN_CHUNK);
        let users = each.map_init(Vec::new, |history, user| {
            let mut encoded = Encoded::default();
            self.user(self.logs.now(*user), false, history, &mut encoded);
            encoded
        });
        let users: Vec<_> = users.collect();
        let mut passes = Vec::new();
        let users = vectors(model, Side::User, &users, &mut passes);
        let items = vectors(model, Side::Item, &self.items, &mut passes);
        [users, items]
    }

    /// The rank, from 0, of each held-out item among those that are to be found for its user. `seen` gives the items
    /// of a user, which are hidden unless repeats are to be found; `score` transforms the users' vectors before scoring.
    pub(crate) fn ranks<'s>(
        &self,
        model: &Model,
        held_out: &[HeldOut],
        seen: impl Fn(u32) -> &'s HashSet<u32> + Sync,
        score: impl Fn(&mut Array2<f32>),
    ) -> Vec<Option<usize>> {
        if held_out.is_empty() {
            return Vec::new();
        }
        let asked: Vec<u32> = held_out.iter().map(|out| out.user).collect();
        let [mut users, items] = self.embed(model, &asked);
        score(&mut users);
        let seen: Vec<&HashSet<u32>> = asked.iter().map(|user| seen(*user)).collect();
        let repeats = self.logs.repeats();
        let hidden = |row: usize, item: u32| !repeats && seen[row].contains(&item);
        ranks(users.view(), items.view(), |row| held_out[row].item, hidden)
    }

    /// Recall by popularity. `held_out` and `ranks` may be empty; `score` transforms the users' vectors before
    /// scoring.
    pub(crate) fn deciles(
        &self,
        model: &Model,
        held_out: &[HeldOut],
        ranks: &[Option<usize>],
        score: impl Fn(&mut Array2<f32>),
    ) -> Vec<Decile> {
        let mut popularity = Popularity::new(self.items.len());
        let seen = self.logs.seen.iter().flatten();
        seen.for_each(|(item, _)| popularity.count(*item));
        let users = popularity.sample_users(self.users.len());
        let [mut vectors, items] = self.embed(model, &users);
        score(&mut vectors);
        popularity.count_answers(vectors.view(), items.view(), |row| {
            self.logs.hidden_from(users[row])
        });
        let found = held_out.iter().zip(ranks);
        popularity.deciles(found.map(|(out, rank)| (out.item, *rank)))
    }
}

/// Scratch buffers, reused from batch to batch.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) users: Vec<Encoded>,
    pub(crate) items: Vec<Encoded>,
    pub(crate) columns: Columns,
}

/// Distinct items of a batch, each with a column.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) items: Vec<u32>,
    /// Column of each item plus one, or 0.
    places: Vec<u32>,
}

impl Columns {
    /// Starts a new batch; `items` is the total number of items.
    pub(crate) fn clear(&mut self, items: usize) {
        self.places.resize(items, 0);
        for item in self.items.drain(..) {
            self.places[item as usize] = 0;
        }
    }

    /// The column of an item, added if it is new.
    pub(crate) fn insert(&mut self, item: u32) -> u32 {
        let place = &mut self.places[item as usize];
        if *place == 0 {
            self.items.push(item);
            *place = self.items.len() as u32;
        }
        *place - 1
    }

    /// The column of an item, if it is in the batch.
    pub(crate) fn get(&self, item: u32) -> Option<u32> {
        self.places[item as usize].checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::dataset::Dataset;
    use super::super::history_encoder::{Gru, HistoryEncoder};
    use super::super::nn::random;
    use super::super::schema::{Draft, Ids, Overrides, Widths, to_unit_vector};
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use serde_json::json;
    use twinspire_towers::Event;

    fn logs(data: &Dataset) -> Logs {
        Logs::new(data).unwrap()
    }

    /// Ten users with events for items 0 to 4, and for item 0 again at the end.
    fn data() -> Dataset {
        let event = |user: usize, at: usize| Event {
            user: format!("u{user}"),
            item: format!("i{}", at % 5),
            at: at as i64,
            weight: 1.0,
        };
        Dataset {
            items: (0..5).map(|n| json!({"id": format!("i{n}")})).collect(),
            users: Vec::new(),
            events: (0..10)
                .flat_map(|user| (0..6).map(move |at| event(user, at)))
                .collect(),
        }
    }

    fn params(id_dropout: f32) -> LogParams {
        LogParams {
            history: vec![1, 3],
            id_dropout,
            ..LogParams::default()
        }
    }

    fn model(data: &Dataset, logs: &Logs, items: usize, users: usize) -> Model {
        model_of(data, logs, (items, users), &params(0.0))
    }

    fn model_of(data: &Dataset, logs: &Logs, widths: (usize, usize), params: &LogParams) -> Model {
        let said = Overrides::default();
        let (items, users) = widths;
        let widths = Widths {
            category: 2,
            text: 2,
            words: 0,
            buckets: 8,
        };
        let ids = Ids {
            items,
            users,
            history: &params.history,
            decay: params.history_decay,
            distinct: params.history_distinct,
            encoder: params.history_encoder,
            unknown: 2,
        };
        let mut draft = Draft::new(&said, widths);
        let [mut user, mut item] = draft.of_log(data, logs, ids).unwrap();
        (user.layers, item.layers) = (to_unit_vector(&[], 4), to_unit_vector(&[], 4));
        let schema = draft.finish("test", 4, user, item).unwrap();
        random(schema, &mut Pcg64Mcg::seed_from_u64(1)).unwrap()
    }

    proptest! {
        /// Repeated items and weights by age mean the same in a training and in a recall.
        #[test]
        fn a_history_is_read_in_training_as_it_is_served(
            taken in prop::collection::vec(0u8..6, 0..20), lengths in prop::collection::vec(1usize..12, 1..4),
            decay in prop::sample::select(vec![1.0f32, 0.9, 0.3]), distinct: bool, length in 0usize..9,
        ) {
            let event = |(at, item): (i64, &u8)| Event {
                user: "u".to_owned(),
                item: format!("i{item}"),
                at,
                weight: 1.0,
            };
            let mut data = data();
            data.events.extend((0..).zip(&taken).map(event));
            let logs = logs(&data);
            let params = LogParams {
                history: lengths,
                history_decay: decay,
                history_distinct: distinct,
                history_encoder: match length {
                    0 => HistoryEncoder::Mean,
                    length => HistoryEncoder::Gru(Gru { length, units: 3, layers: 1 }),
                },
                ..params(0.0)
            };
            let model = model_of(&data, &logs, (3, 2), &params);
            let reader = Reader::new(&model, &logs, &params).unwrap();
            for of in [0, logs.users.len() as u32 - 1] {
                let trained = user(&reader, logs.now(of));
                let record = logs.record(logs.now(of), params.longest_history());
                let served = model.tower(Side::User).encode_alone(&model.tables, &record).unwrap();
                let encoded = params.history.len();
                for (at, (trained, served)) in trained.inputs().zip(served.inputs()).enumerate() {
                    prop_assert_eq!(trained.rows, served.rows);
                    // An encoder reads the rows alone.
                    if length > 0 && at == encoded {
                        continue;
                    }
                    let off = trained.factors.iter().zip(served.factors).map(|(a, b)| (a - b).abs());
                    prop_assert!(off.fold(0.0, f32::max) < 1e-6);
                }
            }
        }
    }

    fn user(reader: &Reader<'_>, example: Example) -> Encoded {
        let mut user = Encoded::default();
        reader.user(example, false, &mut Vec::new(), &mut user);
        user
    }

    #[test]
    fn a_user_has_the_history_as_of_the_example() {
        let data = data();
        let logs = logs(&data);
        let model = model(&data, &logs, 3, 2);
        let reader = Reader::new(&model, &logs, &params(0.0)).unwrap();
        let rows = |at: u32| -> Vec<Vec<u32>> {
            let user = user(&reader, Example { user: 7, at });
            user.inputs().map(|input| input.rows.to_vec()).collect()
        };
        assert_eq!(rows(0), [vec![], vec![], vec![7]]);
        assert_eq!(rows(2), [vec![1], vec![0, 1], vec![7]]);
        // The item of the example is left out, although it was seen before.
        assert_eq!(rows(5), [vec![4], vec![2, 3, 4], vec![7]]);
        let now = user(&reader, logs.now(7));
        assert_eq!(now.inputs().next().unwrap().rows, [0]);
    }

    #[test]
    fn ids_are_dropped_with_the_configured_probability() {
        let data = data();
        let logs = logs(&data);
        let model = model(&data, &logs, 3, 2);
        let reader = Reader::new(&model, &logs, &params(0.2)).unwrap();
        let rng = &mut Pcg64Mcg::seed_from_u64(3);
        let (mut users, mut items) = (0, [0usize; 5]);
        let rounds = 10_000;
        let mut scratch = Scratch::default();
        for _ in 0..rounds {
            let example = Example { user: 7, at: 1 };
            reader.encode_users([Some(example)].into_iter(), rng, &mut scratch.users);
            let user = &scratch.users[0];
            let rows: Vec<_> = user.inputs().map(|input| input.rows).collect();
            assert_eq!(rows[..2], [[0], [0]], "histories are not dropped");
            users += usize::from(rows[2] != [7]);
            assert!(rows[2] == [7] || (10..12).contains(&rows[2][0]));
            reader.encode_items(&[0, 1, 2, 3, 4], rng, &mut scratch.items);
            for (item, encoded) in scratch.items.iter().enumerate() {
                let row = encoded.inputs().next().unwrap().rows[0];
                items[item] += usize::from(row as usize != item);
                assert!(row as usize == item || (5..7).contains(&row));
            }
        }
        // Five standard deviations of the binomial distribution.
        let (expected, allowed) = (
            0.2 * f64::from(rounds),
            5.0 * (0.16 * f64::from(rounds)).sqrt(),
        );
        for hidden in items.into_iter().chain([users]) {
            assert!((hidden as f64 - expected).abs() < allowed, "{hidden}");
        }
    }

    #[test]
    fn columns_follow_the_order_of_insertion() {
        let mut columns = Columns::default();
        for items in [[4, 1, 4, 0], [1, 1, 3, 4]] {
            columns.clear(5);
            let places = items.map(|item| columns.insert(item));
            assert!(
                columns
                    .items
                    .iter()
                    .zip(0..)
                    .all(|(item, at)| columns.get(*item) == Some(at))
            );
            let found: Vec<u32> = places
                .iter()
                .map(|place| columns.items[*place as usize])
                .collect();
            assert_eq!(found, items);
            assert_eq!(columns.get(2), None);
        }
    }

    #[test]
    fn without_ids_nothing_is_dropped() {
        let data = Dataset {
            users: vec![
                json!({"user_id": "u7", "age": 3}),
                json!({"user_id": "u8", "age": 9}),
            ],
            items: data()
                .items
                .iter()
                .map(|item| json!({"id": item["id"], "size": item["id"]}))
                .collect(),
            ..data()
        };
        let logs = logs(&data);
        let model = model(&data, &logs, 0, 0);
        let reader = Reader::new(&model, &logs, &params(0.9)).unwrap();
        let rng = &mut Pcg64Mcg::seed_from_u64(3);
        let example = Example { user: 0, at: 4 };
        for _ in 0..50 {
            let mut scratch = Scratch::default();
            reader.encode_users([Some(example), None].into_iter(), rng, &mut scratch.users);
            reader.encode_items(&[2], rng, &mut scratch.items);
            assert_eq!(scratch.users, [reader.users[0].clone(), Encoded::default()]);
            assert_eq!(scratch.items, [reader.items[2].clone()]);
        }
    }
}
