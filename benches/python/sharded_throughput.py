"""Queries a second and latencies of a cluster by shards and replicas: measured on this machine, and simulated for more.

    pip install "./python[ray]" simpy
    python benches/python/sharded_throughput.py [--items N] [--seconds S] [--clients N] [--measured FILE]

Measured: generated items of 128 components in 1, 2 and 4 shards of 1 and 2 replicas with one router on Ray Serve; one
closed-loop client, and several. All processes share the cores of this machine, and so does the client. On
two cores this shows what a query costs and what shards and replicas add to that. It cannot show that they make a
cluster faster: no process has a core of its own.

Simulated: `sharded_simulation.py` with service times as measured at 1 and 4 shards of one replica. They are the CPU
times of the processes of each kind for a query, of a search in the shard, and what is left of the latency of one
client for the way of messages. First the simulation repeats the measured cases, four of which it was not made from, on
the same cores, less what other processes took of them. Then each router and each replica has a core. With `--measured`
the measurements are written to a file, or taken from it if it exists.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import statistics
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
import ray.serve
from sharded_simulation import Costs, closed_loop, open_loop
from sharded_worlds import vector_records, vectors, write_vector_towers

from twinspire.ray import Cluster, LocalStorage, ShardServer, States, publish, serve

SPACE, K, DIMENSION, SAMPLES = "shop", 10, 128, 500
SIMULATED = [(shards, replicas) for shards in (4, 16, 64) for replicas in (1, 2, 4)]
OPTIONS = {"ray_actor_options": {"num_cpus": 0}}


@dataclass(frozen=True)
class Measured:
    """A case."""

    shards: int
    replicas: int
    alone: list[float]
    """Seconds of the recalls of one client."""
    seconds: list[float]
    """Seconds of the recalls of several closed-loop clients."""
    rate: float
    """Recalls a second of several clients."""
    client: float
    """CPU time of the client for a recall, in seconds."""
    router: float
    """CPU time of the router for a recall, in seconds."""
    replica: float
    """CPU time of a replica for one call of its shard, in seconds."""
    engine: float
    """Cores that the other processes of Ray took under load."""
    others: float
    """Cores that unrelated processes took."""


@dataclass(frozen=True)
class Used:
    """CPU time so far, in seconds."""

    at: float
    client: float
    router: float
    replicas: float
    engine: float
    machine: float
    """Of all processes."""


def used(application: str) -> Used:
    """The CPU time of this process, of those that it started by what they do, and of the machine."""
    tick = os.sysconf("SC_CLK_TCK")
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    names: dict[int, str] = {}
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit():
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                pid = int(process.name)
                names[pid] = (process / "cmdline").read_bytes().decode(errors="replace")
                parents[pid], seconds[pid] = int(fields[1]), (int(fields[11]) + int(fields[12])) / tick
        except OSError:
            continue
    started = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in started} - started:
        started |= more
    part = {"router": 0.0, "shard-": 0.0, "": 0.0}
    for pid in (started & set(seconds)) - {os.getpid()}:
        named = (one for one in ("router", "shard-") if names[pid].startswith(f"ray::ServeReplica:{application}:{one}"))
        part[next(named, "")] += seconds[pid]
    # User, nice, system, irq, softirq and stolen time of all cores.
    machine = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    busy = (sum(machine) - machine[3] - machine[4]) / tick
    return Used(time.monotonic(), time.process_time(), part["router"], part["shard-"], part[""], busy)


def load(cluster: Cluster, queries: Any, clients: int, seconds: float) -> tuple[list[float], float]:
    """Recalls by closed-loop clients: seconds of each, and recalls per second."""
    taken: list[float] = []
    until = time.monotonic() + seconds

    def ask(seed: int) -> None:
        at = seed * 17
        while (started := time.monotonic()) < until:
            cluster.recall(SPACE, vector=queries[at % len(queries)], k=K, timeout=60)
            taken.append(time.monotonic() - started)
            at += 1

    threads = [threading.Thread(target=ask, args=[seed]) for seed in range(clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken, len(taken) / (time.monotonic() - began)


def measure(
    store: Path, shards: int, replicas: int, queries: Any, arguments: argparse.Namespace, work: Path
) -> Measured:
    """Serve and load a case."""
    name = f"throughput-{os.getpid()}"
    served = serve(
        store, name=name, replicas=replicas, max_ongoing=64, max_queued=256, work=work, options=OPTIONS, poll=5.0
    )
    try:
        load(served, queries, arguments.clients, 2.0)
        alone, _ = load(served, queries, 1, arguments.seconds / 2)
        before = used(name)
        seconds, rate = load(served, queries, arguments.clients, arguments.seconds)
        after = used(name)
    finally:
        served.shutdown()
    span, count = after.at - before.at, len(seconds)
    client, router = after.client - before.client, after.router - before.router
    replica, engine = after.replicas - before.replicas, after.engine - before.engine
    others = max(after.machine - before.machine - client - router - replica - engine, 0.0)
    return Measured(
        shards, replicas, sorted(alone), sorted(seconds), rate, client / count, router / count,
        replica / count / shards, engine / span, others / span,
    )  # fmt: skip


def searches(store: Path, queries: Any, work: Path) -> list[float]:
    """Seconds of searches in the first shard, in this process."""
    kept = LocalStorage(store)
    states = States(kept)
    states.refresh()
    epoch = states.all[0].head.epoch
    server = ShardServer(kept, 0, work, start=False)
    taken = []
    try:
        for at in range(SAMPLES):
            options = {"k": K, "exact": False, "offset": 0, "exclude": [], "vector": queries[at % len(queries)]}
            started = time.perf_counter()
            server.top(epoch, SPACE, options)
            taken.append(time.perf_counter() - started)
    finally:
        server.close()
    return taken


def costs_of(one: Measured, four: Measured, search: dict[int, list[float]], shards: int) -> Costs:
    """Service times from the cases of one and of four shards; the search is that of a shard of the case."""
    mean = {count: statistics.mean(seconds) for count, seconds in search.items()}
    router_a_shard = max((four.router - one.router) / 3, 0.0)
    replica = statistics.mean(max(case.replica - mean[case.shards], 0.0) for case in (one, four))
    client = statistics.mean([one.client, four.client])
    router = max(one.router - router_a_shard, 0.0)
    busy = client + router + router_a_shard + replica + mean[1]
    alone = statistics.mean(one.alone)
    return Costs(
        client, router, router_a_shard, replica, mean[shards], max(alone - busy, 0.0) / 4,
        [seconds / alone for seconds in one.alone], [seconds / mean[shards] for seconds in search[shards]],
    )  # fmt: skip


def slower(costs: Costs, case: Measured) -> Costs:
    """Costs on cores of which other processes take a part."""
    cores = os.cpu_count() or 1
    by = cores / max(cores - case.engine - case.others, 0.1)
    return replace(
        costs, client=costs.client * by, router=costs.router * by, router_a_shard=costs.router_a_shard * by,
        replica=costs.replica * by, search=costs.search * by,
    )  # fmt: skip


def milliseconds(seconds: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile of times, in milliseconds."""
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    return float(p50), float(p99)


