"""Towers in the store: a router needs them without any shard."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from twinspire._errors import CorruptError, NotFoundError
from twinspire._twinspire import Towers
from twinspire.ray._storage import Storage


def hash_of(towers: Towers) -> str:
    """The hash of towers, as heads name it."""
    return f"{towers.hash:016x}"


def store_towers(store: Storage, towers: Towers) -> str:
    """Store towers unless they are. Returns their hash."""
    named = hash_of(towers)
    if store.read(f"towers/{named}/complete") is not None:
        return named
    with TemporaryDirectory() as directory:
        path = Path(directory) / "towers"
        towers.save(path)
        for file in sorted(path.iterdir()):
            store.create(f"towers/{named}/{file.name}", file.read_bytes())
    store.create(f"towers/{named}/complete", b"")
    return named


def fetch_towers(store: Storage, named: str) -> Towers:
    """The towers of a hash."""
    if store.read(f"towers/{named}/complete") is None:
        raise NotFoundError(f"towers {named} are not in {store!r}; publish them again")
    with TemporaryDirectory() as directory:
        for name in store.names(f"towers/{named}"):
            data = store.read(f"towers/{named}/{name}")
            if name != "complete" and data is not None:
                (Path(directory) / name).write_bytes(data)
        towers = Towers.open(directory)
    if hash_of(towers) != named:
        raise CorruptError(f"towers/{named} in {store!r} have the hash {hash_of(towers)}; publish them again")
    return towers
