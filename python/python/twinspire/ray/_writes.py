"""The log of incremental writes of a shard: numbered objects, each created only if absent.

A write is durable once its object exists: whatever machine is lost, every replica and every later publish reads it. So
nobody owns a shard: two writers that take the same number decide it by creating the object, and the later one takes the
next number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from twinspire._errors import CorruptError
from twinspire.ray._head import object_name
from twinspire.ray._storage import Storage

#: Threads that delete batches.
TRIM_THREADS = 8


@dataclass(frozen=True)
class Batch:
    """Writes that became durable together. Each operation is a record to put, or the id of an item to delete."""

    number: int
    operations: list[dict[str, Any] | str]


class WriteLog:
    """The log of one shard."""

    def __init__(self, store: Storage, shard: int) -> None:
        self.store, self.prefix = store, f"writes/{shard:05d}"

    def last(self, after: int = 0) -> int:
        """The number of the newest batch, at least `after`."""
        names = self.store.names(self.prefix, object_name(after))
        return int(names[-1][:-5]) if names else after

    def append(self, operations: list[dict[str, Any] | str], last: int) -> int:
        """Append a batch after number `last` or later. Returns its number; it is durable then."""
        data = json.dumps(operations, separators=(",", ":"), allow_nan=False).encode()
        number = last + 1
        while not self.store.create(f"{self.prefix}/{object_name(number)}", data):
            # The object may even be an attempt of ours that seemed to fail. An equal batch is written again all the
            # same: writes in between may have undone it.
            number = self.last(number) + 1
        return number

    def read(self, after: int, until: int | None = None) -> Iterator[Batch]:
        """The batches after a number, in order. Ends before a number that is missing."""
        number = after + 1
        while until is None or number <= until:
            name = f"{self.prefix}/{object_name(number)}"
            data = self.store.read(name)
            if data is None:
                return
            try:
                operations = json.loads(data)
                if not isinstance(operations, list) or not all(map(_is_operation, operations)):
                    raise ValueError("a list of records with ids, and of ids, is expected")
            except ValueError as error:
                reason = f"{name} in {self.store!r} is no batch of writes: {error}; restore the object"
                raise CorruptError(reason) from error
            yield Batch(number, operations)
            number += 1

    def trim(self, until: int) -> None:
        """Delete batches up to a number that no kept epoch needs."""
        old = [f"{self.prefix}/{name}" for name in self.store.names(self.prefix) if name <= object_name(until)]
        # There may be thousands, and a remote store takes milliseconds for each.
        with ThreadPoolExecutor(TRIM_THREADS) as threads:
            for _ in threads.map(self.store.delete, old):
                pass


def _is_operation(operation: Any) -> bool:
    return isinstance(operation, str) or (isinstance(operation, dict) and isinstance(operation.get("id"), str))


def runs(operations: Iterable[dict[str, Any] | str]) -> Iterator[list[dict[str, Any]] | list[str]]:
    """Operations as puts and deletes of many, in an order with the same outcome: the last one of an id counts."""
    last: dict[str, dict[str, Any] | str] = {}
    for operation in operations:
        last[operation if isinstance(operation, str) else operation["id"]] = operation
    if puts := [record for record in last.values() if not isinstance(record, str)]:
        yield puts
    if deletes := [id for id in last.values() if isinstance(id, str)]:
        yield deletes
