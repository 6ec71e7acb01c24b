from __future__ import annotations

import datetime as dt
import decimal
import json
import threading
import math
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twinspire

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_a_mapping(empty: twinspire.Database) -> None:
    items = empty.items
    assert items.put({"id": "a", "n": 1}) == 1
    assert items["a"] == {"id": "a", "n": 1}
    assert "a" in items and "b" not in items and 3 not in items
    assert len(items) == 1
    assert items.get("b") is None and items.get("b", 7) == 7
    items.put_many([{"id": "b"}, {"id": "c"}])
    assert list(items) == ["a", "b", "c"] == list(items.keys())
    assert [record["id"] for record in items.values()] == ["a", "b", "c"]
    assert dict(items.items()) == {"a": {"id": "a", "n": 1}, "b": {"id": "b"}, "c": {"id": "c"}}
    items["b"] = {"n": 2}
    assert items["b"] == {"id": "b", "n": 2}
    with pytest.raises(twinspire.ItemError, match='item "b" has the id "c"; leave it out'):
        items["b"] = {"id": "c"}
    del items["b"]
    assert items.delete("c") and not items.delete("c")
    with pytest.raises(KeyError, match="there is no item"):
        items["b"]
    with pytest.raises(twinspire.NotFoundError):
        del items["b"]
    assert repr(items) == "Items(1 items)"


def test_revisions_are_those_that_are_still_stored(empty: twinspire.Database) -> None:
    items = empty.items
    assert items.revisions("a") == []
    items.put({"id": "a", "n": 1})
    empty.seal()
    items.put({"id": "a", "n": 2})
    items.delete("a")
    found = items.revisions("a")
    assert [(one.revision, one.record, one.replaced, one.sealed) for one in found] == [
        (3, None, False, False),
        (2, {"id": "a", "n": 2}, True, False),
        (1, {"id": "a", "n": 1}, True, True),
    ]
    assert isinstance(found[0], twinspire.ItemRevision)
    empty.seal()
    assert [one.revision for one in items.revisions("a")] == [3, 1], "a seal keeps the newest"


def test_iteration_is_as_of_one_moment(empty: twinspire.Database) -> None:
    empty.items.put_many({"id": f"i{n:04}"} for n in range(600))
    ids = iter(empty.items)
    first = next(ids)
    empty.items.delete_many([f"i{n:04}" for n in range(300)])
    assert [first, *ids] == [f"i{n:04}" for n in range(600)]
    assert len(empty.items) == 300


def test_json_comes_back_as_it_was(empty: twinspire.Database) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda name: name != "id"), plain, max_size=4))
    def comes_back(record: dict[str, Any]) -> None:
        empty.items.put({"id": "x", **record})
        found = empty.items["x"]
        assert found == {"id": "x", **record}
        assert json.dumps(found, sort_keys=True) == json.dumps({"id": "x", **record}, sort_keys=True)

    comes_back()


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (np.float32(0.1), 0.1),
        (np.array([0.1, 0.25], dtype=np.float32), [0.1, 0.25]),
        (np.float16(0.5), 0.5),
        (np.int64(-3), -3),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ((1, "a"), [1, "a"]),
        (dt.datetime(1970, 1, 1, 0, 1), 60),
        (dt.datetime(1970, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), 0),
        (dt.datetime(1970, 1, 1, 0, 0, 0, 500_000), 0.5),
        (dt.date(1970, 1, 2), 86_400),
        (dt.time(0, 1, 1), 61),
        (dt.timedelta(seconds=-90), -90),
        (decimal.Decimal("12"), 12),
        (decimal.Decimal("12.5"), 12.5),
        (decimal.Decimal(2**64), "18446744073709551616"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"red", "red"),
        (np.datetime64("1970-01-02", "D"), 86_400),
        (np.timedelta64(1500, "ms"), 1.5),
        ({"lat": np.float64(1.5)}, {"lat": 1.5}),
    ],
)
def test_values_become_what_files_make_of_them(empty: twinspire.Database, value: Any, stored: Any) -> None:
    empty.items.put({"id": "x", "value": value})
    assert empty.items["x"]["value"] == stored


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan"), np.datetime64("NaT")])
def test_what_is_not_finite_is_absent(empty: twinspire.Database, value: Any) -> None:
    empty.items.put({"id": "x", "value": value, "list": [1.0, math.nan]})
    assert empty.items["x"] == {"id": "x", "list": [1.0, None]}


def test_bad_records_are_refused_and_named(empty: twinspire.Database) -> None:
    wrong: list[tuple[Any, type[Exception], str]] = [
        ({"n": 1}, twinspire.ItemError, "`id`"),
        ({"id": 7}, twinspire.ItemError, "`id`"),
        ({"id": "x", "a": {"b": {1, 2}}}, TypeError, "field `a`: field `b`: a value of type set"),
        ({"id": "x", "n": 2**64}, ValueError, "field `n`: integer 18446744073709551616 has more than 64 bits"),
        ({"id": "x", "inner": {1: 2}}, TypeError, "field `inner`: field names are strings, found 1"),
        ({"id": "x", "b": b"\xff"}, ValueError, "utf-8"),
        ("x", TypeError, "a dict expected, found str"),
    ]
    for bad, error, message in wrong:
        with pytest.raises(error, match=message):
            empty.items.put(bad)
    loop: dict[str, Any] = {"id": "x"}
    loop["again"] = loop
    with pytest.raises(ValueError, match="contains itself"):
        empty.items.put(loop)
    with pytest.raises(twinspire.ItemError, match="items 0 and 1 of the call have the same id"):
        empty.items.put_many([{"id": "x"}, {"id": "x"}])
    with pytest.raises(TypeError, match="an iterable of dicts expected, found dict"):
        empty.items.put_many({"id": "x"})  # type: ignore[dict-item]
    assert len(empty.items) == 0


