"""Towers of two-tower models of torch-rechub, such as DSSM and YoutubeDNN: one ONNX model for each tower.

A model of torch-rechub says by its features what it reads: `SparseFeature` a row number, `SequenceFeature` a padded
list of them, `DenseFeature` a number. How strings became row numbers, only the training knows: it is given as
`encoders`, such as ``{"user_id": dict(zip(encoder.classes_, range(1, 1 + len(encoder.classes_))))}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import nn

from twinspire._twinspire import Towers
from twinspire.export._onnx import OnnxTower, onnx
from twinspire.export._towers import Cases, Metric, pairs, require, require_cases
from twinspire.export.torch import onnx as _onnx
from twinspire.export.torch.onnx import Input

__all__ = ["towers"]


def towers(
    model: nn.Module,
    *,
    name: str,
    encoders: Mapping[str, Mapping[Any, int]],
    lengths: Mapping[str, int] | None = None,
    pad_at: Literal["start", "end"] = "start",
    unknown: Literal["error", "skip"] = "error",
    features: Mapping[str, Mapping[str, Any]] | None = None,
    examples: Mapping[str, Cases],
    metric: Metric = "cosine",
    opset: int = 18,
) -> Towers:
    """Towers of a two-tower model of torch-rechub.

    Parameters
    ----------
    model : torch.nn.Module
        A trained model with `user_features`, `item_features` and a `mode`.
    name : str
        The name of the model.
    encoders : dict
        The row number of each string, by the name of the feature; of features that share an embedding (`shared_with`)
        that of one is enough. The numbers of a feature have to be consecutive, from 0, or from 1 if row 0 is padding.
    lengths : dict, optional
        The length of each `SequenceFeature` in training.
    pad_at : {'start', 'end'}
        Where shorter lists were padded. The newest string of a list is the last one.
    unknown : {'error', 'skip'}
        Refuse records with strings that no encoder has, or take the padding in their place.
    features : dict, optional
        Further keys of the features of `tower.json`, by the name of the feature: what was done to a number before the
        training, ``{"age": {"mean": 41.3, "deviation": 12.8}}``, or another `field`.
    examples : dict
        For ``'user'`` and ``'item'`` a pair of 32 or more raw records and a function that computes the vector of one
        with the trained model, or records with their vectors. They are the self-test: towers that give other vectors
        are refused.
    metric : {'cosine', 'inner_product', 'l2'}
        How users and items are compared.
    opset : int, default 18
        The operator set of the ONNX models.

    Returns
    -------
    Towers

    Raises
    ------
    ExportError
        Names the feature or the tower and why it cannot be exported.
    TowersError
        Names the feature or the record of the self-test that differs.
    """
    kind = type(model).__name__
    for needed in ("user_features", "item_features", "mode"):
        otherwise = "so it is no two-tower model; use twinspire.export.onnx"
        require(hasattr(model, needed), f"{kind}: has no {needed}, {otherwise}")
    require(not model.training, f"{kind}: is in training mode; call .eval() before exporting it")
    with torch.no_grad():
        cases = {side: pairs(given) for side, given in examples.items()}
    for side in ("user", "item"):
        require_cases(side, cases.get(side, ()))
    made: dict[str, OnnxTower] = {}
    tables: dict[str, dict[str, Any]] = {}
    before, dimension = model.mode, 0
    try:
        for side in ("user", "item"):
            inputs, described = [], []
            for feature in _features(model, side):
                where = f"{side} tower, feature {feature.name}"
                one, given = _feature(where, feature, encoders, lengths or {}, pad_at, unknown, tables)
                described.append(one | dict((features or {}).get(feature.name, {})))
                inputs.append(given)
            model.mode = side
            tower = _Tower(model, [given.name for given in inputs]).eval()
            dimension = _dimension(f"{side} tower", tower, inputs)
            data = _onnx.model(f"{side} tower", tower, inputs, dimension, opset)
            made[side] = OnnxTower(data, described, [(given.name, given.width or 1) for given in inputs])
    finally:
        model.mode = before
    return onnx(name=name, metric=metric, dimension=dimension, tables=tables, examples=cases, **made)


def _features(model: Any, side: str) -> list[Any]:
    """What a tower reads. MIND and others list the histories of users by themselves."""
    own = list(getattr(model, f"{side}_features"))
    return own + list(getattr(model, "history_features", ())) if side == "user" else own


class _Tower(nn.Module):
    """One tower, with the values of its features one after the other instead of in a dict."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *values: Any) -> Any:
        vector = self.model(dict(zip(self.names, values)))
        # Some models give a batch of one vector each.
        return vector.squeeze(1) if vector.dim() == 3 and vector.shape[1] == 1 else vector


