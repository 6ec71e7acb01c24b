"""What a tensor of a Keras model is in the terms of `tower.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Field:
    """The raw values of a field of the record."""

    name: str
    length: int | None
    """Numbers or strings a record has: 0 for a single one without a dimension of its own, `None` for any number."""
    text: bool
    """Whether they are strings."""

    @property
    def single(self) -> bool:
        """Whether a record has one value."""
        return self.length in (0, 1)


@dataclass(frozen=True)
class Rows:
    """Row numbers of strings."""

    field: Field
    lookup: Mapping[str, Any]
    """As in `tower.json`."""
    rows: slice
    """The rows of an embedding that the look-up gives; before them is that of the mask token."""

    @property
    def masked(self) -> bool:
        """Whether row 0 is that of a mask token."""
        return int(self.rows.start) > 0

    @property
    def count(self) -> int:
        """Number of rows."""
        return int(self.rows.stop - self.rows.start)


@dataclass(frozen=True)
class Embedded:
    """Embeddings of the strings of a field, not pooled yet."""

    rows: Rows
    table: npt.NDArray[np.float32]
    skips_mask: bool
    """Whether pooling passes over the mask token."""


@dataclass(frozen=True)
class Columns:
    """Some of the numbers of the features."""

    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Output:
    """What a layer gives."""

    name: str
    width: int


Value = Union[Field, Rows, Embedded, Columns, Output]
