"""Types of arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, Protocol, Union, runtime_checkable


@runtime_checkable
class Frame(Protocol):
    """A table of polars, pandas, pyarrow, DuckDB and others: anything that exports an Arrow C stream."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the table."""


Record = Mapping[str, Any]
"""A record: JSON values by field, and those that `twinspire._convert.plain` makes JSON."""

Records = Union[Frame, Iterable[Record]]
"""A frame, or an iterable of dicts."""

Path = Union[str, PathLike[str]]
"""A path of the file system."""

Source = Union[Path, Records]
"""A file, a frame, or an iterable of dicts."""
