"""A cluster in an object store: `s3://bucket/prefix` and what else the client `obstore` speaks.

Credentials and settings come from the environment of each process, such as `AWS_ACCESS_KEY_ID`. They are never pickled,
and messages are cleaned of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from twinspire._errors import CorruptError, Error, InvalidInputError, NotFoundError, StorageError
from twinspire.ray import _import

_T = TypeVar("_T")

#: Schemes of addresses: what the client calls them.
SCHEMES = {"s3": "s3", "s3a": "s3", "gs": "gs", "az": "az", "azure": "az"}

#: Bytes that one request fetches.
PIECE = 4 << 20

#: Bytes of a part of an upload; S3 has at most 10,000 parts.
PART = 16 << 20

#: Files that are transferred at a time.
TRANSFERS = 4

#: The object that lists the files of a shard; it is stored last and deleted first.
LISTING = "files.json"

#: The name of the attribute that tells one attempt to create an object from another.
ATTEMPT = "attempt"


class _AbsentError(StorageError):
    """There is no object of a name."""


class ObjectStorage:
    """A bucket of an object store, and a prefix in it, such as ``s3://bucket/shop``.

    The store must know `If-None-Match: *` for PUT, as Amazon S3 does. S3 is tested; `gs` and `az` are those of the same
    client.

    Parameters
    ----------
    url : str
        ``s3://bucket/prefix``.

    Raises
    ------
    InvalidInputError
        The address has no bucket, an unknown scheme, or credentials in it.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self._clients: dict[bool, Any] = {}

    def __repr__(self) -> str:
        return f"ObjectStorage({self.url!r})"

    def __getstate__(self) -> dict[str, Any]:
        # Each process makes clients of its own, from its environment.
        return {"url": self.url}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.url, self._clients = state["url"], {}

    def read(self, name: str) -> bytes | None:
        """Read an object; None if it does not exist."""
        try:
            return self._asked("read", name, lambda client, at: bytes(_obstore().get(client, at).bytes()))
        except _AbsentError:
            return None

    def create(self, name: str, data: bytes) -> bool:
        """Create an object, durably. False if there is one of this name."""
        attempt = uuid.uuid4().hex
        attributes = {ATTEMPT: attempt}

        def put(client: Any, at: str) -> bool:
            try:
                _obstore().put(client, at, data, mode="create", attributes=attributes)
            except _obstore().exceptions.AlreadyExistsError:
                # The answer to a request may have been lost, and the request repeated: then the object is ours.
                return bool(_obstore().get(client, at).attributes.get(ATTEMPT) == attempt)
            return True

        return self._asked("created", name, put, slow=True)

    def names(self, prefix: str, after: str = "") -> list[str]:
        """The last parts of the names below a prefix that sort after `after`, sorted."""
        listed = self._asked("listed", prefix, lambda client, at: _paths(client, at, f"{at}/{after}" if after else ""))
        found = {path[len(prefix) + 1 :].partition("/")[0] for path in listed}
        return sorted(name for name in found if name > after)

    def delete(self, name: str) -> None:
        """Delete an object or all that is below a name, if there is any."""

        def delete(client: Any, at: str) -> None:
            below = _paths(client, at)
            listing = f"{at}/{LISTING}"
            if listing in below:
                # Who finds the list finds the files.
                _obstore().delete(client, listing)
            _obstore().delete(client, [path for path in below if path != listing] or [at])

        try:
            self._asked("deleted", name, delete, slow=True)
        except _AbsentError:
            return

    def push(self, directory: Path, prefix: str) -> str:
        """Store the files of a database that nothing writes, durably. Returns the name to fetch them by."""
        name = f"{prefix}/{uuid.uuid4().hex}"
        try:
            files = {path.relative_to(directory).as_posix(): path for path in _files(directory)}
            lengths = {file: path.stat().st_size for file, path in files.items()}
        except OSError as error:
            raise StorageError(f"{directory} cannot be read: {error}") from error

        def store(file: str) -> None:
            self._asked("stored", f"{name}/{file}", lambda client, at: _put(client, at, files[file]), slow=True)

        _each(store, files)
        if not self.create(f"{name}/{LISTING}", json.dumps({"files": lengths}).encode()):
            raise StorageError(f"{self.url}/{name}/{LISTING} exists already; push again")
        return name

    def fetch(self, name: str, directory: Path) -> None:
        """Fetch the files of a database into a directory that is absent."""
        listing = self.read(f"{name}/{LISTING}")
        if listing is None:
            raise NotFoundError(f"{self.url}/{name} is not stored; it was deleted as an epoch that nothing keeps")
        try:
            lengths = {str(file): int(length) for file, length in json.loads(listing)["files"].items()}
            if any(Path(file).is_absolute() or ".." in Path(file).parts for file in lengths):
                raise ValueError("it names files outside of the directory")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorruptError(f"{self.url}/{name}/{LISTING} is no list of files: {error}; publish again") from error

        def fetch(file: str) -> None:
            path = directory / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as target:
                for start in range(0, lengths[file], PIECE):
                    target.write(self._piece(f"{name}/{file}", start, min(PIECE, lengths[file] - start)))

        try:
            directory.mkdir(parents=True)
            _each(fetch, lengths)
        except (Error, OSError) as error:
            shutil.rmtree(directory, ignore_errors=True)
            if isinstance(error, Error):
                raise
            raise StorageError(f"{self.url}/{name} cannot be fetched into {directory}: {error}") from error

    def _piece(self, name: str, start: int, length: int) -> bytes:
        def get(client: Any, at: str) -> bytes:
            return bytes(_obstore().get_range(client, at, start=start, length=length))

        try:
            piece = self._asked("fetched", name, get, slow=True)
        except _AbsentError as error:
            reason = f"{self.url}/{name} is not stored; it was deleted as one of an epoch that nothing keeps"
            raise NotFoundError(reason) from error
        if len(piece) != length:
            raise StorageError(f"{self.url}/{name} ends at {start + len(piece)} bytes; publish again")
        return piece

    def _asked(self, done: str, name: str, ask: Callable[[Any, str], _T], *, slow: bool = False) -> _T:
        """What the store answers."""
        kind = StorageError
        try:
            return ask(self._client(slow), name)
        except Error:
            raise
        except Exception as error:
            said = message(error)
            if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in said:
                kind = _AbsentError
        # Outside of the handler: the error of the client may repeat what was signed, and is not to be chained.
        raise kind(f"{self.url}/{name} cannot be {done}: {said}")

    def _client(self, slow: bool) -> Any:
        """A client for transfers, or one for small reads, which soon gives up: who reads has an older state to go on
        with."""
        if slow not in self._clients:
            seconds, retries = (30, 5) if slow else (5, 2)
            self._clients[slow] = _obstore().store.from_url(
                self.url,
                # Options that are given replace those of the environment.
                client_options={
                    "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "yes", "on"),
                    "connect_timeout": timedelta(seconds=5 if slow else 2),
                    "timeout": timedelta(seconds=60 if slow else 10),
                },
                retry_config={
                    "max_retries": retries,
                    "retry_timeout": timedelta(seconds=seconds),
                    "backoff": {
                        "init_backoff": timedelta(milliseconds=100),
                        "max_backoff": timedelta(seconds=5),
                        "base": 2.0,
                    },
                },
            )
        return self._clients[slow]


