"""The build of one shard, as one task runs it: an ordinary database, made of that of the epoch before."""

from __future__ import annotations

import math
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import twinspire._twinspire as native
from twinspire._convert import plain
from twinspire._errors import CorruptError, NotFoundError, PublishError
from twinspire.ray import _import
from twinspire.ray._hash import shard_of
from twinspire.ray._head import Head, ShardHead
from twinspire.ray._storage import Storage
from twinspire.ray._towers import fetch_towers
from twinspire.ray._writes import WriteLog, runs

#: Records that one call puts.
BATCH = 2000

#: Records of a table that is made of dicts.
BLOCK = 50_000


@dataclass(frozen=True)
class Plan:
    """What an epoch is to be, for every shard."""

    shards: int
    towers: dict[str, str]
    fused: dict[str, list[str]]
    ensembles: dict[str, dict[str, Any]]
    lexical: dict[str, dict[str, Any]]
    replace: bool = False
    """Whether the records are all items, and others are removed."""
    max_removed: float = 0.5
    min_recall: float = 0.0
    publish: dict[str, Any] = field(default_factory=dict)
    """Options of `Database.publish`."""


def build_shard(
    store: Storage, plan: Plan, base: Head | None, shard: int, tables: Iterable[Any] | None, directory: Path
) -> ShardHead:
    """Build and verify a shard, and store its files. `tables` are pyarrow tables of its records; None keeps the
    items."""
    work = directory / f"build-{shard:05d}-{uuid.uuid4().hex[:12]}"
    work.mkdir(parents=True)
    try:
        before = base.shards[shard] if base is not None else None
        if before is not None:
            store.fetch(before.stored, work / "before")
            native.restore(work / "before", work / "shard")
        with native.open(work / "shard", background=False) as database:
            changed = 0 if tables is None else _put(database, plan, tables)
            writes, written = _replay(database, store, shard, before.writes if before is not None else 0)
            defined = _define(database, store, plan, base, shard)
            _verify(database, plan, shard)
            recall = {space: _active(database, space).recall for space in sorted(plan.towers)}
            counted = len(database.items)
            if before is not None and not (changed or written or defined):
                return ShardHead(shard, before.stored, counted, writes, 0, recall)
            database.seal()
            database.snapshot(work / "snapshot")
        stored = store.push(work / "snapshot", f"shards/{shard:05d}")
        return ShardHead(shard, stored, counted, writes, changed + written, recall)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _active(database: native.Database, space: str) -> Any:
    return next(generation for generation in database.generations(space) if generation.active)


def rows(tables: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """The records of pyarrow tables: a null is an absent field."""
    for table in tables:
        for batch in table.to_batches(BATCH):
            for row in batch.to_pylist():
                yield _without_nulls(row)


def tables_of(records: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    """Records as pyarrow tables that have every field of any of them."""
    arrow, block = _import.arrow(), list[Mapping[str, Any]]()
    for record in records:
        block.append(record)
        if len(block) == BLOCK:
            yield _table_of(arrow, block)
            block = []
    if block:
        yield _table_of(arrow, block)


def _table_of(arrow: Any, records: list[Mapping[str, Any]]) -> Any:
    names = dict.fromkeys(name for record in records for name in record)
    return arrow.table({name: [record.get(name) for record in records] for name in names})


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(member) for name, member in value.items() if not _is_null(member)}
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return plain(value)


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _put(database: native.Database, plan: Plan, tables: Iterable[Any]) -> int:
    """Put the records that changed. Returns the number of items that were added, changed or removed."""
    if plan.replace and len(database.items):
        replaced = database.items.replace_all(rows(tables), max_removed=plan.max_removed)
        return replaced.added + replaced.changed + replaced.removed
    changed = 0
    batch: list[dict[str, Any]] = []
    for record in rows(tables):
        if database.items.get(record["id"]) == record:
            continue
        batch.append(record)
        if len(batch) == BATCH:
            changed += database.items.put_many(batch)
            batch = []
    return changed + (database.items.put_many(batch) if batch else 0)


def _replay(database: native.Database, store: Storage, shard: int, after: int) -> tuple[int, int]:
    """Apply incremental writes since the epoch before: they are newer than the records. Returns the number of the last
    batch, and of the operations."""
    last, count = after, 0
    for batch in WriteLog(store, shard).read(after):
        for run in runs(batch.operations):
            if isinstance(run[0], str):
                database.items.delete_many([id for id in run if isinstance(id, str)])
            else:
                database.items.put_many(run)
            count += len(run)
        last = batch.number
    return last, count


def _define(database: native.Database, store: Storage, plan: Plan, base: Head | None, shard: int) -> bool:
    """Publish towers that changed, and set recipes and definitions. Returns whether anything changed."""
    if not len(database.items):
        raise PublishError(
            f"shard {shard} of {plan.shards} has no items, so that it can serve no space; use fewer shards"
        )
    changed, known = False, set(database.spaces())
    for space, hash in sorted(plan.towers.items()):
        towers = fetch_towers(store, hash)
        if space in known and _active(database, space).towers_hash == towers.hash:
            continue
        database.publish(space, towers, **{"retain": 1, **plan.publish})
        changed = True
    for space, members in sorted(plan.fused.items()):
        if space not in known or not _is_in_step(database, space, members):
            database.publish_fused(space, members, retain=1)
            changed = True
    for name, definition in sorted(plan.lexical.items()):
        if base is None or base.lexical.get(name) != definition:
            database.lexical[name] = definition
            changed = True
    for name, recipe in sorted(plan.ensembles.items()):
        ensemble = native.Ensemble(recipe)
        if database.ensembles.get(name) != ensemble:
            database.ensembles[name] = ensemble
            changed = True
    for name in set(database.ensembles) - set(plan.ensembles):
        del database.ensembles[name]
        changed = True
    return changed


def _is_in_step(database: native.Database, space: str, members: list[str]) -> bool:
    try:
        now = database.members(space)
    except NotFoundError:
        return False
    return now == {member: _active(database, member).number for member in members}


def _verify(database: native.Database, plan: Plan, shard: int) -> None:
    """Refuse a shard that must not be served."""
    problems = database.check().problems
    if problems:
        raise CorruptError(f"shard {shard} is damaged: {problems[0]}; publish again")
    for id in database.items:
        if shard_of(id, plan.shards) != shard:
            raise PublishError(f"item {id!r} belongs to shard {shard_of(id, plan.shards)}, not {shard}; delete it here")
    for space in plan.towers:
        generation = _active(database, space)
        if generation.recall < plan.min_recall:
            raise PublishError(
                f"shard {shard} finds {generation.recall:.3f} of the best items of {space!r}, {plan.min_recall} are wanted; "
                "lower `min_recall`, or publish with another index"
            )
        if generation.items > len(database.items):
            raise CorruptError(
                f"shard {shard} has {generation.items} vectors of {len(database.items)} items; publish again"
            )
