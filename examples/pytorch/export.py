"""Exports a two-tower model trained in PyTorch as a towers directory for `twinspire publish`.

    from export import Table, Tower, export
    export("models/shop", name="shop", metric="cosine", dimension=64,
           tables={"item": Table(model.items, {"vocabulary": {"ids": ids, "unknown": "skip"}})},
           user=Tower(features=[…], module=model.user),
           item=Tower(features=[…], module=model.item),
           examples={"user": (users, model.user_vector), "item": (items, model.item_vector)})

`python3 export.py DIR` trains a small model on a made-up shop and exports it, as shop.py says.
Needs `torch` and `safetensors`. README.md tells more; what is written, the chapter "Towers
directory" of storage-format.md.
"""

import contextlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import nn

DROPOUTS = (nn.Dropout, nn.AlphaDropout)
POOLED = ("ids", "categories", "cross", "text", "geo")
METRICS = ("cosine", "inner_product", "l2")
SAFETENSORS = {side: f"{side}.safetensors" for side in ("shared", "user", "item")}
ONNX = {side: f"{side}.onnx" for side in ("user", "item")}


class ExportError(ValueError):
    """What is in the way, and what to do about it."""


# What `nn.Sequential` cannot say: use these in the model, they train like any other module.


class Add(nn.Module):
    """The sum of what several modules make of one input; `nn.Identity()` is the input itself."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return sum(branch(x) for branch in self.branches)


class Residual(Add):
    """x + block(x)."""

    def __init__(self, block):
        super().__init__(nn.Identity(), block)


class Concat(Add):
    """What several modules make of one input, one after the other."""

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], dim=-1)


class L2Normalise(nn.Module):
    """x by its length."""

    def forward(self, x):
        return F.normalize(x, dim=-1)


class Temperature(nn.Module):
    """x / value; value is a number above 0, or an `nn.Parameter` with one."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return x / self.value


class FeatureWeights(nn.Module):
    """Weighs the features against each other (SENet); `widths` says how many numbers each gives."""

    def __init__(self, widths, units, activation=None, gate=None):
        super().__init__()
        self.widths = list(widths)
        self.squeeze = nn.Linear(len(self.widths), units)
        self.excite = nn.Linear(units, len(self.widths))
        self.activation = nn.ReLU() if activation is None else activation
        self.gate = nn.Sigmoid() if gate is None else gate

    def forward(self, x):
        means = torch.stack([part.mean(-1) for part in x.split(self.widths, -1)], -1)
        weights = self.gate(self.excite(self.activation(self.squeeze(means))))
        return x * weights.repeat_interleave(torch.tensor(self.widths, device=x.device), -1)


# What is handed to `export`.


@dataclass
class Table:
    """An embedding table, and which of its rows a string has (`lookup`, as in tower.json)."""

    weights: object  # nn.Embedding, nn.EmbeddingBag, or a tensor of [rows, dimension]
    lookup: dict


@dataclass
class Tower:
    """One tower: its features as in tower.json, and what is computed from their numbers."""

    features: list
    module: nn.Module
    other_fields: object = None  # None leaves it out, for the default of the tower


