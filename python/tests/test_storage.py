"""Where clusters of shards are kept: directories and buckets."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import twinspire
from conftest import STORES
from twinspire import ray as cluster
from twinspire.ray._head import Head, ShardHead
from twinspire.ray._object_storage import message
from twinspire.ray._writes import WriteLog


def test_an_address_names_a_directory_or_a_bucket(tmp_path: Path) -> None:
    store = cluster.storage(tmp_path / "s")
    assert isinstance(store, cluster.LocalStorage) and cluster.storage(store) is store
    same = cluster.storage(f"file://{tmp_path / 's'}")
    assert isinstance(same, cluster.LocalStorage) and same.root == store.root
    bucket = cluster.storage("s3a://shops/eu/")
    assert repr(bucket) == repr(cluster.ObjectStorage("s3://shops/eu")) == "ObjectStorage('s3://shops/eu')"
    for url in ("ftp://x/y", "s3://", "s3:///x", "s3://b/a//b", "s3://b/../c", "file://host/x"):
        with pytest.raises(twinspire.InvalidInputError, match="address|prefix"):
            cluster.storage(url)
    for url in ("s3://AKIA:hunter2@b/x", "s3://b/x?secret=hunter2", "s3://b/x#hunter2"):
        with pytest.raises(twinspire.InvalidInputError, match="credentials") as refused:
            cluster.storage(url)
        assert "hunter2" not in str(refused.value)


@STORES
def test_a_store_keeps_objects_and_files(empty_store: cluster.Storage, tmp_path: Path) -> None:
    store: cluster.Storage = pickle.loads(pickle.dumps(empty_store))
    assert store.read("a/b") is None and store.names("a") == []
    assert store.create("a/b", b"1") and not store.create("a/b", b"2") and store.read("a/b") == b"1"
    assert store.create("a/c", b"") and store.read("a/c") == b""
    assert store.names("a") == ["b", "c"] and store.names("a", "b") == ["c"] and store.names("a", "c") == []
    with pytest.raises(twinspire.NotFoundError, match="not stored"):
        store.fetch("nothing", tmp_path / "t")
    (tmp_path / "d" / "more").mkdir(parents=True)
    files = {"file": b"3", "more/empty": b"", "more/large": bytes(range(256)) * 40_000}
    for name, data in files.items():
        (tmp_path / "d" / name).write_bytes(data)
    names = [store.push(tmp_path / "d", "dirs/one") for _ in range(2)]
    assert sorted(names) == [f"dirs/one/{name}" for name in store.names("dirs/one")]
    assert store.names("dirs") == ["one"] and store.names("dirs", "one") == []
    store.delete(names[0])
    with pytest.raises(twinspire.NotFoundError, match="not stored"):
        store.fetch(names[0], tmp_path / "t")
    store.fetch(names[1], tmp_path / "t")
    found = {
        path.relative_to(tmp_path / "t").as_posix(): path for path in (tmp_path / "t").rglob("*") if path.is_file()
    }
    assert {name: path.read_bytes() for name, path in found.items()} == files
    with pytest.raises(twinspire.StorageError, match="cannot be fetched"):
        store.fetch(names[1], tmp_path / "t" / "file" / "t")
    for name in ("dirs", "a/b", "a/c", "nothing"):
        store.delete(name)
    assert store.names("a") == [] and store.names("dirs") == []


def memory_store() -> cluster.ObjectStorage:
    """A bucket in memory, behind the client of buckets."""
    obstore = pytest.importorskip("obstore", reason="obstore is not installed")
    store = cluster.ObjectStorage("s3://bucket/shop")
    client = obstore.store.MemoryStore()
    store._clients = {True: client, False: client}
    return store


@pytest.mark.parametrize("kind", ["directory", "memory"])
def test_a_fetch_keeps_a_directory_that_exists(kind: str, tmp_path: Path) -> None:
    store = cluster.LocalStorage(tmp_path / "store") if kind == "directory" else memory_store()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "file").write_bytes(b"12")
    name = store.push(tmp_path / "d", "dirs")
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "mine").write_bytes(b"1")
    with pytest.raises(twinspire.StorageError, match="cannot be fetched"):
        store.fetch(name, tmp_path / "t")
    assert (tmp_path / "t" / "mine").read_bytes() == b"1"


def test_a_create_whose_response_was_lost_succeeds_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store = memory_store()
    obstore = pytest.importorskip("obstore", reason="obstore is not installed")
    put = obstore.put

    def lose_the_response(*arguments: Any, **options: Any) -> None:
        put(*arguments, **options)
        # The client repeats the request.
        put(*arguments, **options)

    monkeypatch.setattr(obstore, "put", lose_the_response)
    assert store.create("a", b"1")
    assert not store.create("a", b"2") and store.read("a") == b"1"


def test_a_delete_goes_on_after_an_object_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    store = memory_store()
    obstore = pytest.importorskip("obstore", reason="obstore is not installed")
    delete = obstore.delete

    def delete_unless_gone(client: Any, paths: str | list[str]) -> None:
        if "a/1" in paths:
            raise FileNotFoundError("a/1")
        delete(client, paths)

    for name in ("a/1", "a/2", "a/3"):
        store.create(name, b"")
    monkeypatch.setattr(obstore, "delete", delete_unless_gone)
    store.delete("a")
    assert store.names("a") == ["1"]


GOLDEN = Path(__file__).parent / "golden"

HEAD = Head(
    epoch=42,
    shards=[
        ShardHead(0, "shards/00000/0a6f9d3c5b1e4f2a8c7d6e5f4a3b2c1d", 7, 3, 2, {"price": 1.0}),
        ShardHead(1, "shards/00001/1b7f9d3c5b1e4f2a8c7d6e5f4a3b2c1d", 5, 0, 0, {"price": 0.975}),
    ],
    towers={"price": "6f0a1b2c3d4e5f60"},
    fused={"both": ["price", "size"]},
    ensembles={"home": {"method": "weighted"}},
    lexical={"words": {"fields": {"title": 2.0}}},
    calibrations={"price": (-3.0, 0.5)},
)


def test_the_golden_head_and_batch_are_read_and_written(tmp_path: Path) -> None:
    head = (GOLDEN / "cluster-head.json").read_bytes()
    assert HEAD.to_bytes() == head and Head.from_bytes(head, "head") == HEAD
    batch = (GOLDEN / "cluster-writes.json").read_bytes()
    log = WriteLog(cluster.storage(tmp_path), 3)
    operations: list[dict[str, Any] | str] = [{"id": "B99", "title": "r\u00f6d", "price": 20}, "B98"]
    assert log.append(operations, 6) == 7
    assert (tmp_path / "writes" / "00003" / "00000000000000000007.json").read_bytes() == batch
    assert [(read.number, read.operations) for read in log.read(6)] == [(7, operations)]


@pytest.mark.parametrize(
    "data", [b"no", b"[]", b"{}", b'{"format": 0}', b'{"format": 1}', b'{"format": 1, "shards": [7]}', b'{"format": "2"}']
)
def test_a_damaged_head_is_named(data: bytes) -> None:
    with pytest.raises(twinspire.CorruptError, match="heads/1 is no head"):
        Head.from_bytes(data, "heads/1")


def test_a_head_of_a_newer_format_is_unsupported() -> None:
    with pytest.raises(twinspire.UnsupportedError, match="format 2"):
        Head.from_bytes(HEAD.to_bytes().replace(b'"format": 1', b'"format": 2'), "head")


@pytest.mark.parametrize("data", [b"no", b"{}", b"[7]", b'[{"title": "no id"}]', b'[{"id": 7}]'])
def test_a_damaged_batch_of_writes_is_named(data: bytes, tmp_path: Path) -> None:
    store = cluster.storage(tmp_path)
    store.create("writes/00000/00000000000000000001.json", data)
    with pytest.raises(twinspire.CorruptError, match="writes/00000/00000000000000000001.json"):
        list(WriteLog(store, 0).read(0))


@STORES
def test_one_of_several_concurrent_creates_succeeds(empty_store: cluster.Storage) -> None:
    with ThreadPoolExecutor(8) as threads:
        created = list(threads.map(lambda n: empty_store.create("a/b", b"%d" % n), range(8)))
    assert created.count(True) == 1 and empty_store.read("a/b") == b"%d" % created.index(True)


def test_errors_of_a_directory_name_the_file(tmp_path: Path) -> None:
    store = cluster.LocalStorage(tmp_path)
    store.create("a/b", b"1")
    with pytest.raises(twinspire.StorageError, match="cannot be created"):
        store.create("a/b/c", b"")
    with pytest.raises(twinspire.StorageError, match="cannot be read"):
        store.read("a")


def test_errors_of_an_object_store_name_the_object_without_credentials(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    obstore = pytest.importorskip("obstore", reason="obstore is not installed")
    store = cluster.ObjectStorage(bucket)
    absent = cluster.ObjectStorage("s3://there-is-no-such-bucket/shop")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "file").write_bytes(b"12")
    failing: list[Callable[[], object]] = [
        lambda: absent.read("a"),
        lambda: absent.create("a", b""),
        lambda: absent.names("a"),
        lambda: absent.delete("a"),
        lambda: absent.push(tmp_path / "d", "dirs"),
    ]
    for call in failing:
        with pytest.raises(twinspire.StorageError, match="NoSuchBucket") as failed:
            call()
        assert failed.value.__cause__ is None and failed.value.__context__ is None
    name = store.push(tmp_path / "d", "dirs")
    client = obstore.store.from_url(bucket, client_options={"allow_http": True})
    obstore.put(client, f"{name}/file", b"1")
    with pytest.raises(twinspire.StorageError, match="ends at 1 bytes"):
        store.fetch(name, tmp_path / "t")
    obstore.delete(client, f"{name}/file")
    with pytest.raises(twinspire.NotFoundError, match="deleted"):
        store.fetch(name, tmp_path / "t")
    for listing in (b"{}", b"[]", b"no", b'{"files": {"../file": 1}}', b'{"files": {"file": "x"}}'):
        obstore.put(client, f"{name}/files.json", listing)
        with pytest.raises(twinspire.CorruptError, match="no list of files"):
            store.fetch(name, tmp_path / "t")
    assert not (tmp_path / "t").exists()
    # A server that is away, and keys in messages.
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(twinspire.StorageError, match=r"cannot be read: .*\(Connect\)") as away:
        cluster.ObjectStorage(bucket).read("a")
    said = message(
        ValueError("at x - denied AKIATESTTESTTEST: <Error><Code>Denied</Code><Key>secret-of-the-test</Key>")
    )
    assert said == "denied … (Denied)"
    assert "AKIATEST" not in str(away.value) and "secret-of" not in str(away.value)
