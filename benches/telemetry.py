#!/usr/bin/env python3
"""What traces and metrics cost a recall.

    python benches/telemetry.py [--items 200000] [--dimension 128] [--turns 40] [--instructions] [NAME=PROGRAM ...]

Builds `benches/telemetry.rs` without the features `tracing` and `metrics` and with them, and lets processes take turns:
the build without ("off", twice, to show the noise), the build with them and no listener, with a recorder of metrics,
with a subscriber of all spans. A turn answers 1,000 recalls by vector, k = 10, on one thread. NAME=PROGRAM adds another
build of the same benchmark, such as that of an earlier commit.

Prints for each the median and the least microseconds of a recall over all turns, and the median ratio to "off" of the
same turn. With --instructions, instructions a recall instead, counted by valgrind: no noise, but no time either.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

FEATURES = ["--features", "metrics,tracing"]


def build(directory: Path, name: str, features: list[str]) -> Path:
    """Build the benchmark, and copy it: the next build takes its place."""
    # The package alone: others of the workspace would turn features on.
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "--bench", "telemetry", "--package", "twinspire"]
    command += [*features, "--message-format", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    built = [line["executable"] for line in lines if line.get("target", {}).get("name") == "telemetry"]
    program = directory / name
    program.write_bytes(Path(built[-1]).read_bytes())
    program.chmod(0o755)
    return program


def times(directory: Path, sides: dict[str, tuple[Path, str]], turns: int) -> None:
    """Let the sides take turns, and print their times."""

    def start(program: Path, listeners: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([program, directory, listeners], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    running = {name: start(*side) for name, side in sides.items()}
    taken: dict[str, list[float]] = {name: [] for name in sides}
    # The first two turns read the files and fill caches.
    for turn in range(turns + 2):
        # Whoever comes first in a turn is not always the same.
        names = list(sides)[turn % len(sides) :] + list(sides)[: turn % len(sides)]
        for name in names:
            side = running[name]
            side.stdin.write(b"\n")
            side.stdin.flush()
            micros = float(side.stdout.readline())
            if turn >= 2:
                taken[name].append(micros)
    for side in running.values():
        side.stdin.close()
        side.wait()
    for name, micros in taken.items():
        ratio = statistics.median(one / off for one, off in zip(micros, taken["off"]))
        print(f"{name:24} median {statistics.median(micros):8.2f} µs  least {min(micros):8.2f} µs  ratio {ratio:.4f}")


def instructions(directory: Path, sides: dict[str, tuple[Path, str]]) -> None:
    """Count the instructions of recalls, and print them."""
    for name, (program, listeners) in sides.items():
        counts = []
        # The difference of two runs is that of the recalls alone.
        for turns in (1, 2):
            command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            done = subprocess.run([*command, program, directory, listeners], input=b"\n" * turns, capture_output=True)
            counts.append(int(re.search(rb"Collected : (\d+)", done.stderr)[1]))
        print(f"{name:24} {(counts[1] - counts[0]) / 1000:12.1f} instructions a recall")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("programs", nargs="*")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        directory = Path(home)
        off, on = build(directory, "off", []), build(directory, "on", FEATURES)
        subprocess.run([off, directory, "write", str(given.items), str(given.dimension)], check=True)
        sides = {
            "off": (off, "none"),
            "off, again": (off, "none"),
            "on": (on, "none"),
            "on, recorder": (on, "recorder"),
            "on, subscriber": (on, "subscriber"),
            "on, both": (on, "recorder,subscriber"),
        }
        for program in given.programs:
            name, path = program.split("=", 1)
            sides[name] = (Path(path), "none")
        if given.instructions:
            instructions(directory, sides)
        else:
            times(directory, sides, given.turns)


if __name__ == "__main__":
    main()
