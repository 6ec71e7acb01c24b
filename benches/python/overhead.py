"""What the Python package adds to the library, on made-up items.

    pip install ./python && pip install polars && python benches/python/overhead.py [ITEMS] [DIMENSION]

Prints, each with both sides from one run:
- one recall: the median time of the call in Python, and of the stages that the library reports for the same calls;
- rows a second of `put_many` of a polars frame of 100,000 rows, and of importing the same rows from Parquet.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import twinspire


def filled(path: Path, items: int, dimension: int) -> tuple[twinspire.Database, np.ndarray]:
    """A database with vectors of random items, and some queries."""
    rng = np.random.default_rng(1)
    ids = [f"i{n:07}" for n in range(items)]
    centres = rng.normal(size=(200, dimension))
    vectors = (centres[rng.integers(0, 200, items)] + 0.5 * rng.normal(size=(items, dimension))).astype(np.float32)
    queries = (centres[rng.integers(0, 200, 1000)] + 0.5 * rng.normal(size=(1000, dimension))).astype(np.float32)
    db = twinspire.open(path)
    db.items.put_many({"id": id, "price": n % 100} for n, id in enumerate(ids))
    db.publish_vectors("v", ids, vectors)
    return db, queries


def one_recall(db: twinspire.Database, queries: np.ndarray) -> None:
    """The time of a call beside the time that its stages took."""
    plain, staged, inside = [], [], []
    for _ in range(3):
        for query in queries:
            began = time.perf_counter()
            db.recall("v", vector=query, k=10)
            plain.append(time.perf_counter() - began)
            began = time.perf_counter()
            hits = db.recall("v", vector=query, k=10, explain=True)
            staged.append(time.perf_counter() - began)
            assert hits.explain is not None
            inside.append(sum(hits.explain["micros"].values()) / 1e6)
    call, stages = statistics.median(plain), statistics.median(inside)
    print(f"recall: {call * 1e6:.1f} µs in Python, {stages * 1e6:.1f} µs in its stages: {(call - stages) * 1e6:+.1f} µs")


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
        db, queries = filled(Path(directory) / "v.twin", items, dimension)
        with db:
            one_recall(db, queries)
        puts(Path(directory))


if __name__ == "__main__":
    main()
