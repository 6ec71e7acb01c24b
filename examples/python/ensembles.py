"""Evaluate two ensembles with confidence intervals.

    pip install ./python && python examples/python/ensembles.py

The world is made up: what users take depends on a taste, of which one model knows a part and another one another part.
Two recipes fuse both spaces. The output shows, for each space and each recipe, how often the item that a user took is
among the first 10 of 2,000, with an interval that has 95 % confidence, and that of the difference of the two recipes,
which is narrower since both answer the same users:

    space or ensemble  hit@10  95 % interval
    clicks             0.…     [0.…, 0.…]
    …
    even - clicks_first: …
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

import twinspire
from twinspire import export

ITEMS, USERS, TASTES, K = 2000, 1500, 16, 10
rng = np.random.default_rng(3)


def interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The mean's interval of 95 % confidence, by 2,000 resamples of the users."""
    means = values[rng.integers(0, len(values), (2000, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    item_ids, user_ids = [f"i{n}" for n in range(ITEMS)], [f"u{n}" for n in range(USERS)]
    items, users = (rng.normal(size=(count, TASTES)).astype(np.float32) for count in (ITEMS, USERS))
    # Each user takes the best of some items that chance has shown.
    shown = rng.integers(0, ITEMS, (USERS, 400))
    scores = np.einsum("ud,usd->us", users, items[shown])
    took = [f"i{row}" for row in shown[np.arange(USERS), scores.argmax(axis=1)]]

    with tempfile.TemporaryDirectory() as directory, twinspire.open(Path(directory) / "world.twin") as db:
        db.items.put_many({"id": id} for id in item_ids)
        for name, knows, noise in (("clicks", slice(0, 12), 0.4), ("words", slice(8, TASTES), 0.8)):
            known, offered = (side[:, knows] + noise * rng.normal(size=side[:, knows].shape) for side in (users, items))
            db.publish_vectors(name, item_ids, offered, towers=export.factors(user_ids, known, name=name))
        db.ensembles["even"] = twinspire.weighted({"clicks": 0.5, "words": 0.5})
        db.ensembles["clicks_first"] = twinspire.weighted({"clicks": 0.9, "words": 0.1})

        asked = [{"user_id": id} for id in user_ids]
        hits = {}
        print("space or ensemble  hit@10  95 % interval")
        for name in ("clicks", "words", "even", "clicks_first"):
            found = db.recall_many(name, asked, k=K).ids
            hits[name] = np.array([item in row for item, row in zip(took, found.tolist())], dtype=np.float64)
            low, high = interval(hits[name])
            print(f"{name:<18} {hits[name].mean():.3f}   [{low:.3f}, {high:.3f}]")
        difference = hits["even"] - hits["clicks_first"]
        low, high = interval(difference)
        print(f"even - clicks_first: {difference.mean():+.3f} [{low:+.3f}, {high:+.3f}]")


if __name__ == "__main__":
    main()
