from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import twinspire


def test_opening(path: Path) -> None:
    with pytest.raises(twinspire.NotFoundError, match="there is no database"):
        twinspire.open(path, create=False)
    with pytest.raises(twinspire.NotFoundError):
        twinspire.open(str(path), read_only=True)
    with twinspire.open(path, seal_bytes=1 << 20, seal_writes=100, collect=False, in_memory=True) as db:
        assert db.path == path and not db.read_only and not db.closed
        assert repr(db) == f"Database('{path}', 0 items, 0 spaces)"
        with pytest.raises(twinspire.LockedError, match="held by another writer"):
            twinspire.open(path)
    with pytest.raises(twinspire.InvalidInputError, match="not a database"):
        twinspire.open(path.parent)


def test_closing_is_idempotent_and_final(db: twinspire.Database, path: Path) -> None:
    items, ensembles = db.items, db.ensembles
    state = db.pin()
    db.close()
    db.close()
    assert db.closed and repr(db) == f"Database('{path}', closed)"
    for use in (db.spaces, db.__enter__, lambda: len(items), lambda: list(ensembles), db.pin):
        with pytest.raises(twinspire.ClosedError, match="is closed; open it again"):
            use()
    assert state.recall("clip", vector=[0.0, 1.0], k=1).ids == ["B02"]
    with twinspire.open(path) as again:
        assert len(again.items) == 2


def test_a_reader_sees_what_was_written_when_it_refreshes(db: twinspire.Database, path: Path) -> None:
    with twinspire.open(path, read_only=True) as reader:
        assert reader.read_only and "read-only" in repr(reader)
        db.items.put({"id": "B03", "price": 30})
        assert "B03" not in reader.items
        reader.refresh()
        assert "B03" in reader.items
        with pytest.raises(twinspire.ReadOnlyError):
            reader.items.put({"id": "B04"})


def test_damage_is_named(db: twinspire.Database, path: Path) -> None:
    db.close()
    manifest = path / (path / "CURRENT").read_text().split()[0]
    manifest.chmod(0o600)
    manifest.write_bytes(manifest.read_bytes()[:-1])
    with pytest.raises(twinspire.CorruptError, match=manifest.name):
        twinspire.open(path)


def test_a_newer_format_is_refused(db: twinspire.Database, path: Path) -> None:
    db.close()
    with (path / "CURRENT").open("a") as current:
        current.write("! what only a newer release knows\n")
    with pytest.raises(twinspire.UnsupportedError, match="CURRENT"):
        twinspire.open(path)


def test_a_commit_of_another_process_is_never_overwritten(db: twinspire.Database, path: Path) -> None:
    before = (path / "CURRENT").read_bytes()
    db.items.put({"id": "B03", "price": 30})
    db.seal()
    (path / "CURRENT").write_bytes(before)
    db.items.put({"id": "B04", "price": 40})
    with pytest.raises(twinspire.ConflictError, match="another process writes too"):
        db.seal()
    assert db.items["B01"] == {"id": "B01", "price": 10}, "reads go on"


def test_upkeep(db: twinspire.Database, tmp_path: Path) -> None:
    db.items.put({"id": "B03", "price": 30})
    assert db.seal() == 3
    db.items.put({"id": "B03", "price": 31})
    db.seal()
    db.merge()
    assert db.gc(dry_run=True) == [] == db.gc()
    report = db.check()
    assert report.files > 3 and report.problems == [] == report.unsupported
    told: list[twinspire.Progress] = []
    assert db.check(progress=told.append).files == report.files
    assert told[-1].stage == "checking" and told[-1].done == told[-1].total > 0
    with pytest.raises(twinspire.CancelledError):
        db.check(progress=lambda progress: False)
    stats = db.stats()
    assert (stats.items, stats.fresh, stats.spaces["by-price"].items) == (3, 0, 3)
    assert stats.kernels and stats.spaces["clip"].storage
    calibration = db.audit("by-price")
    assert calibration.samples
    assert db.audit("by-price", [{"price": n} for n in range(40)]).samples[0].kind == "given"
    assert db.audit("by-price", [{"price": 1}], store=True).samples
    assert db.audit("clip", store=True).samples
    db.exclude_from_filters(["price"])
    assert db.excluded_from_filters() == ["price"]
    with pytest.raises(twinspire.FilterError):
        db.items.count_where("price < 3")
    db.include_in_filters(["price"])
    assert db.items.count_where("price < 15") == 1
    db.snapshot(tmp_path / "backup")
    with pytest.raises(twinspire.InvalidInputError, match="not empty"):
        db.snapshot(tmp_path / "backup")
    twinspire.restore(tmp_path / "backup", tmp_path / "restored")
    with twinspire.open(tmp_path / "restored") as restored:
        assert restored.items["B03"]["price"] == 31 and restored.spaces() == db.spaces()


def test_damage_is_named_and_repaired(db: twinspire.Database, path: Path) -> None:
    db.seal()
    db.close()
    segment = max(path.rglob("*"), key=lambda file: file.stat().st_size if "items" in file.name else 0)
    assert segment.is_file()
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)
    report = twinspire.repair(path)
    assert isinstance(report, twinspire.RepairReport)
    assert all(isinstance(problem.file, Path) for problem in report.problems)


