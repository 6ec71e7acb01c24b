from __future__ import annotations

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
    with pytest.raises(twinspire.TowersError):
        export.factors(["a"], [[float("nan")]])
