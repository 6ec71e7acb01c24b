"""The writer: checks puts and deletes, and makes those that wait at one moment durable together. Without Ray."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twinspire._convert import plain
from twinspire._errors import InvalidInputError, ItemError, NotFoundError
from twinspire.ray._errors import OverloadedError
from twinspire.ray._hash import shard_of
from twinspire.ray._head import read_head
from twinspire.ray._state import ClusterState
from twinspire.ray._storage import Storage
from twinspire.ray._writes import WriteLog

#: Operations that one batch of the log has at most.
BATCH = 1000

#: Operations that may wait in a writer.
DEFAULT_QUEUE = 20_000


@dataclass(frozen=True)
class Written:
    """Writes that are durable."""

    operations: int
    writes: dict[int, int] = field(default_factory=dict)
    """The number of the batch in the log of each shard that was written to; an answer `after` them includes them."""


class _Queue:
    """The operations of one shard that wait, and who waits for them."""

    def __init__(self, log: WriteLog, last: int) -> None:
        self.log, self.last = log, last
        self.waiting: list[tuple[list[dict[str, Any] | str], asyncio.Future[int]]] = []
        self.running: asyncio.Task[None] | None = None


class Writer:
    """Appends to the logs of all shards. Of several writers each is right: the log decides their order."""

    def __init__(self, store: Storage, states: Callable[[], list[ClusterState]], *, queue: int = DEFAULT_QUEUE) -> None:
        self.store, self.states, self.limit = store, states, queue
        self.waiting = 0
        self._queues: dict[int, _Queue] = {}

    async def write(self, puts: Iterable[Mapping[str, Any]] = (), deletes: Iterable[str] = ()) -> Written:
        """Put records, then delete items. Returns once all are durable; those of one shard become visible together."""
        states = self.states()
        if not states:
            raise NotFoundError("no epoch is published; publish items first")
        operations: list[dict[str, Any] | str] = [*check(states[0], puts), *_ids(deletes)]
        if self.waiting + len(operations) > self.limit and self.waiting:
            raise OverloadedError(f"{self.waiting} writes wait already, {self.limit} may; write again later")
        each: dict[int, list[dict[str, Any] | str]] = {}
        for operation in operations:
            id = operation if isinstance(operation, str) else operation["id"]
            each.setdefault(shard_of(id, len(states[0].head.shards)), []).append(operation)
        self.waiting += len(operations)
        try:
            done = [self._append(shard, few, states[0]) for shard, few in each.items()]
            results = await asyncio.gather(*done, return_exceptions=True)
        finally:
            self.waiting -= len(operations)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        numbers = [number for number in results if isinstance(number, int)]
        return Written(len(operations), dict(zip(each, numbers, strict=True)))

    async def _append(self, shard: int, operations: list[dict[str, Any] | str], state: ClusterState) -> int:
        queue = self._queues.get(shard)
        if queue is None:
            queue = self._queues[shard] = _Queue(WriteLog(self.store, shard), state.head.shards[shard].writes)
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        queue.waiting.append((operations, done))
        if queue.running is None:
            queue.running = asyncio.create_task(self._drain(queue, shard))
        return await done

    async def _drain(self, queue: _Queue, shard: int) -> None:
        """Append what waits, batch by batch, until nothing does."""
        while queue.waiting:
            taken: list[tuple[list[dict[str, Any] | str], asyncio.Future[int]]] = []
            count = 0
            while queue.waiting and (not taken or count + len(queue.waiting[0][0]) <= BATCH):
                taken.append(queue.waiting.pop(0))
                count += len(taken[-1][0])
            batch = [operation for operations, _ in taken for operation in operations]
            try:
                number = await asyncio.to_thread(self._durable, queue, shard, batch)
                for _, done in taken:
                    if not done.done():
                        done.set_result(number)
            except Exception as error:
                for _, done in taken:
                    if not done.done():
                        done.set_exception(error)
        queue.running = None

    def _durable(self, queue: _Queue, shard: int, batch: list[dict[str, Any] | str]) -> int:
        number = queue.log.append(batch, queue.last)
        while (trimmed := self._folded(shard)) >= number:
            # The log may have gone on without this writer until the number was used and trimmed: then nobody reads the
            # batch. If it is part of the epoch instead, it is written twice, which changes nothing.
            number = queue.log.append(batch, trimmed)
        queue.last = number
        return number

    def _folded(self, shard: int) -> int:
        """The last write that the newest epoch includes."""
        return read_head(self.store).shards[shard].writes


def check(state: ClusterState, puts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The records as they are stored, if every space can embed them."""
    records = []
    for put in puts:
        record = {name: plain_value(value) for name, value in put.items()}
        id = record.get("id")
        if not isinstance(id, str) or not id:
            raise ItemError(f"a record has the id {id!r}; give it a text")
        try:
            json.dumps(record, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ItemError(f"item {id!r} cannot be stored: {error}") from error
        records.append(record)
    for space, towers in state.towers.items():
        if not records:
            break
        try:
            towers.embed_items(records)
        except InvalidInputError as error:
            raise ItemError(f"an item cannot be embedded for space {space!r}: {error}") from error
    return records


def plain_value(value: Any) -> Any:
    """A value as JSON has it."""
    return value if isinstance(value, (str, int, float, bool)) or value is None else plain(value)


def _ids(deletes: Iterable[str]) -> list[str]:
    ids = list(deletes)
    for id in ids:
        if not isinstance(id, str):
            raise ItemError(f"the id {id!r} of an item to delete is no text")
    return ids
