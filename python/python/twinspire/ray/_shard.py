"""One shard as a replica serves it: a private copy of an epoch, kept up to date from the log of writes."""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

import twinspire._twinspire as native
from twinspire._errors import ClosedError, InvalidInputError, NotFoundError, StorageError
from twinspire.ray._errors import EpochAbsentError, TimedOutError
from twinspire.ray._head import Head, epochs, read_head
from twinspire.ray._storage import Storage
from twinspire.ray._writes import WriteLog, runs

_T = TypeVar("_T")

#: Epochs that a replica keeps open: the newest, and the one that routers ask for until all replicas have the newest.
KEPT_EPOCHS = 2

#: Seconds after a failed request in which recalls do not read the log.
RETRY_DELAY = 1.0


class ServedEpoch:
    """An epoch of a shard, open in a directory of its own."""

    def __init__(self, store: Storage, head: Head, shard: int, directory: Path) -> None:
        self.head, self.shard, self.directory = head, shard, directory
        named = head.shards[shard]
        directory.parent.mkdir(parents=True, exist_ok=True)
        fetched = directory.with_name(f"{directory.name}.fetched")
        try:
            store.fetch(named.stored, fetched)
            # Every byte is checked before anything is served.
            native.restore(fetched, directory)
        finally:
            shutil.rmtree(fetched, ignore_errors=True)
        self.database = native.open(directory, create=False)
        self.log = WriteLog(store, shard)
        self.applied = named.writes
        self.refused = 0
        self._lock = threading.Lock()
        #: After a failed read of the log: the time of the next try, and the error.
        self._retry_after: tuple[float, str] | None = None

    def catch_up(self, until: int | None = None) -> int:
        """Apply the writes of the log. Returns the number of the last batch that is visible.

        With `until`, writes after it may be left out. For a second after a failed read there is no new one: many
        recalls would wait for the store one after the other.
        """
        with self._lock:
            retry = self._retry_after
            if until is not None and self.applied < until and retry and time.monotonic() < retry[0]:
                raise StorageError(f"the store failed less than {RETRY_DELAY:g} s ago: {retry[1]}")
            if until is None or self.applied < until:
                try:
                    self._read()
                except StorageError as error:
                    self._retry_after = time.monotonic() + RETRY_DELAY, str(error)
                    raise
                self._retry_after = None
            return self.applied

    def _read(self) -> None:
        for batch in self.log.read(self.applied):
            for run in runs(batch.operations):
                self._apply(run)
            self.applied = batch.number

    def _apply(self, run: list[dict[str, Any]] | list[str]) -> None:
        if isinstance(run[0], str):
            self.database.items.delete_many([id for id in run if isinstance(id, str)])
            return
        try:
            self.database.items.put_many(run, batch=None)
        except InvalidInputError:
            # All replicas refuse the same records, and the writer has refused them before, unless towers changed since.
            for record in run:
                try:
                    self.database.items.put_many([record])
                except InvalidInputError:
                    self.refused += 1

    def close(self) -> None:
        """Let go of the epoch and its files."""
        self.database.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class ShardServer:
    """A replica of one shard. It opens new epochs in the background, and answers for those that are open."""

    def __init__(self, store: Storage, shard: int, directory: Path, *, poll: float = 1.0, start: bool = True) -> None:
        self.store, self.shard, self.poll = store, shard, poll
        # Another replica of the shard may run on the machine.
        self.directory = directory / f"shard-{shard:05d}-{uuid.uuid4().hex[:12]}"
        self.problem: str | None = None
        self._open: dict[int, ServedEpoch] = {}
        #: An epoch that a router has asked for in vain.
        self._wanted: int | None = None
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        try:
            self.refresh()
        except Exception:
            self.close()
            raise
        if start:
            threading.Thread(target=self._follow, name=f"follow-{shard}", daemon=True).start()

    def refresh(self) -> None:
        """Open the newest epoch, and apply new writes to all that are open."""
        with self._opening:
            newest = epochs(self.store)[-KEPT_EPOCHS:]
            wanted = [epoch for epoch in newest if epoch in (newest[-1], self._wanted)]
            for epoch in reversed(wanted):
                if epoch not in self._open:
                    self._fetch(epoch)
            self._wanted = None
            for served in list(self._open.values()):
                served.catch_up()

    def _fetch(self, epoch: int) -> None:
        head = read_head(self.store, epoch)
        if not self.shard < len(head.shards):
            reason = (
                f"epoch {epoch} has {len(head.shards)} shards, none of number {self.shard}; serve the cluster again"
            )
            raise NotFoundError(reason)
        served = ServedEpoch(self.store, head, self.shard, self.directory / f"epoch-{epoch}-{uuid.uuid4().hex[:8]}")
        served.catch_up()
        with self._lock:
            self._open[epoch] = served
            old = sorted(self._open)[:-KEPT_EPOCHS]
            gone = [self._open.pop(number) for number in old]
        # Calls under way finish: a handle that is closed waits for them.
        for served in gone:
            served.close()

    def _follow(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self.poll)
            self._wake.clear()
            try:
                self.refresh()
                self.problem = None
            except Exception as error:
                # The epochs that are open go on serving; the next round tries again.
                self.problem = f"{type(error).__name__}: {error}"

    def _served(self, epoch: int, after: int, wished: int) -> ServedEpoch:
        """An epoch with the writes up to `after`, and up to `wished` if they can be read."""
        with self._lock:
            served = self._open.get(epoch)
            known = sorted(self._open)
        if served is None:
            self._wanted = epoch
            self._wake.set()
            reason = f"; fetching failed: {self.problem}" if self.problem else ""
            raise EpochAbsentError(f"shard {self.shard} serves epochs {known}, not {epoch} yet; ask for one{reason}")
        if served.applied < max(after, wished):
            try:
                served.catch_up(max(after, wished))
            except StorageError:
                if served.applied < after:
                    raise
        if served.applied < after:
            raise TimedOutError(f"shard {self.shard} has writes up to {served.applied}, not {after}; ask again")
        return served

    def top(
        self, epoch: int, name: str, options: Mapping[str, Any], after: int = 0, wished: int = 0
    ) -> tuple[bytes, int]:
        """The contribution to an answer as bytes, and the last write that it includes: `after` or later, and `wished`
        or later unless the store fails."""
        served = self._served(epoch, after, wished)
        applied = served.applied
        return self._of(served, lambda database: database.top_of_shard(name, **options).to_bytes()), applied

    def vectors(
        self, epoch: int, space: str, ids: list[str], after: int = 0, wished: int = 0
    ) -> dict[str, npt.NDArray[np.float32]]:
        """The vectors of those of these items that have one."""
        return self._of(self._served(epoch, after, wished), lambda database: database.known_vectors(space, ids))

    def records(self, epoch: int, ids: Iterable[str], after: int = 0, wished: int = 0) -> dict[str, dict[str, Any]]:
        """The records of those of these items that there are."""
        found = self._of(
            self._served(epoch, after, wished), lambda database: {id: database.items.get(id) for id in ids}
        )
        return {id: record for id, record in found.items() if record is not None}

    def _of(self, served: ServedEpoch, read: Callable[[native.Database], _T]) -> _T:
        """What is read of an epoch, unless it is closed meanwhile."""
        try:
            return read(served.database)
        except ClosedError as error:
            raise EpochAbsentError(
                f"shard {self.shard} serves epoch {served.head.epoch} no longer; ask again"
            ) from error

    def stats(self) -> dict[str, Any]:
        """What is served: epochs, the last write of each, refused writes, why fetching fails."""
        with self._lock:
            served = sorted(self._open.items())
        return {
            "shard": self.shard,
            "epochs": [epoch for epoch, _ in served],
            "writes": {epoch: one.applied for epoch, one in served},
            "items": {epoch: len(one.database.items) for epoch, one in served},
            "refused": sum(one.refused for _, one in served),
            "problem": self.problem,
        }

    def close(self) -> None:
        """End, and delete the copies."""
        self._stop.set()
        self._wake.set()
        with self._opening, self._lock:
            for served in self._open.values():
                served.close()
            self._open.clear()
        shutil.rmtree(self.directory, ignore_errors=True)


def wait_for(server: ShardServer, epoch: int, seconds: float) -> None:
    """Wait until a replica serves an epoch."""
    until = time.monotonic() + seconds
    while epoch not in server.stats()["epochs"]:
        if time.monotonic() > until:
            reason = f"shard {server.shard} does not serve epoch {epoch} after {seconds} s: {server.problem}"
            raise TimedOutError(reason)
        server.refresh()


def only_fields(record: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """The members of a record at these paths, as a recall with `records` gives them."""
    wanted = set(fields)

    def kept(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            return value
        result = {}
        for name, member in value.items():
            at = f"{path}.{name}" if path else name
            if at in wanted:
                result[name] = member
            elif isinstance(member, dict) and any(one.startswith(f"{at}.") for one in wanted):
                result[name] = kept(member, at)
        return result

    return dict(kept(record, ""))
