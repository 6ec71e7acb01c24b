"""Ctrl-C and callbacks end long calls, and leave nothing half done."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import twinspire
from twinspire import train

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

PROLOGUE = """
import sys, signal, twinspire
from twinspire import train
signal.signal(signal.SIGINT, signal.default_int_handler)
path, models = sys.argv[1:3]
db = twinspire.open(path, background=False)
def began(progress=None):
    print("began", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
else:
    print("finished", flush=True)
"""

CALLS = {
    "publish": 'db.publish("more", models, graph="instant-distance", progress=lambda p: began())',
    "import": 'db.items.import_file(path + ".jsonl", progress=lambda p: began())',
    "put_many": 'db.items.put_many(({"id": f"x{n}", "price": 1} for n in range(10**8)), progress=lambda p: began())',
    "train": "train.youtube(items=[{'id': f'i{n}'} for n in range(70)], events=[{'user': f'u{n % 50}', 'item': f'i{n % 70}', 'timestamp': n} for n in range(3000)],"
    " epochs=60_000, progress=lambda p: began())",
    "mine": "began(); print(sum(1 for _ in db.mine('by-price', [{'user': {'price': 1}, 'positive': 'i1'}] * 200_000,"
    " exact=True)))",
    "recall_many": "began(); db.recall_many('by-price', [{'price': 1}] * 1_000_000, k=1, exact=True)",
    "recall_many of a frame": "import pyarrow; users = pyarrow.table({'price': [1] * 1_000_000}); began();"
    " db.recall_many('by-price', users, k=1, exact=True)",
}


@pytest.mark.parametrize("call", CALLS)
def test_an_interrupt_leaves_nothing_half_done(path: Path, price_towers: Path, call: str) -> None:
    with twinspire.open(path) as db:
        db.items.put_many({"id": f"i{n}", "price": n % 977} for n in range(20_000 if call == "publish" else 2000))
        db.publish("by-price", price_towers)
    if call == "import":
        with open(f"{path}.jsonl", "w") as file:
            file.writelines(json.dumps({"id": f"n{n}", "price": 2, "text": "word " * 20}) + "\n" for n in range(300_000))
    script = PROLOGUE.format(call=CALLS[call])
    command = [sys.executable, "-c", script, str(path), str(price_towers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        lines = process.stdout.read().split()
        process.wait(timeout=30)
    assert lines[-1] == "interrupted", lines[-3:]
    assert time.monotonic() - sent < 15
    with twinspire.open(path) as db:
        assert db.check().problems == []
        assert db.spaces() == ["by-price"] and len(db.generations("by-price")) == 1
        assert db.recall("by-price", user={"price": 0}, k=1).scores[0] == 0


class Stop(Exception):
    pass


def refuse(_: twinspire.Progress) -> bool:
    return False


def fail(_: twinspire.Progress) -> None:
    raise Stop


@pytest.mark.parametrize(("callback", "error"), [(refuse, twinspire.CancelledError), (fail, Stop)])
def test_a_callback_cancels(
    path: Path, price_towers: Path, callback: Callable[[twinspire.Progress], Any], error: type[Exception]
) -> None:
    with twinspire.open(path, background=False) as db:
        with pytest.raises(error):
            db.items.put_many(({"id": f"i{n}", "price": n % 977} for n in range(20_000)), progress=callback)
        db.items.put_many({"id": f"i{n}", "price": n % 977} for n in range(20_000))
        with pytest.raises(error):
            db.publish("by-price", price_towers, graph="instant-distance", progress=callback)
        assert db.spaces() == []
        events = [{"user": f"u{n % 50}", "item": f"i{n % 70}", "timestamp": n} for n in range(2000)]
        with pytest.raises(error):
            train.youtube(items=[{"id": f"i{n}"} for n in range(70)], events=events, epochs=60_000, progress=callback)


def test_progress_is_a_bar_a_callable_or_nothing(path: Path, price_towers: Path, capfd: Any) -> None:
    with twinspire.open(path) as db:
        db.items.put_many(({"id": f"i{n}", "price": n} for n in range(3000)), progress=True)
        assert "storing" in capfd.readouterr().err
        db.publish("by-price", price_towers, progress=False)
        assert capfd.readouterr().err == ""
        with pytest.raises(TypeError, match="a boolean or a callable expected, found int"):
            db.publish("by-price", price_towers, progress=3)  # type: ignore[arg-type]
