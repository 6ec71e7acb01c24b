"""Which public names of the package were called: functions and methods that returned, properties that were read, records
and modules that were made, exceptions that were raised.

The names are wrapped before the tests import them. What they return and raise is the same.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import twinspire
import twinspire.export

CALLED: set[str] = set()

#: Of a run of some tests alone: how they were chosen. Empty otherwise.
PARTLY = pytest.StashKey[str]()

#: Modules of the public API, beside `twinspire` itself.
MODULES = ("twinspire.train", "twinspire.export")

#: They need their framework. Their tests run where it is installed.
EXPORTERS = (
    "twinspire.ray",
    "twinspire.export.keras",
    "twinspire.export.rechub",
    "twinspire.export.torch",
)


def public(module: ModuleType) -> Iterator[tuple[str, Any, str, Any]]:
    """Every public function, class and member of a class: its full name, its owner, its name in there, and itself.

    A class of the native part is made by methods alone, and so is not listed without its members.
    """
    for name in module.__all__:
        found = getattr(module, name)
        full = f"{module.__name__}.{name}"
        # A protocol has no methods of its own.
        if getattr(found, "_is_protocol", False):
            continue
        if not inspect.isclass(found):
            if callable(found):
                yield full, module, name, found
            continue
        if "__init__" in vars(found) or issubclass(found, Exception):
            yield full, found, "__init__", found.__init__
        for member, value in vars(found).items():
            if not member.startswith("_") and (callable(value) or hasattr(value, "__get__")):
                yield f"{full}.{member}", found, member, value


def names(module: ModuleType) -> set[str]:
    return {full for full, *_ in public(module)}


def record(module: ModuleType) -> None:
    """Note calls of the public names of a module from now on."""
    for full, owner, name, found in list(public(module)):
        if inspect.isclass(owner) and issubclass(owner, Exception):
            continue
        if inspect.isclass(owner) and name != "__init__":
            setattr(owner, name, _Member(full, found))
        else:
            setattr(owner, name, _noting(full, found))


def record_all() -> None:
    """Note calls of all that is imported by now."""
    for name in ("twinspire", *MODULES):
        record(sys.modules[name])
    setattr(twinspire.Error, "__init__", _raised)


def _raised(self: twinspire.Error, *arguments: Any) -> None:
    """An exception is one of its bases too."""
    Exception.__init__(self, *arguments)
    bases = [base for base in type(self).__mro__ if issubclass(base, twinspire.Error)]
    CALLED.update(f"{package}.{base.__name__}" for base in bases for package in ("twinspire", "twinspire.ray"))


def _noting(full: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        result = function(*arguments, **named)
        CALLED.add(full)
        return result

    return call


class _Member:
    """A method or a property of a class."""

    def __init__(self, full: str, inner: Any) -> None:
        self.full, self.inner, self.__doc__ = full, inner, inner.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        found = self.inner.__get__(instance, owner)
        if callable(found) and found is not self.inner:
            return _noting(self.full, found)
        if instance is not None:
            CALLED.add(self.full)
        return found
