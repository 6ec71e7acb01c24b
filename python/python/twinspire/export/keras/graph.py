"""Goes through a Keras model from its vector to its inputs, and says of each tensor what it is in a tower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twinspire._errors import ExportError
from twinspire.export._towers import require
from twinspire.export.keras import features as preprocessing
from twinspire.export.keras.features import ONNX, Features
from twinspire.export.keras.layers import Layers, Numbers, activation_of
from twinspire.export.keras.values import Columns, Embedded, Field, Output, Rows, Value

#: Layers that do nothing once trained.
_NOTHING = {
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "Identity",
    "SpatialDropout1D",
}  # fmt: skip
#: Layers and operations that drop or add dimensions of one.
_SHAPES = {"ExpandDims", "Flatten", "Reshape", "Squeeze"}
_POOLINGS = {"GlobalAveragePooling1D": "mean", "GlobalMaxPooling1D": "max"}
_ACTIVATIONS = {"Activation", "LeakyReLU", "ReLU"}
#: Activations as operations, such as `keras.ops.relu`.
_OPERATIONS = {"Gelu": "gelu", "Relu": "relu", "Selu": "selu", "Sigmoid": "sigmoid", "Silu": "swish", "Tanh": "tanh"}

_KNOWN = (
    "what can be exported: StringLookup, IntegerLookup, Hashing, Normalization, Rescaling, Discretization, "
    "CategoryEncoding, Embedding, pooling, Dense, activations, norms, Dropout, Concatenate and Add, in functional and "
    f"sequential models; {ONNX}"
)


class Graph:
    """The walk through one tower."""

    def __init__(self, tower: str, features: Features, layers: Layers, fields: Mapping[str, str]) -> None:
        self._tower, self._features, self._layers, self._fields = tower, features, layers, fields

    def vector(self, model: Any) -> Numbers:
        """What the model gives."""
        functional = _functional(model)
        if functional is None and type(model).__name__ == "Sequential":
            name = self._fields.get("", "")
            require(bool(name), f"{self._tower}: has no input yet; say the field that it reads, as Tower(field=…)")
            text = type(model.layers[0]).__name__ in ("Hashing", "StringLookup")
            return self._numbers(self._tower, self._chain(model, "", Field(name, 0, text)))
        if functional is None:
            raise ExportError(
                f"{self._tower}: is a {type(model).__name__}, whose call may compute anything; build it from "
                f"keras.Input and layers (keras.Model(inputs, outputs)), or {ONNX}"
            )
        alone = len(functional.inputs) == 1
        inputs: dict[int, Value] = {id(tensor): self._input(tensor, alone) for tensor in functional.inputs}
        return self._numbers(self._tower, self._outputs(functional, "", inputs))

    def _input(self, tensor: Any, alone: bool) -> Field:
        name = str(tensor.name).partition(":")[0]
        field = self._fields.get(name) or (self._fields.get("") if alone else None) or name
        shape = tuple(tensor.shape)[1:]
        where = f"{self._tower}, input {name}"
        require(len(shape) < 2, f"{where}: has the shape {tuple(tensor.shape)}; a record has no matrix")
        length = shape[0] if shape else 0
        return Field(field, None if length is None else int(length), _is_text(tensor))

    def _outputs(self, model: Any, path: str, values: dict[int, Value]) -> Value:
        outputs = list(model.outputs)
        require(len(outputs) == 1, f"{self._tower}{path}: gives {len(outputs)} outputs; a tower gives one vector")
        return self._value(outputs[0], path, values)

    def _value(self, tensor: Any, path: str, values: dict[int, Value]) -> Value:
        """The value of a tensor. Those that were found already are in `values`."""
        if id(tensor) not in values:
            history = tensor._keras_history
            operation = getattr(history, "operation", None) or history.layer
            node = operation._inbound_nodes[history.node_index]
            # Masks come as keyword arguments; a pooling layer knows its mask by itself.
            given = _tensors(node.arguments.args) if hasattr(node, "arguments") else node.keras_inputs
            require(bool(given), f"{self._tower}, layer {operation.name}: reads nothing")
            values[id(tensor)] = self._apply(operation, path, [self._value(one, path, values) for one in given])
        return values[id(tensor)]

    def _chain(self, model: Any, path: str, value: Value) -> Value:
        for layer in model.layers:
            value = self._apply(layer, path, [value])
        return value

    def _apply(self, layer: Any, path: str, given: Sequence[Value]) -> Value:
        """What a layer makes of values."""
        kind = type(layer).__name__
        where = f"{self._tower}, layer {path}{getattr(layer, 'name', kind)} ({kind})"
        functional = _functional(layer)
        if functional is not None:
            inside = {id(tensor): value for tensor, value in zip(functional.inputs, given)}
            return self._outputs(functional, f"{path}{layer.name}/", inside)
        if kind == "Sequential":
            return self._chain(layer, f"{path}{layer.name}/", given[0])
        if not type(layer).__module__.startswith(("keras.", "tf_keras.")):
            raise ExportError(f"{where}: is a layer of your own, which may compute anything; {_KNOWN}")
        if kind == "Concatenate":
            return self._layers.concat([self._numbers(where, value) for value in given])
        if kind == "Add":
            return self._layers.add(where, [self._numbers(where, value) for value in given])
        require(len(given) == 1, f"{where}: takes {len(given)} values; {_KNOWN}")
        value = given[0]
        if kind in _NOTHING or kind == "InputLayer":
            return value
        if isinstance(value, (Field, Rows, Embedded)):
            made = self._preprocess(layer, kind, where, value)
            if made is not None:
                return made
        return self._compute(layer, kind, where, value)

    def _preprocess(self, layer: Any, kind: str, where: str, value: Field | Rows | Embedded) -> Value | None:
        """What a layer makes of values that are no numbers of the tower yet; `None` if it reads numbers."""
        features = self._features
        if isinstance(value, Field):
            if kind in ("IntegerLookup", "StringLookup"):
                rows = preprocessing.lookup(layer, where, value)
                return rows if layer.output_mode == "int" else features.encoded(where, rows, layer.output_mode)
            if kind == "Hashing":
                rows = preprocessing.hashing(layer, where, value)
                return rows if layer.output_mode == "int" else features.encoded(where, rows, layer.output_mode)
            if kind == "CategoryEncoding":
                return features.encoded(where, preprocessing.numbers(layer, where, value), layer.output_mode)
            if kind == "Discretization":
                return features.buckets(layer, where, value)
            if kind == "Normalization":
                return features.number(where, value, *preprocessing.moments(layer))
            if kind == "Rescaling":
                return features.number(where, value, *preprocessing.rescaling(layer))
            if kind == "Embedding":
                # Numbers that are rows already.
                rows = Rows(value, {"index": {"rows": int(layer.input_dim)}}, slice(0, int(layer.input_dim)))
                require(not value.text, f"{where}: reads text; a StringLookup gives it rows")
                return self._single(preprocessing.embedding(layer, where, rows))
            return value if kind in _SHAPES else None
        if isinstance(value, Rows):
            if kind == "Embedding":
                return self._single(preprocessing.embedding(layer, where, value))
            if kind == "CategoryEncoding":
                require(int(layer.num_tokens) == value.rows.stop, f"{where}: num_tokens has to be {value.rows.stop}")
                require(not value.masked, f"{where}: encodes the mask token; give the look-up no mask_token")
                return features.encoded(where, value, layer.output_mode)
            return value if kind in _SHAPES else None
        if kind in _POOLINGS:
            return features.pooled(where, value, _POOLINGS[kind])
        if kind in _SHAPES and value.rows.field.single:
            return features.pooled(where, value, "mean")
        return None

    def _single(self, embedded: Embedded) -> Value:
        """The embedding of one string without a dimension of its own is a row of numbers."""
        if embedded.rows.field.length == 0:
            return self._features.pooled(self._tower, embedded, "mean")
        return embedded

    def _compute(self, layer: Any, kind: str, where: str, value: Value) -> Value:
        layers = self._layers
        if kind in _SHAPES and isinstance(value, (Columns, Output)):
            return value
        numbers = self._numbers(where, value)
        if kind == "Dense":
            bias = layer.bias if layer.use_bias else None
            return layers.dense(numbers, _array(layer.kernel).T, _array(bias), activation_of(layer.activation, where))
        if kind in _ACTIVATIONS:
            return layers.activation(numbers, activation_of(layer, where))
        if kind in _OPERATIONS:
            tanh = getattr(layer, "approximate", False)
            return layers.activation(numbers, "gelu_tanh" if tanh else _OPERATIONS[kind])
        if kind == "LayerNormalization":
            return layers.layer_norm(layer, where, numbers)
        if kind == "BatchNormalization":
            return layers.batch_norm(layer, where, numbers)
        if kind == "UnitNormalization":
            return layers.unit(numbers)
        raise ExportError(f"{where}: cannot be exported; {_KNOWN}")

    def _numbers(self, where: str, value: Value) -> Numbers:
        """A value as numbers of the tower."""
        if isinstance(value, (Columns, Output)):
            return value
        if isinstance(value, Field):
            return self._features.number(where, value)
        if isinstance(value, Rows):
            raise ExportError(f"{where}: reads row numbers as if they were quantities; put an Embedding before it")
        reason = "reads embeddings of several strings; pool them by GlobalAveragePooling1D, or Flatten one"
        raise ExportError(f"{where}: {reason}")


def _functional(model: Any) -> Any:
    """The functional model that a model is or has; `None` if it has none."""
    inner = getattr(model, "_functional", None)
    if inner is not None:
        return inner
    return model if type(model).__name__ == "Functional" else None


def _tensors(arguments: Any) -> list[Any]:
    """The tensors among arguments, in the order in which Keras flattens them."""
    if hasattr(arguments, "_keras_history"):
        return [arguments]
    if isinstance(arguments, Mapping):
        return [tensor for key in sorted(arguments) for tensor in _tensors(arguments[key])]
    if isinstance(arguments, (list, tuple)):
        return [tensor for argument in arguments for tensor in _tensors(argument)]
    return []


def _is_text(tensor: Any) -> bool:
    return "string" in str(tensor.dtype)


def _array(weights: Any) -> Any:
    import numpy as np

    return None if weights is None else np.asarray(weights)
