"""Values of records that are no plain JSON: each becomes what a column of its type in a file becomes."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Mapping
from typing import Any

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND = dt.timedelta(microseconds=1)


def plain(value: Any) -> Any:
    """Return a value that JSON has, or raise TypeError.

    Dates and times are seconds since 1970 (without a zone UTC), times of day seconds since midnight, durations seconds;
    each an integer where nothing is lost. Decimals are integers within 64 bits, longer ones text; with a
    fraction the nearest float. Bytes are UTF-8 text.

    >>> import datetime
    >>> plain(datetime.date(1970, 1, 2)), plain(b"red"), plain(datetime.timedelta(milliseconds=1500))
    (86400, 'red', 1.5)
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8")
    if isinstance(value, dt.datetime):
        if value != value:  # pandas.NaT
            return None
        if hasattr(value, "nanosecond"):  # pandas.Timestamp
            return _of_pandas(value)
        aware = value if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)
        return _seconds(aware - _EPOCH)
    if isinstance(value, dt.date):
        return (value - _EPOCH.date()).days * 86_400
    if isinstance(value, dt.time):
        parts = dt.timedelta(
            hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
        )
        return _seconds(parts)
    if isinstance(value, dt.timedelta):
        if hasattr(value, "nanoseconds"):  # pandas.Timedelta
            return _of_pandas(value)
        return _seconds(value)
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            return None
        if value != value.to_integral_value():
            return float(value)
        whole = int(value)
        return whole if -(2**63) <= whole < 2**64 else str(whole)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    module = type(value).__module__.partition(".")[0]
    if module == "numpy":
        return _numpy(value)
    if module == "pandas" and type(value).__name__ in ("NAType", "NaTType"):
        return None
    raise TypeError(f"a value of type {type(value).__name__} cannot be stored; convert it")


def _seconds(duration: dt.timedelta) -> int | float:
    return _fraction(duration // _MICROSECOND, 1_000_000)


def _fraction(units: int, units_per_second: int) -> int | float:
    """Seconds as columns of files have them: whole ones and the rest apart, so that no digit is lost."""
    whole, rest = divmod(abs(units), units_per_second)
    seconds = whole if rest == 0 else whole + rest / units_per_second
    return -seconds if units < 0 else seconds


def _of_pandas(value: Any) -> int | float:
    return _fraction(value.value, 1_000_000_000)


def _numpy(value: Any) -> Any:
    if value.dtype.kind == "f" and value.dtype.itemsize < 8:
        # A 32-bit float by its own digits: 0.1, not 0.10000000149.
        return value.astype("float32").astype("U32").astype("float64").tolist()
    if value.dtype.kind not in "mM":
        return value.tolist()
    # Nanoseconds: datetime64 and timedelta64 of other units become integers of their own unit.
    if value.ndim:
        return [_numpy(one) for one in value]
    import numpy as np

    if np.isnat(value):
        return None
    return _fraction(int(value.astype(f"{value.dtype.kind}8[ns]").astype("int64")), 1_000_000_000)
