"""A small shop: items by id, towers that compare prices, vectors from elsewhere. A bucket."""

from __future__ import annotations

import importlib.util
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import called
import s3_server
import twinspire
from twinspire.ray import Storage, storage

# Before the tests are imported.
called.record_all()

# TensorFlow and PyTorch crash in one process: with both, the tests of Keras run by themselves, when named.
collect_ignore = ["test_export_keras.py"] if importlib.util.find_spec("torch") else []


def pytest_configure(config: pytest.Config) -> None:
    config.stash[called.PARTLY] = ", ".join(argument for argument in config.args if "::" in argument)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        item.config.stash[called.PARTLY] = f"{item.name} and others were deselected"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for name in called.EXPORTERS:
        if name in sys.modules:
            called.record(sys.modules[name])
    # The tests of what was called come last.
    last = ("test_every_public_name_is_called",)
    items.sort(key=lambda item: (item.name.startswith(last), item.get_closest_marker("beside") is not None))


#: One at a time, so that other tests are not starved.
BESIDE = ThreadPoolExecutor(1)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tests that only wait for processes of their own begin now, and wait beside the others: they are last."""
    for item in session.items:
        if item.get_closest_marker("beside") and not session.config.option.collectonly:
            assert isinstance(item, pytest.Function)
            item.obj = _begun(item.obj, item.callspec.params if hasattr(item, "callspec") else {})


def _begun(test: Callable[..., None], parameters: dict[str, Any]) -> Callable[..., None]:
    running = BESIDE.submit(test, **parameters)
    return lambda **_: running.result()


def write_price_towers(directory: Path) -> Path:
    """Towers of one component: the price."""
    number = {"kind": "number", "field": "price", "mean": 0.0, "deviation": 1.0}
    tower = {"features": [number], "layers": []}
    described = {"format": 1, "name": "price", "dimension": 1, "metric": "l2", "user": tower, "item": tower}
    directory.mkdir(parents=True)
    (directory / "tower.json").write_text(json.dumps(described))
    return directory


@pytest.fixture
def price_towers(tmp_path: Path) -> Path:
    return write_price_towers(tmp_path / "models" / "price")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.twin"


@pytest.fixture
def empty(path: Path) -> Iterator[twinspire.Database]:
    with twinspire.open(path) as db:
        yield db


@pytest.fixture
def db(empty: twinspire.Database, price_towers: Path) -> twinspire.Database:
    """Two items, the space `by-price` with towers and the space `clip` with vectors."""
    empty.items.put_many([{"id": "B01", "price": 10}, {"id": "B02", "price": 20}])
    empty.publish("by-price", price_towers)
    empty.publish_vectors("clip", ["B01", "B02"], [[1.0, 0.0], [0.6, 0.8]])
    return empty


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str] | None]:
    """The environment variables for a server that speaks S3; None if there is none."""
    python = s3_server.python_with_moto()
    if python is None:
        yield None
        return
    with s3_server.running(python) as variables:
        yield variables


@pytest.fixture
def bucket(s3: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty prefix of the bucket of a server on this machine."""
    if s3 is None:
        pytest.skip("moto is not installed: pip install 'moto[server]'")
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty store of a cluster: in a directory, or as `STORES` says."""
    if getattr(request, "param", "directory") == "directory":
        return storage(tmp_path / "store")
    pytest.importorskip("obstore", reason="obstore is not installed")
    return storage(request.getfixturevalue("bucket"))


#: For tests of all kinds of stores; others take a directory.
STORES = pytest.mark.parametrize("empty_store", ["directory", "s3"], indirect=True)
