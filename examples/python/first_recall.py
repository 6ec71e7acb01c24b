"""A first recall: items, vectors from elsewhere, a filter, a batch, a rollback.

    pip install ./python && python examples/python/first_recall.py

Needs no data: the vectors are made up. The output:

    Database('…/shop.twin', 1000 items, 1 space)
    near item 7: Hits(B0007 1.000, …)
    red and cheap: ['B0…', …]
    100 users, (100, 10) ids
    generation 2 is active, then 1 again
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import twinspire

rng = np.random.default_rng(7)
ids = [f"B{n:04}" for n in range(1000)]
vectors = rng.normal(size=(1000, 32)).astype(np.float32)

with tempfile.TemporaryDirectory() as directory, twinspire.open(Path(directory) / "shop.twin") as db:
    db.items.put_many(
        {"id": id, "colour": ("red", "blue")[n % 2], "price": n % 100} for n, id in enumerate(ids)
    )
    db.publish_vectors("look", ids, vectors, metric="cosine")
    print(db)

    print("near item 7:", db.recall("look", vector=vectors[7], k=5))
    cheap = db.recall("look", vector=vectors[7], k=5, filter="colour = 'red' and price < 20", records=True)
    assert all(hit.record is not None and hit.record["price"] < 20 for hit in cheap)
    print("red and cheap:", cheap.ids)

    similar = [db.similar("look", id, k=10).ids for id in ids[:100]]
    print(f"{len(similar)} users, {np.array(similar).shape} ids")

    generation = db.publish_vectors("look", ids, -vectors, metric="cosine")
    print(f"generation {generation.number} is active, then {db.rollback('look').number} again")
