"""What every exporter writes: a towers directory with its self-test, opened as towers."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sized
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import numpy as np
import numpy.typing as npt

from twinspire._errors import ExportError
from twinspire._twinspire import Towers

T = TypeVar("T")

Metric = Literal["cosine", "inner_product", "l2"]
"""How users and items are compared."""

Record = Mapping[str, Any]
"""A raw record, as it is stored or as it comes with a query."""

Cases = Union[Iterable[tuple[Record, npt.ArrayLike]], tuple[Iterable[Record], Callable[[Any], Any]]]
"""Records with their vectors, or records and a function that computes the vector of one."""

#: The least number of records of a self-test.
CASES = 32

METRICS = ("cosine", "inner_product", "l2")

Tensor = tuple[str, npt.NDArray[Any]]
"""The type of a tensor in a safetensors file, and an array of the same bytes."""


def require(condition: bool, message: str) -> None:
    """Raise `ExportError` unless the condition holds."""
    if not condition:
        raise ExportError(message)


def by_side(metric: str, user: T | None, item: T | None) -> dict[str, T]:
    """The towers that are given, one at least, and a metric to compare them by."""
    require(metric in METRICS, f"metric: {metric!r} is not {', '.join(METRICS)}")
    given = {side: tower for side, tower in (("user", user), ("item", item)) if tower is not None}
    require(bool(given), "user, item: give a tower or two")
    return given


def self_test(
    examples: Mapping[str, Any], metric: str, dimension: int, needed: Iterable[str] = ()
) -> dict[str, Any]:
    """The content of `selftest.json`. Each of the `needed` towers must have `CASES` examples."""
    test: dict[str, Any] = {}
    for side, given in examples.items():
        if side == "items":
            test[side] = {id: _vector(f"examples, item {id}", value, "", dimension) for id, value in given.items()}
            continue
        require(side in ("user", "item"), f"examples: {side!r} is not 'user', 'item' or 'items'")
        test[side] = [
            {"record": dict(record), "vector": _vector(f"examples, {side} {at}", vector, metric, dimension)}
            for at, (record, vector) in enumerate(pairs(given))
        ]
    for side in needed:
        require_cases(side, test.get(side, ()))
    return test


def pairs(cases: Any) -> list[tuple[Record, npt.ArrayLike]]:
    """Records with their vectors."""
    if isinstance(cases, tuple) and len(cases) == 2 and callable(cases[1]):
        records, function = cases
        return [(record, function(record)) for record in records]
    return list(cases)


def require_cases(side: str, cases: Sized) -> None:
    """A tower needs a self-test of `CASES` records or more."""
    require(len(cases) >= CASES, f"examples: {len(cases)} of the {side} tower; the self-test needs {CASES} or more")


def _vector(where: str, value: Any, metric: str, dimension: int) -> list[float]:
    """A vector as towers give it: of length 1 under cosine."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().double().numpy()
    vector = np.asarray(value, dtype=np.float64)
    # A batch of one.
    vector = vector[0] if vector.ndim == 2 and len(vector) == 1 else vector
    require(vector.shape == (dimension,), f"{where}: the vector has the shape {vector.shape}, not ({dimension},)")
    require(bool(np.isfinite(vector).all()), f"{where}: the vector has numbers that are not finite")
    if metric == "cosine":
        length = np.linalg.norm(vector)
        require(bool(length > 0), f"{where}: the vector is all zeros, which cosine cannot compare")
        vector = vector / length
    # Nine digits are all that 32 bits hold.
    return [float(f"{component:.9g}") for component in vector]


def open_towers(described: Mapping[str, Any], test: Mapping[str, Any], files: Mapping[str, bytes]) -> Towers:
    """Open towers of these files, with their self-test."""
    # Windows keeps files that are mapped; the towers read them until they are dropped.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        path = Path(directory)
        texts = {"tower.json": described, "selftest.json": test}
        for name, content in texts.items():
            if content:
                text = json.dumps(content, ensure_ascii=False, allow_nan=False, default=_plain)
                (path / name).write_text(text, encoding="utf-8")
        for name, data in files.items():
            (path / name).write_bytes(data)
        return Towers.open(path)


def _plain(value: Any) -> Any:
    """Numbers and arrays of NumPy and PyTorch as JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def float32(array: npt.ArrayLike) -> Tensor:
    """A tensor of 32-bit floats."""
    return "F32", np.ascontiguousarray(array, dtype="<f4")


def safetensors(tensors: Mapping[str, Tensor]) -> bytes:
    """A safetensors file."""
    header: dict[str, Any] = {}
    parts, size = [], 0
    for name, (kind, array) in tensors.items():
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [size, size + array.nbytes]}
        parts.append(array.tobytes())
        size += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])
