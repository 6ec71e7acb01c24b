"""Train two towers from logs, publish them, mine hard negatives from the live index, learn from them, compare.

    pip install ./python && python examples/python/train_and_mine.py

The shop is made up: users like a colour and a style, and take items that have both. The output shows, for the easy-
and the hard-trained towers, how often the item that a user took last is among its first 1 and 10 of 400 items.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import twinspire
from twinspire import train

COLOURS = ("red", "green", "blue", "black", "white")
STYLES = ("plain", "striped", "dotted", "checked")
rng = np.random.default_rng(11)


def made_up() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Items, users, and what users took, in order of time."""
    items = [{"id": f"i{n}", "colour": COLOURS[n % 5], "style": STYLES[n // 5 % 4]} for n in range(400)]
    users = [{"user_id": f"u{n}", "colour": COLOURS[n % 5], "style": STYLES[n // 5 % 4]} for n in range(300)]
    events = []
    for at in range(3000):
        user = users[int(rng.integers(300))]
        liked = [item for item in items if item["colour"] == user["colour"] and item["style"] == user["style"]]
        item = liked[int(rng.integers(len(liked)))] if rng.random() < 0.9 else items[int(rng.integers(400))]
        events.append({"user": user["user_id"], "item": item["id"], "timestamp": at})
    return items, users, events


def main() -> None:
    items, users, events = made_up()
    learnt, held_out = events[:2700], events[2700:]
    features = {user["user_id"]: user for user in users}
    settings: dict[str, Any] = {"dimension": 16, "epochs": 4, "history": []}
    with tempfile.TemporaryDirectory() as directory, twinspire.open(Path(directory) / "shop.twin") as db:
        db.items.put_many(items)
        easy = train.ebr(items=items, users=users, events=learnt, **settings)
        db.publish("shop", easy.towers)

        pairs = [{"user": features[event["user"]], "positive": event["item"]} for event in learnt]
        mined = db.mine("shop", pairs, ranks=(21, 100), per_pair=2, check_features="lenient")
        hard = train.ebr(items=items, users=users, events=learnt, mined=mined, **settings)
        db.publish("hard", hard.towers)
        db.ensembles["both"] = twinspire.weighted({"shop": 0.6, "hard": 0.4})

        asked = [features[event["user"]] for event in held_out]
        took = [event["item"] for event in held_out]
        for name in ("shop", "hard", "both"):
            metrics = twinspire.evaluate(db, name, asked, took)
            print(f"{name:<5} hit@1 {metrics['hit@1']:.3f}  hit@10 {metrics['hit@10']:.3f}")


if __name__ == "__main__":
    main()
