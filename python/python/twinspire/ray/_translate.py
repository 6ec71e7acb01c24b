"""Exceptions of Ray as those of the package."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from twinspire._errors import Error
from twinspire.ray import _import
from twinspire.ray._errors import OverloadedError


#: Replicas that are tried for one call.
ATTEMPTS = 4


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


async def call_some(method: Any, *arguments: Any) -> Any:
    """Call some replica; where one dies, another. Raises the exception of the last one that died."""
    problem: Exception | None = None
    for attempt in range(ATTEMPTS):
        try:
            return result_of(await method.remote(*arguments))
        except Exception as error:
            known = translated(error)
            if known is not None:
                raise known from error
            problem = error
        await asyncio.sleep(0.05 * attempt)
    raise problem if problem is not None else RuntimeError("no attempt")


def translated(error: BaseException) -> BaseException | None:
    """The exception that a caller gets for one of Ray; None where another replica may do better."""
    ray, engine = _import.ray(), _import.serve()
    if isinstance(error, Error):
        return error
    if isinstance(error, engine.exceptions.BackPressureError):
        return OverloadedError("a queue is full; ask again later, or add replicas")
    if isinstance(error, ray.exceptions.RayTaskError):
        # A router whose shard or writer has died: the next one may do better.
        if isinstance(error.cause, ray.exceptions.RayError):
            return None
        return error.cause if isinstance(error.cause, Exception) else error
    if isinstance(error, (TypeError, ValueError)):
        return error
    return None
