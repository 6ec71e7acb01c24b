"""Recall from raw user features, glued together by hand and in Twinspire, on the same made-up items and towers.

    pip install ./python torch onnxscript onnxruntime scann && python benches/python/alternative.py [ITEMS]

By hand: a dict of features to arrays, ONNX Runtime for the user tower, ScaNN for the index, rows to ids. ScaNN has the
leaves, the codes and the re-ranking with which it is fastest at the recall that Twinspire has by default, found by a
grid. Each side serves in a process of its own, and the sides take turns. Printed for each: lines of code, cold start
(from the start of the process to the first answer, files in the page cache), one request at a time (p50, p99), 64 users
a batch, resident memory after that, and of it what the process itself allocated (the rest is mapped files).
"""

from __future__ import annotations

import inspect
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

DIMENSION, HISTORY, CITIES, K = 64, 20, 100, 100
REQUESTS, BATCH, ROUNDS = 2000, 64, 3


class Glued:
    """ONNX Runtime and ScaNN."""

    def __init__(self, directory: Path) -> None:
        import numpy
        import onnxruntime
        from scann import scann_ops_pybind

        self.numpy = numpy
        options = onnxruntime.SessionOptions()
        # A tower of this size is slower on several threads.
        options.intra_op_num_threads = 1
        self.tower = onnxruntime.InferenceSession(directory / "user.onnx", options)
        self.index = scann_ops_pybind.load_searcher(str(directory / "scann"))
        self.ids = json.loads((directory / "ids.json").read_text())
        self.rows = {id: row for row, id in enumerate(self.ids, 1)}
        self.cities = {city: row for row, city in enumerate(json.loads((directory / "cities.json").read_text()))}
        self.leaves, self.rerank = json.loads((directory / "setting.json").read_text())

    def features(self, users: Sequence[dict[str, Any]]) -> dict[str, Any]:
        history = self.numpy.zeros((len(users), HISTORY), dtype="int64")
        city = self.numpy.zeros(len(users), dtype="int64")
        age = self.numpy.zeros((len(users), 1), dtype="float32")
        for at, user in enumerate(users):
            known = [self.rows[id] for id in user["history"][-HISTORY:] if id in self.rows]
            history[at, : len(known)] = known
            city[at] = self.cities[user["city"]]
            age[at] = (user["age"] - 45) / 20
        return {"history": history, "city": city, "age": age}

    def recall(self, user: dict[str, Any]) -> list[str]:
        [vectors] = self.tower.run(None, self.features([user]))
        found, _ = self.index.search(
            vectors[0], final_num_neighbors=K, pre_reorder_num_neighbors=self.rerank, leaves_to_search=self.leaves
        )
        return [self.ids[row] for row in found]

    def recall_many(self, users: Sequence[dict[str, Any]]) -> list[list[str]]:
        [vectors] = self.tower.run(None, self.features(users))
        found, _ = self.index.search_batched_parallel(
            vectors, final_num_neighbors=K, pre_reorder_num_neighbors=self.rerank, leaves_to_search=self.leaves
        )
        return [[self.ids[row] for row in rows] for rows in found]


class Twinspire:
    """The same, from one directory."""

    def __init__(self, directory: Path) -> None:
        import twinspire

        self.db = twinspire.open(directory / "shop.twin", read_only=True)

    def recall(self, user: dict[str, Any]) -> list[str]:
        return self.db.recall("shop", user=user, k=K).ids

    def recall_many(self, users: Sequence[dict[str, Any]]) -> list[list[str]]:
        ids: list[list[str]] = self.db.recall_many("shop", users, k=K).ids.tolist()
        return ids


SIDES: dict[str, Callable[[Path], Any]] = {"by hand": Glued, "Twinspire": Twinspire}


def made_up(items: int, count: int, seed: int) -> tuple[Any, list[dict[str, Any]]]:
    """Vectors of items around centres, and users whose histories are of two of them."""
    import numpy as np

    rng = np.random.default_rng(7)
    groups = max(2, items // 500)
    centres = rng.normal(size=(groups, DIMENSION))
    group = rng.integers(0, groups, items)
    vectors = centres[group] + 0.7 * rng.normal(size=(items, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    of_group = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group, minlength=groups))[:-1])
    rng = np.random.default_rng(seed)
    users = []
    for _ in range(count):
        liked = np.concatenate([of_group[one] for one in rng.integers(0, groups, 2)])
        history = [f"i{row:07}" for row in rng.choice(liked, rng.integers(3, HISTORY))]
        users.append({"history": history, "city": f"c{rng.integers(CITIES)}", "age": int(rng.integers(18, 80))})
    return vectors.astype(np.float32), users


