"""Serve a model of TensorFlow Recommenders from Twinspire, in the place of ScaNN.

    pip install ./python tensorflow tensorflow-recommenders && python examples/python/tfrs_recall.py

The model is that of the TFRS tutorial on retrieval: two sequential towers and `tfrs.tasks.Retrieval`. There, an index
takes the vectors of all items, and is built anew and saved beside the model whenever either changes:

    index = tfrs.layers.factorized_top_k.ScaNN(model.user)
    index.index_from_dataset(tf.data.Dataset.zip((ids, ids.batch(100).map(model.item))))
    scores, found = index(tf.constant(["u7"]))

Here, `db.publish` does all of that in one step that readers never see by half, items can be filtered and written at any
time, and TensorFlow is not needed to answer. The output:

    Towers('films', 16 components, inner_product) embed 400 films
    u8 likes comedy and is recalled: …
    the vectors differ from those of TensorFlow by … at most
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

# TFRS builds on Keras 2.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

import twinspire
from twinspire.export.keras import Tower, towers

GENRES = ("comedy", "drama", "crime", "war")
FILMS = [{"id": f"f{n}", "genre": GENRES[n % 4], "year": 1960 + n % 60} for n in range(400)]
USERS = [f"u{n}" for n in range(200)]


class Retrieval(tfrs.Model):
    """The tutorial's model."""

    def __init__(self) -> None:
        super().__init__()
        layers = tf.keras.layers
        ids = [film["id"] for film in FILMS]
        self.user = tf.keras.Sequential([layers.StringLookup(vocabulary=USERS), layers.Embedding(len(USERS) + 1, 16)])
        self.item = tf.keras.Sequential([layers.StringLookup(vocabulary=ids), layers.Embedding(len(ids) + 1, 16)])
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features: Any, training: bool = False) -> Any:
        return self.task(self.user(features["user"]), self.item(features["film"]))


def main() -> None:
    rng = np.random.default_rng(4)
    tf.keras.utils.set_random_seed(4)
    # Users like one genre, and mostly see films of it.
    seen = rng.integers(0, 100, (len(USERS), 40)) * 4 + np.arange(len(USERS))[:, None] % 4
    log = {"user": np.repeat(USERS, 40), "film": np.array([f"f{n}" for n in seen.ravel()])}
    model = Retrieval()
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.5))
    model.fit(tf.data.Dataset.from_tensor_slices(log).shuffle(8000, seed=4).batch(256), epochs=8, verbose=0)

    made = towers(
        name="films",
        metric="inner_product",
        user=Tower(model.user, fields="user_id"),
        item=Tower(model.item, fields="id"),
        examples={
            "user": ([{"user_id": id} for id in USERS], lambda user: model.user(tf.constant([user["user_id"]]))),
            "item": (FILMS, lambda film: model.item(tf.constant([film["id"]]))),
        },
    )
    with tempfile.TemporaryDirectory() as directory, twinspire.open(Path(directory) / "films.twin") as db:
        db.items.put_many(FILMS)
        db.publish("films", made)
        print(f"{made} embed {len(db.items)} films")
        hits = db.recall("films", user={"user_id": "u8"}, k=5, filter="year >= 1990", records=True)
        found = [(hit.id, hit.record["genre"], hit.record["year"]) for hit in hits if hit.record is not None]
        print(f"u8 likes {GENRES[0]} and is recalled: {found}")
        expected = model.user(tf.constant(USERS)).numpy()
        difference = np.abs(made.embed_users([{"user_id": id} for id in USERS]) - expected).max()
        print(f"the vectors differ from those of TensorFlow by {difference:.1e} at most")


if __name__ == "__main__":
    main()
