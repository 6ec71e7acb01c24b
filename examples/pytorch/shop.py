"""Trains two towers on a made-up shop and exports them: an example to copy from.

    python3 shop.py DIR [--weights float16]

What to look at is that `Shop.users` and `Shop.items` compute from raw records what `features` says
of them in the terms of tower.json. The self-test compares the two when the towers are published.
"""

import argparse
import json
import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from export import Residual, Table, Tower, export
from torch import nn

CATEGORIES = ["shoes", "hats", "books", "games", "tools", "plants", "lamps", "music", "bags",
              "clocks", "chairs", "toys"]
HISTORY = 20  # how many of the newest purchases are read


def made_up():
    """Items with a category or two; visitors with two favourites, who mostly buy those."""
    items = [{"id": f"B{i:03}",
              "title": f"{random.choice(['red', 'blue', 'old', 'new'])} thing {i}",
              "categories": random.sample(CATEGORIES, random.choice([1, 1, 2])),
              "price": round(random.lognormvariate(3, 0.8), 2)} for i in range(240)]
    users = []
    for _ in range(3000):
        liked = random.sample(CATEGORIES, 2)
        fitting = [item["id"] for item in items if item["categories"][0] in liked]
        bought = [random.choice(fitting) if random.random() < 0.9 else random.choice(items)["id"]
                  for _ in range(random.randint(3, 12))]
        age = {"age": random.randint(18, 80)} if random.random() < 0.8 else {}
        users.append({"history": bought} | age)
    return items, users


