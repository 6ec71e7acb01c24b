//! Users and items of a log as the towers read them: at the moment of an example, and as they are now.
//!
//! All records are read once; of a user at a moment the history is put in. Ids are hidden now and then
//! while learning, so that the rows of unknown ids have a meaning.

use super::error::TrainError;
use super::evaluate::ranks;
use super::hold_out::HeldOut;
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

/// Users that one thread reads at a time, at least.
const LEAST: usize = 16;

/// Users and items as the towers read them.
pub(crate) struct Reader<'a> {
    logs: &'a Logs,
    users: Vec<Encoded>,
    items: Vec<Encoded>,
    /// How many of the items met last make a history: those of the first features of a user.
    histories: Vec<usize>,
    /// Of each item, the rows of the table that histories are read from; none where there is no such table.
    rows: Vec<Rows>,
    /// The feature of the user's id, if there is one, and the rows of each user.
    user_id: Option<(usize, Vec<Rows>)>,
    /// The share of ids that are hidden.
    hidden: f64,
}

/// The rows of an id in a table.
#[derive(Clone, Copy, Debug)]
struct Rows {
    own: u32,
    /// That of the same id if it were not known.
    unknown: u32,
}

/// The rows of ids in a table; none if there is no such table.
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

/// Records by id as the tower of a side reads them.
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
    /// Reads all records of the log; `hidden` is the share of ids that are hidden while learning.
    ///
    /// # Errors
    /// [`TrainError::Record`] names the record that cannot be read.
    pub(crate) fn new(
        model: &Model,
        logs: &'a Logs,
        histories: &[usize],
        hidden: f32,
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
                true => histories.to_vec(),
                false => Vec::new(),
            },
            rows,
            user_id: user_id.map(|at| (at, users)),
            hidden: f64::from(hidden),
            logs,
        })
    }

    /// How many items there are.
    pub(crate) fn items(&self) -> usize {
        self.items.len()
    }

    /// A user at the moment of an example; `history` is memory to be used.
    fn user(&self, example: Example, history: &mut Vec<u32>, user: &mut Encoded) {
        user.copy_from(&self.users[example.user as usize]);
        let Some(longest) = self.histories.iter().copied().max() else {
            return;
        };
        self.logs.history(example, longest, history);
        for item in &mut *history {
            *item = self.rows[*item as usize].own;
        }
        for (feature, limit) in self.histories.iter().enumerate() {
            let from = history.len().saturating_sub(*limit);
            user.set_rows(feature, &history[from..]);
        }
    }

    /// Users at the moments of examples, to be learnt from: ids are hidden now and then. `users` is where they
    /// are put, in the memory that is there; where there is no example, what is there stays.
    pub(crate) fn encode_users(
        &self,
        examples: impl Iterator<Item = Option<Example>>,
        rng: &mut Pcg64Mcg,
        users: &mut Vec<Encoded>,
    ) {
        // Which ids are hidden does not depend on which thread reads them.
        let each = examples.map(|example| {
            let hidden = example.is_some() && self.user_id.is_some() && self.drops_id(rng);
            (example, hidden)
        });
        let examples: Vec<_> = each.collect();
        users.resize_with(examples.len(), Encoded::default);
        let each = users.par_iter_mut().zip(examples).with_min_len(LEAST);
        each.for_each_init(Vec::new, |history, (user, (example, hidden))| {
            let Some(example) = example else { return };
            self.user(example, history, user);
            if let Some((feature, rows)) = self.user_id.as_ref().filter(|_| hidden) {
                user.set_rows(*feature, &[rows[example.user as usize].unknown]);
            }
        });
    }

    /// Items to be learnt from, likewise.
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
                encoded.set_rows(0, &[rows.unknown]);
            }
        }
    }

    fn drops_id(&self, rng: &mut Pcg64Mcg) -> bool {
        self.hidden > 0.0 && rng.random_bool(self.hidden)
    }

    /// The vectors of users as they are now, in the order of their numbers, and of all items.
    fn now(&self, model: &Model, users: &[u32]) -> [Array2<f32>; 2] {
        let each = users.par_iter().with_min_len(LEAST);
        let users = each.map_init(Vec::new, |history, user| {
            let mut encoded = Encoded::default();
            self.user(self.logs.now(*user), history, &mut encoded);
            encoded
        });
        let users: Vec<_> = users.collect();
        let mut passes = Vec::new();
        let users = vectors(model, Side::User, &users, &mut passes);
        let items = vectors(model, Side::Item, &self.items, &mut passes);
        [users, items]
    }

    /// The rank of each held-out item for its user, among the items that the user had not met, from 0.
    /// `met` is what a user met, and `score` makes of users' vectors those that score.
    pub(crate) fn ranks(
        &self,
        model: &Model,
        held_out: &[HeldOut],
        met: impl Fn(u32) -> HashSet<u32> + Sync,
        score: impl Fn(&mut Array2<f32>),
    ) -> Vec<Option<usize>> {
        if held_out.is_empty() {
            return Vec::new();
        }
        let asked: Vec<u32> = held_out.iter().map(|out| out.user).collect();
        let [mut users, items] = self.now(model, &asked);
        score(&mut users);
        ranks(users.view(), items.view(), |row| {
            let out = held_out[row];
            (out.item, met(out.user))
        })
    }

    /// How popular items are that were met, that are recalled and that were found of those held out.
    /// `held_out` with `ranks` may be empty; `score` makes of users' vectors those that score.
    pub(crate) fn deciles(
        &self,
        model: &Model,
        held_out: &[HeldOut],
        ranks: &[Option<usize>],
        score: impl Fn(&mut Array2<f32>),
    ) -> Vec<Decile> {
        let mut popularity = Popularity::new(self.items.len());
        let met = self.logs.seen.iter().flatten();
        met.for_each(|(item, _)| popularity.met(*item));
        let users = popularity.asked(self.users.len());
        let [mut vectors, items] = self.now(model, &users);
        score(&mut vectors);
        popularity.answers(vectors.view(), items.view(), |row| {
            self.logs.seen_by(users[row])
        });
        let found = held_out.iter().zip(ranks);
        popularity.deciles(found.map(|(out, rank)| (out.item, *rank)))
    }
}

