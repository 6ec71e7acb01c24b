"""Towers of factor models: a vector for each user."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from twinspire._twinspire import Towers
from twinspire.export._towers import CASES, Metric, float32, open_towers, safetensors, self_test


def factors(
    user_ids: Iterable[str],
    user_vectors: npt.ArrayLike,
    *,
    name: str = "factors",
    metric: Metric = "inner_product",
    field: str = "user_id",
) -> Towers:
    """Towers of a factor model, such as ALS or BPR of `implicit` and LightFM: a vector for each user.

    The vectors of the items are published with them:
    ``db.publish_vectors("als", item_ids, item_vectors, towers=towers)``. Biases of items are one more component of
    their vectors, with a 1 in those of the users. A recall of a user without a vector is refused.

    Parameters
    ----------
    user_ids : iterable of str
        The id of each row.
    user_vectors : array_like
        A row for each user.
    name : str, default 'factors'
        The name of the model.
    metric : {'cosine', 'inner_product', 'l2'}
        How users and items are compared.
    field : str, default 'user_id'
        The field of a user's record that holds the id.

    Returns
    -------
    Towers

    Examples
    --------
    >>> towers = factors(["ann", "bob"], [[1.0, 0.0], [0.6, 0.8]])
    >>> db.publish_vectors("als", ["B01", "B02"], [[2.0, 0.0], [0.0, 3.0]], towers=towers).items
    2
    >>> db.recall("als", user={"user_id": "bob"}, k=1).ids
    ['B02']
    """
    ids = [str(id) for id in user_ids]
    vectors = np.ascontiguousarray(user_vectors, dtype="<f4")
    if vectors.ndim != 2 or len(vectors) != len(ids) or not ids:
        raise ValueError(f"a matrix with a row for each of {len(ids)} users expected, found shape {vectors.shape}")
    described = {
        "format": 1,
        "name": name,
        "dimension": vectors.shape[1],
        "metric": metric,
        "tables": {"user": {"dimension": vectors.shape[1], "lookup": {"vocabulary": {"ids": ids}}}},
        "user": {"features": [{"kind": "id", "field": field, "table": "user"}], "layers": []},
    }
    # All users are in the self-test of few, and some of all ranks in that of many.
    chosen = np.unique(np.linspace(0, len(ids) - 1, CASES).astype(int))
    test = self_test({"user": [({field: ids[at]}, vectors[at]) for at in chosen]}, metric, vectors.shape[1])
    return open_towers(described, test, {"user.safetensors": safetensors({"table.user": float32(vectors)})})
