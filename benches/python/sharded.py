"""That shards answer as one database.

    pip install './python[ray]' && python benches/python/sharded.py [--movielens DIR] [--items N] [--queries N]
    [--shards N…] [--serve]

Exact mode: recalls of every space and every recipe (each method of ensembles, with business weight, diversity, words),
with filters, exclusions and offsets, by 1, 2, 4 and 7 shards, or as many as `--shards` names, and by one database.
Compared are ids, scores, scores by space and ranks. Beam mode: recall@10 of the plain spaces and a weighted sum against
the exact answer, by shards and by one database. The router and the shards are those that Ray Serve runs, in one
process; with `--serve`, some of the queries go through Ray Serve.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import twinspire
from sharded_worlds import World, generated, movielens
from twinspire.ray import (
    Answer,
    Head,
    LocalStorage,
    Router,
    ShardServer,
    States,
    publish,
    serve,
    shard_of,
)
from twinspire.ray._build import Plan, build_shard, tables_of
from twinspire.ray._head import commit_head
from twinspire.ray._towers import store_towers

#: Numbers of shards.
SHARDS = (1, 2, 4, 7)


class LocalShards:
    """Shards in this process."""

    def __init__(self, servers: list[ShardServer]) -> None:
        self.servers = servers

    async def call(self, shard: int, method: str, *arguments: Any) -> Any:
        """Call a method of a server."""
        return getattr(self.servers[shard], method)(*arguments)


def publish_here(world: World, store: LocalStorage, shards: int, directory: Path) -> Head:
    """Publish as `twinspire.ray.publish` does, in this process."""
    hashes = {space: store_towers(store, twinspire.Towers.open(path)) for space, path in world.towers.items()}
    plan = Plan(
        shards,
        hashes,
        {},
        {name: twinspire.Ensemble(one).recipe for name, one in world.ensembles.items()},
        world.lexical,
    )
    each: list[list[dict[str, Any]]] = [[] for _ in range(shards)]
    for item in world.items:
        each[shard_of(item["id"], shards)].append(item)
    built = [build_shard(store, plan, None, shard, tables_of(few), directory) for shard, few in enumerate(each)]
    head = Head(1, built, plan.towers, {}, plan.ensembles, plan.lexical)
    commit_head(store, head)
    return head


def single(world: World, path: Path) -> twinspire.Database:
    """One database with everything."""
    db = twinspire.open(path, background=False)
    db.items.put_many(world.items)
    for space, towers in world.towers.items():
        db.publish(space, towers)
    for name, definition in world.lexical.items():
        db.lexical[name] = definition
    for name, recipe in world.ensembles.items():
        db.ensembles[name] = recipe
    return db


def recall_at_10(found: list[str], best: list[str]) -> float:
    """The share of the ten best items that were found."""
    return len(set(found[:10]) & set(best[:10])) / max(len(best[:10]), 1)


def compare(world: World, queries: int, counts: Sequence[int], through_serve: bool, directory: Path) -> bool:
    """Print a line for each number of shards. Returns whether all answers were identical."""
    db = single(world, directory / "single.twin")
    requests = list(world.requests(queries))
    names = {name for name, _ in requests}
    count = f"{len(world.items):,} items, {len(requests):,} recalls of {len(names)} spaces and recipes"
    print(f"{world.name}: {count}", flush=True)
    started = time.perf_counter()
    expected = [db.recall(name, exact=True, **options).to_dicts() for name, options in requests]
    print(f"  one database: {sum(map(len, expected)):,} hits, {time.perf_counter() - started:.0f} s", flush=True)
    beams = [
        (name, {"user": options["user"], "k": 10}) for name, options in requests if name in (*world.towers, "sum")
    ][:400]
    best = [db.recall(name, exact=True, **options).ids for name, options in beams]
    beam = sum(
        recall_at_10(db.recall(name, **options).ids, ids) for (name, options), ids in zip(beams, best, strict=True)
    )
    print(f"  one database: recall@10 of beams {beam / len(beams):.4f}", flush=True)
    identical = True
    for shards in counts:
        store = LocalStorage(directory / f"store-{shards}")
        publish_here(world, store, shards, directory)
        servers = [ShardServer(store, shard, directory, start=False) for shard in range(shards)]
        states = States(store)
        states.refresh()
        router = Router(LocalShards(servers), lambda: states.all)  # noqa: B023
        started = time.perf_counter()
        wrong = asyncio.run(differing(router, requests, expected))
        seconds = time.perf_counter() - started
        found = asyncio.run(answers(router, beams))
        beam = sum(recall_at_10(answer.ids, ids) for answer, ids in zip(found, best, strict=True))
        for at in wrong[:3]:
            print(f"  {requests[at]}", flush=True)
        print(f"  {shards} shards: {len(requests) - len(wrong):,} of {len(requests):,} identical, {seconds:.0f} s; "
              f"recall@10 of beams {beam / len(beams):.4f}", flush=True)  # fmt: skip
        identical &= not wrong
        for server in servers:
            server.close()
    if through_serve:
        identical &= compare_served(world, requests[:300], expected, directory)
    return identical


async def answers(router: Router, requests: list[tuple[str, dict[str, Any]]], **more: Any) -> list[Answer]:
    """The answers of a router."""
    return [await router.recall(name, timeout=120, **options, **more) for name, options in requests]


async def differing(router: Router, requests: list[tuple[str, dict[str, Any]]], expected: list[Any]) -> list[int]:
    """The places of requests whose answers differ."""
    wrong = []
    for at, (name, options) in enumerate(requests):
        answer = await router.recall(name, exact=True, timeout=120, **options)
        if answer.hits != expected[at]:
            wrong.append(at)
    return wrong


def compare_served(
    world: World, requests: list[tuple[str, dict[str, Any]]], expected: list[Any], directory: Path
) -> bool:
    """The same through Ray: published by tasks, served by Ray Serve."""
    store = directory / "store-ray"
    started = time.perf_counter()
    publish(
        store,
        world.items,
        shards=4,
        towers=world.towers,
        lexical=world.lexical,
        ensembles=world.ensembles,
        work=directory,
    )
    published = time.perf_counter() - started
    again = publish(store, world.items, work=directory)
    cluster = serve(store, work=directory, options={"ray_actor_options": {"num_cpus": 0}})
    wrong = [at for at, (name, options) in enumerate(requests)
             if cluster.recall(name, exact=True, timeout=120, **options).hits != expected[at]]  # fmt: skip
    print(f"  4 shards on Ray: published in {published:.0f} s, again without changes as epoch {again.epoch}; "
          f"{len(requests) - len(wrong)} of {len(requests)} identical", flush=True)  # fmt: skip
    cluster.shutdown()
    return not wrong


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description="Compare shards with one database.")
    parser.add_argument("--movielens", type=Path)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--shards", type=int, nargs="+", default=SHARDS)
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    if arguments.serve:
        import ray

        ray.init(include_dashboard=False, log_to_driver=False)
    identical = True
    with tempfile.TemporaryDirectory() as directory:
        if arguments.movielens is not None:
            path = Path(directory) / "movielens"
            world = movielens(path, arguments.movielens)
            identical &= compare(world, arguments.queries, arguments.shards, arguments.serve, path)
        if arguments.items:
            path = Path(directory) / "generated"
            world = generated(path, arguments.items)
            identical &= compare(world, arguments.queries, arguments.shards, arguments.serve, path)
    sys.exit(not identical)


if __name__ == "__main__":
    main()
