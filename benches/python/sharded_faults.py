"""What faults do to a cluster under load.

    pip install "./python[ray]" "moto[server]"
    python benches/python/sharded_faults.py [--events N] [--items N] [--s3]

A cluster of 4 shards on Ray Serve takes recalls and writes while replicas, routers, writers and publishers are killed
at random moments, the store fails or is slow, and two publishers race. The store is a directory; with `--s3`, a server
on this machine that speaks S3, behind a proxy that answers 500, is slow, loses answers and cuts bodies. Every answer is
checked:
- mixed epochs: each epoch multiplies the prices of all items by a number of its own, so that an answer with items of
  two epochs, or of another epoch than it says, shows by its scores;
- wrong merges: ids and scores are those of all items of its epoch, by NumPy;
- lost writes: at the end, every acknowledged write is there.
Printed: counts of faults and of each of these, the share of recalls that were answered within their time, and
latencies.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import ray
from local_s3 import BUCKET, serving
from sharded_worlds import FaultyStore, write_towers

from twinspire import StorageError
from twinspire.ray import Cluster, LocalStorage, ObjectStorage, Storage, connect, publish, read_head, serve
from twinspire.ray._writes import WriteLog

SHARDS, K, TIMEOUT = 4, 10, 5.0

#: Seconds for which a check waits for a store that fails. Faults take up to 3 s.
STORE_DEADLINE = 60.0


def environment() -> dict[str, Any]:
    """Workers import the store from here, and find the server that speaks S3."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return {"env_vars": {"PYTHONPATH": str(Path(__file__).parent), **settings}}


def factor(epoch: int) -> float:
    """What the prices of an epoch are multiplied by."""
    return 1.0 + epoch / 1024


def records(count: int, epoch: int) -> list[dict[str, Any]]:
    """The items of an epoch."""
    return [{"id": f"g{n}", "price": n * factor(epoch), "kind": "old"} for n in range(count)]


class Load:
    """Threads that recall and write, and check."""

    def __init__(self, cluster: Cluster, store: Storage, items: int) -> None:
        self.cluster, self.store, self.items = cluster, store, items
        self.counts: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.acknowledged: dict[str, float | None] = {}
        self.uncertain: set[str] = set()
        self.published: dict[int, float] = {1: factor(1)}
        self.stop = threading.Event()
        self.lock = threading.Lock()

    def recalls(self, seed: int) -> None:
        rng = random.Random(seed)
        while not self.stop.is_set():
            price = rng.random() * self.items
            policy = rng.choice(["all", "partial"])
            started = time.monotonic()
            try:
                answer = self.cluster.recall(
                    "price",
                    user={"price": price},
                    k=K,
                    exact=True,
                    filter="kind = 'old'",
                    policy=policy,
                    timeout=TIMEOUT,
                    records=["price"],
                )
            except Exception as error:
                with self.lock:
                    self.counts["recalls"] += 1
                    self.counts[f"failed: {type(error).__name__}"] += 1
                    self.seconds.append(time.monotonic() - started)
                continue
            with self.lock:
                self.counts["recalls"] += 1
                self.seconds.append(time.monotonic() - started)
                self.counts["answered"] += 1
                self.counts["partial answers"] += answer.covered < 1
                self._check(answer, price)

    def _check(self, answer: Any, price: float) -> None:
        by = factor_of(self.store, answer.epoch)
        # The records are of the same epoch as the scores.
        for hit in answer.hits:
            if "record" not in hit and answer.failed:
                continue
            own = int(hit["id"][1:]) * by
            if abs(np.float32(own) - np.float32(hit["record"]["price"])) > 1e-3:
                self.counts["mixed epochs"] += 1
                return
        if answer.covered < 1:
            if [hit["score"] for hit in answer.hits] != sorted((hit["score"] for hit in answer.hits), reverse=True):
                self.counts["wrong merges"] += 1
            return
        prices = (np.arange(self.items) * by).astype(np.float32)
        scores = -((prices - np.float32(price)) ** 2)
        order = sorted(range(self.items), key=lambda n: (-scores[n], f"g{n}")) if self.items < 64 else None
        best = order or nearest(scores)
        if [hit["id"] for hit in answer.hits] != [f"g{n}" for n in best[:K]]:
            self.counts["wrong merges"] += 1

    def writes(self, seed: int) -> None:
        rng, n = random.Random(seed), 0
        while not self.stop.is_set():
            n += 1
            id = f"w{seed}-{n if rng.random() < 0.7 else rng.randrange(1, n + 1)}"
            price = None if rng.random() < 0.2 else float(rng.randrange(10**6))
            try:
                if price is None:
                    self.cluster.delete(id, timeout=TIMEOUT)
                else:
                    self.cluster.put({"id": id, "price": price, "kind": "new"}, timeout=TIMEOUT)
            except Exception as error:
                with self.lock:
                    self.counts[f"unacknowledged writes: {type(error).__name__}"] += 1
                    # It may be stored, even later: no state of this item is wrong from now on.
                    self.uncertain.add(id)
                continue
            with self.lock:
                self.counts["acknowledged writes"] += 1
                self.acknowledged[id] = price
            time.sleep(0.02)