def export(path, *, name, metric, dimension, user, item, tables=None, examples=None,
           weights=torch.float32):
    """Writes a towers directory; raises `ExportError` before anything is written.

    `examples`: {"user": (records, function), "item": (records, function), "items": {id: vector}},
    each of which may be left out. A function takes one raw record and gives the vector that the
    trained model computes for it. `twinspire publish` computes them too and refuses to go on if
    they differ, so that a mistake in the features is found before it costs recommendations.

    `weights`: torch.float16 or torch.bfloat16 for tables and dense layers in half the room.
    """
    tables = tables or {}
    require(metric in METRICS, f"metric: {metric!r} is none of {', '.join(METRICS)}")
    require(1 <= dimension <= 4096, f"dimension: {dimension} is not from 1 to 4096")
    require(weights in (torch.float32, torch.float16, torch.bfloat16),
            f"weights: {weights} is none of torch.float32, torch.float16, torch.bfloat16")
    towers = {"user": user, "item": item}
    for side, tower in towers.items():
        for where, module in tower.module.named_modules():
            if isinstance(module, (nn.BatchNorm1d, *DROPOUTS)):
                require(not module.training, f"{side} tower, module {where or '(whole)'}: is in "
                        "training mode; call .eval() on the model before exporting it")

    schema = {"format": 1, "name": name, "dimension": dimension, "metric": metric, "tables": {}}
    files = {side: {} for side in SAFETENSORS}
    readers = {side: {feature.get("table") for feature in tower.features}
               for side, tower in towers.items()}
    parts = [table.weights for table in tables.values()] + [user.module, item.module]
    with rounded(parts, weights):
        for table_name, table in tables.items():
            rows = table_rows(table_name, table)
            schema["tables"][table_name] = {"dimension": rows.shape[1], "lookup": table.lookup}
            sides = [side for side in towers if table_name in readers[side]]
            # A table that one tower reads is with its layers; all others are shared.
            home = sides[0] if len(sides) == 1 else "shared"
            files[home][f"table.{table_name}"] = stored(f"table {table_name}", rows, weights)
        for side, tower in towers.items():
            widths = [width(f"{side} tower, feature {i}", feature, tables, schema)
                      for i, feature in enumerate(tower.features)]
            walk = Walk(f"{side} tower", widths, weights)
            walk.module("", tower.module)
            require(walk.width == dimension, f"{side} tower: gives vectors of {walk.width} "
                    f"numbers, dimension says {dimension}")
            files[side].update(walk.tensors)
            schema[side] = {"features": tower.features, "layers": walk.layers}
            if tower.other_fields is not None:
                schema[side]["other_fields"] = tower.other_fields
        texts = {"tower.json": schema}
        if examples:
            texts["selftest.json"] = self_test(examples, metric, dimension)
    # `tolist` makes plain numbers and lists of those of NumPy and PyTorch.
    texts = {file: json.dumps(text, ensure_ascii=False, allow_nan=False, indent=1,
                              default=lambda value: value.tolist()) + "\n"
             for file, text in texts.items()}

    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    # A file that an earlier export left would be read as part of this one.
    for file in ["tower.json", "selftest.json", *SAFETENSORS.values(), *ONNX.values()]:
        (path / file).unlink(missing_ok=True)
    for side, tensors in files.items():
        if tensors:
            (path / SAFETENSORS[side]).write_bytes(save(tensors))
    for file, text in texts.items():
        (path / file).write_text(text, encoding="utf-8")


def require(condition, message):
    if not condition:
        raise ExportError(message)


@contextlib.contextmanager
def rounded(parts, dtype):
    """Rounds matrices in place while the self-test is computed: its vectors are to be those of the
    weights as written, and half precision differs by more than the self-test lets pass."""
    matrices = {}
    for part in parts:
        for tensor in part.parameters() if isinstance(part, nn.Module) else [part]:
            if dtype != torch.float32 and isinstance(tensor, torch.Tensor) and tensor.dim() == 2:
                matrices[id(tensor)] = (tensor, tensor.detach().clone())
    with torch.no_grad():
        try:
            for tensor, before in matrices.values():
                tensor.copy_(before.to(dtype))
            yield
        finally:
            for tensor, before in matrices.values():
                tensor.copy_(before)


def stored(where, tensor, dtype):
    """A tensor as it is written: vectors stay in 32 bits, being small and of any magnitude."""
    tensor = tensor.detach().to("cpu", dtype if tensor.dim() == 2 else torch.float32)
    room = "; torch.bfloat16 has room for larger ones" if tensor.dtype == torch.float16 else ""
    require(bool(tensor.isfinite().all()),
            f"{where}: has numbers that are not finite in {tensor.dtype}{room}")
    return tensor.clone(memory_format=torch.contiguous_format)


