"""The router: raw user features in, the merged answer of all shards out. Without Ray: `_serve` runs it on Ray Serve.

An answer is of one epoch: the router names it in every call, and a replica that does not serve it says so. Then the
whole request is answered by the epoch before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from twinspire._errors import Error, NotFoundError, StorageError
from twinspire._twinspire import ShardHits, merge_shards, shard_statistics
from twinspire.ray._errors import EpochAbsentError, ShardError, TimedOutError
from twinspire.ray._hash import by_shard
from twinspire.ray._query import Query, vectors_of_query
from twinspire.ray._shard import only_fields
from twinspire.ray._state import ClusterState

_T = TypeVar("_T")

#: Rounds of a recall: the frequencies of words, the scales of scores, the answer.
MAX_ROUNDS = 3

#: The share of the time left that one step may take where shards may be left out.
SHARE_OF_TIME = 0.6


class Shards(Protocol):
    """How a router reaches the replicas of each shard."""

    async def call(self, shard: int, method: str, *arguments: Any) -> Any:
        """Call a method of `ShardServer` on some replica of a shard."""


@dataclass(frozen=True)
class Answer:
    """The answer of a cluster."""

    hits: list[dict[str, Any]]
    """Best first: dicts as those of `twinspire.Hits.to_dicts`. Of an item that is deleted meanwhile, or whose shard
    fails meanwhile under the policy ``'partial'``, the record is absent."""
    epoch: int
    """The epoch of the cluster that gave all of it."""
    covered: float = 1.0
    """The share of the items that were searched; less than 1 only with ``policy='partial'``."""
    failed: dict[int, str] = field(default_factory=dict)
    """Why shards did not answer, by number."""
    writes: dict[int, int] = field(default_factory=dict)
    """The last incremental write of each shard that the answer includes."""

    @property
    def ids(self) -> list[str]:
        """The ids, best first."""
        return [hit["id"] for hit in self.hits]

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """The scores, best first."""
        return np.array([hit["score"] for hit in self.hits], dtype=np.float32)


class Gathering:
    """The calls of one request: to all shards at once, each by the same epoch, until a deadline."""

    def __init__(
        self,
        shards: Shards,
        state: ClusterState,
        policy: Literal["all", "partial"],
        deadline: float,
        after: Mapping[int, int],
        wished: Mapping[int, int],
    ) -> None:
        self.shards, self.state, self.policy, self.deadline = shards, state, policy, deadline
        self.after, self.wished = after, wished
        self.failed: dict[int, str] = {}

    async def _call(self, shard: int, method: str, *arguments: Any) -> Any:
        left = self.deadline - time.monotonic()
        if self.policy == "partial":
            # A shard that hangs leaves the others time for the steps after this one.
            left *= SHARE_OF_TIME
        try:
            writes = self.after.get(shard, 0), self.wished.get(shard, 0)
            call = self.shards.call(shard, method, self.state.head.epoch, *arguments, *writes)
            return await asyncio.wait_for(call, max(left, 0.001))
        except (asyncio.TimeoutError, TimedOutError) as error:
            raise ShardError(
                f"shard {shard} has not answered in time; add replicas or allow more time", shard
            ) from error
        except StorageError as error:
            reason = f"shard {shard} cannot read its writes: {error}; ask without `after`, or later"
            raise ShardError(reason, shard) from error

    async def each(self, method: str, arguments: Mapping[int, tuple[Any, ...]]) -> dict[int, Any]:
        """Call a method of several shards. With the policy ``'partial'``, shards that fail are left out from then
        on."""
        asked = [shard for shard in arguments if shard not in self.failed]
        calls = [self._call(shard, method, *arguments[shard]) for shard in asked]
        results = await asyncio.gather(*calls, return_exceptions=True)
        answers: dict[int, Any] = {}
        for shard, result in zip(asked, results, strict=True):
            if not isinstance(result, BaseException):
                answers[shard] = result
            elif self.policy == "partial" and isinstance(result, ShardError):
                self.failed[shard] = str(result)
            elif isinstance(result, EpochAbsentError) or not isinstance(result, ShardError):
                raise result
        broken = [result for result in results if isinstance(result, ShardError)]
        if broken and self.policy == "all":
            raise broken[0]
        if len(self.failed) == len(self.state.head.shards):
            raise broken[0] if broken else ShardError("no shard answers", 0)
        return answers

    async def vectors(self, space: str, ids: list[str]) -> dict[str, npt.NDArray[np.float32]]:
        """The vectors of items in a space, each from its shard."""
        arguments = {shard: (space, few) for shard, few in by_shard(ids, len(self.state.head.shards)).items()}
        found: dict[str, npt.NDArray[np.float32]] = {}
        for few in (await self.each("vectors", arguments)).values() if ids else ():
            found |= few
        return found


class Router:
    """Answers recalls over all shards.

    Parameters
    ----------
    shards : Shards
        How to reach the replicas.
    states : callable
        Gives the states that may be asked for, newest first.
    look : callable, optional
        Is called where replicas serve none of them any more, to look for newer ones.
    """

    def __init__(
        self,
        shards: Shards,
        states: Callable[[], list[ClusterState]],
        look: Callable[[], object] | None = None,
    ) -> None:
        self.shards, self.states, self.look = shards, states, look
        #: The newest epoch that every shard has answered for.
        self.confirmed = 0
        #: The last writes that were acknowledged here: answers include them, unless a replica cannot read them.
        self.acknowledged: dict[int, int] = {}

    async def recall(
        self,
        name: str,
        *,
        user: Mapping[str, Any] | None = None,
        vector: npt.ArrayLike | None = None,
        similar: str | None = None,
        users_in: Mapping[str, Mapping[str, Any]] | None = None,
        vectors_in: Mapping[str, npt.ArrayLike] | None = None,
        text: str | None = None,
        k: int | None = 10,
        min_score: float | None = None,
        filter: str | list[str] | None = None,
        exclude: Iterable[str] | None = None,
        recall_target: float | None = None,
        ef: int | None = None,
        exact: bool = False,
        offset: int = 0,
        records: bool | Iterable[str] = False,
        check_features: str = "described",
        policy: Literal["all", "partial"] = "all",
        timeout: float = 10.0,
        after: Mapping[int, int] | None = None,
    ) -> Answer:
        """Find the best items of a space or an ensemble; options as those of `twinspire.Database.recall`.

        `policy` says what happens where a shard does not answer: with ``'all'`` a `ShardError` names it, with
        ``'partial'`` the others answer and `Answer.covered` is less than 1. `after` are the last writes of shards that
        the answer must include, as `Written.writes` has them.
        """
        if policy not in ("all", "partial"):
            raise ValueError(f"policy {policy!r}; give 'all' or 'partial'")
        query = Query(user, vector, similar, users_in or {}, vectors_in or {}, text, check_features)
        options: dict[str, Any] = {"k": k, "exact": exact, "offset": offset}
        named = {"min_score": min_score, "filter": filter, "recall_target": recall_target, "ef": ef}
        options |= {option: value for option, value in named.items() if value is not None}
        options["exclude"] = list(exclude or ())
        if isinstance(options.get("filter"), tuple):
            options["filter"] = list(options["filter"])
        wanted = records if isinstance(records, bool) else list(records)
        deadline = time.monotonic() + timeout

        async def answer(state: ClusterState) -> Answer:
            gathering = Gathering(self.shards, state, policy, deadline, after or {}, dict(self.acknowledged))
            return await _recall(gathering, name, query, dict(options), wanted)

        return await self._with_state(answer, deadline)

    def acknowledge(self, writes: Mapping[int, int]) -> None:
        """Make later answers include these writes of shards."""
        for shard, number in writes.items():
            self.acknowledged[shard] = max(number, self.acknowledged.get(shard, 0))

    async def _with_state(self, answer: Callable[[ClusterState], Awaitable[_T]], deadline: float) -> _T:
        """Answer a request by the newest epoch that all replicas serve."""
        while True:
            absent: EpochAbsentError | None = None
            for state in self.states():
                try:
                    result = await answer(state)
                except EpochAbsentError as error:
                    absent = absent or error
                    continue
                self.confirmed = max(self.confirmed, state.head.epoch)
                return result
            if time.monotonic() >= deadline:
                raise absent or NotFoundError("no epoch is published; publish items first")
            if self.look is not None:
                self.look()
            await asyncio.sleep(0.05)


async def _recall(
    gathering: Gathering, name: str, query: Query, options: dict[str, Any], records: bool | list[str]
) -> Answer:
    state = gathering.state
    inputs = await vectors_of_query(gathering.vectors, state, name, query)
    options |= inputs.options
    options["exclude"] = [*options["exclude"], *inputs.excluded]
    if state.head.calibrations:
        options["statistics"] = shard_statistics(state.head.calibrations)
    shards = range(len(state.head.shards))
    for _ in range(MAX_ROUNDS):
        answers = await gathering.each("top", {shard: (name, options) for shard in shards})
        parts = [ShardHits(part) for part, _ in answers.values()]
        merged = merge_shards(parts)
        if merged.space is not None:
            vectors = await gathering.vectors(merged.space, merged.ids)
            merged = merge_shards(parts, vectors)
        if merged.hits is not None:
            break
        options["statistics"] = merged.statistics
    else:
        raise Error(f"the shards gave no answer for {name!r} in {MAX_ROUNDS} rounds; run one version everywhere")
    hits = merged.hits
    if records is not False and hits:
        await _add_records(gathering, hits, records)
    covered = sum(state.head.shards[shard].items for shard in shards if shard not in gathering.failed)
    return Answer(
        hits=hits,
        epoch=state.head.epoch,
        covered=covered / max(state.head.items, 1) if gathering.failed else 1.0,
        failed=dict(gathering.failed),
        writes={shard: applied for shard, (_, applied) in answers.items()},
    )


async def _add_records(gathering: Gathering, hits: list[dict[str, Any]], fields: bool | list[str]) -> None:
    few = by_shard([hit["id"] for hit in hits], len(gathering.state.head.shards))
    found: dict[str, dict[str, Any]] = {}
    for records in (await gathering.each("records", {shard: (ids,) for shard, ids in few.items()})).values():
        found |= records
    for hit in hits:
        record = found.get(hit["id"])
        # An item that was deleted since the answer has none.
        if record is not None:
            hit["record"] = record if fields is True else only_fields(record, fields or ())
