//! Transformers of the kind of BERT (Devlin et al., 2019), from their weights to an ONNX model.
//!
//! The model has the inputs `input_ids` and `attention_mask`, each `[batch, tokens]`, and the output
//! `last_hidden_state`. All tokens are of type 0, so its row is added to those of the positions.

use super::graph::{Attribute, Dim, FLOAT, Graph, INTEGER};
use super::settings::{CONFIG, Config};
use super::tensors::Tensors;
use crate::tower::{TowerError, TowerFault};

/// The most layers and the most components of an output.
const MAX_LAYERS: usize = 64;
const MAX_WIDTH: usize = 4096;
/// What is added to the scores of padding.
const MASKED: f32 = -1e9;

/// The kinds of models that are written.
pub(super) const KINDS: [&str; 4] = ["bert", "roberta", "xlm-roberta", "camembert"];
/// What the names of the tensors of a model within another one begin with.
const PREFIXES: [&str; 2] = ["bert.", "roberta."];

/// A transformer that is being written.
struct Writer<'a> {
    graph: Graph,
    tensors: Tensors<'a>,
    config: &'a Config,
    /// The attributes of its activation.
    activation: (&'static str, &'static [Attribute<'static>]),
}

/// The most tokens of a model: one position each.
pub(super) fn most_tokens(config: &Config) -> usize {
    config
        .max_position_embeddings
        .saturating_sub(first_position(config))
}

/// The position of the first token: models of the kind of RoBERTa count from behind that of padding.
fn first_position(config: &Config) -> usize {
    match config.model_type.as_str() {
        "bert" => 0,
        _ => config.pad_token_id.unwrap_or(1).saturating_add(1),
    }
}

/// The ONNX model of these weights, for texts of at most `tokens`.
pub(super) fn to_onnx(
    config: &Config,
    weights: &[u8],
    tokens: usize,
) -> Result<Vec<u8>, TowerError> {
    check(config)?;
    let tensors = Tensors::new(weights)?;
    let tensors = tensors.without_prefix(&PREFIXES, "embeddings.word_embeddings.weight");
    let mut writer = Writer {
        graph: Graph::default(),
        tensors,
        config,
        activation: activation(config)?,
    };
    writer.embeddings(tokens)?;
    for layer in 0..config.num_hidden_layers {
        writer.layer(layer)?;
    }
    let Writer { mut graph, .. } = writer;
    let last = format!("layer.{}", config.num_hidden_layers);
    graph.node("Identity", &[&last], "last_hidden_state", &[]);
    for name in ["input_ids", "attention_mask"] {
        graph.input(name, INTEGER, &[Dim::Free("batch"), Dim::Free("tokens")]);
    }
    let width = Dim::Fixed(config.hidden_size as u64);
    let shape = [Dim::Free("batch"), Dim::Free("tokens"), width];
    graph.output("last_hidden_state", FLOAT, &shape);
    Ok(graph.finish())
}

/// Refuses sizes that fit no model.
fn check(config: &Config) -> Result<(), TowerError> {
    let sizes = [
        ("hidden_size", config.hidden_size, MAX_WIDTH),
        ("num_hidden_layers", config.num_hidden_layers, MAX_LAYERS),
        (
            "num_attention_heads",
            config.num_attention_heads,
            config.hidden_size,
        ),
        ("intermediate_size", config.intermediate_size, 1 << 16),
        (
            "max_position_embeddings",
            config.max_position_embeddings,
            1 << 16,
        ),
        ("vocab_size", config.vocab_size, 1 << 22),
    ];
    for (key, size, most) in sizes {
        if !(1..=most).contains(&size) {
            return Err(wrong(key, format!("is {size}, not 1 to {most}")));
        }
    }
    if !config
        .hidden_size
        .is_multiple_of(config.num_attention_heads)
    {
        let what = format!("does not divide a hidden_size of {}", config.hidden_size);
        return Err(wrong("num_attention_heads", what));
    }
    if !(config.layer_norm_eps.is_finite() && config.layer_norm_eps > 0.0) {
        return Err(wrong("layer_norm_eps", "is not above 0".to_owned()));
    }
    match config.position_embedding_type.as_deref() {
        None | Some("absolute") => Ok(()),
        Some(other) => Err(wrong(
            "position_embedding_type",
            format!("is {other:?}, not \"absolute\""),
        )),
    }
}

fn wrong(key: &str, what: String) -> TowerError {
    TowerError::new(CONFIG, key, TowerFault::Description(what))
}

/// The operator of the activation and its attributes.
fn activation(
    config: &Config,
) -> Result<(&'static str, &'static [Attribute<'static>]), TowerError> {
    match config.hidden_act.as_str() {
        "gelu" => Ok(("Gelu", &[])),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => {
            Ok(("Gelu", &[Attribute::Text("approximate", "tanh")]))
        }
        "relu" => Ok(("Relu", &[])),
        other => Err(wrong(
            "hidden_act",
            format!("is {other:?}, not gelu, gelu_new or relu"),
        )),
    }
}

impl Writer<'_> {
    /// The sum of the embeddings of tokens, positions and types, normalised; and the scores of padding.
    fn embeddings(&mut self, tokens: usize) -> Result<(), TowerError> {
        let (config, width) = (self.config, self.config.hidden_size);
        let all = config.max_position_embeddings;
        let words = self.tensors.floats(
            "embeddings.word_embeddings.weight",
            &[config.vocab_size, width],
        )?;
        self.graph
            .floats("words", &[config.vocab_size, width], &words);
        drop(words);
        let position = "embeddings.position_embeddings.weight";
        let positions = self.tensors.floats(position, &[all, width])?;
        let of_type = "embeddings.token_type_embeddings.weight";
        let types = self.tensors.shape(of_type)?.first().copied().unwrap_or(0);
        let types = self.tensors.floats(of_type, &[types, width])?;
        let rows = positions.chunks_exact(width).skip(first_position(config));
        let rows = rows.take(tokens).flat_map(|row| {
            let sums = row.iter().zip(&types).map(|(a, b)| a + b);
            sums.collect::<Vec<f32>>()
        });
        let positions: Vec<f32> = rows.collect();
        if types.len() < width || positions.len() != tokens * width {
            let what = format!("has too few rows for {tokens} tokens");
            return Err(TowerError::new(
                super::tensors::WEIGHTS,
                format!("tensor {position:?}"),
                TowerFault::Description(what),
            ));
        }
        let graph = &mut self.graph;
        graph.floats("positions", &[tokens, width], &positions);
        graph.integers("zero", &[], &[0]);
        graph.integers("one", &[], &[1]);
        graph.node("Shape", &["input_ids"], "shape", &[]);
        graph.node(
            "Gather",
            &["shape", "one"],
            "length",
            &[Attribute::Int("axis", 0)],
        );
        graph.node("Range", &["zero", "length", "one"], "range", &[]);
        let axis = [Attribute::Int("axis", 0)];
        graph.node("Gather", &["words", "input_ids"], "word", &axis);
        graph.node("Gather", &["positions", "range"], "position", &axis);
        graph.node("Add", &["word", "position"], "embedding", &[]);
        // Scores of padding are so low that their weights are 0.
        graph.integers("mask.axes", &[2], &[1, 2]);
        graph.node(
            "Unsqueeze",
            &["attention_mask", "mask.axes"],
            "mask.wide",
            &[],
        );
        let to = [Attribute::Int("to", FLOAT as i64)];
        graph.node("Cast", &["mask.wide"], "mask.float", &to);
        graph.floats("mask.one", &[1], &[1.0]);
        graph.floats("mask.scale", &[1], &[MASKED]);
        graph.node("Sub", &["mask.one", "mask.float"], "mask.padding", &[]);
        graph.node("Mul", &["mask.padding", "mask.scale"], "mask", &[]);
        let heads = config.num_attention_heads;
        let split = [0, 0, heads as i64, (width / heads) as i64];
        graph.integers("heads", &[4], &split);
        graph.integers("joined", &[3], &[0, 0, width as i64]);
        let scale = 1.0 / ((width / heads) as f32).sqrt();
        graph.floats("scale", &[1], &[scale]);
        self.norm("embeddings.LayerNorm", "embedding", "layer.0")
    }

    /// One layer: attention, then two dense layers, each added to what it reads and normalised.
    fn layer(&mut self, at: usize) -> Result<(), TowerError> {
        let (width, inner) = (self.config.hidden_size, self.config.intermediate_size);
        let tensor = |name: &str| format!("encoder.layer.{at}.{name}");
        let name = |name: &str| format!("{at}.{name}");
        let input = format!("layer.{at}");
        for part in ["query", "key", "value"] {
            let of = tensor(&format!("attention.self.{part}"));
            self.dense(&of, &input, &name(part), (width, width))?;
            let (wide, heads) = (
                name(&format!("{part}.wide")),
                name(&format!("{part}.heads")),
            );
            self.graph
                .node("Reshape", &[&name(part), "heads"], &wide, &[]);
            let order: &[i64] = if part == "key" {
                &[0, 2, 3, 1]
            } else {
                &[0, 2, 1, 3]
            };
            let order = [Attribute::Ints("perm", order)];
            self.graph.node("Transpose", &[&wide], &heads, &order);
        }
        let graph = &mut self.graph;
        let [query, key, value] =
            ["query", "key", "value"].map(|part| name(&format!("{part}.heads")));
        graph.node("MatMul", &[&query, &key], &name("products"), &[]);
        graph.node("Mul", &[&name("products"), "scale"], &name("scaled"), &[]);
        graph.node("Add", &[&name("scaled"), "mask"], &name("scores"), &[]);
        let axis = [Attribute::Int("axis", -1)];
        graph.node("Softmax", &[&name("scores")], &name("weights"), &axis);
        graph.node("MatMul", &[&name("weights"), &value], &name("values"), &[]);
        let order = [Attribute::Ints("perm", &[0, 2, 1, 3])];
        graph.node("Transpose", &[&name("values")], &name("turned"), &order);
        graph.node(
            "Reshape",
            &[&name("turned"), "joined"],
            &name("context"),
            &[],
        );
        let of = tensor("attention.output.dense");
        self.dense(&of, &name("context"), &name("attended"), (width, width))?;
        self.graph
            .node("Add", &[&name("attended"), &input], &name("first"), &[]);
        let norm = tensor("attention.output.LayerNorm");
        self.norm(&norm, &name("first"), &name("middle"))?;
        let of = tensor("intermediate.dense");
        self.dense(&of, &name("middle"), &name("inner"), (inner, width))?;
        let (kind, attributes) = self.activation;
        self.graph
            .node(kind, &[&name("inner")], &name("active"), attributes);
        let of = tensor("output.dense");
        self.dense(&of, &name("active"), &name("outer"), (width, inner))?;
        self.graph.node(
            "Add",
            &[&name("outer"), &name("middle")],
            &name("second"),
            &[],
        );
        let next = format!("layer.{}", at + 1);
        self.norm(&tensor("output.LayerNorm"), &name("second"), &next)
    }

    /// A dense layer: of `units` numbers from `inputs`.
    fn dense(
        &mut self,
        tensor: &str,
        input: &str,
        output: &str,
        (units, inputs): (usize, usize),
    ) -> Result<(), TowerError> {
        let weight = self
            .tensors
            .floats(&format!("{tensor}.weight"), &[units, inputs])?;
        let bias = self.tensors.floats(&format!("{tensor}.bias"), &[units])?;
        let columns = (0..inputs).flat_map(|at| weight.iter().skip(at).step_by(inputs));
        let turned: Vec<f32> = columns.copied().collect();
        let [weight, offset, product] =
            ["weight", "bias", "product"].map(|part| format!("{output}.{part}"));
        self.graph.floats(&weight, &[inputs, units], &turned);
        self.graph.floats(&offset, &[units], &bias);
        self.graph.node("MatMul", &[input, &weight], &product, &[]);
        self.graph.node("Add", &[&product, &offset], output, &[]);
        Ok(())
    }

    /// Layer normalisation.
    fn norm(&mut self, tensor: &str, input: &str, output: &str) -> Result<(), TowerError> {
        let width = self.config.hidden_size;
        // Weights that were converted from TensorFlow have other names.
        let old = !self.tensors.has(&format!("{tensor}.weight"));
        let (scale, shift) = if old {
            ("gamma", "beta")
        } else {
            ("weight", "bias")
        };
        let [weight, bias] = ["norm.weight", "norm.bias"].map(|part| format!("{output}.{part}"));
        let scales = self
            .tensors
            .floats(&format!("{tensor}.{scale}"), &[width])?;
        let shifts = self
            .tensors
            .floats(&format!("{tensor}.{shift}"), &[width])?;
        self.graph.floats(&weight, &[width], &scales);
        self.graph.floats(&bias, &[width], &shifts);
        let attributes = [
            Attribute::Int("axis", -1),
            Attribute::Float("epsilon", self.config.layer_norm_eps),
        ];
        let inputs = [input, &weight, &bias];
        self.graph
            .node("LayerNormalization", &inputs, output, &attributes);
        Ok(())
    }
}
