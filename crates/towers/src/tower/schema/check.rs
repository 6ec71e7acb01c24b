//! Whether a description is one of towers that can exist, and how their layers hang together.

use super::layers::{From, INPUT, LayerKind};
use super::{
    FORMAT, FeatureKind, FeatureSchema, Grams, HashFunction, LookupSchema, Missing, OnnxInput,
    Pooling, Recency, Schema, TableSchema, To, TowerSchema, Until,
};
use crate::tower::{Side, TowerError};
use std::collections::{HashMap, HashSet};
use twinspire_core::kernel::MAX_DIMENSION;

/// Bounds that keep a hostile schema from asking for more memory than a real one would.
const MAX_WIDTH: u32 = 1 << 16;
const MAX_PARTS: usize = 1024;
/// Of the input and all layers of a tower together: each output is kept until the vector is there.
const MAX_TOTAL: usize = 1 << 20;
const MAX_HASHES: u32 = 8;
const MAX_LETTERS: u32 = 16;
const MAX_WORDS: u32 = 8;

/// What a layer reads and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// Outputs it reads: 0 is the input, N + 1 that of layer N; all of earlier ones.
    pub from: Vec<usize>,
    /// Numbers it reads; of several outputs those of all together.
    pub inputs: usize,
    /// Numbers it gives.
    pub outputs: usize,
}

impl Schema {
    /// Whether towers can be of this description.
    pub fn validate(&self) -> Result<(), TowerError> {
        if self.format != FORMAT {
            let what = format!("is {}, this program reads {FORMAT}", self.format);
            return Err(TowerError::schema("format", what));
        }
        size("dimension", self.dimension, MAX_DIMENSION)?;
        if self.tables.len() > MAX_PARTS {
            let what = format!("more than {MAX_PARTS}");
            return Err(TowerError::schema("tables", what));
        }
        for (name, table) in &self.tables {
            table.validate().map_err(|what| {
                let place = format!("table {name:?}");
                TowerError::schema(place, what)
            })?;
        }
        self.towers()
            .try_for_each(|(side, tower)| self.validate_tower(side, tower))
    }

    fn validate_tower(&self, side: Side, tower: &TowerSchema) -> Result<(), TowerError> {
        if tower.features.is_empty() {
            let place = format!("{side} features");
            return Err(TowerError::schema(place, "there are none"));
        }
        if tower.features.len().max(tower.layers.len()) > MAX_PARTS {
            let what = format!("more than {MAX_PARTS} parts");
            return Err(TowerError::schema(side.to_string(), what));
        }
        for (at, feature) in tower.features.iter().enumerate() {
            self.validate_feature(side, feature).map_err(|what| {
                let place = format!("{side} feature {at} ({:?})", feature.field());
                TowerError::schema(place, what)
            })?;
        }
        let wiring = self.wiring(side, tower)?;
        let input = || self.widths(tower).iter().sum();
        let given = wiring.last().map_or_else(input, |last| last.outputs);
        if given != self.dimension as usize {
            let what = format!(
                "the last layer gives {given} components, the dimension is {}",
                self.dimension
            );
            return Err(TowerError::schema(format!("{side} layers"), what));
        }
        Ok(())
    }

