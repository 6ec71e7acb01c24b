//! Towers with baselines beside what is learnt, and without them again.
//!
//! A user's vector is [learnt; 1; 0; sums over the history], an item's [learnt; its popularity; a rest; factors]. Each
//! part of an item has a length of at most 1, and the rest brings all items to the same length. So cosine orders items
//! as the inner product does (the reduction of Bachrach et al., RecSys 2014).

use super::components::{Blend, Component};
use super::parts::{HISTORY as LIMIT, Parts};
use super::transitions::Transitions;
use crate::error::TrainError;
use crate::sampler::{HISTORY, Logs};
use crate::schema::{optional, vocabulary};
use ndarray::{Array1, Array2, s};
use std::collections::HashMap;
use twinspire_towers::Towers;
use twinspire_towers::internals::schema::{
    Activation, FeatureKind, FeatureSchema, From, INPUT, LayerKind, LayerSchema, LookupSchema,
    Missing, Pooling, Recency, Schema, TableSchema, TowerSchema, Unknown, Unreadable,
};
use twinspire_towers::internals::{
    Layer, Lookup, Matrix, Model, OptimiserState, SequenceModel, Side, Step, Table, Tower,
};

/// The tables of the baselines: what items are worth, and what items of a history say.
const ITEMS: &str = "baselines.items";
const COOCCURRENCE: &str = "baselines.cooccurrence";
const TRANSITIONS: &str = "baselines.transitions";
/// The layers that are added: the parts of the baselines, both together, and their length.
const ADDED: usize = 3;
/// The names of the layer that is learnt, and of the baselines.
const LEARNT: &str = "learnt";
const BASELINES: &str = "baselines";

/// Whether towers can hold baselines: their layers end in the vector, and only dense layers read the features.
pub(crate) fn fits(schema: &Schema) -> bool {
    let mut towers = schema.towers();
    towers.all(|(side, tower)| {
        let Ok(wiring) = schema.wiring(side, tower) else {
            return false;
        };
        let taken =
            |layer: &LayerSchema| [Some(LEARNT), Some(BASELINES)].contains(&layer.name.as_deref());
        let mut layers = tower.layers.iter().zip(&wiring);
        !tower.layers.is_empty()
            && !tower.layers.iter().any(taken)
            && layers.all(|(layer, wiring)| {
                matches!(layer.kind, LayerKind::Dense { .. }) || !wiring.from.contains(&0)
            })
    })
}