@torch.no_grad()
def _dimension(where: str, tower: nn.Module, inputs: list[Input]) -> int:
    vector = tower(*(torch.zeros((2,) if one.width is None else (2, one.width), dtype=one.dtype) for one in inputs))
    shape = list(vector.shape[1:])
    require(len(shape) == 1, f"{where}: gives {shape} numbers for a record; a tower gives one vector")
    return int(vector.shape[1])


def _feature(
    where: str,
    feature: Any,
    encoders: Mapping[str, Mapping[Any, int]],
    lengths: Mapping[str, int],
    pad_at: str,
    unknown: str,
    tables: dict[str, dict[str, Any]],
) -> tuple[dict[str, Any], Input]:
    """A feature in the terms of `tower.json`, and the model's input."""
    kind, name = type(feature).__name__, feature.name
    if kind == "DenseFeature":
        width = int(feature.embed_dim)
        if width == 1:
            # A batch of numbers; the model makes columns of it.
            return {"kind": "number", "field": name}, Input(name, None)
        return {"kind": "vector", "field": name, "dimension": width}, Input(name, width)
    require(kind in ("SparseFeature", "SequenceFeature"), f"{where}: is a {kind}, which cannot be exported")
    table, first = _lookup(where, feature, encoders, unknown, tables)
    padding = getattr(feature, "padding_idx", None) or 0
    if kind == "SparseFeature":
        described = {"kind": "index", "field": name, "table": table, "first": first}
        return described | ({"pad": padding} if unknown == "skip" else {}), Input(name, None, torch.int64)
    require(name in lengths, f"{where}: say how long its lists are, as lengths={{{name!r}: n}}")
    length = int(lengths[name])
    described = {
        "kind": "indices", "field": name, "table": table, "limit": length, "first": first, "pad": padding,
        "pad_at": pad_at, "missing": "zero",
    }  # fmt: skip
    return described, Input(name, length, torch.int64)


def _lookup(
    where: str,
    feature: Any,
    encoders: Mapping[str, Mapping[Any, int]],
    unknown: str,
    tables: dict[str, dict[str, Any]],
) -> tuple[str, int]:
    """The name of a feature's table, and the row of its first string."""
    shared = getattr(feature, "shared_with", None)
    name = feature.name if feature.name in encoders else shared
    require(name in encoders, f"{where}: encoders has no row numbers of {feature.name!r}")
    rows = encoders[str(name)]
    ordered = sorted(rows.items(), key=lambda pair: pair[1])
    numbers = [int(row) for _, row in ordered]
    first = numbers[0] if numbers else 0
    require(
        numbers == list(range(first, first + len(numbers))),
        f"{where}: the row numbers of the encoder are not consecutive",
    )
    require(
        first + len(numbers) <= int(feature.vocab_size),
        f"{where}: the encoder has rows up to {first + len(numbers) - 1}, vocab_size says {feature.vocab_size}",
    )
    tables[str(name)] = {"vocabulary": {"ids": [str(string) for string, _ in ordered], "unknown": unknown}}
    return str(name), first
