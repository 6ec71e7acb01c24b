"""The head of a cluster: one object that names an epoch of every shard. Creating it is the flip of the whole
cluster."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from twinspire._errors import ConflictError, CorruptError, NotFoundError, UnsupportedError
from twinspire.ray._storage import Storage

#: The version of the heads that this release writes and reads.
FORMAT = 1

_PREFIX = "cluster"


@dataclass(frozen=True)
class ShardHead:
    """One shard in an epoch of the cluster."""

    shard: int
    stored: str
    """The name of its files in the store."""
    items: int
    writes: int
    """The number of the last incremental write that its files include."""
    changed: int
    """Items that this epoch put or deleted."""
    recall: dict[str, float]
    """recall@10 of each space for recalls by user at their default beam width, as measured."""


@dataclass(frozen=True)
class Head:
    """An epoch of a cluster."""

    epoch: int
    shards: list[ShardHead]
    towers: dict[str, str]
    """The hash of the towers of each space; their files are at `towers/<hash>` in the store."""
    fused: dict[str, list[str]] = field(default_factory=dict)
    """The members of each fused space."""
    ensembles: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The recipe of each ensemble."""
    lexical: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The definition of each lexical space."""
    calibrations: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Mean scores of the hundredth and of the best item over all shards, for normalised sums by calibration."""

    @property
    def items(self) -> int:
        """Items of all shards."""
        return sum(shard.items for shard in self.shards)

    def to_bytes(self) -> bytes:
        """The head as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Head:
        """Read a head; `name` is for errors."""
        try:
            fields = json.loads(data)
            written = fields.pop("format")
            if isinstance(written, int) and written > FORMAT:
                raise UnsupportedError(f"{name} has format {written}, this release reads {FORMAT}; upgrade it")
            if written != FORMAT:
                raise ValueError(f"format {written!r}")
            fields["shards"] = [ShardHead(**shard) for shard in fields["shards"]]
            fields["calibrations"] = {space: (scale[0], scale[1]) for space, scale in fields["calibrations"].items()}
            return cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorruptError(
                f"{name} is no head of a cluster: {error}; restore it, or delete it to go back"
            ) from error


def object_name(number: int) -> str:
    """The name of a numbered object: names sort as the numbers do."""
    return f"{number:020d}.json"


def epochs(store: Storage) -> list[int]:
    """The epochs that have a head, ascending."""
    return [int(name[:-5]) for name in store.names(_PREFIX) if name.endswith(".json") and name[:-5].isdigit()]


def read_head(store: Storage, epoch: int | None = None) -> Head:
    """The head of an epoch, or of the newest one."""
    if epoch is None:
        known = epochs(store)
        if not known:
            raise NotFoundError(f"no epoch is published in {store!r}; publish items first")
        epoch = known[-1]
    name = f"{_PREFIX}/{object_name(epoch)}"
    data = store.read(name)
    if data is None:
        raise NotFoundError(f"epoch {epoch} has no head in {store!r}; there are {epochs(store)}")
    return Head.from_bytes(data, name)


def commit_head(store: Storage, head: Head) -> None:
    """Make an epoch the one that is served. Of two publishers of one epoch, one gets a `ConflictError`."""
    name = f"{_PREFIX}/{object_name(head.epoch)}"
    try:
        created = store.create(name, head.to_bytes())
    except Exception:
        # The outcome may be unknown: the head is there, or it is not.
        if store.read(name) == head.to_bytes():
            return
        raise
    newest = epochs(store)[-1]
    if created and newest > head.epoch:
        # The head of the other was deleted since, as one of an epoch that is not kept.
        delete_head(store, head.epoch)
    if not created or newest > head.epoch:
        raise ConflictError(f"another publish has made epoch {newest} meanwhile; publish again on top of it")


def delete_head(store: Storage, epoch: int) -> None:
    """Forget an epoch."""
    store.delete(f"{_PREFIX}/{object_name(epoch)}")
