"""Towers given as ONNX models, for tests/onnx.rs, with the vectors that ONNX Runtime gives.

    pip install numpy onnx onnxruntime regex xxhash
    python3 tests/towers/onnx_models.py

writes the directories `onnx-*` beside it. What surrounds the models is computed by `reference.py`. A
second run gives the same bytes, with the same versions of `onnx` and `onnxruntime`.
"""

import numpy as np
import onnx
import onnxruntime
import reference
from onnx import TensorProto, helper, numpy_helper
from reference import dense, feature, numbers_of, table, tower

F32, F16, F64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE
I32, I64, BOOL = TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL
VOCABULARY = ["a", "b", "c", "d", "e", "f"]


class Graph:
    """Nodes one after the other, each of which gives the name of its output."""

    def __init__(self, label):
        self.label, self.nodes, self.constants = label, [], []

    def op(self, kind, *inputs, outputs=None, **attributes):
        name = outputs or f"/{kind}_{len(self.nodes)}_output"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values, dtype=np.int64):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, dtype), name))
        return name

    def weights(self, *shape, centre=0.0, spread=None, dtype=np.float32):
        label = f"{self.label}/{len(self.constants)}"
        spread = 2.2 / shape[-1] ** 0.5 if spread is None else spread
        values = reference.random_numbers(label, shape, centre, spread)
        return self.constant(values, dtype)

    def linear(self, x, inputs, units):
        return self.op("Gemm", x, self.weights(units, inputs), self.weights(units, spread=0.4),
                       transB=1)

    def model(self, inputs, outputs, opset=17):
        """`inputs` and `outputs`: name to (type, shape)."""
        def ports(all):
            return [helper.make_tensor_value_info(name, *of) for name, of in all.items()]

        graph = helper.make_graph(self.nodes, self.label, ports(inputs), ports(outputs),
                                  self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                  ir_version=8, producer_name="onnx_models.py")
        onnx.checker.check_model(model, full_check=True)
        return model