def nearest(scores: Any) -> list[int]:
    """The best items by score, then by id."""
    near = np.argpartition(-scores, 3 * K)[: 3 * K]
    return sorted(map(int, near), key=lambda n: (-scores[n], f"g{n}"))


_FACTORS: dict[int, float] = {}


def factor_of(store: Storage, epoch: int) -> float:
    """The factor of an epoch: its number, or that of the epoch whose items it kept, as its calibrations say."""
    if epoch not in _FACTORS:
        # The check reads past injected faults.
        known = LocalStorage(store.root) if isinstance(store, FaultyStore) else store
        deadline = time.monotonic() + STORE_DEADLINE
        while epoch not in _FACTORS:
            try:
                _FACTORS[epoch] = factor(int(read_head(known, epoch).calibrations["price"][1]))
            except StorageError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
    return _FACTORS[epoch]


def publisher(store: Storage, work: Path, items: int, number: int, address: str, results: Any) -> None:
    """Publish in a process of its own, which may be killed."""
    ray.init(address=address, log_to_driver=False, logging_level="ERROR", runtime_env=environment())
    try:
        head = publish(
            store, records(items, number), calibrations={"price": (0.0, float(number))}, work=work, keep=40,
            task={"max_retries": 0, "num_cpus": 0},
        )  # fmt: skip
        results.put((number, head.epoch, None))
    except Exception as error:
        results.put((number, None, f"{type(error).__name__}: {error}"))


