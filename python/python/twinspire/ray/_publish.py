"""Publishing a cluster with Ray: read, split by hash, one task for each shard, one head."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import twinspire._twinspire as native
from twinspire import train as training
from twinspire._errors import InvalidInputError, NotFoundError, PublishError
from twinspire.ray import _import
from twinspire.ray._build import Plan, build_shard, tables_of
from twinspire.ray._errors import ShardError
from twinspire.ray._hash import shard_of
from twinspire.ray._head import Head, ShardHead, commit_head, delete_head, epochs, read_head
from twinspire.ray._storage import Storage, Store, storage
from twinspire.ray._towers import store_towers
from twinspire.ray._writes import WriteLog

if TYPE_CHECKING:
    from twinspire._twinspire import Ensemble, Towers

    _Towers = Union[Towers, str, os.PathLike[str]]

#: Epochs whose files are kept.
DEFAULT_KEEP = 3


def publish(
    store: Store,
    items: Any = None,
    *,
    shards: int | None = None,
    id: str = "id",
    towers: Mapping[str, _Towers] | None = None,
    train: Mapping[str, Mapping[str, Any]] | None = None,
    fused: Mapping[str, Iterable[str]] | None = None,
    ensembles: Mapping[str, Ensemble | Mapping[str, Any]] | None = None,
    lexical: Mapping[str, Mapping[str, Any]] | None = None,
    calibrations: Mapping[str, tuple[float, float]] | None = None,
    replace: bool = False,
    max_removed: float = 0.5,
    min_recall: float = 0.0,
    keep: int = DEFAULT_KEEP,
    work: str | os.PathLike[str] | None = None,
    task: Mapping[str, Any] | None = None,
    **options: Any,
) -> Head:
    """Publish an epoch of a cluster: every shard, then the head that makes all of them serve at once.

    What is not given stays as in the epoch before. Records and towers that did not change are neither put nor embedded
    again. Incremental writes since that epoch are newer than `items`. If anything fails, the epoch before is served on.

    Parameters
    ----------
    store : str or os.PathLike or Storage
        Where the cluster is kept: a directory that all machines mount, or an address such as ``s3://bucket/shop``.
    items : str, ray.data.Dataset or iterable of dict, optional
        A Parquet file or directory, a dataset, or records.
    shards : int
        Number of shards; needed for the first epoch, and fixed by it.
    id : str, default 'id'
        The column with the ids.
    towers : dict, optional
        Towers, or their directory, for each space.
    train : dict, optional
        Spaces whose towers are trained first, in one task: for each the `recipe`, a function of `twinspire.train`, and
        its arguments, such as `events`. Without `items` it gets those of this publish.
    fused : dict, optional
        Fused spaces: their members.
    ensembles, lexical : dict, optional
        Recipes and definitions by name.
    calibrations : dict, optional
        Mean scores of the hundredth and of the best item over all shards by space, for normalised sums by calibration.
    replace : bool, default False
        Remove items that are not among `items`, up to the share `max_removed` of a shard.
    min_recall : float
        The least recall@10 of each space in each shard.
    keep : int
        Number of epochs whose files are kept.
    work : str or os.PathLike, optional
        A directory of each machine to build in; its directory for temporary files by default.
    task : dict, optional
        Options of Ray for the tasks, such as ``{"num_cpus": 4}``.
    **options
        As those of `twinspire.Database.publish`: `storage`, `index`, `leave_out`, ….

    Returns
    -------
    Head
        The epoch that is served now; the one before if nothing changed.

    Raises
    ------
    ShardError
        A shard cannot be built; names it, with the reason.
    ConflictError
        Another publish came first.
    """
    ray = _import.ray()
    kept, known = storage(store), epochs(storage(store))
    base = read_head(kept, known[-1]) if known else None
    count = _count_of(shards, base)
    if items is None and base is None:
        raise InvalidInputError(f"the first epoch in {kept!r} needs items; give a Parquet file, a dataset or records")
    blocks = None if items is None else _blocks(ray, items, id)
    remote = ray.remote(**{"num_cpus": 1, "max_retries": 1, **(task or {})})
    hashes = dict(base.towers) if base is not None else {}
    for space, given in (towers or {}).items():
        hashes[space] = store_towers(kept, given if isinstance(given, native.Towers) else native.Towers.open(given))
    for space, settings in (train or {}).items():
        if blocks is None and "items" not in settings:
            raise InvalidInputError(f"the training of {space!r} needs items; give them to `publish`, or in `train`")
        hashes[space] = ray.get(remote(_train).remote(kept, dict(settings), blocks))
    if not hashes:
        raise PublishError("a cluster needs a space; give the directory of its towers, or train them")
    plan = Plan(
        shards=count,
        towers=hashes,
        fused={name: list(members) for name, members in fused.items()} if fused is not None else _of(base, "fused"),
        ensembles=_recipes(ensembles) if ensembles is not None else _of(base, "ensembles"),
        lexical={name: dict(one) for name, one in lexical.items()} if lexical is not None else _of(base, "lexical"),
        replace=replace,
        max_removed=max_removed,
        min_recall=min_recall,
        publish=options,
    )
    parts = None if blocks is None else _split(ray, remote, blocks, count)
    directory = Path(work if work is not None else tempfile.gettempdir())
    tasks = [
        remote(_build).remote(kept, plan, base, shard, None if parts is None else parts[shard], directory)
        for shard in range(count)
    ]
    built = _gather(ray, tasks)
    head = Head(
        epoch=known[-1] + 1 if known else 1,
        shards=built,
        towers=plan.towers,
        fused=plan.fused,
        ensembles=plan.ensembles,
        lexical=plan.lexical,
        calibrations=dict(calibrations) if calibrations is not None else _of(base, "calibrations"),
    )
    if base is not None and _is_same(head, base):
        return base
    commit_head(kept, head)
    collect(kept, keep=keep)
    return head


def collect(store: Store, *, keep: int = DEFAULT_KEEP) -> list[int]:
    """Delete what only epochs before the newest `keep` name: heads, files of shards, writes that kept epochs include.

    Files of builds that never became an epoch are deleted by `sweep`, while nothing is published.

    Returns
    -------
    list of int
        The epochs that were deleted.
    """
    kept = storage(store)
    known = epochs(kept)
    old = known[: -max(keep, 1)]
    if not old:
        return []
    heads = [read_head(kept, epoch) for epoch in known[-max(keep, 1) :]]
    named = {shard.stored for head in heads for shard in head.shards}
    for epoch in old:
        gone = read_head(kept, epoch)
        # A reader that finds the head finds its files: the head goes first.
        delete_head(kept, epoch)
        for shard in gone.shards:
            if shard.stored not in named:
                kept.delete(shard.stored)
    for shard in heads[0].shards:
        WriteLog(kept, shard.shard).trim(shard.writes)
    return old


def sweep(store: Store) -> int:
    """Delete the files of builds that never became an epoch, as a killed publisher leaves them. Run it while nothing is
    published. Returns their number."""
    kept = storage(store)
    heads = [read_head(kept, epoch) for epoch in epochs(kept)]
    named = {shard.stored for head in heads for shard in head.shards}
    swept = 0
    for shard in kept.names("shards"):
        for name in kept.names(f"shards/{shard}"):
            if f"shards/{shard}/{name}" not in named:
                kept.delete(f"shards/{shard}/{name}")
                swept += 1
    return swept


def _count_of(shards: int | None, base: Head | None) -> int:
    if base is not None:
        if shards not in (None, len(base.shards)):
            raise InvalidInputError(
                f"the cluster has {len(base.shards)} shards, not {shards}; publish into another store"
            )
        return len(base.shards)
    if shards is None or shards < 1:
        raise InvalidInputError(f"shards={shards}: the first epoch needs a number of shards, 1 or more")
    return shards


def _of(base: Head | None, name: str) -> Any:
    return {} if base is None else getattr(base, name)


def _recipes(ensembles: Mapping[str, Ensemble | Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: native.Ensemble(ensemble).recipe for name, ensemble in ensembles.items()}


def _is_same(head: Head, base: Head) -> bool:
    """Whether an epoch serves what the one before serves."""
    same = [shard.stored for shard in head.shards] == [shard.stored for shard in base.shards]
    names = ("towers", "fused", "ensembles", "lexical", "calibrations")
    return same and all(getattr(head, name) == getattr(base, name) for name in names)


def _blocks(ray: Any, items: Any, id: str) -> list[Any]:
    """References of pyarrow tables of all records."""
    data = _import.data()
    if isinstance(items, (str, os.PathLike)):
        items = data.read_parquet(os.fspath(items))
    elif not isinstance(items, data.Dataset):
        named = (record if id == "id" else {**record, "id": record.get(id)} for record in items)
        return [ray.put(table) for table in tables_of(named)]
    if id not in items.columns():
        raise NotFoundError(f"the items have no column {id!r}; there is {', '.join(items.columns())}")
    if id != "id":
        items = items.rename_columns({id: "id"})
    return list(items.to_arrow_refs())


def _split(ray: Any, remote: Any, blocks: list[Any], shards: int) -> list[list[Any]]:
    """Of each shard, references of its part of each block."""
    task = remote(_split_block).options(num_returns=shards)
    parts = [task.remote(block, shards) for block in blocks]
    columns = [[part] for part in parts] if shards == 1 else parts
    return [[part[shard] for part in columns] for shard in range(shards)]


def _split_block(table: Any, shards: int) -> Any:
    places: list[list[int]] = [[] for _ in range(shards)]
    if "id" not in table.column_names:
        raise NotFoundError(f"the items have no ids; there is {', '.join(table.column_names)}")
    for row, id in enumerate(table.column("id").to_pylist()):
        if not isinstance(id, str):
            raise InvalidInputError(f"row {row} of the items has the id {id!r}; ids are texts")
        places[shard_of(id, shards)].append(row)
    numbers = _import.arrow().int64()
    tables = [table.take(_import.arrow().array(rows, numbers)) for rows in places]
    return tables[0] if shards == 1 else tuple(tables)


def _build(
    store: Storage, plan: Plan, base: Head | None, shard: int, parts: list[Any] | None, directory: Path
) -> ShardHead:
    ray = _import.ray()
    # One block at a time is in memory.
    tables = None if parts is None else (ray.get(part) for part in parts)
    return build_shard(store, plan, base, shard, tables, directory)


def _train(store: Storage, settings: dict[str, Any], blocks: list[Any] | None) -> str:
    ray = _import.ray()
    recipe = settings.pop("recipe", None)
    if recipe not in training.__all__:
        raise InvalidInputError(f"recipe {recipe!r} of `train`; there is {', '.join(training.__all__)}")
    if "items" not in settings and blocks is not None:
        settings["items"] = _import.arrow().concat_tables(
            [ray.get(block) for block in blocks], promote_options="permissive"
        )
    return store_towers(store, getattr(training, recipe)(**settings).towers)


def _gather(ray: Any, tasks: list[Any]) -> list[ShardHead]:
    """The results of the tasks; the first that fails ends all."""
    left = list(tasks)
    while left:
        done, left = ray.wait(left, num_returns=1)
        try:
            ray.get(done)
        except Exception as error:
            for one in left:
                ray.cancel(one, force=True)
            shard = tasks.index(done[0])
            cause = getattr(error, "cause", None) or error
            reason = f"shard {shard} of {len(tasks)} cannot be built: {cause}; the epoch before is served on"
            raise ShardError(reason, shard) from cause
    return list(ray.get(tasks))
