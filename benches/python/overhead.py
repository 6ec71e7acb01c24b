"""What the Python package adds to the library, on made-up items.

    pip install ./python && pip install polars && python benches/python/overhead.py [ITEMS] [DIMENSION]

The library's side is `benches/overhead.rs`, a process with the same database and queries; the sides take turns. Both
parse the users from one file before anything is timed, so that both have them in memory in the order of the file.
Printed, each with both sides:
- one recall by vector and one by user: median times of 1,000, the median of 5 turns;
- `recall_many` of 1,000 users, k = 100: the median of 60 turns of a batch each. Python's side begins with dicts, the
  library's with `serde_json` values;
- rows a second of `put_many` of a polars frame of 100,000 rows, and of importing the same rows from Parquet.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

import twinspire

SPACE, K, BATCH_K, HISTORY, USERS = "shop", 10, 100, 20, 1000
TURNS = {"vector": 5, "user": 5, "batch": 60}
LIBRARY = ["cargo", "bench", "--quiet", "--workspace", "--all-features", "--bench", "overhead", "--"]


def prepare(directory: Path, items: int, dimension: int) -> npt.NDArray[np.float32]:
    """Write a database whose users are the mean of their history, and users. Returns vectors to query."""
    rng = np.random.default_rng(1)
    ids = [f"i{n:07}" for n in range(items)]
    centres = rng.normal(size=(200, dimension))
    group = rng.integers(0, 200, items)
    vectors = (centres[group] + 0.5 * rng.normal(size=(items, dimension))).astype(np.float32)
    queries = (centres[rng.integers(0, 200, USERS)] + 0.5 * rng.normal(size=(USERS, dimension))).astype(np.float32)
    liked = [np.flatnonzero(group == one) for one in rng.integers(0, 200, USERS)]
    users = [{"user_id": f"u{n}", "history": [ids[row] for row in rng.choice(rows, HISTORY)]}
             for n, rows in enumerate(liked)]  # fmt: skip
    history = {"kind": "items", "field": "history", "limit": HISTORY}
    described = {
        "format": 1, "name": "shop", "dimension": dimension, "metric": "cosine",
        "user": {"features": [history], "layers": [], "other_fields": "ignore"},
    }  # fmt: skip
    (directory / "towers").mkdir()
    (directory / "towers" / "tower.json").write_text(json.dumps(described))
    with twinspire.open(directory / "shop.twin") as db:
        db.items.put_many({"id": id, "price": n % 100} for n, id in enumerate(ids))
        db.publish_vectors(SPACE, ids, vectors, towers=directory / "towers")
    (directory / "users.json").write_text(json.dumps(users))
    queries.tofile(directory / "queries.f32")
    return queries


def each(inputs: Iterable[Any], call: Callable[[Any], object]) -> float:
    """The median microseconds of a call."""
    times = []
    for one in inputs:
        began = time.perf_counter()
        call(one)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def recalls(directory: Path, items: int, dimension: int) -> None:
    queries = prepare(directory, items, dimension)
    users = json.loads((directory / "users.json").read_text())
    with (
        twinspire.open(directory / "shop.twin", read_only=True) as db,
        subprocess.Popen([*LIBRARY, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as library,
    ):
        calls: dict[str, Callable[[], float]] = {
            "vector": lambda: each(queries, lambda query: db.recall(SPACE, vector=query, k=K)),
            "user": lambda: each(users, lambda user: db.recall(SPACE, user=user, k=K)),
            "batch": lambda: each([users], lambda users: db.recall_many(SPACE, users, k=BATCH_K)),
        }
        python, rust = {}, {}
        for name, call in calls.items():
            turns = []
            for _ in range(TURNS[name] + 1):
                print(name, file=library.stdin, flush=True)
                assert library.stdout is not None
                turns.append((float(library.stdout.readline()), call()))
            # The first turn warms both up.
            rust[name], python[name] = (statistics.median(side) for side in zip(*turns[1:]))
    for name in ("vector", "user"):
        more = python[name] - rust[name]
        print(f"recall by {name}: {python[name]:.1f} µs in Python, {rust[name]:.1f} µs in Rust: {more:+.1f} µs")
    print(f"recall_many of {USERS:,} users, k = {BATCH_K}: {python['batch'] / 1e3:.2f} ms in Python, "
          f"{rust['batch'] / 1e3:.2f} ms in Rust: ratio {python['batch'] / rust['batch']:.3f}")


def puts(directory: Path) -> None:
    """A frame beside its Parquet file."""
    rows = 100_000
    rng = np.random.default_rng(2)
    frame = pl.DataFrame(
        {
            "id": [f"i{n:07}" for n in range(rows)],
            "title": [f"title of item {n} in some words" for n in range(rows)],
            "price": rng.random(rows),
            "stock": rng.integers(0, 1000, rows),
            "tags": [["red", "cheap"] if n % 2 else ["blue"] for n in range(rows)],
        }
    )
    frame.write_parquet(directory / "items.parquet")
    rates: dict[str, list[float]] = {"frame": [], "file": []}
    for round in range(3):
        for name in rates:
            with twinspire.open(directory / f"{name}{round}.twin") as db:
                began = time.perf_counter()
                if name == "frame":
                    db.items.put_many(frame)
                else:
                    db.items.import_file(directory / "items.parquet")
                rates[name].append(rows / (time.perf_counter() - began))
    best = {name: max(found) for name, found in rates.items()}
    print(f"put_many of a frame: {best['frame']:,.0f} rows/s; import of its Parquet file: {best['file']:,.0f} rows/s: "
          f"ratio {best['frame'] / best['file']:.2f}")


def main() -> None:
    given = [int(argument) for argument in sys.argv[1:3]]
    items, dimension = given + [50_000, 64][len(given) :]
    with tempfile.TemporaryDirectory() as directory:
        recalls(Path(directory), items, dimension)
        puts(Path(directory))


if __name__ == "__main__":
    main()
