"""What a flip of a follower costs when 1 % of the items changed.

    pip install "./python[ray]" "moto[server]"
    python benches/python/flip.py [--items N] [--dimension D] [--turns N] [--s3]

Generated items with a vector each are published and pushed to a directory, or with `--s3` to a server on this machine
that speaks S3. A follower in a process of its own serves them and takes a recall every 2 ms. Then 1 % of the items
change their vectors, in two ways: written and sealed; written, and the space published anew with the same towers.
Printed for each, as medians of the turns:
- what a push moved: bytes and objects. The follower fetches the same objects;
- seconds from the begin of the push to its end, and to the first recall by the new epoch;
- the 99th percentile of recalls on the follower, and the worst one, from the begin of the push to a second after the
  new epoch is served, of all turns together; beside the same without a push.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from local_s3 import BUCKET, serving
from sharded_worlds import Vectors, vector_records, vectors, write_vector_towers

import twinspire

SPACE, K, SHARE, IDLE, AFTER, PACE = "shop", 10, 0.01, 10.0, 1.0, 0.002


def serve(url: str, directory: Path, queries: Vectors, pipe: Any) -> None:
    """Follow, and recall at a steady pace.

    A message is an epoch, and the seconds to go on after it is served. The reply is the time at which it was served, and
    the seconds of each recall since the message.
    """
    with twinspire.follow(url, directory, interval=0.1) as follower:
        pipe.send(follower.epoch)
        wanted, more, served, at = 0, 0.0, 0.0, 0
        samples: list[float] = []
        while True:
            if pipe.poll():
                message = pipe.recv()
                if message is None:
                    return
                (wanted, more), served, samples = message, 0.0, []
            started = time.monotonic()
            now = follower.db
            now.recall(SPACE, vector=queries[at % len(queries)], k=K)
            ended = time.monotonic()
            samples.append(ended - started)
            at += 1
            if wanted and not served and (now.epoch or 0) >= wanted:
                served = ended
            if served and ended >= served + more:
                pipe.send((served, samples))
                wanted, served = 0, 0.0
            time.sleep(max(0.0, PACE - (ended - started)))


@dataclass(frozen=True)
class Turn:
    """One flip."""

    bytes: int
    objects: int
    pushed: float
    """Seconds from the begin of the push to its end."""
    served: float
    """Seconds from the begin of the push to the first recall by the new epoch."""
    recalls: list[float]
    """Seconds of recalls meanwhile."""


class Flip:
    """Pushes to a store, and the recalls of its follower meanwhile."""

    def __init__(self, db: twinspire.Database, url: str, pipe: Any) -> None:
        self.db, self.url, self.pipe = db, url, pipe

    def idle(self, epoch: int) -> list[float]:
        """Seconds of recalls without a push."""
        self.pipe.send((epoch, IDLE))
        return list(self.pipe.recv()[1])

    def push(self, epoch: int) -> Turn:
        """Push what has changed, until the follower serves it."""
        started = time.monotonic()
        self.pipe.send((epoch + 1, AFTER))
        pushed = twinspire.push(self.db, self.url)
        ended = time.monotonic()
        assert pushed.epoch == epoch + 1, pushed
        served, seconds = self.pipe.recv()
        return Turn(pushed.uploaded_bytes, pushed.uploaded_files + 1, ended - started, served - started, seconds)


def report(name: str, turns: list[Turn]) -> None:
    """Print the medians of the turns."""
    size = statistics.median(turn.bytes for turn in turns) / 1e6
    objects = statistics.median(turn.objects for turn in turns)
    pushed = statistics.median(turn.pushed for turn in turns)
    served = statistics.median(turn.served for turn in turns)
    recalls = [seconds for turn in turns for seconds in turn.recalls]
    print(f"{name}: {size:.1f} MB in {objects:.0f} objects; pushed after {pushed:.2f} s, served after {served:.2f} s; "
          f"{times(recalls)}", flush=True)  # fmt: skip


def times(recalls: list[float]) -> str:
    """A summary of the seconds of recalls."""
    p50, p99 = np.percentile(recalls, [50, 99]) * 1e3
    return f"{len(recalls)} recalls: median {p50:.2f} ms, p99 {p99:.2f} ms, worst {max(recalls) * 1e3:.1f} ms"


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description="Measure what a flip of a follower costs.")
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--s3", action="store_true", help="push to a bucket of moto's server")
    arguments = parser.parse_args()
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(200, arguments.dimension))
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        url = str(directory / "store")
        if arguments.s3:
            os.environ.update(stack.enter_context(serving()))
            url = f"s3://{BUCKET}/flip"
        towers = write_vector_towers(directory / "towers", SPACE, arguments.dimension)
        db = stack.enter_context(twinspire.open(directory / "shop.twin", background=False))
        ids = list(range(arguments.items))
        for start in range(0, len(ids), 10_000):
            few = ids[start : start + 10_000]
            db.items.put_many(vector_records(few, vectors(rng, centres, len(few))))
        db.seal()
        db.publish(SPACE, towers)
        pushed = twinspire.push(db, url)
        kind = "a bucket" if arguments.s3 else "a directory"
        size = f"{pushed.bytes / 1e6:.0f} MB in {pushed.files} files"
        print(f"{arguments.items:,} items × {arguments.dimension}: {size}, in {kind}", flush=True)
        spawn = multiprocessing.get_context("spawn")
        pipe, other = spawn.Pipe()
        queries = vectors(rng, centres, 1000)
        process = spawn.Process(target=serve, args=(url, directory / "replica", queries, other))
        process.start()
        epoch = int(pipe.recv())
        flip = Flip(db, url, pipe)
        flip.idle(epoch)
        print(f"no push: {times(flip.idle(epoch))}", flush=True)
        changed = int(arguments.items * SHARE)
        outcomes: dict[str, list[Turn]] = {"written and sealed": [], "written and published anew": []}
        ends: list[Callable[[], object]] = [db.seal, lambda: db.publish(SPACE, towers)]
        for turn in range(arguments.turns):
            for at, (kind, turns) in enumerate(outcomes.items()):
                few = [int(row) for row in rng.choice(arguments.items, changed, replace=False)]
                db.items.put_many(vector_records(few, vectors(rng, centres, changed)))
                ends[at]()
                turns.append(flip.push(epoch))
                epoch += 1
                report(f"  turn {turn + 1}, {kind}", turns[-1:])
        for kind, turns in outcomes.items():
            report(f"{changed:,} items {kind}", turns)
        pipe.send(None)
        process.join()


if __name__ == "__main__":
    main()
