"""Train two towers in PyTorch, export them, publish, recall; mine hard negatives from the live index, learn from them.

    pip install ./python torch && python examples/python/torch_towers.py

The shop is made up: users have favourite categories and a budget, and mostly buy what fits both. What to look at is
that `Shop.users` and `Shop.items` compute from raw records what `USER` and `ITEM` say in the terms of `tower.json`; the
self-test compares the two before towers are returned. The output shows a recall, and how often the item that a user
bought last is among the first 10 and 50 of 600: for the first towers, and for those that learnt some more, from the
items of the batch alone or from hard negatives too:

    first  hit@10 0.…  hit@50 0.…
    Towers('shop', 16 components, cosine): generation 1 of 600 items
    a user with 20 to spend, who bought clocks, is recalled: …
    … hard negatives are mined
    batch  hit@10 0.…  hit@50 0.…
    hard   hit@10 0.…  hit@50 0.…
"""

from __future__ import annotations

import copy
import math
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

import twinspire
from twinspire.export import torch as export

CATEGORIES = "shoes hats books games tools plants lamps music bags clocks chairs toys".split()
HISTORY = 20  # how many of the newest purchases are read

USER: list[dict[str, Any]] = [
    {"kind": "ids", "field": "history", "table": "item", "limit": HISTORY, "missing": "zero"},
    {
        "kind": "number", "field": "budget", "log": True, "mean": 3, "deviation": 0.8,
        "missing": "zero", "missing_flag": True,
    },
]  # fmt: skip
ITEM: list[dict[str, Any]] = [
    {"kind": "id", "field": "id", "table": "item"},
    {"kind": "categories", "field": "categories", "table": "category"},
    {"kind": "number", "field": "price", "log": True, "mean": 3, "deviation": 0.8},
]

Record = dict[str, Any]


def made_up() -> tuple[list[Record], list[Record]]:
    """Items with a category or two and a price; users with two favourites and a budget."""
    items: list[Record] = [
        {
            "id": f"B{n:03}",
            "categories": random.sample(CATEGORIES, random.choice([1, 1, 2])),
            "price": round(random.lognormvariate(3, 0.8), 2),
        }
        for n in range(600)
    ]
    users = []
    for _ in range(4000):
        liked, budget = random.sample(CATEGORIES, 2), random.lognormvariate(3, 0.8)
        liking = [item for item in items if item["categories"][0] in liked]
        fitting = [item["id"] for item in liking if 0.7 < item["price"] / budget < 1.3] or [liking[0]["id"]]
        history = random.choices(fitting, k=random.randint(3, 8))
        users.append({"history": history, **({"budget": round(budget, 2)} if random.random() < 0.8 else {})})
    return items, users