def runs(model, layer):
    """What gives a layer's output for its input, by ONNX Runtime."""
    session = onnxruntime.InferenceSession(model.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    types = {"tensor(float)": np.float32, "tensor(float16)": np.float16,
             "tensor(double)": np.float64, "tensor(int32)": np.int32,
             "tensor(int64)": np.int64, "tensor(bool)": bool}
    ports = {port.name: port for port in session.get_inputs()}
    widths = [(given["name"], given["width"]) for given in layer.get("inputs", [])] or [
        (name, port.shape[1] if len(port.shape) == 2 else 1) for name, port in ports.items()]
    output = layer.get("output", session.get_outputs()[0].name)

    def run(x):
        given, at = {}, 0
        for name, width in widths:
            shape = (1, width)[: len(ports[name].shape)]
            given[name] = x[at : at + width].reshape(shape).astype(types[ports[name].type])
            at += width
        assert at == len(x)
        return session.run([output], given)[0][0].astype(np.float64)

    return run


RUNS = {}
reference.LAYERS["onnx"] = lambda layer, x, tensors: RUNS[id(layer)](x)


def write(name, schema, models, users, items):
    """`models`: side to its model; the tower of the side has the layer."""
    for side, model in models.items():
        (layer,) = [layer for layer in schema[side]["layers"] if layer["kind"] == "onnx"]
        RUNS[id(layer)] = runs(model, layer)
    reference.write_fixture(name, schema, users, items)
    directory = reference.HERE / name
    for side, model in models.items():
        (directory / f"{side}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    size = sum(file.stat().st_size for file in directory.iterdir())
    assert size < 50_000, (name, size)


def layer(units, *inputs, **keys):
    given = [{"name": name, "width": width} for name, width in inputs]
    return {"kind": "onnx", "units": units, **({"inputs": given} if given else {}), **keys}


def number(field, **keys):
    return feature("number", field, **keys)


def write_mlp():
    """Dense layers on numbers; inputs are the model's own."""
    user = Graph("mlp/user")
    hidden = user.op("Relu", user.linear("x", 3, 24))
    hidden = user.op("Tanh", user.linear(hidden, 24, 16))
    user.linear(hidden, 16, 8)
    user.nodes[-1].output[0] = "vector"
    item = Graph("mlp/item")
    hidden = item.op("MatMul", "x", item.weights(4, 12))
    hidden = item.op("Sigmoid", item.op("Add", hidden, item.weights(12, spread=0.4)))
    hidden = item.op("LeakyRelu", item.op("MatMul", hidden, item.weights(12, 8)), alpha=0.1)
    item.op("Clip", hidden, item.constant(-2, np.float32), item.constant(3, np.float32),
            outputs="vector")
    schema = {
        "dimension": 8,
        "metric": "inner_product",
        "user": tower([number("age", mean=40, deviation=12, missing="zero", missing_flag=True),
                       number("visits", log=True)], [layer(8)]),
        "item": tower([feature("vector", "shape", dimension=3), number("price", log=True)],
                      [layer(8)]),
    }
    models = {
        "user": user.model({"x": (F32, ["batch", 3])}, {"vector": (F32, ["batch", 8])}),
        "item": item.model({"x": (F32, ["n", 4])}, {"vector": (F32, ["n", 8])}),
    }
    users = [{"age": 31, "visits": 4}, {"visits": 0}, {"age": 70, "visits": 1000},
             {"age": 40.5, "visits": 12}]
    items = [{"id": "1", "shape": [1, 2, 3], "price": 9.5},
             {"id": "2", "shape": [0, 0, 0], "price": 0},
             {"id": "3", "shape": [-1, 0.5, 0.25], "price": 300},
             {"id": "4", "shape": [2, -2, 1], "price": 40}]
    write("onnx-mlp", schema, models, users, items)


def write_ids():
    """Embeddings inside; inputs of each type, named, in another order than the model's."""
    user = Graph("ids/user")
    country = user.op("Gather", user.weights(5, 4, spread=1.2), "country")
    city = user.op("Squeeze", "city", user.constant([1]))
    city = user.op("Gather", user.weights(21, 6, spread=1.2), city, axis=0)
    hour = user.op("Gather", user.weights(24, 3, spread=1.2), "hour")
    hour = user.op("Reshape", hour, user.constant([0, -1]))
    member = user.op("Unsqueeze", user.op("Cast", "member", to=F32), user.constant([1]))
    age = user.op("Cast", "age", to=F32)
    all = user.op("Concat", country, city, hour, member, age, axis=1)
    hidden = user.op("Relu", user.linear(all, 15, 16))
    user.op("Identity", user.linear(hidden, 16, 8), outputs="vector")
    item = Graph("ids/item")
    maker = item.op("Gather", item.weights(31, 6, spread=1.2), "maker")
    maker = item.op("Flatten", maker, axis=1)
    all = item.op("Concat", maker, "price", axis=-1)
    item.op("Softmax", item.linear(all, 7, 8), axis=-1, outputs="vector")
    schema = {
        "dimension": 8,
        "metric": "cosine",
        "tables": {
            "country": numbers_of("vocabulary", ids=["GB", "FR", "DE", "US"],
                                  unknown={"buckets": 1}),
            "city": numbers_of("hash", buckets=20),
            "hours": numbers_of("index", rows=24),
            "maker": numbers_of("hash", buckets=30, function="farmhash"),
        },
        "user": tower(
            [number("age", mean=40, deviation=12), feature("index", "hour", "hours"),
             feature("index", "country", "country"), number("member", missing="zero"),
             feature("index", "city", "city", first=1, pad=0, missing="zero")],
            [layer(8, ("age", 1), ("hour", 1), ("country", 1), ("member", 1), ("city", 1))]),
        "item": tower([feature("index", "maker", "maker", first=1, pad=0, missing="zero"),
                       number("price", log=True)],
                      [layer(8, ("maker", 1), ("price", 1))]),
    }
    models = {
        "user": user.model(
            {"country": (I64, ["batch"]), "city": (I64, ["batch", 1]), "hour": (I32, ["batch", 1]),
             "member": (BOOL, ["batch"]), "age": (F64, ["batch", 1])},
            {"vector": (F32, ["batch", 8])}),
        "item": item.model({"maker": (I64, ["batch", 1]), "price": (F32, ["batch", 1])},
                           {"vector": (F32, ["batch", 8])}),
    }
    users = [{"age": 31, "hour": 0, "country": "FR", "city": "Lyon", "member": 1},
             {"age": 52, "hour": 23, "country": "XX"},
             {"age": 18, "hour": 12, "country": "GB", "city": "Leeds", "member": 0},
             {"age": 66, "hour": 7, "country": "US", "city": "Austin", "member": 2.5}]
    items = [{"id": "1", "maker": "Acme", "price": 9.5}, {"id": "2", "price": 0.5},
             {"id": "3", "maker": "Ayup", "price": 1000}, {"id": "4", "maker": "", "price": 40}]
    write("onnx-ids", schema, models, users, items)


def pooled(graph, ids, rows, width, padding):
    """The mean of the embeddings of ids that are no padding; none give zeros."""
    real = graph.op("Not", graph.op("Equal", ids, graph.constant(padding)))
    mask = graph.op("Unsqueeze", graph.op("Cast", real, to=F32), graph.constant([2]))
    found = graph.op("Gather", graph.weights(rows, width, spread=1.2), ids)
    sum = graph.op("ReduceSum", graph.op("Mul", found, mask), graph.constant([1]), keepdims=0)
    count = graph.op("ReduceSum", mask, graph.constant([1]), keepdims=0)
    count = graph.op("Max", count, graph.constant(1, np.float32))
    return graph.op("Div", sum, count)


def write_history():
    """Histories with padding, in front and behind, the padding's row first and last."""
    user = Graph("history/user")
    history = pooled(user, "history", 9, 12, 0)
    hidden = user.op("Relu", user.linear(user.op("Concat", history, "age", axis=1), 13, 16))
    user.op("Identity", user.linear(hidden, 16, 12), outputs="vector")
    item = Graph("history/item")
    related = pooled(item, "related", 7, 12, 6)
    own = item.op("Gather", item.weights(7, 12, spread=1.2), "id")
    item.op("Sub", own, related, outputs="vector")
    schema = {
        "dimension": 12,
        "metric": "cosine",
        "tables": {
            "ids": numbers_of("vocabulary", ids=VOCABULARY, unknown={"buckets": 2}),
            "known": numbers_of("vocabulary", ids=VOCABULARY, unknown="skip"),
        },
        "user": tower(
            [feature("indices", "history", "ids", limit=5, first=1, pad=0, missing="zero"),
             number("age", mean=40, deviation=12)],
            [layer(12, ("history", 5), ("age", 1))]),
        "item": tower(
            [feature("index", "id", "known", pad=6),
             feature("indices", "related", "known", limit=3, pad=6, pad_at="start",
                     missing={"default": ["a"]})],
            [layer(12, ("id", 1), ("related", 3))]),
    }
    models = {
        "user": user.model({"history": (I64, ["batch", "length"]), "age": (F32, ["batch", 1])},
                           {"vector": (F32, ["batch", 12])}),
        "item": item.model({"id": (I64, ["batch"]), "related": (I64, ["batch", 3])},
                           {"vector": (F32, ["batch", 12])}),
    }
    users = [{"history": ["a", "b"], "age": 30}, {"history": [], "age": 31}, {"age": 50},
             {"history": ["f", "e", "d", "c", "b", "a", "zz"], "age": 60},
             {"history": ["nobody"], "age": 44}]
    items = [{"id": "a", "related": ["b", "c"]}, {"id": "b", "related": []}, {"id": "c"},
             {"id": "d", "related": ["x", "a", "b", "c", "y"]}, {"id": "zz", "related": ["e"]}]
    write("onnx-history", schema, models, users, items)


def write_norms():
    """Norms and GELU as they are exported: in one operator, and in many."""
    user = Graph("norms/user")
    hidden = user.linear("x", 4, 16)
    hidden = user.op("LayerNormalization", hidden, user.weights(16, centre=1.0, spread=0.4),
                     user.weights(16, spread=0.4), axis=-1, epsilon=1e-5)
    scaled = user.op("Div", hidden, user.constant(2**0.5, np.float32))
    erf = user.op("Add", user.op("Erf", scaled), user.constant(1, np.float32))
    hidden = user.op("Mul", user.op("Mul", hidden, erf), user.constant(0.5, np.float32))
    hidden = user.linear(hidden, 16, 8)
    # F.normalize
    norm = user.op("ReduceL2", hidden, axes=[1], keepdims=1)
    norm = user.op("Clip", norm, user.constant(1e-12, np.float32))
    norm = user.op("Expand", norm, user.op("Shape", hidden))
    user.op("Div", hidden, norm, outputs="vector")
    item = Graph("norms/item")
    hidden = item.op("BatchNormalization", "x", item.weights(4, centre=1.0, spread=0.4),
                     item.weights(4, spread=0.4), item.weights(4, spread=0.4),
                     item.weights(4, centre=1.0, spread=0.6), epsilon=1e-5)
    hidden = item.linear(hidden, 4, 16)
    mean = item.op("ReduceMean", hidden, axes=[-1], keepdims=1)
    off = item.op("Sub", hidden, mean)
    square = item.op("Pow", off, item.constant(2, np.float32))
    variance = item.op("ReduceMean", square, axes=[-1], keepdims=1)
    deviation = item.op("Sqrt", item.op("Add", variance, item.constant(1e-5, np.float32)))
    hidden = item.op("Div", off, deviation)
    hidden = item.op("Mul", hidden, item.op("Sigmoid", hidden))
    item.op("Mul", item.linear(hidden, 16, 8), item.constant(0.5, np.float32), outputs="vector")
    vector = {"vector": (F32, ["batch", 8])}
    schema = {
        "dimension": 8,
        "metric": "inner_product",
        "user": tower([feature("vector", "x", dimension=4)], [layer(8)]),
        "item": tower([feature("vector", "x", dimension=4)], [layer(8)]),
    }
    models = {"user": user.model({"x": (F32, ["batch", 4])}, vector),
              "item": item.model({"x": (F32, ["batch", 4])}, vector)}
    users = [{"x": [1, 2, 3, 4]}, {"x": [0, 0, 0, 0]}, {"x": [-3, 0.5, 7, -1]},
             {"x": [100, -20, 3, 0.1]}]
    items = [{"id": str(n), **user} for n, user in enumerate(users)]
    write("onnx-norms", schema, models, users, items)


def write_exported():
    """As PyTorch exports attention over a history, shapes computed as it goes."""
    user = Graph("exported/user")
    batch = user.op("Gather", user.op("Shape", "history"), user.constant(0))
    batch = user.op("Unsqueeze", batch, user.constant([0]))
    found = user.op("Gather", user.weights(9, 8, spread=1.2), "history")
    key = user.op("Transpose", user.op("MatMul", found, user.weights(8, 8)), perm=[0, 2, 1])
    query = user.op("Expand", user.weights(1, 1, 8, spread=1.2),
                    user.op("Concat", batch, user.constant([1, 8]), axis=0))
    scores = user.op("Mul", user.op("MatMul", query, key), user.constant(8**-0.5, np.float32))
    padding = user.op("Equal", "history", user.constant(0))
    padding = user.op("Unsqueeze", padding, user.constant([1]))
    low = user.op("ConstantOfShape", user.op("Shape", scores),
                  value=numpy_helper.from_array(np.array([-1e9], np.float32)))
    scores = user.op("Where", padding, low, scores)
    seen = user.op("MatMul", user.op("Softmax", scores, axis=-1), found)
    seen = user.op("Reshape", seen, user.op("Concat", batch, user.constant([-1]), axis=0))
    last = user.op("Slice", found, user.constant([0]), user.constant([1]), user.constant([1]))
    last = user.op("Squeeze", last, user.constant([1]))
    hidden = user.op("Relu", user.linear(user.op("Concat", seen, last, axis=1), 16, 16))
    user.op("Add", user.linear(hidden, 16, 8), seen, outputs="vector")
    item = Graph("exported/item")
    found = item.op("Gather", item.weights(8, 8, spread=1.2), "id")
    item.op("Flatten", item.op("Add", found, item.linear("price", 1, 8)), outputs="vector")
    schema = {
        "dimension": 8,
        "metric": "cosine",
        "tables": {"ids": numbers_of("vocabulary", ids=VOCABULARY, unknown={"buckets": 2})},
        "user": tower([feature("indices", "history", "ids", limit=4, first=1, pad=0)],
                      [layer(8, ("history", 4))]),
        "item": tower([feature("index", "id", "ids"), number("price", log=True)],
                      [layer(8)]),
    }
    models = {
        "user": user.model({"history": (I64, ["batch_size", 4])},
                           {"vector": (F32, ["batch_size", 8])}),
        "item": item.model({"id": (I64, ["batch_size"]), "price": (F32, ["batch_size", 1])},
                           {"vector": (F32, ["batch_size", 8])}),
    }
    users = [{"history": ["a", "b"]}, {"history": ["c"]}, {"history": ["f", "e", "d", "c", "b"]},
             {"history": ["zz", "a", "yy"]}]
    items = [{"id": "a", "price": 1}, {"id": "b", "price": 20}, {"id": "c", "price": 0},
             {"id": "zz", "price": 300}]
    write("onnx-exported", schema, models, users, items)


def write_half():
    """Weights of 16 bits, cast to 32; an input of 16 bits and an output of 64."""
    user = Graph("half/user")
    weights = user.op("Cast", user.weights(3, 16, dtype=np.float16), to=F32)
    hidden = user.op("Relu", user.op("MatMul", "x", weights))
    weights = user.op("Cast", user.weights(16, 8, dtype=np.float16), to=F32)
    user.op("MatMul", hidden, weights, outputs="vector")
    item = Graph("half/item")
    wide = item.op("Cast", "x", to=F32)
    weights = item.op("Cast", item.weights(3, 8, dtype=np.float16), to=F32)
    item.op("Cast", item.op("MatMul", wide, weights), to=F64, outputs="vector")
    schema = {
        "dimension": 8,
        "metric": "l2",
        "user": tower([feature("vector", "x", dimension=3)], [layer(8)]),
        "item": tower([feature("vector", "x", dimension=3)], [layer(8)]),
    }
    models = {"user": user.model({"x": (F32, ["batch", 3])}, {"vector": (F32, ["batch", 8])}),
              "item": item.model({"x": (F16, ["batch", 3])}, {"vector": (F64, ["batch", 8])})}
    # Numbers that 16 bits hold.
    users = [{"x": [1, 2, 3]}, {"x": [0.5, -1, 0.25]}, {"x": [-2, 0.125, 1]}, {"x": [4, 0, -1.5]}]
    items = [{"id": str(n), **user} for n, user in enumerate(users)]
    write("onnx-half", schema, models, users, items)


def write_one():
    """A batch of one, and no other."""
    models = {}
    for side in ("user", "item"):
        graph = Graph(f"one/{side}")
        found = graph.op("Gather", graph.weights(7, 8, spread=1.2), "id")
        # What fixes it: a shape of one row.
        found = graph.op("Reshape", found, graph.constant([1, 8]))
        graph.op("Add", found, graph.linear("x", 2, 8), outputs="vector")
        models[side] = graph.model({"id": (I64, [1]), "x": (F32, [1, 2])},
                                   {"vector": (F32, [1, 8])})
    features = [feature("index", "id", "ids", first=1), feature("vector", "x", dimension=2)]
    schema = {
        "dimension": 8,
        "metric": "cosine",
        "tables": {"ids": numbers_of("vocabulary", ids=VOCABULARY)},
        "user": tower(features, [layer(8)]),
        "item": tower(features, [layer(8)]),
    }
    items = [{"id": "a", "x": [1, 2]}, {"id": "f", "x": [0, 0]}, {"id": "c", "x": [-1, 2]},
             {"id": "b", "x": [3, 3]}]
    write("onnx-one", schema, models, items, items)


def write_between():
    """A model among other layers, with embeddings beside it; two outputs, of which one is named."""
    user = Graph("between/user")
    hidden = user.op("Elu", user.linear("x", 12, 10))
    user.op("Identity", user.linear(hidden, 10, 6), outputs="logits")
    user.op("Softmax", "logits", axis=1, outputs="shares")
    schema = {
        "dimension": 8,
        "metric": "cosine",
        "tables": {"ids": table(6, "vocabulary", ids=VOCABULARY, unknown="skip")},
        "user": tower(
            [feature("ids", "history", "ids", limit=3), number("age", mean=40, deviation=12)],
            [dense(12, "relu", name="wide"), layer(6, ("x", 12), output="shares", name="shares"),
             {"kind": "concat", "from": ["wide", "shares", "input"]}, dense(8)]),
        "item": tower([feature("id", "id", "ids")], [dense(8)]),
    }
    models = {"user": user.model({"x": (F32, ["batch", 12])},
                                 {"logits": (F32, ["batch", 6]), "shares": (F32, ["batch", 6])})}
    users = [{"history": ["a", "b"], "age": 30}, {"history": [], "age": 51},
             {"history": ["f", "zz", "e", "d"], "age": 60}, {"history": ["c"], "age": 44}]
    items = [{"id": name} for name in VOCABULARY]
    write("onnx-between", schema, models, users, items)


def main():
    write_mlp()
    write_ids()
    write_history()
    write_norms()
    write_exported()
    write_half()
    write_one()
    write_between()


if __name__ == "__main__":
    main()
