"""The exceptions of a cluster. They can be pickled, so that they reach the caller from any process."""

from __future__ import annotations

from twinspire._errors import Error


class ShardError(Error):
    """A shard cannot answer; `shard` is its number. Ask again, or accept partial answers."""

    def __init__(self, message: str, shard: int) -> None:
        super().__init__(message, shard)
        self.shard = shard

    def __str__(self) -> str:
        return str(self.args[0])


class OverloadedError(Error):
    """A queue is full. Nothing was done; ask again later, or add replicas."""


class EpochAbsentError(Error):
    """A replica does not serve an epoch yet, and fetches it. The router asks for the epoch before."""


class TimedOutError(Error):
    """No answer came in time. A write may have been stored: writing it again does no harm."""
