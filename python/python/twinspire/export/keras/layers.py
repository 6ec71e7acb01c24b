"""Layers of Keras to layers of `tower.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import numpy as np

from twinspire._errors import ExportError
from twinspire.export._towers import Tensor, float32, require
from twinspire.export.keras.features import ONNX, Features
from twinspire.export.keras.values import Columns, Output

Numbers = Union[Columns, Output]

_FUNCTIONS = {
    "linear": "linear",
    "relu": "relu",
    "leaky_relu": {"leaky_relu": 0.2},
    "gelu": "gelu",
    "selu": "selu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "silu": "swish",
    "swish": "swish",
}


class Layers:
    """Writes down layers. Each names what it reads, so that their order is that of the computation."""

    def __init__(self, tower: str, features: Features) -> None:
        self.layers: list[dict[str, Any]] = []
        self.tensors: dict[str, Tensor] = {}
        self._tower, self._features = tower, features

    def _layer(self, layer: dict[str, Any], width: int, source: Any, **tensors: Any) -> Output:
        at = len(self.layers)
        for name, tensor in tensors.items():
            self.tensors[f"layer.{at}.{name}"] = float32(tensor)
        self.layers.append(layer | {"name": f"layer_{at}", "from": source})
        return Output(f"layer_{at}", width)

    def finish(self, value: Numbers) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
        """The layers that end in this value, and their weights."""
        # Names the numbers that no layer has read, and so makes it the last one.
        self._named(value)
        layers, tensors = self.layers, self.tensors
        features = self._features
        if any(features.mean) or any(deviation != 1.0 for deviation in features.deviation):
            layers, tensors = _normalised(features, layers, tensors)
        return layers, tensors

    def width(self, value: Numbers) -> int:
        """How many numbers a value has."""
        return len(value.numbers) if isinstance(value, Columns) else value.width

    def _whole(self, value: Columns) -> bool:
        return value.numbers == tuple(range(len(self._features.mean)))

    def _named(self, value: Numbers) -> str:
        """The name of a value, for a layer to read it."""
        if isinstance(value, Output):
            return value.name
        if self._whole(value):
            return "input"
        # Nothing but a matrix of zeros and ones takes some numbers out of others.
        return self.dense(value, np.eye(len(value.numbers), dtype=np.float32), None, "linear").name

    def dense(self, value: Numbers, weight: Any, bias: Any, activation: Any) -> Output:
        """A dense layer with a matrix of [units, inputs]."""
        if isinstance(value, Columns) and not self._whole(value):
            # It reads all numbers of the features, those of others with a weight of zero.
            wide = np.zeros((len(weight), len(self._features.mean)), dtype=np.float32)
            for column, number in enumerate(value.numbers):
                wide[:, number] += weight[:, column]
            weight, source = wide, "input"
        else:
            source = self._named(value)
        layer = {"kind": "dense", "units": len(weight)}
        tensors = {"weight": weight}
        if activation != "linear":
            layer["activation"] = activation
        if bias is None:
            layer["bias"] = False
        else:
            tensors["bias"] = bias
        return self._layer(layer, len(weight), source, **tensors)

    def activation(self, value: Numbers, activation: Any) -> Numbers:
        """An activation by itself."""
        if activation == "linear":
            return value
        return self._layer({"kind": "activation", "activation": activation}, self.width(value), self._named(value))

    def layer_norm(self, layer: Any, where: str, value: Numbers) -> Output:
        """A `LayerNormalization` over the numbers of a record."""
        width = self.width(value)
        axis = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
        require(list(axis) in ([-1], [1]), f"{where}: normalises over the axes {list(axis)}; -1 is right")
        require(not getattr(layer, "rms_scaling", False), f"{where}: rms_scaling cannot be exported; {ONNX}")
        described = {"kind": "layer_norm", "epsilon": float(layer.epsilon)}
        return self._layer(described, width, self._named(value), **_affine(layer, width))

    def batch_norm(self, layer: Any, where: str, value: Numbers) -> Output:
        """A `BatchNormalization` with the moments of its training."""
        width = self.width(value)
        axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
        require(axis in (-1, 1), f"{where}: normalises over the axis {axis}; -1 is right")
        moments = {
            "running_mean": np.asarray(layer.moving_mean),
            "running_var": np.asarray(layer.moving_variance),
        }
        described = {"kind": "batch_norm", "epsilon": float(layer.epsilon)}
        return self._layer(described, width, self._named(value), **moments, **_affine(layer, width))

    def unit(self, value: Numbers) -> Output:
        """Division by the length."""
        return self._layer({"kind": "l2_normalise"}, self.width(value), self._named(value))

    def add(self, where: str, values: Sequence[Numbers]) -> Output:
        """The sum."""
        widths = [self.width(value) for value in values]
        require(len(set(widths)) == 1, f"{where}: adds outputs of different widths, {widths}")
        return self._layer({"kind": "add"}, widths[0], [self._named(value) for value in values])

    def concat(self, values: Sequence[Numbers]) -> Numbers:
        """One after the other: nothing to do for numbers of the features."""
        if all(isinstance(value, Columns) for value in values):
            return Columns(tuple(number for value in values if isinstance(value, Columns) for number in value.numbers))
        width = sum(self.width(value) for value in values)
        return self._layer({"kind": "concat"}, width, [self._named(value) for value in values])


def activation_of(function: Any, where: str) -> Any:
    """An activation of `tower.json`, from a function or a layer of Keras."""
    kind = type(function).__name__
    if function is None:
        return "linear"
    if kind == "LeakyReLU":
        return {"leaky_relu": float(getattr(function, "negative_slope", getattr(function, "alpha", 0.3)))}
    if kind == "ReLU":
        require(
            function.max_value is None and float(function.threshold) == 0.0,
            f"{where}: max_value and threshold cannot be exported; {ONNX}",
        )
        slope = float(function.negative_slope)
        return {"leaky_relu": slope} if slope else "relu"
    if kind == "Activation":
        return activation_of(function.activation, where)
    name = getattr(function, "__name__", kind)
    if name not in _FUNCTIONS or not str(getattr(function, "__module__", "")).startswith(("keras", "tf_keras")):
        raise ExportError(f"{where}: the activation {name!r} cannot be exported; {ONNX}")
    return _FUNCTIONS[name]


def _affine(layer: Any, width: int) -> dict[str, Any]:
    """Weight and bias of a normalisation."""
    gamma, beta = getattr(layer, "gamma", None), getattr(layer, "beta", None)
    return {
        "weight": np.ones(width) if gamma is None else np.asarray(gamma),
        "bias": np.zeros(width) if beta is None else np.asarray(beta),
    }


def _normalised(
    features: Features, layers: list[dict[str, Any]], tensors: dict[str, Tensor]
) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """The layers behind one that normalises the numbers of the features, which the others read in their place."""
    name = "normalised"

    def renamed(source: Any) -> Any:
        if isinstance(source, list):
            return [renamed(one) for one in source]
        return name if source == "input" else source

    width, epsilon = len(features.mean), 1e-5
    first = {"kind": "batch_norm", "epsilon": epsilon, "name": name, "from": "input"}
    moved = {f"layer.{int(key.split('.')[1]) + 1}.{key.split('.', 2)[2]}": one for key, one in tensors.items()}
    # A variance of 1, so that the division is by the deviation and nothing else.
    moved["layer.0.weight"] = float32(np.sqrt(1.0 + epsilon) / np.asarray(features.deviation))
    moved["layer.0.bias"] = float32(np.zeros(width))
    moved["layer.0.running_mean"] = float32(features.mean)
    moved["layer.0.running_var"] = float32(np.ones(width))
    return [first, *({**layer, "from": renamed(layer["from"])} for layer in layers)], moved
