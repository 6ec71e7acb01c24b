//! The state of an optimiser that is kept for a warm start.

use super::gradients::side_index;
use super::initial::same_rows;
use super::optimiser::{INITIAL, Method, Moments, Optimiser};
use twinspire_towers::internals::{Model, OptimiserMethod, OptimiserState, Side};

impl Method {
    fn stored(self) -> OptimiserMethod {
        match self {
            Self::Adagrad => OptimiserMethod::Adagrad,
            Self::Adam => OptimiserMethod::Adam,
        }
    }
}

impl Optimiser {
    /// The squares that determine the length of steps: their mean for each row of a table, each one for
    /// layers.
    pub(crate) fn state(&self, model: &Model) -> OptimiserState {
        let mut squares = Vec::with_capacity(OptimiserState::count(model));
        for (kept, table) in self.tables.iter().zip(&model.tables) {
            let width = table.weights.columns();
            let rows = kept.squares.chunks_exact(width.max(1));
            squares.extend(rows.map(|row| row.iter().sum::<f32>() / width as f32));
        }
        for kept in self.layers.iter().flatten().flatten() {
            squares.extend(&kept.squares);
        }
        // A sum that overflowed is stored as the largest float.
        let finite = |square: f32| square.min(f32::MAX);
        OptimiserState {
            method: self.params.method.stored(),
            steps: self.steps.unsigned_abs(),
            squares: squares.into_iter().map(finite).collect(),
        }
    }

    /// Resumes from the state of the training that made `before`, which `model` continues. Rows of new
    /// strings start fresh. The state of another method is ignored.
    pub(crate) fn resume(&mut self, state: &OptimiserState, model: &Model, before: &Model) {
        if state.method != self.params.method.stored() {
            return;
        }
        self.steps = i32::try_from(state.steps).unwrap_or(i32::MAX);
        let mut rest = &state.squares[..];
        for earlier in &before.tables {
            let width = earlier.weights.columns();
            let rows = if width == 0 {
                0
            } else {
                earlier.weights.rows()
            };
            let (squares, after) = rest.split_at(rows.min(rest.len()));
            rest = after;
            let mut now = self.tables.iter_mut().zip(&model.tables);
            let Some((kept, table)) = now.find(|(_, table)| table.name == earlier.name) else {
                continue;
            };
            let schemas = [&model.schema, &before.schema].map(|s| s.tables.get(&table.name));
            let [Some(now), Some(then)] = schemas else {
                continue;
            };
            let rows = same_rows([now, then], [table, earlier], false);
            for (row, earlier) in rows.unwrap_or_default() {
                let of_row = row * width..(row + 1) * width;
                kept.squares[of_row].fill(squares[earlier]);
            }
        }
        for side in [Side::User, Side::Item] {
            // Layers are the same, or the warm start would have failed.
            for kept in self.layers[side_index(side)].iter_mut().flatten() {
                let (squares, after) = rest.split_at(kept.squares.len().min(rest.len()));
                kept.squares
                    .iter_mut()
                    .zip(squares)
                    .for_each(|(kept, square)| *kept = *square);
                rest = after;
            }
        }
        if self.params.method == Method::Adagrad {
            let all = self
                .tables
                .iter_mut()
                .chain(self.layers.iter_mut().flatten().flatten());
            all.for_each(Moments::raise_to_initial);
        }
    }
}

impl Moments {
    /// Guards against stored squares that are too small: the first step would be too long.
    fn raise_to_initial(&mut self) {
        self.squares
            .iter_mut()
            .for_each(|square| *square = square.max(INITIAL));
    }
}

#[cfg(test)]
mod tests {
    use super::super::initial::random;
    use super::super::network::Network;
    use super::super::optimiser::OptimiserParams;
    use super::*;
    use crate::Dataset;
    use crate::sampler::Logs;
    use crate::schema::{Draft, Ids, Overrides, Widths, to_unit_vector};
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;
    use serde_json::json;
    use twinspire_towers::Event;
    use twinspire_towers::Towers;