def kill_actor(part: str) -> bool:
    """Kill one replica whose name has a part."""
    names = [actor for actor in ray.util.list_named_actors(all_namespaces=True) if f"#{part}" in actor["name"]]
    random.shuffle(names)
    for actor in names:
        try:
            ray.kill(ray.get_actor(actor["name"], namespace=actor["namespace"]), no_restart=True)
            return True
        except ValueError:
            continue
    return False


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description="Kill what can be killed, and check every answer.")
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--items", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--s3", action="store_true", help="keep the cluster in a bucket of moto's server")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        store: Storage = FaultyStore(directory / "store")
        fault_file = directory / "store" / ".fault"
        if arguments.s3:
            fault_file = directory / ".fault"
            os.environ.update(stack.enter_context(serving(fault_file)))
            store = ObjectStorage(f"s3://{BUCKET}/faults")
        # By default workers give way to everything else on the machine.
        os.environ["RAY_worker_niceness"] = "0"
        context = ray.init(include_dashboard=False, log_to_driver=False, num_cpus=4, runtime_env=environment())
        address = context.address_info["gcs_address"]
        tower = write_towers(directory / "price", "price", "l2", 1, ["price"])
        publish(
            store,
            records(arguments.items, 1),
            shards=SHARDS,
            towers={"price": tower},
            calibrations={"price": (0.0, 1.0)},
            work=directory,
        )
        cluster = serve(
            store, replicas=2, routers=2, writers=1, poll=0.5, work=directory,
            options={"ray_actor_options": {"num_cpus": 0}, "health_check_period_s": 1.0, "graceful_shutdown_timeout_s":
            1.0},
        )  # fmt: skip
        load = Load(cluster, store, arguments.items)
        threads = [threading.Thread(target=load.recalls, args=[seed], daemon=True) for seed in range(2)]
        threads += [threading.Thread(target=load.writes, args=[seed], daemon=True) for seed in range(2)]
        for thread in threads:
            thread.start()
        faults: Counter[str] = Counter()
        spawn = multiprocessing.get_context("spawn")
        results: Any = spawn.Queue()
        number, running = 1, list[Any]()
        started = time.monotonic()
        last = started
        while sum(faults.values()) < arguments.events:
            time.sleep(random.random() * 5)
            running = [process for process in running if process.is_alive()]
            kind = random.choice(
                [
                    "shard",
                    "shard",
                    "router",
                    "writer",
                    "store",
                    "store",
                    "publish",
                    "race",
                    "kill publisher",
                    "kill publisher",
                ]
            )
            if kind == "shard" and kill_actor(f"shard-{random.randrange(SHARDS)}"):
                faults["shard replicas killed"] += 1
            elif kind == "router" and kill_actor("router"):
                faults["routers killed"] += 1
            elif kind == "writer" and kill_actor("writer"):
                faults["writers killed"] += 1
            elif kind == "store":
                fault = random.choice(["fail", "slow", "late", "cut"])
                fault_file.write_text(fault)
                time.sleep(1 + random.random() * 2)
                fault_file.unlink()
                faults[f"store: {fault}"] += 1
            elif kind in ("publish", "race") and len(running) < 2:
                for _ in range(1 + (kind == "race")):
                    number += 1
                    process = spawn.Process(
                        target=publisher, args=(store, directory, arguments.items, number, address, results)
                    )
                    process.start()
                    running.append(process)
                faults["publishers racing"] += kind == "race"
            elif kind == "kill publisher" and running:
                process = random.choice(running)
                os.kill(process.pid, signal.SIGKILL)
                faults["publishers killed"] += 1
            if time.monotonic() - last > 30:
                last = time.monotonic()
                print(f"  {last - started:.0f} s: {sum(faults.values())} faults, {dict(load.counts)}", flush=True)
        for process in running:
            process.join(120)
        load.stop.set()
        for thread in threads:
            thread.join(60)
        lost = check_writes(cluster, store, load)
        report(load, faults, results, lost, read_head(store).epoch, time.monotonic() - started)
        cluster.shutdown()
    sys.exit(any(load.counts[name] for name in ("mixed epochs", "wrong merges")) or lost > 0)


def check_writes(cluster: Cluster, store: Storage, load: Load) -> int:
    """Acknowledged writes that are not there, by the newest epoch, with every write of the logs."""
    head = read_head(store)
    cluster.wait(head.epoch, timeout=120)
    after = {shard.shard: WriteLog(store, shard.shard).last(shard.writes) for shard in head.shards}
    answer = connect().recall(
        "price",
        user={"price": 0.0},
        k=None,
        exact=True,
        filter="kind = 'new'",
        after=after,
        timeout=120,
        records=["price"],
    )
    found = {hit["id"]: hit["record"]["price"] for hit in answer.hits}
    sure = {id: price for id, price in load.acknowledged.items() if id not in load.uncertain}
    lost = {id: (price, found.get(id)) for id, price in sure.items() if found.get(id) != price}
    for id, (wanted, present) in lost.items():
        print(f"  lost: {id} is {present}, not {wanted}")
    return len(lost)


def report(load: Load, faults: Counter[str], results: Any, lost: int, epoch: int, seconds: float) -> None:
    """Print everything."""
    outcomes: Counter[str] = Counter()
    while not results.empty():
        _, made, problem = results.get()
        outcomes["published" if made is not None else problem.partition(":")[0]] += 1
        if made is None and not problem.startswith("ConflictError"):
            print(f"  a publish: {problem[:200]}")
    print(f"{sum(faults.values())} faults in {seconds:.0f} s: {dict(faults)}")
    print(f"publishes that ended: {dict(outcomes)}; epoch {epoch} is served")
    print(f"load: {dict(load.counts)}")
    answered = load.counts["answered"] / max(load.counts["recalls"], 1)
    times = sorted(load.seconds)
    print(f"availability {answered:.4f} within {TIMEOUT} s; median {statistics.median(times) * 1e3:.0f} ms, "
          f"p99 {times[int(len(times) * 0.99)] * 1e3:.0f} ms")  # fmt: skip
    print(
        f"mixed epochs {load.counts['mixed epochs']}, wrong merges {load.counts['wrong merges']}, lost acknowledged writes {lost}"
    )


if __name__ == "__main__":
    main()
