#!/usr/bin/env python3
"""Twinspire beside ScaNN and hnswlib: recall against speed, time to build, files and memory.

    python benches/peers.py ANN PREFIX [PREFIX ...] [--peers scann,hnswlib] [--rounds 2]

ANN is the built benchmark `ann` (`cargo bench --bench ann --no-run` prints its path); a PREFIX is a set that
`vector_sets.py` has written. Needs numpy, scann and hnswlib. Every engine builds with all cores, and answers one
query at a time on one thread, in a process of its own; the engines take turns, round by round. Twinspire publishes
by default settings. ScaNN is a tree with anisotropic codes, SOAR and a re-rank, and of all its leaves and re-ranks the
fastest setting counts; hnswlib has M = 16 and efConstruction = 200.

Prints what each engine found, a JSON object a line. Then a table a set: queries a second at recall@10 of 0.90, 0.95
and 0.99, and Twinspire's rate over the peer's in the round where it is the lower; seconds to build, bytes of the files and of
resident memory an item. Twinspire's resident memory is the part of its files that its queries mapped, and its heap.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

K = 10
SHARES = ("0.90", "0.95", "0.99")
Ask = Callable[[np.ndarray, Any], Iterable[int]]


class VectorSet:
    """Items, queries and the exact answers."""

    def __init__(self, prefix: str) -> None:
        dimension = json.loads(Path(f"{prefix}.json").read_text())["dim"]
        self.items = np.fromfile(f"{prefix}.base.f32", "<f4").reshape(-1, dimension)
        self.queries = np.fromfile(f"{prefix}.query.f32", "<f4").reshape(-1, dimension)
        self.truth = np.fromfile(f"{prefix}.gt.u32", "<u4").reshape(len(self.queries), -1)[:, :K]

    def curve(self, ask: Ask, efforts: Iterable[Any]) -> list[tuple[Any, float, float]]:
        """Recall and queries a second (the better of two passes) of each effort, up to a recall of 0.997."""
        curve = []
        for effort in efforts:
            best = float("inf")
            for _ in range(2):
                start = time.perf_counter()
                answers = [ask(query, effort) for query in self.queries]
                best = min(best, time.perf_counter() - start)
            found = sum(len(np.intersect1d(*both)) for both in zip(answers, self.truth))
            curve.append((effort, found / self.truth.size, len(self.queries) / best))
            if curve[-1][1] > 0.997:
                break
        return curve


def scann(data: VectorSet, home: Path) -> dict[str, Any]:
    import scann

    count, before, start = len(data.items), resident(), time.perf_counter()
    leaves = int(2 * count**0.5)
    builder = scann.scann_ops_pybind.builder(data.items, K, "dot_product")
    tree = builder.tree(
        num_leaves=leaves, num_leaves_to_search=50, training_sample_size=min(count, 250_000), soar_lambda=1.5, overretrieve_factor=1.5
    )
    searcher = tree.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100).build()
    build_s, grown = time.perf_counter() - start, resident() - before

    def ask(query: np.ndarray, effort: tuple[int, int]) -> Iterable[int]:
        searched, ranked = effort
        return searcher.search(query, final_num_neighbors=K, pre_reorder_num_neighbors=ranked, leaves_to_search=searched)[0]

    curve: list[tuple[Any, float, float]] = []
    for ranked in (40, 100, 200, 400):
        curve += data.curve(ask, [(searched, ranked) for searched in (5, 10, 15, 20, 30, 45, 70, 100, 150, 250)])
    searcher.serialize(str(home))
    return {"build_s": build_s, "resident": grown, "files": bytes_below(home), "qps_at": rates(curve)}


def hnswlib(data: VectorSet, home: Path) -> dict[str, Any]:
    import hnswlib

    before, start = resident(), time.perf_counter()
    index = hnswlib.Index("ip", data.items.shape[1])
    index.init_index(len(data.items), M=16, ef_construction=200)
    index.add_items(data.items)
    build_s, grown = time.perf_counter() - start, resident() - before
    index.set_num_threads(1)

    def ask(query: np.ndarray, ef: int) -> Iterable[int]:
        index.set_ef(ef)
        return index.knn_query(query, K)[0][0]

    curve = data.curve(ask, (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048))
    index.save_index(str(home / "index"))
    return {"build_s": build_s, "resident": grown, "files": bytes_below(home), "qps_at": rates(curve)}


def twinspire(ann: str, prefix: str) -> dict[str, Any]:
    line = json.loads(subprocess.run([ann, prefix], check=True, capture_output=True, text=True).stdout)
    mebibyte = 1 << 20
    return {
        "build_s": line["build_s"],
        "resident": line["resident_mb"] * mebibyte,
        "files": line["file_mb"] * mebibyte,
        "qps_at": line["qps_at"],
        "index": line["index"],
    }


def rates(curve: list[tuple[Any, float, float]]) -> dict[str, float | None]:
    """For each recall the best rate of a setting that reaches it, or between two settings on both sides of it."""
    points = sorted((share, rate) for _, share, rate in curve)

    def at(wanted: float) -> float | None:
        reached = [rate for share, rate in points if share >= wanted]
        for (low, slow), (high, fast) in zip(points, points[1:]):
            if low < wanted <= high:
                part = (wanted - low) / (high - low)
                reached.append(float(np.exp((1 - part) * np.log(slow) + part * np.log(fast))))
        return max(reached, default=None)

    return {share: at(float(share)) for share in SHARES}


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def bytes_below(home: Path) -> int:
    return sum(file.stat().st_size for file in home.rglob("*") if file.is_file())


def run_peer(name: str, prefix: str) -> None:
    """Prints the figures of one peer, in a process of its own."""
    with tempfile.TemporaryDirectory() as home:
        figures = {"scann": scann, "hnswlib": hnswlib}[name](VectorSet(prefix), Path(home))
    print(json.dumps(figures))


def measure(ann: str, engine: str, prefix: str) -> dict[str, Any]:
    if engine == "twinspire":
        figures = twinspire(ann, prefix)
    else:
        command = [sys.executable, __file__, "--peer", engine, prefix]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    print(json.dumps({"set": prefix, "engine": engine, **figures}), flush=True)
    return figures


def table(prefix: str, items: int, rounds: list[dict[str, dict[str, Any]]]) -> None:
    """The figures of all engines: of rates, files and memory the worst round, of ratios the lower one."""
    print(f"\n{prefix}: {items:,} items")
    print(f"{'engine':<12}" + "".join(f"{share:>18}" for share in SHARES) + f"{'build s':>10}{'files/item':>12}{'memory/item':>12}")
    for engine in rounds[0]:
        cells = []
        for share in SHARES:
            own = [figures[engine]["qps_at"][share] for figures in rounds]
            pairs = [(figures["twinspire"]["qps_at"][share], rate) for figures, rate in zip(rounds, own)]
            rate = "-" if None in own else f"{min(own):,.0f}"
            ratio = "" if engine == "twinspire" or any(None in pair for pair in pairs) else f" ({min(a / b for a, b in pairs):.1f} x)"
            cells.append(f"{rate + ratio:>18}")
        each = [figures[engine] for figures in rounds]
        built = max(figures["build_s"] for figures in each)
        sizes = [max(figures[of] for figures in each) / items for of in ("files", "resident")]
        print(f"{engine:<12}" + "".join(cells) + f"{built:>10.1f}" + "".join(f"{size:>12.0f}" for size in sizes))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="+")
    parser.add_argument("--peers", default="scann,hnswlib")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        run_peer(arguments.peer, arguments.words[0])
        return
    ann, *prefixes = arguments.words
    engines = ["twinspire", *arguments.peers.split(",")]
    for prefix in prefixes:
        rounds = [{engine: measure(ann, engine, prefix) for engine in engines} for _ in range(arguments.rounds)]
        dimension = json.loads(Path(f"{prefix}.json").read_text())["dim"]
        table(prefix, Path(f"{prefix}.base.f32").stat().st_size // 4 // dimension, rounds)


main()
