"""Exports a two-tower model of any modules as ONNX models in a towers directory.

    from export_onnx import Input, Tower, export_onnx
    export_onnx("models/shop", name="shop", metric="cosine", dimension=64,
                tables={"item": {"vocabulary": {"ids": ids, "unknown": "skip"}}},
                user=Tower(features=[…], module=model.user,
                           inputs=[Input("history", 20, torch.int64), Input("age", 1)]),
                item=Tower(features=[…], module=model.item, inputs=[…]),
                examples={"user": (users, model.user_vector), "item": (items, model.item_vector)})

`python3 export_onnx.py DIR` trains a small model with attention over a made-up shop's histories and
exports it. Needs `torch` and `onnxscript`. README.md tells more; what is written, the chapter "Towers
directory" of storage-format.md. The program that reads it has to be built with the feature `onnx`.
"""

import argparse
import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from export import METRICS, ONNX, SAFETENSORS, require, self_test
from shop import CATEGORIES, made_up
from torch import nn


@dataclass
class Input:
    """What the module's `forward` takes next: [batch, width] of this type, [batch] without width."""

    name: str
    width: int | None = None
    dtype: torch.dtype = torch.float32


@dataclass
class Tower:
    """One tower: its features as in tower.json, and the module that is given their numbers.

    The features' numbers, in order, are handed to the inputs, in order: so many to each as it is wide.
    """

    features: list
    module: nn.Module
    inputs: list
    other_fields: object = None  # None leaves it out, for the default of the tower


