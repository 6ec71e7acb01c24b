"""Towers from models that were trained elsewhere. A self-test is run before they are returned."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from twinspire._twinspire import Towers

__all__ = ["OnnxTower", "factors", "onnx"]

#: Number of records of a self-test.
_CASES = 32


def factors(
    user_ids: Iterable[str],
    user_vectors: npt.ArrayLike,
    *,
    name: str = "factors",
    metric: Literal["cosine", "inner_product", "l2"] = "inner_product",
    field: str = "user_id",
) -> Towers:
    """Towers of a factor model, such as ALS or BPR of `implicit` and LightFM: a vector for each user.

    The vectors of the items are published with them:
    ``db.publish_vectors("als", item_ids, item_vectors, towers=towers)``. Biases of items are one more component of
    their vectors, with a 1 in those of the users. A recall of a user without a vector is refused.

    Parameters
    ----------
    user_ids : iterable of str
        The id of each row.
    user_vectors : array_like
        A row for each user.
    name : str, default 'factors'
        The name of the model.
    metric : {'cosine', 'inner_product', 'l2'}
        How users and items are compared.
    field : str, default 'user_id'
        The field of a user's record that holds the id.

    Returns
    -------
    Towers

    Examples
    --------
    >>> towers = factors(["ann", "bob"], [[1.0, 0.0], [0.6, 0.8]])
    >>> db.publish_vectors("als", ["B01", "B02"], [[2.0, 0.0], [0.0, 3.0]], towers=towers).items
    2
    >>> db.recall("als", user={"user_id": "bob"}, k=1).ids
    ['B02']
    """
    ids = [str(id) for id in user_ids]
    vectors = np.ascontiguousarray(user_vectors, dtype="<f4")
    if vectors.ndim != 2 or len(vectors) != len(ids) or not ids:
        raise ValueError(f"a matrix with a row for each of {len(ids)} users expected, found shape {vectors.shape}")
    feature = {"kind": "id", "field": field, "table": "user"}
    described = {
        "format": 1,
        "name": name,
        "dimension": vectors.shape[1],
        "metric": metric,
        "tables": {"user": {"dimension": vectors.shape[1], "lookup": {"vocabulary": {"ids": ids}}}},
        "user": {"features": [feature], "layers": []},
    }
    chosen = np.unique(np.linspace(0, len(ids) - 1, _CASES).astype(int))
    expected = _prepared(vectors[chosen], metric)
    cases = [{"record": {field: ids[at]}, "vector": row} for at, row in zip(chosen, expected.tolist())]
    weights = _safetensors({"table.user": vectors})
    return _towers(described, {"user": cases}, {"user.safetensors": weights})


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
    metric: Literal["cosine", "inner_product", "l2"],
    dimension: int,
    user: OnnxTower | None = None,
    item: OnnxTower | None = None,
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    examples: Mapping[str, Iterable[tuple[Mapping[str, Any], npt.ArrayLike]]] | None = None,
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
        For ``'user'`` and ``'item'`` records with the vectors that the trained model gives. They are the self-test:
        towers that give other vectors are refused. Always give some, 32 or more.

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
    cases = {
        side: [
            {"record": dict(record), "vector": _prepared(vector, metric).tolist()} for record, vector in given
        ]
        for side, given in (examples or {}).items()
    }
    return _towers(described, cases, files)


def _prepared(vectors: npt.ArrayLike, metric: str) -> npt.NDArray[np.float64]:
    """Vectors as towers give them: of length 1 under cosine."""
    prepared = np.asarray(vectors, dtype=np.float64)
    if metric == "cosine":
        prepared = prepared / np.linalg.norm(prepared, axis=-1, keepdims=True)
    return prepared


def _towers(described: dict[str, Any], cases: dict[str, Any], files: dict[str, bytes]) -> Towers:
    """Open towers of these files, with their self-test."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        (path / "tower.json").write_text(json.dumps(described), encoding="utf-8")
        if cases:
            (path / "selftest.json").write_text(json.dumps(cases), encoding="utf-8")
        for name, content in files.items():
            (path / name).write_bytes(content)
        return Towers.open(path)


def _safetensors(tensors: dict[str, npt.NDArray[np.float32]]) -> bytes:
    """A safetensors file of matrices of 32-bit floats."""
    header: dict[str, Any] = {}
    data = b""
    for name, tensor in tensors.items():
        extent = [len(data), len(data) + tensor.nbytes]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": extent}
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return struct.pack("<Q", len(text)) + text + data
