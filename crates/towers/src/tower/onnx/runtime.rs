//! The calls to the runtime.

use super::fit::{Fit, Slot, Takes};
use super::outline::Refused;
use super::runner;
use rten::{ModelOptions, NodeId, RunOptions, Value, ValueOrView, op_registry};
use std::sync::Arc;
use std::thread;

/// Bytes of stack to load a model on, which takes some for each operator.
const STACK: usize = 64 << 20;

/// Records that a model is tried on, together and one by one.
const TRIED: usize = 3;
/// By how much a number may differ between the two, of itself or of 1.
const TOLERANCE: f32 = 1e-4;

/// A model that was optimised, and was tried.
pub(super) struct Prepared {
    model: rten::Model,
    inputs: Vec<NodeId>,
    output: NodeId,
    fit: Fit,
}

/// Numbers for an input.
enum Column {
    Floats(Vec<f32>),
    Integers(Vec<i32>),
}

impl Prepared {
    /// Loads a model, and tries it on made-up records.
    pub(super) fn new(file: &[u8], fit: Fit) -> Result<Self, Refused> {
        let wrong = |what| ("file".to_owned(), what);
        // A panic comes out of it as an error of the thread.
        let loaded = thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size(STACK);
            let thread = thread.spawn_scoped(scope, || Self::load(file, fit));
            let thread = thread.map_err(|error| error.to_string())?;
            thread.join().map_err(|panic| runner::said(&*panic))
        });
        loaded.map_err(wrong)?
    }

    fn load(file: &[u8], fit: Fit) -> Result<Self, Refused> {
        let wrong = |what: String| ("file".to_owned(), what);
        let mut options = ModelOptions::with_ops(operators());
        options.prepack_weights(true);
        let model = options.load(file.to_vec());
        let model = model.map_err(|error| wrong(format!("cannot be loaded: {error}")))?;
        let id = |slot: &Slot| {
            let found = model.find_node(&slot.name);
            found.ok_or_else(|| (format!("input {:?}", slot.name), "is not there".to_owned()))
        };
        let inputs = fit.inputs.iter().map(id).collect::<Result<_, _>>()?;
        let output = model.output_ids().get(fit.output.0).copied();
        let output = output.ok_or_else(|| wrong("has lost its output".to_owned()))?;
        let mut prepared = Self {
            model,
            inputs,
            output,
            fit,
        };
        let place = format!("output {:?}", prepared.fit.output.1);
        prepared.fit.alone |= !prepared.batches().map_err(|what| (place, what))?;
        Ok(prepared)
    }

    /// Whether it gives for records together what it gives for each alone, which is what it should: some
    /// models have a batch of one written into them, and some the runtime gets wrong.
    fn batches(&self) -> Result<bool, String> {
        let width = self.fit.width;
        let run = |rows: usize, records: &[f32]| {
            self.run_columns(rows, self.columns(records)?, &RunOptions::default())
        };
        let alone = |records: &[f32]| {
            let each = records.chunks_exact(width).map(|record| run(1, record));
            each.collect::<Result<Vec<_>, _>>().map(|all| all.concat())
        };
        // Numbers that serve as ids, as fractions and as whether.
        let mut records: Vec<f32> = (0..TRIED * width)
            .map(|at| ((at % width + at / width) % 2) as f32)
            .collect();
        let each = alone(&records).or_else(|_| {
            // A table may have a first row alone.
            records.fill(0.0);
            alone(&records)
        })?;
        let near = |(a, b): (&f32, &f32)| {
            let same = (a - b).abs() <= TOLERANCE * a.abs().max(1.0);
            same || a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
        };
        let same = |all: Vec<f32>| all.iter().zip(&each).all(near);
        Ok(!self.fit.alone && run(TRIED, &records).is_ok_and(same))
    }

    /// Whether it is run for one record at a time.
    pub(super) fn alone(&self) -> bool {
        self.fit.alone
    }

    /// What it gives for so many records, side by side.
    pub(super) fn run(self: &Arc<Self>, rows: usize, input: &[f32]) -> Result<Vec<f32>, String> {
        let (width, this) = (self.fit.width, Arc::clone(self));
        let at_once = if self.fit.alone { 1 } else { rows };
        let batches = input.chunks_exact((width * at_once).max(1));
        let batches = batches.map(|batch| self.columns(batch));
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        runner::call(move |options| {
            let mut all = Vec::with_capacity(rows * this.fit.units);
            for columns in batches {
                all.extend(this.run_columns(at_once, columns, options)?);
            }
            Ok(all)
        })?
    }

    /// What each input is given of records that lie side by side.
    fn columns(&self, input: &[f32]) -> Result<Vec<Column>, String> {
        let mut from = 0;
        let slots = self.fit.inputs.iter();
        let columns = slots.map(|slot| {
            let rows = input.chunks_exact(self.fit.width);
            let numbers = rows.flat_map(|row| row.get(from..from + slot.width).unwrap_or_default());
            let column = match slot.takes {
                Takes::Numbers => Column::Floats(numbers.copied().collect()),
                Takes::Booleans => {
                    Column::Integers(numbers.map(|x| i32::from(*x != 0.0)).collect())
                }
                Takes::Integers => {
                    let integers = numbers.map(|x| integer(*x).ok_or((slot, *x)));
                    let integers = integers.collect::<Result<_, _>>();
                    Column::Integers(integers.map_err(|(slot, x)| {
                        format!("input {:?} takes integers of 32 bits, not {x}", slot.name)
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
        rows: usize,
        columns: Vec<Column>,
        options: &RunOptions,
    ) -> Result<Vec<f32>, String> {
        let slots = self.fit.inputs.iter().zip(&self.inputs).zip(columns);
        let values = slots.map(|((slot, id), column)| {
            let shape = [rows, slot.width];
            let shape = if slot.flat { &shape[..1] } else { &shape[..] };
            let value = match column {
                Column::Floats(all) => Value::from_shape(shape, all).map_err(|e| e.to_string()),
                Column::Integers(all) => Value::from_shape(shape, all).map_err(|e| e.to_string()),
            };
            Ok((*id, ValueOrView::Value(value?)))
        });
        let values = values.collect::<Result<Vec<_>, String>>()?;
        let outputs = self
            .model
            .run(values, &[self.output], Some(options.clone()))
            .map_err(|error| error.to_string())?;
        let output = outputs.into_iter().next();
        let output = output.ok_or_else(|| "it gives nothing".to_owned())?;
        let (shape, numbers) = output
            .into_shape_vec::<f32, 2>()
            .map_err(|error| format!("it does not give a row for each record: {error}"))?;
        let expected = [rows, self.fit.units];
        if shape != expected || numbers.len() != rows * self.fit.units {
            return Err(format!(
                "has shape {shape:?} for a batch of {rows}, should be {expected:?}"
            ));
        }
        Ok(numbers)
    }
}

/// The integer that a number is.
fn integer(x: f32) -> Option<i32> {
    let integer = x as i32;
    // 2³¹ would be made one less.
    (integer as f32 == x && integer != i32::MAX).then_some(integer)
}

/// What towers may be made of: no loops and branches, nothing by chance, no sequences, no pictures.
fn operators() -> rten::OpRegistry {
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