def test_what_cannot_be_pickled_says_so(db: twinspire.Database) -> None:
    with pytest.raises(TypeError, match="a database cannot be pickled; open it again by its path"):
        pickle.dumps(db)
    with pytest.raises(TypeError):
        copy.copy(db)
    with pytest.raises(TypeError, match="hits cannot be pickled; pickle `to_dicts"):
        pickle.dumps(db.recall("clip", vector=[0.0, 1.0]))
    with pytest.raises(TypeError, match="hits cannot be pickled; pickle `ids`"):
        pickle.dumps(db.recall_many("by-price", [{"price": 1}]))
    generation = db.generations("clip")[0]
    assert pickle.loads(pickle.dumps(generation)) == generation
    error = twinspire.NotFoundError("there is no item")
    assert str(pickle.loads(pickle.dumps(error))) == "there is no item"


def test_the_hierarchy_of_exceptions() -> None:
    assert issubclass(twinspire.ForkedError, twinspire.InvalidInputError) and twinspire.__version__
    for name in twinspire.__all__:
        found = getattr(twinspire, name)
        if isinstance(found, type) and issubclass(found, Exception):
            assert issubclass(found, twinspire.Error) and found.__doc__
    assert issubclass(twinspire.FilterError, ValueError) and issubclass(twinspire.NotFoundError, KeyError)
    assert issubclass(twinspire.StorageError, OSError)


def test_many_threads_share_a_handle(db: twinspire.Database) -> None:
    stop = threading.Event()

    def write(thread: int) -> None:
        for n in range(40):
            db.items.put({"id": f"t{thread}-{n}", "price": thread * 100 + n})

    def read() -> int:
        answered = 0
        while not stop.is_set():
            hits = db.recall("by-price", user={"price": 10}, k=5)
            assert hits[0].id == "B01"
            answered += len(db.recall_many("by-price", [{"price": n} for n in range(8)], k=3))
            with db.pin() as state:
                assert state.recall("by-price", user={"price": 20}, k=1).ids == ["B02"]
        return answered

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        writers = [pool.submit(write, thread + 1) for thread in range(4)]
        for writer in writers:
            writer.result()
        db.seal()
        stop.set()
        assert all(reader.result() >= 0 for reader in readers)
    assert len(db.items) == 2 + 4 * 40


def test_closing_under_calls_of_other_threads(path: Path, price_towers: Path) -> None:
    db = twinspire.open(path)
    db.items.put_many({"id": f"i{n}", "price": n} for n in range(200))
    db.publish("by-price", price_towers)
    began = threading.Barrier(5)

    def recall() -> str:
        began.wait()
        try:
            while True:
                db.recall_many("by-price", [{"price": n} for n in range(50)])
        except twinspire.ClosedError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(recall) for _ in range(4)]
        began.wait()
        db.close()
        assert all("is closed" in call.result(timeout=30) for call in calls)
    with twinspire.open(path) as again:
        assert len(again.items) == 200


def test_calls_can_be_awaited(db: twinspire.Database) -> None:
    async def answers() -> list[list[str]]:
        calls = (asyncio.to_thread(db.recall, "by-price", user={"price": price}, k=1) for price in (10, 20))
        return [hits.ids for hits in await asyncio.gather(*calls)]

    assert asyncio.run(answers()) == [["B01"], ["B02"]]


def test_other_threads_run_during_a_call(path: Path, price_towers: Path) -> None:
    with twinspire.open(path) as db:
        db.items.put_many({"id": f"i{n}", "price": n % 977} for n in range(3000))
        ticks = 0
        stop = threading.Event()

        def tick() -> None:
            nonlocal ticks
            while not stop.wait(0.001):
                ticks += 1

        thread = threading.Thread(target=tick)
        thread.start()
        db.publish("by-price", price_towers)
        db.audit("by-price")
        stop.set()
        thread.join()
        assert ticks > 5


FORK = """
import os, sys, twinspire
db = twinspire.open(sys.argv[1])
items, state, towers = db.items, db.pin(), db.towers("by-price")
trained = twinspire.train.youtube(items=[{"id": "a"}, {"id": "b"}], dimension=4, epochs=1,
    events=[{"user": f"u{n % 3}", "item": "ab"[n % 2], "timestamp": n} for n in range(12)])
child = os.fork()
if child == 0:
    uses = [
        lambda: db.recall("by-price", user={"price": 1}), lambda: items.put({"id": "forked"}), lambda: len(items),
        lambda: state.recall("by-price", user={"price": 1}), lambda: towers.embed_users([{"price": 1}]),
        lambda: twinspire.open(sys.argv[1], read_only=True), lambda: db.publish_vectors("x", ["B01"], [[1.0]]),
        trained.to_html, lambda: twinspire.split_events([]), lambda: twinspire.Towers.combine(towers, towers),
        lambda: towers.save(sys.argv[1] + ".towers"), lambda: towers.check_user({}), lambda: list(items),
    ]
    raised = 0
    for use in uses:
        try:
            use()
        except twinspire.ForkedError:
            raised += 1
    db.close()
    state.close()
    del db, items, state, towers, trained
    os._exit(0 if raised == len(uses) else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
items.put({"id": "parent", "price": 2})
assert db.recall("by-price", user={"price": 1}, k=1).ids == ["parent"]
db.close()
"""

FORK_FIRST = """
import os, sys, twinspire
child = os.fork()
if child == 0:
    with twinspire.open(sys.argv[1]) as db:
        assert db.recall_many("by-price", [{"price": 1}], k=1).ids.tolist() == [["B01"]]
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("script", [FORK, FORK_FIRST], ids=["used before the fork", "used in the child only"])
def test_forks(db: twinspire.Database, path: Path, script: str) -> None:
    db.close()
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with twinspire.open(path) as again:
        assert "forked" not in again.items and again.check().problems == []
