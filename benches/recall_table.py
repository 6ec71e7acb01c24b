#!/usr/bin/env python3
"""Recall of Twinspire beside hnswlib at equal beam width, on vectors of every kind that models make.

usage: recall_table.py BENCH [ITEMS ...] [--only KIND,KIND]
BENCH: the built benchmark `recall_table` (cargo bench --bench recall_table --no-run prints its path)
needs: pip install numpy hnswlib scipy implicit

Prints a row for each kind and number of items: recall@10 and recall@100 by score at efSearch 100, with the
recall targets of 0.9, 0.95 and 0.99, and that of hnswlib with 32 and with 64 slots a node
(efConstruction 200, efSearch 100). Then microseconds a query at the default, and hnswlib's.
"""
import argparse
import json
import os
import subprocess
import tempfile
import time

import hnswlib
import numpy as np

QUERIES = 200
r = np.random.default_rng(7)


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)


def normal(n, d=64):
    return r.normal(size=(n, d)).astype("f4")


def towers(n, d=64, spread=0.6):
    """Items and users around common centres, with a spectrum that falls."""
    falling = np.exp(-np.arange(d) / (d / 4)).astype("f4")
    centres = unit(normal(max(20, n // 50), d) * falling)
    near = lambda count, by: centres[r.integers(0, len(centres), count)] + by * normal(count, d) * falling / d**0.5
    return unit(near(n, spread)), unit(near(QUERIES, 2 * spread))


def words(n, d=100):
    """As GloVe has them: few frequent clusters, lengths that fall with rank, one common direction."""
    common = normal(1, d)
    centres = normal(max(20, n // 200), d)
    which = np.minimum(r.zipf(1.3, n + QUERIES) - 1, len(centres) - 1)
    all_of_them = centres[which] * 0.7 + normal(n + QUERIES, d) + 0.5 * common
    return all_of_them[:n], all_of_them[n:]


def als(n, d=64):
    import scipy.sparse as sp
    from implicit.als import AlternatingLeastSquares

    groups, users = 50, min(n, 20000)
    popularity = 1 / np.arange(1, n + 1) ** 0.8
    group = r.integers(0, groups, n)
    members = [np.where(group == g)[0] for g in range(groups)]
    rows, columns = [], []
    for user in range(users):
        for g in r.integers(0, groups, 3):
            weight = popularity[members[g]]
            chosen = r.choice(members[g], min(8, len(members[g])), p=weight / weight.sum())
            rows += [user] * len(chosen)
            columns += chosen.tolist()
    matrix = sp.csr_matrix((np.ones(len(rows), "f4"), (rows, columns)), shape=(users, n))
    model = AlternatingLeastSquares(factors=d, iterations=5, random_state=1)
    model.fit(matrix, show_progress=False)
    return np.asarray(model.item_factors), np.asarray(model.user_factors)[r.integers(0, users, QUERIES)]


def norms(sigma):
    return lambda n: (unit(normal(n)) * np.exp(sigma * r.normal(size=(n, 1))), normal(QUERIES))


def towers_of_all_lengths(n):
    rows, queries = towers(n)
    return rows * np.exp(2.5 * r.normal(size=(n, 1))), queries


def one_long(n):
    rows = unit(normal(n))
    rows[7] *= 1000
    return rows, normal(QUERIES)


def zeros(n):
    rows = unit(normal(n)) * np.exp(0.3 * r.normal(size=(n, 1)))
    rows[r.random(n) < 0.7] = 0
    return rows, normal(QUERIES)


def half_copies(n):
    rows = normal(n)
    rows[: n // 2] = rows[0]
    return rows[r.permutation(n)], normal(QUERIES)


def groups_of_300(n):
    rows = normal(n)
    centres = normal(max(1, n // 500))
    rows[: n * 3 // 5] = centres[r.integers(0, len(centres), n * 3 // 5)]
    return rows[r.permutation(n)], rows[r.integers(0, n, QUERIES)] + 0.3 * normal(QUERIES)


def clusters_of_5(n):
    rows = normal(n // 5).repeat(5, 0) + 0.01 * normal(n // 5 * 5)
    return rows, rows[r.integers(0, len(rows), QUERIES)] + 0.3 * normal(QUERIES)


def near_copies(n):
    rows = normal(n, 32)
    rows[: n * 9 // 10] = rows[0] + 1e-3 * rows[: n * 9 // 10]
    return rows, normal(QUERIES, 32)


def stretched(n):
    rows = normal(n)
    rows[:, 0] *= 100
    return rows, rows[r.integers(0, n, QUERIES)] + 0.1 * normal(QUERIES)


KINDS = {
    "two-tower": ("cosine", towers),
    "flat spectrum": ("cosine", lambda n: (normal(n), normal(QUERIES))),
    "words": ("cosine", words),
    "ALS factors": ("inner_product", als),
    "norms σ 0.3": ("inner_product", norms(0.3)),
    "norms σ 1": ("inner_product", norms(1.0)),
    "norms σ 2.5": ("inner_product", norms(2.5)),
    "two-tower σ 2.5": ("inner_product", towers_of_all_lengths),
    "norms uniform": ("inner_product", lambda n: (unit(normal(n)) * r.random((n, 1)), normal(QUERIES))),
    "one long": ("inner_product", one_long),
    "many zeros": ("inner_product", zeros),
    "50 % copies": ("cosine", half_copies),
    "groups of 300": ("cosine", groups_of_300),
    "clusters of 5": ("cosine", clusters_of_5),
    "90 % near copies": ("cosine", near_copies),
    "one component × 100": ("cosine", stretched),
    "8-d": ("l2", lambda n: (normal(n, 8), normal(QUERIES, 8))),
    "768-d": ("cosine", lambda n: towers(n, 768)),
}
SPACES = {"cosine": "cosine", "l2": "l2", "inner_product": "ip"}


def scores(metric, rows, query):
    if metric == "l2":
        return -((rows - query) ** 2).sum(1)
    return rows @ query


def beside(metric, rows, queries, slots):
    """Recall@10 and @100 and microseconds a query of hnswlib."""
    index = hnswlib.Index(SPACES[metric], rows.shape[1])
    index.init_index(len(rows), M=slots // 2, ef_construction=200)
    index.add_items(rows)
    index.set_ef(100)
    index.set_num_threads(1)
    if metric == "cosine":
        rows, queries = unit(rows), unit(queries)
    found = []
    for k in (10, 100):
        start = time.time()
        labels, _ = index.knn_query(queries, k=k)
        took = time.time() - start
        hits = 0
        for query, label in zip(queries, labels.astype(int)):
            of_all = scores(metric, rows, query)
            worst = np.sort(of_all)[-k]
            hits += (of_all[label] >= worst - 1e-5 * abs(worst)).sum()
        found.append((hits / k / len(queries), took / len(queries) * 1e6))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("items", nargs="*", type=int, default=[1000, 20000])
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print(f"{'kind':<20}{'items':>8} {'k':>4} {'default':>8} {'0.9':>7} {'0.95':>7} {'0.99':>7}"
          f" {'hnsw 32':>8} {'hnsw 64':>8} {'µs':>6} {'hnsw µs':>8}")
    for items in options.items:
        for kind, (metric, make) in KINDS.items():
            if options.only and kind not in options.only.split(","):
                continue
            rows, queries = (np.ascontiguousarray(x, "f4") for x in make(items))
            with tempfile.TemporaryDirectory() as home:
                prefix = os.path.join(home, "set")
                rows.tofile(prefix + ".base.f32")
                queries.tofile(prefix + ".query.f32")
                with open(prefix + ".json", "w") as file:
                    json.dump({"dim": rows.shape[1], "metric": metric}, file)
                ours = json.loads(subprocess.run([options.bench, prefix], capture_output=True, text=True, check=True).stdout)
            few, many = (beside(metric, rows, queries, slots) for slots in (32, 64))
            for at, k in enumerate(("10", "100")):
                row = ours["recall"][k]
                figures = " ".join(f"{row[key][0]:>7.3f}" for key in ("default", "0.9", "0.95", "0.99"))
                print(f"{kind:<20}{len(rows):>8} {k:>4}  {figures}  {few[at][0]:>7.3f}  {many[at][0]:>7.3f}"
                      f" {row['default'][1]:>6.0f} {few[at][1]:>8.0f}", flush=True)


main()
