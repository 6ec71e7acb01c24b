"""Shards without Ray: hash, merge, log, replicas, router and writer in one process."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import twinspire
from conftest import STORES, write_price_towers
from twinspire import ray as cluster
from twinspire.ray._build import Plan, build_shard, tables_of
from twinspire.ray._head import commit_head, epochs
from twinspire.ray._shard import only_fields, wait_for
from twinspire.ray._towers import store_towers
from twinspire.ray._writes import WriteLog, runs

RECIPES: dict[str, dict[str, Any]] = {
    "sum": {"method": "weighted", "spaces": {"price": 1.0, "size": 0.5}},
    "stages": {"method": "cascade", "stages": [{"space": "price", "take": 30}, {"space": "size", "take": 20}]},
    "ranks": {"method": "rank_fusion", "spaces": ["price", "size"], "depth": 25, "business": {"field": "bid"}},
    "scaled": {
        "method": "normalised",
        "spaces": {"price": 1, "words": 0.5},
        "by": "min_max",
        "diversity": {"space": "size", "lambda": 0.6, "depth": 20},
    },
    "turns": {"method": "quotas", "channels": [{"space": "price", "share": 0.5}, {"space": "words", "share": 0.5}]},
    "calibrated": {"method": "normalised", "spaces": {"price": 1}, "by": "calibration"},
}


def item(n: int) -> dict[str, Any]:
    return {
        "id": f"B{n:03}",
        "price": float(n % 37),
        "size": float(n % 11),
        "bid": 1 + n % 3,
        "title": f"red {n % 5} shoe {n % 7}",
    }


ITEMS = [item(n) for n in range(150)]


def towers(directory: Path) -> dict[str, Path]:
    """By price, and by the sizes of a history."""
    number = {"kind": "number", "field": "size", "mean": 0.0, "deviation": 1.0}
    history = {"kind": "items", "field": "history", "limit": 5}
    described = {
        "format": 1, "name": "size", "dimension": 1, "metric": "l2",
        "user": {"features": [history], "layers": [], "other_fields": "ignore"},
        "item": {"features": [number], "layers": []},
    }  # fmt: skip
    (directory / "size").mkdir(parents=True)
    (directory / "size" / "tower.json").write_text(json.dumps(described))
    return {"price": write_price_towers(directory / "price"), "size": directory / "size"}


def publish(
    store: cluster.Storage, directory: Path, items: Iterable[Mapping[str, Any]] | None, shards: int = 3
) -> cluster.Head:
    """As `twinspire.ray.publish`, in this process."""
    known = epochs(store)
    base = cluster.read_head(store) if known else None
    if base is None:
        hashes = {
            space: store_towers(store, twinspire.Towers.open(path))
            for space, path in towers(directory / "towers").items()
        }
    else:
        hashes = base.towers
    recipes = {name: twinspire.Ensemble(recipe).recipe for name, recipe in RECIPES.items()}
    plan = Plan(shards, hashes, {}, recipes, {"words": {"fields": {"title": 1.0}}})
    each: list[list[Mapping[str, Any]]] = [[] for _ in range(shards)]
    for one in items or ():
        each[cluster.shard_of(one["id"], shards)].append(one)
    tables = [None if items is None else tables_of(few) for few in each]
    built = [build_shard(store, plan, base, shard, tables[shard], directory) for shard in range(shards)]
    head = cluster.Head(
        (known[-1] if known else 0) + 1, built, hashes, {}, recipes, plan.lexical, {"price": (-3.0, 0.0)}
    )
    commit_head(store, head)
    return head


class Served:
    """Replicas and a router in this process."""

    def __init__(self, store: cluster.Storage, directory: Path) -> None:
        count = len(cluster.read_head(store).shards)
        self.servers = [cluster.ShardServer(store, shard, directory, start=False) for shard in range(count)]
        self.states = cluster.States(store)
        self.states.refresh()
        self.router = cluster.Router(self, lambda: self.states.all)
        self.writer = cluster.Writer(store, lambda: self.states.all)
        self.down: set[int] = set()

    async def call(self, shard: int, method: str, *arguments: Any) -> Any:
        if shard in self.down:
            raise cluster.ShardError(f"shard {shard} is down", shard)
        return getattr(self.servers[shard], method)(*arguments)

    def recall(self, name: str, **options: Any) -> cluster.Answer:
        return asyncio.run(self.router.recall(name, **options))

    def write(self, puts: Iterable[Mapping[str, Any]] = (), deletes: Iterable[str] = ()) -> cluster.Written:
        return asyncio.run(self.writer.write(puts, deletes))


@pytest.fixture
def store(empty_store: cluster.Storage, tmp_path: Path) -> cluster.Storage:
    publish(empty_store, tmp_path, ITEMS)
    return empty_store


@pytest.fixture
def served(store: cluster.Storage, tmp_path: Path) -> Served:
    return Served(store, tmp_path / "work")


@pytest.fixture
def whole(tmp_path: Path) -> twinspire.Database:
    db = twinspire.open(tmp_path / "whole.twin")
    db.items.put_many(ITEMS)
    for space, path in towers(tmp_path / "own").items():
        db.publish(space, path)
    db.lexical["words"] = {"fields": {"title": 1.0}}
    for name, recipe in RECIPES.items():
        db.ensembles[name] = recipe
    return db


def test_the_hash_is_the_one_that_others_compute() -> None:
    assert [cluster.shard_of(id, 4) for id in ("B01", "B02", "B07", "Schuhgröße", "")] == [0, 1, 3, 1, 0]
    counts = np.bincount([cluster.shard_of(f"i{n}", 7) for n in range(7000)])
    assert counts.min() > 900 and counts.max() < 1100
    with pytest.raises(ValueError, match="0 shards"):
        cluster.shard_of("B01", 0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=30))
def test_runs_of_operations_have_the_same_outcome(operations: list[tuple[bool, int]]) -> None:
    given: list[dict[str, Any] | str] = [
        {"id": f"{n}", "at": at} if put else f"{n}" for at, (put, n) in enumerate(operations)
    ]
    one: dict[str, Any] = {}
    for operation in given:
        if isinstance(operation, str):
            one.pop(operation, None)
        else:
            one[operation["id"]] = operation
    other: dict[str, Any] = {}
    for run in runs(given):
        for operation in run:
            if isinstance(operation, str):
                other.pop(operation, None)
            else:
                other[operation["id"]] = operation
    assert one == other


@pytest.mark.parametrize("name", ["price", "size", "words", *RECIPES])
def test_a_cluster_answers_as_one_database(served: Served, whole: twinspire.Database, name: str) -> None:
    if name == "calibrated":
        sample = whole.generations("price")[-1].calibration.samples[0]
        for state in served.states.all:
            state.head.calibrations["price"] = (sample.hundredth_score, sample.best_score)
    for at in range(12):
        words = {"query": "red shoe 3"} if name in ("words", "scaled", "turns") else {}
        user: dict[str, Any] = (
            words if name == "words" else {**words, "price": at * 3, "history": [f"B{at:03}", "B077"]}
        )
        if name in ("price", "scaled", "turns", "calibrated"):
            user.pop("history", None)
        options: dict[str, Any] = {"user": user, "k": 7, "offset": at, "exact": True, "exclude": [f"B{at * 2:03}"]}
        if at % 2:
            options["filter"] = "bid > 1"
        records = ["price"] if at % 3 else True
        expected = whole.recall(name, records=records, **options).to_dicts()
        answer = served.recall(name, records=records, **options)
        assert answer.hits == expected and answer.covered == 1 and answer.epoch == 1
        assert answer.ids == [hit["id"] for hit in expected] and answer.scores.dtype == np.float32


def test_similar_items_and_vectors(served: Served, whole: twinspire.Database) -> None:
    assert (
        served.recall("price", similar="B010", exact=True).hits == whole.similar("price", "B010", exact=True).to_dicts()
    )
    assert served.recall("sum", similar="B010", exact=True).hits == whole.similar("sum", "B010", exact=True).to_dicts()
    vector = whole.recall("price", vector=[3.0], exact=True).to_dicts()
    assert served.recall("price", vector=[3.0], exact=True).hits == vector
    both = {"users_in": {"price": {"price": 3}}, "vectors_in": {"size": [4.0]}}
    assert served.recall("sum", exact=True, **both).hits == whole.recall("sum", exact=True, **both).to_dicts()  # type: ignore[arg-type]
    text = whole.recall("words", text="shoe 3", exact=True).to_dicts()
    assert served.recall("words", text="shoe 3", exact=True).hits == text
    with pytest.raises(twinspire.NotFoundError, match="B999"):
        served.recall("price", similar="B999")
    with pytest.raises(twinspire.UnsupportedError, match="give a text"):
        served.recall("words", similar="B010")
    with pytest.raises(twinspire.InvalidInputError, match="no query"):
        served.recall("price")
    with pytest.raises(twinspire.InvalidInputError, match="one of"):
        served.recall("price", similar="B010", vector=[1.0])
    with pytest.raises(twinspire.NotFoundError, match="there is calibrated"):
        served.recall("colour", vector=[1.0])
    with pytest.raises(ValueError, match="policy"):
        served.recall("price", vector=[1.0], policy="most")


def test_a_shard_that_is_down_is_named_or_left_out(served: Served) -> None:
    served.down = {1}
    with pytest.raises(cluster.ShardError, match="shard 1 is down") as failed:
        served.recall("price", vector=[3.0])
    assert failed.value.shard == 1
    answer = served.recall("price", vector=[3.0], policy="partial", k=None)
    items = [len(server.records(1, answer.ids)) for server in served.servers]
    assert items[1] == 0 and len(answer.hits) == sum(items)
    assert answer.covered == pytest.approx(len(answer.hits) / len(ITEMS)) and list(answer.failed) == [1]
    served.down = {0, 1, 2}
    with pytest.raises(cluster.ShardError):
        served.recall("price", vector=[3.0], policy="partial")


@STORES
def test_writes_are_durable_visible_and_part_of_the_next_epoch(
    served: Served, store: cluster.Storage, tmp_path: Path
) -> None:
    written = served.write(
        [{"id": "new", "price": 100.0, "size": 1.0, "bid": 1}, {"id": "B003", "price": 99.0, "size": 1.0}], ["B004"]
    )
    assert written.operations == 3 and set(written.writes.values()) == {1}
    answer = served.recall("price", vector=[100.0], k=2, after=written.writes)
    assert answer.ids == ["new", "B003"]
    assert "B004" not in served.recall("price", vector=[4.0], k=None).ids
    # A replica that starts later reads the log.
    assert Served(store, tmp_path / "more").recall("price", vector=[100.0], k=2).ids == ["new", "B003"]
    # The next epoch includes the writes, and does not take the older records for newer ones.
    head = publish(store, tmp_path, ITEMS)
    assert head.epoch == 2 and head.items == 150
    served.states.refresh()
    for server in served.servers:
        wait_for(server, 2, 5)
        assert server.stats()["epochs"] == [1, 2]
    answer = served.recall("price", vector=[100.0], k=2)
    assert answer.epoch == 2 and answer.ids == ["new", "B003"]
    assert cluster.collect(store, keep=1) == [1]
    again = publish(store, tmp_path, None)
    assert [shard.stored for shard in again.shards] == [shard.stored for shard in head.shards]
    with pytest.raises(twinspire.ItemError, match="text"):
        served.write([{"price": 3}])
    with pytest.raises(twinspire.ItemError, match="embedded"):
        served.write([{"id": "bad", "price": "dear"}])
    with pytest.raises(twinspire.ItemError, match="no text"):
        served.write([], [3])  # type: ignore[list-item]


@STORES
def test_a_replica_without_the_epoch_says_so_and_the_router_answers_by_the_one_before(
    served: Served, store: cluster.Storage, tmp_path: Path
) -> None:
    publish(store, tmp_path, [item(n) | {"price": 500.0} for n in range(3)])
    served.states.refresh()
    served.servers[0].refresh()
    with pytest.raises(cluster.EpochAbsentError, match="not 2 yet"):
        served.servers[1].records(2, [])
    assert served.recall("price", vector=[500.0]).epoch == 1
    for server in served.servers:
        server.refresh()
    answer = served.recall("price", vector=[500.0], k=3)
    assert answer.epoch == 2 and set(answer.ids) == {"B000", "B001", "B002"}
    for server in served.servers:
        server.close()
    with pytest.raises(cluster.EpochAbsentError):
        served.recall("price", vector=[500.0], timeout=0.2)


def test_a_router_waits_for_a_write_no_longer_than_its_time(served: Served) -> None:
    with pytest.raises(cluster.ShardError, match="in time"):
        served.recall("price", vector=[1.0], after={0: 5}, timeout=0.2)
    # What the router has acknowledged is wished for.
    served.router.acknowledge({0: 5})
    served.router.acknowledge({0: 4})
    assert served.router.acknowledged == {0: 5}
    assert served.recall("price", vector=[1.0], exact=True).covered == 1


def test_recalls_share_one_failed_read_of_the_log(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def read(self: cluster.LocalStorage, name: str) -> bytes | None:
        asked.append(name)
        raise twinspire.StorageError(f"{name} cannot be read: status 500")

    served.router.acknowledge({0: 5})
    with monkeypatch.context() as away:
        away.setattr(cluster.LocalStorage, "read", read)
        for _ in range(5):
            assert served.recall("price", vector=[1.0], exact=True).covered == 1
        with pytest.raises(cluster.ShardError, match="status 500"):
            served.recall("price", vector=[1.0], after={0: 5})
    assert len(asked) <= 2
    # The background asks, and then recalls do again.
    served.servers[0].refresh()
    assert served.recall("price", vector=[1.0], exact=True).covered == 1


@STORES
def test_one_of_two_publishers_of_an_epoch_gets_a_conflict(store: cluster.Storage) -> None:
    head = cluster.read_head(store)
    with pytest.raises(twinspire.ConflictError, match="epoch 1"):
        commit_head(store, head)
    with pytest.raises(twinspire.NotFoundError, match="epoch 9"):
        cluster.read_head(store, 9)
    store.create("cluster/00000000000000000002.json", b"{}")
    with pytest.raises(twinspire.CorruptError, match="no head"):
        cluster.read_head(store)


@STORES
def test_writers_that_race_lose_nothing(store: cluster.Storage) -> None:
    def append(writer: int) -> None:
        log = WriteLog(store, 0)
        for n in range(20):
            log.append([f"{writer}-{n}"], 0)

    threads = [threading.Thread(target=append, args=[writer]) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [operation for batch in WriteLog(store, 0).read(0) for operation in batch.operations]
    assert sorted(map(str, found)) == sorted(f"{writer}-{n}" for writer in range(4) for n in range(20))


@STORES
def test_an_equal_batch_is_a_batch_of_its_own(store: cluster.Storage) -> None:
    log = WriteLog(store, 0)
    # The second delete is by a writer that starts anew, and undoes the put.
    numbers = [log.append(["B001"], 0), log.append([{"id": "B001"}], 1), log.append(["B001"], 0)]
    assert numbers == [1, 2, 3] and [batch.number for batch in log.read(1, 2)] == [2]


def test_a_full_queue_is_an_error(store: cluster.Storage, tmp_path: Path) -> None:
    states = cluster.States(store)
    states.refresh()
    writer = cluster.Writer(store, lambda: states.all, queue=5)

    async def many() -> list[Any]:
        return await asyncio.gather(*(writer.write([], ["B001", "B002"]) for _ in range(5)), return_exceptions=True)

    results = asyncio.run(many())
    assert sum(isinstance(one, cluster.Written) for one in results) == 2
    assert sum(isinstance(one, cluster.OverloadedError) for one in results) == 3
    # They became durable together.
    assert WriteLog(store, cluster.shard_of("B001", 3)).last() <= 2


def test_parts_can_be_pickled_and_must_belong_together(db: twinspire.Database, price_towers: Path) -> None:
    part = db.top_of_shard("by-price", user={"price": 12}, k=2)
    again: twinspire.ShardHits = pickle.loads(pickle.dumps(part))
    assert len(again) == 2 and again.to_bytes() == part.to_bytes()
    assert twinspire.ShardHits(part.to_bytes()).to_bytes() == part.to_bytes()
    merged = twinspire.merge_shards([again])
    assert merged == twinspire.Merged(hits=db.recall("by-price", user={"price": 12}, k=2).to_dicts())
    with pytest.raises(twinspire.InvalidInputError, match="two shards"):
        twinspire.merge_shards([part, again])
    with pytest.raises(twinspire.InvalidInputError, match="no shard"):
        twinspire.merge_shards([])
    with pytest.raises(twinspire.InvalidInputError, match="one version"):
        twinspire.ShardHits(b"x")
    with pytest.raises(twinspire.InvalidInputError, match="scale"):
        db.ensembles["calibrated"] = twinspire.normalised(["clip"], by="calibration")
        db.top_of_shard("calibrated", vector=[1.0, 0.0])
    statistics = twinspire.shard_statistics({"clip": (0.1, 0.9)})
    part = db.top_of_shard("calibrated", vector=[1.0, 0.0], statistics=statistics)
    more = twinspire.merge_shards([part]).statistics
    assert more is not None
    part = db.top_of_shard("calibrated", vector=[1.0, 0.0], statistics=more)
    assert [hit["id"] for hit in twinspire.merge_shards([part]).hits or ()] == ["B01", "B02"]


def test_user_vectors_are_those_of_a_recall(db: twinspire.Database, tmp_path: Path) -> None:
    by_history = twinspire.Towers.open(towers(tmp_path / "t")["size"])
    user = {"history": ["B01", "B09", "B02", "B01"]}
    assert by_history.items_of_user(user) == ["B01", "B09", "B02"]
    vector = by_history.embed_user_with(user, vectors={"B01": [2.0], "B02": [4.0]})
    assert vector.tolist() == pytest.approx([8 / 3])
    price = twinspire.Towers.open(tmp_path / "t" / "price")
    with pytest.raises(twinspire.FeatureError, match="history"):
        price.embed_user_with({"price": 1, **user})
    for options in ({"others": [price, by_history]}, {"fields": ["history"]}, {"check_features": "lenient"}):
        assert price.embed_user_with({"price": 1, **user}, **options).tolist() == [1.0]
    with pytest.raises(TypeError, match="towers expected"):
        price.embed_user_with({"price": 1}, others=["price"])  # type: ignore[list-item]
    assert list(db.known_vectors("clip", ["B01", "B99"])) == ["B01"]


def test_records_are_cut_to_fields_as_in_a_recall(db: twinspire.Database) -> None:
    db.items.put({"id": "B03", "price": 30, "seller": {"city": "Ulm", "name": "Eve"}, "tags": ["a"]})
    for fields in (["seller.city", "price"], ["seller"], ["tags", "seller.zip"], ["colour"]):
        record = db.recall("by-price", user={"price": 30}, k=1, records=fields)[0].record
        assert only_fields(db.items["B03"], fields) == record
