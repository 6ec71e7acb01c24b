"""Models that PyTorch trains give the same vectors as towers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twinspire

pytest.importorskip("torch", reason="needs torch: python/test --models")
import torch
import torch.nn.functional as F
from torch import nn

from twinspire.export import torch as export

IDS = [f"i{n}" for n in range(50)]
CITIES = ["rome", "oslo", "lima"]
DECAY, LIMIT = 0.8, 6


def made_up(count: int) -> list[dict[str, Any]]:
    """Users, whose histories may be empty, long, or have unknown ids."""
    rng = random.Random(5)
    return [
        {
            "history": [rng.choice([*IDS, "unheard of"]) for _ in range(rng.randint(0, 9))],
            "city": rng.choice(CITIES),
            "age": rng.randint(18, 80),
        }
        for _ in range(count)
    ]


def made_up_items() -> list[dict[str, Any]]:
    return [{"id": id, "price": 1.0 + n, "tags": CITIES[: n % 4]} for n, id in enumerate(IDS)]


class Shop(nn.Module):
    """Every module that becomes a layer, and tables read in every way."""

    def __init__(self) -> None:
        super().__init__()
        # Row 0 is padding.
        self.items = nn.EmbeddingBag(len(IDS) + 1, 8, mode="sum", padding_idx=0)
        self.cities = nn.Embedding(len(CITIES), 4)
        self.tags = nn.EmbeddingBag(len(CITIES), 4, mode="max")
        self.user = nn.Sequential(
            export.FeatureWeights([8, 4, 1], 3, nn.Tanh()),
            nn.Linear(13, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.2),
            export.Residual(nn.Sequential(nn.Linear(16, 16, bias=False), nn.GELU(), nn.LayerNorm(16))),
            export.Concat(nn.Identity(), nn.Sequential(nn.Linear(16, 4), nn.SiLU())),
            export.Add(nn.Linear(20, 8), nn.Sequential(nn.LeakyReLU(0.1), nn.Linear(20, 8), nn.Sigmoid())),
            export.Temperature(0.5), export.L2Normalise(),
        )  # fmt: skip
        self.item = nn.Sequential(
            nn.Linear(13, 16), nn.SELU(), nn.LayerNorm(16, elementwise_affine=False), nn.BatchNorm1d(16, affine=False),
            nn.Linear(16, 8), nn.GELU("tanh"), nn.Linear(8, 8), nn.Tanh(),
        )  # fmt: skip

    def users(self, records: list[dict[str, Any]]) -> Any:
        rows = {id: row for row, id in enumerate(IDS, 1)}
        histories, weights = [], []
        for record in records:
            read = record["history"][-LIMIT:]
            # The newest weighs most; unknown ids keep their place.
            kept = [(rows[id], DECAY**age) for age, id in enumerate(reversed(read)) if id in rows]
            kept += [(0, 0.0)] * (LIMIT - len(kept))
            histories.append([row for row, _ in kept])
            weights.append([weight for _, weight in kept])
        pooled = self.items(torch.tensor(histories), per_sample_weights=torch.tensor(weights))
        city = self.cities(torch.tensor([CITIES.index(record["city"]) for record in records]))
        age = torch.tensor([[(record["age"] - 45) / 20] for record in records], dtype=torch.float32)
        return self.user(torch.cat([pooled, city, age], dim=1))

    def item_vectors(self, records: list[dict[str, Any]]) -> Any:
        ids = self.items(torch.tensor([[IDS.index(record["id"]) + 1] for record in records]))
        tags = [[CITIES.index(tag) for tag in record["tags"]] for record in records]
        starts = torch.tensor([0] + [len(some) for some in tags[:-1]]).cumsum(0)
        pooled = self.tags(torch.tensor([tag for some in tags for tag in some], dtype=torch.long), starts)
        price = torch.log1p(torch.tensor([[record["price"]] for record in records]))
        return self.item(torch.cat([ids, pooled, price], dim=1))


USER: list[dict[str, Any]] = [
    {
        "kind": "ids", "field": "history", "table": "item", "limit": LIMIT, "pooling": "sum",
        "recency": {"decay": DECAY},
    },
    {"kind": "id", "field": "city", "table": "city"},
    {"kind": "number", "field": "age", "mean": 45, "deviation": 20},
]  # fmt: skip
ITEM: list[dict[str, Any]] = [
    {"kind": "id", "field": "id", "table": "item"},
    {"kind": "categories", "field": "tags", "table": "tag", "pooling": "max"},
    {"kind": "number", "field": "price", "log": True},
]


def trained(model: Any, loss: Callable[[], Any]) -> Any:
    """Some steps, so that moments and weights are not those of the start."""
    torch.manual_seed(3)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    model.train()
    for _ in range(20):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    return model.eval()


@pytest.fixture(scope="module")
def shop() -> Any:
    torch.manual_seed(1)
    model, users, items = Shop(), made_up(len(IDS)), made_up_items()

    def loss() -> Any:
        scores = model.users(users) @ F.normalize(model.item_vectors(items)).T
        return F.cross_entropy(scores / 0.1, torch.arange(len(IDS)))

    return trained(model, loss)


def exported(shop: Any, **changed: Any) -> twinspire.Towers:
    vocabulary = {"ids": IDS, "unknown": "skip"}
    settings: dict[str, Any] = {
        "name": "shop",
        "metric": "inner_product",
        "dimension": 8,
        "tables": {
            "item": export.Table(shop.items, {"vocabulary": vocabulary}),
            "city": export.Table(shop.cities, {"vocabulary": {"ids": CITIES}}),
            "tag": export.Table(shop.tags, {"vocabulary": {"ids": CITIES}}),
        },
        "user": export.Tower(USER, shop.user),
        "item": export.Tower(ITEM, shop.item),
        "examples": {
            "user": (made_up(40), lambda user: shop.users([user])),
            "item": (made_up_items(), lambda item: shop.item_vectors([item])),
        },
    }
    return export.towers(**(settings | changed))


def test_layers_give_the_vectors_of_the_model(shop: Any, tmp_path: Any) -> None:
    towers = exported(shop)
    users, items = made_up(256), made_up_items()
    with torch.no_grad():
        np.testing.assert_allclose(towers.embed_users(users), shop.users(users).numpy(), atol=1e-5)
        np.testing.assert_allclose(towers.embed_items(items), shop.item_vectors(items).numpy(), atol=1e-5)
    towers.save(tmp_path / "shop")
    assert (tmp_path / "shop" / "selftest.json").exists()
    again = twinspire.Towers.open(tmp_path / "shop")
    np.testing.assert_array_equal(again.embed_users(users), towers.embed_users(users))


@pytest.mark.parametrize("weights", ["float16", "bfloat16"])
def test_half_precision_is_that_of_the_weights_as_stored(shop: Any, weights: str) -> None:
    before = shop.items.weight.detach().clone()
    towers = exported(shop, weights=getattr(torch, weights))
    assert torch.equal(shop.items.weight, before)
    full = exported(shop)
    assert not np.array_equal(towers.embed_users(made_up(8)), full.embed_users(made_up(8)))


class Attention(nn.Module):
    """What no layer of `tower.json` does."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Embedding(len(IDS) + 1, 8, padding_idx=0)
        self.query = nn.Parameter(torch.randn(8))
        self.dense = nn.Linear(9, 8)

    def forward(self, history: Any, age: Any) -> Any:
        found, real = self.items(history), history != 0
        weights = (found @ self.query).masked_fill(~real, -1e9).softmax(-1) * real
        return F.normalize(self.dense(torch.cat([(weights.unsqueeze(-1) * found).sum(1), age], -1)), dim=-1)

    def users(self, records: list[dict[str, Any]]) -> Any:
        rows = {id: row for row, id in enumerate(IDS, 1)}
        lists = [[rows[id] for id in record["history"][-LIMIT:] if id in rows] for record in records]
        ages = [[(record["age"] - 45) / 20] for record in records]
        return self(torch.tensor([row + [0] * (LIMIT - len(row)) for row in lists]), torch.tensor(ages).float())