def report_measured(cases: list[Measured], arguments: argparse.Namespace) -> None:
    """Print what was measured."""
    cores = os.cpu_count()
    print(f"measured: {arguments.items:,} items × {DIMENSION}, k = {K}, all processes on {cores} cores")
    print("shards replicas | 1 client: p50     p99 | "
          f"{arguments.clients} clients: queries/s     p50     p99 | "
          "CPU of client, router, each replica | cores of Ray, of others")  # fmt: skip
    for case in cases:
        alone, several = milliseconds(case.alone), milliseconds(case.seconds)
        print(f"{case.shards:6} {case.replicas:8} | {alone[0]:10.1f} ms {alone[1]:4.1f} ms | "
              f"{case.rate:20.0f} {several[0]:4.1f} ms {several[1]:4.1f} ms | {case.client * 1e3:.2f}, {case.router * 1e3:.2f}, "
              f"{case.replica * 1e3:.2f} ms | {case.engine:.2f}, {case.others:.2f}", flush=True)  # fmt: skip


def report_simulated(cases: list[Measured], search: dict[int, list[float]], clients: int) -> None:
    """Print the simulation of the measured cases, and of more shards."""
    one, four = [next(case for case in cases if (case.shards, case.replicas) == (count, 1)) for count in (1, 4)]
    print("simulated on the same cores, beside what was measured")
    for case in cases:
        costs = costs_of(one, four, search, case.shards)
        found = closed_loop(slower(costs, case), case.shards, case.replicas, clients=clients, shared_cores=os.cpu_count())
        made = " (service times are of this case)" if case in (one, four) else ""
        p50, p99 = milliseconds(case.seconds)
        print(f"{case.shards:6} {case.replicas:8} | queries/s {found.rate:5.0f}, measured {case.rate:5.0f} "
              f"({found.rate / case.rate - 1:+.0%}) | p50 {found.p50 * 1e3:5.1f}, {p50:5.1f} ms | "
              f"p99 {found.p99 * 1e3:5.1f}, {p99:5.1f} ms{made}", flush=True)  # fmt: skip
    costs = costs_of(one, four, search, 4)
    print(f"simulated, a core for each router and replica: router {costs.router * 1e3:.2f} ms + "
          f"{costs.router_a_shard * 1e3:.2f} ms a shard, replica {costs.replica * 1e3:.2f} ms + search "
          f"{costs.search * 1e3:.2f} ms, message {costs.hop * 1e3:.2f} ms")  # fmt: skip
    print("shards replicas routers cores | most queries/s | at half of that: p50     p99")
    for shards, replicas in SIMULATED:
        most = replicas / (costs.replica + costs.search)
        # As many routers as keep the replicas busy.
        routers = math.ceil(most * costs.of_router(shards))
        queries = max(20_000 // shards, 600)
        full = closed_loop(costs, shards, replicas, routers=routers, clients=8 * (routers + replicas), queries=queries)
        half = open_loop(costs, shards, replicas, full.rate / 2, routers=routers, queries=queries)
        print(f"{shards:6} {replicas:8} {routers:7} {routers + shards * replicas:5} | {full.rate:14.0f} | "
              f"{half.p50 * 1e3:19.1f} ms {half.p99 * 1e3:4.1f} ms", flush=True)  # fmt: skip


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description="Measure and simulate throughput by shards and replicas.")
    parser.add_argument("--items", type=int, default=40_000)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--measured", type=Path, help="a file for what was measured")
    arguments = parser.parse_args()
    file: Path | None = arguments.measured
    if file is not None and file.exists():
        saved = json.loads(file.read_text())
        cases = [Measured(**case) for case in saved["cases"]]
        search = {int(shards): seconds for shards, seconds in saved["search"].items()}
    else:
        cases, search = measure_all(arguments)
        if file is not None:
            file.write_text(json.dumps({"cases": [asdict(case) for case in cases], "search": search}))
    report_measured(cases, arguments)
    report_simulated(cases, search, arguments.clients)


def measure_all(arguments: argparse.Namespace) -> tuple[list[Measured], dict[int, list[float]]]:
    """Every case, and searches in shards of each size."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(200, DIMENSION))
    # By default workers give way to everything else on the machine.
    os.environ["RAY_worker_niceness"] = "0"
    ray.init(include_dashboard=False, log_to_driver=False, num_cpus=4)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    ray.serve.start(proxy_location="Disabled", logging_config={"log_level": "ERROR"})
    cases: list[Measured] = []
    search: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        towers = write_vector_towers(work / "towers", SPACE, DIMENSION)
        items = list(vector_records(list(range(arguments.items)), vectors(rng, centres, arguments.items)))
        queries = vectors(rng, centres, 1000)
        for shards in (1, 2, 4):
            store = work / f"store-{shards}"
            publish(store, items, shards=shards, towers={SPACE: towers}, work=work)
            search[shards] = searches(store, queries, work)
            for replicas in (1, 2):
                cases.append(measure(store, shards, replicas, queries, arguments, work))
                print(f"  {shards} shards, {replicas} replicas: {cases[-1].rate:.0f} queries/s", flush=True)
    ray.shutdown()
    return cases, search


if __name__ == "__main__":
    main()
