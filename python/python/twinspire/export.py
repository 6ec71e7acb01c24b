"""Towers from models that were trained elsewhere. Each has a self-test, which is run before they are returned."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from twinspire._twinspire import Towers

__all__ = ["factors"]

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
    expected = vectors[chosen].astype(np.float64)
    if metric == "cosine":
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    cases = [{"record": {field: ids[at]}, "vector": row} for at, row in zip(chosen, expected.tolist())]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        (path / "tower.json").write_text(json.dumps(described), encoding="utf-8")
        (path / "selftest.json").write_text(json.dumps({"user": cases}), encoding="utf-8")
        (path / "user.safetensors").write_bytes(_safetensors({"table.user": vectors}))
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