    fn validate_feature(&self, side: Side, feature: &FeatureSchema) -> Result<(), String> {
        if let Some(named) = feature.table() {
            let table = self.tables.get(named);
            let table = table.ok_or_else(|| format!("there is no table {named:?}"))?;
            Self::validate_numbering(feature, named, table)?;
            if feature.pooling() == Pooling::Max && table.lookup.hashes() > 1 {
                return Err(format!(
                    "a largest component is not that of a sum: table {named:?} has several hashes"
                ));
            }
            if let Some(rows) = feature.indices() {
                match table.lookup {
                    LookupSchema::Index { rows: found } if found as usize >= rows => {}
                    _ => {
                        return Err(format!(
                            "table {named:?} should have an index lookup of {rows} rows or more"
                        ));
                    }
                }
            }
        }
        let missing = feature.missing != Missing::Error;
        if let Some((scaling, flag)) = feature.scaling() {
            let (mean, deviation) = (scaling.mean, scaling.deviation);
            if !(mean.is_finite() && deviation.is_finite() && deviation > 0.0) {
                return Err(
                    "mean and deviation must be finite and the deviation above 0".to_owned(),
                );
            }
            if scaling.clip.is_some_and(|[least, most]| least > most) {
                return Err("clip is of the least and the most, in this order".to_owned());
            }
            if flag && !missing {
                return Err("missing_flag is for a field that may be missing".to_owned());
            }
        }
        if matches!(feature.missing, Missing::Default(_)) && feature.second_field().is_some() {
            return Err("there is no default for two fields".to_owned());
        }
        if let Some(recency) = feature.recency() {
            let right = match recency {
                Recency::Decay(decay) => *decay > 0.0 && *decay <= 1.0,
                Recency::Weights(weights) => {
                    let fits = |w: &f32| w.is_finite() && *w >= 0.0;
                    weights.iter().all(fits) && weights.first().is_some_and(|w| *w > 0.0)
                }
            };
            if !right {
                return Err(
                    "recency is a decay above 0 and at most 1, or weights from 0 on, the first \
                     above it"
                        .to_owned(),
                );
            }
            if feature.pooling() == Pooling::Max {
                return Err(
                    "a largest component has no weights: recency is for the other poolings"
                        .to_owned(),
                );
            }
        }
        self.validate_kind(side, &feature.kind)
    }

    fn validate_kind(&self, side: Side, kind: &FeatureKind) -> Result<(), String> {
        let increasing = |all: &[f64]| all.is_sorted_by(|a, b| a < b);
        let range = |[from, to]: [u32; 2], most: u32| {
            let right = from >= 1 && from <= to && to <= most;
            let what = format!("grams are of 1 to {most}, the fewer first");
            right.then_some(()).ok_or(what)
        };
        match kind {
            FeatureKind::Ids { limit: 0, .. }
            | FeatureKind::Items { limit: 0, .. }
            | FeatureKind::Indices { limit: 0, .. }
            | FeatureKind::Text { limit: Some(0), .. } => {
                Err("a limit of 0 reads nothing".to_owned())
            }
            FeatureKind::Items { .. } if side == Side::Item => Err(
                "an item's vector cannot be made of items' vectors: `items` is for users"
                    .to_owned(),
            ),
            FeatureKind::Text {
                field, also, grams, ..
            } => {
                each_once(field, also)?;
                match grams {
                    Grams::Trigrams => Ok(()),
                    Grams::Letters(letters) => range(*letters, MAX_LETTERS),
                    Grams::Words(words) => range(*words, MAX_WORDS),
                    Grams::Both { letters, words } => {
                        range(*letters, MAX_LETTERS).and_then(|()| range(*words, MAX_WORDS))
                    }
                }
            }
            FeatureKind::Buckets { boundaries, .. } => {
                let right = !boundaries.is_empty()
                    && boundaries.len() < MAX_WIDTH as usize
                    && increasing(boundaries);
                let what = format!("boundaries are 1 to {} increasing numbers", MAX_WIDTH - 1);
                right.then_some(()).ok_or(what)
            }
            FeatureKind::Geo { scales, .. } => {
                let right = !scales.is_empty()
                    && scales.len() <= MAX_PARTS
                    && scales.iter().all(|scale| (1e-6..=360.0).contains(scale));
                let what = format!("scales are 1 to {MAX_PARTS} numbers from 0.000001 to 360");
                right.then_some(()).ok_or(what)
            }
            FeatureKind::Distance {
                to: To::Point(point),
                ..
            } if point.place().is_none() => {
                Err("a point has lat from -90 to 90 and lon from -180 to 180".to_owned())
            }
            FeatureKind::Age {
                until: Until::Seconds(seconds),
                ..
            } if !seconds.is_finite() => Err("until is not a finite number".to_owned()),
            FeatureKind::Hour { utc_offset, .. } | FeatureKind::Weekday { utc_offset, .. }
                if utc_offset.unsigned_abs() > 24 * 60 =>
            {
                Err("utc_offset is of minutes, at most a day's".to_owned())
            }
            FeatureKind::Vector { dimension, .. } if !(1..=MAX_WIDTH).contains(dimension) => {
                Err(format!("a dimension is from 1 to {MAX_WIDTH}"))
            }
            _ => Ok(()),
        }
    }

