"""Models that Keras trains give the same vectors as towers."""

from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
import pytest

import twinspire

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
pytest.importorskip("tensorflow", reason="needs tensorflow: python/test --models")
pytest.importorskip("keras", minversion="3.5", reason="needs keras: python/test --models")
import keras
from keras import layers as L

from twinspire.export import keras as export

IDS = [f"i{n}" for n in range(40)]
CITIES = ["rome", "oslo", "lima"]


def made_up(count: int) -> list[dict[str, Any]]:
    rng = random.Random(5)
    return [
        {
            "user_id": f"u{n}",
            "history": [rng.choice(IDS) for _ in range(rng.randint(1, 5))],
            "city": rng.choice([*CITIES, "atlantis"]),
            "tags": [rng.choice(CITIES) for _ in range(rng.randint(1, 3))],
            "year": rng.choice([2001, 2002, 2003]),
            "age": rng.randint(18, 80),
            "income": rng.random() * 1000,
            "taste": [rng.gauss(3, 2) for _ in range(3)],
            "device": rng.randrange(4),
        }
        for n in range(count)
    ]


def made_up_items() -> list[dict[str, Any]]:
    return [{"id": id, "price": 1.0 + n} for n, id in enumerate(IDS)]


def batch(model: Any, records: list[dict[str, Any]]) -> Any:
    """The model's own inputs for records, as a training would make them."""
    inputs = {}
    for tensor in model.inputs:
        shape, text = tensor.shape[1:], tensor.dtype == "string"
        values: list[Any] = [record[tensor.name] for record in records]
        if tensor.name == "history":
            values = [value + [""] * (5 - len(value)) for value in values]
        elif tensor.name == "tags":
            return None
        array = np.array(values, dtype=object if text else None)
        array = array.reshape(len(records), *shape) if len(shape) == 1 and array.ndim == 1 else array
        inputs[tensor.name] = keras.ops.convert_to_tensor(array.astype(str) if text else array, dtype=tensor.dtype)
    return inputs


def embedded(layer: Any, tensor: Any, width: int, **settings: Any) -> Any:
    rows = getattr(layer, "num_bins", None) or layer.vocabulary_size()
    return L.Embedding(rows, width, **settings)(layer(tensor))


def user_model() -> Any:
    """Every preprocessing layer and every layer."""
    keras.utils.set_random_seed(1)
    user = keras.Input((1,), dtype="string", name="user_id")
    history = keras.Input((5,), dtype="string", name="history")
    city = keras.Input((), dtype="string", name="city")
    year = keras.Input((1,), dtype="int64", name="year")
    age, income = (keras.Input((1,), name=name) for name in ("age", "income"))
    taste, device = keras.Input((3,), name="taste"), keras.Input((1,), dtype="int32", name="device")
    normal = L.Normalization()
    normal.adapt(np.array([record["taste"] for record in made_up(256)]))
    ids = L.StringLookup(vocabulary=IDS, mask_token="")
    parts = [
        L.Flatten()(embedded(L.Hashing(50, salt=[3, 4]), user, 4)),
        L.GlobalAveragePooling1D()(embedded(ids, history, 6, mask_zero=True)),
        embedded(L.StringLookup(vocabulary=CITIES, num_oov_indices=3), city, 3),
        L.StringLookup(vocabulary=CITIES, output_mode="one_hot")(city),
        L.Reshape((3,))(embedded(L.IntegerLookup(vocabulary=[2001, 2002]), year, 3)),
        L.Normalization(mean=45.0, variance=400.0)(age),
        L.Flatten()(embedded_bins(age)),
        L.Rescaling(1 / 500.0, offset=-1.0)(income),
        normal(taste),
        taste,
        L.CategoryEncoding(4, output_mode="one_hot")(device),
    ]
    # A branch of its own reads some of the features.
    side = L.Dense(4, activation="gelu")(L.Concatenate()(parts[:2]))
    x = L.Concatenate()([L.Dropout(0.1)(L.Concatenate()(parts)), side])
    x = L.LayerNormalization()(L.Dense(16, use_bias=False)(x))
    x = L.BatchNormalization()(L.LeakyReLU(negative_slope=0.1)(x))
    x = x + L.Dense(16, activation="silu")(keras.Sequential([L.Dense(8), L.Activation("tanh")])(x))
    x = L.Add()([x, keras.ops.relu(x)])
    vector = L.UnitNormalization()(L.Dense(8)(x))
    return keras.Model([user, history, city, year, age, income, taste, device], vector)