/// The towers with baselines beside what they learnt.
///
/// # Errors
/// [`TrainError::Towers`] if the layers do not [fit](fits).
pub(crate) fn attach(
    towers: &Towers,
    logs: &Logs,
    parts: &Parts,
    blend: &Blend,
) -> Result<Towers, TrainError> {
    let before = towers.model().in_memory();
    let ids: Vec<String> = logs.items.iter().map(|(id, _)| id.clone()).collect();
    let pairs = [Component::Cooccurrence, Component::Transitions].map(|component| {
        let [from, to] = match component {
            Component::Cooccurrence => &parts.cooccurrence,
            _ => &parts.transitions,
        };
        let used = blend.of(component) > 0.0;
        let (scale, length) = longest(to);
        let to = to.mapv(|x| x * scale);
        let from = from.mapv(|x| x * length * blend.of(component));
        (used && to.ncols() > 0).then_some([from, to])
    });
    let (items, bias) = of_items(parts, blend, &pairs);
    let width = items.ncols();
    let [cooccurrence, transitions] = pairs;
    let mut tables = vec![(ITEMS, vocabulary(ids.clone(), 1), items)];
    let mut features = Vec::new();
    let skipping = || LookupSchema::Vocabulary {
        ids: ids.clone(),
        unknown: Unknown::Skip,
    };
    let history = |table: &str, limit: usize, recency, distinct| {
        optional(FeatureKind::Ids {
            field: HISTORY.to_owned(),
            table: table.to_owned(),
            pooling: Pooling::Sum,
            limit: limit as u32,
            recency,
            distinct,
        })
    };
    let mut of_users = 0;
    if let Some([from, _]) = cooccurrence {
        of_users += from.ncols();
        tables.push((COOCCURRENCE, skipping(), from));
        features.push(history(COOCCURRENCE, LIMIT, None, true));
    }
    if let Some([from, _]) = transitions {
        of_users += from.ncols();
        tables.push((TRANSITIONS, skipping(), from));
        let recency = Some(Recency::Decay(Transitions::DECAY));
        features.push(history(TRANSITIONS, Transitions::RECENT, recency, false));
    }
    let id = FeatureSchema {
        missing: Missing::Error,
        unreadable: Unreadable::Error,
        range: None,
        kind: FeatureKind::Id {
            field: "id".to_owned(),
            table: ITEMS.to_owned(),
        },
    };
    let mut schema = before.schema.clone();
    schema.dimension += width as u32;
    for (name, lookup, weights) in &tables {
        let dimension = Some(weights.ncols() as u32);
        let lookup = lookup.clone();
        schema
            .tables
            .insert((*name).to_owned(), TableSchema { dimension, lookup });
    }
    for (tower, features) in [(&mut schema.user, features), (&mut schema.item, vec![id])] {
        if let Some(tower) = tower {
            tower.features.extend(features);
            add_layers(tower, width);
        }
    }
    let mut all = before.tables.clone();
    for (name, lookup, weights) in tables {
        all.push(Table {
            name: name.to_owned(),
            lookup: Lookup::new(name, &lookup)?,
            weights: Matrix::Owned(weights),
        });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let build = |side, described: &TowerSchema, schema: &Schema, _: &[Table]| {
        let tower = before.tower(side);
        let inputs: usize = tower.features.iter().map(|feature| feature.width).sum();
        let (added, bias) = match side {
            Side::User => (of_users, Some(bias)),
            Side::Item => (width, None),
        };
        let mut layers = tower.layers.clone();
        layers
            .iter_mut()
            .for_each(|layer| set_inputs(layer, inputs + added));
        layers.extend(added_layers(&layers, (inputs, added), width, bias));
        Ok::<Tower, TrainError>(Tower::new(
            side,
            described,
            tower.sequences(),
            layers,
            schema,
        ))
    };
    let model = Model::assemble(schema, all, build)?;
    with_state(towers, &before, &model)
}

/// The parts of the items, with a row for unknown ones at the end, and the user's factor of the popularity.
fn of_items(
    parts: &Parts,
    blend: &Blend,
    pairs: &[Option<[Array2<f32>; 2]>; 2],
) -> (Array2<f32>, f32) {
    let mixed = |popularity: f32, recent: f32| {
        blend.popularity * popularity + blend.recent_popularity * recent
    };
    let each = parts.popularity.iter().zip(&parts.recent);
    let mut bias: Vec<f32> = each.map(|(all, recent)| mixed(*all, *recent)).collect();
    let [unknown, unknown_recent] = parts.unknown;
    bias.push(mixed(unknown, unknown_recent));
    let largest = bias
        .iter()
        .fold(f32::MIN_POSITIVE, |most, x| most.max(x.abs()));
    let factors = pairs.iter().flatten().map(|[_, to]| to.ncols());
    let mut items = Array2::zeros((parts.items() + 1, 2 + factors.sum::<usize>()));
    for (mut item, bias) in items.rows_mut().into_iter().zip(&bias) {
        item[0] = bias / largest;
    }
    let mut column = 2;
    for [_, to] in pairs.iter().flatten() {
        let place = s![..parts.items(), column..column + to.ncols()];
        items.slice_mut(place).assign(to);
        column += to.ncols();
    }
    let squares: Array1<f32> = items
        .rows()
        .into_iter()
        .map(|item| item.dot(&item))
        .collect();
    let most = squares.iter().copied().fold(0.0, f32::max);
    for (mut item, square) in items.rows_mut().into_iter().zip(&squares) {
        item[1] = (most - square).max(0.0).sqrt();
    }
    (items, largest)
}

/// What brings the longest row of a matrix to a length of 1, and that length.
fn longest(of: &Array2<f32>) -> (f32, f32) {
    let lengths = of.rows().into_iter().map(|row| row.dot(&row).sqrt());
    let most = lengths.fold(f32::MIN_POSITIVE, f32::max);
    (1.0 / most, most)
}

/// Describes the layers of the baselines.
fn add_layers(tower: &mut TowerSchema, width: usize) {
    let Some(last) = tower.layers.last_mut() else {
        return;
    };
    let learnt = last.name.get_or_insert_with(|| LEARNT.to_owned()).clone();
    tower.layers.push(LayerSchema {
        name: Some(BASELINES.to_owned()),
        from: Some(From::One(INPUT.to_owned())),
        kind: LayerKind::Dense {
            units: width as u32,
            activation: Activation::Linear,
            bias: true,
        },
    });
    tower.layers.push(LayerSchema {
        name: None,
        from: Some(From::Many(vec![learnt, BASELINES.to_owned()])),
        kind: LayerKind::Concat {},
    });
    tower
        .layers
        .push(LayerSchema::of(LayerKind::L2Normalise {}));
}

/// The layers of the baselines behind those learnt: a selection of the last features, and the user's factor of the
/// popularity as a bias. Without one, all parts are read; a user reads neither popularity nor rest.
fn added_layers(
    learnt: &[Layer],
    (inputs, added): (usize, usize),
    width: usize,
    bias: Option<f32>,
) -> Vec<Layer> {
    let last = learnt.len();
    let mut weight = Array2::zeros((width, inputs + added));
    for at in 0..added {
        weight[[width - added + at, inputs + at]] = 1.0;
    }
    let mut constant = vec![0.0; width];
    if let (Some(bias), Some(first)) = (bias, constant.first_mut()) {
        *first = bias;
    }
    let layer = |from: Vec<usize>, width, step| Layer { from, width, step };
    let all = learnt.last().map_or(0, |layer| layer.width) + width;
    vec![
        layer(
            vec![0],
            width,
            Step::Dense {
                weight: Matrix::Owned(weight),
                bias: Some(constant),
                activation: Activation::Linear,
            },
        ),
        layer(vec![last, last + 1], all, Step::Concat),
        layer(vec![last + 2], all, Step::L2Normalise),
    ]
}

/// Lets a dense layer that reads the features read this many of them: those that are new do not count, those at the end
/// are left out.
fn set_inputs(layer: &mut Layer, inputs: usize) {
    if let Step::Dense {
        weight: Matrix::Owned(weight),
        ..
    } = &mut layer.step
        && layer.from.first() == Some(&0)
    {
        let columns = weight.ncols().min(inputs);
        let mut resized = Array2::zeros((weight.nrows(), inputs));
        let kept = s![.., ..columns];
        resized.slice_mut(kept).assign(&weight.slice(kept));
        *weight = resized;
    }
}

/// What towers learnt, without baselines; `None` if they have none.
///
/// # Errors
/// [`TrainError::Towers`] if their state cannot be read.
pub(crate) fn detach(towers: &Towers) -> Result<Option<Towers>, TrainError> {
    let before = towers.model().in_memory();
    let mut schema = before.schema.clone();
    let Some(width) = schema.tables.get(ITEMS).and_then(|table| table.dimension) else {
        return Ok(None);
    };
    let is_baseline = |table: &str| [ITEMS, COOCCURRENCE, TRANSITIONS].contains(&table);
    schema.dimension = schema.dimension.saturating_sub(width);
    schema.tables.retain(|name, _| !is_baseline(name));
    for tower in [&mut schema.user, &mut schema.item].into_iter().flatten() {
        tower
            .features
            .retain(|feature| !feature.table().is_some_and(is_baseline));
        tower
            .layers
            .truncate(tower.layers.len().saturating_sub(ADDED));
        if let Some(last) = tower.layers.last_mut()
            && last.name.as_deref() == Some(LEARNT)
        {
            last.name = None;
        }
    }
    let tables = before.tables.iter();
    let tables = tables.filter(|table| !is_baseline(&table.name)).cloned();
    let build = |side, described: &TowerSchema, schema: &Schema, _: &[Table]| {
        let mut tower = before.tower(side).clone();
        let features = tower.features.iter().take(described.features.len());
        let inputs = features.map(|feature| feature.width).sum();
        tower.layers.truncate(described.layers.len());
        tower
            .layers
            .iter_mut()
            .for_each(|layer| set_inputs(layer, inputs));
        Ok::<Tower, TrainError>(Tower::new(
            side,
            described,
            tower.sequences(),
            tower.layers,
            schema,
        ))
    };
    let model = Model::assemble(schema, tables.collect(), build)?;
    with_state(towers, &before, &model).map(Some)
}

/// Towers of a model, with the state of the training of those that it was made from.
fn with_state(towers: &Towers, before: &Model, model: &Model) -> Result<Towers, TrainError> {
    let mut changed = Towers::from_model(model)?;
    if let Some(state) = towers.optimiser()? {
        changed = changed.with_optimiser(&OptimiserState {
            squares: squares(&state.squares, before, model),
            ..state
        });
    }
    if let Some(frequency) = towers.frequency()? {
        changed = changed.with_frequency(&frequency);
    }
    Ok(changed)
}

/// The accumulators of one model in the order of another: of equal tables and layers as they are, of new weights 0.
fn squares(known: &[f32], before: &Model, model: &Model) -> Vec<f32> {
    let mut rest = known;
    let mut take = |count: usize| {
        let (found, after) = rest.split_at(count.min(rest.len()));
        rest = after;
        found.to_vec()
    };
    let rows = |table: &Table| match table.weights.columns() {
        0 => 0,
        _ => table.weights.rows(),
    };
    let tables = before.tables.iter();
    let of_tables: HashMap<&str, Vec<f32>> = tables
        .map(|table| (table.name.as_str(), take(rows(table))))
        .collect();
    let mut of_layers = HashMap::new();
    each_tensor(before, |key, _, count| {
        of_layers.insert(key, take(count));
    });
    let mut all = Vec::new();
    for table in &model.tables {
        let mut found = of_tables.get(table.name.as_str()).cloned();
        all.append(found.get_or_insert_with(|| vec![0.0; rows(table)]));
    }
    let mut columns = HashMap::new();
    each_tensor(before, |key, width, _| {
        columns.insert(key, width);
    });
    each_tensor(model, |key, width, count| {
        let found = of_layers.get(&key).map_or(&[][..], Vec::as_slice);
        let from = columns.get(&key).copied().unwrap_or(1).max(1);
        let mut rows = found.chunks(from);
        for _ in 0..count / width.max(1) {
            let mut row = rows.next().unwrap_or_default().to_vec();
            row.resize(width, 0.0);
            all.append(&mut row);
        }
    });
    all
}

/// The tensors of all features and layers in the order of the optimiser: their key, the width of a row, and their size.
fn each_tensor(model: &Model, mut each: impl FnMut((bool, bool, usize, usize), usize, usize)) {
    for side in [Side::User, Side::Item] {
        let user = side == Side::User;
        for (at, feature) in model.tower(side).features.iter().enumerate() {
            let weights = feature.sequence.iter().flat_map(SequenceModel::weights);
            for (tensor, (_, weights)) in weights.enumerate() {
                each((user, false, at, tensor), weights.len(), weights.len());
            }
        }
        for (at, layer) in model.tower(side).layers.iter().enumerate() {
            for (tensor, (_, weights)) in layer.weights().into_iter().enumerate() {
                let width = match (&layer.step, tensor) {
                    (Step::Dense { weight, .. }, 0) => weight.columns(),
                    _ => weights.len(),
                };
                each((user, true, at, tensor), width, weights.len());
            }
        }
    }
}
