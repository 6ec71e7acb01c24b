"""Ray and a client of object stores, imported when they are needed: hash, router and storage do without."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from twinspire._errors import UnsupportedError


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise UnsupportedError(f"{name} cannot be imported: {error}; run `pip install 'twinspire[ray]'`") from error


def ray() -> Any:
    """The module `ray`."""
    return _module("ray")


def data() -> Any:
    """The module `ray.data`."""
    return _module("ray.data")


def serve() -> Any:
    """The module `ray.serve`."""
    return _module("ray.serve")


def arrow() -> Any:
    """The module `pyarrow`."""
    return _module("pyarrow")


def obstore() -> Any:
    """The module `obstore`."""
    return _module("obstore")
