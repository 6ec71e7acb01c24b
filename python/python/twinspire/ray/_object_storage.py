"""A cluster in an object store: `s3://bucket/prefix`, or another store of the client `obstore`.

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

#: Schemes of addresses, and their names in the client.
SCHEMES = {"s3": "s3", "s3a": "s3", "gs": "gs", "az": "az", "azure": "az"}

#: Bytes of one request of a download.
FETCH_BYTES = 4 << 20

#: Bytes of a part of an upload; S3 has at most 10,000 parts.
PART = 16 << 20

#: Files that are transferred at a time.
TRANSFERS = 4

#: The object that lists the files of a shard; it is stored last and deleted first.
LISTING = "files.json"

#: The name of the attribute that tells one attempt to create an object from another.
ATTEMPT = "attempt"


class _AbsentError(StorageError):
    """No object has the name."""


class ObjectStorage:
    """A bucket of an object store, and a prefix in it, such as ``s3://bucket/shop``.

    The store must support `If-None-Match: *` for PUT, as Amazon S3 does. S3 is tested; `gs` and `az` of the same client
    are not.

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
            return self._request("read", name, lambda client, at: bytes(_obstore().get(client, at).bytes()))
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
                # The client repeats a request whose response was lost: then the object is the one of this call.
                return bool(_obstore().get(client, at).attributes.get(ATTEMPT) == attempt)
            return True

        return self._request("created", name, put, slow=True)

    def names(self, prefix: str, after: str = "") -> list[str]:
        """The last parts of the names below a prefix that sort after `after`, sorted."""
        def list_paths(client: Any, at: str) -> list[str]:
            return _paths(client, at, f"{at}/{after}" if after else "")

        listed = self._request("listed", prefix, list_paths)
        found = {path[len(prefix) + 1 :].partition("/")[0] for path in listed}
        return sorted(name for name in found if name > after)

    def delete(self, name: str) -> None:
        """Delete an object, or all objects below a name. Objects that do not exist are no error."""
        below = self._request("listed", name, _paths, slow=True)
        listing = f"{name}/{LISTING}"
        if listing in below:
            # A reader that finds the list finds the files.
            self._delete([listing])
        self._delete([path for path in below if path != listing] or [name])

    def _delete(self, names: list[str]) -> None:
        """Delete objects with as few requests as possible; singly where some were deleted by others meanwhile."""
        try:
            self._request("deleted", names[0], lambda client, at: _obstore().delete(client, names), slow=True)
        except _AbsentError:
            for name in names if len(names) > 1 else ():
                self._delete([name])

    def push(self, directory: Path, prefix: str) -> str:
        """Store the files of a database without a writer, durably. Returns the name to fetch them by."""
        name = f"{prefix}/{uuid.uuid4().hex}"
        try:
            files = {path.relative_to(directory).as_posix(): path for path in _files(directory)}
            lengths = {file: path.stat().st_size for file, path in files.items()}
        except OSError as error:
            raise StorageError(f"{directory} cannot be read: {error}") from error

        def store(file: str) -> None:
            self._request("stored", f"{name}/{file}", lambda client, at: _put(client, at, files[file]), slow=True)

        _each(store, files)
        if not self.create(f"{name}/{LISTING}", json.dumps({"files": lengths}).encode()):
            raise StorageError(f"{self.url}/{name}/{LISTING} exists already; push again")
        return name

    def fetch(self, name: str, directory: Path) -> None:
        """Fetch the files of a database into a directory that does not exist yet."""
        listing = self.read(f"{name}/{LISTING}")
        if listing is None:
            raise NotFoundError(f"{self.url}/{name} is not stored; no kept epoch names it, so it was deleted")
        try:
            lengths = {str(file): int(length) for file, length in json.loads(listing)["files"].items()}
            if any(Path(file).is_absolute() or ".." in Path(file).parts for file in lengths):
                raise ValueError("a path leads out of the directory")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorruptError(f"{self.url}/{name}/{LISTING} is no list of files: {error}; publish again") from error
        try:
            # Before the handler below, which removes the directory: another may own one that exists.
            directory.mkdir(parents=True)
        except OSError as error:
            raise StorageError(f"{self.url}/{name} cannot be fetched into {directory}: {error}") from error

        def fetch(file: str) -> None:
            path = directory / file
            path.parent.mkdir(parents=True, exist_ok=True)
            # Not synced: `restore` verifies and copies the files durably, and this directory is removed.
            with path.open("wb") as target:
                for start in range(0, lengths[file], FETCH_BYTES):
                    target.write(self._fetch_range(f"{name}/{file}", start, min(FETCH_BYTES, lengths[file] - start)))

        try:
            _each(fetch, lengths)
        except (Error, OSError) as error:
            shutil.rmtree(directory, ignore_errors=True)
            if isinstance(error, Error):
                raise
            raise StorageError(f"{self.url}/{name} cannot be fetched into {directory}: {error}") from error

    def _fetch_range(self, name: str, start: int, length: int) -> bytes:
        """Fetch bytes of an object."""

        def get(client: Any, at: str) -> bytes:
            return bytes(_obstore().get_range(client, at, start=start, length=length))

        try:
            data = self._request("fetched", name, get, slow=True)
        except _AbsentError as error:
            reason = f"{self.url}/{name} is not stored; no kept epoch names it, so it was deleted"
            raise NotFoundError(reason) from error
        if len(data) != length:
            raise StorageError(f"{self.url}/{name} ends at {start + len(data)} bytes; publish again")
        return data

    def _request(self, done: str, name: str, call: Callable[[Any, str], _T], *, slow: bool = False) -> _T:
        """Call the client. Its errors become those of Twinspire, without credentials."""
        kind = StorageError
        try:
            return call(self._client(slow), name)
        except Error:
            raise
        except Exception as error:
            reason = message(error)
            if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in reason:
                kind = _AbsentError
        # Outside of the handler, so that the client's error is not chained: it may repeat what was signed.
        raise kind(f"{self.url}/{name} cannot be {done}: {reason}")

    def _client(self, slow: bool) -> Any:
        """A client for transfers (`slow`), or one for small reads, which gives up soon: a reader goes on with an older
        state."""
        if slow not in self._clients:
            seconds, retries = (30, 5) if slow else (5, 2)
            self._clients[slow] = _obstore().store.from_url(
                self.url,
                # These options replace those of the environment.
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
    """The message of a client's error, shortened and without credentials."""
    text, _, source = str(error).partition("\n\nDebug source")
    # An error document of the server repeats what was signed: only its code is shown.
    cut = re.search("[<{]", text)
    text, document = (text[: cut.start()], text[cut.start() :]) if cut else (text, "")
    # The address comes first, and the caller names it already.
    text = text.rpartition(" - ")[2].strip(" :\n")
    if code := re.search("<Code>([A-Za-z0-9]{1,64})</Code>", document):
        text += f" ({code[1]})"
    elif kind := re.search(r"HttpError \{\s*kind: ([A-Za-z]{1,64})", source):
        # The request had no response: `Connect`, `Timeout` and the like.
        text += f" ({kind[1]})"
    for name, value in os.environ.items():
        if name.startswith(_STORE_PREFIXES) and any(part in name for part in _SECRET) and len(value) >= _MIN_SECRET:
            text = text.replace(value, "…")
    return text[:300]


#: Prefixes of environment variables that clients of stores read.
_STORE_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_")
#: Parts of the names of secret variables.
_SECRET = ("KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL", "SAS", "SIGNATURE")
#: Length of the shortest secret. Shorter values may occur in a message by chance.
_MIN_SECRET = 6


def _checked(url: str) -> str:
    """Check an address, and write it as messages name it."""
    scheme, _, rest = url.partition("://")
    if any(mark in rest for mark in "@?#"):
        # The text before an `@` and after a `?` may be secret.
        shown = f"{scheme}://…@{rest.rpartition('@')[2]}" if "@" in rest else url
        shown = re.split("[?#]", shown)[0]
        reason = "has credentials or parameters; set those in the environment, such as AWS_ACCESS_KEY_ID"
        raise InvalidInputError(f"the address {shown!r} {reason}")
    if scheme not in SCHEMES:
        raise InvalidInputError(
            f"the address {url!r} has the unknown scheme {scheme!r}; give s3, gs, az, file or a plain path"
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
