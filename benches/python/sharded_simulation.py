"""A simulation of routers and replicas, for `sharded_throughput.py`: discrete events, with simpy.

A query is work of the client, of a router, of one replica of each shard, and of the router again. Replicas are picked
as Ray Serve picks them: of two at random, the one with fewer requests. Every process works on one request at a time.
The processes have a core each, or share some.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import simpy


@dataclass(frozen=True)
class Costs:
    """CPU time of one query, in seconds."""

    client: float
    router: float
    router_a_shard: float
    """CPU time of a router for each shard it asks."""
    replica: float
    """CPU time of a replica for a message, without the search."""
    search: float
    hop: float
    """Latency of a message, which takes no core."""
    spread: Sequence[float]
    """Times of messages, relative to their mean."""
    search_spread: Sequence[float]
    """Times of searches, relative to their mean."""

    def of_router(self, shards: int) -> float:
        """The work of a router for a query."""
        return self.router + self.router_a_shard * shards


@dataclass(frozen=True)
class Outcome:
    """Figures of a load."""

    rate: float
    """Queries a second."""
    p50: float
    p99: float


class _Cluster:
    """The processes."""

    def __init__(
        self, costs: Costs, shards: int, replicas: int, routers: int, shared_cores: int | None, seed: int
    ) -> None:
        self.env, self.costs, self.rng = simpy.Environment(), costs, random.Random(seed)
        self.cores = simpy.Resource(self.env, shared_cores) if shared_cores else None
        self.client = simpy.Resource(self.env) if shared_cores else None
        self.routers = [simpy.Resource(self.env) for _ in range(routers)]
        self.shards = [[simpy.Resource(self.env) for _ in range(replicas)] for _ in range(shards)]
        self.ended: list[float] = []
        self.seconds: list[float] = []

    def _work(self, process: Any, seconds: float) -> Generator[Any, Any, None]:
        with process.request() as turn:
            yield turn
            if self.cores is None:
                yield self.env.timeout(seconds)
            else:
                with self.cores.request() as core:
                    yield core
                    yield self.env.timeout(seconds)

    def _message(self, seconds: float) -> float:
        return seconds * self.rng.choice(self.costs.spread)

    def _pick(self, processes: list[Any]) -> Any:
        few = self.rng.sample(processes, min(2, len(processes)))
        return min(few, key=lambda process: process.count + len(process.queue))

    def _shard(self, replicas: list[Any]) -> Generator[Any, Any, None]:
        yield self.env.timeout(self.costs.hop)
        search = self.costs.search * self.rng.choice(self.costs.search_spread)
        yield self.env.process(self._work(self._pick(replicas), self._message(self.costs.replica) + search))
        yield self.env.timeout(self.costs.hop)

    def query(self) -> Generator[Any, Any, None]:
        """One query."""
        started, costs = self.env.now, self.costs
        if self.client is not None:
            yield self.env.process(self._work(self.client, self._message(costs.client / 2)))
        yield self.env.timeout(costs.hop)
        router = self._pick(self.routers)
        half = costs.of_router(len(self.shards)) / 2
        yield self.env.process(self._work(router, self._message(half)))
        yield self.env.all_of([self.env.process(self._shard(replicas)) for replicas in self.shards])
        yield self.env.process(self._work(router, self._message(half)))
        yield self.env.timeout(costs.hop)
        if self.client is not None:
            yield self.env.process(self._work(self.client, self._message(costs.client / 2)))
        self.ended.append(self.env.now)
        self.seconds.append(self.env.now - started)

    def closed(self, count: int) -> Generator[Any, Any, None]:
        """A closed-loop client: it sends a query once it has the answer to the last one."""
        while len(self.ended) < count:
            yield self.env.process(self.query())

    def open(self, count: int, rate: float) -> Generator[Any, Any, None]:
        """An open loop: queries arrive at random moments, whatever is answered."""
        for _ in range(count):
            self.env.process(self.query())
            yield self.env.timeout(self.rng.expovariate(rate))

    def outcome(self) -> Outcome:
        """Figures without the first tenth."""
        self.env.run()
        first = len(self.ended) // 10
        seconds = sorted(self.seconds[first:])
        span = self.ended[-1] - self.ended[first]
        return Outcome(
            (len(self.ended) - first - 1) / span, seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100]
        )


def closed_loop(
    costs: Costs,
    shards: int,
    replicas: int,
    *,
    routers: int = 1,
    clients: int = 8,
    shared_cores: int | None = None,
    queries: int = 4000,
    seed: int = 1,
) -> Outcome:
    """Figures under closed-loop clients. With `shared_cores`, all processes share these cores, the client too."""
    cluster = _Cluster(costs, shards, replicas, routers, shared_cores, seed)
    for _ in range(clients):
        cluster.env.process(cluster.closed(queries))
    return cluster.outcome()


def open_loop(
    costs: Costs, shards: int, replicas: int, rate: float, *, routers: int = 1, queries: int = 4000, seed: int = 1
) -> Outcome:
    """Figures under an open loop: queries arrive at random moments, at a mean rate."""
    cluster = _Cluster(costs, shards, replicas, routers, None, seed)
    cluster.env.process(cluster.open(queries, rate))
    return cluster.outcome()
