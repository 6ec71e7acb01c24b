#!/usr/bin/env python3
"""`filtered.rs` with other embedded databases: the same set, filters and figures.

    python benches/filtered_peers.py PREFIX [zvec] [qdrant-edge]

PREFIX.base.f32, PREFIX.query.f32 and PREFIX.json are those of `filtered.rs`. Needs numpy, zvec and qdrant-edge-py.
Both build an HNSW graph with M = 16 and efConstruction = 200, index the two numbers of an item for filters, and answer
one query at a time on one thread. Prints a JSON object a line for each filter.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

K = 10
SHARES = (1000, 500, 100, 10, 1)
EFS = (16, 32, 64, 128, 256, 512)
QUERIES = 300
ANCHORS = 16

# A test of a field: its name, whether a smaller value or an equal one passes, and the value. None for all items.
Test = tuple[str, str, int] | None
Ask = Callable[[np.ndarray, int, Test], list[int]]


class Filtered:
    """A set, its filters and the exact answers."""

    def __init__(self, prefix: str) -> None:
        self.dimension = json.loads(Path(f"{prefix}.json").read_text())["dim"]
        self.items = np.fromfile(f"{prefix}.base.f32", "<f4").reshape(-1, self.dimension)
        queries = np.fromfile(f"{prefix}.query.f32", "<f4").reshape(-1, self.dimension)
        self.queries = queries[:QUERIES]
        ids = np.arange(len(self.items), dtype="u8")
        bucket = ((ids * 2654435761 % 2**32) % 1000).astype("i8")
        anchors = self.items[:: len(self.items) // ANCHORS][:ANCHORS]
        self.fields = {"bucket": bucket, "anchor": np.argmax(self.items @ anchors.T, axis=1)}
        far = np.argmin(self.queries @ anchors.T, axis=1)
        self.filters: dict[float | str, list[Test]] = {
            share / 1000: [("bucket", "<", share) if share < 1000 else None] * len(self.queries) for share in SHARES
        }
        self.filters["far"] = [("anchor", "=", int(anchor)) for anchor in far]

    def best(self, query: np.ndarray, test: Test) -> np.ndarray:
        passing = np.arange(len(self.items))
        if test is not None:
            field, kind, value = test
            column = self.fields[field]
            passing = np.flatnonzero(column < value if kind == "<" else column == value)
        return passing[np.argsort(-(self.items[passing] @ query))[:K]]

    def sweep(self, peer: str, build_s: float, home: Path, ask: Ask) -> None:
        disk = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
        for name, tests in self.filters.items():
            truth = [self.best(query, test) for query, test in zip(self.queries, tests)]
            curve = []
            for ef in EFS:
                ask(self.queries[0], ef, tests[0])
                start = time.perf_counter()
                answers = [ask(query, ef, test) for query, test in zip(self.queries, tests)]
                seconds = time.perf_counter() - start
                found = sum(len(np.intersect1d(answer, best)) for answer, best in zip(answers, truth))
                share = found / sum(map(len, truth))
                curve.append([ef, round(share, 4), round(len(truth) / seconds, 1)])
                if share > 0.997:
                    break
            line = {"peer": peer, "build_s": round(build_s, 1), "disk_mb": round(disk / 2**20, 1)}
            print(json.dumps({**line, "selectivity": name, "curve": curve}), flush=True)


def zvec(data: Filtered, home: Path) -> None:
    import zvec

    zvec.init(query_threads=1, log_level=zvec.LogLevel.ERROR)
    inverted = zvec.InvertIndexParam(enable_range_optimization=True)
    fields = [zvec.FieldSchema(name, zvec.DataType.INT64, index_param=inverted) for name in data.fields]
    graph = zvec.HnswIndexParam(zvec.MetricType.IP, 16, 200)
    vectors = zvec.VectorSchema("vector", zvec.DataType.VECTOR_FP32, data.dimension, index_param=graph)
    schema = zvec.CollectionSchema("bench", fields=fields, vectors=vectors)
    start = time.perf_counter()
    path = home / "zvec"
    collection = zvec.create_and_open(str(path), schema)
    for first in range(0, len(data.items), 1000):
        docs = [
            zvec.Doc(
                str(item),
                vectors={"vector": data.items[item].tolist()},
                fields={name: int(column[item]) for name, column in data.fields.items()},
            )
            for item in range(first, min(first + 1000, len(data.items)))
        ]
        collection.insert(docs)
    collection.optimize(zvec.OptimizeOption(concurrency=2))
    build_s = time.perf_counter() - start

    def ask(query: np.ndarray, ef: int, test: Test) -> list[int]:
        wanted = zvec.Query("vector", vector=query, param=zvec.HnswQueryParam(ef=ef))
        text = None if test is None else f"{test[0]} {test[1]} {test[2]}"
        return [int(doc.id) for doc in collection.query(wanted, topk=K, filter=text, output_fields=[])]

    data.sweep("zvec", build_s, path, ask)


def qdrant(data: Filtered, home: Path) -> None:
    import qdrant_edge as edge

    graph = edge.HnswIndexConfig(16, 200, 1000, 2)
    config = edge.EdgeConfig(
        vectors={"vector": edge.EdgeVectorParams(data.dimension, edge.Distance.Dot, hnsw_config=graph)},
        hnsw_config=graph,
        optimizers=edge.EdgeOptimizersConfig(default_segment_number=1),
        max_search_threads=1,
    )
    start = time.perf_counter()
    path = home / "qdrant"
    path.mkdir()
    shard = edge.EdgeShard.create(str(path), config)
    for name in data.fields:
        shard.update(edge.UpdateOperation.create_field_index(name, edge.PayloadSchemaType.Integer))
    for first in range(0, len(data.items), 5000):
        points = [
            edge.Point(
                item,
                {"vector": data.items[item].tolist()},
                {name: int(column[item]) for name, column in data.fields.items()},
            )
            for item in range(first, min(first + 5000, len(data.items)))
        ]
        shard.update(edge.UpdateOperation.upsert_points(points))
    while shard.optimize():
        pass
    build_s = time.perf_counter() - start

    def ask(query: np.ndarray, ef: int, test: Test) -> list[int]:
        passes: Any = None
        if test is not None:
            field, kind, value = test
            bounds = {"lt": value} if kind == "<" else {"gte": value, "lte": value}
            passes = edge.Filter(must=[edge.FieldCondition(field, range=edge.RangeFloat(**bounds))])
        request = edge.SearchRequest(
            edge.Query.Nearest(query.tolist(), using="vector"),
            K,
            filter=passes,
            params=edge.SearchParams(hnsw_ef=ef),
            with_vector=False,
            with_payload=False,
        )
        return [point.id for point in shard.search(request)]

    data.sweep("qdrant-edge", build_s, path, ask)
    shard.close()


def main() -> None:
    peers = {"zvec": zvec, "qdrant-edge": qdrant}
    data = Filtered(sys.argv[1])
    for name in sys.argv[2:] or list(peers):
        home = Path(tempfile.mkdtemp())
        try:
            peers[name](data, home)
        finally:
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