def prepare(directory: Path, items: int) -> None:
    """Write what both sides serve: the tower as ONNX and as layers, and both indexes."""
    import numpy as np
    import torch
    from torch import nn

    import twinspire
    from twinspire.export import torch as export
    from twinspire.export.torch.onnx import model as onnx_model

    torch.manual_seed(1)
    vectors, users = made_up(items, 1000, seed=1)
    ids, cities = [f"i{row:07}" for row in range(items)], [f"c{n}" for n in range(CITIES)]

    class User(nn.Module):
        """The mean of the history and a little of all features."""

        def __init__(self) -> None:
            super().__init__()
            table = torch.cat([torch.zeros(1, DIMENSION), torch.from_numpy(vectors)])
            self.items = nn.EmbeddingBag.from_pretrained(table, mode="mean", padding_idx=0)
            self.cities = nn.Embedding(CITIES, 8)
            width = DIMENSION + 8 + 1
            keep = nn.Linear(width, DIMENSION)
            nn.init.eye_(keep.weight)
            self.dense = export.Add(keep, nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, DIMENSION)))

        def forward(self, history: Any, city: Any, age: Any) -> Any:
            mask = (history != 0).float()
            pooled = (self.items.weight[history] * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
            mixed = self.dense(torch.cat([pooled, self.cities(city), age], dim=1))
            return nn.functional.normalize(mixed, dim=-1)

    model = User().eval()
    city = export.Input("city", None, torch.int64)
    inputs = [export.Input("history", HISTORY, torch.int64), city, export.Input("age", 1)]
    (directory / "user.onnx").write_bytes(onnx_model("user tower", model, inputs, DIMENSION, 18))
    (directory / "ids.json").write_text(json.dumps(ids))
    (directory / "cities.json").write_text(json.dumps(cities))

    rows = {id: row for row, id in enumerate(ids, 1)}

    def arrays(some: Sequence[dict[str, Any]]) -> tuple[Any, Any, Any]:
        lists = [[rows[id] for id in user["history"]] for user in some]
        history = torch.tensor([row + [0] * (HISTORY - len(row)) for row in lists])
        city = torch.tensor([int(user["city"][1:]) for user in some])
        return history, city, torch.tensor([[(user["age"] - 45) / 20] for user in some], dtype=torch.float32)

    towers = export.towers(
        name="shop",
        metric="cosine",
        dimension=DIMENSION,
        tables={
            "item": export.Table(model.items, {"vocabulary": {"ids": ids, "unknown": "skip"}}),
            "city": export.Table(model.cities, {"vocabulary": {"ids": cities}}),
        },
        user=export.Tower(
            [
                {"kind": "ids", "field": "history", "table": "item", "limit": HISTORY},
                {"kind": "id", "field": "city", "table": "city"},
                {"kind": "number", "field": "age", "mean": 45, "deviation": 20},
            ],
            model.dense,
        ),
        examples={"user": (users[:40], lambda user: model(*arrays([user])))},
    )
    with twinspire.open(directory / "shop.twin") as db:
        db.items.put_many({"id": id} for id in ids)
        db.publish_vectors("shop", ids, vectors, towers=towers)
        db.seal()
        answers = db.recall_many("shop", users, k=K).ids.tolist()
    with torch.no_grad():
        queries = model(*arrays(users)).numpy()
    exact = [set(np.argpartition(-(vectors @ query), K)[:K].tolist()) for query in queries]
    known = [{f"i{row:07}" for row in rows} for rows in exact]
    recall = statistics.mean(len(wanted & set(found)) / K for wanted, found in zip(known, answers))
    print(f"Twinspire: recall@{K} {recall:.4f}")
    tune(directory, vectors, queries, exact, recall)


def tune(directory: Path, vectors: Any, queries: Any, exact: list[set[int]], wanted: float) -> None:
    """Build ScaNN, and find the setting that is fastest at this recall."""
    import numpy as np
    from scann import scann_ops_pybind

    best: tuple[float, Any, Any] | None = None
    root = int(len(vectors) ** 0.5)
    for leaves, kind in ((2 * root, "ah"), (4 * root, "ah"), (2 * root, "int8"), (4 * root, "int8")):
        builder = scann_ops_pybind.builder(vectors, K, "dot_product")
        builder = builder.tree(leaves, leaves // 10, training_sample_size=min(len(vectors), 100_000))
        if kind == "ah":
            builder = builder.score_ah(2, anisotropic_quantization_threshold=0.2)
        else:
            builder = builder.score_brute_force(quantize=True)
        index = builder.reorder(4 * K).build()
        for rerank in (K, 3 * K // 2, 2 * K, 3 * K, 5 * K, 8 * K, 15 * K):
            shares = (5, 7, 10, 15, 20, 30, 40, 50, 65, 80, 100, 150, 200, 300, 500, 1000)
            for searched in sorted({max(1, round(leaves * share / 1000)) for share in shares}):
                options = {
                    "final_num_neighbors": K, "pre_reorder_num_neighbors": rerank, "leaves_to_search": searched,
                }  # fmt: skip
                found, _ = index.search_batched(queries, **options)
                recall = np.mean([len(set(row) & answer) / K for row, answer in zip(found.tolist(), exact)])
                if recall < wanted:
                    continue
                times = []
                for query in queries[:300]:
                    began = time.perf_counter()
                    index.search(query, **options)
                    times.append(time.perf_counter() - began)
                taken = statistics.median(times)
                if best is None or taken < best[0]:
                    best = (taken, index, (kind, leaves, searched, rerank, recall))
                # More leaves are slower.
                break
    if best is None:
        raise SystemExit(f"ScaNN reaches no recall of {wanted:.4f} in the grid")
    taken, index, (kind, leaves, searched, rerank, recall) = best
    setting = f"{kind}, {searched} of {leaves} leaves, {rerank} re-ranked"
    print(f"ScaNN: recall@{K} {recall:.4f} by {setting}, {taken * 1e6:.0f} µs a search")
    (directory / "scann").mkdir()
    index.serialize(str(directory / "scann"))
    (directory / "setting.json").write_text(json.dumps([searched, rerank]))


def serve(side: str, directory: Path, items: int) -> None:
    """Answer once, then be measured. Prints one line of JSON for each."""
    first = json.loads((directory / "first.json").read_text())
    server = SIDES[side](directory)
    answer = server.recall(first)
    print(json.dumps(answer), flush=True)
    _, users = made_up(items, REQUESTS, seed=3)
    for user in users[:200]:
        server.recall(user)
    times = []
    for user in users:
        began = time.perf_counter()
        server.recall(user)
        times.append(time.perf_counter() - began)
    batches = []
    for start in range(0, len(users) - BATCH, BATCH):
        began = time.perf_counter()
        server.recall_many(users[start : start + BATCH])
        batches.append(time.perf_counter() - began)
    memory = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    result = {
        "p50": statistics.median(times),
        "p99": sorted(times)[int(0.99 * len(times))],
        "batch": statistics.median(batches),
        "resident": int(memory["VmRSS"].split()[0]) / 1024,
        "own": int(memory["RssAnon"].split()[0]) / 1024,
    }
    print(json.dumps(result), flush=True)


def measure(side: str, directory: Path, items: int) -> tuple[dict[str, float], list[str]]:
    began = time.perf_counter()
    command = [sys.executable, __file__, "--serve", side, str(directory), str(items)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answer = json.loads(process.stdout.readline())
        cold = time.perf_counter() - began
        result = json.loads(process.stdout.readline())
    return {"cold": cold, **result}, answer


def code_lines(side: Any) -> int:
    """Lines with code: no comments, docstrings or blank lines."""
    lines = [line.strip() for line in inspect.getsource(side).splitlines()]
    return sum(1 for line in lines if line and not line.startswith(("#", '"""')))


def main() -> None:
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        # In a process of its own, so that what it imports is in no other.
        subprocess.run([sys.executable, __file__, "--prepare", name, str(items)], check=True)
        _, [first] = made_up(items, 1, seed=2)
        (directory / "first.json").write_text(json.dumps(first))
        results: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        answers = {}
        for _ in range(ROUNDS):
            for side in SIDES:
                result, answers[side] = measure(side, directory, items)
                results[side].append(result)
    shared = len(set(answers["by hand"]) & set(answers["Twinspire"]))
    print(f"{items:,} items, {DIMENSION} dimensions, k = {K}; medians of {ROUNDS} rounds; "
          f"{shared} of {K} ids of the first answer are in both")
    print(f"{'':<12}{'lines':>6}{'cold start':>12}{'p50':>10}{'p99':>10}{'64 users':>11}{'resident':>11}{'own':>10}")
    middle = {}
    for side, rounds in results.items():
        one = middle[side] = {key: statistics.median(round[key] for round in rounds) for key in rounds[0]}
        print(f"{side:<12}{code_lines(SIDES[side]):>6}{one['cold'] * 1e3:>9.0f} ms{one['p50'] * 1e6:>7.0f} µs"
              f"{one['p99'] * 1e6:>7.0f} µs{one['batch'] * 1e3:>8.2f} ms"
              f"{one['resident']:>8.0f} MB{one['own']:>7.0f} MB")
    ours, theirs = middle["Twinspire"], middle["by hand"]
    ratios = {key: ours[key] / theirs[key] for key in ours}
    print("Twinspire by hand: " + ", ".join(f"{key} {ratio:.2f} ×" for key, ratio in ratios.items()))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--prepare", given, count]:
            prepare(Path(given), int(count))
        case ["--serve", side, given, count]:
            serve(side, Path(given), int(count))
        case _:
            main()
