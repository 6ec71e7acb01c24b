"""Modules of PyTorch to layers of `tower.json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from twinspire._errors import ExportError
from twinspire.export._towers import Tensor, require
from twinspire.export.torch.modules import Add, Concat, FeatureWeights, L2Normalise, Residual, Temperature
from twinspire.export.torch.tables import stored

#: Modules that do nothing once trained.
DROPOUTS = (nn.Dropout, nn.AlphaDropout)

ACTIVATIONS: dict[Any, Callable[[Any], Any]] = {
    nn.ReLU: lambda module: "relu",
    nn.LeakyReLU: lambda module: {"leaky_relu": module.negative_slope},
    nn.GELU: lambda module: {"none": "gelu", "tanh": "gelu_tanh"}[module.approximate],
    nn.SELU: lambda module: "selu",
    nn.Tanh: lambda module: "tanh",
    nn.Sigmoid: lambda module: "sigmoid",
    nn.SiLU: lambda module: "swish",
}

_ONNX = "or give the tower `inputs`, and it is exported as an ONNX model"
_PLAIN = (
    "what can be exported as layers: Linear, ReLU, LeakyReLU, GELU, SELU, Tanh, Sigmoid, SiLU, LayerNorm, BatchNorm1d, "
    f"Dropout, Identity, Sequential, and the modules of twinspire.export.torch; {_ONNX}"
)
_INSTEAD = {
    "PReLU": "after training with one slope, nn.LeakyReLU(prelu.weight.item()) is the same",
    "ELU": f"nn.SELU is near to it, after training anew; {_ONNX}",
    "ReLU6": f"nn.ReLU is near to it, after training anew; {_ONNX}",
    "RMSNorm": f"nn.LayerNorm or L2Normalise is near to it, after training anew; {_ONNX}",
    "Flatten": "a tower makes one row of numbers from one record; leave it out",
    "Embedding": "tables are read by features; give it as a Table",
    "EmbeddingBag": "tables are read by features; give it as a Table",
    "OptimizedModule": "give the module that was compiled, not what torch.compile made of it",
    "DataParallel": "give its .module",
    "DistributedDataParallel": "give its .module",
}


class Walk:
    """Goes through a module in the order of its computation and writes down layers."""

    def __init__(self, tower: str, widths: Sequence[int], dtype: Any) -> None:
        self.tower, self.widths, self.dtype = tower, list(widths), dtype
        self.width = sum(widths)
        self.layers: list[dict[str, Any]] = []
        self.tensors: dict[str, Tensor] = {}
        #: The name of what the next layer reads, if not of the layer before it.
        self.source: str | None = None

    def module(self, path: str, module: nn.Module) -> None:
        """Write the layers of a module."""
        kind, shown = type(module), str(module)
        shown = kind.__name__ if "\n" in shown else shown
        where = f"{self.tower}, module {path or '(whole)'} ({shown})"
        require(
            not module._forward_hooks and not module._forward_pre_hooks,
            f"{where}: has hooks, which cannot be exported; after torch.nn.utils.weight_norm call "
            "remove_weight_norm, and let a lazy module run once",
        )
        # Exactly these types: a class derived from them may compute something else.
        if isinstance(module, nn.Sequential) and kind.forward is nn.Sequential.forward:
            for name, child in module.named_children():
                self.module(f"{path}.{name}".lstrip("."), child)
        elif kind in (nn.Identity, *DROPOUTS):
            pass
        elif kind is nn.Linear:
            self._takes(where, module.in_features)
            layer = {"kind": "dense", "units": module.out_features}
            if module.bias is None:
                layer["bias"] = False
            self._layer(layer, module.out_features, weight=module.weight, bias=module.bias)
        elif kind in ACTIVATIONS:
            self._activation(ACTIVATIONS[kind](module))
        elif kind is nn.LayerNorm:
            shape = module.normalized_shape
            require(
                len(shape) == 1, f"{where}: normalises over several dimensions; nn.LayerNorm(width) is right"
            )
            self._takes(where, shape[0])
            self._layer({"kind": "layer_norm", "epsilon": module.eps}, self.width, **self._affine(module))
        elif kind is nn.BatchNorm1d:
            require(
                module.running_mean is not None,
                f"{where}: has no running mean, so a vector would depend on its batch; train with "
                "track_running_stats=True",
            )
            self._takes(where, module.num_features)
            moments = {"running_mean": module.running_mean, "running_var": module.running_var}
            layer = {"kind": "batch_norm", "epsilon": module.eps}
            self._layer(layer, self.width, **moments, **self._affine(module))
        elif kind in (Add, Residual, Concat):
            self._branches(where, path, module)
        elif kind is L2Normalise:
            self._layer({"kind": "l2_normalise"}, self.width)
        elif kind is Temperature:
            value = float(module.value)
            require(value > 0, f"{where}: a temperature is above 0, not {value}")
            self._layer({"kind": "temperature", "value": value}, self.width)
        elif kind is FeatureWeights:
            self._feature_weights(where, module)
        else:
            raise ExportError(f"{where}: cannot be exported as a layer; {_instead(module)}")

    def _takes(self, where: str, inputs: int) -> None:
        source = "it is given" if self.layers else f"the features give {self.widths}, in all"
        require(inputs == self.width, f"{where}: takes {inputs} numbers, {source} {self.width}")

    def _layer(self, layer: dict[str, Any], width: int, **tensors: Any) -> None:
        if self.source is not None:
            layer["from"], self.source = self.source, None
        for name, tensor in tensors.items():
            if tensor is not None:
                full = f"layer.{len(self.layers)}.{name.replace('__', '.')}"
                self.tensors[full] = stored(f"{self.tower}, {full}", tensor, self.dtype)
        self.layers.append(layer)
        self.width = width

    def _activation(self, activation: Any) -> None:
        last = self.layers[-1] if self.layers and self.source is None else {}
        # A layer with a name is read elsewhere too, and there without this activation.
        if last.get("kind") == "dense" and "activation" not in last and "name" not in last:
            last["activation"] = activation
        else:
            self._layer({"kind": "activation", "activation": activation}, self.width)

    def _affine(self, module: Any) -> dict[str, Any]:
        """Weight and bias of a normalisation, which in `tower.json` are always there."""
        weight, bias = module.weight, module.bias
        return {
            "weight": torch.ones(self.width) if weight is None else weight,
            "bias": torch.zeros(self.width) if bias is None else bias,
        }

    def _here(self) -> str:
        """The name of what the next layer would read."""
        if self.source is not None:
            return self.source
        if not self.layers:
            return "input"
        return str(self.layers[-1].setdefault("name", f"layer_{len(self.layers) - 1}"))

    def _branches(self, where: str, path: str, module: Any) -> None:
        require(len(module.branches) > 1, f"{where}: needs two branches or more")
        start, start_width = self._here(), self.width
        ends, widths = [], []
        for index, branch in enumerate(module.branches):
            self.source, self.width = start, start_width
            self.module(f"{path}.branches.{index}".lstrip("."), branch)
            ends.append(self._here())
            widths.append(self.width)
        adds = type(module) is not Concat
        require(
            not adds or len(set(widths)) == 1,
            f"{where}: adds outputs of different widths, {widths}; put an nn.Linear into the branch that is to change "
            "its width",
        )
        self.source = None
        kind = "add" if adds else "concat"
        self._layer({"kind": kind, "from": ends}, widths[0] if adds else sum(widths))

    def _feature_weights(self, where: str, module: Any) -> None:
        require(
            self.source == "input" or not self.layers,
            f"{where}: reads the numbers of the features, so it has to be the first module",
        )
        require(
            module.widths == self.widths,
            f"{where}: has features of {module.widths} numbers, the tower of {self.widths}",
        )
        activation, gate = module.activation, module.gate
        require(
            type(activation) in ACTIVATIONS and type(gate) in ACTIVATIONS,
            f"{where}: activation and gate have to be activations; {_PLAIN}",
        )
        layer = {
            "kind": "feature_weights",
            "units": module.squeeze.out_features,
            "activation": ACTIVATIONS[type(activation)](activation),
            "gate": ACTIVATIONS[type(gate)](gate),
        }
        weights = {
            "squeeze__weight": module.squeeze.weight,
            "squeeze__bias": module.squeeze.bias,
            "excite__weight": module.excite.weight,
            "excite__bias": module.excite.bias,
        }
        self._layer(layer, self.width, **weights)


def _instead(module: nn.Module) -> str:
    """What to do about a module that cannot be exported."""
    name = type(module).__name__
    if name in _INSTEAD:
        return _INSTEAD[name]
    if name.startswith("Parametrized"):
        return "call torch.nn.utils.parametrize.remove_parametrizations on it first"
    if not type(module).__module__.startswith("torch."):
        return (
            "its forward may be anything. Say it with trained parts, as in nn.Sequential(model.fc1, nn.ReLU(), "
            "model.fc2), with Residual, Add and Concat of twinspire.export.torch where it is no chain; " + _ONNX
        )
    return _PLAIN
