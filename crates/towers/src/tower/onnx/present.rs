use super::budget::Budget;
use super::fit::Fit;
use super::onnx_layer::OnnxLayer;
use super::outline::Outline;
use super::refusal::Refusal;
use super::runtime::Prepared;
use crate::tower::error::{LayerError, TowerError, TowerFault};
use crate::tower::files::{self, NamedBlob};
use crate::tower::model_limits::{ModelLimits, model_limits};
use std::fmt;
use std::sync::Arc;
use twinspire_core::files::Blob;
use twinspire_core::kernel::Aligned;
use twinspire_core::telemetry;

/// An ONNX model that is ready to run; clones share it.
#[derive(Clone)]
pub struct OnnxModel(Arc<Inner>);

struct Inner {
    file: &'static str,
    blob: Arc<Blob>,
    parameters: usize,
    units: usize,
    prepared: Arc<Prepared>,
}

/// Numbers of records that are tried as a batch, largest first.
const BATCHES: [usize; 6] = [1024, 256, 64, 16, 4, 1];

/// The number of records that the model may run at once.
fn largest_batch(file: &[u8], fit: &Fit, limits: ModelLimits) -> Result<usize, Refusal> {
    let budget = Budget::new(file, limits)?;
    // One record must fit; the error of a batch would blame the wrong operator.
    budget.check(fit, 1)?;
    let fits = |rows: &usize| budget.check(fit, *rows).is_ok();
    Ok(BATCHES.into_iter().find(fits).unwrap_or(1))
}

impl fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnnxModel({}, {:?})", self.0.file, self.0.blob)
    }
}

impl OnnxModel {
    /// Opens the model of a layer and tries it on made-up records: the file of its tower, else the one of both. One
    /// that is `opened` for another layer is shared if this layer reads it alike.
    pub(crate) fn open(
        parts: &[NamedBlob],
        layer: &OnnxLayer<'_>,
        opened: &mut Option<Self>,
    ) -> Result<Self, TowerError> {
        let file = files::onnx_of(layer.side);
        let find = |file| Some((file, files::find(parts, file)?));
        let Some((file, blob)) = find(file).or_else(|| find(files::SHARED_ONNX)) else {
            let needed = format!("{} layer {} runs it", layer.side, layer.layer);
            return Err(TowerError::new(
                file,
                "file",
                TowerFault::Missing { needed },
            ));
        };
        let refused = |Refusal { place, fault }| TowerError::new(file, place, fault);
        let outline = Outline::read(blob).map_err(refused)?;
        let fit = Fit::new(&outline, layer).map_err(refused)?;
        let same =
            |other: &&Self| Arc::ptr_eq(&other.0.blob, blob) && *other.0.prepared.fit() == fit;
        if let Some(same) = opened.as_ref().filter(same) {
            return Ok(same.clone());
        }
        let declared_single = fit.single;
        let limits = model_limits();
        let batch = largest_batch(blob, &fit, limits).map_err(refused)?;
        let prepared = Prepared::new(blob, fit, batch, limits).map_err(refused)?;
        if prepared.is_single() && !declared_single {
            telemetry::warn!("{file} computes batches wrongly, so it runs one record at a time");
        }
        let model = Self(Arc::new(Inner {
            file,
            blob: Arc::clone(blob),
            parameters: outline.parameters,
            units: layer.units,
            prepared,
        }));
        Ok(opened.insert(model).clone())
    }

    /// The name of its file.
    pub(crate) fn file(&self) -> &'static str {
        self.0.file
    }

    /// Its file.
    pub(crate) fn blob(&self) -> &Arc<Blob> {
        &self.0.blob
    }

    /// The number of floating-point numbers in its tensors.
    pub(crate) fn parameters(&self) -> usize {
        self.0.parameters
    }

    /// Appends the output for `rows` records.
    pub(crate) fn forward(
        &self,
        rows: usize,
        input: &[f32],
        output: &mut Aligned,
    ) -> Result<(), LayerError> {
        let (width, from) = (input.len() / rows.max(1), output.len());
        match self.0.prepared.run(rows, input) {
            Ok(numbers) => output.extend_from_slice(&numbers),
            Err(error) if rows == 1 => return Err(self.error(0, error)),
            // The runtime does not say which record failed.
            Err(_) => {
                for (row, one) in input.chunks_exact(width.max(1)).enumerate() {
                    let numbers = self.0.prepared.run(1, one);
                    output.extend_from_slice(&numbers.map_err(|error| self.error(row, error))?);
                }
            }
        }
        let new = output.get(from..).unwrap_or_default();
        match new.iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(at) => {
                let (row, component) = (at / self.0.units, at % self.0.units);
                let what = format!("component {component} of its output is not a finite number");
                Err(self.error(row, what))
            }
        }
    }

    fn error(&self, row: usize, what: impl ToString) -> LayerError {
        LayerError {
            row,
            file: self.file(),
            what: what.to_string(),
        }
    }
}