def embedded_bins(age: Any) -> Any:
    return L.Embedding(4, 2)(L.Discretization([20.0, 40.0, 60.0])(age))


def item_model() -> Any:
    keras.utils.set_random_seed(2)
    id, price = keras.Input((1,), dtype="string", name="id"), keras.Input((1,), name="price")
    parts = [L.Flatten()(embedded(L.StringLookup(vocabulary=IDS, num_oov_indices=0), id, 6)), price]
    x = L.Dense(12, activation="relu")(L.Concatenate()(parts))
    return keras.Model({"id": id, "price": price}, L.UnitNormalization()(L.Dense(8)(x)))


@pytest.fixture(scope="module")
def models() -> tuple[Any, Any]:
    """Trained to let each user find the item that stands at the same place."""
    user, item = user_model(), item_model()
    users, items = made_up(len(IDS)), made_up_items()
    optimiser = keras.optimizers.Adam(1e-2)
    import tensorflow as tf

    inputs, wanted = (batch(user, users), batch(item, items)), np.arange(len(IDS))
    for _ in range(15):
        with tf.GradientTape() as tape:
            vectors = user(ordered(user, inputs[0]), training=True)
            scores = vectors @ tf.transpose(item(inputs[1], training=True))
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(wanted, scores / 0.1, from_logits=True))
        weights = user.trainable_weights + item.trainable_weights
        optimiser.apply_gradients(zip(tape.gradient(loss, weights), weights))
    return user, item


def ordered(model: Any, inputs: Any) -> list[Any]:
    return [inputs[tensor.name] for tensor in model.inputs]


def test_a_functional_model_gives_its_vectors(models: tuple[Any, Any]) -> None:
    user, item = models
    towers = export.towers(
        name="shop",
        metric="inner_product",
        user=export.Tower(user, other_fields="ignore"),
        item=export.Tower(item),
        examples={"user": made_up(40), "item": made_up_items()},
    )
    users, items = made_up(256), made_up_items()
    expected = np.asarray(user(ordered(user, batch(user, users)), training=False))
    np.testing.assert_allclose(towers.embed_users(users), expected, atol=1e-5)
    expected = np.asarray(item(batch(item, items), training=False))
    np.testing.assert_allclose(towers.embed_items(items), expected, atol=1e-5)


def test_sequential_models_give_their_vectors_as_in_tfrs() -> None:
    keras.utils.set_random_seed(4)
    model = keras.Sequential([L.StringLookup(vocabulary=IDS), L.Embedding(len(IDS) + 1, 8), L.Dense(4)])
    import tensorflow as tf

    ids = [*IDS, "unheard of"]
    expected = np.asarray(model(tf.constant(ids)))
    towers = export.towers(
        name="ids",
        metric="l2",
        item=export.Tower(model, fields="id"),
        examples={"item": [({"id": id}, vector) for id, vector in zip(ids, expected)]},
    )
    np.testing.assert_allclose(towers.embed_items([{"id": id} for id in ids]), expected, atol=1e-5)


def test_models_of_keras_2_are_exported_too() -> None:
    legacy = pytest.importorskip("tf_keras", reason="needs tf_keras: python/test --models")
    legacy.utils.set_random_seed(6)
    table = [legacy.layers.StringLookup(vocabulary=IDS), legacy.layers.Embedding(len(IDS) + 1, 4)]
    user = legacy.Sequential(table)
    age = legacy.Input((1,), name="age")
    id = legacy.Input((1,), dtype="string", name="id")
    normal = legacy.layers.Normalization(mean=3.0, variance=4.0)
    parts = [legacy.layers.Flatten()(legacy.Sequential(table)(id)), normal(age)]
    item = legacy.Model([id, age], legacy.layers.Dense(4, "relu")(legacy.layers.Concatenate()(parts)))
    import tensorflow as tf

    items = [{"id": id, "age": float(n)} for n, id in enumerate(IDS)]
    expected = user(tf.constant(IDS)).numpy()
    towers = export.towers(
        name="legacy",
        metric="l2",
        user=export.Tower(user, fields="id"),
        item=export.Tower(item),
        examples={"user": [({"id": id}, vector) for id, vector in zip(IDS, expected)], "item": items},
    )
    np.testing.assert_allclose(towers.embed_users([{"id": id} for id in IDS]), expected, atol=1e-5)
    expected = item([tf.constant([[one["id"]] for one in items]), tf.constant([[one["age"]] for one in items])]).numpy()
    np.testing.assert_allclose(towers.embed_items(items), expected, atol=1e-5)