def message(error: BaseException) -> str:
    """What an error of the client says, shortened and without credentials."""
    text, _, source = str(error).partition("\n\nDebug source")
    # A document that the server answered with repeats what was signed: only its code is shown.
    cut = re.search("[<{]", text)
    text, document = (text[: cut.start()], text[cut.start() :]) if cut else (text, "")
    # What stands before is the address, which the caller names.
    text = text.rpartition(" - ")[2].strip(" :\n")
    if code := re.search("<Code>([A-Za-z0-9]{1,64})</Code>", document):
        text += f" ({code[1]})"
    elif kind := re.search(r"HttpError \{\s*kind: ([A-Za-z]{1,64})", source):
        # Of a request without an answer: `Connect`, `Timeout` and the like.
        text += f" ({kind[1]})"
    for name, value in os.environ.items():
        if name.startswith(_OF_STORES) and any(part in name for part in _SECRET) and len(value) >= _SHORTEST:
            text = text.replace(value, "…")
    return text[:300]


#: Environment variables that clients of stores read, and parts of the names of those that are secret. Values that are
#: shorter are words of messages by chance.
_OF_STORES = ("AWS_", "AZURE_", "GOOGLE_")
_SECRET = ("KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL", "SAS", "SIGNATURE")
_SHORTEST = 6


def _checked(url: str) -> str:
    """An address as messages name it."""
    scheme, _, rest = url.partition("://")
    if any(mark in rest for mark in "@?#"):
        # What stands before an `@` and behind a `?` may be secret.
        shown = f"{scheme}://…@{rest.rpartition('@')[2]}" if "@" in rest else url
        shown = re.split("[?#]", shown)[0]
        reason = "has credentials or parameters; set those in the environment, such as AWS_ACCESS_KEY_ID"
        raise InvalidInputError(f"the address {shown!r} {reason}")
    if scheme not in SCHEMES:
        raise InvalidInputError(
            f"the address {url!r} has no store {scheme!r}; there are s3, gs, az, file and plain paths"
        )
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    if not bucket:
        raise InvalidInputError(f"the address {url!r} has no bucket; give {scheme}://bucket/prefix")
    if prefix and any(part in ("", ".", "..") for part in prefix.split("/")):
        raise InvalidInputError(f"the prefix of {url!r} has empty or relative parts; give {scheme}://bucket/prefix")
    return f"{SCHEMES[scheme]}://{bucket}" + (f"/{prefix}" if prefix else "")


def _obstore() -> Any:
    return _import.obstore()


def _paths(client: Any, prefix: str, offset: str = "") -> list[str]:
    """The names below a prefix that sort after an offset."""
    chunks = _obstore().list(client, prefix=prefix, offset=offset or None)
    return [str(meta["path"]) for chunk in chunks for meta in chunk]


def _put(client: Any, name: str, path: Path) -> None:
    _obstore().put(client, name, path, chunk_size=PART, max_concurrency=TRANSFERS)


def _files(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            yield path


def _each(transfer: Callable[[str], None], files: Iterable[str]) -> None:
    """Transfer several files at a time. The first error ends it."""
    with ThreadPoolExecutor(TRANSFERS) as threads:
        running = [threads.submit(transfer, file) for file in files]
        try:
            for one in running:
                one.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
