"""Publishing with Ray and serving on Ray Serve. Runs where Ray is installed: `pip install 'twinspire[ray]'`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import twinspire
from test_shards import ITEMS, RECIPES, towers
from twinspire import ray as cluster

ray = pytest.importorskip("ray", reason="Ray is not installed")

NO_CPUS = {"ray_actor_options": {"num_cpus": 0}}


@pytest.fixture(scope="module", autouse=True)
def engine(s3: dict[str, str] | None) -> Iterator[None]:
    # Workers find the package where this process has it, and the server that speaks S3.
    variables = {"PYTHONPATH": f"{Path(twinspire.__file__).parents[1]}:{Path(__file__).parent}", **(s3 or {})}
    # By default workers give way to everything else on the machine, such as builds, and starts take minutes.
    os.environ.setdefault("RAY_worker_niceness", "0")
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": variables})
    # Without its proxy, whose start would take longer than all else.
    pytest.importorskip("ray.serve").start(http_options={"location": "NoServer"})
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, cluster.Head]:
    """A store with an epoch of four shards."""
    directory = tmp_path_factory.mktemp("cluster")
    head = cluster.publish(
        directory / "store",
        ITEMS,
        shards=4,
        towers=towers(directory / "towers"),
        lexical={"words": {"fields": {"title": 1.0}}},
        ensembles=RECIPES,
        calibrations={"price": (-3.0, 0.0)},
        work=directory,
    )
    return directory, head


@pytest.fixture(scope="module")
def served(made: tuple[Path, cluster.Head]) -> Iterator[cluster.Cluster]:
    directory, _ = made
    served = cluster.serve(directory / "store", poll=0.2, work=directory, options=NO_CPUS)
    yield served
    served.shutdown()


def test_a_published_cluster_is_verified_and_publishing_it_again_changes_nothing(
    made: tuple[Path, cluster.Head],
) -> None:
    directory, head = made
    assert head.epoch == 1 and head.items == len(ITEMS) and len(head.shards) == 4
    assert all(shard.changed == shard.items and shard.recall["price"] == 1 for shard in head.shards)
    assert cluster.publish(directory / "store", ITEMS, work=directory) == head
    # A Parquet file with other names, of which one record is new.
    table = pa.Table.from_pylist([{"key": "B001", "price": 1.0, "size": 1.0, "bid": 2, "title": "red 1 shoe 1"}])
    pq.write_table(table, directory / "few.parquet")
    with pytest.raises(twinspire.NotFoundError, match="no column 'id'"):
        cluster.publish(directory / "store", directory / "few.parquet", work=directory)
    same = cluster.publish(directory / "store", directory / "few.parquet", id="key", work=directory)
    assert [shard.items for shard in same.shards] == [shard.items for shard in head.shards]


def test_recalls_are_those_of_one_database(served: cluster.Cluster, tmp_path: Path) -> None:
    db = twinspire.open(tmp_path / "whole.twin")
    db.items.put_many(ITEMS)
    for space, path in towers(tmp_path / "own").items():
        db.publish(space, path)
    db.lexical["words"] = {"fields": {"title": 1.0}}
    for name, recipe in RECIPES.items():
        if name != "calibrated":
            db.ensembles[name] = recipe
            user = {"query": "red shoe 3"} if name in ("scaled", "turns") else {"history": ["B009", "B077"]}
            options: dict[str, Any] = {
                "user": {"price": 12, **user},
                "exact": True,
                "filter": "bid > 1",
                "offset": 2,
                "records": True,
            }
            assert served.recall(name, **options).hits == db.recall(name, **options).to_dicts(), name


def test_errors_reach_the_caller_as_they_are(served: cluster.Cluster) -> None:
    with pytest.raises(twinspire.FilterError, match="colour"):
        served.recall("price", user={"price": 1}, filter="colour = 'red'")
    with pytest.raises(twinspire.NotFoundError, match="nothing"):
        served.recall("nothing", user={"price": 1})
    with pytest.raises(twinspire.FeatureError):
        served.recall("price", user={"price": "dear"})
    with pytest.raises(twinspire.ItemError):
        served.put({"id": "bad", "price": "dear"})
    with pytest.raises(TypeError, match="colour"):
        served.recall("price", colour="red")


def test_writes_are_visible_at_once(served: cluster.Cluster) -> None:
    for n in range(5):
        served.put({"id": f"n{n}", "price": 1000.0 + n, "size": 1.0})
        assert served.recall("price", user={"price": 1000.0 + n}, k=1).ids == [f"n{n}"]
    written = served.delete(*(f"n{n}" for n in range(5)))
    answer = cluster.connect().recall("price", user={"price": 1000.0}, k=1, after=written.writes)
    assert answer.ids != ["n0"] and answer.scores[0] < -1000
    assert written == cluster.Written(5, written.writes)


def test_an_epoch_flips_whole_and_a_shard_that_fails_leaves_the_one_before(
    served: cluster.Cluster, made: tuple[Path, cluster.Head]
) -> None:
    directory, _ = made
    store = directory / "store"
    before = cluster.read_head(cluster.storage(store)).epoch
    with pytest.raises(cluster.ShardError, match="shard . of 4 cannot be built") as failed:
        cluster.publish(store, [{"id": "B001", "price": "dear"}], work=directory, task={"max_retries": 0})
    assert failed.value.shard == cluster.shard_of("B001", 4)
    assert cluster.read_head(cluster.storage(store)).epoch == before
    served.put({"id": "kept", "price": 2000.0, "size": 1.0})
    head = cluster.publish(store, [{**item, "price": item["price"] + 100} for item in ITEMS], work=directory)
    served.wait(head.epoch)
    answer = served.recall("price", user={"price": 100.0}, k=1)
    assert answer.epoch == head.epoch and answer.scores[0] == 0
    assert served.recall("price", user={"price": 2000.0}, k=1).ids == ["kept"]
    stats = served.stats()
    assert stats["epochs"][0] == head.epoch and [shard["problem"] for shard in stats["shards"]] == [None] * 4
    # The whole catalogue: what it lacks is removed.
    head = cluster.publish(store, ITEMS[:100], replace=True, work=directory, keep=1)
    assert head.items == 100
    # The shards that were built beside the one that failed.
    assert cluster.sweep(store) <= 3 and cluster.sweep(store) == 0


def test_towers_are_trained_once_and_unchanged_ones_are_kept(tmp_path: Path) -> None:
    items = [{"id": f"i{n}"} for n in range(40)]
    events = [{"user": f"u{n % 9}", "item": f"i{n * 7 % 40}", "timestamp": n} for n in range(200)]
    train = {"taste": {"recipe": "youtube", "events": events, "dimension": 4, "epochs": 1}}
    head = cluster.publish(tmp_path / "s", ray.data.from_items(items), shards=2, train=train, work=tmp_path)
    assert list(head.towers) == ["taste"] and head.items == 40
    # The same training gives the same towers, and the same items the same epoch.
    assert cluster.publish(tmp_path / "s", items, train=train, work=tmp_path) == head
    with pytest.raises(twinspire.InvalidInputError, match="items"):
        cluster.publish(tmp_path / "s", train=train, work=tmp_path, task={"max_retries": 0})
    with pytest.raises(twinspire.InvalidInputError, match="recipe"):
        cluster.publish(
            tmp_path / "s", items, train={"taste": {"recipe": "luck"}}, work=tmp_path, task={"max_retries": 0}
        )


def test_what_cannot_be_published_is_refused(tmp_path: Path, made: tuple[Path, cluster.Head]) -> None:
    directory, _ = made
    with pytest.raises(twinspire.InvalidInputError, match="needs items"):
        cluster.publish(tmp_path / "s", shards=2, work=tmp_path)
    with pytest.raises(twinspire.InvalidInputError, match="number of shards"):
        cluster.publish(tmp_path / "s", ITEMS, work=tmp_path)
    with pytest.raises(twinspire.InvalidInputError, match="4 shards, not 3"):
        cluster.publish(directory / "store", ITEMS, shards=3, work=tmp_path)
    with pytest.raises(twinspire.PublishError, match="needs a space"):
        cluster.publish(tmp_path / "s", ITEMS, shards=2, work=tmp_path)
    with pytest.raises(cluster.ShardError, match="fewer shards"):
        cluster.publish(tmp_path / "s", ITEMS[:1], shards=3, towers=towers(tmp_path / "t"), work=tmp_path)


def test_a_dead_replica_is_replaced(served: cluster.Cluster) -> None:
    serve = pytest.importorskip("ray.serve")
    killed = 0
    for replicas in serve.status().applications["twinspire"].deployments:
        assert replicas in ("router", "writer", "shard-0", "shard-1", "shard-2", "shard-3")
    for actor in ray.util.list_named_actors(all_namespaces=True):
        if "shard-1" in actor["name"] or "router" in actor["name"]:
            ray.kill(ray.get_actor(actor["name"], namespace=actor["namespace"]), no_restart=True)
            killed += 1
    assert killed == 2
    answer = served.recall("price", user={"price": 3.0}, policy="partial", timeout=60)
    assert answer.hits and (answer.covered == 1) == (not answer.failed)
    assert served.recall("price", user={"price": 3.0}, timeout=60).covered == 1


class Request:
    """As the proxy of Serve gives it."""

    def __init__(self, body: str) -> None:
        self.body = body

    async def json(self) -> Any:
        return json.loads(self.body)


def test_requests_over_http(served: cluster.Cluster) -> None:
    def ask(body: str) -> tuple[int, Any]:
        response = served.handle.remote(Request(body)).result()
        return response.status_code, json.loads(response.body)

    status, answer = ask(json.dumps({"name": "price", "user": {"price": 3.0}, "k": 2, "after": {"0": 0}}))
    assert status == 200 and len(answer["hits"]) == 2 and answer["covered"] == 1
    for body, expected in (("{}", 400), ("no", 400), ('{"name": "nothing", "user": {}}', 404)):
        status, answer = ask(body)
        assert status == expected and answer["error"], body


def test_a_full_queue_is_an_error_at_once(made: tuple[Path, cluster.Head]) -> None:
    directory, _ = made
    small = cluster.serve(
        directory / "store", name="small", work=directory, max_ongoing=1, max_queued=1, options=NO_CPUS
    )
    user = {"price": 3.0}
    expected = small.recall("price", user=user, exact=True, timeout=60).hits

    def recall(_: int) -> str:
        try:
            return "same" if small.recall("price", user=user, exact=True, timeout=60).hits == expected else "other"
        except cluster.OverloadedError:
            return "overloaded"

    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(pool.map(recall, range(200)))
    assert set(outcomes) == {"same", "overloaded"}, outcomes
    small.shutdown()


def test_a_cluster_in_a_bucket(bucket: str, tmp_path: Path) -> None:
    pytest.importorskip("obstore", reason="obstore is not installed")
    head = cluster.publish(bucket, ITEMS, shards=2, towers=towers(tmp_path / "towers"), work=tmp_path)
    assert head.epoch == 1 and head.items == len(ITEMS)
    served = cluster.serve(bucket, name="bucket", poll=0.2, work=tmp_path, options=NO_CPUS)
    user = {"price": 3.0}
    expected = [item["id"] for item in sorted(ITEMS, key=lambda item: (abs(item["price"] - 3), item["id"]))[:10]]
    assert served.recall("price", user=user, exact=True, timeout=60).ids == expected
    written = served.put({"id": "new", "price": 3.0, "size": 1.0})
    assert "new" in served.recall("price", user=user, k=20, after=written.writes).ids
    # A flip: dearer items, and the write.
    head = cluster.publish(bucket, [{**item, "price": item["price"] + 100} for item in ITEMS], work=tmp_path, keep=1)
    served.wait(head.epoch)
    answer = served.recall("price", user={"price": 100.0}, k=1)
    assert answer.epoch == head.epoch == 2 and answer.scores[0] == 0
    assert served.recall("price", user=user, k=1).ids == ["new"]
    # What a killed publisher leaves.
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "file").write_bytes(b"1")
    cluster.storage(bucket).push(tmp_path / "left", "shards/00001")
    assert cluster.sweep(bucket) == 1 and cluster.sweep(bucket) == 0
    served.shutdown()
