"""A served cluster, as programs call it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from twinspire.ray import _import
from twinspire.ray._errors import TimedOutError
from twinspire.ray._router import Answer
from twinspire.ray._translate import result_of, translated
from twinspire.ray._writer import Written


class Cluster:
    """A cluster that is served; made by `serve` and `connect`. Threads may share it."""

    def __init__(self, handle: Any, name: str) -> None:
        self.handle, self.name = handle, name

    def __repr__(self) -> str:
        return f"Cluster({self.name!r})"

    def recall(self, name: str, *, timeout: float = 10.0, **options: Any) -> Answer:
        """Find the best items of a space or an ensemble.

        Parameters
        ----------
        name : str
        timeout : float
            Seconds.
        **options
            As those of `twinspire.Database.recall`, without `exact_ranks` and `explain`; and `policy`, which says what
            happens where a shard does not answer (``'all'``: a `ShardError` names it; ``'partial'``: the others
            answer), and `after`, the `Written.writes` of a write that the answer must include.

        Returns
        -------
        Answer
        """
        answer: Answer = self._call(self.handle.recall, timeout, name, {**options, "timeout": timeout})
        return answer

    def put(self, *items: Mapping[str, Any], timeout: float = 30.0) -> Written:
        """Put records. They are durable on return, and later recalls by the same router find them."""
        return self.write(puts=items, timeout=timeout)

    def delete(self, *ids: str, timeout: float = 30.0) -> Written:
        """Delete items, as `put`. Ids without an item are ignored."""
        return self.write(deletes=ids, timeout=timeout)

    def write(
        self, *, puts: Iterable[Mapping[str, Any]] = (), deletes: Iterable[str] = (), timeout: float = 30.0
    ) -> Written:
        """Put records, then delete items; as `put`. After an error other than `OverloadedError` and those of the
        input, some may be stored; to write them again does no harm."""
        written: Written = self._call(self.handle.write, timeout, list(puts), list(deletes))
        return written

    def stats(self, *, timeout: float = 10.0) -> dict[str, Any]:
        """The epochs that a router knows, and what one replica of each shard says."""
        stats: dict[str, Any] = self._call(self.handle.stats, timeout)
        return stats

    def wait(self, epoch: int, *, timeout: float = 60.0) -> None:
        """Wait until some replica of every shard serves an epoch."""
        until = time.monotonic() + timeout
        while True:
            stats = self.stats(timeout=timeout)
            serving = [epoch in shard.get("epochs", ()) for shard in stats["shards"]]
            if epoch in stats["epochs"] and all(serving):
                return
            if time.monotonic() > until:
                raise TimedOutError(f"epoch {epoch} is not served after {timeout} s: {stats}")
            time.sleep(0.05)

    def shutdown(self) -> None:
        """End the application. The store keeps everything."""
        _import.serve().delete(self.name)

    def _call(self, method: Any, timeout: float, *arguments: Any) -> Any:
        """Call some router; where one dies, another, until the time is over."""
        until = time.monotonic() + timeout
        while True:
            try:
                # The router's own deadline comes first.
                result = method.remote(*arguments).result(timeout_s=max(until - time.monotonic(), 0.0) + 1.0)
            except Exception as error:
                if isinstance(error, TimeoutError):
                    raise TimedOutError(
                        f"no router has answered in {timeout} s; add routers or allow more time"
                    ) from error
                known = translated(error)
                if known is not None:
                    raise known from error
                if time.monotonic() >= until:
                    raise TimedOutError(f"no router answers for {timeout} s: {error}") from error
                time.sleep(0.02)
            else:
                return result_of(result)
