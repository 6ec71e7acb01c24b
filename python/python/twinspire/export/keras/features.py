"""Preprocessing layers of Keras to features of `tower.json`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from twinspire._errors import ExportError
from twinspire.export._towers import require
from twinspire.export.keras.values import Columns, Embedded, Field, Rows, Value

#: The widest encoding without an embedding: its table is a matrix of as many rows and columns.
_WIDEST = 4096


class Features:
    """The features and tables of the towers, in the order in which they are found."""

    def __init__(self, extra: dict[str, Any]) -> None:
        self.features: list[dict[str, Any]] = []
        self.tables: dict[str, tuple[dict[str, Any], npt.NDArray[np.float32]]] = {}
        #: What is done to the numbers of the features before the first layer: (x - mean) / deviation.
        self.mean: list[float] = []
        self.deviation: list[float] = []
        self._extra = extra
        self._found: list[tuple[Any, Columns]] = []

    def _add(self, feature: dict[str, Any], width: int, mean: Any = 0.0, deviation: Any = 1.0) -> Columns:
        mean = np.broadcast_to(np.asarray(mean, dtype=np.float64).ravel(), width).tolist()
        deviation = np.broadcast_to(np.asarray(deviation, dtype=np.float64).ravel(), width).tolist()
        added = (feature, mean, deviation)
        for known, columns in self._found:
            if known == added:
                return columns
        start = len(self.mean)
        columns = Columns(tuple(range(start, start + width)))
        self._found.append((added, columns))
        self.features.append(feature | self._extra.get(feature["field"], {}))
        self.mean.extend(mean)
        self.deviation.extend(deviation)
        return columns

    def number(self, where: str, field: Field, mean: Any = 0.0, deviation: Any = 1.0) -> Columns:
        """The numbers of a field, less the mean, by the deviation."""
        require(not field.text, f"{where}: the field {field.name!r} is text; look it up or hash it first")
        if field.single:
            mean, deviation = np.ravel(mean), np.ravel(deviation)
            feature: dict[str, Any] = {"kind": "number", "field": field.name}
            if mean[0] != 0.0 or deviation[0] != 1.0:
                feature |= {"mean": float(mean[0]), "deviation": float(deviation[0])}
            return self._add(feature, 1)
        require(
            field.length is not None,
            f"{where}: the field {field.name!r} has any number of numbers; give its keras.Input a length",
        )
        width = int(field.length or 0)
        return self._add({"kind": "vector", "field": field.name, "dimension": width}, width, mean, deviation)

    def buckets(self, layer: Any, where: str, field: Field) -> Value:
        """A `Discretization` layer."""
        require(field.single, f"{where}: reads several numbers; a feature `buckets` reads one")
        boundaries = [float(boundary) for boundary in layer.bin_boundaries]
        if layer.output_mode == "one_hot":
            feature = {"kind": "buckets", "field": field.name, "boundaries": boundaries}
            return self._add(feature, len(boundaries) + 1)
        _require_mode(layer, where, "int")
        count = len(boundaries) + 1
        return Rows(field, {"buckets": boundaries}, slice(0, count))

    def pooled(self, where: str, embedded: Embedded, pooling: str) -> Columns:
        """Embeddings of a field: of its one string, or of a list, pooled."""
        rows, field = embedded.rows, embedded.rows.field
        width = int(embedded.table.shape[1])
        if "buckets" in rows.lookup:
            name = self._table({"index": {"rows": rows.count}}, embedded.table, field.name)
            boundaries = rows.lookup["buckets"]
            feature = {"kind": "buckets", "field": field.name, "boundaries": boundaries, "table": name}
            return self._add(feature, width)
        require(
            field.single or not rows.masked or embedded.skips_mask,
            f"{where}: pools the mask token with the strings of {field.name!r}; "
            "give the embedding mask_zero=True, or the look-up no mask_token",
        )
        name = self._table(dict(rows.lookup), embedded.table, field.name)
        if field.single:
            return self._add({"kind": "id", "field": field.name, "table": name}, width)
        feature = {"kind": "categories", "field": field.name, "table": name}
        if field.length is not None:
            feature = {"kind": "ids", "field": field.name, "table": name, "limit": field.length}
        return self._add(feature | ({} if pooling == "mean" else {"pooling": pooling}), width)

    def encoded(self, where: str, rows: Rows, mode: str) -> Columns:
        """Rows as numbers: one for each row, that of a string in the field 1 or how often it stands there."""
        pooling = {"one_hot": "max", "multi_hot": "max", "count": "sum"}.get(mode)
        if pooling is None:
            raise ExportError(f"{where}: the output mode {mode!r} cannot be exported; {ONNX}")
        require(mode != "one_hot" or rows.field.single, f"{where}: one_hot of a list; multi_hot or count is a row")
        count = rows.count
        require(
            count <= _WIDEST, f"{where}: encodes {count} rows as so many numbers, at most {_WIDEST}; use an Embedding"
        )
        table = np.eye(count, dtype=np.float32)
        return self.pooled(where, Embedded(rows, table, skips_mask=True), pooling)

    def _table(self, lookup: dict[str, Any], table: npt.NDArray[np.float32], field: str) -> str:
        """The name of a table; the same one for equal tables."""
        for name, (known, weights) in self.tables.items():
            if known == lookup and weights.shape == table.shape and np.array_equal(weights, table):
                return name
        name = field
        while name in self.tables:
            name += "_"
        self.tables[name] = (lookup, table)
        return name


ONNX = "export the model by model.export(path, format='onnx') or tf2onnx, and give that to twinspire.export.onnx"


def lookup(layer: Any, where: str, field: Field) -> Rows:
    """The rows of a `StringLookup` or an `IntegerLookup`."""
    require(not layer.invert, f"{where}: inverts a look-up")
    ids = [_text(id) for id in layer.get_vocabulary(include_special_tokens=False)]
    unknown = int(layer.num_oov_indices)
    found: dict[str, Any] = {"ids": ids}
    if unknown > 1 and type(layer).__name__ == "IntegerLookup":
        raise ExportError(f"{where}: num_oov_indices of {unknown}; whole numbers are exported with 0 or 1")
    if unknown > 0:
        found["unknown"] = {"hash": {"buckets": unknown, "function": "farmhash", "at": "start"}}
    # Encodings have no number for the mask token.
    first = int(layer.mask_token is not None and layer.output_mode == "int")
    return Rows(field, {"vocabulary": found}, slice(first, first + unknown + len(ids)))


def hashing(layer: Any, where: str, field: Field) -> Rows:
    """The rows of a `Hashing` layer."""
    masked = layer.mask_value is not None
    buckets = int(layer.num_bins) - int(masked and layer.num_bins > 1)
    salt = layer.salt
    function = "farmhash" if salt is None else {"siphash": [int(part) for part in np.broadcast_to(salt, 2)]}
    first = int(masked)
    return Rows(field, {"hash": {"buckets": buckets, "function": function}}, slice(first, first + buckets))


def numbers(layer: Any, where: str, field: Field) -> Rows:
    """The rows of a `CategoryEncoding`, whose field has them."""
    require(not field.text, f"{where}: reads text; a StringLookup gives it rows")
    count = int(layer.num_tokens)
    return Rows(field, {"index": {"rows": count}}, slice(0, count))


def embedding(layer: Any, where: str, rows: Rows) -> Embedded:
    """The embeddings of rows."""
    weights = np.asarray(layer.embeddings, dtype=np.float32)
    require(
        len(weights) >= rows.rows.stop, f"{where}: has {len(weights)} rows, the layer before it gives {rows.rows.stop}"
    )
    return Embedded(rows, np.ascontiguousarray(weights[rows.rows]), bool(layer.mask_zero))


def moments(layer: Any) -> tuple[Any, Any]:
    """Mean and deviation of a `Normalization` layer."""
    import keras

    mean = np.asarray(layer.mean, dtype=np.float64)
    deviation = np.maximum(np.sqrt(np.asarray(layer.variance, dtype=np.float64)), keras.config.epsilon())
    if layer.invert:
        # x * deviation + mean
        return -mean / deviation, 1.0 / deviation
    return mean, deviation


def rescaling(layer: Any) -> tuple[Any, Any]:
    """Mean and deviation of a `Rescaling` layer: x * scale + offset."""
    scale = np.asarray(layer.scale, dtype=np.float64)
    return -np.asarray(layer.offset, dtype=np.float64) / scale, 1.0 / scale


def _require_mode(layer: Any, where: str, *modes: str) -> None:
    require(layer.output_mode in modes, f"{where}: the output mode {layer.output_mode!r} cannot be exported; {ONNX}")


def _text(id: Any) -> str:
    return id.decode() if isinstance(id, bytes) else str(id)
