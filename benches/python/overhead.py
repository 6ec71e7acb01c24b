"""What the Python package adds to the library, on made-up items.

    pip install ./python && pip install polars && python benches/python/overhead.py [ITEMS] [DIMENSION]

The library's side is `benches/overhead.rs`, on the same database and queries; the sides take turns. Printed, each with
both sides:
- one recall by vector and one by user: median times;
- `recall_many` of 1,000 users, from dicts: median times of a batch;
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

SPACE, K, BATCH_K, BATCHES, HISTORY, USERS, ROUNDS = "shop", 10, 100, 8, 20, 1000, 5
LIBRARY = ["cargo", "bench", "--quiet", "--workspace", "--all-features", "--bench", "overhead", "--"]


def prepare(directory: Path, items: int, dimension: int) -> tuple[list[dict[str, Any]], npt.NDArray[np.float32]]:
    """A database whose users are the mean of their history, users, and vectors to query."""
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
    return users, queries


def each(inputs: Iterable[Any], call: Callable[[Any], object]) -> float:
    """The median microseconds of a call, in the second of two rounds, as the library's side counts."""
    inputs = list(inputs)
    for _ in range(2):
        times = []
        for one in inputs:
            began = time.perf_counter()
            call(one)
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def recalls(directory: Path, items: int, dimension: int) -> None:
    users, queries = prepare(directory, items, dimension)
    sides: dict[str, dict[str, list[float]]] = {"Python": {}, "Rust": {}}
    for _ in range(ROUNDS):
        with twinspire.open(directory / "shop.twin", read_only=True) as db:
            python = {
                "vector": each(queries, lambda query: db.recall(SPACE, vector=query, k=K)),
                "user": each(users, lambda user: db.recall(SPACE, user=user, k=K)),
                "batch": each(range(BATCHES), lambda _: db.recall_many(SPACE, users, k=BATCH_K)),
            }
        done = subprocess.run([*LIBRARY, str(directory)], stdout=subprocess.PIPE, text=True, check=True)
        for side, found in (("Python", python), ("Rust", json.loads(done.stdout))):
            for name, taken in found.items():
                sides[side].setdefault(name, []).append(taken)
    # The least of the rounds: another program can only make a round slower.
    python, rust = ({name: min(rounds) for name, rounds in side.items()} for side in sides.values())
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