def export_onnx(path, *, name, metric, dimension, user, item, tables=None, examples=None, opset=18):
    """Writes a towers directory; raises `ExportError` before anything is written.

    `tables`: name to the lookup, as in tower.json, for features of the kinds `index` and `indices`.
    `examples`: as of `export` in export.py.
    """
    require(metric in METRICS, f"metric: {metric!r} is none of {', '.join(METRICS)}")
    tables = {name: {"lookup": lookup} for name, lookup in (tables or {}).items()}
    schema = {"format": 1, "name": name, "dimension": dimension, "metric": metric, "tables": tables}
    models = {}
    for side, tower in {"user": user, "item": item}.items():
        require(not tower.module.training, f"{side} tower: is in training mode; call .eval() on the "
                "model before exporting it")
        models[side] = onnx_model(side, tower, dimension, opset)
        inputs = [{"name": input.name, "width": input.width or 1} for input in tower.inputs]
        schema[side] = {"features": tower.features,
                        "layers": [{"kind": "onnx", "units": dimension, "inputs": inputs}]}
        if tower.other_fields is not None:
            schema[side]["other_fields"] = tower.other_fields
    texts = {"tower.json": schema}
    if examples:
        texts["selftest.json"] = self_test(examples, metric, dimension)
    texts = {file: json.dumps(text, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
             for file, text in texts.items()}

    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    for file in SAFETENSORS.values():
        # Of an earlier export, it would be read as part of this one.
        (path / file).unlink(missing_ok=True)
    (path / "selftest.json").unlink(missing_ok=True)
    for side, model in models.items():
        (path / ONNX[side]).write_bytes(model)
    for file, text in texts.items():
        (path / file).write_text(text, encoding="utf-8")


@torch.no_grad()
def onnx_model(side, tower, dimension, opset):
    """The bytes of a tower's model, all weights inside, for a batch of any size."""
    # Sizes of 0 and 1 are taken for constants by the exporter.
    batch = 3

    def zeros(input):
        shape = (batch,) if input.width is None else (batch, input.width)
        return torch.zeros(shape, dtype=input.dtype)

    given = tuple(zeros(input) for input in tower.inputs)
    vector = tower.module(*given)
    require(vector.shape == (batch, dimension), f"{side} tower: gives the shape "
            f"{list(vector.shape)} for a batch of {batch}, not [{batch}, {dimension}]")
    any_batch = torch.export.Dim("batch")
    program = torch.onnx.export(
        tower.module, given, dynamo=True, opset_version=opset, external_data=False, verbose=False,
        input_names=[input.name for input in tower.inputs], output_names=["vector"],
        dynamic_shapes=tuple({0: any_batch} for _ in tower.inputs))
    return program.model_proto.SerializeToString()


# An example to copy from.

HISTORY = 20  # how many of the newest purchases are read
AT_ONCE = 2  # categories of an item


class UserTower(nn.Module):
    """Attention over the history, with one learnt query: what no layer of tower.json does."""

    def __init__(self, items):
        super().__init__()
        self.items = items
        self.query = nn.Parameter(torch.randn(items.embedding_dim))
        self.key = nn.Linear(items.embedding_dim, items.embedding_dim, bias=False)
        self.dense = nn.Sequential(nn.Linear(items.embedding_dim + 2, 32), nn.LayerNorm(32),
                                   nn.GELU(), nn.Dropout(0.1), nn.Linear(32, 16))

    def forward(self, history, age):
        found, real = self.items(history), history != 0
        scores = (self.key(found) * self.query).sum(-1) / math.sqrt(found.shape[-1])
        # Not -inf: a history of nothing but padding would have no weights.
        weights = scores.masked_fill(~real, -1e9).softmax(-1) * real
        seen = (weights.unsqueeze(-1) * found).sum(1)
        return F.normalize(self.dense(torch.cat([seen, age], dim=-1)), dim=-1)


class ItemTower(nn.Module):
    def __init__(self, items):
        super().__init__()
        self.items = items
        self.categories = nn.Embedding(len(CATEGORIES) + 1, 8, padding_idx=0)
        self.dense = nn.Sequential(nn.Linear(items.embedding_dim + 8 + 1, 32), nn.SiLU(),
                                   nn.Linear(32, 16))

    def forward(self, id, categories, price):
        own = self.categories(categories)
        count = (categories != 0).sum(-1, keepdim=True).clamp(min=1)
        all = torch.cat([self.items(id), own.sum(1) / count, price], dim=-1)
        return F.normalize(self.dense(all), dim=-1)


class Shop(nn.Module):
    """Two towers that share the table of the items, row 0 the padding. Each model has a copy of it."""

    def __init__(self, items):
        super().__init__()
        self.item_ids = [item["id"] for item in items]
        prices = torch.tensor([math.log1p(item["price"]) for item in items], dtype=torch.float64)
        self.price_mean, self.price_deviation = prices.mean().item(), prices.std().item()
        table = nn.Embedding(len(items) + 1, 16, padding_idx=0)
        self.user, self.item = UserTower(table), ItemTower(table)

    def tables(self):
        return {"item": {"vocabulary": {"ids": self.item_ids, "unknown": "skip"}},
                "category": {"vocabulary": {"ids": CATEGORIES, "unknown": "skip"}}}

    def features(self):
        """What the two methods below compute, in the same order."""
        user = [
            {"kind": "indices", "field": "history", "table": "item", "limit": HISTORY, "first": 1,
             "pad": 0, "missing": "zero"},
            {"kind": "number", "field": "age", "mean": 45, "deviation": 20, "missing": "zero",
             "missing_flag": True},
        ]
        item = [
            {"kind": "index", "field": "id", "table": "item", "first": 1, "pad": 0},
            {"kind": "indices", "field": "categories", "table": "category", "limit": AT_ONCE,
             "first": 1, "pad": 0},
            {"kind": "number", "field": "price", "log": True, "mean": self.price_mean,
             "deviation": self.price_deviation},
        ]
        return user, item

    def users(self, records):
        history = [record.get("history", []) for record in records]
        ages = [[(record["age"] - 45) / 20, 0] if "age" in record else [0, 1]
                for record in records]
        return self.user(numbers(self.item_ids, history, HISTORY), torch.tensor(ages).float())

    def items(self, records, hidden=0.0):
        # Without its id at times, an item learns to stand by its other features: new ones have to.
        ids = [[record["id"]] if random.random() >= hidden else [] for record in records]
        categories = [record["categories"] for record in records]
        prices = [[(math.log1p(record["price"]) - self.price_mean) / self.price_deviation]
                  for record in records]
        return self.item(numbers(self.item_ids, ids, 1)[:, 0],
                         numbers(CATEGORIES, categories, AT_ONCE), torch.tensor(prices).float())


def numbers(known, lists, limit):
    """Rows counted from 1 of the newest of each list; unknown ones are passed over."""
    rows = {string: row for row, string in enumerate(known, 1)}
    found = [[rows[string] for string in strings[-limit:] if string in rows] for strings in lists]
    return torch.tensor([row + [0] * (limit - len(row)) for row in found])


def train(items, users):
    """In-batch softmax: of the items of a batch, a visitor's own next one is to score best."""
    by_id, model = {item["id"]: item for item in items}, Shop(items)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(400):
        batch = random.sample(users, 256)
        seen = model.users([user | {"history": user["history"][:-1]} for user in batch])
        bought = [by_id[user["history"][-1]] for user in batch]
        scores = seen @ model.items(bought, hidden=0.1).T / 0.1
        # Another visitor who bought the same is no counter-example.
        ids = [item["id"] for item in bought]
        same = torch.tensor([[a == b for b in ids] for a in ids])
        same &= ~torch.eye(len(batch), dtype=torch.bool)
        loss = F.cross_entropy(scores.masked_fill(same, -1e9), torch.arange(len(batch)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def main():
    parser = argparse.ArgumentParser(
        description="Trains two towers on a made-up shop and exports them as ONNX models.")
    parser.add_argument("dir", type=Path, metavar="DIR", help="the towers directory to write")
    args = parser.parse_args()
    random.seed(1)
    torch.manual_seed(1)
    items, users = made_up()
    model = train(items, users[500:])
    # What has gone wrong elsewhere belongs into a self-test: empty, missing, unknown, too long.
    odd = [{"history": []}, {"age": 30}, {"history": ["B007", "never heard of"], "age": 61},
           {"history": [item["id"] for item in items[:30]]}]
    new = {"id": "B900", "title": "just in", "categories": ["hats"], "price": 19.5}
    user_features, item_features = model.features()
    export_onnx(
        args.dir, name="made-up shop", metric="cosine", dimension=16, tables=model.tables(),
        user=Tower(user_features, model.user,
                   [Input("history", HISTORY, torch.int64), Input("age", 2)],
                   other_fields={"allow": ["user_id"]}),
        item=Tower(item_features, model.item,
                   [Input("id", None, torch.int64), Input("categories", AT_ONCE, torch.int64),
                    Input("price", 1)]),
        examples={"user": (users[:16] + odd, lambda user: model.users([user])),
                  "item": (items[:19] + [new], lambda item: model.items([item]))})
    lines = [json.dumps(item) + "\n" for item in items + [new]]
    (args.dir / "items.jsonl").write_text("".join(lines), encoding="utf-8")

    for file in sorted(args.dir.iterdir()):
        print(f"{file.stat().st_size:>8} bytes  {file}")
    user = json.dumps({"user_id": "u1"} | users[0])
    print(f"""next, with a `twinspire` built with `--features onnx`:
  twinspire import  shop.twin {args.dir}/items.jsonl
  twinspire publish shop.twin shop {args.dir}
  twinspire recall  shop.twin shop --user '{user}' --top 5 --records""")


if __name__ == "__main__":
    main()
