//! The towers: what they read, what stands before the three parts, and the parts, all of them to be
//! learnt or those that are published.

use super::config::Config;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::nn::checked;
use crate::sampler::Logs;
use crate::schema::{Draft, Ids, Widths, hidden};
use twinspire_core::kernel::Metric;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{
    Activation, From, INPUT, LayerKind, LayerSchema, Schema,
};

/// Buckets of the table of letter trigrams.
const TRIGRAM_BUCKETS: u32 = 8192;
/// What the parts are called among the layers.
const PARTS: [&str; 3] = ["click", "unclick", "bad"];
/// What the parts read, where it has no name of its own.
const TRUNK: &str = "trunk";

/// What of the three parts there is, in their order, and what each is multiplied by.
pub(super) type Factors = [f32; 3];

/// All three parts as they are.
pub(super) const WHOLE: Factors = [1.0; 3];

/// The layers before the parts, of the user tower and of the item tower.
#[derive(Clone, Debug)]
pub(super) struct Trunks(pub(super) [Vec<LayerSchema>; 2]);

/// The schema of the towers that learn, and their layers before the parts.
pub(super) fn describe(
    data: &Dataset,
    logs: &Logs,
    config: &Config,
) -> Result<(Schema, Trunks), TrainError> {
    let widths = Widths::new(&config.log, 0, TRIGRAM_BUCKETS);
    let ids = Ids::new(&config.log, config.item_dimension, 1);
    let mut draft = Draft::new(&config.log.schema, widths);
    let [user, item] = draft.of_log(data, logs, ids)?;
    let trunk = |side| Ok::<_, TrainError>(named(draft.layers(side, hidden(&config.log.hidden))?));
    let trunks = Trunks([trunk(Side::User)?, trunk(Side::Item)?]);
    let schema = draft.unchecked("mobius", user, item);
    Ok((with_parts(&schema, &trunks, config, WHOLE)?, trunks))
}

/// The same towers, but with these parts behind their trunks: the user's multiplied by the factors, the
/// item's as they are, and none of those whose factor is 0.
pub(super) fn with_parts(
    schema: &Schema,
    trunks: &Trunks,
    config: &Config,
    factors: Factors,
) -> Result<Schema, TrainError> {
    let mut schema = schema.clone();
    let [user, item] = &trunks.0;
    let kept = kept(factors).count();
    schema.dimension = (kept * config.part) as u32;
    // Of parts of length 1 the whole has one length, and the cosine keeps the order of the products.
    // While they are learnt, the products are taken as they are.
    schema.metric = match config.normalise && factors != WHOLE {
        true => Metric::Cosine,
        false => Metric::InnerProduct,
    };
    if let Some(tower) = &mut schema.user {
        tower.layers = layers(user, config, factors);
    }
    if let Some(tower) = &mut schema.item {
        let once = factors.map(|factor| if factor == 0.0 { 0.0 } else { 1.0 });
        tower.layers = layers(item, config, once);
    }
    checked(schema)
}

/// The parts that are there, by their number, with their factors.
pub(super) fn kept(factors: Factors) -> impl Iterator<Item = (usize, f32)> {
    let all = factors.into_iter().enumerate();
    all.filter(|(_, factor)| *factor != 0.0)
}

/// The layers of a tower: its trunk, then for each part a dense one, which may be negated, and what
/// follows it, then all of them side by side.
fn layers(trunk: &[LayerSchema], config: &Config, factors: Factors) -> Vec<LayerSchema> {
    let mut layers = trunk.to_vec();
    let before = trunk.last().and_then(|layer| layer.name.as_deref());
    let before = before.unwrap_or(INPUT).to_owned();
    let mut ends = Vec::new();
    for (part, factor) in kept(factors) {
        let mut of_part = LayerSchema::of(LayerKind::Dense {
            units: config.part as u32,
            activation: Activation::Linear,
            bias: true,
        });
        of_part.from = Some(From::One(before.clone()));
        layers.push(of_part);
        if config.normalise {
            layers.push(LayerSchema::of(LayerKind::L2Normalise {}));
        }
        if factor.abs() != 1.0 {
            let value = 1.0 / factor.abs();
            layers.push(LayerSchema::of(LayerKind::Temperature { value }));
        }
        let name = PARTS[part].to_owned();
        if let Some(last) = layers.last_mut() {
            last.name = Some(name.clone());
        }
        ends.push(name);
    }
    if ends.len() > 1 {
        let mut all = LayerSchema::of(LayerKind::Concat {});
        all.from = Some(From::Many(ends));
        layers.push(all);
    }
    layers
}

/// Layers whose last has a name.
fn named(mut layers: Vec<LayerSchema>) -> Vec<LayerSchema> {
    if let Some(last) = layers.last_mut() {
        last.name.get_or_insert_with(|| TRUNK.to_owned());
    }
    layers
}
