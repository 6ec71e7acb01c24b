"""Worlds for the benchmarks of this directory: items, towers, recipes and queries."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import twinspire
from twinspire.ray import LocalStorage

Record = dict[str, Any]
Vectors = npt.NDArray[np.float64]


@dataclass
class World:
    """A shop: what is published, and what is asked."""

    name: str
    items: list[Record]
    towers: dict[str, Path]
    lexical: dict[str, Record]
    ensembles: dict[str, Record]
    users: list[Record]
    filters: list[str | None]

    def requests(self, count: int, seed: int = 7) -> Iterator[tuple[str, Record]]:
        """Names and options of recalls, of every space and recipe in turn."""
        rng = np.random.default_rng(seed)
        names = [*self.towers, *self.lexical, *self.ensembles]
        for at in range(count):
            name = names[at % len(names)]
            user = dict(self.users[int(rng.integers(len(self.users)))])
            options: Record = {"user": user, "k": int(rng.integers(1, 25)), "offset": int(rng.choice([0, 0, 3, 20]))}
            spaces = self.ensembles[name].get("spaces", {}) if name in self.ensembles else {name: 1}
            stages = self.ensembles.get(name, {}).get("stages", []) + self.ensembles.get(name, {}).get("channels", [])
            if not any(space in self.lexical for space in [*spaces, *(one["space"] for one in stages)]):
                user.pop("query")
            elif name in self.lexical:
                options["user"] = {"query": user["query"]}
            if (condition := self.filters[int(rng.integers(len(self.filters)))]) is not None:
                options["filter"] = condition
            if rng.random() < 0.3:
                options["exclude"] = [self.items[int(row)]["id"] for row in rng.integers(0, len(self.items), 50)]
            yield name, options


def recipes(one: str, other: str, words: str, field: str) -> dict[str, Record]:
    """Every method and option of ensembles over two spaces and words."""
    both = {one: 1.0, other: 0.5}
    business = {"field": field, "default": 0.5}
    diverse = {"space": one, "lambda": 0.7, "depth": 40}
    return {
        "sum": {"method": "weighted", "spaces": both},
        "sum-words": {"method": "weighted", "spaces": {**both, words: 0.05}},
        "sum-missing": {"method": "weighted", "spaces": both, "missing": -1.0},
        "sum-business": {"method": "weighted", "spaces": {one: 1.0}, "business": business},
        "sum-diverse": {"method": "weighted", "spaces": both, "diversity": diverse},
        "cascade": {"method": "cascade", "stages": [{"space": other, "take": 200}, {"space": one, "take": 80}]},
        "cascade-words": {
            "method": "cascade",
            "stages": [{"space": words, "take": 300}, {"space": one, "take": 60}],
            "business": business,
        },
        "ranks": {"method": "rank_fusion", "spaces": both, "depth": 60},
        "ranks-words": {"method": "rank_fusion", "spaces": {**both, words: 2.0}, "business": business},
        "ranks-diverse": {"method": "rank_fusion", "spaces": both, "diversity": {**diverse, "lambda": 0.98}},
        "min-max": {"method": "normalised", "spaces": both, "by": "min_max"},
        "min-max-words": {
            "method": "normalised",
            "spaces": {**both, words: 0.3},
            "by": "min_max",
            "business": business,
        },
        "z-score": {"method": "normalised", "spaces": both, "by": "z_score", "depth": 50, "diversity": diverse},
        "shares": {"method": "quotas", "channels": [{"space": one, "share": 0.6}, {"space": other, "share": 0.4}]},
        "counts": {
            "method": "quotas",
            "channels": [{"space": words, "count": 3}, {"space": one, "count": 6}, {"space": other, "count": 4}],
            "diversity": diverse,
        },
    }


def write_towers(path: Path, name: str, metric: str, dimension: int, fields: list[str]) -> Path:
    """Towers whose components are numbers of users and of items."""
    return _write_towers(path, name, metric, dimension, _numbers(fields), _numbers(fields))


def write_vector_towers(path: Path, name: str, dimension: int) -> Path:
    """Towers whose vectors are those of the records."""
    features = [{"kind": "vector", "field": "vector", "dimension": dimension}]
    return _write_towers(path, name, "cosine", dimension, features, features)


def vectors(rng: np.random.Generator, centres: Vectors, count: int) -> Vectors:
    """Vectors around random centres."""
    rows = centres[rng.integers(0, len(centres), count)] + 0.5 * rng.normal(size=(count, centres.shape[1]))
    return np.asarray(rows.round(3))


def vector_records(ids: list[int], made: Vectors) -> Iterator[dict[str, Any]]:
    """Items with these vectors."""
    for id, vector in zip(ids, made, strict=True):
        yield {"id": f"i{id:07}", "price": id % 100, "vector": vector.tolist()}


def _write_towers(path: Path, name: str, metric: str, dimension: int, user: list[Record], item: list[Record]) -> Path:
    def side(features: list[Record]) -> Record:
        return {"features": features, "layers": [], "other_fields": "ignore"}

    described = {
        "format": 1,
        "name": name,
        "dimension": dimension,
        "metric": metric,
        "user": side(user),
        "item": side(item),
    }
    path.mkdir(parents=True)
    (path / "tower.json").write_text(json.dumps(described))
    return path


def _numbers(fields: list[str]) -> list[Record]:
    return [{"kind": "number", "field": field, "mean": 0.0, "deviation": 1.0} for field in fields]


WORDS = (
    "red blue green grey black white wool silk linen cotton shoes boots hats socks gloves shirts scarves belts "
    "summer winter light warm wide slim short long soft sturdy plain striped"
).split()  # fmt: skip


def generated(directory: Path, count: int, users: int = 400) -> World:
    """Items of numbers: a space by a history of items under cosine, another by numbers under L2. Some items are
    equal."""
    rng = np.random.default_rng(5)
    tastes, places = 16, 4
    centres = rng.normal(size=(100, tastes))
    vectors = (centres[rng.integers(0, 100, count)] + 0.6 * rng.normal(size=(count, tastes))).round(3)
    vectors[count // 2 : count // 2 + count // 50] = vectors[: count // 50]
    at = rng.normal(size=(count, places)).round(2)
    words = rng.integers(0, len(WORDS), (count, 5))
    bids = np.exp(rng.normal(0, 0.5, count)).round(2)
    items = []
    for row in range(count):
        record: Record = {"id": f"g{row}", "title": " ".join(WORDS[word] for word in words[row]), "group": row % 10}
        record |= {f"t{n}": float(x) for n, x in enumerate(vectors[row])}
        record |= {f"p{n}": float(x) for n, x in enumerate(at[row])}
        if row % 3:
            record["bid"] = float(bids[row])
        if row % 4001 == 17:
            record["rare"] = "yes"
        items.append(record)
    asked = []
    for _ in range(users):
        history = [f"g{row}" for row in rng.integers(0, count, 12)]
        user: Record = {"history": history, "query": " ".join(WORDS[word] for word in rng.integers(0, len(WORDS), 3))}
        asked.append(user | {f"p{n}": float(x) for n, x in enumerate(rng.normal(size=places).round(2))})
    past: list[Record] = [{"kind": "items", "field": "history", "limit": 20}]
    tower = [f"t{n}" for n in range(tastes)], [f"p{n}" for n in range(places)]
    towers = {
        "near": _write_towers(directory / "near", "near", "l2", places, _numbers(tower[1]), _numbers(tower[1])),
        "taste": _write_towers(directory / "taste", "taste", "cosine", tastes, past, _numbers(tower[0])),
    }
    lexical = {"words": {"fields": {"title": 1.0}}}
    filters = [None, None, "group < 3", "rare = 'yes' or group = 4", "bid > 1.5 and group != 0", "rare is null"]
    return World("generated", items, towers, lexical, recipes("taste", "near", "words", "bid"), asked, filters)


def movielens(directory: Path, data: Path, users: int = 400) -> World:
    """Films of MovieLens-100K with towers trained on its ratings: one from histories, one from what users and films
    are."""
    items: list[Record] = []
    genres = [
        line.split("|")[0] for line in (data / "u.genre").read_text(encoding="latin-1").splitlines() if "|" in line
    ]
    for line in (data / "u.item").read_text(encoding="latin-1").splitlines():
        id, title, date, _, _, *flags = line.split("|")
        film: Record = {
            "id": id,
            "title": title,
            "genres": [genre for genre, flag in zip(genres, flags, strict=False) if flag == "1"],
        }
        if date:
            film["year"] = int(date[-4:])
        items.append(film)
    events: list[Record] = []
    for line in (data / "u.data").read_text().splitlines():
        who, what, rating, moment = line.split("\t")
        if int(rating) >= 4:
            events.append({"user": who, "item": what, "timestamp": int(moment)})
    events.sort(key=lambda event: event["timestamp"])
    towers = {}
    for name, settings in (
        ("taste", {"dimension": 32, "epochs": 3}),
        ("years", {"dimension": 16, "epochs": 1, "seed": 3}),
    ):
        path = directory / name
        twinspire.train.youtube(items=items, events=events, **settings).towers.save(path)  # type: ignore[arg-type]
        towers[name] = path
    histories: dict[str, list[str]] = {}
    seen: dict[str, int] = {}
    for event in events:
        histories.setdefault(event["user"], []).append(event["item"])
        seen[event["item"]] = seen.get(event["item"], 0) + 1
    for film in items:
        if film["id"] in seen:
            film["seen"] = seen[film["id"]]
    asked = []
    for at, (who, history) in enumerate(sorted(histories.items())[:users]):
        asked.append({"user_id": who, "history": history[-20:], "query": items[at * 7 % len(items)]["title"]})
    filters = [
        None,
        None,
        "year < 1980",
        "genres has 'Comedy'",
        "seen > 40 and year > 1990",
        "year is null or genres has 'Drama'",
    ]
    lexical = {"words": {"fields": {"title": 1.0}}}
    return World("MovieLens", items, towers, lexical, recipes("taste", "years", "words", "seen"), asked, filters)


class FaultyStore(LocalStorage):
    """A directory whose operations fail or are slow while a file says so: `fail`, `slow` or `cut`."""

    def _fault(self, what: str) -> None:
        try:
            fault = (self.root / ".fault").read_text()
        except OSError:
            return
        if fault == "slow":
            time.sleep(random.random() * 0.4)
        elif fault == "fail" and random.random() < 0.7:
            raise twinspire.StorageError(f"{what}: status 500")
        elif fault == "late" and what.startswith("create") and random.random() < 0.5:
            raise twinspire.StorageError(f"{what}: the connection was lost after the object was created")

    def read(self, name: str) -> bytes | None:
        self._fault(f"read {name}")
        return super().read(name)

    def names(self, prefix: str, after: str = "") -> list[str]:
        self._fault(f"list {prefix}")
        return super().names(prefix, after)

    def create(self, name: str, data: bytes) -> bool:
        self._fault(f"write {name}")
        created = super().create(name, data)
        self._fault(f"create {name}")
        return created

    def fetch(self, name: str, directory: Path) -> None:
        self._fault(f"fetch {name}")
        super().fetch(name, directory)
        if (self.root / ".fault").exists() and (self.root / ".fault").read_text() == "cut":
            # A download that ended early.
            largest = max(
                (path for path in directory.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
            )
            os.truncate(largest, largest.stat().st_size // 2)