class Shop(nn.Module):
    """Two towers that share the table of the items."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__()
        self.item_rows = {id: row for row, id in enumerate(ids)}
        self.category_rows = {name: row for row, name in enumerate(CATEGORIES)}
        self.item_table = nn.EmbeddingBag(len(ids), 16, mode="mean")
        self.category_table = nn.EmbeddingBag(len(CATEGORIES), 8, mode="mean")
        block = nn.Sequential(nn.Linear(32, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, 32))
        self.user = nn.Sequential(
            nn.Linear(16 + 2, 32), nn.ReLU(), export.Residual(block), nn.LayerNorm(32), nn.Linear(32, 16)
        )
        self.item = nn.Sequential(
            nn.Linear(16 + 8 + 1, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16)
        )

    def users(self, records: Sequence[Record]) -> Any:
        history = [record.get("history", [])[-HISTORY:] for record in records]
        budgets = [[scaled(record["budget"]), 0] if "budget" in record else [0, 1] for record in records]
        features = [pooled(self.item_table, self.item_rows, history), torch.tensor(budgets, dtype=torch.float32)]
        return self.user(torch.cat(features, dim=1))

    def items(self, records: Sequence[Record], hidden: float = 0.0) -> Any:
        # Without its id at times, an item learns to stand by its other features: new ones have to.
        ids = [[record["id"]] if random.random() >= hidden else [] for record in records]
        categories = [record["categories"] for record in records]
        prices = [[scaled(record["price"])] for record in records]
        features = [
            pooled(self.item_table, self.item_rows, ids),
            pooled(self.category_table, self.category_rows, categories),
            torch.tensor(prices),
        ]
        return self.item(torch.cat(features, dim=1))


def scaled(money: float) -> float:
    return (math.log1p(money) - 3) / 0.8


def pooled(table: Any, rows_of: dict[str, int], lists: Sequence[Sequence[str]]) -> Any:
    """Embeddings of lists of strings; unknown ones are passed over, none at all give zeros."""
    rows = [[rows_of[string] for string in strings if string in rows_of] for strings in lists]
    starts = torch.tensor([0] + [len(row) for row in rows[:-1]]).cumsum(0)
    return table(torch.tensor([row for some in rows for row in some], dtype=torch.long), starts)


def train(model: Shop, items: dict[str, Record], pairs: list[Record], steps: int) -> None:
    """In-batch softmax: of the items of a batch and of the mined ones, a user's own next one is to score best."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(steps):
        batch = random.sample(pairs, 128)
        wanted = [pair["positive"] for pair in batch]
        hard = [negative["id"] for pair in batch for negative in pair.get("negatives", [])]
        offered = wanted + hard
        vectors = F.normalize(model.items([items[id] for id in offered], hidden=0.1))
        scores = F.normalize(model.users([pair["user"] for pair in batch])) @ vectors.T / 0.1
        # The same item at another place is no counter-example.
        rows = torch.tensor([model.item_rows[id] for id in offered])
        same = rows[: len(wanted), None] == rows
        same.fill_diagonal_(False)
        loss = F.cross_entropy(scores.masked_fill(same, -1e9), torch.arange(len(wanted)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()


def asked(user: Record) -> Record:
    """A user as before the last purchase."""
    return user | {"history": user["history"][:-1]}


def exported(model: Shop, items: list[Record], users: list[Record]) -> twinspire.Towers:
    # What has gone wrong elsewhere belongs into a self-test: empty, missing, unknown.
    odd: list[Record] = [{"history": []}, {"budget": 30}, {"history": ["B007", "never heard of"], "budget": 61}]
    vocabulary = {"ids": list(model.item_rows), "unknown": "skip"}
    return export.towers(
        name="shop",
        metric="cosine",
        dimension=16,
        tables={
            "item": export.Table(model.item_table, {"vocabulary": vocabulary}),
            "category": export.Table(model.category_table, {"vocabulary": {"ids": CATEGORIES, "unknown": "skip"}}),
        },
        user=export.Tower(USER, model.user),
        item=export.Tower(ITEM, model.item),
        examples={
            "user": (users[:37] + odd, lambda user: model.users([user])),
            "item": (items[:40], lambda item: model.items([item])),
        },
    )


def main() -> None:
    random.seed(1)
    torch.manual_seed(1)
    items, users = made_up()
    by_id, held_out = {item["id"]: item for item in items}, users[:500]
    pairs: list[Record] = [{"user": asked(user), "positive": user["history"][-1]} for user in users[500:]]
    model = Shop(list(by_id))
    train(model, by_id, pairs, 300)
    with tempfile.TemporaryDirectory() as directory, twinspire.open(Path(directory) / "shop.twin") as db:
        db.items.put_many(items)

        def publish(name: str, model: Shop) -> twinspire.Towers:
            towers = exported(model, items, users)
            db.publish("shop", towers)
            before, truth = [asked(user) for user in held_out], [user["history"][-1] for user in held_out]
            seen = [set(user["history"]) - {bought} for user, bought in zip(before, truth)]
            metrics = twinspire.evaluate(db, "shop", before, truth, exclude_each=seen)
            print(f"{name:<6} hit@10 {metrics['hit@10']:.3f}  hit@50 {metrics['hit@50']:.3f}")
            return towers

        towers = publish("first", model)
        print(f"{towers}: generation {db.generations('shop')[-1].number} of {len(db.items)} items")
        clocks = [item["id"] for item in items if item["categories"] == ["clocks"] and 15 < item["price"] < 25][:3]
        user = {"history": clocks, "budget": 20}
        hits = db.recall("shop", user=user, k=3, filter="price < 30", exclude=clocks, records=True)
        found = [(hit.record["categories"], hit.record["price"]) for hit in hits if hit.record is not None]
        print(f"a user with 20 to spend, who bought clocks, is recalled: {found}")

        # Ranks 21 to 100: near, but behind what the user may well like as much.
        mined = list(db.mine("shop", pairs, ranks=(21, 100), per_pair=2))
        print(f"{sum(len(pair['negatives']) for pair in mined)} hard negatives are mined")
        for name, learnt in (("batch", pairs), ("hard", mined)):
            again = copy.deepcopy(model)
            train(again, by_id, learnt, 150)
            publish(name, again)


if __name__ == "__main__":
    main()