def test_any_module_is_exported_as_an_onnx_model(shop: Any) -> None:
    pytest.importorskip("onnxscript", reason="needs onnxscript: python/test --models")
    torch.manual_seed(2)
    users, model = made_up(256), Attention()
    aim = F.normalize(torch.randn(256, 8))
    trained(model, lambda: F.mse_loss(model.users(users), aim))
    features = [
        {"kind": "indices", "field": "history", "table": "row", "limit": LIMIT, "first": 1, "pad": 0},
        {"kind": "number", "field": "age", "mean": 45, "deviation": 20},
    ]
    towers = exported(
        shop,
        user=export.Tower(
            features, model, [export.Input("history", LIMIT, torch.int64), export.Input("age", 1)],
            other_fields={"allow": ["city"]},
        ),
        tables={
            "row": {"vocabulary": {"ids": IDS, "unknown": "skip"}},
            "item": export.Table(shop.items, {"vocabulary": {"ids": IDS, "unknown": "skip"}}),
            "tag": export.Table(shop.tags, {"vocabulary": {"ids": CITIES}}),
        },
        examples={
            "user": (users[:40], lambda user: model.users([user])),
            "item": (made_up_items(), lambda item: shop.item_vectors([item])),
        },
    )  # fmt: skip
    with torch.no_grad():
        np.testing.assert_allclose(towers.embed_users(users), model.users(users).numpy(), atol=1e-5)


