//! The sizes that each operator gives, by its kind.
//!
//! An operator that is not listed is refused: nothing is known of its size. So is one whose shape depends on
//! numbers that only a run shows.

use super::call::{Call, Outcome, Problem};
use super::extent::Extent;
use super::{arithmetic, layout, products, selection};

/// What an operator gives for its inputs.
pub(super) fn outcome(call: &Call<'_>) -> Result<Outcome, Problem> {
    match call.node.kind {
        "Constant" => {
            let constant = call.node.constant().ok_or(Problem::DoesNotFit)?;
            Ok(Outcome::of(vec![constant]))
        }
        "Abs" | "Acos" | "Asin" | "Atan" | "BatchNormalization" | "Cast" | "CastLike" | "Ceil"
        | "Clip" | "Cos" | "CumSum" | "DequantizeLinear" | "Elu" | "Erf" | "Exp" | "Floor"
        | "Gelu" | "HardSigmoid" | "HardSwish" | "Identity" | "IsInf" | "IsNaN" | "LeakyRelu"
        | "Log" | "LogSoftmax" | "LpNormalization" | "Neg" | "Not" | "QuantizeLinear"
        | "Reciprocal" | "Relu" | "Round" | "ScatterElements" | "ScatterND" | "Sigmoid"
        | "Sign" | "Sin" | "Softmax" | "Softplus" | "Softsign" | "Sqrt" | "Tan" | "Tanh"
        | "Trilu" => Ok(Outcome::of(vec![arithmetic::unary(call)?])),
        "LayerNormalization" => {
            let all = Extent::of(call.dims(0)?.to_vec());
            Ok(Outcome::of(vec![all.clone(), all.clone(), all]))
        }
        "DynamicQuantizeLinear" => {
            let one = Extent::of(Vec::new());
            let all = Extent::of(call.dims(0)?.to_vec());
            Ok(Outcome::of(vec![all, one.clone(), one]))
        }
        "Add" | "And" | "Div" | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual"
        | "Max" | "Mean" | "Min" | "Mod" | "Mul" | "Or" | "Pow" | "PRelu" | "Sub" | "Sum"
        | "Where" | "Xor" => Ok(Outcome::of(vec![arithmetic::broadcast_all(call)?])),
        "ArgMax" | "ArgMin" => layout::arg_reduce(call),
        "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax" | "ReduceMean"
        | "ReduceMin" | "ReduceProd" | "ReduceSum" | "ReduceSumSquare" => layout::reduce(call),
        "Concat" => layout::concat(call),
        "ConstantOfShape" => layout::constant_of_shape(call),
        "Expand" => layout::expand(call),
        "Flatten" => layout::flatten(call),
        "Pad" => layout::pad(call),
        "Range" => layout::range(call),
        "Reshape" => layout::reshape(call),
        "Shape" => layout::shape(call),
        "Size" => {
            let elements = call.input(0)?.elements();
            let size = Extent::known(Vec::new(), vec![elements as f64], true);
            Ok(Outcome::of(vec![size]))
        }
        "Squeeze" => layout::squeeze(call),
        "Tile" => layout::tile(call),
        "Transpose" => layout::transpose(call),
        "Unsqueeze" => layout::unsqueeze(call),
        "Gather" => selection::gather(call),
        "GatherElements" => Ok(Outcome::shaped(call.dims(1)?.to_vec())),
        "GatherND" => selection::gather_nd(call),
        "OneHot" => selection::one_hot(call),
        "Slice" => selection::slice(call),
        "Split" => selection::split(call),
        "TopK" => selection::top_k(call),
        "Conv" => products::conv(call),
        "Einsum" => products::einsum(call),
        "Gemm" => products::gemm(call),
        "GlobalAveragePool" => {
            let pooled = call.dims(0)?.iter().enumerate();
            let pooled = pooled.map(|(at, size)| if at < 2 { *size } else { 1 });
            Ok(Outcome::shaped(pooled.collect()))
        }
        "GRU" => products::recurrent(call, 3),
        "LSTM" => products::recurrent(call, 4),
        "MatMul" | "MatMulInteger" => products::matmul(call),
        _ => Err(Problem::Unsupported),
    }
}
