"""Exceptions of Ray as those of the package."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from twinspire._errors import Error
from twinspire.ray import _import
from twinspire.ray._errors import OverloadedError


@dataclass(frozen=True)
class Failed:
    """An exception as a result: Serve takes an exception for a broken replica, and logs it with its traceback."""

    error: Exception


async def outcome(call: Awaitable[Any]) -> Any:
    """The result of a call, or the exception that its caller is to get."""
    try:
        return await call
    except (Error, TypeError, ValueError) as error:
        return Failed(error)


def result_of(result: Any) -> Any:
    """The result of a call; raises the exception that it is."""
    if isinstance(result, Failed):
        raise result.error
    return result


def translated(error: BaseException) -> BaseException | None:
    """The exception that a caller gets for one of Ray; None where another replica may do better."""
    ray, engine = _import.ray(), _import.serve()
    if isinstance(error, Error):
        return error
    if isinstance(error, engine.exceptions.BackPressureError):
        return OverloadedError("a queue is full; ask again later, or add replicas")
    if isinstance(error, ray.exceptions.RayTaskError):
        return error.cause if isinstance(error.cause, Exception) else error
    if isinstance(error, (TypeError, ValueError)):
        return error
    return None
