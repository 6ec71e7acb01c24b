"""A cluster on Ray Serve: replicas of each shard, writers, routers."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from twinspire._errors import CorruptError, Error, InvalidInputError, NotFoundError, StorageError
from twinspire.ray import _import
from twinspire.ray._cluster import Cluster
from twinspire.ray._errors import OverloadedError, ShardError, TimedOutError
from twinspire.ray._head import read_head
from twinspire.ray._router import Router
from twinspire.ray._shard import ShardServer
from twinspire.ray._state import States
from twinspire.ray._storage import Storage, Store, storage
from twinspire.ray._translate import call_some, outcome
from twinspire.ray._writer import Writer, Written

_T = TypeVar("_T")

#: Seconds that a replica tries to read the store before its start fails.
PATIENCE = 60.0


def serve(
    store: Store,
    *,
    name: str = "twinspire",
    replicas: int = 1,
    routers: int = 1,
    writers: int = 1,
    poll: float = 1.0,
    max_ongoing: int = 16,
    max_queued: int = 64,
    work: str | Path | None = None,
    route: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Cluster:
    """Serve a cluster on Ray Serve, in this Ray cluster. Later epochs are followed; a second call changes the numbers.

    Parameters
    ----------
    store : str or os.PathLike or Storage
        Where the cluster is published: a directory, or an address such as ``s3://bucket/shop``.
    name : str
        The name of the application.
    replicas, routers, writers : int
        Replicas of each shard, routers and writers.
    poll : float
        Seconds between looks for a new epoch and new writes.
    max_ongoing, max_queued : int
        Requests that a replica answers at a time, and that wait for one; beyond, `OverloadedError`.
    work : str or Path, optional
        A directory of each machine for the copies that replicas serve; its directory for temporary files by default.
    route : str, optional
        A path on which the proxy of Serve answers POST requests with JSON, such as ``'/recall'``.
    options : dict, optional
        More options of every deployment, such as ``{"ray_actor_options": {"num_cpus": 0.5}}``.

    Returns
    -------
    Cluster
    """
    engine = _import.serve()
    kept = storage(store)
    count = len(read_head(kept).shards)
    directory = Path(work if work is not None else tempfile.gettempdir())
    common = {"max_ongoing_requests": max_ongoing, "max_queued_requests": max_queued, **(options or {})}
    # Writers gather what waits, and routers wait for shards: both take many requests at a time.
    wide = {**common, "max_ongoing_requests": max_ongoing + max_queued}
    shards = [
        engine.deployment(ShardReplica, name=f"shard-{shard}", num_replicas=replicas, **common).bind(
            kept, shard, directory, poll
        )
        for shard in range(count)
    ]
    writer = engine.deployment(WriterReplica, name="writer", num_replicas=writers, **wide).bind(kept, poll)
    router = engine.deployment(RouterReplica, name="router", num_replicas=routers, **wide).bind(
        kept, shards, writer, poll
    )
    handle = engine.run(router, name=name, route_prefix=route)
    return Cluster(handle, name)


def connect(name: str = "twinspire") -> Cluster:
    """The cluster that is served under a name in this Ray cluster."""
    return Cluster(_import.serve().get_app_handle(name), name)


class ShardReplica:
    """A replica of one shard."""

    def __init__(self, store: Storage, shard: int, directory: Path, poll: float) -> None:
        # A replica without an epoch would get requests and answer none.
        self.server = _patiently(lambda: ShardServer(store, shard, directory, poll=poll))

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of `ShardServer`."""
        return await outcome(asyncio.to_thread(getattr(self.server, method), *arguments))

    def __del__(self) -> None:
        if hasattr(self, "server"):
            self.server.close()


