"""Models that torch-rechub trains give the same vectors as towers."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import twinspire

pytest.importorskip("torch", reason="needs torch: python/test --models")
pytest.importorskip("onnxscript", reason="needs onnxscript: python/test --models")
pytest.importorskip("torch_rechub", reason="needs torch-rechub: python/test --models")
import torch
from torch_rechub.basic.features import DenseFeature, SequenceFeature, SparseFeature
from torch_rechub.models.matching import DSSM, MIND

from twinspire.export import rechub

IDS, CITIES = [f"i{n}" for n in range(40)], ["rome", "oslo", "lima"]
ENCODERS = {
    "item_id": {id: row for row, id in enumerate(IDS, 1)},
    "city": {city: row for row, city in enumerate(CITIES)},
}
LENGTH = 5


def made_up(count: int) -> list[dict[str, Any]]:
    rng = random.Random(5)
    return [
        {
            "history": [rng.choice(IDS) for _ in range(rng.randint(0, 8))],
            "city": rng.choice(CITIES),
            "age": rng.randint(18, 80),
        }
        for _ in range(count)
    ]


ITEMS = [{"id": id, "price": 1.0 + n} for n, id in enumerate(IDS)]


def inputs(records: list[dict[str, Any]], side: str) -> dict[str, Any]:
    """The tensors that a training makes of records."""
    if side == "item":
        ids = [ENCODERS["item_id"][record["id"]] for record in records]
        return {"item_id": torch.tensor(ids), "price": torch.tensor([record["price"] / 40 for record in records])}
    rows = [[ENCODERS["item_id"][id] for id in record["history"][-LENGTH:]] for record in records]
    return {
        "history": torch.tensor([[0] * (LENGTH - len(row)) + row for row in rows]),
        "city": torch.tensor([ENCODERS["city"][record["city"]] for record in records]),
        "age": torch.tensor([(record["age"] - 45) / 20 for record in records]),
    }


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(1)
    items = SparseFeature("item_id", vocab_size=len(IDS) + 1, embed_dim=8, padding_idx=0)
    history = SequenceFeature("history", len(IDS) + 1, 8, pooling="mean", shared_with="item_id", padding_idx=0)
    model = DSSM(
        user_features=[history, SparseFeature("city", len(CITIES), 8), DenseFeature("age")],
        item_features=[items, DenseFeature("price")],
        user_params={"dims": [16, 8], "activation": "prelu"},
        item_params={"dims": [16, 8], "activation": "prelu"},
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    users, rng = made_up(256), np.random.default_rng(2)
    for _ in range(20):
        bought = [ITEMS[n] for n in rng.integers(0, len(ITEMS), len(users))]
        scores = model(inputs(users, "user") | inputs(bought, "item"))
        loss = torch.nn.functional.binary_cross_entropy(scores, torch.tensor(rng.integers(0, 2, 256)).float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def vectors(model: Any, records: list[dict[str, Any]], side: str) -> Any:
    model.mode = side
    with torch.no_grad():
        found = model(inputs(records, side)).numpy()
    model.mode = None
    return found


def exported(model: Any, **changed: Any) -> twinspire.Towers:
    settings: dict[str, Any] = {
        "name": "dssm",
        "encoders": ENCODERS,
        "lengths": {"history": LENGTH},
        "features": {
            "item_id": {"field": "id"},
            "age": {"mean": 45, "deviation": 20},
            "price": {"mean": 0, "deviation": 40},
        },
        "examples": {
            "user": (made_up(40), lambda user: vectors(model, [user], "user")),
            "item": (ITEMS, lambda item: vectors(model, [item], "item")),
        },
    }
    return rechub.towers(model, **(settings | changed))


def test_each_tower_gives_the_vectors_of_the_model(model: Any) -> None:
    towers = exported(model)
    assert model.mode is None
    users = made_up(256)
    np.testing.assert_allclose(towers.embed_users(users), vectors(model, users, "user"), atol=1e-5)
    np.testing.assert_allclose(towers.embed_items(ITEMS), vectors(model, ITEMS, "item"), atol=1e-5)
    with pytest.raises(twinspire.FeatureError, match="city"):
        towers.embed_users([users[0] | {"city": "atlantis"}])
    lenient = exported(model, unknown="skip")
    padded = [users[0] | {"city": CITIES[0], "history": []}]
    unknown = [users[0] | {"city": "atlantis", "history": ["unheard of"]}]
    np.testing.assert_allclose(lenient.embed_users(unknown), lenient.embed_users(padded), atol=1e-6)


def test_what_cannot_be_exported_names_the_feature_and_the_reason(model: Any) -> None:
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        (torch.nn.Linear(2, 2).eval(), {}, "no user_features.*onnx"),
        (model, {"encoders": {"city": ENCODERS["city"]}}, "feature history: encoders has no row numbers"),
        (model, {"encoders": ENCODERS | {"city": {"rome": 0, "oslo": 2}}}, "feature city.*not consecutive"),
        (model, {"encoders": ENCODERS | {"city": {"rome": 2, "oslo": 3}}}, "feature city.*rows up to 3"),
        (model, {"lengths": {}}, "feature history: say how long"),
        (model, {"examples": {}}, "0 of the user tower"),
    ]
    for given, changed, reason in wrong:
        with pytest.raises(twinspire.ExportError, match=reason):
            exported(given, **changed)
    training = DSSM([SparseFeature("city", 3, 4)], [SparseFeature("city", 3, 4)], {"dims": [4]}, {"dims": [4]})
    with pytest.raises(twinspire.ExportError, match="training mode"):
        exported(training)


def test_a_model_of_several_interests_is_refused() -> None:
    item = SparseFeature("item_id", len(IDS) + 1, 8)
    history = SequenceFeature("history", len(IDS) + 1, 8, pooling="concat", shared_with="item_id")
    negatives = SequenceFeature("negatives", len(IDS) + 1, 8, pooling="concat", shared_with="item_id")
    user = SparseFeature("city", len(CITIES), 8)
    mind = MIND([user], [history], [item], [negatives], max_length=LENGTH).eval()
    with pytest.raises(twinspire.ExportError, match="user tower"):
        exported(mind)
