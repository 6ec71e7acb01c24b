"""Towers of functional and sequential models of Keras, their preprocessing layers included.

Keras 3, and Keras 2 as `tf_keras`, with which TensorFlow Recommenders trains.

=====================================================  ====================================================
Keras                                                  tower.json
=====================================================  ====================================================
`keras.Input`                                          a field of that name
`StringLookup`, `IntegerLookup`                        a `vocabulary`; unknown strings as `num_oov_indices` says
`Hashing`                                              a `hash`, `farmhash` or with a salt `siphash`
`Embedding` of them                                    `id`; of a list `ids` or `categories`, pooled by
                                                       `GlobalAveragePooling1D` or `GlobalMaxPooling1D`
`CategoryEncoding`, one-hot and multi-hot look-ups     a table with a one in each row
`Normalization`, `Rescaling`                           `number` with mean and deviation; of a list `vector`
`Discretization`                                       `buckets`
`Dense`, `ReLU`, `LeakyReLU`, `Activation`             `dense`, `activation`
`LayerNormalization`, `BatchNormalization`             `layer_norm`, `batch_norm`
`UnitNormalization`, `Concatenate`, `Add`              `l2_normalise`, `concat`, `add`
`Dropout` and noise                                    nothing
=====================================================  ====================================================

The mask token of a look-up fills up short lists in training; records have the strings alone. Anything else is refused
by name: export that tower by ``model.export(path, format="onnx")``, and use `twinspire.export.onnx`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np

from twinspire._twinspire import Towers
from twinspire.export._towers import (
    Cases, Metric, Record, Tensor, by_side, float32, open_towers, require, safetensors, self_test,
)  # fmt: skip
from twinspire.export.keras.features import Features
from twinspire.export.keras.graph import Graph
from twinspire.export.keras.layers import Layers

__all__ = ["Tower", "towers"]


@dataclass(frozen=True)
class Tower:
    """One tower."""

    model: Any
    """A functional model, or a sequential one."""
    fields: str | Mapping[str, str] = field(default_factory=dict)
    """The field that each input reads, by the input's name, where the two differ; or the field of a single input."""
    features: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Further keys of the features that read a field, as in `tower.json`: ``{"age": {"missing": "zero"}}``."""
    other_fields: Any = None
    """What happens to fields that no feature reads, as in `tower.json`."""


_Examples = Union[Iterable[Record], Cases]


def towers(
    *,
    name: str,
    metric: Metric,
    user: Tower | None = None,
    item: Tower | None = None,
    examples: Mapping[str, _Examples],
) -> Towers:
    """Towers of models of Keras.

    Parameters
    ----------
    name : str
        The name of the model.
    metric : {'cosine', 'inner_product', 'l2'}
        How users and items are compared.
    user, item : Tower, optional
        Without an item tower the vectors of items are published with the towers.
    examples : dict
        For ``'user'`` and ``'item'`` 32 or more raw records, whose vectors the models compute; or records with their
        vectors, or a pair of records and a function. They are the self-test: towers that give other vectors are
        refused.

    Returns
    -------
    Towers

    Raises
    ------
    ExportError
        Names the tower, the layer and why it cannot be exported, and what to do.
    TowersError
        Names the feature or the record of the self-test that differs.
    """
    given = by_side(metric, user, item)
    described: dict[str, Any] = {"format": 1, "name": name, "metric": metric, "tables": {}}
    files: dict[str, bytes] = {}
    dimensions = {}
    for side, tower in given.items():
        made = _Made(f"{side} tower", tower)
        tensors = dict(made.tensors)
        features = made.features.features
        for table, (lookup, weights) in made.features.tables.items():
            # Towers of Keras share no tables that they could not have twice.
            own = f"{side}.{table}"
            described["tables"][own] = {"dimension": int(weights.shape[1]), "lookup": lookup}
            tensors[f"table.{own}"] = float32(weights)
            features = [feature | {"table": own} if feature.get("table") == table else feature for feature in features]
        described[side] = {"features": features, "layers": made.layers}
        if tower.other_fields is not None:
            described[side]["other_fields"] = tower.other_fields
        if tensors:
            files[f"{side}.safetensors"] = safetensors(tensors)
        dimensions[side] = made.dimension
    require(len(set(dimensions.values())) == 1, f"the towers give vectors of different dimensions: {dimensions}")
    dimension = described["dimension"] = next(iter(dimensions.values()))
    computed = {side: _computed(given, side, cases) for side, cases in examples.items()}
    return open_towers(described, self_test(computed, metric, dimension, given), files)


class _Made:
    """Features, layers and weights of one tower."""

    def __init__(self, where: str, tower: Tower) -> None:
        fields = {"": tower.fields} if isinstance(tower.fields, str) else dict(tower.fields)
        self.features = Features({name: dict(keys) for name, keys in tower.features.items()})
        # Once to find all features, and again to know of each layer whether it reads all of them.
        Graph(where, self.features, Layers(where, self.features), fields).vector(tower.model)
        layers = Layers(where, self.features)
        vector = Graph(where, self.features, layers, fields).vector(tower.model)
        self.dimension = layers.width(vector)
        self.layers, found = layers.finish(vector)
        self.tensors: dict[str, Tensor] = found


def _computed(given: Mapping[str, Tower], side: str, cases: Any) -> Any:
    """The cases of a side, with the vectors of the model for records alone."""
    if side not in given or (isinstance(cases, tuple) and len(cases) == 2 and callable(cases[1])):
        return cases
    cases = list(cases)
    if cases and isinstance(cases[0], Mapping):
        return cases, _function(given[side])
    return cases


def _function(tower: Tower) -> Callable[[Record], Any]:
    """Computes the vector of one record with the model."""
    import keras

    model = tower.model
    inner = getattr(model, "_functional", None) or model
    fields = {"": tower.fields} if isinstance(tower.fields, str) else dict(tower.fields)

    def tensor(spec: Any, value: Any) -> Any:
        shape, text = tuple(spec.shape)[1:], "string" in str(spec.dtype)
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        if shape and shape[0] is not None:
            values = values[-shape[0] :]
            values += ["" if text else 0] * (shape[0] - len(values))
        array = np.asarray(values if shape else values[:1]).reshape([1, *([len(values)] if shape else [])])
        return keras.ops.convert_to_tensor(array.astype(str) if text else array, dtype=spec.dtype)

    def vector(record: Record) -> Any:
        given = []
        for spec in inner.inputs:
            name = str(spec.name).partition(":")[0]
            alone = fields.get("") if len(inner.inputs) == 1 else None
            given.append(tensor(spec, record[fields.get(name) or alone or name]))
        structure = getattr(inner, "_inputs_struct", None)
        if structure is not None:
            inputs = keras.tree.pack_sequence_as(structure, given)
        else:
            # Keras 2.
            inputs = given if len(given) > 1 else given[0]
        return np.asarray(inner(inputs, training=False))

    return vector
