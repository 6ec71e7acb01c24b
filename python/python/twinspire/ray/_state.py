"""What a router knows of an epoch: its head and its towers."""

from __future__ import annotations

from collections.abc import Mapping

from twinspire._errors import NotFoundError
from twinspire._twinspire import Ensemble, Towers
from twinspire.ray._head import Head, epochs, read_head
from twinspire.ray._storage import Storage
from twinspire.ray._towers import fetch_towers


class ClusterState:
    """An epoch as a router reads it."""

    def __init__(self, head: Head, towers: Mapping[str, Towers]) -> None:
        self.head, self.towers = head, towers
        self.ensembles = {name: Ensemble(recipe) for name, recipe in head.ensembles.items()}

    def spaces_of(self, name: str) -> tuple[list[str], list[str]]:
        """The spaces of a space or an ensemble: those of vectors, and lexical ones."""
        ensemble = self.ensembles.get(name)
        named = ensemble.spaces if ensemble is not None else [name]
        for space in named:
            if space not in self.towers and space not in self.head.fused and space not in self.head.lexical:
                known = sorted([*self.towers, *self.head.fused, *self.head.lexical, *self.ensembles])
                have = f"there is {', '.join(known)}"
                raise NotFoundError(f"epoch {self.head.epoch} has no space or ensemble {space!r}; {have}")
        lexical = [space for space in named if space in self.head.lexical]
        return [space for space in named if space not in lexical], lexical

    def members(self, space: str) -> list[str]:
        """The spaces whose towers embed users for a space: its own, or those of a fused space by name."""
        return sorted(self.head.fused[space]) if space in self.head.fused else [space]


class States:
    """The newest epochs of a store, newest first; at most two. `refresh` looks for a newer one."""

    def __init__(self, store: Storage, kept: int = 2) -> None:
        self.store, self.kept = store, kept
        self.all: list[ClusterState] = []
        self._towers: dict[str, Towers] = {}

    def refresh(self) -> None:
        """Read heads that are new."""
        newest = epochs(self.store)[-self.kept :]
        if newest == sorted(state.head.epoch for state in self.all):
            return
        known = {state.head.epoch: state for state in self.all}
        states = [known.get(epoch) or self._state(epoch) for epoch in reversed(newest)]
        self.all = states
        used = {hash for state in states for hash in state.head.towers.values()}
        self._towers = {hash: towers for hash, towers in self._towers.items() if hash in used}

    def _state(self, epoch: int) -> ClusterState:
        head = read_head(self.store, epoch)
        for hash in head.towers.values():
            if hash not in self._towers:
                self._towers[hash] = fetch_towers(self.store, hash)
        return ClusterState(head, {space: self._towers[hash] for space, hash in head.towers.items()})
