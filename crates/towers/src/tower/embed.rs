//! Records to vectors: encode, forward, prepare, in batches.

use super::describe::kind_of;
use super::embedded::{Embedded, EmbeddedFeature};
use super::encode::{Encoder, FeatureCheck, OtherReaders, Reading, Texts};
use super::encoded::Encoded;
use super::error::EmbedError;
use super::forward::Pass;
use super::model::{Model, Tower};
use super::side::Side;
use crate::record::RecordError;
use serde_json::Value;
use std::borrow::Borrow;
use std::cell::RefCell;
use twinspire_core::kernel::prepare;

/// Scratch memory of a thread, reused from one batch to the next.
#[derive(Default)]
struct Scratch {
    texts: Texts,
    encoded: Vec<Encoded>,
    pass: Pass,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Records per forward pass.
const BATCH: usize = 64;
/// The most numbers that the encoders of sequences compute in a forward pass of several records.
const MAX_SEQUENCE_NUMBERS: usize = 1 << 24;

/// Records per forward pass of a tower.
fn batch_size(tower: &Tower) -> usize {
    (MAX_SEQUENCE_NUMBERS / tower.sequence_numbers().max(1)).clamp(1, BATCH)
}

impl Model {
    /// The vector of one record, ready to be stored or searched with: finite, and of length 1 under cosine.
    pub fn embed(
        &self,
        side: Side,
        record: &Value,
        reading: Reading<'_>,
    ) -> Result<Vec<f32>, EmbedError> {
        let mut vector = Vec::with_capacity(self.schema.dimension as usize);
        let one = std::slice::from_ref(record);
        let embedded = self.embed_into(side, one, reading, &mut vector);
        embedded.map_err(|(_, error)| error)?;
        Ok(vector)
    }

    /// The vector of each record, or why it has none.
    pub fn embed_each<R: Borrow<Value>>(
        &self,
        side: Side,
        records: &[R],
        reading: Reading<'_>,
    ) -> Vec<Result<Vec<f32>, EmbedError>> {
        match self.embed_many(side, records, reading) {
            Ok(vectors) => {
                let each = vectors.chunks_exact(self.schema.dimension as usize);
                each.map(|vector| Ok(vector.to_vec())).collect()
            }
            Err(_) => {
                let each = records.iter();
                each.map(|record| self.embed(side, record.borrow(), reading))
                    .collect()
            }
        }
    }

    /// The vectors of many records, concatenated. An error comes with the index of its record.
    pub fn embed_many<R: Borrow<Value>>(
        &self,
        side: Side,
        records: &[R],
        reading: Reading<'_>,
    ) -> Result<Vec<f32>, (usize, EmbedError)> {
        let mut vectors = Vec::with_capacity(records.len() * self.schema.dimension as usize);
        self.embed_into(side, records, reading, &mut vectors)?;
        Ok(vectors)
    }

    /// Appends the vectors of many records. An error comes with the index of its record. Once a thread has embedded
    /// similar records, nothing is allocated but room for the vectors.
    pub fn embed_into<R: Borrow<Value>>(
        &self,
        side: Side,
        records: &[R],
        reading: Reading<'_>,
        vectors: &mut Vec<f32>,
    ) -> Result<(), (usize, EmbedError)> {
        // Taken, not borrowed: the search for an item's vector may embed a record on this thread.
        let mut scratch = SCRATCH.take();
        let result = self.embed_with(side, records, reading, vectors, &mut scratch);
        SCRATCH.set(scratch);
        result
    }

    fn embed_with<R: Borrow<Value>>(
        &self,
        side: Side,
        records: &[R],
        reading: Reading<'_>,
        vectors: &mut Vec<f32>,
        scratch: &mut Scratch,
    ) -> Result<(), (usize, EmbedError)> {
        let (tower, tables) = (self.tower(side), &self.tables);
        let dimension = self.schema.dimension as usize;
        if tower.features.is_empty() && !records.is_empty() {
            return Err((0, EmbedError::NoTower { side }));
        }
        let size = batch_size(tower);
        for (batch, records) in records.chunks(size).enumerate() {
            let first = batch * size;
            if scratch.encoded.len() < records.len() {
                scratch.encoded.resize_with(records.len(), Encoded::default);
            }
            let mut encoder = Encoder {
                tables,
                reading,
                texts: &mut scratch.texts,
            };
            for (at, (record, encoded)) in records.iter().zip(&mut scratch.encoded).enumerate() {
                let encoded = tower.encode(&mut encoder, record.borrow(), encoded);
                encoded.map_err(|error| (first + at, error.into()))?;
            }
            let encoded = scratch.encoded.iter().take(records.len());
            let output = tower.forward(tables, encoded, &mut scratch.pass);
            let output = output.map_err(|error| (first + error.row, error.into()))?;
            let from = vectors.len();
            vectors.extend_from_slice(output);
            let new = vectors.get_mut(from..).unwrap_or_default();
            for (at, vector) in new.chunks_exact_mut(dimension).enumerate() {
                let prepared = prepare(self.schema.metric, vector);
                prepared.map_err(|error| (first + at, error.into()))?;
            }
        }
        Ok(())
    }

    /// Whether a record is refused under a check, without embedding it.
    pub fn check(
        &self,
        side: Side,
        record: &Value,
        check: FeatureCheck,
    ) -> Result<(), RecordError> {
        self.tower(side).check(&self.tables, record, check)
    }

    /// Everything that is wrong with a record under [`FeatureCheck::Strict`](super::FeatureCheck::Strict).
    ///
    /// `others` says which fields are for other towers that get the same record.
    pub fn problems(
        &self,
        side: Side,
        record: &Value,
        others: Option<OtherReaders<'_>>,
    ) -> Vec<RecordError> {
        self.tower(side).problems(&self.tables, record, others)
    }

    /// Whether the tower of a side reads a field.
    pub fn reads(&self, side: Side, field: &str) -> bool {
        self.tower(side).reads(field)
    }

    /// The numbers that each feature of a record gives to the first layer, and the vector.
    pub fn embed_shown(
        &self,
        side: Side,
        record: &Value,
        reading: Reading<'_>,
    ) -> Result<Embedded, EmbedError> {
        let vector = self.embed(side, record, reading)?;
        let (tower, mut pass) = (self.tower(side), Pass::default());
        let mut encoder = Encoder {
            tables: &self.tables,
            reading,
            texts: &mut Texts::default(),
        };
        let mut encoded = Encoded::default();
        tower.encode(&mut encoder, record, &mut encoded)?;
        tower.forward(&self.tables, std::iter::once(&encoded), &mut pass)?;
        let (mut features, mut from) = (Vec::with_capacity(tower.features.len()), 0);
        for (feature, input) in tower.features.iter().zip(encoded.inputs()) {
            let numbers = pass.output(0).get(from..from + feature.width);
            from += feature.width;
            features.push(EmbeddedFeature {
                kind: kind_of(&feature.schema),
                fields: feature.schema.fields().map(str::to_owned).collect(),
                rows: input.rows.to_vec(),
                numbers: numbers.unwrap_or_default().to_vec(),
            });
        }
        Ok(Embedded { vector, features })
    }
}
