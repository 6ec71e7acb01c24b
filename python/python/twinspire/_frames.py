"""Frames whose export needs help."""

from __future__ import annotations

from typing import Any


def exportable(frame: Any) -> Any:
    """Return a frame that exports an Arrow C stream which readers accept.

    polars exports columns of nulls with a buffer that the C data interface does not have. They become columns of absent
    booleans, which give the same records.
    """
    if type(frame).__module__.partition(".")[0] != "polars" or not hasattr(frame, "schema"):
        return frame
    import polars as pl

    def known(kind: Any) -> Any:
        if kind == pl.Null:
            return pl.Boolean
        if isinstance(kind, pl.List):
            return pl.List(known(kind.inner))
        if isinstance(kind, pl.Array):
            return pl.Array(known(kind.inner), kind.size)
        if isinstance(kind, pl.Struct):
            return pl.Struct({field.name: known(field.dtype) for field in kind.fields})
        return kind

    kinds = {name: known(kind) for name, kind in frame.schema.items()}
    changed = {name: kind for name, kind in kinds.items() if kind != frame.schema[name]}
    return frame.cast(changed) if changed else frame
