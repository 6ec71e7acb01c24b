"""A file that appears whole under its name, or not at all."""

from __future__ import annotations

import os
from pathlib import Path


class AtomicFile:
    """A temporary file beside its target, which `commit` replaces."""

    def __init__(self, path: os.PathLike[str] | str) -> None:
        self._target = Path(os.path.realpath(path))
        self._path = self._target.with_name(f"{self._target.name}.{os.getpid()}.next")
        self._file = open(self._path, "x", encoding="utf-8", newline="\n")

    def write(self, text: str) -> None:
        """Append text."""
        self._file.write(text)

    def commit(self) -> None:
        """Sync the file and rename it over the target."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._path, self._target)

    def discard(self) -> None:
        """Remove the file; the target stays as it was."""
        self._file.close()
        self._path.unlink(missing_ok=True)
