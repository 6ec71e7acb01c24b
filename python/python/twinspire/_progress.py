"""Progress of long calls: a bar on standard error, or a callback."""

from __future__ import annotations

import sys
import time
from typing import Callable, Literal, Protocol, TextIO, Union

from twinspire._records import Progress

ProgressCallback = Callable[[Progress], Union[bool, Literal["keep_best"], None]]
"""Called with the progress. False cancels the call; "keep_best" ends a training with the best epoch so far."""

_WIDTH = 30


class _Listener(Protocol):
    def __call__(self, progress: Progress, /) -> bool | Literal["keep_best"] | None: ...


def listener(progress: bool | ProgressCallback | None) -> _Listener | None:
    """Return whom to tell: nobody, a bar, or the callback."""
    if progress is None or progress is False:
        return None
    if progress is True:
        return Bar(sys.stderr)
    if callable(progress):
        return progress
    raise TypeError(f"argument 'progress': a boolean or a callable expected, found {type(progress).__name__}")


class Bar:
    """A line that shows stage, share and rate.

    >>> import io
    >>> out = io.StringIO()
    >>> bar = Bar(out)
    >>> bar(Progress("embedding", 50, 100, None))
    >>> bar.close()
    >>> "embedding" in out.getvalue() and "50%" in out.getvalue()
    True
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._stage = ""
        self._began = time.monotonic()
        self._length = 0

    def __call__(self, progress: Progress, /) -> None:
        """Draw the line again."""
        if progress.stage != self._stage:
            self._end_line()
            self._stage, self._began = progress.stage, time.monotonic()
        rate = progress.done / max(time.monotonic() - self._began, 1e-9)
        line = f"{progress.stage:<12}"
        if progress.total:
            share = min(progress.done / progress.total, 1.0)
            done = round(share * _WIDTH)
            line += f" [{'#' * done}{'.' * (_WIDTH - done)}] {share:4.0%} of {progress.total:,}"
        else:
            line += f" {progress.done:,}"
        line += f", {rate:,.0f}/s"
        if progress.loss is not None:
            line += f", loss {progress.loss:.4f}"
        self._out.write("\r" + line.ljust(self._length))
        self._out.flush()
        self._length = len(line)

    def close(self) -> None:
        """End the line."""
        self._end_line()

    def _end_line(self) -> None:
        if self._length:
            self._out.write("\n")
            self._out.flush()
        self._length = 0
