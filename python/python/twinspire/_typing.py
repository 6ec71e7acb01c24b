"""Types of arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, Union, runtime_checkable

if TYPE_CHECKING:
    from twinspire._twinspire import Source


@runtime_checkable
class Frame(Protocol):
    """A table of polars, pandas, pyarrow, DuckDB and others: anything that exports an Arrow C stream."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the table."""


Record = Mapping[str, Any]
"""A record: JSON values by field, and those that `twinspire._convert.plain` makes JSON."""

Records = Union[Frame, Iterable[Record], "Source"]
"""A frame, or an iterable of dicts; or either as a `Source`."""

Path = Union[str, PathLike[str]]
"""A path of the file system."""

Data = Union[Path, Sequence[Path], Records]
"""Files, directories of files, a frame, or an iterable of dicts; a `Source` has options by which it is read."""

Pairs = Union[Path, Records]
"""Pairs of a user and an item, with or without negatives: a file of JSON lines, a frame, or an iterable of dicts."""
