"""Training towers from raw logs, by four recipes. docs/recipes.md describes them and their settings.

Items, users and events are files or directories of files (JSON lines, CSV, Parquet; a MovieLens directory), frames, or
iterables of dicts. An
event has the fields ``user``, ``item``, ``timestamp`` and, if it has one, ``weight``; `twinspire.Source` names them
where they are called otherwise.

Examples
--------
>>> items = [{"id": f"i{n}"} for n in range(4)]
>>> events = [{"user": f"u{n % 3}", "item": f"i{n % 4}", "timestamp": n} for n in range(12)]
>>> trained = youtube(items=items, events=events, dimension=4, epochs=1)
>>> trained.towers.dimension
4
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Union

from twinspire._twinspire import Towers, Trained
from twinspire._twinspire import train as _train

if TYPE_CHECKING:
    from twinspire._progress import ProgressCallback
    from twinspire._typing import Data, Pairs, Path

    _OpenTowers = Union[Towers, Path]

__all__ = ["dssm", "ebr", "mobius", "youtube"]


#: Settings of the data and not of the model.
_OF_DATA = {
    "checkpoint",
    "click",
    "document",
    "held_out",
    "hold_out",
    "max_unknown_ids",
    "query",
    "relevance",
    "repeats",
    "score",
    "seed",
    "ties",
}


def _search(auto: bool | float | None, earlier: object, settings: dict[str, Any]) -> tuple[float, bool] | None:
    """The budget of a search for settings and whether it was asked for, or None for the settings as they are."""
    if auto is None:
        return (240.0, False) if earlier is None and settings.keys() <= _OF_DATA else None
    if auto is False:
        return None
    if earlier is not None:
        raise TypeError("auto chooses the settings of a first training, and earlier towers have theirs")
    return (240.0 if auto is True else float(auto), True)


def _warned(*given: Any) -> Trained:
    """Train, and warn of towers below the best baseline on the holdout."""
    trained = _train(*given)
    if trained.warning is not None:
        warnings.warn(trained.warning, stacklevel=3)
    return trained


def youtube(
    *,
    items: Data,
    events: Data,
    users: Data | None = None,
    earlier: _OpenTowers | None = None,
    progress: bool | ProgressCallback | None = None,
    auto: bool | float | None = None,
    **settings: Any,
) -> Trained:
    """Train by the in-batch softmax corrected for sampling bias (Yi et al., RecSys 2019).

    Without settings, they are chosen by validation: see ``auto``. With ``patience`` above 0, events are held out, and a `UserWarning` says if the towers rank them worse than
    popularity, transitions or EASE.

    Parameters
    ----------
    items, events : path, frame or iterable of dict
        Items, and what users did with them.
    users : path, frame or iterable of dict, optional
        Records of users.
    earlier : Towers or path, optional
        Towers for a warm start.
    progress : bool or callable, optional
        Show a bar, or call this with a `Progress`. Ctrl-C, an exception or a returned False cancels. A returned
        ``"keep_best"`` ends the training with the best epoch so far, a search with the best settings so far.
    auto : bool or float, optional
        Choose the settings that are not given by validation, within this many seconds of 50,000 examples each (240 for
        True; 8,000 pairs of texts for `dssm`), and train the best on everything. ``report["auto"]`` says what was tried
        and why. This is the default if no setting and no earlier towers are given; False trains with the defaults.
    **settings
        Settings of the recipe, such as ``dimension=64, epochs=5, batch=512, learning_rate=0.05, hidden=[128]``.
        ``checkpoint="DIR"`` saves the state after each epoch; the same call continues from it. Remove the directory once
        the towers are saved.

    Returns
    -------
    Trained
        Towers and a report.

    Raises
    ------
    TrainError
        Names the record, event or setting at fault.
    """
    search = _search(auto, earlier, settings)
    return _warned("youtube", items, users, events, earlier, None, None, progress, search, settings)


def dssm(
    *,
    items: Data,
    users: Data | None = None,
    events: Data | None = None,
    earlier: _OpenTowers | None = None,
    progress: bool | ProgressCallback | None = None,
    auto: bool | float | None = None,
    **settings: Any,
) -> Trained:
    """Train text to text: softmax over a clicked document and negatives (Huang et al., CIKM 2013).

    Parameters
    ----------
    items : path, frame or iterable of dict
        Documents. Without events the towers learn from the documents alone.
    users, events : path, frame or iterable of dict, optional
        Queries and clicks.
    earlier, progress, auto, **settings
        As those of `youtube`.

    Returns
    -------
    Trained

    Examples
    --------
    >>> words = ["red shoes", "blue boots", "green hats", "warm socks"]
    >>> documents = [{"id": str(n), "title": f"{word}. Fine {word}"} for n, word in enumerate(words)]
    >>> dssm(items=documents, dimension=8, epochs=1).towers.dimension
    8
    """
    search = _search(auto, earlier, settings)
    return _warned("dssm", items, users, events, earlier, None, None, progress, search, settings)


def ebr(
    *,
    items: Data,
    events: Data,
    users: Data | None = None,
    mined: Pairs | None = None,
    earlier: _OpenTowers | None = None,
    progress: bool | ProgressCallback | None = None,
    auto: bool | float | None = None,
    **settings: Any,
) -> Trained:
    """Train unified features by triplets with random and mined negatives (Huang et al., KDD 2020).

    Parameters
    ----------
    mined : iterable of dict, frame or path of JSON lines, optional
        Pairs with hard negatives, as `Database.mine` gives them.
    items, events, users, earlier, progress, auto, **settings
        As those of `youtube`.

    Returns
    -------
    Trained
    """
    search = _search(auto, earlier, settings)
    return _warned("ebr", items, users, events, earlier, mined, None, progress, search, settings)


def mobius(
    *,
    items: Data,
    events: Data,
    users: Data | None = None,
    teacher: Towers | Iterable[str] | None = None,
    earlier: _OpenTowers | None = None,
    progress: bool | ProgressCallback | None = None,
    auto: bool | float | None = None,
    **settings: Any,
) -> Trained:
    """Train on clicks under a teacher of relevance, to be ranked by bids (Fan et al., KDD 2019).

    Parameters
    ----------
    teacher : Towers or iterable of str, optional
        Towers whose similarity is relevance, or fields whose categories are; all category fields by default.
    items, events, users, earlier, progress, auto, **settings
        As those of `youtube`.

    Returns
    -------
    Trained
    """
    search = _search(auto, earlier, settings)
    return _warned("mobius", items, users, events, earlier, None, teacher, progress, search, settings)
