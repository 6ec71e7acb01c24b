"""Replicas over an object store: a directory, and a server that speaks S3."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest

import twinspire


def test_a_replica_serves_each_epoch(db: twinspire.Database, tmp_path: Path) -> None:
    url, replica = tmp_path / "store", tmp_path / "replica"
    pushed = twinspire.push(db, url)
    assert (pushed.epoch, pushed.unchanged, pushed.bytes) == (1, False, pushed.uploaded_bytes)
    assert pushed.files == pushed.uploaded_files > 5
    assert twinspire.push(db.path, url).unchanged
    with twinspire.follow(url, replica, interval=None) as follower:
        first = follower.db
        assert follower.db is first and first.read_only and db.epoch is None
        assert (follower.epoch, first.epoch, follower.store, follower.path) == (1, 1, str(url), replica)
        db.items.put({"id": "B03", "price": 30})
        assert twinspire.push(db, url, keep=1).epoch == 2
        assert follower.poll() and not follower.poll()
        assert [hit.id for hit in follower.db.recall("by-price", user={"price": 31}, k=1)] == ["B03"]
        assert "B03" not in first.items
        lag = follower.lag
        assert (lag.heads, lag.seconds, lag.error) == (0, 0.0, None)
        assert lag.checked_seconds is not None and lag.checked_seconds < 60
        assert "epoch 2" in repr(follower)
    follower.close()
    with pytest.raises(twinspire.ClosedError, match="follow again"):
        follower.poll()
    assert "B03" not in first.items


def test_a_thread_follows(db: twinspire.Database, tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'store'}"
    twinspire.push(db, url)
    with twinspire.follow(url, tmp_path / "replica", interval=0.01) as follower:
        db.items.put({"id": "B03", "price": 30})
        twinspire.push(db, url)
        end = time.monotonic() + 60
        while follower.epoch < 2:
            assert time.monotonic() < end, follower.lag
            time.sleep(0.01)
        assert len(follower.db.items) == 3


def test_epochs_are_fetched_side_by_side(db: twinspire.Database, tmp_path: Path) -> None:
    url, replica = tmp_path / "store", tmp_path / "replica"
    twinspire.push(db, url)
    db.items.put({"id": "B03", "price": 30})
    twinspire.push(db, url)
    heads = twinspire.heads(url)
    assert [head.epoch for head in heads] == [1, 2]
    assert heads[0].bytes == sum(file.length for file in heads[0].files)
    assert set(heads[1].spaces) == {"by-price", "clip"} and heads[1].spaces["clip"].generation == 1
    assert abs(heads[0].created - dt.datetime.now(dt.timezone.utc)) < dt.timedelta(minutes=5)
    with twinspire.fetch(url, replica, epoch=1) as one, twinspire.fetch(url, replica, keep=1) as two:
        assert (one.epoch, two.epoch, two.head.epoch) == (1, 2, 2)
        assert one.fetched_files > two.fetched_files > 0 and one.fetched_bytes > two.fetched_bytes
        with one.open() as old, twinspire.open(two.path, read_only=True) as new:
            assert (old.epoch, len(old.items), len(new.items)) == (1, 2, 3)
        assert "epoch=1" in repr(one)
    with pytest.raises(twinspire.ClosedError, match="fetch it again"):
        one.open()
    one.close()


def test_errors_say_what_is_wrong(db: twinspire.Database, tmp_path: Path) -> None:
    url, replica = tmp_path / "store", tmp_path / "replica"
    with pytest.raises(twinspire.InvalidInputError, match="no such directory"):
        twinspire.heads(url)
    url.mkdir()
    with pytest.raises(twinspire.NotFoundError, match="has no head"):
        twinspire.fetch(url, replica)
    twinspire.push(db, url)
    with pytest.raises(twinspire.NotFoundError, match="no epoch 7; there is 1"):
        twinspire.fetch(url, replica, epoch=7)
    with twinspire.open(tmp_path / "other.twin") as other:
        with pytest.raises(twinspire.ConflictError, match="holds database"):
            twinspire.push(other, url)
        assert twinspire.push(other, url, replace=True).epoch == 2
    largest = max((url / "objects").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(b"x")
    with pytest.raises(twinspire.CorruptError, match=largest.name):
        twinspire.fetch(url, replica, epoch=1)
    with pytest.raises(twinspire.InvalidInputError, match="credentials") as refused:
        twinspire.heads("s3://user:hunter2@bucket/shop")
    assert "hunter2" not in str(refused.value)


def test_a_server_that_speaks_s3_holds_epochs(bucket: str, db: twinspire.Database, tmp_path: Path) -> None:
    pushed = twinspire.push(db, bucket)
    assert pushed.epoch == 1 and twinspire.push(db, bucket).unchanged
    replica = tmp_path / "replica"
    with twinspire.follow(bucket, replica, interval=None) as follower:
        # Larger than one request.
        text = "0123456789abcdef" * 4096
        db.items.put_many({"id": f"T{at}", "price": at, "text": f"{at}{text}"} for at in range(400))
        db.seal()
        pushed = twinspire.push(db, bucket, keep=1)
        assert pushed.uploaded_bytes > 20_000_000
        assert follower.poll()
        assert follower.db.items["T399"]["price"] == 399
        assert [head.epoch for head in twinspire.heads(bucket)] == [2]
    # A prefix of its own is another store.
    with pytest.raises(twinspire.NotFoundError, match="has no head"):
        twinspire.fetch(bucket + "-eu", tmp_path / "other")


def test_of_two_pushes_to_s3_one_wins(bucket: str, db: twinspire.Database, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    twinspire.push(db, bucket)
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        db.snapshot(path)
        with twinspire.open(path) as copy:
            copy.items.put({"id": "B03", "price": 30, "path": str(path)})

    def push(path: Path) -> str:
        try:
            return f"epoch {twinspire.push(path, bucket).epoch}"
        except twinspire.ConflictError as error:
            return str(error)

    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(push, paths))
    won = [result for result in results if result.startswith("epoch")]
    lost = [result for result in results if "another push committed epoch 2" in result]
    assert len(won) + len(lost) == 2 and won, results
    assert len(twinspire.heads(bucket)) == 1 + len(won)


def test_no_message_has_credentials(
    bucket: str, db: twinspire.Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(twinspire.Error) as failed:
        twinspire.push(db, "s3://there-is-no-such-bucket/shop")
    assert "NoSuchBucket" in str(failed.value)
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(twinspire.StorageError) as away:
        twinspire.heads(bucket)
    for error in (failed, away):
        assert "AKIATEST" not in str(error.value) and "secret-of" not in str(error.value)