    /// A model of `items` items; the row of an item is its number.
    fn model(items: usize) -> Model {
        let (said, widths) = (
            Overrides::default(),
            Widths {
                category: 2,
                text: 2,
                words: 0,
                buckets: 8,
            },
        );
        let data = Dataset {
            items: (0..items).map(|n| json!({"id": format!("i{n}")})).collect(),
            users: Vec::new(),
            events: vec![Event {
                user: "u".to_owned(),
                item: "i0".to_owned(),
                at: 0,
                weight: 1.0,
            }],
        };
        let logs = Logs::new(&data).unwrap();
        let ids = Ids {
            items: 2,
            users: 0,
            history: &[3],
            decay: 1.0,
            distinct: false,
            encoder: crate::HistoryEncoder::Mean,
            unknown: 1,
        };
        let mut draft = Draft::new(&said, widths);
        let [mut user, mut item] = draft.of_log(&data, &logs, ids).unwrap();
        (user.layers, item.layers) = (to_unit_vector(&[], 4), to_unit_vector(&[], 4));
        let schema = draft.finish("test", 4, user, item).unwrap();
        random(schema, &mut Pcg64Mcg::seed_from_u64(1)).unwrap()
    }

    fn params(method: Method) -> OptimiserParams {
        OptimiserParams {
            method,
            rate: 0.1,
            decay: 0.0,
            fresh: false,
        }
    }

    #[test]
    fn rows_resume_by_their_strings_and_new_rows_start_fresh() {
        let before = model(3);
        let mut optimiser = Optimiser::new(&before, params(Method::Adagrad));
        optimiser.steps = 9;
        // Three items and the row of unknown ones.
        optimiser.tables[0].squares = vec![1.0, 3.0, 4.0, 4.0, 5.0, 7.0, 0.0, 0.5];
        let layer = &mut optimiser.layers[1][1][1].squares;
        layer.copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        let state = optimiser.state(&before);
        assert_eq!(state.squares.len(), OptimiserState::count(&before));
        assert_eq!(state.squares[..4], [2.0, 4.0, 6.0, 0.25]);
        let again = OptimiserState::read(&state.to_bytes(), state.squares.len());
        assert_eq!(again, Ok(state.clone()));

        let now = model(5);
        let mut next = Optimiser::new(&now, params(Method::Adagrad));
        next.resume(&state, &now, &before);
        assert_eq!(next.steps, 9);
        let new = INITIAL;
        let expected = [2.0, 2.0, 4.0, 4.0, 6.0, 6.0, new, new, new, new, 0.25, 0.25];
        assert_eq!(next.tables[0].squares, expected);
        assert_eq!(next.layers[1][1][1].squares, [1.0, 2.0, 3.0, 4.0]);
        // State that was never updated stays at its initial value.
        assert!(
            next.layers[0][1][0]
                .squares
                .iter()
                .all(|square| *square == INITIAL)
        );

        let mut other = Optimiser::new(&now, params(Method::Adam));
        other.resume(&state, &now, &before);
        assert_eq!(other.steps, 0);
    }

    #[test]
    fn a_warm_start_resumes_the_optimiser_unless_it_is_to_start_fresh() {
        let before = model(3);
        let mut optimiser = Optimiser::new(&before, params(Method::Adagrad));
        optimiser.tables[0].squares.fill(6.25);
        let state = optimiser.state(&before);
        let towers = Towers::from_model(&before).unwrap().with_optimiser(&state);
        assert_eq!(towers.optimiser().unwrap(), Some(state));
        for fresh in [false, true] {
            let params = OptimiserParams {
                fresh,
                ..params(Method::Adagrad)
            };
            let network = Network::warm_start(model(3), Some(&towers), params, false).unwrap();
            let kept = network.checkpoint().optimiser.squares[0];
            assert_eq!(kept, if fresh { INITIAL } else { 6.25 });
        }
    }
}
