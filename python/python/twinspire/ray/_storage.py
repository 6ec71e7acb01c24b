"""Where a cluster is kept: objects that are created once, and the files of each shard's epochs.

`LocalStorage` is a directory that all machines mount, `ObjectStorage` a bucket. `storage` makes them of a path or an
address. Another store is a class with the methods of `Storage` that can be pickled.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import Protocol, Union

from twinspire._errors import InvalidInputError, NotFoundError, StorageError
from twinspire.ray._object_storage import ObjectStorage


class Storage(Protocol):
    """A store of objects. Names have `/` between their parts."""

    def read(self, name: str) -> bytes | None:
        """Read an object; None if it does not exist."""

    def create(self, name: str, data: bytes) -> bool:
        """Create an object, durably. False if there is one of this name; then it stays as it is."""

    def names(self, prefix: str, after: str = "") -> list[str]:
        """The last parts of the names below a prefix that sort after `after`, sorted."""

    def delete(self, name: str) -> None:
        """Delete an object or all that is below a name, if there is any."""

    def push(self, directory: Path, prefix: str) -> str:
        """Store the files of a database that nothing writes, durably. Returns the name to fetch them by."""

    def fetch(self, name: str, directory: Path) -> None:
        """Fetch the files of a database into a directory that is absent."""


class LocalStorage:
    """A directory, which may be on a network file system that has hard links."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).absolute()

    def __repr__(self) -> str:
        return f"LocalStorage({str(self.root)!r})"

    def read(self, name: str) -> bytes | None:
        """Read an object; None if it does not exist."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self.root / name} cannot be read: {error}") from error

    def create(self, name: str, data: bytes) -> bool:
        """Create an object, durably. False if there is one of this name."""
        path = self.root / name
        next_to = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with next_to.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                # A link to a name that exists is refused: the one step that decides between two.
                os.link(next_to, path)
            except FileExistsError:
                return False
            finally:
                next_to.unlink()
            _sync_directory(path.parent)
        except OSError as error:
            raise StorageError(f"{path} cannot be created: {error}") from error
        return True

    def names(self, prefix: str, after: str = "") -> list[str]:
        """The last parts of the names below a prefix that sort after `after`, sorted."""
        try:
            found = os.listdir(self.root / prefix)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"{self.root / prefix} cannot be listed: {error}") from error
        return sorted(name for name in found if name > after and not name.startswith("."))

    def delete(self, name: str) -> None:
        """Delete an object or all that is below a name, if there is any."""
        path = self.root / name
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{path} cannot be deleted: {error}") from error

    def push(self, directory: Path, prefix: str) -> str:
        """Store the files of a database that nothing writes, durably. Returns the name to fetch them by."""
        name = f"{prefix}/{uuid.uuid4().hex}"
        try:
            _copy(directory, self.root / name)
        except OSError as error:
            raise StorageError(f"{directory} cannot be stored as {self.root / name}: {error}") from error
        return name

    def fetch(self, name: str, directory: Path) -> None:
        """Fetch the files of a database into a directory that is absent."""
        if not (self.root / name).is_dir():
            raise NotFoundError(f"{self.root / name} is not stored; it was deleted as an epoch that nothing keeps")
        try:
            _copy(self.root / name, directory)
        except OSError as error:
            raise StorageError(f"{self.root / name} cannot be fetched: {error}") from error


def storage(store: str | os.PathLike[str] | Storage) -> Storage:
    """A store: itself, that of an address such as ``s3://bucket/shop``, or that in a directory."""
    if not isinstance(store, (str, os.PathLike)):
        return store
    path = os.fspath(store)
    if not isinstance(store, str) or "://" not in path:
        return LocalStorage(path)
    if path.startswith("file:///"):
        return LocalStorage(path[len("file://") :])
    if path.startswith("file://"):
        raise InvalidInputError(f"the address {path!r} names a host; give file:///path")
    return ObjectStorage(path)


Store = Union[str, "os.PathLike[str]", Storage]


def _copy(source: Path, target: Path) -> None:
    """Copy a tree, durably."""
    target.mkdir(parents=True)
    for name in sorted(os.listdir(source)):
        one, other = source / name, target / name
        if one.is_dir():
            _copy(one, other)
        else:
            shutil.copyfile(one, other)
            _sync_file(other)
    _sync_directory(target)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
