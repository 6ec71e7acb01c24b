"""Every public name is called by a test, and documented."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest

import called

TESTS = Path(__file__).parent

#: The test files of each exporter. All other names are called by all other files.
FILES = {
    name: [TESTS / f"test_export_{name.rpartition('.')[2]}.py"] for name in called.EXPORTERS if name != "twinspire.ray"
} | {"twinspire.ray": [TESTS / "test_ray.py", TESTS / "test_shards.py", TESTS / "test_storage.py"]}

#: `test_database` raises `ForkedError` in forks, which cannot note it here. A broken rule of the package itself and a
#: disk that fails half-way cannot be brought about from outside.
NOT_CALLED = {"twinspire.ForkedError", "twinspire.InternalError", "twinspire.UncertainError"}


def files(module: str) -> list[Path]:
    own = [
        file
        for exporter in FILES.values()
        for file in exporter
        if file.name not in ("test_shards.py", "test_storage.py")
    ]
    return FILES.get(module) or [file for file in TESTS.glob("test_*.py") if file not in own]


@pytest.mark.parametrize("module", ["twinspire", *called.MODULES, *called.EXPORTERS])
def test_every_public_name_is_called(module: str, request: pytest.FixtureRequest) -> None:
    """Runs last: `conftest` sees to it."""
    partly = request.config.stash[called.PARTLY]
    collected = {item.path for item in request.session.items}
    absent = [file.name for file in files(module) if file not in collected]
    if partly or absent:
        pytest.skip(f"only some tests ran: {partly or 'not ' + ', '.join(absent)}")
    uncalled = sorted(called.names(sys.modules[module]) - called.CALLED - NOT_CALLED)
    assert uncalled == [], uncalled


def test_every_public_name_is_documented() -> None:
    for module in ("twinspire", *called.MODULES):
        bare = [full for full, _, _, found in called.public(sys.modules[module]) if not inspect.getdoc(found)]
        assert bare == []