def test_batches_are_whole_or_not_at_all(empty: twinspire.Database) -> None:
    records = [{"id": f"i{n}"} for n in range(10)] + [{"no": "id"}]
    with pytest.raises(twinspire.ItemError):
        empty.items.put_many(records, batch=4)
    assert len(empty.items) == 8
    with pytest.raises(twinspire.ItemError):
        empty.items.put_many([{"id": "new"}, {"no": "id"}], batch=None)
    assert "new" not in empty.items


def test_deleting_by_filter_and_replacing_all(empty: twinspire.Database) -> None:
    empty.items.put_many({"id": f"i{n}", "n": n} for n in range(10))
    assert empty.items.count_where("n < 3") == 3
    assert empty.items.ids_where("n < 3") == ["i0", "i1", "i2"]
    assert empty.items.delete_where("n < 3") == 3
    assert empty.items.delete_many(["i3", "i3", "nope"]) == 1
    with pytest.raises(twinspire.ItemError, match="5 of 6 items"):
        empty.items.replace_all([{"id": "i4", "n": 4}])
    done = empty.items.replace_all([{"id": "i4", "n": 4}, {"id": "i5", "n": 50}, {"id": "z"}], max_removed=1.0)
    assert done == twinspire.Replaced(added=1, changed=1, unchanged=1, removed=4)


def test_other_threads_write_while_a_catalogue_is_replaced(empty: twinspire.Database) -> None:
    empty.items.put_many({"id": f"i{n}"} for n in range(3))

    def catalogue() -> Iterator[dict[str, Any]]:
        for n in range(3):
            yield {"id": f"i{n}", "n": n}
            writer = threading.Thread(target=empty.items.put, args=({"id": f"late{n}"},))
            writer.start()
            writer.join(timeout=60)
            assert not writer.is_alive()

    done = empty.items.replace_all(catalogue())
    assert done == twinspire.Replaced(added=0, changed=3, unchanged=0, removed=0)
    assert set(empty.items) == {f"{name}{n}" for name in ("i", "late") for n in range(3)}


def test_files_in_and_out(empty: twinspire.Database, tmp_path: Path) -> None:
    table = tmp_path / "items.csv"
    table.write_text("movie,genres,year\n1,Comedy|Drama,1995\n2,Drama,1996\n")
    seen: list[twinspire.Progress] = []
    imported = empty.items.import_file(table, id="movie", lists=["genres"], progress=lambda p: seen.append(p))
    assert imported == twinspire.Imported(items=2, skipped=0)
    assert empty.items["1"] == {"id": "1", "genres": ["Comedy", "Drama"], "year": 1995}
    assert seen[-1].done == seen[-1].total == table.stat().st_size
    out = tmp_path / "items.jsonl"
    assert empty.items.export_file(out) == 2
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["1", "2"]
    out.write_text('{"id": "1"}\nnot json\n{"id": "3"}\n')
    with pytest.raises(twinspire.ReadError, match="line 2"):
        empty.items.import_file(out)
    assert empty.items.import_file(out, skip_bad=True).skipped == 1
    with pytest.raises(twinspire.ItemError, match="nothing was removed"):
        empty.items.import_file(out, skip_bad=True, replace=True)
    replaced = empty.items.import_file(out, skip_bad=True, replace=True, max_removed=1.0).replaced
    assert replaced == twinspire.Replaced(added=0, changed=0, unchanged=2, removed=1)
    with pytest.raises(twinspire.StorageError):
        empty.items.import_file(tmp_path / "none.csv")
    with pytest.raises(TypeError, match="unexpected keyword argument 'ident'"):
        empty.items.import_file(table, ident="movie")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="'json-lines'"):
        empty.items.import_file(table, format="xls")  # type: ignore[arg-type]


def test_an_export_with_vectors_is_imported_again(db: twinspire.Database, tmp_path: Path) -> None:
    out = tmp_path / "all.jsonl"
    assert db.items.export_file(out, vectors=["clip"]) == 2
    first = json.loads(out.read_text().splitlines()[0])
    assert first["item"]["id"] == "B01" and first["vectors"]["clip"] == [1.0, 0.0]
    with twinspire.open(tmp_path / "copy.twin") as copy:
        assert copy.items.import_file(out, format="export").items == 2
    assert [found.name for found in tmp_path.glob("all.jsonl*")] == ["all.jsonl"]
    with pytest.raises(twinspire.NotFoundError):
        db.items.export_file(out, vectors=["nope"])
