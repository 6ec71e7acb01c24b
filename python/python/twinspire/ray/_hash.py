"""Which shard an item belongs to."""

from __future__ import annotations

from hashlib import sha256


def shard_of(id: str, shards: int) -> int:
    """The shard of an item: the first 8 bytes of the SHA-256 of its id in UTF-8, as a big-endian number, modulo
    `shards`.

    Any language can compute it. The function never changes: items stay where they are.

    Parameters
    ----------
    id : str
    shards : int

    Returns
    -------
    int
        From 0.

    Examples
    --------
    >>> [shard_of(id, 4) for id in ("B01", "B02", "B07")]
    [0, 1, 3]
    """
    if shards < 1:
        raise ValueError(f"{shards} shards; there are 1 or more")
    return int.from_bytes(sha256(id.encode()).digest()[:8], "big") % shards


def by_shard(ids: list[str], shards: int) -> dict[int, list[str]]:
    """The ids of each shard that has one of these, in their order."""
    each: dict[int, list[str]] = {}
    for id in ids:
        each.setdefault(shard_of(id, shards), []).append(id)
    return each
