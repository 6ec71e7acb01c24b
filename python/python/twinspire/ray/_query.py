"""Query vectors of a request, made once in the router: from user features, from given vectors, from the vector of an
item."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from twinspire._errors import InvalidInputError, NotFoundError, UnsupportedError
from twinspire.ray._state import ClusterState

#: Looks up the vectors of items in a space.
Lookup = Callable[[str, list[str]], Awaitable[dict[str, npt.NDArray[np.float32]]]]


@dataclass(frozen=True)
class Query:
    """What a recall searches for, as the caller gave it."""

    user: Mapping[str, Any] | None = None
    vector: npt.ArrayLike | None = None
    similar: str | None = None
    users_in: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    vectors_in: Mapping[str, npt.ArrayLike] = field(default_factory=dict)
    text: str | None = None
    check_features: str = "described"


@dataclass(frozen=True)
class Inputs:
    """What every shard searches for."""

    options: dict[str, Any]
    """Keywords of `Database.top_of_shard`."""
    excluded: list[str] = field(default_factory=list)
    """The item that the query is made from."""


async def vectors_of_query(lookup: Lookup, state: ClusterState, name: str, query: Query) -> Inputs:
    """The query vector in each space of a space or an ensemble, and the text for its lexical spaces."""
    if sum(one is not None for one in (query.user, query.vector, query.similar)) > 1:
        raise InvalidInputError("a recall has one of `user`, `vector` and `similar`; leave the others out")
    vector_spaces, lexical = state.spaces_of(name)
    options: dict[str, Any] = {}
    prepared: dict[str, npt.NDArray[np.float32]] = {}
    for space in vector_spaces:
        if space in query.vectors_in:
            options.setdefault("vectors_in", {})[space] = query.vectors_in[space]
        elif space in query.users_in:
            prepared[space] = await _of_user(lookup, state, space, query.users_in[space], query, [], [])
        elif query.vector is not None:
            options["vector"] = query.vector
        elif query.similar is not None:
            found = await lookup(space, [query.similar])
            if query.similar not in found:
                raise NotFoundError(
                    f"item {query.similar!r} does not exist, or has no vector in {space!r}; check the id"
                )
            prepared[space] = found[query.similar]
        elif query.user is not None:
            texts = [state.head.lexical[one].get("query", "query") for one in lexical]
            prepared[space] = await _of_user(lookup, state, space, query.user, query, vector_spaces, texts)
        else:
            raise InvalidInputError("the recall has no query; give it a user, a vector or an item to be similar to")
    if prepared:
        options["prepared_in"] = prepared
    if lexical:
        options |= _text_of(state, name, lexical, query, alone=not vector_spaces)
    return Inputs(options, [query.similar] if query.similar is not None else [])


async def _of_user(
    lookup: Lookup,
    state: ClusterState,
    space: str,
    user: Mapping[str, Any],
    query: Query,
    beside: list[str],
    texts: list[str],
) -> npt.NDArray[np.float32]:
    """The vector of a user; in a fused space those of its members, concatenated."""
    spaces = [*beside, space] if space not in beside else beside
    members = state.members(space)
    # The same features are for the towers of all spaces beside: fields that one of them reads are right.
    others = [state.towers[member] for one in spaces for member in state.members(one)]
    parts = []
    for member in members:
        towers = state.towers[member]
        ids = towers.items_of_user(user)
        vectors = await lookup(member, ids) if ids else {}
        alone = len(others) == 1
        parts.append(
            towers.embed_user_with(
                user,
                vectors=vectors,
                others=None if alone else others,
                fields=texts or None,
                check_features=query.check_features,  # type: ignore[arg-type]
            )
        )
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _text_of(state: ClusterState, name: str, lexical: list[str], query: Query, *, alone: bool) -> dict[str, Any]:
    """The text for lexical spaces: given, or a field of the user."""
    if query.text is not None:
        return {"text": query.text}
    if query.similar is not None:
        raise UnsupportedError(
            f"{name!r} has lexical spaces ({', '.join(lexical)}), for which a cluster takes no item; give a text"
        )
    if query.user is None:
        return {} if alone else {"text": ""}
    # Shards read the field of each lexical space; other fields are for towers, which the router has run.
    fields = {state.head.lexical[space].get("query", "query") for space in lexical}
    user = {one: value for one in sorted(fields) if (value := _at(query.user, one)) is not None}
    return {"user": user}


def _at(user: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path."""
    if path in user:
        return user[path]
    value: Any = user
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