/// Scratch that batch after batch uses.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) users: Vec<Encoded>,
    pub(crate) items: Vec<Encoded>,
    pub(crate) columns: Columns,
}

/// Different items of a batch, each with a place.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) items: Vec<u32>,
    /// For each item its place and one, or 0.
    places: Vec<u32>,
}

impl Columns {
    /// Forgets the batch; there are so many items.
    pub(crate) fn clear(&mut self, items: usize) {
        self.places.resize(items, 0);
        for item in self.items.drain(..) {
            self.places[item as usize] = 0;
        }
    }

    /// The place of an item, which is added if it is not there yet.
    pub(crate) fn insert(&mut self, item: u32) -> u32 {
        let place = &mut self.places[item as usize];
        if *place == 0 {
            self.items.push(item);
            *place = self.items.len() as u32;
        }
        *place - 1
    }

    /// The place of an item, if it is there.
    pub(crate) fn get(&self, item: u32) -> Option<u32> {
        self.places[item as usize].checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::dataset::Dataset;
    use super::super::nn::random;
    use super::super::schema::{Draft, Ids, Overrides, Widths, to_unit_vector};
    use super::*;
    use rand::SeedableRng;
    use serde_json::json;
    use twinspire_towers::Event;

    fn logs(data: &Dataset) -> Logs {
        Logs::new(data).unwrap()
    }

    /// Ten users who each meet items 0 to 4, of which the first is met again at the end.
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

    fn model(data: &Dataset, logs: &Logs, items: usize, users: usize) -> Model {
        let (said, history) = (Overrides::default(), [1, 3]);
        let widths = Widths {
            category: 2,
            text: 2,
            words: 0,
            buckets: 8,
        };
        let ids = Ids {
            items,
            users,
            history: &history,
            unknown: 2,
        };
        let mut draft = Draft::new(&said, widths);
        let [mut user, mut item] = draft.of_log(data, logs, ids).unwrap();
        (user.layers, item.layers) = (to_unit_vector(&[], 4), to_unit_vector(&[], 4));
        let schema = draft.finish("test", 4, user, item).unwrap();
        random(schema, &mut Pcg64Mcg::seed_from_u64(1)).unwrap()
    }

    fn user(reader: &Reader<'_>, example: Example) -> Encoded {
        let mut user = Encoded::default();
        reader.user(example, &mut Vec::new(), &mut user);
        user
    }

    #[test]
    fn a_user_has_the_history_of_the_moment() {
        let data = data();
        let logs = logs(&data);
        let model = model(&data, &logs, 3, 2);
        let reader = Reader::new(&model, &logs, &[1, 3], 0.0).unwrap();
        let rows = |at: u32| -> Vec<Vec<u32>> {
            let user = user(&reader, Example { user: 7, at });
            user.inputs().map(|input| input.rows.to_vec()).collect()
        };
        assert_eq!(rows(0), [vec![], vec![], vec![7]]);
        assert_eq!(rows(2), [vec![1], vec![0, 1], vec![7]]);
        // The item of the moment itself is left out, though it was met before.
        assert_eq!(rows(5), [vec![4], vec![2, 3, 4], vec![7]]);
        let now = user(&reader, logs.now(7));
        assert_eq!(now.inputs().next().unwrap().rows, [0]);
    }

    #[test]
    fn ids_are_hidden_as_often_as_they_should_be() {
        let data = data();
        let logs = logs(&data);
        let model = model(&data, &logs, 3, 2);
        let reader = Reader::new(&model, &logs, &[1, 3], 0.2).unwrap();
        let rng = &mut Pcg64Mcg::seed_from_u64(3);
        let (mut users, mut items) = (0, [0usize; 5]);
        let rounds = 10_000;
        let mut scratch = Scratch::default();
        for _ in 0..rounds {
            let example = Example { user: 7, at: 1 };
            reader.encode_users([Some(example)].into_iter(), rng, &mut scratch.users);
            let user = &scratch.users[0];
            let rows: Vec<_> = user.inputs().map(|input| input.rows).collect();
            assert_eq!(rows[..2], [[0], [0]], "histories are not hidden");
            users += usize::from(rows[2] != [7]);
            assert!(rows[2] == [7] || (10..12).contains(&rows[2][0]));
            reader.encode_items(&[0, 1, 2, 3, 4], rng, &mut scratch.items);
            for (item, encoded) in scratch.items.iter().enumerate() {
                let row = encoded.inputs().next().unwrap().rows[0];
                items[item] += usize::from(row as usize != item);
                assert!(row as usize == item || (5..7).contains(&row));
            }
        }
        // Five deviations of the binomial distribution.
        let (expected, allowed) = (0.2 * rounds as f64, 5.0 * (0.16 * rounds as f64).sqrt());
        for hidden in items.into_iter().chain([users]) {
            assert!((hidden as f64 - expected).abs() < allowed, "{hidden}");
        }
    }

    #[test]
    fn items_of_a_batch_have_places_in_the_order_they_came() {
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
    fn without_ids_there_is_nothing_to_hide() {
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
        let reader = Reader::new(&model, &logs, &[1, 3], 0.9).unwrap();
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
