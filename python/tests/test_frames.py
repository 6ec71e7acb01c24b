"""Frames in and out: one table of conversions, whichever library the frame is of, and the same as from files."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import twinspire
from twinspire import train

ROWS = 5


def table() -> pa.Table:
    """A column of each kind that the table of conversions has."""
    return pa.table(
        {
            "id": [f"i{n}" for n in range(ROWS)],
            "flag": [True, None, False, True, None],
            "small": pa.array([1, None, -3, 4, 5], pa.int8()),
            "large": pa.array([2**63, 0, 1, None, 2**64 - 1], pa.uint64()),
            "price": pa.array([0.1, None, 0.25, float("nan"), 5.0], pa.float32()),
            "weight": pa.array([0.1, 1e300, None, float("inf"), -0.0], pa.float64()),
            "whole": pa.array([decimal.Decimal(n) for n in range(ROWS)], pa.decimal128(9, 0)),
            "exact": pa.array([decimal.Decimal("1.25")] * ROWS, pa.decimal128(9, 2)),
            "text": pa.array(["a", None, "", "ü", "e"], pa.large_string()),
            "bytes": pa.array([b"a", None, b"", b"c", b"d"], pa.binary()),
            "colour": pa.array(["red", "red", None, "blue", "red"]).dictionary_encode(),
            "day": pa.array([dt.date(1970, 1, 1 + n) for n in range(ROWS)], pa.date32()),
            "at": pa.array([dt.datetime(1970, 1, 1, 0, n) for n in range(ROWS)], pa.timestamp("us")),
            "zoned": pa.array([dt.datetime(1970, 1, 1, n) for n in range(ROWS)], pa.timestamp("ms", "UTC")),
            "took": pa.array([dt.timedelta(seconds=n) for n in range(ROWS)], pa.duration("s")),
            "tags": pa.array([["a", None], [], None, ["b"], ["c", "d"]], pa.list_(pa.string())),
            "nested": pa.array([[[1], [2, 3]], None, [[]], [None], []], pa.list_(pa.list_(pa.int32()))),
            "vector": pa.array([[n, n + 0.5] for n in range(ROWS)], pa.list_(pa.float32(), 2)),
            "place": pa.array([{"lat": n, "lon": None} for n in range(ROWS)]),
            "nothing": pa.nulls(ROWS),
            "empties": pa.array([[]] * ROWS, pa.list_(pa.null())),
        }
    )


def records_of(db: twinspire.Database) -> list[dict[str, Any]]:
    return list(db.items.values())


def test_a_frame_gives_the_same_records_as_its_parquet_file(path: Path, tmp_path: Path) -> None:
    frame = table()
    pq.write_table(frame, tmp_path / "items.parquet")
    with twinspire.open(path) as db:
        db.items.import_file(tmp_path / "items.parquet")
        expected = records_of(db)
    assert expected[0]["price"] == 0.1 and expected[0]["large"] == 2**63 and expected[1]["at"] == 60
    assert "price" not in expected[3] and "weight" not in expected[3] and "nothing" not in expected[0]
    frames: dict[str, Any] = {
        "pyarrow": frame,
        "batches": pa.table(frame).to_reader(max_chunksize=2),
        "chunks": pa.concat_tables([frame.slice(0, 2), frame.slice(2)]),
        "polars": pl.from_arrow(frame),
    }
    for name, given in frames.items():
        with twinspire.open(tmp_path / f"{name}.twin") as db:
            assert db.items.put_many(given) == ROWS, name
            assert records_of(db) == expected, name


def test_a_pandas_frame(empty: twinspire.Database) -> None:
    frame = pd.DataFrame(
        {
            "id": ["a", "b"],
            "n": pd.array([1, None], dtype="Int64"),
            "x": [0.5, np.nan],
            "t": pd.to_datetime(pd.Series(["1970-01-01T00:01", None])),
            "c": pd.Categorical(["red", None]),
        }
    )
    assert empty.items.put_many(frame) == 2
    assert records_of(empty) == [{"id": "a", "n": 1, "x": 0.5, "t": 60, "c": "red"}, {"id": "b"}]


def test_a_duckdb_result(empty: twinspire.Database) -> None:
    duckdb = pytest.importorskip("duckdb")
    result = duckdb.sql("select 'i' || range as id, range as n, [range, range + 1] as pair from range(5)")
    assert empty.items.put_many(result) == 5
    assert empty.items["i3"] == {"id": "i3", "n": 3, "pair": [3, 4]}


def test_wrong_frames_are_named(empty: twinspire.Database) -> None:
    with pytest.raises(twinspire.ReadError, match="frame: a column `id` or `item_id` expected, found these columns: n"):
        empty.items.put_many(pl.DataFrame({"n": [1]}))
    with pytest.raises(twinspire.ReadError, match="frame, row 2"):
        empty.items.put_many(pl.DataFrame({"id": ["a", None]}))

    class Broken:
        def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
            raise RuntimeError("no stream today")

    with pytest.raises(RuntimeError, match="no stream today"):
        empty.items.put_many(Broken())
    assert len(empty.items) == 0


values = st.one_of(st.none(), st.integers(-(2**53), 2**53), st.text(max_size=5))


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.fixed_dictionaries({"a": st.none() | st.integers(-99, 99), "b": st.none() | st.text(max_size=4)}), max_size=9))
def test_a_frame_of_dicts_gives_what_the_dicts_give(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    rows = [{"id": f"i{n}", **row} for n, row in enumerate(rows)]
    schema = {"id": pl.String, "a": pl.Int64, "b": pl.String}
    with twinspire.open(tmp_path_factory.mktemp("frames") / "db", background=False) as db:
        db.items.put_many(pl.DataFrame(rows, schema=schema))
        found = records_of(db)
    # A null of a frame is an absent field; that of a dict stays.
    assert found == [{name: value for name, value in row.items() if value is not None} for row in rows]


moments = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))
lengths = st.timedeltas(dt.timedelta(days=-99), dt.timedelta(days=99))


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(st.tuples(moments, lengths), min_size=1, max_size=9))
def test_times_of_a_frame_are_those_of_dicts(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[dt.datetime, dt.timedelta]]
) -> None:
    dicts: list[dict[str, Any]] = [{"id": f"i{n}", "at": at, "took": took} for n, (at, took) in enumerate(rows)]
    frames: list[Any] = [
        dicts,
        pa.Table.from_pylist(dicts),
        pl.DataFrame(dicts),
        [{"id": one["id"], "at": pd.Timestamp(one["at"]), "took": pd.Timedelta(one["took"])} for one in dicts],
        [{"id": one["id"], "at": np.datetime64(one["at"]), "took": np.timedelta64(one["took"])} for one in dicts],
    ]
    found = []
    for frame in frames:
        with twinspire.open(tmp_path_factory.mktemp("times") / "db", background=False) as db:
            db.items.put_many(frame)
            found.append(records_of(db))
    assert all(one == found[0] for one in found)
    for record, (_, took) in zip(found[0], rows):
        assert record["took"] == pytest.approx(took.total_seconds(), rel=1e-15)


def test_users_of_a_frame_and_hits_as_a_frame(db: twinspire.Database) -> None:
    users = pl.DataFrame({"price": [11, 19, 30]})
    many = db.recall_many("by-price", users, k=2)
    assert many.ids.tolist() == [["B01", "B02"], ["B02", "B01"], ["B02", "B01"]]
    frame = pl.DataFrame(many)
    assert frame.columns == ["user", "rank", "id", "score"]
    assert frame["user"].to_list() == [0, 0, 1, 1, 2, 2]
    assert frame["rank"].to_list() == [1, 2] * 3
    assert frame["id"].to_list() == many.ids.ravel().tolist()
    assert pa.table(many)["score"].to_pylist() == many.scores.ravel().tolist()
    assert pa.table(many).to_pandas()["id"].tolist() == frame["id"].to_list()
    hits = many[1]
    assert pl.DataFrame(hits).to_dicts()[0] == {"rank": 1, "id": "B02", "score": hits[0].score}
    kept = db.recall_many("by-price", pd.DataFrame({"price": [11, None]}), k=2, on_error="keep")
    assert pl.DataFrame(kept)["user"].to_list() == [0, 0]
    assert pl.DataFrame(db.recall_many("by-price", [], k=2)).shape == (0, 4)
    assert db.towers("by-price").embed_users(users).tolist() == [[11.0], [19.0], [30.0]]
    assert db.audit("by-price", users).samples[0].queries == 3


def test_logs_of_frames_train_as_logs_of_dicts() -> None:
    items = [{"id": f"i{n}", "colour": "red" if n % 2 else "blue"} for n in range(8)]
    users = [{"user_id": f"u{n}", "likes": "red" if n % 2 else "blue"} for n in range(6)]
    events = [{"user": f"u{n % 6}", "item": f"i{n % 8}", "timestamp": n} for n in range(40)]
    settings: dict[str, Any] = {"dimension": 4, "epochs": 1, "batch": 8}
    dicts = train.youtube(items=items, users=users, events=events, **settings)
    frames = train.youtube(
        items=pl.DataFrame(items), users=pa.Table.from_pylist(users), events=pd.DataFrame(events), **settings
    )
    user = [{"user_id": "u1", "likes": "red", "history": ["i1"]}]
    np.testing.assert_array_equal(dicts.towers.embed_users(user), frames.towers.embed_users(user))


def test_a_frame_of_many_rows_is_stored_in_batches(empty: twinspire.Database) -> None:
    frame = pl.DataFrame({"id": [f"i{n}" for n in range(5000)], "n": range(5000)})
    seen: list[int] = []
    assert empty.items.put_many(frame, batch=2000, progress=lambda p: seen.append(p.done)) == 5000
    assert seen == [2000, 4000, 5000]
    assert empty.items["i4999"] == {"id": "i4999", "n": 4999}
    assert json.dumps(empty.items["i7"]) == '{"id": "i7", "n": 7}'
