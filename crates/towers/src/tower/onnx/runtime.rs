//! Loading and running a model: the only calls to the runtime.

use super::batches::Batch;
use super::fit::{Element, Fit, Slot};
use super::refusal::Refusal;
use super::runner::{self, RunnerError};
use crate::tower::model_limits::ModelLimits;
use rten::{ModelOptions, NodeId, RunOptions, ShapeInferenceMode, Value, ValueOrView, op_registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use thiserror::Error;

/// The number of records that a model is tried on, in a batch and one by one.
const TRIAL_RECORDS: usize = 3;
/// The largest difference between the two, relative to the number or to 1.
const TOLERANCE: f32 = 1e-4;

/// A model that is loaded, optimised and tried.
pub(super) struct Prepared {
    model: rten::Model,
    inputs: Vec<NodeId>,
    output: NodeId,
    fit: Fit,
    /// The number of records that its limits allow at once.
    batch: usize,
    /// Whether it runs one record at a time.
    single: AtomicBool,
    /// Longest time of one run.
    time: Duration,
    /// Whether a run has exceeded the time. It may go on on its thread, so that no other is started.
    has_overrun: AtomicBool,
}

/// Why a model could not be run.
#[derive(Debug, Error)]
pub(super) enum RunError {
    /// An input of integers was given another number.
    #[error("input {input:?} takes integers of 32 bits, not {number}")]
    NotAnInteger { input: String, number: f32 },
    /// The model gives no output.
    #[error("it gives no output")]
    NoOutput,
    /// The output is not a matrix of floats.
    #[error("it does not give a row for each record: {0}")]
    NotAMatrix(String),
    /// The output has the wrong shape.
    #[error("has shape {found:?} for a batch of {rows}, should be {expected:?}")]
    Shape {
        found: Vec<usize>,
        rows: usize,
        expected: Vec<usize>,
    },
    /// The runtime failed.
    #[error("{0}")]
    Runtime(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The runtime panicked, or there is no thread to run it.
    #[error(transparent)]
    Runner(#[from] RunnerError),
}

impl RunError {
    fn runtime(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Runtime(Box::new(error))
    }
}

/// The numbers for one input.
enum Column {
    Floats(Vec<f32>),
    Integers(Vec<i32>),
}

impl Prepared {
    /// Loads a model whose budget was checked, and tries it on made-up records.
    pub(super) fn new(
        file: &[u8],
        fit: Fit,
        batch: usize,
        limits: ModelLimits,
    ) -> Result<Arc<Self>, Refusal> {
        let (file, time) = (file.to_vec(), limits.time);
        let loaded = runner::on_large_stack(time, move || Self::load(file, fit, batch, time));
        let prepared = Arc::new(loaded.map_err(|error| Refusal::file(error.to_string()))??);
        let place = format!("output {:?}", prepared.fit.output.1);
        let batches = prepared.computes_batches();
        let batches = batches.map_err(|error| Refusal::new(place, error.to_string()))?;
        prepared.single.fetch_or(!batches, Ordering::Relaxed);
        Ok(prepared)
    }

    fn load(file: Vec<u8>, fit: Fit, batch: usize, time: Duration) -> Result<Self, Refusal> {
        let mut options = ModelOptions::with_ops(operators());
        options.prepack_weights(true);
        // It keeps symbols for as many elements as a constant has.
        options.shape_inference(ShapeInferenceMode::Off);
        let model = options.load(file);
        let model = model.map_err(|error| Refusal::file(format!("cannot be loaded: {error}")))?;
        let id = |slot: &Slot| {
            let found = model.find_node(&slot.name);
            found.ok_or_else(|| Refusal::new(format!("input {:?}", slot.name), "does not exist"))
        };
        let inputs = fit.inputs.iter().map(id).collect::<Result<_, _>>()?;
        let output = model.output_ids().get(fit.output.0).copied();
        let output = output.ok_or_else(|| Refusal::file("has lost its output"))?;
        Ok(Self {
            model,
            inputs,
            output,
            single: AtomicBool::new(fit.single || batch < TRIAL_RECORDS),
            fit,
            batch,
            time,
            has_overrun: AtomicBool::new(false),
        })
    }

    /// Whether it gives records the same output in a batch as alone. Some models are exported for a batch of one,
    /// and some the runtime computes wrongly.
    fn computes_batches(self: &Arc<Self>) -> Result<bool, RunError> {
        let run = |records: &[f32]| self.run_batches(TRIAL_RECORDS, TRIAL_RECORDS, records);
        let alone = |records: &[f32]| self.run_batches(TRIAL_RECORDS, 1, records);
        let mut records = self.fit.made_up(TRIAL_RECORDS, true);
        let each = alone(&records).or_else(|_| {
            // A table may have only one row.
            records = self.fit.made_up(TRIAL_RECORDS, false);
            alone(&records)
        })?;
        let near = |(a, b): (&f32, &f32)| {
            let same = (a - b).abs() <= TOLERANCE * a.abs().max(1.0);
            same || a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
        };
        let same = |all: Vec<f32>| all.iter().zip(&each).all(near);
        Ok(!self.is_single() && run(&records).is_ok_and(same))
    }

    /// How the columns of its layer map to its inputs and output.
    pub(super) fn fit(&self) -> &Fit {
        &self.fit
    }

    /// Whether it runs for one record at a time.
    pub(super) fn is_single(&self) -> bool {
        self.single.load(Ordering::Relaxed)
    }

    /// The output for `rows` records, concatenated.
    pub(super) fn run(self: &Arc<Self>, rows: usize, input: &[f32]) -> Result<Vec<f32>, RunError> {
        let at_once = if self.is_single() { 1 } else { self.batch };
        self.run_batches(rows, at_once, input)
    }

    /// The output for `rows` records, of which up to `at_once` run together.
    fn run_batches(
        self: &Arc<Self>,
        rows: usize,
        at_once: usize,
        input: &[f32],
    ) -> Result<Vec<f32>, RunError> {
        if self.has_overrun.load(Ordering::Relaxed) {
            return Err(RunnerError::TimedOut(self.time).into());
        }
        let records: Vec<&[f32]> = input.chunks_exact(self.fit.width.max(1)).collect();
        let batches = self.fit.batches(&records, at_once);
        let of = |batch: &Batch| -> Vec<&[f32]> {
            let places = batch.records.iter();
            places.filter_map(|at| records.get(*at).copied()).collect()
        };
        let inputs = batches.iter().map(|batch| {
            let columns = self.columns(&of(batch), batch.tokens)?;
            Ok((batch.records.len(), batch.tokens, columns))
        });
        let inputs = inputs.collect::<Result<Vec<_>, RunError>>()?;
        let (this, time) = (Arc::clone(self), self.time);
        let time = time.saturating_mul(u32::try_from(batches.len()).unwrap_or(u32::MAX));
        let done = runner::call(time, move |options| {
            let each = inputs.into_iter();
            let each = each.map(|(count, tokens, columns)| {
                this.run_columns((count, tokens), columns, options)
            });
            each.collect::<Result<Vec<_>, RunError>>()
        });
        if matches!(done, Err(RunnerError::TimedOut(_))) {
            self.has_overrun.store(true, Ordering::Relaxed);
        }
        let units = self.fit.units;
        let mut all = vec![0.0; rows * units];
        for (batch, numbers) in batches.iter().zip(done??) {
            let numbers = match self.fit.pooled_length(batch.tokens) {
                Some(length) => self.fit.pool(&of(batch), length, &numbers),
                None => numbers,
            };
            for (at, row) in batch.records.iter().zip(numbers.chunks_exact(units)) {
                if let Some(to) = all.get_mut(at * units..(at + 1) * units) {
                    to.copy_from_slice(row);
                }
            }
        }
        Ok(all)
    }

    /// The columns of each input. Of inputs for tokens, the first `tokens` columns.
    fn columns(&self, records: &[&[f32]], tokens: Option<usize>) -> Result<Vec<Column>, RunError> {
        let mut from = 0;
        let slots = self.fit.inputs.iter();
        let columns = slots.map(|slot| {
            let to = from + slot.columns(tokens);
            let rows = records.iter();
            let numbers = rows.flat_map(|row| row.get(from..to).unwrap_or_default());
            let column = match slot.element {
                Element::Float => Column::Floats(numbers.copied().collect()),
                Element::Bool => Column::Integers(numbers.map(|x| i32::from(*x != 0.0)).collect()),
                Element::Integer => {
                    let integers = numbers.map(|x| integer(*x).ok_or((slot, *x)));
                    let integers = integers.collect::<Result<_, _>>();
                    Column::Integers(integers.map_err(|(slot, number)| {
                        let input = slot.name.clone();
                        RunError::NotAnInteger { input, number }
                    })?)
                }
            };
            from += slot.width;
            Ok(column)
        });
        columns.collect()
    }

    fn run_columns(
        &self,
        (rows, tokens): (usize, Option<usize>),
        columns: Vec<Column>,
        options: &RunOptions,
    ) -> Result<Vec<f32>, RunError> {
        let slots = self.fit.inputs.iter().zip(&self.inputs).zip(columns);
        let values = slots.map(|((slot, id), column)| {
            let shape = [rows, slot.columns(tokens)];
            let shape = if slot.flat { &shape[..1] } else { &shape[..] };
            let value = match column {
                Column::Floats(all) => Value::from_shape(shape, all).map_err(RunError::runtime),
                Column::Integers(all) => Value::from_shape(shape, all).map_err(RunError::runtime),
            };
            Ok((*id, ValueOrView::Value(value?)))
        });
        let values = values.collect::<Result<Vec<_>, RunError>>()?;
        let outputs = self
            .model
            .run(values, &[self.output], Some(options.clone()))
            .map_err(RunError::runtime)?;
        let output = outputs.into_iter().next();
        let output = output.ok_or(RunError::NoOutput)?;
        let units = self.fit.units;
        let (given, expected) = match self.fit.pooled_length(tokens) {
            None => {
                let output = output.into_shape_vec::<f32, 2>();
                let output = output.map(|(shape, numbers)| (shape.to_vec(), numbers));
                (output, vec![rows, units])
            }
            Some(length) => {
                let output = output.into_shape_vec::<f32, 3>();
                let output = output.map(|(shape, numbers)| (shape.to_vec(), numbers));
                (output, vec![rows, length, units])
            }
        };
        let (shape, numbers) = given.map_err(|error| RunError::NotAMatrix(error.to_string()))?;
        if shape != expected || numbers.len() != expected.iter().product::<usize>() {
            return Err(RunError::Shape {
                found: shape,
                rows,
                expected,
            });
        }
        Ok(numbers)
    }
}

/// The number as an integer, if it is one.
fn integer(x: f32) -> Option<i32> {
    let integer = x as i32;
    // 2³¹ saturates to 2³¹ - 1.
    (integer as f32 == x && integer != i32::MAX).then_some(integer)
}

/// The operators that towers may use: no loops and branches, no randomness, no sequences, no images.
pub(super) fn operators() -> rten::OpRegistry {
    op_registry!(
        Abs,
        Acos,
        Add,
        And,
        ArgMax,
        ArgMin,
        Asin,
        Atan,
        BatchNormalization,
        Cast,
        CastLike,
        Ceil,
        Clip,
        Concat,
        ConstantOfShape,
        Conv,
        Cos,
        CumSum,
        DequantizeLinear,
        Div,
        DynamicQuantizeLinear,
        Einsum,
        Elu,
        Equal,
        Erf,
        Exp,
        Expand,
        Flatten,
        Floor,
        Gather,
        GatherElements,
        GatherND,
        Gelu,
        Gemm,
        GlobalAveragePool,
        Greater,
        GreaterOrEqual,
        GRU,
        HardSigmoid,
        HardSwish,
        Identity,
        IsInf,
        IsNaN,
        LayerNormalization,
        LeakyRelu,
        Less,
        LessOrEqual,
        Log,
        LogSoftmax,
        LpNormalization,
        LSTM,
        MatMul,
        MatMulInteger,
        Max,
        Mean,
        Min,
        Mod,
        Mul,
        Neg,
        Not,
        OneHot,
        Or,
        Pad,
        Pow,
        PRelu,
        QuantizeLinear,
        Range,
        Reciprocal,
        ReduceL2,
        ReduceLogSum,
        ReduceLogSumExp,
        ReduceMax,
        ReduceMean,
        ReduceMin,
        ReduceProd,
        ReduceSum,
        ReduceSumSquare,
        Relu,
        Reshape,
        Round,
        ScatterElements,
        ScatterND,
        Shape,
        Sigmoid,
        Sign,
        Sin,
        Size,
        Slice,
        Softmax,
        Softplus,
        Softsign,
        Split,
        Sqrt,
        Squeeze,
        Sub,
        Sum,
        Tan,
        Tanh,
        Tile,
        TopK,
        Transpose,
        Trilu,
        Unsqueeze,
        Where,
        Xor
    )
}
