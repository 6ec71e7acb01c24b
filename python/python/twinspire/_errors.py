"""The exceptions of the package. Each has the whole message: what failed, the offending value, what to do."""

from __future__ import annotations


class Error(Exception):
    """The base of all exceptions of the package."""


class InvalidInputError(Error, ValueError):
    """The arguments are invalid. Change the call."""


class ItemError(InvalidInputError):
    """A record cannot be stored, or a call of many records is refused."""


class FeatureError(InvalidInputError):
    """A tower cannot embed a user or an item; names the feature."""


class VectorError(InvalidInputError):
    """A query vector or the vector of an item cannot be used."""


class FilterError(InvalidInputError):
    """A filter does not parse or does not fit the items; marks the place."""


class EnsembleError(InvalidInputError):
    """A recipe is invalid, or spaces cannot be fused."""


class PublishError(InvalidInputError):
    """Towers cannot be published, or do not seem to belong to the items."""


class TowersError(InvalidInputError):
    """A towers directory is invalid; names the file and the place in it."""


class ExportError(InvalidInputError):
    """A model cannot become towers; names the layer, the reason and what to do."""


class TrainError(InvalidInputError):
    """A training cannot run or fails; names the record, event or setting."""


class ReadError(InvalidInputError):
    """A file or a frame has a bad record; names file, line or row."""


class ReadOnlyError(InvalidInputError):
    """The database is open for reading only."""


class ClosedError(InvalidInputError):
    """The database or the pinned state is closed."""


class ForkedError(InvalidInputError):
    """This process is a fork of one that used the package."""


class NotFoundError(Error, KeyError):
    """The database, space, item or generation does not exist; the message lists what does."""

    def __str__(self) -> str:
        # A KeyError would show the message quoted.
        return Exception.__str__(self)


class CorruptError(Error):
    """A stored file is damaged; names file and section. See `Database.check` and `repair`."""


class UnsupportedError(Error):
    """A stored file is of a newer format. Use the release that wrote it, or a newer one."""


class LockedError(Error):
    """Another writer has the database open. Close it, or try again later."""


class ConflictError(Error):
    """Another commit came first. Run the operation again."""


class StorageError(Error, OSError):
    """The operating system refused, and nothing was changed."""


class UncertainError(Error):
    """A write failed midway, and its outcome is unknown. Reads continue; open the database again to write."""


class CancelledError(Error):
    """The call was cancelled; nothing has changed."""


class InternalError(Error):
    """Twinspire broke a rule of its own. Please report it."""


# Tracebacks name the place from which they are imported.
for _exception in (*globals().values(),):
    if isinstance(_exception, type) and issubclass(_exception, Error):
        _exception.__module__ = "twinspire"