def table_rows(name, table):
    """The rows of a table, in the order of its lookup."""
    module, (kind, lookup) = table.weights, next(iter(table.lookup.items()))
    if kind == "vocabulary":
        ids, unknown = lookup["ids"], lookup.get("unknown")
        require(all(isinstance(id, str) for id in ids), f"table {name}: ids have to be strings")
        require(len(set(ids)) == len(ids), f"table {name}: an id stands in the vocabulary twice")
        expected = len(ids) + (unknown["buckets"] if isinstance(unknown, dict) else 0)
    elif kind in ("hash", "index"):
        expected = lookup["buckets" if kind == "hash" else "rows"]
    else:
        raise ExportError(f"table {name}: lookup {kind!r} is none of vocabulary, hash, index")
    if type(module) in (nn.Embedding, nn.EmbeddingBag):
        require(module.max_norm is None, f"table {name}: max_norm changes rows when they are read; "
                "apply it for good with table.weight.data = torch.renorm(table.weight.data, "
                "table.norm_type, 0, table.max_norm) and table.max_norm = None")
        rows, padding = module.weight, module.padding_idx
    else:
        require(isinstance(module, torch.Tensor) and module.dim() == 2, f"table {name}: is "
                f"{type(module).__name__}; nn.Embedding, nn.EmbeddingBag or a tensor of "
                "[rows, dimension] is right")
        rows, padding = module, None
    if padding is not None and len(rows) == expected + 1:
        # The row that fills up short lists is no string's.
        rows = torch.cat([rows[:padding], rows[padding + 1:]])
    require(len(rows) == expected, f"table {name}: has {len(rows)} rows, its lookup {expected}; "
            "rows of unknown strings come last, as {\"buckets\": n}; padding_idx has to name a row "
            "that is for padding only")
    return rows


def width(where, feature, tables, schema):
    """How many numbers a feature gives. `twinspire publish` checks the other keys."""
    kind, name = feature.get("kind"), feature.get("table")
    if kind == "items":
        return schema["dimension"]
    if name is not None:
        require(name in tables, f"{where}: there is no table {name!r}")
        table = tables[name].weights
        pooling = feature.get("pooling", "sum" if kind == "geo" else "mean")
        if kind in POOLED and isinstance(table, nn.EmbeddingBag):
            require(table.mode == pooling, f"{where}: pools by {pooling}, its nn.EmbeddingBag by "
                    f"{table.mode}; make them the same, or if the table is read in both ways give "
                    "its .weight in place of the module")
        return schema["tables"][name]["dimension"]
    if kind in ("number", "distance", "age"):
        return 2 if feature.get("missing_flag") else 1
    widths = {"buckets": len(feature.get("boundaries", [])) + 1, "hour": 2, "weekday": 7,
              "vector": feature.get("dimension", 0)}
    require(kind in widths, f"{where}: kind {kind!r} is not known, or needs a table")
    return widths[kind]


# Modules to layers.

ACTIVATIONS = {
    nn.ReLU: lambda m: "relu",
    nn.LeakyReLU: lambda m: {"leaky_relu": m.negative_slope},
    nn.GELU: lambda m: {"none": "gelu", "tanh": "gelu_tanh"}[m.approximate],
    nn.SELU: lambda m: "selu",
    nn.Tanh: lambda m: "tanh",
    nn.Sigmoid: lambda m: "sigmoid",
    nn.SiLU: lambda m: "swish",
}
PLAIN = ("what can be exported: Linear, ReLU, LeakyReLU, GELU, SELU, Tanh, Sigmoid, SiLU, "
         "LayerNorm, BatchNorm1d, Dropout, Identity, Sequential, and the modules of this script")
