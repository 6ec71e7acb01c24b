//! `selftest.json`: records, and the vectors that the model gave where it was trained.
//!
//! Towers that come from elsewhere are evaluated here by code that has never met what wrote them. The
//! self-test says, before anything is published, whether the two agree.

use super::TowerError;
use super::encode::Reading;
use super::model::{Model, Side};
use super::weights::NamedBlob;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use twinspire_core::kernel::Row;

/// The file's name in a towers directory.
pub(super) const FILE: &str = "selftest.json";
/// By how much a component may differ, of the largest in a vector or of 1.
const TOLERANCE: f32 = 1e-4;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    user: Vec<Case>,
    #[serde(default)]
    item: Vec<Case>,
    /// Vectors for features of items.
    #[serde(default)]
    items: HashMap<String, Vec<f32>>,
}

/// A record and its vector.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    record: Value,
    vector: Vec<f32>,
}

/// A self-test that was passed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SelfTest {
    /// Records that were tried.
    pub cases: usize,
    /// By how much a component differed at most, as a share of the largest in its vector or of 1.
    pub difference: f32,
}

impl Model {
    /// Tries the self-test among the files of a towers directory, if there is one.
    pub fn self_test(&self, parts: &[NamedBlob]) -> Result<Option<SelfTest>, TowerError> {
        let Some((_, json)) = parts.iter().find(|(name, _)| name == FILE) else {
            return Ok(None);
        };
        let test: File = serde_json::from_slice(json).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            TowerError::new(FILE, place, error.to_string())
        })?;
        let dimension = self.schema.dimension as usize;
        let bad = |vector: &[f32]| {
            (vector.len() != dimension).then(|| {
                format!(
                    "has {} components, the towers' dimension is {dimension}",
                    vector.len()
                )
            })
        };
        for (id, vector) in &test.items {
            if let Some(what) = bad(vector) {
                return Err(TowerError::new(FILE, format!("items {id:?}"), what));
            }
        }
        let items = |id: &str, read: &mut dyn FnMut(Row<'_>)| {
            if let Some(vector) = test.items.get(id) {
                read(Row::Full(vector));
            }
        };
        let reading = Reading {
            items: Some(&items),
            ..Reading::default()
        };
        let mut passed = SelfTest::default();
        for (side, cases) in [(Side::User, &test.user), (Side::Item, &test.item)] {
            let mut all = Vec::new();
            for (at, case) in cases.iter().enumerate() {
                let wrong = |what: String| TowerError::new(FILE, format!("{side} case {at}"), what);
                if let Some(what) = bad(&case.vector) {
                    return Err(wrong(format!("the vector {what}")));
                }
                let vector = self.embed(side, &case.record, reading);
                let vector = vector.map_err(|error| wrong(format!("the record: {error}")))?;
                let largest = case.vector.iter().fold(1.0f32, |most, x| most.max(x.abs()));
                for (component, (found, expected)) in vector.iter().zip(&case.vector).enumerate() {
                    let difference = (found - expected).abs() / largest;
                    // One that is no number is too large as well.
                    if difference.is_nan() || difference > TOLERANCE {
                        return Err(wrong(format!(
                            "component {component} of the vector is {found}, should be {expected}: \
                             towers and self-test are not of one model, or not exported right"
                        )));
                    }
                    passed.difference = passed.difference.max(difference);
                }
                passed.cases += 1;
                all.extend(vector);
            }
            self.together(side, cases, &all, reading)?;
        }
        Ok(Some(passed))
    }

    /// Whether records give the same vectors in one batch: an ONNX model might not.
    fn together(
        &self,
        side: Side,
        cases: &[Case],
        alone: &[f32],
        reading: Reading<'_>,
    ) -> Result<(), TowerError> {
        if self.tower(side).onnx().is_none() {
            return Ok(());
        }
        let records: Vec<_> = cases.iter().map(|case| &case.record).collect();
        let wrong = |at: usize, what: String| {
            TowerError::new(FILE, format!("{side} case {at}, with the others"), what)
        };
        let all = self.embed_many(side, &records, reading);
        let all = all.map_err(|(at, error)| wrong(at, format!("the record: {error}")))?;
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * a.abs().max(1.0);
        let found = all.iter().zip(alone).position(|both| !near(both));
        found.map_or(Ok(()), |at| {
            let what = "the model gives it another vector than alone";
            let case = at / (self.schema.dimension as usize).max(1);
            Err(wrong(case, what.to_owned()))
        })
    }
}
