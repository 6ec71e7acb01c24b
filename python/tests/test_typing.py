"""The hand-kept types are those of the module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

TESTS = Path(__file__).parent

pytestmark = pytest.mark.beside


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=TESTS.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_are_typed_and_so_is_the_package() -> None:
    pytest.importorskip("mypy")
    run("mypy", "--strict", "tests")
    run("mypy", "--strict", "-p", "twinspire")
    names = ("ensembles", "first_recall", "tfrs_recall", "torch_towers", "train_and_mine")
    examples = [f"../examples/python/{name}.py" for name in names]
    benches = ("alternative", "overhead", "flip", "sharded", "sharded_faults", "sharded_throughput")
    run("mypy", "--strict", *examples, *(f"../benches/python/{name}.py" for name in benches))


def test_the_stubs_are_those_of_the_module() -> None:
    pytest.importorskip("mypy")
    # The module lists its names; stubs need not. stubtest takes a Literal for a function. Exporters are imported with
    # their frameworks alone.
    exporters = [rf"twinspire\.export\.{name}.*" for name in ("keras", "rechub", "torch")]
    allowed = ["twinspire._twinspire.__all__", "twinspire.export._towers.Metric", *exporters]
    with TemporaryDirectory() as directory:
        listed = Path(directory) / "allowed"
        listed.write_text("\n".join(allowed))
        options = ["--allowlist", str(listed), "--ignore-unused-allowlist"]
        run("mypy.stubtest", "twinspire", *options, "--mypy-config-file", "pyproject.toml")