def test_lists_of_any_length_are_encoded_and_pooled() -> None:
    keras.utils.set_random_seed(5)
    tags = keras.Input((None,), dtype="string", name="tags")
    lookup = L.StringLookup(vocabulary=CITIES)
    parts = [
        L.StringLookup(vocabulary=CITIES, output_mode="multi_hot")(tags),
        L.StringLookup(vocabulary=CITIES, output_mode="count")(tags),
        L.GlobalMaxPooling1D()(L.Embedding(4, 3)(lookup(tags))),
        L.CategoryEncoding(4, output_mode="multi_hot")(lookup(tags)),
    ]
    model = keras.Model(tags, L.Dense(4)(L.Concatenate()(parts)))
    users = [{"tags": record["tags"]} for record in made_up(256)]
    towers = export.towers(
        name="tags", metric="l2", user=export.Tower(model), examples={"user": users[:40]}
    )
    expected = [np.asarray(model(keras.ops.convert_to_tensor([user["tags"]])))[0] for user in users]
    np.testing.assert_allclose(towers.embed_users(users), expected, atol=1e-5)


def test_features_take_further_keys() -> None:
    age = keras.Input((1,), name="age")
    model = keras.Model(age, L.Dense(2)(L.Normalization(mean=45.0, variance=400.0)(age)))
    towers = export.towers(
        name="age",
        metric="l2",
        user=export.Tower(model, fields={"age": "years"}, features={"years": {"missing": {"default": 45}}}),
        examples={"user": [{"years": years} for years in range(18, 60)]},
    )
    np.testing.assert_allclose(towers.embed_users([{}]), towers.embed_users([{"years": 45}]))


def small(make: Any, **input: Any) -> Any:
    given = keras.Input(**({"shape": (1,), "name": "x"} | input))
    return keras.Model(given, make(given))


def test_what_cannot_be_exported_names_the_layer_and_the_reason() -> None:
    class Own(L.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

    class OwnModel(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    text: dict[str, Any] = {"dtype": "string"}
    lookup = L.StringLookup(vocabulary=CITIES, mask_token="")
    many = L.StringLookup(vocabulary=[f"w{n}" for n in range(5000)], output_mode="multi_hot")
    wrong: list[tuple[Any, str]] = [
        (OwnModel(), "is a OwnModel, whose call may compute anything.*onnx"),
        (small(lambda x: Own(name="mine")(x)), r"layer mine \(Own\).*of your own.*onnx"),
        (small(lambda x: L.Dense(2, activation="softmax", name="d")(x)), r"layer d \(Dense\).*'softmax'.*onnx"),
        (small(lambda x: L.PReLU()(x)), r"\(PReLU\): cannot be exported.*onnx"),
        (small(lambda x: L.ReLU(max_value=6.0)(x)), "max_value"),
        (small(lambda x: L.Multiply()([x, x])), r"\(Multiply\)"),
        (small(lambda x: L.Dense(2)(lookup(x)), **text), "row numbers as if they were quantities"),
        (small(lambda x: L.GlobalAveragePooling1D()(L.Embedding(5, 2)(lookup(x))), shape=(3,), **text), "mask_zero"),
        (small(lambda x: L.Dense(2)(L.Embedding(5, 2)(lookup(x))), shape=(3,), **text), "embeddings of several"),
        (small(lambda x: L.Embedding(2, 2)(lookup(x)), shape=(), **text), "has 2 rows, the layer before it gives 5"),
        (small(lambda x: many(x), **text), "5001 rows"),
        (small(lambda x: L.StringLookup(vocabulary=CITIES, output_mode="tf_idf", idf_weights=[1, 1, 1])(x), **text),
         "'tf_idf'"),
        (small(lambda x: L.IntegerLookup(vocabulary=[1], num_oov_indices=2, output_mode="multi_hot")(x), dtype="int64"),
         "num_oov_indices"),
        (small(lambda x: L.Flatten()(x), shape=(2, 2)), "a record has no matrix"),
        (keras.Model(given := keras.Input((1,)), [L.Dense(2)(given), L.Dense(2)(given)]), "2 outputs"),
        (keras.Sequential([L.StringLookup(vocabulary=CITIES), L.Embedding(4, 2)]), "has no input yet"),
    ]  # fmt: skip
    for model, reason in wrong:
        with pytest.raises(twinspire.ExportError, match=reason):
            export.towers(name="wrong", metric="l2", user=export.Tower(model), examples={"user": []})
