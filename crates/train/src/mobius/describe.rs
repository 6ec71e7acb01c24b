//! The towers: features, the trunk of layers before the three parts, and the parts: all of them for training, or
//! those that are published.

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
/// Names of the layers that end the parts.
const PARTS: [&str; 3] = ["click", "unclick", "bad"];
/// Name of the layer before the parts, if it has none of its own.
const TRUNK: &str = "trunk";

/// Factor of each of the three parts; 0 leaves a part out.
pub(super) type Factors = [f32; 3];

/// All three parts, unscaled.
pub(super) const WHOLE: Factors = [1.0; 3];

/// Layers before the parts, of the user tower and of the item tower.
#[derive(Clone, Debug)]
pub(super) struct Trunks(pub(super) [Vec<LayerSchema>; 2]);

/// The schema of the towers for training, and their trunks.
pub(super) fn describe(
    data: &Dataset,
    logs: &Logs,
    config: &Config,
) -> Result<(Schema, Trunks), TrainError> {
    let widths = Widths::new(&config.log, 0, TRIGRAM_BUCKETS);
    let ids = Ids::new(&config.log, config.item_dimension, 1);
    let mut draft = Draft::new(&config.log.schema, widths);
    let [user, item] = draft.of_log(data, logs, ids)?;
    let trunk =
        |side| Ok::<_, TrainError>(with_name(draft.layers(side, hidden(&config.log.hidden))?));
    let trunks = Trunks([trunk(Side::User)?, trunk(Side::Item)?]);
    let schema = draft.unchecked("mobius", user, item);
    Ok((with_parts(&schema, &trunks, config, WHOLE)?, trunks))
}

/// The towers with the given parts behind their trunks. The user's parts are multiplied by the factors, the item's
/// are not; parts with a factor of 0 are left out.
pub(super) fn with_parts(
    schema: &Schema,
    trunks: &Trunks,
    config: &Config,
    factors: Factors,
) -> Result<Schema, TrainError> {
    let mut schema = schema.clone();
    let [user, item] = &trunks.0;
    let parts = active_parts(factors).count();
    schema.dimension = (parts * config.part) as u32;
    // With parts of length 1, all vectors have the same length, and the cosine ranks as the inner product does.
    // Training uses the inner products themselves.
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

/// Index and factor of the parts that are not left out.
pub(super) fn active_parts(factors: Factors) -> impl Iterator<Item = (usize, f32)> {
    let all = factors.into_iter().enumerate();
    all.filter(|(_, factor)| *factor != 0.0)
}

/// The layers of a tower: its trunk, for each part a dense layer with normalisation and scaling, and the
/// concatenation of the parts.
fn layers(trunk: &[LayerSchema], config: &Config, factors: Factors) -> Vec<LayerSchema> {
    let mut layers = trunk.to_vec();
    let before = trunk.last().and_then(|layer| layer.name.as_deref());
    let before = before.unwrap_or(INPUT).to_owned();
    let mut ends = Vec::new();
    for (part, factor) in active_parts(factors) {
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

/// Names the last layer, if it has no name.
fn with_name(mut layers: Vec<LayerSchema>) -> Vec<LayerSchema> {
    if let Some(last) = layers.last_mut() {
        last.name.get_or_insert_with(|| TRUNK.to_owned());
    }
    layers
}
