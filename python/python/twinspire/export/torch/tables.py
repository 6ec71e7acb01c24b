"""Embedding tables, and how wide features are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from twinspire._errors import ExportError
from twinspire.export._towers import Tensor, require

POOLED = ("ids", "categories", "cross", "text", "geo")

#: The name of each type in a safetensors file, and the integers of its size.
_TYPES = {
    torch.float32: ("F32", torch.int32),
    torch.float16: ("F16", torch.int16),
    torch.bfloat16: ("BF16", torch.int16),
}


@dataclass(frozen=True)
class Table:
    """An embedding table, and which of its rows a string has."""

    weights: Any
    """An `nn.Embedding`, an `nn.EmbeddingBag`, or a tensor of [rows, dimension]. A row named by `padding_idx` is left
    out if there is one row more than the look-up has."""
    lookup: Mapping[str, Any]
    """As in `tower.json`, such as ``{"vocabulary": {"ids": ids, "unknown": "skip"}}``."""

    def rows(self, name: str) -> Any:
        """The rows, in the order of the look-up."""
        module = self.weights
        kind, lookup = next(iter(self.lookup.items()))
        if kind == "vocabulary":
            ids, unknown = lookup["ids"], lookup.get("unknown")
            require(all(isinstance(id, str) for id in ids), f"table {name}: ids have to be strings")
            require(len(set(ids)) == len(ids), f"table {name}: an id stands in the vocabulary twice")
            expected = len(ids) + _buckets(unknown)
        elif kind in ("hash", "index"):
            expected = lookup["buckets" if kind == "hash" else "rows"]
        else:
            raise ExportError(f"table {name}: the look-up {kind!r} is not vocabulary, hash or index")
        if type(module) in (nn.Embedding, nn.EmbeddingBag):
            require(
                module.max_norm is None,
                f"table {name}: max_norm changes rows when they are read; apply it for good with table.weight.data = "
                "torch.renorm(table.weight.data, table.norm_type, 0, table.max_norm) and table.max_norm = None",
            )
            rows, padding = module.weight, module.padding_idx
        else:
            require(
                isinstance(module, torch.Tensor) and module.dim() == 2,
                f"table {name}: is {type(module).__name__}; give an nn.Embedding, an nn.EmbeddingBag or a tensor of "
                "[rows, dimension]",
            )
            rows, padding = module, None
        if padding is not None and len(rows) == expected + 1:
            # The row that fills up short lists is no string's.
            rows = torch.cat([rows[:padding], rows[padding + 1 :]])
        require(
            len(rows) == expected,
            f"table {name}: has {len(rows)} rows, its look-up {expected}; rows of unknown strings come last, as "
            '{"buckets": n}; padding_idx has to name a row that is for padding only',
        )
        return rows


def _buckets(unknown: Any) -> int:
    if not isinstance(unknown, Mapping):
        return 0
    return int(unknown["buckets"] if "buckets" in unknown else unknown["hash"]["buckets"])


def width(where: str, feature: Mapping[str, Any], tables: Mapping[str, Table], dimension: int) -> int:
    """How many numbers a feature gives. Opening the towers checks its other keys."""
    kind, name = feature.get("kind"), feature.get("table")
    if kind == "items":
        return dimension
    if kind == "index":
        return 1
    if kind == "indices":
        return int(feature["limit"])
    if name is not None:
        require(name in tables, f"{where}: there is no table {name!r}")
        table = tables[name].weights
        pooling = feature.get("pooling", "sum" if kind == "geo" else "mean")
        if kind in POOLED and isinstance(table, nn.EmbeddingBag):
            require(
                table.mode == pooling,
                f"{where}: pools by {pooling}, its nn.EmbeddingBag by {table.mode}; make them the same, or if the "
                "table is read in both ways give its .weight in place of the module",
            )
        return int(table.weight.shape[1] if isinstance(table, nn.Module) else table.shape[1])
    if kind in ("number", "distance", "age"):
        return 2 if feature.get("missing_flag") else 1
    widths = {
        "buckets": len(feature.get("boundaries", [])) + 1,
        "hour": 2,
        "weekday": 7,
        "vector": feature.get("dimension", 0),
    }
    require(kind in widths, f"{where}: kind {kind!r} is not known, or needs a table")
    return int(widths[str(kind)])


def stored(where: str, tensor: Any, dtype: Any) -> Tensor:
    """A tensor as it is written. Vectors stay in 32 bits, being small and of any magnitude."""
    dtype = dtype if tensor.dim() == 2 else torch.float32
    tensor = tensor.detach().to("cpu", dtype).contiguous()
    room = "; torch.bfloat16 has room for larger ones" if dtype == torch.float16 else ""
    require(bool(tensor.isfinite().all()), f"{where}: has numbers that are not finite in {dtype}{room}")
    name, integers = _TYPES[dtype]
    return name, tensor.view(integers).numpy()