    /// How the layers of a tower hang together.
    pub fn wiring(&self, side: Side, tower: &TowerSchema) -> Result<Vec<Wiring>, TowerError> {
        let input = self.widths(tower).iter().sum::<usize>();
        let place = |at: usize| format!("{side} layer {at}");
        let fits = |place: &dyn Fn() -> String, width: usize| {
            let what = format!("gives {width} numbers, not 1 to {MAX_WIDTH}");
            let fits = (1..=MAX_WIDTH as usize).contains(&width);
            fits.then_some(())
                .ok_or_else(|| TowerError::schema(place(), what))
        };
        fits(&|| format!("{side} features"), input)?;
        let mut named = HashMap::from([(INPUT, 0)]);
        let mut widths = vec![input];
        let mut wirings = Vec::with_capacity(tower.layers.len());
        let mut model = false;
        for (at, layer) in tower.layers.iter().enumerate() {
            let wrong = |what: String| TowerError::schema(place(at), what);
            let find = |name: &String| {
                let found = named.get(name.as_str()).copied();
                found.ok_or_else(|| {
                    wrong(format!(
                        "reads {name:?}, but no earlier layer has that name"
                    ))
                })
            };
            let from = match &layer.from {
                None => vec![at],
                Some(From::One(name)) => vec![find(name)?],
                Some(From::Many(names)) if names.len() <= MAX_PARTS => {
                    names.iter().map(find).collect::<Result<_, _>>()?
                }
                Some(From::Many(_)) => return Err(wrong(format!("reads more than {MAX_PARTS}"))),
            };
            let many = matches!(layer.kind, LayerKind::Add {} | LayerKind::Concat {});
            if many != (from.len() > 1) {
                let what = match many {
                    true => "reads one layer; from should be a list of two names or more",
                    false => "reads several layers, which only add and concat do",
                };
                return Err(wrong(what.to_owned()));
            }
            let read = || from.iter().filter_map(|slot| widths.get(*slot).copied());
            let inputs = read().sum();
            let outputs = match &layer.kind {
                LayerKind::Dense { units, .. } | LayerKind::Onnx { units, .. } => *units as usize,
                LayerKind::Add {} => {
                    let width = read().next().unwrap_or(0);
                    if read().any(|other| other != width) {
                        let all: Vec<_> = read().collect();
                        return Err(wrong(format!("adds outputs of different widths: {all:?}")));
                    }
                    width
                }
                _ => inputs,
            };
            fits(&|| place(at), outputs)?;
            match &layer.kind {
                LayerKind::FeatureWeights { units, .. } => {
                    size(&place(at), *units, MAX_WIDTH)?;
                    if from != [0] {
                        let what = "weighs features: it should read the input";
                        return Err(wrong(what.to_owned()));
                    }
                }
                LayerKind::LayerNorm { epsilon } | LayerKind::BatchNorm { epsilon }
                    if !(epsilon.is_finite() && *epsilon > 0.0) =>
                {
                    return Err(wrong("epsilon must be finite and above 0".to_owned()));
                }
                LayerKind::Temperature { value } if !(value.is_finite() && *value > 0.0) => {
                    return Err(wrong("value must be finite and above 0".to_owned()));
                }
                LayerKind::Onnx { inputs: given, .. } => {
                    if std::mem::replace(&mut model, true) {
                        return Err(wrong("a tower has one ONNX model at most".to_owned()));
                    }
                    if let Some(given) = given {
                        onnx_inputs(given, inputs).map_err(wrong)?;
                    }
                }
                _ => {}
            }
            if let Some(name) = &layer.name {
                let before = named.insert(name, at + 1);
                if name.is_empty() || before.is_some() {
                    let what = format!("the name {name:?} is empty or taken");
                    return Err(wrong(what));
                }
            }
            widths.push(outputs);
            if widths.iter().sum::<usize>() > MAX_TOTAL {
                let what = format!("with those before gives more than {MAX_TOTAL} numbers");
                return Err(wrong(what));
            }
            wirings.push(Wiring {
                from,
                inputs,
                outputs,
            });
        }
        Ok(wirings)
    }
}