class Shop(nn.Module):
    """Two towers that share the table of the items."""

    def __init__(self, items):
        super().__init__()
        self.item_rows = {item["id"]: row for row, item in enumerate(items)}
        self.category_rows = {name: row for row, name in enumerate(CATEGORIES)}
        prices = torch.tensor([math.log1p(item["price"]) for item in items], dtype=torch.float64)
        self.price_mean, self.price_deviation = prices.mean().item(), prices.std().item()
        self.item_table = nn.EmbeddingBag(len(items), 16, mode="mean")
        self.category_table = nn.EmbeddingBag(len(CATEGORIES), 8, mode="mean")
        self.user_tower = nn.Sequential(
            nn.Linear(16 + 2, 32), nn.ReLU(),
            Residual(nn.Sequential(nn.Linear(32, 32), nn.GELU(), nn.Dropout(0.1),
                                   nn.Linear(32, 32))),
            nn.LayerNorm(32), nn.Linear(32, 16))
        self.item_tower = nn.Sequential(
            nn.Linear(16 + 8 + 1, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(),
            nn.Linear(32, 16))

    def features(self):
        """What the two methods below compute, in the same order."""
        user = [
            {"kind": "ids", "field": "history", "table": "item", "limit": HISTORY,
             "missing": "zero"},
            {"kind": "number", "field": "age", "mean": 45, "deviation": 20, "missing": "zero",
             "missing_flag": True},
        ]
        item = [
            {"kind": "id", "field": "id", "table": "item"},
            {"kind": "categories", "field": "categories", "table": "category"},
            {"kind": "number", "field": "price", "log": True, "mean": self.price_mean,
             "deviation": self.price_deviation},
        ]
        return user, item

    def users(self, records):
        history = [record.get("history", [])[-HISTORY:] for record in records]
        ages = [[(record["age"] - 45) / 20, 0] if "age" in record else [0, 1]
                for record in records]
        return self.user_tower(torch.cat([
            pooled(self.item_table, self.item_rows, history),
            torch.tensor(ages, dtype=torch.float32)], dim=1))

    def items(self, records, hidden=0.0):
        # Without its id at times, an item learns to stand by its other features: new ones have to.
        ids = [[record["id"]] if random.random() >= hidden else [] for record in records]
        categories = [record["categories"] for record in records]
        prices = [[(math.log1p(record["price"]) - self.price_mean) / self.price_deviation]
                  for record in records]
        return self.item_tower(torch.cat([
            pooled(self.item_table, self.item_rows, ids),
            pooled(self.category_table, self.category_rows, categories),
            torch.tensor(prices)], dim=1))


def pooled(table, rows_of, lists):
    """Embeddings of lists of strings; unknown ones are passed over, none at all give zeros."""
    rows = [[rows_of[string] for string in strings if string in rows_of] for strings in lists]
    starts = torch.tensor([0] + [len(row) for row in rows[:-1]]).cumsum(0)
    return table(torch.tensor([row for some in rows for row in some], dtype=torch.long), starts)


def train(items, users):
    """In-batch softmax: of the items of a batch, a visitor's own next one is to score best."""
    by_id, model = {item["id"]: item for item in items}, Shop(items)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(400):
        batch = random.sample(users, 256)
        seen = model.users([user | {"history": user["history"][:-1]} for user in batch])
        bought = [by_id[user["history"][-1]] for user in batch]
        scores = F.normalize(seen) @ F.normalize(model.items(bought, hidden=0.1)).T / 0.1
        # Another visitor who bought the same is no counter-example.
        rows = torch.tensor([model.item_rows[item["id"]] for item in bought])
        same = (rows[:, None] == rows) & ~torch.eye(len(batch), dtype=torch.bool)
        loss = F.cross_entropy(scores.masked_fill(same, -1e9), torch.arange(len(batch)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


@torch.no_grad()
def hit_rate(model, items, users):
    """The share of visitors whose last item is among the first ten found without it."""
    seen = model.users([user | {"history": user["history"][:-1]} for user in users])
    scores = F.normalize(seen) @ F.normalize(model.items(items)).T
    last = torch.tensor([model.item_rows[user["history"][-1]] for user in users])
    return (scores.topk(10).indices == last[:, None]).any(dim=1).float().mean().item()


def main():
    parser = argparse.ArgumentParser(
        description="Trains two towers on a made-up shop and exports them.")
    parser.add_argument("dir", type=Path, metavar="DIR", help="the towers directory to write")
    parser.add_argument("--weights", choices=["float32", "float16", "bfloat16"],
                        default="float32", help="how tables and dense layers are written")
    args = parser.parse_args()
    random.seed(1)
    torch.manual_seed(1)
    items, users = made_up()
    model = train(items, users[500:])
    print(f"trained; of 500 other visitors {hit_rate(model, items, users[:500]):.1%} find their "
          f"next purchase among the first 10 of {len(items)} ({10 / len(items):.1%} by chance)")

    # What has gone wrong elsewhere belongs into a self-test: empty, missing, unknown.
    odd = [{"history": []}, {"age": 30}, {"history": ["B007", "never heard of"], "age": 61}]
    new = {"id": "B900", "title": "just in", "categories": ["hats"], "price": 19.5}
    user_features, item_features = model.features()
    export(
        args.dir, name="made-up shop", metric="cosine", dimension=16,
        tables={
            "item": Table(model.item_table,
                          {"vocabulary": {"ids": list(model.item_rows), "unknown": "skip"}}),
            "category": Table(model.category_table,
                              {"vocabulary": {"ids": CATEGORIES, "unknown": "skip"}}),
        },
        user=Tower(user_features, model.user_tower, other_fields={"allow": ["user_id"]}),
        item=Tower(item_features, model.item_tower),
        examples={"user": (users[:17] + odd, lambda user: model.users([user])),
                  "item": (items[:19] + [new], lambda item: model.items([item]))},
        weights=getattr(torch, args.weights))
    lines = [json.dumps(item) + "\n" for item in items + [new]]
    (args.dir / "items.jsonl").write_text("".join(lines), encoding="utf-8")

    for file in sorted(args.dir.iterdir()):
        print(f"{file.stat().st_size:>8} bytes  {file}")
    user = json.dumps({"user_id": "u1"} | users[0])
    print(f"""next:
  twinspire import  shop.twin {args.dir}/items.jsonl
  twinspire publish shop.twin shop {args.dir}
  twinspire recall  shop.twin shop --user '{user}' --top 5 --records""")


if __name__ == "__main__":
    main()
