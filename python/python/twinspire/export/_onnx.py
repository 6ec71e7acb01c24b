"""Towers that are ONNX models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from twinspire._twinspire import Towers
from twinspire.export._towers import Cases, Metric, open_towers, self_test


@dataclass(frozen=True)
class OnnxTower:
    """A tower that runs an ONNX model on the numbers of its features.

    `torch.onnx.export`, tf2onnx and skl2onnx write such models; storage-format.md says what is accepted.
    """

    model: str | PathLike[str] | bytes
    """The file, or its content."""
    features: Sequence[Mapping[str, Any]]
    """The features as in `tower.json`, in the order in which the model takes their numbers."""
    inputs: Sequence[tuple[str, int]] | None = None
    """Name and width of each input of the model; its own inputs in their order by default."""
    output: str | None = None
    """The output that is the vector, if the model has several."""
    other_fields: Any = None
    """What happens to fields that no feature reads, as in `tower.json`."""


def onnx(
    *,
    name: str,
    metric: Metric,
    dimension: int,
    user: OnnxTower | None = None,
    item: OnnxTower | None = None,
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    examples: Mapping[str, Cases] | None = None,
) -> Towers:
    """Towers that are ONNX models.

    Parameters
    ----------
    name : str
        The name of the model.
    metric : {'cosine', 'inner_product', 'l2'}
        How users and items are compared.
    dimension : int
        Components of a vector.
    user, item : OnnxTower, optional
        Without an item tower the vectors of items are published with the towers.
    tables : dict, optional
        Look-ups of the features `index` and `indices`, by name: ``{"item": {"vocabulary": {"ids": ids}}}``.
    examples : dict, optional
        For ``'user'`` and ``'item'`` records with the vectors that the trained model gives, or a pair of records and
        a function that computes the vector of one. They are the self-test: towers that give other vectors are
        refused. Always give some, 32 or more.

    Returns
    -------
    Towers

    Raises
    ------
    TowersError
        Names the file, the place in it, and what would be right; or the record of the self-test that differs.
    """
    described: dict[str, Any] = {"format": 1, "name": name, "dimension": dimension, "metric": metric}
    described["tables"] = {table: {"lookup": dict(lookup)} for table, lookup in (tables or {}).items()}
    files = {}
    for side, tower in (("user", user), ("item", item)):
        if tower is None:
            continue
        layer: dict[str, Any] = {"kind": "onnx", "units": dimension}
        if tower.inputs is not None:
            layer["inputs"] = [{"name": name, "width": width} for name, width in tower.inputs]
        if tower.output is not None:
            layer["output"] = tower.output
        described[side] = {"features": [dict(feature) for feature in tower.features], "layers": [layer]}
        if tower.other_fields is not None:
            described[side]["other_fields"] = tower.other_fields
        model = tower.model
        files[f"{side}.onnx"] = model if isinstance(model, bytes) else Path(model).read_bytes()
    test = self_test(examples or {}, metric, dimension)
    return open_towers(described, test, files)