def test_what_cannot_be_exported_names_the_module_and_the_reason(shop: Any) -> None:
    hooked = nn.Linear(13, 8)
    hooked.register_forward_hook(lambda *_: None)
    wrong: list[tuple[Any, str]] = [
        (nn.Sequential(nn.Linear(13, 8), nn.ELU()), r"module 1 \(ELU.*SELU.*ONNX"),
        (nn.Sequential(nn.Linear(13, 8), nn.Softmax(-1)), r"module 1 \(Softmax.*ONNX"),
        (Attention(), r"\(whole\).*its forward may be anything.*ONNX"),
        (nn.Linear(12, 8), r"takes 12 numbers, the features give \[8, 4, 1\], in all 13"),
        (nn.Linear(13, 7), "vectors of 7 numbers, dimension says 8"),
        (nn.Sequential(nn.Linear(13, 8), nn.BatchNorm1d(8)), "training mode"),
        (nn.Sequential(nn.BatchNorm1d(13, track_running_stats=False).eval(), nn.Linear(13, 8)), "no running mean"),
        (export.Add(nn.Linear(13, 8)), "two branches"),
        (export.Add(nn.Linear(13, 8), nn.Linear(13, 7)), "different widths"),
        (nn.Sequential(nn.Linear(13, 8), export.Temperature(-1.0)), "above 0"),
        (nn.Sequential(nn.Linear(13, 13), export.FeatureWeights([8, 5], 3), nn.Linear(13, 8)), "the first module"),
        (export.FeatureWeights([8, 5], 3), "has features of"),
        (hooked, "hooks"),
        (nn.Sequential(nn.Linear(13, 8), nn.Flatten()), "leave it out"),
    ]
    for module, reason in wrong:
        with pytest.raises(twinspire.ExportError, match=reason):
            exported(shop, user=export.Tower(USER, module))
    table = {"vocabulary": {"ids": CITIES, "unknown": {"buckets": 2}}}
    changed: list[tuple[dict[str, Any], str]] = [
        ({"tables": {"item": export.Table(shop.items, table)}}, "has 50 rows, its look-up 5|has 51 rows"),
        ({"tables": {"item": export.Table(nn.Linear(2, 2), table)}}, "is Linear"),
        ({"tables": {"item": export.Table(nn.Embedding(5, 8, max_norm=1.0), table)}}, "max_norm"),
        ({"tables": {}}, "there is no table"),
        ({"user": export.Tower([USER[0] | {"pooling": "mean"}], nn.Identity())}, "pools by mean"),
        ({"metric": "dot"}, "metric"),
        ({"weights": torch.int8}, "weights"),
        ({"examples": {}}, "0 of the user tower"),
    ]
    for change, reason in changed:
        with pytest.raises(twinspire.ExportError, match=reason):
            exported(shop, **change)


def test_features_that_are_described_wrongly_fail_the_self_test(shop: Any) -> None:
    wrong = [USER[0], USER[1], USER[2] | {"mean": 46}]
    with pytest.raises(twinspire.TowersError, match="self-test"):
        exported(shop, user=export.Tower(wrong, shop.user))
