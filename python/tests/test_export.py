from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twinspire
from twinspire import export


@pytest.mark.parametrize("metric", ["cosine", "inner_product", "l2"])
def test_factors_recall_as_their_products(empty: twinspire.Database, metric: Any) -> None:
    rng = np.random.default_rng(3)
    users, items = (rng.normal(size=(count, 16)).astype(np.float32) for count in (256, 300))
    towers = export.factors([f"u{n}" for n in range(256)], users, metric=metric)
    embedded = towers.embed_users([{"user_id": f"u{n}"} for n in range(256)])
    lengths = np.linalg.norm(users, axis=1, keepdims=True) if metric == "cosine" else 1.0
    np.testing.assert_allclose(embedded, users / lengths, atol=1e-5)
    empty.items.put_many({"id": f"i{n}"} for n in range(300))
    empty.publish_vectors("als", [f"i{n}" for n in range(300)], items, towers=towers)
    hits = empty.recall("als", user={"user_id": "u7"}, k=5, exact=True)
    if metric == "inner_product":
        assert hits.ids == [f"i{n}" for n in np.argsort(-(items @ users[7]))[:5]]
    with pytest.raises(twinspire.FeatureError):
        empty.recall("als", user={"user_id": "stranger"})


def test_wrong_factors_are_refused() -> None:
    wrong: list[tuple[list[str], Any]] = [(["a"], [[1.0], [2.0]]), (["a"], [1.0]), ([], np.zeros((0, 3)))]
    for ids, vectors in wrong:
        with pytest.raises(ValueError, match="a row for each"):
            export.factors(ids, vectors)
    with pytest.raises(twinspire.TowersError):
        export.factors(["a", "a"], [[1.0], [2.0]])
    with pytest.raises(twinspire.ExportError, match="not finite"):
        export.factors(["a"], [[float("nan")]])


FIXTURES = Path(__file__).parents[2] / "crates" / "towers" / "tests" / "fixtures" / "onnx-exported"


def test_onnx_models_give_the_vectors_of_the_trained_model() -> None:
    described = json.loads((FIXTURES / "tower.json").read_text())
    cases = json.loads((FIXTURES / "selftest.json").read_text())
    examples = {side: [(case["record"], case["vector"]) for case in cases[side]] for side in ("user", "item")}
    towers: dict[str, Any] = {
        side: export.OnnxTower(
            FIXTURES / f"{side}.onnx" if side == "user" else (FIXTURES / f"{side}.onnx").read_bytes(),
            described[side]["features"],
            [(one["name"], one["width"]) for one in layer["inputs"]] if "inputs" in layer else None,
        )
        for side in ("user", "item")
        for layer in described[side]["layers"]
    }
    tables = {name: table["lookup"] for name, table in described["tables"].items()}
    shape: dict[str, Any] = {"name": "exported", "metric": described["metric"], "dimension": described["dimension"]}
    made = export.onnx(**shape, **towers, tables=tables, examples=examples)
    for side, embed in (("user", made.embed_users), ("item", made.embed_items)):
        found = embed([record for record, _ in examples[side]])
        np.testing.assert_allclose(found, [vector for _, vector in examples[side]], atol=1e-5)
    assert made.self_test is not None and made.self_test.cases == sum(map(len, examples.values()))
    assert made.self_test.difference < 1e-5
    record, vector = examples["item"][0]
    np.testing.assert_allclose(made.embed_item(record).vector, vector, atol=1e-5)
    record, vector = examples["user"][0]
    assert made.embed_user(record).features
    wrong = {"user": [(record, [-component for component in vector])]}
    with pytest.raises(twinspire.TowersError, match="self-test"):
        export.onnx(**shape, **towers, tables=tables, examples=wrong)
    with pytest.raises(twinspire.TowersError):
        export.onnx(**shape, user=export.OnnxTower(b"no model", towers["user"].features), tables=tables)


def test_examples_that_are_no_vectors_are_named() -> None:
    model = export.OnnxTower(b"is not looked at", [{"kind": "number", "field": "n"}])
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"users": []}, "'users' is not 'user', 'item' or 'items'"),
        ({"user": [({"n": 1}, [1.0, 0.0]), ({"n": 2}, [1.0])]}, r"user 1: the vector has the shape \(1,\), not \(2,\)"),
        ({"user": ([{"n": 3}], lambda record: [record["n"], float("inf")])}, "user 0: the vector has numbers"),
        ({"user": [({"n": 1}, [0.0, 0.0])]}, "user 0: the vector is all zeros"),
        ({"items": {"B01": [[1.0, 0.0], [0.0, 1.0]]}}, r"item B01: the vector has the shape \(2, 2\)"),
    ]
    for examples, reason in wrong:
        with pytest.raises(twinspire.ExportError, match=reason):
            export.onnx(name="n", metric="cosine", dimension=2, user=model, examples=examples)