impl TableSchema {
    fn validate(&self) -> Result<(), String> {
        if let Some(found) = self.dimension
            && !(1..=MAX_WIDTH).contains(&found)
        {
            return Err(format!(
                "a size of {found} is not between 1 and {MAX_WIDTH}"
            ));
        }
        match &self.lookup {
            LookupSchema::Hash { buckets: 0, .. } => {
                Err("a hash needs at least one bucket".to_owned())
            }
            LookupSchema::Hash {
                function,
                seed,
                hashes,
                ..
            } => {
                let seeded = matches!(function, HashFunction::Xxh3 | HashFunction::Murmur3);
                if !(1..=MAX_HASHES).contains(hashes) || *hashes > 1 && !seeded {
                    return Err(format!(
                        "hashes are 1 to {MAX_HASHES}, and more than 1 for xxh3 and murmur3 alone"
                    ));
                }
                let last = seed.checked_add(u64::from(*hashes) - 1);
                let fits = match function {
                    HashFunction::Xxh3 => last.is_some(),
                    HashFunction::Murmur3 => last.is_some_and(|last| u32::try_from(last).is_ok()),
                    HashFunction::FarmHash | HashFunction::SipHash(_) => *seed == 0,
                };
                fits.then_some(()).ok_or_else(|| {
                    "a seed is for xxh3, and below 2^32 for murmur3; siphash has a key".to_owned()
                })
            }
            LookupSchema::Index { rows: 0 } => Err("an index needs at least one row".to_owned()),
            LookupSchema::Index { .. } | LookupSchema::Vocabulary { .. } => Ok(()),
        }
    }
}

/// Whether a text is read of a number of fields that there may be, and of each of them once.
fn each_once(field: &str, also: &[String]) -> Result<(), String> {
    if also.len() >= MAX_PARTS {
        return Err(format!("a text is of {MAX_PARTS} fields at most"));
    }
    let mut read = HashSet::from([field]);
    let twice = also.iter().find(|other| !read.insert(other));
    twice.map_or(Ok(()), |twice| {
        Err(format!(
            "field {twice:?} is read twice; `also` names each further field once"
        ))
    })
}

/// Whether the inputs of an ONNX model take what its layer reads.
fn onnx_inputs(given: &[OnnxInput], read: usize) -> Result<(), String> {
    if given.is_empty() || given.len() > MAX_PARTS {
        return Err(format!("inputs are 1 to {MAX_PARTS}"));
    }
    let mut names = HashSet::new();
    for input in given {
        if input.name.is_empty() || !names.insert(&input.name) {
            let name = &input.name;
            return Err(format!("the input name {name:?} is empty or given twice"));
        }
        if !(1..=MAX_WIDTH).contains(&input.width) {
            let (name, width) = (&input.name, input.width);
            return Err(format!(
                "input {name:?} has a width of {width}, not 1 to {MAX_WIDTH}"
            ));
        }
    }
    let all = given
        .iter()
        .map(|input| input.width as usize)
        .sum::<usize>();
    let what = format!("its inputs take {all} numbers together, but it reads {read}");
    (all == read).then_some(()).ok_or(what)
}

fn size(place: &str, found: u32, most: u32) -> Result<(), TowerError> {
    if (1..=most).contains(&found) {
        return Ok(());
    }
    let what = format!("a size of {found} is not between 1 and {most}");
    Err(TowerError::schema(place, what))
}
