"""Towers trained in PyTorch.

A tower has features, which say in the terms of `tower.json` how a raw record becomes numbers, and a module, which is
given the numbers of all features, one after the other. Modules made of `nn.Linear`, activations, norms, dropout and the
modules of this package are exported as layers, which are the fastest; any other module is exported as an ONNX model if
the tower says its `inputs`. `nn.Embedding` and `nn.EmbeddingBag` are tables, which features read.

================================================  =======================================================
PyTorch                                           tower.json
================================================  =======================================================
`nn.Linear`                                       `dense`; an activation after it becomes its `activation`
`ReLU`, `LeakyReLU`, `GELU`, `SELU`, `Tanh`,      the activation of that name; `SiLU` is `swish`
`Sigmoid`, `SiLU`
`nn.LayerNorm(width)`, `nn.BatchNorm1d`           `layer_norm`, `batch_norm`
`nn.Dropout`, `nn.AlphaDropout`, `nn.Identity`    nothing
`Add`, `Residual`, `Concat`                       `add`, `add`, `concat`
`L2Normalise`, `Temperature`, `FeatureWeights`    `l2_normalise`, `temperature`, `feature_weights`
`nn.Embedding`, `nn.EmbeddingBag` as `Table`      a table; a row that is named by `padding_idx` is left out
`EmbeddingBag(mode=…)`                            `pooling` of the feature, checked to be the same
`per_sample_weights` by position in the list      `recency` of the feature
================================================  =======================================================

Trained with `F.normalize` on both sides the metric is ``'cosine'``, trained with plain products ``'inner_product'``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from twinspire._twinspire import Towers
from twinspire.export._towers import Cases, Metric, by_side, open_towers, require, safetensors, self_test
from twinspire.export.torch import onnx as _onnx
from twinspire.export.torch.layers import DROPOUTS, Walk
from twinspire.export.torch.modules import Add, Concat, FeatureWeights, L2Normalise, Residual, Temperature
from twinspire.export.torch.onnx import Input
from twinspire.export.torch.tables import Table, stored, width

__all__ = [
    "Add", "Concat", "FeatureWeights", "Input", "L2Normalise", "Residual", "Table", "Temperature", "Tower", "towers",
]  # fmt: skip


@dataclass(frozen=True)
class Tower:
    """One tower: its features, and the module that computes a vector from their numbers."""

    features: Sequence[Mapping[str, Any]]
    """As in `tower.json`, in the order in which the module is given their numbers."""
    module: nn.Module
    inputs: Sequence[Input] | None = None
    """The arguments of `forward`: the module is exported as an ONNX model. The features' numbers go to them in order,
    as many to each as it is wide; an `nn.Embedding` inside takes those of an `index` or `indices` feature."""
    other_fields: Any = None
    """What happens to fields that no feature reads, as in `tower.json`."""


def towers(
    *,
    name: str,
    metric: Metric,
    dimension: int,
    user: Tower | None = None,
    item: Tower | None = None,
    tables: Mapping[str, Table | Mapping[str, Any]] | None = None,
    examples: Mapping[str, Cases],
    weights: Any = torch.float32,
    opset: int = 18,
) -> Towers:
    """Towers of modules of PyTorch.

    Parameters
    ----------
    name : str
        The name of the model.
    metric : {'cosine', 'inner_product', 'l2'}
        How users and items are compared.
    dimension : int
        Components of a vector.
    user, item : Tower, optional
        Without an item tower the vectors of items are published with the towers.
    tables : dict, optional
        The `Table` of each name that features read, or the look-up alone for `index` and `indices`.
    examples : dict
        For ``'user'`` and ``'item'`` a pair of 32 or more raw records and a function that computes the vector of one
        with the trained model, or records with their vectors; for ``'items'`` vectors by id that features of kind
        `items` find. They are the self-test: towers that give other vectors are refused. Take some records with empty
        lists, missing fields and unknown ids.
    weights : torch.dtype, default torch.float32
        With `torch.float16` or `torch.bfloat16`, tables and dense layers are stored in half the space. The vectors of
        the examples that a function computes are then those of the rounded weights.
    opset : int, default 18
        The operator set of ONNX models.

    Returns
    -------
    Towers

    Raises
    ------
    ExportError
        Names the tower, the module and why it cannot be exported, and what to do.
    TowersError
        Names the feature or the record of the self-test that differs.
    """
    given = by_side(metric, user, item)
    require(
        weights in (torch.float32, torch.float16, torch.bfloat16),
        f"weights: {weights} is not torch.float32, torch.float16 or torch.bfloat16",
    )
    for side, tower in given.items():
        for where, module in tower.module.named_modules():
            require(
                not module.training or not isinstance(module, (nn.modules.batchnorm._BatchNorm, *DROPOUTS)),
                f"{side} tower, module {where or '(whole)'}: is in training mode; call .eval() on the model before "
                "exporting it",
            )
    lookups = {name: {"lookup": dict(table)} for name, table in (tables or {}).items() if not isinstance(table, Table)}
    embeddings = {name: table for name, table in (tables or {}).items() if isinstance(table, Table)}
    described: dict[str, Any] = {"format": 1, "name": name, "dimension": dimension, "metric": metric}
    described["tables"] = lookups
    tensors: dict[str, dict[str, Any]] = {"shared": {}, "user": {}, "item": {}}
    files = {}
    parts = [table.weights for table in embeddings.values()]
    parts += [tower.module for tower in given.values() if tower.inputs is None]
    with _rounded(parts, weights):
        for table_name, table in embeddings.items():
            rows = table.rows(table_name)
            described["tables"][table_name] = {"dimension": rows.shape[1], "lookup": dict(table.lookup)}
            readers = [side for side, tower in given.items() if _reads(tower, table_name)]
            # A table that one tower reads is with its layers; all others are shared.
            home = readers[0] if len(readers) == 1 else "shared"
            tensors[home][f"table.{table_name}"] = stored(f"table {table_name}", rows, weights)
        for side, tower in given.items():
            widths = [
                width(f"{side} tower, feature {at}", feature, embeddings, dimension)
                for at, feature in enumerate(tower.features)
            ]
            described[side] = {"features": [dict(feature) for feature in tower.features]}
            if tower.other_fields is not None:
                described[side]["other_fields"] = tower.other_fields
            if tower.inputs is not None:
                where = f"{side} tower"
                files[f"{side}.onnx"] = _onnx.model(where, tower.module, tower.inputs, dimension, opset)
                inputs = [{"name": one.name, "width": one.width or 1} for one in tower.inputs]
                described[side]["layers"] = [{"kind": "onnx", "units": dimension, "inputs": inputs}]
                continue
            walk = Walk(f"{side} tower", widths, weights)
            walk.module("", tower.module)
            require(
                walk.width == dimension,
                f"{side} tower: gives vectors of {walk.width} numbers, dimension says {dimension}",
            )
            tensors[side].update(walk.tensors)
            described[side]["layers"] = walk.layers
        with torch.no_grad():
            test = self_test(examples, metric, dimension, given)
    files.update({f"{side}.safetensors": safetensors(found) for side, found in tensors.items() if found})
    return open_towers(described, test, files)


def _reads(tower: Tower, table: str) -> bool:
    return any(feature.get("table") == table for feature in tower.features)


@contextlib.contextmanager
def _rounded(parts: Sequence[Any], dtype: Any) -> Iterator[None]:
    """Round matrices in place while the self-test is computed: its vectors are to be those of the weights as stored,
    and half precision differs by more than the self-test lets pass."""
    matrices = {}
    for part in parts:
        for tensor in part.parameters() if isinstance(part, nn.Module) else [part]:
            if dtype != torch.float32 and isinstance(tensor, torch.Tensor) and tensor.dim() == 2:
                matrices[id(tensor)] = (tensor, tensor.detach().clone())
    with torch.no_grad():
        try:
            for tensor, before in matrices.values():
                tensor.copy_(before.to(dtype))
            yield
        finally:
            for tensor, before in matrices.values():
                tensor.copy_(before)
