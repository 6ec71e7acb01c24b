"""The command `twinspire` of the package."""

from __future__ import annotations

import importlib
import json
import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import twinspire

COMMAND = [sys.executable, "-m", "twinspire"]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, encoding="utf-8", errors="surrogateescape")


def test_the_wheel_has_the_command() -> None:
    project = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    entry = re.search(r'\[project\.scripts\]\ntwinspire = "([\w.]+):(\w+)"', project)
    assert entry is not None
    assert callable(getattr(importlib.import_module(entry[1]), entry[2]))


def test_the_wheel_has_the_licences_of_the_repository() -> None:
    package = Path(__file__).parents[1]
    licences = sorted(package.glob("LICENSE-*"))
    assert [licence.name for licence in licences] == ["LICENSE-APACHE", "LICENSE-MIT", "LICENSE-THIRD-PARTY"]
    for licence in licences[:2]:
        assert licence.read_bytes() == (package.parent / licence.name).read_bytes()


def test_the_notices_of_other_crates_are_those_of_the_lock_file() -> None:
    package = Path(__file__).parents[1]
    written = runpy.run_path(str(package / "notices.py"))["notices"]()
    assert (package / "LICENSE-THIRD-PARTY").read_text(encoding="utf-8") == written, "run python/notices.py"


def test_it_says_its_version_and_helps() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"twinspire {twinspire.__version__}\n")
    done = run("recall", "--help")
    assert done.returncode == 0
    assert "Usage: twinspire recall" in done.stdout


def test_it_imports_publishes_and_recalls(path: Path, price_towers: Path, tmp_path: Path) -> None:
    items = tmp_path / "items.jsonl"
    items.write_text("".join(json.dumps({"id": f"B{n:02}", "price": n}) + "\n" for n in range(40)))
    assert run("import", path, items).returncode == 0
    assert run("publish", path, "by-price", price_towers).returncode == 0
    done = run("--json", "recall", path, "by-price", "--user", '{"price": 15}', "--top", 3)
    assert done.returncode == 0, done.stderr
    with twinspire.open(path) as db:
        expected = db.recall("by-price", user={"price": 15}, k=3).ids
    assert [hit["id"] for hit in json.loads(done.stdout)["hits"]] == expected
    # Its reader may have seen enough.
    exporting = subprocess.Popen([*COMMAND, "export", path], stdout=subprocess.PIPE)
    assert exporting.stdout is not None
    assert json.loads(exporting.stdout.readline())["id"] == "B00"
    exporting.stdout.close()
    assert exporting.wait(timeout=60) == 0


def test_exit_codes_and_streams_are_those_of_the_program(path: Path) -> None:
    missing = run("stats", path)
    assert (missing.returncode, missing.stdout) == (3, "")
    assert str(path) in missing.stderr
    usage = run("frobnicate")
    assert (usage.returncode, usage.stdout) == (2, "")
    assert "unrecognized subcommand" in usage.stderr
    if sys.platform == "linux":
        strange = os.fsdecode(b"\xff.twin")
        assert run("stats", strange).returncode == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
def test_ctrl_c_ends_it_and_the_database_is_sound(path: Path) -> None:
    importing = subprocess.Popen([*COMMAND, "import", path, "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert importing.stdin is not None
    for n in range(20_000):
        importing.stdin.write(b'{"id": "i%d"}\n' % n)
    importing.stdin.flush()
    importing.send_signal(signal.SIGINT)
    assert importing.wait(timeout=60) == -signal.SIGINT
    importing.stdin.close()
    with twinspire.open(path) as db:
        assert db.check().problems == []
        assert len(db.items) <= 20_000
