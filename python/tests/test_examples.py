"""The examples of the repository run."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.beside

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"


@pytest.mark.parametrize("name", ["ensembles.py", "first_recall.py", "train_and_mine.py"])
def test_an_example_runs(name: str) -> None:
    run(name)


def test_the_example_of_pytorch_runs() -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch: python/test --models")
    run("torch_towers.py")


def test_the_example_of_tensorflow_recommenders_runs() -> None:
    # Not imported, since PyTorch and TensorFlow crash in one process.
    if importlib.util.find_spec("tensorflow_recommenders") is None:
        pytest.skip("needs tensorflow-recommenders: python/test --models")
    run("tfrs_recall.py")


def run(name: str) -> None:
    done = subprocess.run([sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 3