class _Following:
    """The states of a store, looked up in the background."""

    def __init__(self, store: Storage, poll: float) -> None:
        self.states, self.poll = States(store), poll
        _patiently(self.states.refresh)
        self.wake = threading.Event()
        threading.Thread(target=self._follow, name="follow", daemon=True).start()

    def _follow(self) -> None:
        while True:
            self.wake.wait(self.poll)
            self.wake.clear()
            try:
                self.states.refresh()
            except Exception:
                # What is known goes on serving; the next round tries again.
                continue


class WriterReplica:
    """A writer."""

    def __init__(self, store: Storage, poll: float) -> None:
        self.following = _Following(store, poll)
        self.writer = Writer(store, lambda: self.following.states.all)

    async def write(self, puts: list[Mapping[str, Any]], deletes: list[str]) -> Any:
        """Put records and delete items, durably."""
        return await outcome(self.writer.write(puts, deletes))


class HandleShards:
    """Reaches replicas by the handles of their deployments."""

    def __init__(self, handles: list[Any]) -> None:
        self.handles = handles

    async def call(self, shard: int, method: str, *arguments: Any) -> Any:
        """Call some replica; where one dies, another."""
        try:
            return await call_some(self.handles[shard].call, method, *arguments)
        except _import.ray().exceptions.RayError as error:
            raise ShardError(f"shard {shard} has no replica that answers: {error}; ask again", shard) from error


class RouterReplica:
    """A router."""

    def __init__(self, store: Storage, shards: list[Any], writer: Any, poll: float) -> None:
        self.following = _Following(store, poll)
        self.shards, self.writer = HandleShards(shards), writer
        self.router = Router(self.shards, lambda: self.following.states.all, self.following.wake.set)

    async def recall(self, name: str, options: Mapping[str, Any]) -> Any:
        """Answer a recall."""
        return await outcome(self.router.recall(name, **options))

    async def write(self, puts: list[Mapping[str, Any]], deletes: list[str]) -> Any:
        """Put records and delete items, durably."""
        return await outcome(self._write(puts, deletes))

    async def _write(self, puts: list[Mapping[str, Any]], deletes: list[str]) -> Written:
        try:
            written: Written = await call_some(self.writer.write, puts, deletes)
        except _import.ray().exceptions.RayError as error:
            reason = f"no writer answers: {error}; the writes may be stored, write them again"
            raise TimedOutError(reason) from error
        self.router.acknowledge(written.writes)
        return written

    async def stats(self) -> dict[str, Any]:
        """The epochs that are known, and what one replica of each shard says."""
        states = self.following.states.all
        count = len(states[0].head.shards) if states else 0
        each = await asyncio.gather(
            *(self.shards.call(shard, "stats") for shard in range(count)), return_exceptions=True
        )
        shards = [one if isinstance(one, dict) else {"problem": str(one)} for one in each]
        return {"epochs": [state.head.epoch for state in states], "confirmed": self.router.confirmed, "shards": shards}

    async def __call__(self, request: Any) -> Any:
        """Answer a POST request: a JSON object with `name` and the options of a recall."""
        from starlette.responses import JSONResponse

        try:
            options = await request.json()
            name = options.pop("name")
            if "after" in options:
                options["after"] = {int(shard): number for shard, number in options["after"].items()}
            answer = await self.router.recall(name, **options)
        except Error as error:
            return JSONResponse({"error": str(error)}, _status(error))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return JSONResponse({"error": f"a JSON object with `name` and options of a recall is needed: {error}"}, 400)
        fields = ("hits", "epoch", "covered", "failed", "writes")
        return JSONResponse({field: getattr(answer, field) for field in fields})


def _patiently(read: Callable[[], _T]) -> _T:
    """What is read of a store, which may fail for a while."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return read()
        except (StorageError, CorruptError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def _status(error: Error) -> int:
    kinds: tuple[tuple[type[Error], int], ...] = (
        (InvalidInputError, 400),
        (NotFoundError, 404),
        (OverloadedError, 503),
        (ShardError, 503),
        (TimedOutError, 504),
    )
    return next((status for kind, status in kinds if isinstance(error, kind)), 500)
