"""Builders of ensembles: recipes that fuse several spaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from twinspire._twinspire import Ensemble

Weights = Union[Mapping[str, float], Iterable[str]]
"""A weight of each space, or names of spaces of the weight 1."""


def weighted(
    spaces: Weights,
    *,
    missing: float | None = None,
    fused: str | None = None,
    business: Mapping[str, Any] | None = None,
    diversity: Mapping[str, Any] | None = None,
) -> Ensemble:
    """Rank by the weighted sum of an item's scores in all spaces.

    Parameters
    ----------
    spaces : mapping from str to float, or iterable of str
        The weight of each space.
    missing : float, optional
        The score of an item without a vector in a space; such items are left out without it.
    fused : str, optional
        A fused space of these spaces, whose graph is searched instead of theirs.
    business : dict, optional
        Rank by a numeric field too: ``{"field": "bid"}``.
    diversity : dict, optional
        Re-rank for diversity: ``{"space": "text", "lambda": 0.7}``.

    Returns
    -------
    Ensemble

    Examples
    --------
    >>> weighted({"text": 0.4, "unified": 0.6})
    Ensemble(0.4 × text + 0.6 × unified)
    """
    recipe = {"method": "weighted", "spaces": _weights(spaces), "missing": missing, "fused": fused}
    return _ensemble(recipe, business, diversity)


def cascade(
    stages: Iterable[Sequence[Any] | Mapping[str, Any]],
    *,
    business: Mapping[str, Any] | None = None,
    diversity: Mapping[str, Any] | None = None,
) -> Ensemble:
    """Rank in stages: the first recalls, each further one keeps the best of the one before.

    Parameters
    ----------
    stages : iterable of (space, take) or (space, take, at_least)
        A stage keeps its best `take` items, those that score `at_least` in its space.
    business, diversity
        As those of `weighted`.

    Returns
    -------
    Ensemble

    Examples
    --------
    >>> cascade([("text", 500), ("unified", 50, 0.25)])
    Ensemble(best 500 by text → best 50 by unified from 0.25)
    """

    def stage(given: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(given, Mapping):
            return dict(given)
        return dict(zip(("space", "take", "at_least"), given))

    return _ensemble({"method": "cascade", "stages": [stage(one) for one in stages]}, business, diversity)


def rank_fusion(
    spaces: Weights,
    *,
    k: int = 60,
    depth: int = 100,
    business: Mapping[str, Any] | None = None,
    diversity: Mapping[str, Any] | None = None,
) -> Ensemble:
    """Rank by reciprocal rank fusion: the sum of weight / (k + rank) over the lists of all spaces.

    Parameters
    ----------
    spaces : mapping from str to float, or iterable of str
        The weight of each space.
    k : int, default 60
        Added to every rank.
    depth : int, default 100
        Length of the list of each space.
    business, diversity
        As those of `weighted`.

    Returns
    -------
    Ensemble

    Examples
    --------
    >>> rank_fusion(["text", "unified"]).spaces
    ['text', 'unified']
    """
    recipe = {"method": "rank_fusion", "spaces": _weights(spaces), "k": k, "depth": depth}
    return _ensemble(recipe, business, diversity)


def normalised(
    spaces: Weights,
    by: str,
    *,
    depth: int = 100,
    business: Mapping[str, Any] | None = None,
    diversity: Mapping[str, Any] | None = None,
) -> Ensemble:
    """Rank by the weighted sum of normalised scores.

    Parameters
    ----------
    spaces : mapping from str to float, or iterable of str
        The weight of each space.
    by : str
        The normalisation, such as ``'min_max'``.
    depth : int, default 100
        Length of the list of each space, from which the scale is taken.
    business, diversity
        As those of `weighted`.

    Returns
    -------
    Ensemble

    Examples
    --------
    >>> normalised(["text", "unified"], "min_max").method
    'normalised'
    """
    recipe = {"method": "normalised", "spaces": _weights(spaces), "by": by, "depth": depth}
    return _ensemble(recipe, business, diversity)


def quotas(
    channels: Mapping[str, float | int] | Iterable[tuple[str, float | int]],
    *,
    diversity: Mapping[str, Any] | None = None,
) -> Ensemble:
    """Give each space a quota of the answer.

    Parameters
    ----------
    channels : mapping from str to number, or iterable of (str, number)
        Integers are numbers of items; floats are shares of the answer, which sum to 1.
    diversity : dict, optional
        As that of `weighted`.

    Returns
    -------
    Ensemble

    Examples
    --------
    >>> quotas({"unified": 0.7, "new": 0.3})
    Ensemble(0.7 of all by unified, 0.3 of all by new)
    """
    pairs = channels.items() if isinstance(channels, Mapping) else channels
    each = [{"space": space, "count" if isinstance(part, int) else "share": part} for space, part in pairs]
    return _ensemble({"method": "quotas", "channels": each}, None, diversity)


def _weights(spaces: Weights) -> dict[str, float]:
    if isinstance(spaces, str):
        raise TypeError("a mapping or an iterable of spaces expected, found a string")
    return dict(spaces) if isinstance(spaces, Mapping) else dict.fromkeys(spaces, 1.0)


def _ensemble(
    recipe: dict[str, Any], business: Mapping[str, Any] | None, diversity: Mapping[str, Any] | None
) -> Ensemble:
    recipe |= {"business": business, "diversity": diversity}
    return Ensemble({name: value for name, value in recipe.items() if value is not None})
