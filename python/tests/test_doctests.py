"""The examples of all docstrings run."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import twinspire
from conftest import write_price_towers
from twinspire import _convert, _ensembles, _progress, export
from twinspire.export import _factors

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def documented() -> Iterator[tuple[str, Any]]:
    """Every public name and every method of a class that has an example."""
    yield "twinspire", twinspire
    yield "twinspire.train", twinspire.train
    for module in (_convert, _ensembles, _progress, _factors, export):
        yield module.__name__, module
        for name, found in vars(module).items():
            if getattr(found, "__module__", None) == module.__name__:
                yield f"{module.__name__}.{name}", found
    for name in twinspire.__all__:
        found = getattr(twinspire, name)
        yield name, found
        if inspect.isclass(found):
            for method, member in vars(found).items():
                yield f"{name}.{method}", member


EXAMPLES = {name: found for name, found in documented() if ">>>" in (getattr(found, "__doc__", None) or "")}


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 40
    for name in ("Database.recall", "Database.publish", "Items.put_many", "open", "twinspire"):
        assert name in EXAMPLES


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_example(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    starts_empty = name in ("twinspire", "open", "Database")
    models = tmp_path / "models"
    globs: dict[str, Any] = {"twinspire": twinspire, "models": models, "tmp": tmp_path, "path": tmp_path / "shop.twin"}
    if starts_empty:
        write_price_towers(models / "price")
    else:
        globs["db"] = request.getfixturevalue("db")
    for module in (twinspire, twinspire.train, _ensembles, _convert, _progress, export):
        globs |= {key: value for key, value in vars(module).items() if not key.startswith("_")}
    globs["open"] = open
    text = inspect.cleandoc(EXAMPLES[name].__doc__)
    test = doctest.DocTestParser().get_doctest(text, globs, name, None, 0)
    failures = doctest.DocTestRunner(optionflags=FLAGS).run(test, clear_globs=False)
    assert failures.failed == 0
    opened = globs.get("db")
    if isinstance(opened, twinspire.Database):
        opened.close()
