//! A model that is ready to be run.

use super::super::layer::LayerError;
use super::super::{NamedBlob, Side, TowerError};
use super::fit::Fit;
use super::outline::Outline;
use super::runtime::Prepared;
use super::{Asked, ITEM, USER};
use std::fmt;
use std::sync::Arc;
use twinspire_core::files::Blob;
use twinspire_core::kernel::Aligned;

/// An ONNX model, loaded and prepared once for all that run it.
#[derive(Clone)]
pub struct OnnxModel(Arc<Inner>);

struct Inner {
    file: &'static str,
    blob: Arc<Blob>,
    parameters: usize,
    units: usize,
    prepared: Arc<Prepared>,
}

impl fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnnxModel({}, {:?})", self.0.file, self.0.blob)
    }
}

impl OnnxModel {
    /// Opens the model of a tower, and tries it on made-up records.
    pub(crate) fn open(parts: &[NamedBlob], asked: &Asked<'_>) -> Result<Self, TowerError> {
        let file = match asked.side {
            Side::User => USER,
            Side::Item => ITEM,
        };
        let part = parts.iter().find(|(name, _)| name == file);
        let Some((_, blob)) = part else {
            let what = format!("is missing; {} layer {} runs it", asked.side, asked.layer);
            return Err(TowerError::new(file, "file", what));
        };
        let refused = |(place, what): (String, String)| TowerError::new(file, place, what);
        let outline = Outline::read(blob).map_err(refused)?;
        let fit = Fit::new(&outline, asked).map_err(refused)?;
        let one = fit.alone;
        let prepared = Prepared::new(blob, fit).map_err(refused)?;
        if prepared.alone() && !one {
            log::warn!(
                "{file} gives records together what it does not give them alone: run one by one"
            );
        }
        Ok(Self(Arc::new(Inner {
            file,
            blob: Arc::clone(blob),
            parameters: outline.parameters,
            units: asked.units,
            prepared: Arc::new(prepared),
        })))
    }

    /// The name of its file.
    pub(crate) fn file(&self) -> &'static str {
        self.0.file
    }

    /// Its file.
    pub(crate) fn blob(&self) -> &Arc<Blob> {
        &self.0.blob
    }

    /// How many numbers with a point lie in it.
    pub(crate) fn parameters(&self) -> usize {
        self.0.parameters
    }

    /// Computes what it gives for so many records.
    pub(crate) fn forward(
        &self,
        rows: usize,
        input: &[f32],
        output: &mut Aligned,
    ) -> Result<(), LayerError> {
        let (width, from) = (input.len() / rows.max(1), output.len());
        match self.0.prepared.run(rows, input) {
            Ok(numbers) => output.extend_from_slice(&numbers),
            Err(what) if rows == 1 => return Err(self.failed(0, what)),
            // The runtime does not tell which of the records it was.
            Err(_) => {
                for (row, one) in input.chunks_exact(width.max(1)).enumerate() {
                    let numbers = self.0.prepared.run(1, one);
                    output.extend_from_slice(&numbers.map_err(|what| self.failed(row, what))?);
                }
            }
        }
        let new = output.get(from..).unwrap_or_default();
        match new.iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(at) => {
                let (row, component) = (at / self.0.units, at % self.0.units);
                let what = format!("component {component} of its output is not a finite number");
                Err(self.failed(row, what))
            }
        }
    }

    fn failed(&self, row: usize, what: String) -> LayerError {
        let file = self.file();
        LayerError { row, file, what }
    }
}
