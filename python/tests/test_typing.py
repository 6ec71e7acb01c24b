"""The hand-kept types are those of the module, and every public name is tested."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import twinspire

TESTS = Path(__file__).parent


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=TESTS.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_are_typed_and_so_is_the_package() -> None:
    pytest.importorskip("mypy")
    run("mypy", "--strict", "tests")
    run("mypy", "--strict", "-p", "twinspire")
    names = ("ensembles", "first_recall", "tfrs_recall", "torch_towers", "train_and_mine")
    examples = [f"../examples/python/{name}.py" for name in names]
    run("mypy", "--strict", *examples, *(f"../benches/python/{name}.py" for name in ("alternative", "overhead")))


def test_the_stubs_are_those_of_the_module(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    # The module lists its names; stubs need not. stubtest takes a Literal for a function. Exporters are imported with
    # their frameworks alone.
    exporters = [rf"twinspire\.export\.{name}.*" for name in ("keras", "rechub", "torch")]
    allowed = ["twinspire._twinspire.__all__", "twinspire.export._towers.Metric", *exporters]
    (tmp_path / "allowed").write_text("\n".join(allowed))
    options = ["--allowlist", str(tmp_path / "allowed"), "--ignore-unused-allowlist"]
    run("mypy.stubtest", "twinspire", *options, "--mypy-config-file", "pyproject.toml")


def public() -> Iterator[str]:
    """Every public function, and every public method of every public class."""
    for name in twinspire.__all__:
        found = getattr(twinspire, name)
        yield name
        if inspect.isclass(found) and not issubclass(found, Exception):
            for member in vars(found):
                if not member.startswith("_"):
                    yield f"{name}.{member}"
    yield from twinspire.train.__all__
    yield from twinspire.export.__all__


def used() -> set[str]:
    """Every name and attribute in the code of the tests, and in their strings that name a function."""
    names = set()
    for file in TESTS.glob("test_*.py"):
        if file.name == Path(__file__).name:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, (ast.Name, ast.alias)):
                names.add(node.id if isinstance(node, ast.Name) else node.name)
            elif isinstance(node, ast.keyword) and node.arg:
                names.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return names


def test_every_public_name_is_used_by_a_test() -> None:
    names = used()
    missing = [name for name in public() if name.rpartition(".")[2] not in names]
    # Errors that a test would have to break a disk for, and fields of records that are compared as a whole.
    untested = {"ConflictError", "CorruptError", "InternalError", "UncertainError", "UnsupportedError"}
    records = {name for name in twinspire.__all__ if hasattr(getattr(twinspire, name), "__dataclass_fields__")}
    assert [name for name in missing if name not in untested and name.partition(".")[0] not in records] == []


def test_every_public_name_is_documented() -> None:
    bare = []
    for name in public():
        owner, _, member = name.rpartition(".")
        found = getattr(getattr(twinspire, owner), member) if owner else getattr(twinspire, name, None)
        if found is not None and callable(found) and not inspect.getdoc(found):
            bare.append(name)
    assert bare == []