INSTEAD = {
    "PReLU": "after training with one slope, nn.LeakyReLU(prelu.weight.item()) is the same",
    "ELU": "nn.SELU is near to it, after training anew",
    "ReLU6": "nn.ReLU is near to it, after training anew",
    "RMSNorm": "nn.LayerNorm or L2Normalise is near to it, after training anew",
    "Flatten": "a tower makes one row of numbers from one record; leave it out",
    "Embedding": "tables are read by features; give it as a Table",
    "EmbeddingBag": "tables are read by features; give it as a Table",
    "OptimizedModule": "give the module that was compiled, not what torch.compile made of it",
    "DataParallel": "give its .module",
    "DistributedDataParallel": "give its .module",
}


class Walk:
    """Goes through a module in the order of its computation and writes down layers."""

    def __init__(self, tower, widths, dtype):
        self.tower, self.widths, self.dtype = tower, widths, dtype
        self.width = sum(widths)
        self.layers, self.tensors = [], {}
        self.source = None  # the name of what the next layer reads, if not of the layer before it

    def module(self, path, module):
        kind, shown = type(module), str(module)
        shown = kind.__name__ if "\n" in shown else shown
        where = f"{self.tower}, module {path or '(whole)'} ({shown})"
        require(not module._forward_hooks and not module._forward_pre_hooks, f"{where}: has hooks, "
                "which cannot be exported; after torch.nn.utils.weight_norm call "
                "remove_weight_norm, and let a lazy module run once")
        # Exactly these types: a class derived from them may compute something else.
        if isinstance(module, nn.Sequential) and kind.forward is nn.Sequential.forward:
            for name, child in module.named_children():
                self.module(f"{path}.{name}".lstrip("."), child)
        elif kind in (nn.Identity, *DROPOUTS):
            pass
        elif kind is nn.Linear:
            self.takes(where, module.in_features)
            self.layer({"kind": "dense", "units": module.out_features}
                       | ({} if module.bias is not None else {"bias": False}),
                       module.out_features, weight=module.weight, bias=module.bias)
        elif kind in ACTIVATIONS:
            self.activation(ACTIVATIONS[kind](module))
        elif kind is nn.LayerNorm:
            require(len(module.normalized_shape) == 1, f"{where}: normalises over "
                    "several dimensions; nn.LayerNorm(width) is right")
            self.takes(where, module.normalized_shape[0])
            self.layer({"kind": "layer_norm", "epsilon": module.eps}, self.width,
                       **self.affine(module))
        elif kind is nn.BatchNorm1d:
            require(module.running_mean is not None, f"{where}: has no running mean, so a vector "
                    "would depend on its batch; train with track_running_stats=True")
            self.takes(where, module.num_features)
            self.layer({"kind": "batch_norm", "epsilon": module.eps}, self.width,
                       running_mean=module.running_mean, running_var=module.running_var,
                       **self.affine(module))
        elif kind in (Add, Residual, Concat):
            self.branches(where, path, module)
        elif kind is L2Normalise:
            self.layer({"kind": "l2_normalise"}, self.width)
        elif kind is Temperature:
            require(float(module.value) > 0, f"{where}: a temperature is above 0, "
                    f"not {float(module.value)}")
            self.layer({"kind": "temperature", "value": float(module.value)}, self.width)
        elif kind is FeatureWeights:
            self.feature_weights(where, module)
        else:
            raise ExportError(f"{where}: cannot be exported; {self.instead(module)}")

    def instead(self, module):
        name = type(module).__name__
        if name in INSTEAD:
            return INSTEAD[name]
        if name.startswith("Parametrized"):
            return "call torch.nn.utils.parametrize.remove_parametrizations on it first"
        if not type(module).__module__.startswith("torch."):
            return ("its forward may be anything. Say it with trained parts, as in nn.Sequential("
                    "model.fc1, nn.ReLU(), model.fc2), with Residual, Add and Concat of this "
                    "script where it is no chain")
        return PLAIN

    def takes(self, where, inputs):
        source = f"the features give {self.widths}, in all" if not self.layers else "it is given"
        require(inputs == self.width, f"{where}: takes {inputs} numbers, {source} {self.width}")

    def layer(self, layer, width, **tensors):
        if self.source is not None:
            layer["from"], self.source = self.source, None
        for name, tensor in tensors.items():
            if tensor is not None:
                full = f"layer.{len(self.layers)}.{name.replace('__', '.')}"
                self.tensors[full] = stored(f"{self.tower}, {full}", tensor, self.dtype)
        self.layers.append(layer)
        self.width = width

    def activation(self, activation):
        last = self.layers[-1] if self.layers and self.source is None else {}
        # A layer with a name is read elsewhere too, and there without this activation.
        if last.get("kind") == "dense" and "activation" not in last and "name" not in last:
            last["activation"] = activation
        else:
            self.layer({"kind": "activation", "activation": activation}, self.width)

    def affine(self, module):
        """Weight and bias of a normalisation, which in tower.json are always there."""
        weight, bias = module.weight, module.bias
        return {"weight": torch.ones(self.width) if weight is None else weight,
                "bias": torch.zeros(self.width) if bias is None else bias}

    def here(self):
        """The name of what the next layer would read."""
        if self.source is not None:
            return self.source
        if not self.layers:
            return "input"
        return self.layers[-1].setdefault("name", f"layer_{len(self.layers) - 1}")

    def branches(self, where, path, module):
        require(len(module.branches) > 1, f"{where}: needs two branches or more")
        start, start_width = self.here(), self.width
        ends, widths = [], []
        for index, branch in enumerate(module.branches):
            self.source, self.width = start, start_width
            self.module(f"{path}.branches.{index}".lstrip("."), branch)
            ends.append(self.here())
            widths.append(self.width)
        adds = type(module) is not Concat
        require(not adds or len(set(widths)) == 1, f"{where}: adds outputs of different widths, "
                f"{widths}; put an nn.Linear into the branch that is to change its width")
        self.source = None
        self.layer({"kind": "add" if adds else "concat", "from": ends},
                   widths[0] if adds else sum(widths))

    def feature_weights(self, where, module):
        require(self.source == "input" or not self.layers, f"{where}: reads the features' numbers, "
                "so it has to be the first module")
        require(module.widths == self.widths, f"{where}: has features of {module.widths} numbers, "
                f"the tower of {self.widths}")
        activations = [type(module.activation), type(module.gate)]
        require(all(kind in ACTIVATIONS for kind in activations), f"{where}: activation and gate "
                "are to be activations; " + PLAIN)
        self.layer({"kind": "feature_weights", "units": module.squeeze.out_features,
                    "activation": ACTIVATIONS[activations[0]](module.activation),
                    "gate": ACTIVATIONS[activations[1]](module.gate)}, self.width,
                   squeeze__weight=module.squeeze.weight, squeeze__bias=module.squeeze.bias,
                   excite__weight=module.excite.weight, excite__bias=module.excite.bias)


def self_test(examples, metric, dimension):
    """Records, and the vectors that the model in PyTorch computes for them."""

    def vector(where, value, unit):
        value = torch.as_tensor(value).detach().to("cpu", torch.float64)
        value = value.squeeze(0) if value.dim() == 2 else value  # a batch of one
        require(value.shape == (dimension,), f"{where}: has the shape {list(value.shape)}, "
                f"not [{dimension}]")
        length = value.norm().item()
        require(math.isfinite(length), f"{where}: is not finite")
        require(length > 0 or not unit, f"{where}: is all zeros, which cosine cannot compare")
        # Nine digits are all that 32 bits hold.
        return [float(f"{x:.9g}") for x in (value / length if unit else value).tolist()]

    test = {}
    for side, of_side in examples.items():
        if side == "items":
            test[side] = {id: vector(f"examples, vector of item {id}", value, False)
                          for id, value in of_side.items()}
            continue
        require(side in ("user", "item"), f"examples: {side!r} is none of user, item, items")
        records, function = of_side
        test[side] = [{"record": record, "vector": vector(f"examples, vector of {side} {i}",
                                                          function(record), metric == "cosine")}
                      for i, record in enumerate(records)]
    return test


if __name__ == "__main__":
    import shop

    shop.main()
