"""A reference for towers, written from the chapter "Towers directory" of
storage-format.md alone, and the fixtures beside it.

    pip install numpy regex xxhash
    python3 tests/towers/reference.py

writes a directory per architecture: tower.json, safetensors files and a
selftest.json with records and the vectors expected for them. A second run
gives the same bytes. `regex` is there for Unicode's Alphabetic property, which
Python's own `isalpha` is not.
"""

import datetime
import json
import math
import random
import struct
from itertools import product
from pathlib import Path

import numpy as np
import regex
import xxhash

HERE = Path(__file__).resolve().parent


class Refused(Exception):
    """The schema or the record is one that must be refused."""


# ---------------------------------------------------------------------------
# Hash functions

M32 = 2**32 - 1
M64 = 2**64 - 1


def xxh3(data, seed):
    return xxhash.xxh3_64_intdigest(data, seed)


def rotl32(x, r):
    return (x << r | x >> 32 - r) & M32


def rotl64(x, r):
    return (x << r | x >> 64 - r) & M64


def rotr64(x, r):
    return rotl64(x, 64 - r)


def siphash24(data, k0, k1):
    v0 = k0 ^ 0x736F6D6570736575
    v1 = k1 ^ 0x646F72616E646F6D
    v2 = k0 ^ 0x6C7967656E657261
    v3 = k1 ^ 0x7465646279746573

    def rounds(n):
        nonlocal v0, v1, v2, v3
        for _ in range(n):
            v0 = (v0 + v1) & M64
            v1 = rotl64(v1, 13) ^ v0
            v0 = rotl64(v0, 32)
            v2 = (v2 + v3) & M64
            v3 = rotl64(v3, 16) ^ v2
            v0 = (v0 + v3) & M64
            v3 = rotl64(v3, 21) ^ v0
            v2 = (v2 + v1) & M64
            v1 = rotl64(v1, 17) ^ v2
            v2 = rotl64(v2, 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v3 ^= word
        rounds(2)
        v0 ^= word
    v2 ^= 255
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


def murmur3_32(data, seed):
    """MurmurHash3, 32 bits, x86 form, as an unsigned number."""

    def scrambled(k):
        return rotl32(k * 0xCC9E2D51 & M32, 15) * 0x1B873593 & M32

    h = seed
    whole = len(data) // 4 * 4
    for (k,) in struct.iter_unpack("<I", data[:whole]):
        h = (rotl32(h ^ scrambled(k), 13) * 5 + 0xE6546B64) & M32
    h ^= scrambled(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & M32
    h = (h ^ h >> 13) * 0xC2B2AE35 & M32
    return h ^ h >> 16


def murmur3_signed(data, seed):
    h = murmur3_32(data, seed)
    return h - 2**32 if h >= 2**31 else h


FARM_K0 = 0xC3A5C85C97CB3127
FARM_K1 = 0xB492B66FBE98F273
FARM_K2 = 0x9AE16A3B2F90404F


def u64_at(data, at):
    return int.from_bytes(data[at : at + 8], "little")


def u32_at(data, at):
    return int.from_bytes(data[at : at + 4], "little")


def shift_mix(x):
    return x ^ x >> 47


def farm_mix(u, v, mul):
    a = shift_mix((u ^ v) * mul & M64)
    b = shift_mix((v ^ a) * mul & M64)
    return b * mul & M64


def farm_0_to_16(s):
    n = len(s)
    mul = FARM_K2 + 2 * n
    if n >= 8:
        a = (u64_at(s, 0) + FARM_K2) & M64
        b = u64_at(s, n - 8)
        c = (rotr64(b, 37) * mul + a) & M64
        d = (rotr64(a, 25) + b) * mul & M64
        return farm_mix(c, d, mul)
    if n >= 4:
        return farm_mix(n + (u32_at(s, 0) << 3), u32_at(s, n - 4), mul)
    if n > 0:
        y = s[0] + (s[n // 2] << 8)
        z = n + (s[-1] << 2)
        return shift_mix((y * FARM_K2 ^ z * FARM_K0) & M64) * FARM_K2 & M64
    return FARM_K2


def farm_17_to_32(s):
    n = len(s)
    mul = FARM_K2 + 2 * n
    a = u64_at(s, 0) * FARM_K1 & M64
    b = u64_at(s, 8)
    c = u64_at(s, n - 8) * mul & M64
    d = u64_at(s, n - 16) * FARM_K2 & M64
    u = (rotr64((a + b) & M64, 43) + rotr64(c, 30) + d) & M64
    v = (a + rotr64((b + FARM_K2) & M64, 18) + c) & M64
    return farm_mix(u, v, mul)


def farm_33_to_64(s):
    n = len(s)
    mul = FARM_K2 + 2 * n
    a = u64_at(s, 0) * FARM_K2 & M64
    b = u64_at(s, 8)
    c = u64_at(s, n - 8) * mul & M64
    d = u64_at(s, n - 16) * FARM_K2 & M64
    y = (rotr64((a + b) & M64, 43) + rotr64(c, 30) + d) & M64
    z = farm_mix(y, (a + rotr64((b + FARM_K2) & M64, 18) + c) & M64, mul)
    e = u64_at(s, 16) * mul & M64
    f = u64_at(s, 24)
    g = (y + u64_at(s, n - 32)) * mul & M64
    h = (z + u64_at(s, n - 24)) * mul & M64
    u = (rotr64((e + f) & M64, 43) + rotr64(g, 30) + h) & M64
    v = (e + rotr64((f + a) & M64, 18) + g) & M64
    return farm_mix(u, v, mul)


def farm_weak(s, at, a, b):
    w, x, y, z = struct.unpack_from("<4Q", s, at)
    a = (a + w) & M64
    b = rotr64((b + a + z) & M64, 21)
    c = a
    a = (a + x + y) & M64
    b = (b + rotr64(a, 44)) & M64
    return (a + z) & M64, (b + c) & M64


def farm_long(s):
    n = len(s)
    x = 81
    y = (81 * FARM_K1 + 113) & M64
    z = shift_mix((y * FARM_K2 + 113) & M64) * FARM_K2 & M64
    v = w = (0, 0)
    x = (x * FARM_K2 + u64_at(s, 0)) & M64

    def step(at, mul, nine):
        nonlocal x, y, z, v, w
        x = rotr64((x + y + v[0] + u64_at(s, at + 8)) & M64, 37) * mul & M64
        y = rotr64((y + v[1] + u64_at(s, at + 48)) & M64, 42) * mul & M64
        x ^= w[1] * nine & M64
        y = (y + v[0] * nine + u64_at(s, at + 40)) & M64
        z = rotr64((z + w[0]) & M64, 33) * mul & M64
        v = farm_weak(s, at, v[1] * mul & M64, (x + w[0]) & M64)
        w = farm_weak(s, at + 32, (z + w[1]) & M64, (y + u64_at(s, at + 16)) & M64)
        x, z = z, x

    for at in range(0, (n - 1) // 64 * 64, 64):
        step(at, FARM_K1, 1)
    mul = (FARM_K1 + ((z & 255) << 1)) & M64
    w = ((w[0] + ((n - 1) & 63)) & M64, w[1])
    v = ((v[0] + w[0]) & M64, v[1])
    w = ((w[0] + v[0]) & M64, w[1])
    step(n - 64, mul, 9)
    u = (farm_mix(v[0], w[0], mul) + shift_mix(y) * FARM_K0 + z) & M64
    return farm_mix(u, (farm_mix(v[1], w[1], mul) + x) & M64, mul)


def farmhash(s):
    """Fingerprint64, which is Hash64 of farmhashna."""
    if len(s) <= 16:
        return farm_0_to_16(s)
    if len(s) <= 32:
        return farm_17_to_32(s)
    if len(s) <= 64:
        return farm_33_to_64(s)
    return farm_long(s)


def check_hash_functions():
    def rows(hash_of, strings, n):
        return [hash_of(s.encode()) % n for s in strings]

    # The examples in the documentation of TensorFlow and Keras.
    assert rows(farmhash, ["Hello", "TensorFlow", "2.x"], 3) == [0, 2, 2]
    assert rows(farmhash, "ABCDE", 3) == [1, 0, 1, 1, 2]
    assert rows(lambda s: siphash24(s, 1, 2), ["Hello", "TF"], 3) == [2, 0]
    assert rows(lambda s: siphash24(s, 133, 137), "ABCDE", 3) == [1, 2, 1, 0, 2]
    # Both ends of every length branch, as the C++ library gives them.
    text = bytes(i * 7 + 3 & 255 for i in range(300))
    for length, value in FARM_VECTORS.items():
        assert farmhash(text[:length]) == value, length
    # From the paper on SipHash, its appendix A.
    key = struct.unpack("<2Q", bytes(range(16)))
    assert siphash24(bytes(range(15)), *key) == 0xA129CA6149BE45E5
    # From the tests of scikit-learn.
    assert murmur3_signed(b"foo", 0) == -156908512
    assert murmur3_signed(b"foo", 42) == -1322301282
    assert xxh3(b"", 0) == 0x2D06800538D394C2


FARM_VECTORS = {
    0: 0x9AE16A3B2F90404F,
    1: 0xBEC09CC447469D8B,
    3: 0x40B4412E33EEFD64,
    4: 0xF3C7EE05197A7B92,
    7: 0x4FEF0B39C12AA9A4,
    8: 0x0C97ECBC1E9D2626,
    16: 0x7EDA0ED8C837A168,
    17: 0xC9518FE63EBF6127,
    32: 0xA53F806F23A314E8,
    33: 0xC24F9D7CE864F0E9,
    64: 0x0566266CB579ECA2,
    65: 0x77E0867714E6B0E4,
    128: 0x666823960B3AC271,
    129: 0x98206B8579BCA083,
    300: 0xDFBCED116079AF13,
}


# ---------------------------------------------------------------------------
# Tables


def string_of(value):
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    raise Refused(f"not a string: {value!r}")


def strings_of(value):
    """A string or a list of them."""
    return [string_of(v) for v in (value if isinstance(value, list) else [value])]


def hash_rows(spec, string):
    data = string.encode("utf-8")
    function = spec.get("function", "xxh3")
    seed = spec.get("seed", 0)
    rows = []
    for i in range(spec.get("hashes", 1)):
        if function == "xxh3":
            value = xxh3(data, seed + i)
        elif function == "farmhash":
            value = farmhash(data)
        elif function == "murmur3":
            value = abs(murmur3_signed(data, seed + i))
        else:
            value = siphash24(data, *function["siphash"])
        rows.append(value % spec["buckets"])
    return rows


def vocabulary_rows(spec, string):
    ids = spec["ids"]
    unknown = spec.get("unknown", "error")
    if string in ids:
        return [ids.index(string)]
    if unknown == "error":
        raise Refused(f"unknown: {string!r}")
    if unknown == "skip":
        return []
    return [len(ids) + hash_rows(unknown, string)[0]]


def index_rows(spec, string):
    if not regex.fullmatch("0|[1-9][0-9]*", string) or int(string) >= spec["rows"]:
        raise Refused(f"not a row: {string!r}")
    return [int(string)]


LOOKUPS = {"hash": hash_rows, "vocabulary": vocabulary_rows, "index": index_rows}


def embedding(model, table, string):
    """The embedding of a string, or None if the string is passed over."""
    ((kind, spec),) = model.schema["tables"][table]["lookup"].items()
    rows = LOOKUPS[kind](spec, string)
    weights = model.tensors["table." + table]
    return sum(weights[row] for row in rows) if rows else None


# ---------------------------------------------------------------------------
# Pooling


def recency_weights(recency, count):
    """The weights of `count` places, the newest last."""
    if recency is None:
        newest_first = [1.0] * count
    elif "decay" in recency:
        newest_first = [recency["decay"] ** age for age in range(count)]
    else:
        given = recency["weights"]
        newest_first = [given[min(age, len(given) - 1)] for age in range(count)]
    return newest_first[::-1]


def pool(model, feature, found, width, default="mean"):
    """Pools a list of embeddings, None where a place was passed over."""
    how = feature.get("pooling", default)
    weights = recency_weights(feature.get("recency"), len(found))
    kept = [(w, e) for w, e in zip(weights, found) if e is not None]
    if not kept:
        return np.zeros(width, model.real)
    if how == "max":
        return np.max([e for _, e in kept], axis=0)
    total = sum(w * e for w, e in kept)
    if how == "sum":
        return total
    if how == "mean":
        divisor = sum(w for w, _ in kept)
    else:
        divisor = math.sqrt(sum(w * w for w, _ in kept))
    # The text says nothing of weights that are all 0; their sum is zeros already.
    return total / divisor if divisor > 0 else total


def pool_strings(model, feature, strings, default="mean"):
    table = feature["table"]
    found = [embedding(model, table, s) for s in strings]
    return pool(model, feature, found, model.schema["tables"][table]["dimension"], default)


# ---------------------------------------------------------------------------
# Features: each takes the values of its fields and gives its numbers


def id_feature(model, feature, value):
    return pool_strings(model, feature, [string_of(value)])


def ids_feature(model, feature, value):
    return pool_strings(model, feature, [string_of(v) for v in value[-feature["limit"] :]])


def items_feature(model, feature, value):
    found = [model.items.get(string_of(v)) for v in value[-feature["limit"] :]]
    return pool(model, feature, found, model.schema["dimension"])


def categories_feature(model, feature, value):
    return pool_strings(model, feature, strings_of(value))


def cross_feature(model, feature, first, second):
    pairs = product(strings_of(first), strings_of(second))
    return pool_strings(model, feature, [f"{a}_X_{b}" for a, b in pairs])


def words_of(text):
    return regex.findall(r"[\p{Alphabetic}\p{Nd}\p{Nl}\p{No}]+", text.lower())


def runs(sequence, lengths):
    least, most = lengths
    return [
        sequence[at : at + length]
        for length in range(least, most + 1)
        for at in range(len(sequence) - length + 1)
    ]


def letter_grams(words, lengths):
    marked = [f"#{word}#" for word in words]
    return [g for m in marked for g in ([m] if len(m) < lengths[0] else runs(m, lengths))]


def text_feature(model, feature, *values):
    """All texts there are, each with grams of its own, the limit counting on."""
    left = feature.get("limit")
    strings = []
    for value in values:
        if value is not None:
            words = words_of(value)[:left]
            left = None if left is None else left - len(words)
            strings += grams_of(feature, words)
    return pool_strings(model, feature, strings)


def grams_of(feature, words):
    grams = feature.get("grams", "trigrams")
    if grams == "trigrams":
        grams = {"letters": [3, 3]}
    if "letters" in grams:
        return letter_grams(words, grams["letters"])
    if "both" in grams:
        of_words = [" ".join(run) for run in runs(words, grams["both"]["words"])]
        return letter_grams(words, grams["both"]["letters"]) + [f"#{run}#" for run in of_words]
    return [" ".join(run) for run in runs(words, grams["words"])]


def prepared(feature, x):
    """A number after the number keys, in 64 bits and then rounded to 32."""
    x = float(x)
    if "clip" in feature:
        least, most = feature["clip"]
        x = min(max(x, least), most)
    if feature.get("log", False):
        x = math.copysign(math.log1p(abs(x)), x)
    x = (x - feature.get("mean", 0)) / feature.get("deviation", 1)
    return np.array([np.float32(x)])


def number_feature(model, feature, value):
    return prepared(feature, value)


def chosen(model, feature, which, count):
    """A row of the feature's table, or without a table a 1 among zeros."""
    if "table" in feature:
        return embedding(model, feature["table"], str(which))
    return np.eye(count)[which]


def buckets_feature(model, feature, value):
    boundaries = feature["boundaries"]
    below = sum(boundary <= value for boundary in boundaries)
    return chosen(model, feature, below, len(boundaries) + 1)


def geo_feature(model, feature, point):
    cells = []
    for i, scale in enumerate(feature["scales"]):
        y = math.floor((point["lat"] + 90) / scale)
        x = math.floor((point["lon"] + 180) / scale)
        cells.append(f"{i}:{y}:{x}")
    return pool_strings(model, feature, cells, default="sum")


def distance_feature(model, feature, here, there=None):
    there = feature["to"] if there is None else there
    lat, lon, other_lat, other_lon = map(
        math.radians, [here["lat"], here["lon"], there["lat"], there["lon"]]
    )
    h = (
        math.sin((other_lat - lat) / 2) ** 2
        + math.cos(lat) * math.cos(other_lat) * math.sin((other_lon - lon) / 2) ** 2
    )
    return prepared(feature, 2 * 6371.0088 * math.asin(math.sqrt(h)))


RFC_3339 = regex.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))"
)


def seconds_of(time):
    """Seconds since 1970-01-01T00:00:00Z."""
    if not isinstance(time, str):
        return time
    match = RFC_3339.fullmatch(time)
    if not match:
        raise Refused(f"not a time: {time!r}")
    year, month, day, hours, minutes, seconds = map(int, match.groups()[:6])
    fraction, sign, off_hours, off_minutes = match.groups()[6:]
    days = datetime.date(year, month, day) - datetime.date(1970, 1, 1)
    whole = days.days * 86400 + hours * 3600 + minutes * 60 + seconds
    if sign:
        whole -= int(sign + "1") * (int(off_hours) * 3600 + int(off_minutes) * 60)
    return whole + float(fraction or 0)


def local_seconds(feature, time):
    return seconds_of(time) + 60 * feature.get("utc_offset", 0)


def hour_feature(model, feature, time):
    hours = local_seconds(feature, time) % 86400 / 3600
    if "table" in feature:
        return embedding(model, feature["table"], str(math.floor(hours)))
    turn = 2 * math.pi * hours / 24
    return np.array([math.sin(turn), math.cos(turn)])


def weekday_feature(model, feature, time):
    # 1970-01-01 was a Thursday.
    days = math.floor(local_seconds(feature, time) / 86400)
    return chosen(model, feature, (days + 3) % 7, 7)


def age_feature(model, feature, time, until=None):
    until = feature["until"] if until is None else seconds_of(until)
    return prepared(feature, (until - seconds_of(time)) / 86400)


def vector_feature(model, feature, value):
    if len(value) != feature["dimension"]:
        raise Refused("a vector of another dimension")
    return np.array(value, np.float32)


def row_number(feature, table, string):
    """The number of a string's row, or None if the string is passed over."""
    ((kind, spec),) = table["lookup"].items()
    rows = LOOKUPS[kind](spec, string)
    return feature.get("first", 0) + rows[0] if rows else None


def index_feature(model, feature, value):
    number = row_number(feature, model.schema["tables"][feature["table"]], string_of(value))
    return np.array([feature["pad"] if number is None else number])


def indices_feature(model, feature, value):
    table = model.schema["tables"][feature["table"]]
    strings = [string_of(v) for v in value[-feature["limit"] :]]
    numbers = [row_number(feature, table, string) for string in strings]
    numbers = [number for number in numbers if number is not None]
    padding = [feature["pad"]] * (feature["limit"] - len(numbers))
    first = feature.get("pad_at", "end") == "start"
    return np.array(padding + numbers if first else numbers + padding)


FEATURES = {
    "id": id_feature,
    "ids": ids_feature,
    "items": items_feature,
    "categories": categories_feature,
    "cross": cross_feature,
    "text": text_feature,
    "number": number_feature,
    "buckets": buckets_feature,
    "geo": geo_feature,
    "distance": distance_feature,
    "hour": hour_feature,
    "weekday": weekday_feature,
    "age": age_feature,
    "vector": vector_feature,
    "index": index_feature,
    "indices": indices_feature,
}


def fields_of(feature):
    if feature["kind"] == "cross":
        return feature["fields"]
    second = feature.get("to", feature.get("until"))
    others = [second] if isinstance(second, str) else feature.get("also", [])
    return [feature["field"], *others]


def width_without_flag(schema, feature):
    if feature["kind"] in ("index", "indices"):
        return feature.get("limit", 1)
    if "table" in feature:
        return schema["tables"][feature["table"]]["dimension"]
    if feature["kind"] == "items":
        return schema["dimension"]
    if feature["kind"] == "buckets":
        return len(feature["boundaries"]) + 1
    if feature["kind"] == "vector":
        return feature["dimension"]
    return {"hour": 2, "weekday": 7}.get(feature["kind"], 1)


def feature_numbers(model, feature, record):
    values = [record.get(field) for field in fields_of(feature)]
    absent = [value is None for value in values]
    missing = all(absent) if feature["kind"] == "text" else any(absent)
    rule = feature.get("missing", "error")
    if missing and rule == "error":
        raise Refused(f"missing: {fields_of(feature)}")
    if missing and rule == "zero":
        nothing = feature["pad"] if feature["kind"] in ("index", "indices") else 0.0
        numbers = np.full(width_without_flag(model.schema, feature), nothing)
    else:
        if missing:
            values = [rule["default"]]
        numbers = FEATURES[feature["kind"]](model, feature, *values)
    if feature.get("missing_flag", False):
        numbers = np.append(numbers, float(missing))
    return numbers.astype(model.real)


# ---------------------------------------------------------------------------
# Layers: each takes what it reads and its own tensors by their last names


def gelu(x):
    erf = np.array([math.erf(v / math.sqrt(2)) for v in x], x.dtype)
    return x * (1 + erf) / 2


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def selu(x):
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return np.where(x < 0, scale * alpha * np.expm1(x), scale * x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "selu": selu,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "swish": lambda x: x * sigmoid(x),
}


def activated(activation, x):
    if isinstance(activation, dict):
        return np.where(x < 0, activation["leaky_relu"] * x, x)
    return ACTIVATIONS[activation](x)


def dense_layer(layer, x, tensors):
    y = tensors["weight"] @ x
    if layer.get("bias", True):
        y = y + tensors["bias"]
    return activated(layer.get("activation", "linear"), y)


def activation_layer(layer, x, tensors):
    return activated(layer["activation"], x)


def bias_layer(layer, x, tensors):
    return x + tensors["bias"]


def layer_norm_layer(layer, x, tensors):
    spread = np.sqrt(np.var(x) + layer.get("epsilon", 1e-5))
    return tensors["weight"] * (x - np.mean(x)) / spread + tensors["bias"]


def batch_norm_layer(layer, x, tensors):
    spread = np.sqrt(tensors["running_var"] + layer.get("epsilon", 1e-5))
    return tensors["weight"] * (x - tensors["running_mean"]) / spread + tensors["bias"]


def add_layer(layer, xs, tensors):
    return sum(xs)


def concat_layer(layer, xs, tensors):
    return np.concatenate(xs)


def feature_weights_layer(layer, features, tensors):
    means = np.array([np.mean(numbers) for numbers in features])
    squeezed = activated(
        layer.get("activation", "relu"),
        tensors["squeeze.weight"] @ means + tensors["squeeze.bias"],
    )
    weights = activated(
        layer.get("gate", "sigmoid"),
        tensors["excite.weight"] @ squeezed + tensors["excite.bias"],
    )
    return np.concatenate([w * numbers for w, numbers in zip(weights, features)])


def l2_normalise_layer(layer, x, tensors):
    length = np.sqrt(np.sum(x * x))
    return x / length if length > 0 else x


def temperature_layer(layer, x, tensors):
    return x / layer["value"]


LAYERS = {
    "dense": dense_layer,
    "activation": activation_layer,
    "bias": bias_layer,
    "layer_norm": layer_norm_layer,
    "batch_norm": batch_norm_layer,
    "add": add_layer,
    "concat": concat_layer,
    "feature_weights": feature_weights_layer,
    "l2_normalise": l2_normalise_layer,
    "temperature": temperature_layer,
}


# ---------------------------------------------------------------------------
# A tower


class Model:
    """A schema, the tensors a tower reads, and the vectors of known items.

    `real` is the type of the arithmetic: 64 bits, but for a check in 32."""

    def __init__(self, schema, tensors, items=None, real=np.float64):
        self.schema = schema
        self.tensors = {name: t.astype(real) for name, t in tensors.items()}
        self.items = {k: np.array(v, np.float32).astype(real) for k, v in (items or {}).items()}
        self.real = real


def check_other_fields(tower, record, default):
    rule = tower.get("other_fields", default)
    read = {field for feature in tower["features"] for field in fields_of(feature)}
    others = record.keys() - read
    allowed = others if rule == "ignore" else set(rule["allow"] if rule != "error" else [])
    if others - allowed:
        raise Refused(f"fields that no feature reads: {sorted(others - allowed)}")


def run_layers(model, layers, features):
    outputs = {"input": np.concatenate(features)}
    last = outputs["input"]
    for n, layer in enumerate(layers):
        prefix = f"layer.{n}."
        tensors = {k[len(prefix) :]: t for k, t in model.tensors.items() if k.startswith(prefix)}
        source = layer.get("from")
        if layer["kind"] == "feature_weights":
            read = features
        elif isinstance(source, list):
            read = [outputs[name] for name in source]
        else:
            read = outputs[source] if source else last
        last = LAYERS[layer["kind"]](layer, read, tensors)
        if "name" in layer:
            outputs[layer["name"]] = last
    return last


def vector_of(model, side, record):
    """The vector that the tower of `side`, user or item, gives for a record."""
    tower = model.schema[side]
    check_other_fields(tower, record, {"user": "error", "item": "ignore"}[side])
    features = [feature_numbers(model, feature, record) for feature in tower["features"]]
    vector = run_layers(model, tower["layers"], features)
    if model.schema["metric"] == "cosine":
        length = np.sqrt(np.sum(vector * vector))
        if length == 0:
            raise Refused("all zeros under cosine")
        vector = vector / length
    return vector


# ---------------------------------------------------------------------------
# Which tensors a schema describes


def rows_of(lookup):
    ((kind, spec),) = lookup.items()
    if kind == "hash":
        return spec["buckets"]
    if kind == "index":
        return spec["rows"]
    unknown = spec.get("unknown", "error")
    return len(spec["ids"]) + (unknown["buckets"] if isinstance(unknown, dict) else 0)


def file_of_table(schema, name):
    def reads(side):
        return any(feature.get("table") == name for feature in schema[side]["features"])

    if reads("user") == reads("item"):
        return "shared"
    return "user" if reads("user") else "item"


def layer_shapes(layer, width, features):
    """The width of a layer's output and the shapes of its tensors."""
    kind = layer["kind"]
    if kind == "onnx":
        return layer["units"], {}
    if kind == "dense":
        units = layer["units"]
        shapes = {"weight": (units, width)}
        if layer.get("bias", True):
            shapes["bias"] = (units,)
        return units, shapes
    if kind == "feature_weights":
        units = layer["units"]
        return width, {
            "squeeze.weight": (units, features),
            "squeeze.bias": (units,),
            "excite.weight": (features, units),
            "excite.bias": (features,),
        }
    names = {
        "bias": ["bias"],
        "layer_norm": ["weight", "bias"],
        "batch_norm": ["weight", "bias", "running_mean", "running_var"],
    }
    return width, {name: (width,) for name in names.get(kind, [])}


def tower_shapes(schema, side):
    features, layers = schema[side]["features"], schema[side]["layers"]
    widths = [width_without_flag(schema, f) + f.get("missing_flag", False) for f in features]
    known = {"input": sum(widths)}
    width = known["input"]
    shapes = {}
    for n, layer in enumerate(layers):
        source = layer.get("from")
        if isinstance(source, list):
            read = [known[name] for name in source]
            if layer["kind"] == "add" and len(set(read)) > 1:
                raise Refused("a sum of several widths")
            width = sum(read) if layer["kind"] == "concat" else read[0]
        elif layer["kind"] == "feature_weights":
            width = known["input"]
        elif source:
            width = known[source]
        width, own = layer_shapes(layer, width, len(features))
        shapes.update({f"layer.{n}.{name}": shape for name, shape in own.items()})
        if "name" in layer:
            known[layer["name"]] = width
    if width != schema["dimension"]:
        raise Refused(f"the {side} tower gives {width} numbers")
    return shapes


def described_tensors(schema):
    """File name to tensor name to shape."""
    files = {
        "shared": {},
        "user": tower_shapes(schema, "user"),
        "item": tower_shapes(schema, "item"),
    }
    for name, table in schema.get("tables", {}).items():
        if "dimension" not in table:
            continue
        shape = (rows_of(table["lookup"]), table["dimension"])
        files[file_of_table(schema, name)]["table." + name] = shape
    return {name: shapes for name, shapes in files.items() if shapes}


# ---------------------------------------------------------------------------
# Stored types and safetensors files


def bf16_bits(x):
    bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")


def stored(x, dtype):
    """The bytes of a tensor in its stored type, and the numbers they mean."""
    if dtype == "BF16":
        bits = bf16_bits(x)
        return bits.tobytes(), (bits.astype(np.uint32) << 16).view(np.float32)
    rounded = np.asarray(x, {"F32": "<f4", "F16": "<f2"}[dtype])
    return rounded.tobytes(), rounded.astype(np.float32)


def write_safetensors(path, tensors, aligned=True):
    """`tensors`: name to (dtype, shape, bytes)."""
    header, end = {}, 0
    for name, (dtype, shape, data) in sorted(tensors.items()):
        offsets = [end, end + len(data)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        end += len(data)
    text = json.dumps(header, separators=(",", ":"))
    if aligned:
        text += " " * (-len(text) % 8)
    elif len(text) % 2 == 0:
        # An odd length, so that no number in the data is aligned.
        text += " "
    data = b"".join(tensors[name][2] for name in header)
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode() + data)


# ---------------------------------------------------------------------------
# Fixtures


def random_numbers(label, shape, centre, spread):
    # `random` promises its sequence for ever, NumPy does not.
    source = random.Random(label)
    count = math.prod(shape)
    numbers = [centre + spread * (2 * source.random() - 1) for _ in range(count)]
    return np.array(numbers).reshape(shape)


def random_tensor(label, name, shape):
    if name.startswith("table."):
        return random_numbers(label, shape, 0, 1.2)
    if name.endswith("running_var"):
        return random_numbers(label, shape, 1.0, 0.6)
    if len(shape) == 2:
        return random_numbers(label, shape, 0, 2.2 / math.sqrt(shape[1]))
    if name.endswith(".weight"):
        return random_numbers(label, shape, 1.0, 0.4)
    return random_numbers(label, shape, 0, 0.4)


def dtype_of(dtypes, path):
    """The type of the longest prefix of `file/tensor` that is named."""
    named = [prefix for prefix in dtypes if path.startswith(prefix)]
    return dtypes[max(named, key=len)] if named else "F32"


def short(vector):
    """The shortest decimals that give the same numbers of 32 bits."""
    return [float(str(np.float32(x))) for x in vector]


def check_vectors(name, vectors, again):
    for vector, other in zip(vectors, again):
        most = np.max(np.abs(vector))
        assert 0.1 <= most <= 10, (name, most)
        off = np.max(np.abs(vector - other)) / max(1, most)
        assert off < 1e-5, (name, "differs in 32 bits", off)
    for i, vector in enumerate(vectors):
        for other in vectors[:i]:
            assert np.max(np.abs(vector - other)) > 1e-3, (name, "two alike")


def write_fixture(name, schema, users, items, known=(), dtypes={}, aligned=True):
    """`known`: ids of item records whose vectors `items` features are to find."""
    schema = {"format": 1, "name": name, **schema}
    directory = HERE / name
    directory.mkdir(exist_ok=True)
    for old in directory.iterdir():
        old.unlink()

    tensors = {"shared": {}, "user": {}, "item": {}}
    for file, shapes in described_tensors(schema).items():
        written = {}
        for tensor, shape in shapes.items():
            path = f"{file}/{tensor}"
            dtype = dtype_of(dtypes, path)
            data, numbers = stored(random_tensor(f"{name}/{path}", tensor, shape), dtype)
            written[tensor] = (dtype, shape, data)
            tensors[file][tensor] = numbers
        write_safetensors(directory / f"{file}.safetensors", written, aligned)

    def vectors(side, records, found, real):
        model = Model(schema, {**tensors["shared"], **tensors[side]}, found, real)
        return [vector_of(model, side, record) for record in records]

    def cases(side, records, found):
        exact = vectors(side, records, found, np.float64)
        check_vectors(f"{name}, {side}", exact, vectors(side, records, found, np.float32))
        return [{"record": r, "vector": short(v)} for r, v in zip(records, exact)]

    item_cases = cases("item", items, {})
    found = {c["record"]["id"]: c["vector"] for c in item_cases if c["record"]["id"] in known}
    selftest = {"user": cases("user", users, found), "item": item_cases}
    if found:
        selftest["items"] = found

    write_json(directory / "tower.json", json.dumps(schema, indent=1, ensure_ascii=False))
    write_json(directory / "selftest.json", selftest_text(selftest))
    size = sum(file.stat().st_size for file in directory.iterdir())
    assert size < 30_000, (name, size)


def write_left(name, schema, gaps, step):
    """What a training left: `gaps`, of items that were met in the last step, of two hash functions; and
    squares of an optimiser that count up in eighths."""
    hashes, cells = 2, 64
    entries = {}
    for item, gap in gaps.items():
        key = xxh3(item.encode(), 0)
        for function in range(hashes):
            cell = xxh3(struct.pack("<Q", key), function) % cells
            entries[function * cells + cell] = gap
    assert len(entries) == hashes * len(gaps), (name, "two items share a cell")
    frequency = struct.pack("<8sIIIQQ", b"TWINFREQ", 1, hashes, cells, step, len(entries))
    for place, gap in sorted(entries.items()):
        frequency += struct.pack("<IQf", place, step, gap)

    tables = sorted(schema["tables"].items(), key=lambda named: named[0].encode())
    count = sum(rows_of(table["lookup"]) for _, table in tables if "dimension" in table)
    for side in ("user", "item"):
        count += sum(math.prod(shape) for shape in tower_shapes(schema, side).values())
    optimiser = struct.pack("<8sIIIQ", b"TWINOPTI", 1, 1, step, count)
    optimiser += struct.pack(f"<{count}f", *(at / 8 for at in range(count)))
    for file, content in (("frequency.bin", frequency), ("optimiser.bin", optimiser)):
        (HERE / name / file).write_bytes(content + struct.pack("<Q", xxh3(content, 0)))


def selftest_text(selftest):
    """JSON with a case a line."""

    def line(value):
        return "  " + json.dumps(value, ensure_ascii=False)

    parts = []
    for key, value in selftest.items():
        if isinstance(value, list):
            parts.append(f' "{key}": [\n' + ",\n".join(map(line, value)) + "\n ]")
        else:
            lines = [f'  "{k}": {json.dumps(v)}' for k, v in value.items()]
            parts.append(f' "{key}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}"


def write_json(path, text):
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def feature(kind, field, table=None, **keys):
    table = {} if table is None else {"table": table}
    return {"kind": kind, "field": field, **table, **keys}


def cross(first, second, table, **keys):
    return {"kind": "cross", "fields": [first, second], "table": table, **keys}


def dense(units, activation=None, **keys):
    activation = {} if activation is None else {"activation": activation}
    return {"kind": "dense", "units": units, **activation, **keys}


def table(dimension, kind, **lookup):
    return {"dimension": dimension, **numbers_of(kind, **lookup)}


def numbers_of(kind, **lookup):
    """A table without embeddings."""
    return {"lookup": {kind: lookup}}


def tower(features, layers, **keys):
    return {"features": features, "layers": layers, **keys}


def vocabulary(prefix, count):
    return [f"{prefix}{i}" for i in range(count)]


def write_dssm():
    """Two towers over letter trigrams that share their table."""
    layers = [dense(24, "tanh"), dense(24, "tanh"), dense(16, "tanh")]
    schema = {
        "dimension": 16,
        "metric": "cosine",
        "tables": {"trigrams": table(12, "hash", buckets=120)},
        "user": tower([feature("text", "query", "trigrams", pooling="sum")], layers),
        "item": tower([feature("text", "title", "trigrams", pooling="sum")], layers),
    }
    users = [
        {"query": "red running shoes"},
        {"query": "Straße ÉCLAIR 東京 shoes"},
        {"query": "a"},
        {"query": "usb-c cable, 2m (braided)"},
        {"query": "shoes shoes"},
    ]
    items = [
        {"id": "p1", "title": "Running shoes for men, red, size 43"},
        {"id": "p2", "title": "USB-C to USB-C cable 2 m", "price": 9.5},
        {"id": "p3", "title": "東京 street map"},
        {"id": "p4", "title": "Éclair au chocolat, 6 pièces", "tags": ["sweet"]},
    ]
    write_fixture("dssm", schema, users, items)


def write_youtube():
    """Watches and searches, averaged, against a bare table of videos."""
    videos = vocabulary("v", 24)
    schema = {
        "dimension": 16,
        "metric": "inner_product",
        "tables": {
            "videos": table(16, "vocabulary", ids=videos, unknown="skip"),
            "searches": table(8, "hash", buckets=48, function="farmhash"),
            "countries": table(
                4, "vocabulary", ids=["GB", "FR", "JP"], unknown={"buckets": 2}
            ),
            "genders": table(2, "index", rows=3),
        },
        "user": tower(
            [
                feature("ids", "watched", "videos", limit=6),
                feature("text", "searches", "searches", grams={"words": [1, 2]}, limit=5),
                feature("id", "country", "countries", missing={"default": "unknown"}),
                feature("id", "gender", "genders", missing={"default": 0}),
                feature("number", "follows", log=True, mean=3, deviation=2),
                feature("age", "joined", until=1700000000, log=True, mean=5.5, deviation=1.5),
            ],
            [dense(28, "relu"), dense(24, "relu"), dense(16)],
        ),
        "item": tower([feature("id", "id", "videos")], []),
    }
    users = [
        {
            "watched": ["v1", "v4", "v9", "v2", "v2", "v23", "v17", "v5"],
            "searches": "live jazz Paris 1959 concert full album",
            "country": "FR",
            "gender": 1,
            "follows": 120,
            "joined": 1500000000,
        },
        {
            "watched": ["v3", "gone", "v7"],
            "searches": "",
            "country": "BR",
            "gender": "2",
            "follows": 0,
            "joined": "2023-11-01T08:00:00Z",
        },
        {"watched": [], "searches": "jazz", "follows": 3, "joined": 1699000000},
        {
            "watched": ["gone", "also gone"],
            "searches": "東京 night walk",
            "country": "JP",
            "gender": None,
            "follows": 15000,
            "joined": "2016-02-29T23:30:00+09:00",
        },
    ]
    items = [{"id": v, "title": f"video {v}"} for v in ["v0", "v2", "v17", "v23"]]
    write_fixture("youtube", schema, users, items)
    write_left("youtube", schema, {"v1": 1.5, "v9": 40.25}, step=100)


def write_ebr():
    """Text, place and social clusters on both sides."""
    tables = {
        "grams": table(10, "hash", buckets=90, seed=7),
        "cells": table(6, "hash", buckets=64, function={"siphash": [133, 137]}),
        "clusters": table(6, "hash", buckets=32, function="murmur3", seed=3),
    }
    geo_keys = {"scales": [10, 1, 0.25], "missing": "zero"}

    def side(text, units):
        features = [
            feature("text", text, "grams"),
            feature("geo", "place", "cells", **geo_keys),
            feature("categories", "clusters", "clusters", missing="zero"),
        ]
        return tower(features, [dense(units, "relu"), dense(16)])

    schema = {
        "dimension": 16,
        "metric": "cosine",
        "tables": tables,
        "user": side("query", 28),
        "item": side("name", 20),
    }
    users = [
        {"query": "John Smith", "place": {"lat": 51.5074, "lon": -0.1278}, "clusters": [17, 4]},
        {"query": "cycling club", "place": {"lat": -33.8688, "lon": 151.2093}},
        {"query": "Ελληνικά ΟΔΟΣ", "clusters": "c-9"},
        {"query": "!?", "place": {"lat": 40.7128, "lon": -74.006}, "clusters": []},
    ]
    items = [
        {"id": "g1", "name": "London cycling club", "place": {"lat": 51.53, "lon": -0.12}},
        {"id": "g2", "name": "Smith, John", "clusters": [17, 4, 4]},
        {"id": "g3", "name": "οδός", "place": {"lat": 37.98, "lon": 23.73}, "clusters": ["c-9"]},
        {"id": "g4", "name": "x", "place": None, "clusters": None},
    ]
    write_fixture("ebr", schema, users, items)


def write_mobius():
    """Query, portrait and crosses of a user; an advertiser and a bid."""
    schema = {
        "dimension": 12,
        "metric": "inner_product",
        "tables": {
            "words": table(10, "hash", buckets=80, hashes=2),
            "portrait": table(6, "hash", buckets=40),
            "crosses": table(6, "hash", buckets=60, function="murmur3"),
            "ads": table(10, "hash", buckets=64, hashes=3, seed=11),
        },
        "user": tower(
            [
                feature("text", "query", "words", grams={"words": [1, 1]}, pooling="sqrtn"),
                feature("categories", "interests", "portrait", pooling="sum"),
                cross("age", "gender", "crosses"),
                cross("interests", "city", "crosses", pooling="sum", missing="zero"),
            ],
            [dense(24, {"leaky_relu": 0.2}), dense(12, "tanh")],
            other_fields={"allow": ["device", "session"]},
        ),
        "item": tower(
            [
                feature("id", "id", "ads"),
                feature("text", "words", "words", grams={"words": [1, 1]}, pooling="sqrtn"),
                feature("number", "bid", clip=[0, 5], mean=1, deviation=0.8),
            ],
            [dense(24, {"leaky_relu": 0.2}), dense(12, "tanh")],
            other_fields={"allow": ["advertiser"]},
        ),
    }
    users = [
        {
            "query": "cheap flights to Lisbon",
            "interests": ["travel", "food"],
            "age": 34,
            "gender": "f",
            "city": "Leeds",
            "device": "phone",
        },
        {"query": "Lisbon hotels", "interests": "travel", "age": "35-44", "gender": ["m", "x"]},
        {"query": "", "interests": [], "age": 18, "gender": "m", "city": ["York", "Hull"]},
        {"query": "to to to be", "interests": ["a", "a", "b"], "age": [], "gender": "m"},
    ]
    items = [
        {"id": "ad-1", "words": "flights Lisbon", "bid": 1.25, "advertiser": "TAP"},
        {"id": "ad-2", "words": "hotels", "bid": 99},
        {"id": "ad-3", "words": "cheap car hire to rent", "bid": -0.5, "advertiser": None},
        {"id": "ad-4", "words": "", "bid": 0},
    ]
    write_fixture("mobius", schema, users, items)


def write_residual():
    """Names and `from`: residual blocks, skips, the input read again later."""
    schema = {
        "dimension": 16,
        "metric": "cosine",
        "tables": {
            "tags": table(8, "hash", buckets=40),
            "brands": table(8, "hash", buckets=40),
        },
        "user": tower(
            [
                feature("categories", "tags", "tags"),
                feature("vector", "taste", dimension=6),
                feature("number", "spend", deviation=50),
            ],
            [
                dense(15, "relu", name="first"),
                dense(15, name="second"),
                {"kind": "add", "from": ["second", "input"], "name": "block"},
                {"kind": "activation", "activation": "relu", "name": "active"},
                dense(10, "tanh", name="left", **{"from": "block"}),
                dense(10, "sigmoid", name="right", **{"from": "input"}),
                {"kind": "add", "from": ["left", "right", "left"], "name": "both"},
                {"kind": "concat", "from": ["input", "both", "active"]},
                dense(16),
            ],
        ),
        "item": tower(
            [feature("categories", "tags", "tags"), feature("id", "brand", "brands")],
            [
                {"kind": "layer_norm", "name": "normal"},
                dense(16, "gelu"),
                dense(16, name="deep"),
                {"kind": "add", "from": ["input", "deep"], "name": "sum"},
                {"kind": "activation", "activation": "gelu"},
                dense(8),
                {"kind": "activation", "activation": "swish", "name": "bottle neck"},
                {"kind": "concat", "from": ["bottle neck", "normal"]},
                dense(16, bias=False, **{"from": "bottle neck"}, name="x"),
                {"kind": "add", "from": ["x", "sum"]},
            ],
        ),
    }
    # The concat of the item tower is read by no layer: what comes after it has
    # a `from`.
    users = [
        {"tags": ["red", "warm"], "taste": [0.5, -0.25, 1, 0, -1.5, 0.125], "spend": 20},
        {"tags": [], "taste": [0, 0, 0, 0, 0, 1], "spend": 75.5},
        {"tags": "blue", "taste": [-0.3, 0.9, -0.7, 0.2, 0.4, -1.1], "spend": 0},
        {"tags": ["red", "red", "blue"], "taste": [2, 1, 0, -1, -2, 0], "spend": -30},
    ]
    items = [
        {"id": "r1", "tags": ["red"], "brand": "Acme"},
        {"id": "r2", "tags": ["blue", "warm", "old"], "brand": "Łódź"},
        {"id": "r3", "tags": [], "brand": 7},
        {"id": "r4", "tags": "red", "brand": "Łódź"},
    ]
    write_fixture("residual", schema, users, items)


def write_squeeze_excite():
    """Weights for features, of several widths, with other gates."""
    schema = {
        "dimension": 16,
        "metric": "cosine",
        "tables": {
            "ids": table(8, "hash", buckets=40),
            "days": table(5, "index", rows=7),
        },
        "user": tower(
            [
                feature("ids", "recent", "ids", limit=4),
                feature("id", "city", "ids", missing="zero"),
                feature("weekday", "at", "days"),
                feature("number", "score", missing="zero", missing_flag=True),
                feature("vector", "taste", dimension=3),
            ],
            [{"kind": "feature_weights", "units": 3}, dense(20, "relu"), dense(16)],
        ),
        "item": tower(
            [
                feature("id", "id", "ids"),
                feature("categories", "tags", "ids"),
                feature("hour", "shown"),
                feature("number", "price", log=True),
            ],
            [
                dense(12, "tanh", name="plain"),
                {
                    "kind": "feature_weights",
                    "units": 5,
                    "activation": "swish",
                    "gate": {"leaky_relu": 0.5},
                    "from": "input",
                    "name": "weighted",
                },
                {"kind": "concat", "from": ["plain", "weighted"]},
                dense(16, bias=False),
            ],
        ),
    }
    users = [
        {
            "recent": ["a", "b", "c", "d", "e"],
            "city": "Bath",
            "at": 1700000000,
            "score": 1.5,
            "taste": [1, -1, 0.5],
        },
        {"recent": ["e"], "at": 1700100000, "taste": [0.1, 0.2, 0.3]},
        {"recent": [], "city": "Rome", "at": 1700200000, "score": -2, "taste": [0, 0, 2]},
        {"recent": ["b", "a"], "city": None, "at": 0, "score": None, "taste": [-1, 1, 1]},
    ]
    items = [
        {"id": "s1", "tags": ["x", "y"], "shown": 1700000000, "price": 12},
        {"id": "s2", "tags": [], "shown": 1700030000.5, "price": 0},
        {"id": "s3", "tags": "y", "shown": "2024-06-01T05:45:00-07:00", "price": 250},
        {"id": "s4", "tags": ["z", "z", "y"], "shown": -1, "price": 3},
    ]
    write_fixture("squeeze_excite", schema, users, items)


def write_normalised():
    """Every layer that shifts or scales, with and without its epsilon."""
    schema = {
        "dimension": 16,
        "metric": "inner_product",
        "tables": {"ids": table(12, "vocabulary", ids=vocabulary("n", 20), unknown="skip")},
        "user": tower(
            [feature("ids", "ids", "ids", limit=10, pooling="sum")],
            [
                {"kind": "batch_norm"},
                dense(16, "relu"),
                {"kind": "layer_norm"},
                dense(12, bias=False),
                {"kind": "bias", "name": "biased"},
                # Zeros for a user without known ids.
                {"kind": "l2_normalise", "from": "input", "name": "unit"},
                {"kind": "concat", "from": ["biased", "unit"]},
                dense(16),
                {"kind": "l2_normalise"},
                {"kind": "temperature", "value": 0.25},
            ],
        ),
        "item": tower(
            [feature("id", "id", "ids"), feature("vector", "image", dimension=8)],
            [
                {"kind": "layer_norm", "epsilon": 0.1},
                dense(16, "tanh"),
                {"kind": "batch_norm", "epsilon": 0.5},
                {"kind": "temperature", "value": 3},
                dense(16),
                {"kind": "bias"},
                {"kind": "l2_normalise"},
            ],
        ),
    }
    users = [
        {"ids": ["n1", "n2", "n3"]},
        {"ids": ["n19"]},
        {"ids": ["nobody"]},
        {"ids": ["n4", "n4", "n7", "n8", "n0", "n11", "n12", "n13", "n14", "n4", "n9", "n10"]},
    ]
    items = [
        {"id": "n0", "image": [0.1, 0.5, -0.2, 0.3, 0.9, -0.4, 0.0, 0.25]},
        {"id": "n5", "image": [1, 1, 1, 1, 1, 1, 1, 1]},
        {"id": "n6", "image": [-2, 0, 3, 0.5, 0, 0, 1.5, -1]},
        {"id": "unlisted", "image": [0.01, 0.02, -0.03, 0.01, 0, 0.02, -0.01, 0.05]},
    ]
    write_fixture("normalised", schema, users, items)


ALL_ACTIVATIONS = [*ACTIVATIONS, {"leaky_relu": 0.1}]


def write_activations():
    """Each activation in a dense layer (user) and as a layer (item)."""
    branches = [
        dense(4, activation, name=f"branch {i}", **{"from": "input"})
        for i, activation in enumerate(ALL_ACTIVATIONS)
    ]
    alone = [
        {"kind": "activation", "activation": activation, "name": f"a{i}", "from": "base"}
        for i, activation in enumerate(ALL_ACTIVATIONS)
    ]
    schema = {
        "dimension": 16,
        "metric": "inner_product",
        "user": tower(
            [feature("vector", "x", dimension=6)],
            [
                *branches,
                {"kind": "concat", "from": [layer["name"] for layer in branches]},
                dense(16, "gelu"),
            ],
        ),
        "item": tower(
            [feature("vector", "y", dimension=6)],
            [
                dense(5, name="base"),
                *alone,
                {"kind": "concat", "from": [layer["name"] for layer in alone]},
                dense(16),
                {"kind": "activation", "activation": "gelu_tanh"},
            ],
        ),
    }
    xs = [
        [0, 0, 0, 0, 0, 0],
        [1, -1, 0.5, -0.5, 2, -2],
        [3, 0, -3, 1, 0.25, 0.75],
        [-0.1, 0.2, -0.3, 0.4, -0.5, 0.6],
        [-4, -3.5, 2.5, 4, 1.5, -2.25],
    ]
    users = [{"x": x} for x in xs]
    items = [{"id": f"y{i}", "y": x[::-1]} for i, x in enumerate(xs)]
    write_fixture("activations", schema, users, items)


def write_stored(name, dtypes, aligned=True):
    schema = {
        "dimension": 16,
        "metric": "cosine",
        "tables": {
            "both": table(8, "hash", buckets=40),
            "users": table(8, "hash", buckets=24),
            "items": table(7, "hash", buckets=24),
        },
        "user": tower(
            [
                feature("ids", "seen", "both", limit=5),
                feature("id", "city", "users"),
                feature("number", "n"),
            ],
            [dense(20, "relu"), {"kind": "layer_norm"}, dense(16)],
        ),
        "item": tower(
            [feature("id", "id", "both"), feature("id", "maker", "items")],
            [{"kind": "batch_norm"}, dense(20, "relu"), dense(16)],
        ),
    }
    users = [
        {"seen": ["h1", "h2", "h3"], "city": "Oslo", "n": 0.5},
        {"seen": ["h4"], "city": "Bergen", "n": -1},
        {"seen": [], "city": "Oslo", "n": 1.75},
        {"seen": ["h1", "h1", "h2", "h3", "h4", "h5", "h6"], "city": "Bodø", "n": 0},
    ]
    items = [{"id": f"h{i}", "maker": maker} for i, maker in enumerate(["Ny", "Nå", "Da", "Ny"])]
    write_fixture(name, schema, users, items, dtypes=dtypes, aligned=aligned)


def write_half():
    write_stored("half", {"": "F16"})


def write_bfloat():
    """Three types in a file, at odd addresses."""
    dtypes = {
        "": "BF16",
        "user/layer.0.bias": "F32",
        "user/layer.2.weight": "F16",
        "item/layer.0": "F32",
        "item/layer.1.weight": "F16",
        "item/table.items": "F32",
    }
    write_stored("bfloat", dtypes, aligned=False)


# One length or more for each branch of the hash functions.
LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 96, 127, 128]
LONG_LENGTHS = [129, 192, 200, 240, 241, 300, 513]


def string_of_length(n):
    return ("The quick brown fox jumps over 13 lazy dogs, " * 12)[n % 7 :][:n]


def write_hashes():
    """Every lookup and hash function."""
    lookups = {
        "xxh3": table(4, "hash", buckets=61),
        "xxh3 seeded": table(
            4, "hash", buckets=50, function="xxh3", seed=12345678901234567890, hashes=3
        ),
        "farmhash": table(4, "hash", buckets=59, function="farmhash"),
        "siphash": table(
            4, "hash", buckets=47, function={"siphash": [0xFEDCBA9876543210, 42]}
        ),
        "murmur3": table(4, "hash", buckets=53, function="murmur3"),
        "murmur3 seeded": table(
            4, "hash", buckets=64, function="murmur3", seed=4294967280, hashes=8
        ),
        "skip": table(4, "vocabulary", ids=["7", "true", "fox", "Fox", ""], unknown="skip"),
        "buckets": table(
            4, "vocabulary", ids=["7", "fox", "true"], unknown={"buckets": 31}
        ),
    }
    # Numbers of buckets that are no powers of 2 need all 64 bits of a hash.
    schema = {
        "dimension": 16,
        "metric": "l2",
        "tables": {
            **lookups,
            "error": table(3, "vocabulary", ids=["on", "off", "7", "false"]),
            "error too": table(3, "vocabulary", ids=["s", "m", "l"], unknown="error"),
            "index": table(3, "index", rows=12),
        },
        "user": tower(
            [feature("categories", "strings", name, pooling="sqrtn") for name in lookups]
            + [
                feature("id", "switch", "error"),
                feature("id", "size", "error too"),
                feature("id", "row", "index"),
                feature("ids", "rows", "index", limit=3),
            ],
            [dense(16)],
        ),
        "item": tower(
            [feature("id", "id", name) for name in lookups]
            + [feature("id", "row", "index"), feature("id", "switch", "error")],
            [dense(16)],
        ),
    }
    users = [
        {
            "strings": [string_of_length(n) for n in LENGTHS],
            "switch": "on",
            "size": "s",
            "row": 0,
            "rows": [1, "2", 3, 11],
        },
        {
            "strings": [string_of_length(n) for n in LONG_LENGTHS],
            "switch": "off",
            "size": "m",
            "row": "10",
            "rows": [],
        },
        {
            "strings": [7, "fox", True, "7", "Fox", False, 9007199254740993],
            "switch": 7,
            "size": "l",
            "row": 11,
            "rows": ["0"],
        },
        {"strings": True, "switch": False, "size": "s", "row": "5", "rows": [5, 5]},
        {"strings": "Straße 東京 \U0001f45f", "switch": "7", "size": "m", "row": 3, "rows": [3]},
        {"strings": string_of_length(540) * 2, "switch": "on", "size": "l", "row": 1, "rows": [2]},
    ]
    items = [
        {"id": "fox", "row": 4, "switch": "on"},
        {"id": "7", "row": "7", "switch": False},
        {"id": "true", "row": 0, "switch": "7"},
        {"id": "5e0c9a0e-7a55-4f4c-9a35-0d2b8d0c5f11", "row": 11, "switch": "off"},
        {"id": "東京", "row": 2, "switch": 7},
        {"id": "", "row": 9, "switch": "on"},
    ]
    write_fixture("hashes", schema, users, items)


def write_numbers():
    """Number keys, buckets with and without a table, vectors."""
    schema = {
        "dimension": 12,
        "metric": "l2",
        "tables": {
            "prices": table(5, "index", rows=5),
            "ages": table(5, "index", rows=9),
        },
        "user": tower(
            [
                feature("number", "plain"),
                feature("number", "clipped", clip=[-2, 2.5]),
                feature("number", "logged", log=True),
                feature("number", "scaled", mean=1.25, deviation=4),
                feature("number", "all", clip=[-1000, 1000], log=True, mean=2, deviation=1.5),
                # Only 64 bits keep the difference.
                feature("number", "large", mean=1700000000, deviation=100),
                feature("number", "flagged", missing="zero", missing_flag=True, mean=3),
                feature(
                    "number",
                    "defaulted",
                    missing={"default": 40},
                    missing_flag=True,
                    clip=[0, 30],
                    deviation=20,
                ),
                feature("number", "unflagged", missing={"default": -1.5}, log=False),
                feature("buckets", "age", "ages", boundaries=[18, 25, 35.5, 50, 65]),
                feature("buckets", "balance", boundaries=[-100, -1.5, 0, 1.5, 100]),
                feature("vector", "taste", dimension=5),
            ],
            [dense(20, "tanh"), dense(12)],
        ),
        "item": tower(
            [
                feature("buckets", "price", "prices", boundaries=[1, 10, 100, 1000]),
                feature("buckets", "price", boundaries=[5]),
                feature("buckets", "stock", boundaries=[0, 1], missing="zero"),
                feature("number", "price", log=True, mean=3),
                feature("number", "stock", missing="zero", missing_flag=True, deviation=10),
                feature("vector", "image", dimension=4, missing={"default": [1, 0, 0, -1]}),
            ],
            [dense(16, "tanh"), dense(12)],
        ),
    }
    users = [
        {
            "plain": 0.75,
            "clipped": 7,
            "logged": -20,
            "scaled": 5,
            "all": 123456789012,
            "large": 1700000123.25,
            "flagged": 4,
            "defaulted": 12,
            "unflagged": 1,
            "age": 25,
            "balance": -1.5,
            "taste": [1, 0, -1, 0.5, 0.25],
        },
        {
            "plain": -1,
            "clipped": -2.25,
            "logged": 0,
            "scaled": -3.5,
            "all": -0.5,
            "large": 1699999900,
            "age": 17.5,
            "balance": 0,
            "taste": [0.1, 0.2, 0.3, 0.4, 0.5],
        },
        {
            "plain": 1e-3,
            "clipped": 1.5,
            "logged": 3.5e2,
            "scaled": 2,
            "all": -5000.0,
            "large": 1700000000.5,
            "flagged": None,
            "defaulted": None,
            "unflagged": None,
            "age": 65,
            "balance": 1e9,
            "taste": [0, 0, 0, 0, 0],
        },
        {
            "plain": 2,
            "clipped": 2.25,
            "logged": 0.001,
            "scaled": 1,
            "all": 1000,
            "large": 1700000050,
            "flagged": 0,
            "defaulted": -5,
            "unflagged": -9,
            "age": 35,
            "balance": -100.25,
            "taste": [-1, 2, -1, 2, -1],
        },
        {
            "plain": 0,
            "clipped": -2,
            "logged": -1,
            "scaled": 0,
            "all": 0,
            "large": 1700000000,
            "flagged": 3,
            "defaulted": 31,
            "unflagged": 0,
            "age": 18,
            "balance": 99,
            "taste": [1, 1, 1, 1, 1],
        },
    ]
    items = [
        {"id": "n1", "price": 10, "stock": 0, "image": [0.5, 0.5, -0.5, 1]},
        {"id": "n2", "price": 0.5, "stock": 7},
        {"id": "n3", "price": 999.99, "stock": None, "image": None},
        {"id": "n4", "price": 1000, "image": [0, 0, 1, 0]},
        {"id": "n5", "price": 5, "stock": -3, "image": [2, -2, 0, 0]},
    ]
    write_fixture("numbers", schema, users, items)


def write_times():
    """Times as numbers and strings, offsets both ways, before and after 1970."""
    until_field = {"clip": [-400, 40000], "log": True, "mean": 2, "deviation": 3}
    schema = {
        "dimension": 12,
        "metric": "l2",
        "tables": {"hours": table(5, "index", rows=24), "days": table(5, "index", rows=8)},
        "user": tower(
            [
                feature("hour", "now"),
                feature("hour", "now", utc_offset=330),
                feature("hour", "now", "hours"),
                feature("hour", "now", "hours", utc_offset=-570),
                feature("weekday", "now"),
                feature("weekday", "now", utc_offset=780),
                feature("weekday", "now", "days"),
                feature("weekday", "now", "days", utc_offset=-720),
                feature("age", "born", until="now", **until_field),
                feature("age", "born", until=1700000000, deviation=10000),
                feature(
                    "age",
                    "last",
                    until="now",
                    missing="zero",
                    missing_flag=True,
                    deviation=30,
                    clip=[0, 60],
                ),
                # Seconds, so that fractions of them count.
                feature(
                    "age",
                    "clicked",
                    until="now",
                    clip=[-0.001, 0.001],
                    deviation=0.0005,
                    missing="zero",
                ),
            ],
            [dense(20, "tanh"), dense(12)],
        ),
        "item": tower(
            [
                feature(
                    "age", "made", until=1704067200, log=True, mean=4, deviation=2, missing="zero"
                ),
                feature("hour", "made", utc_offset=60, missing="zero"),
                feature("weekday", "made", missing={"default": "2024-01-06T12:00:00Z"}),
            ],
            [dense(14, "relu"), dense(12)],
        ),
    }
    users = [
        {"now": 1700000000, "born": "1984-02-29T06:30:00Z", "last": 1699000000},
        {"now": "2024-03-10T12:34:56Z", "born": 0, "last": "2024-03-09T23:59:30-08:00"},
        {
            "now": "2023-12-31T23:50:10.25+05:45",
            "born": "1969-07-20T20:17:40Z",
            "clicked": "2023-12-31T18:04:52.75Z",
        },
        {
            "now": -14182940.5,
            "born": "1912-04-14T23:40:20-03:27",
            "last": None,
            "clicked": -14182980.875,
        },
        {"now": "1879-03-14t11:30:07.125z", "born": "1900-03-01T00:00:01-00:00", "last": 0},
        {"now": 1709240400.75, "born": -1e9, "last": "2100-01-01T00:00:00+14:00"},
        {"now": -90061, "born": "2000-01-01T00:00:30Z", "last": -864000},
    ]
    items = [
        {"id": "t1", "made": 1700000000},
        {"id": "t2", "made": "2024-02-29T22:15:00-05:00"},
        {"id": "t3", "made": "1950-06-15T09:05:09Z"},
        {"id": "t4", "made": -1.5},
        {"id": "t5", "made": "2023-12-25T00:30:00+01:00"},
        {"id": "t6"},
    ]
    write_fixture("times", schema, users, items)


def write_places():
    """Cells at several scales and distances."""
    schema = {
        "dimension": 12,
        "metric": "l2",
        "tables": {
            "cells": table(6, "hash", buckets=97),
            "regions": table(
                5,
                "vocabulary",
                ids=["0:4:5", "0:4:6", "0:1:10", "0:0:0", "1:14:18"],
                unknown="skip",
            ),
        },
        "user": tower(
            [
                feature("geo", "here", "cells", scales=[15, 1.5, 0.1]),
                feature("geo", "here", "cells", scales=[4, 0.75], pooling="mean"),
                feature("geo", "here", "cells", scales=[30, 7], pooling="max"),
                feature("geo", "here", "cells", scales=[0.02, 3, 11], pooling="sqrtn"),
                # So small that 32 bits would miss the cell.
                feature("geo", "here", "cells", scales=[7e-6]),
                feature("geo", "here", "regions", scales=[30, 10]),
                feature("distance", "here", to={"lat": 48.8566, "lon": 2.3522}, deviation=5000),
                feature("distance", "here", to="home", log=True, mean=4, deviation=2),
                feature(
                    "distance",
                    "home",
                    to="work",
                    clip=[0, 60],
                    deviation=30,
                    missing="zero",
                    missing_flag=True,
                ),
            ],
            [dense(16, "tanh"), dense(12)],
        ),
        "item": tower(
            [
                feature("geo", "at", "cells", scales=[15, 1.5, 0.1]),
                feature(
                    "distance",
                    "at",
                    to={"lat": -33.8688, "lon": 151.2093},
                    deviation=4000,
                    missing={"default": {"lat": -37.8136, "lon": 144.9631}},
                    missing_flag=True,
                ),
                # Narrow enough to see the last digits of the radius.
                feature(
                    "distance",
                    "at",
                    to={"lat": -33.8688, "lon": 151.2093},
                    clip=[15960, 16020],
                    mean=15990,
                    deviation=15,
                    missing="zero",
                ),
                feature("geo", "near", "regions", scales=[30], missing="zero"),
            ],
            [dense(16, "tanh"), dense(12)],
        ),
    }
    london = {"lat": 51.5074, "lon": -0.1278}
    users = [
        {"here": london, "home": {"lat": 51.44, "lon": -0.2}, "work": london},
        {"here": {"lat": -22.9068, "lon": -43.1729}, "home": {"lat": -23.5505, "lon": -46.6333}},
        {"here": {"lat": 35.6762, "lon": 139.6503}, "home": london, "work": None},
        {"here": {"lat": -36.8485, "lon": 174.7633}, "home": {"lat": 21.3, "lon": -157.85}},
        {"here": {"lat": -90, "lon": -180}, "home": {"lat": -77.85, "lon": 166.67}, "work": london},
        {
            "here": {"lat": 0.001, "lon": 179.999},
            "home": {"lat": -0.001, "lon": -179.999},
            "work": {"lat": 0.05, "lon": 179.9},
        },
    ]
    items = [
        {"id": "l1", "at": {"lat": 40.7128, "lon": -74.006}, "near": london},
        {"id": "l2", "at": {"lat": -33.86, "lon": 151.21}, "near": {"lat": 44.9, "lon": -20}},
        {"id": "l3", "at": {"lat": 64.1466, "lon": -21.9426}},
        {"id": "l4", "at": {"lat": -54.83, "lon": -68.33}, "near": None},
        {"id": "l5", "at": {"lat": 40.65, "lon": -73.95}, "near": london},
    ]
    write_fixture("places", schema, users, items)


def write_grams():
    """All kinds of grams, over texts that are hard to cut."""
    kinds = [
        {},
        {"grams": "trigrams", "pooling": "sum", "limit": 2},
        {"grams": {"letters": [2, 4]}},
        {"grams": {"letters": [5, 5]}, "pooling": "sqrtn"},
        {"grams": {"letters": [1, 1]}, "pooling": "max"},
        {"grams": {"letters": [4, 16]}, "limit": 1},
        {"grams": {"words": [1, 1]}, "pooling": "sqrtn"},
        {"grams": {"words": [1, 2]}, "limit": 3},
        {"grams": {"words": [2, 3]}, "pooling": "sum"},
        {"grams": {"words": [1, 8]}, "pooling": "max"},
        {"grams": {"both": {"letters": [2, 3], "words": [1, 2]}}, "pooling": "sqrtn"},
        {"grams": {"both": {"letters": [5, 6], "words": [2, 2]}}, "limit": 4},
    ]
    schema = {
        "dimension": 16,
        "metric": "inner_product",
        "tables": {
            "grams": table(4, "hash", buckets=101),
            "words": table(
                4,
                "vocabulary",
                ids=["strasse", "straße", "éclair", "東京", "shoes", "the", "a b", "i", "½"],
                unknown="skip",
            ),
        },
        "user": tower(
            [feature("text", "text", "grams", **keys) for keys in kinds]
            + [feature("text", "text", "words", grams={"words": [1, 2]}, pooling="sum")],
            [dense(16)],
        ),
        "item": tower(
            [
                feature("text", "title", "grams"),
                feature("text", "title", "words", grams={"words": [1, 1]}, missing="zero"),
                feature("text", "body", "grams", limit=4, missing={"default": "no text"}),
            ],
            [dense(16)],
        ),
    }
    users = [
        {"text": "Straße ÉCLAIR 東京 shoes"},
        {"text": "the quick brown fox jumps over the lazy dog and the cat"},
        {"text": "A b, a-B; I_I 3½ x² Ⅷ ⓐ №5"},
        # Decomposed accents part words; the sigma at the end of a word; an I
        # whose lower case is two characters.
        {"text": "E\u0301clair ΟΔΥΣΣΕΥΣ İstanbul"},
        {"text": "हिन्दी में ไทย العربية ١٢٣"},
        {"text": "rock'n'roll \U0001f45f\U0001f45f don’t…  \t\nＦＵＬＬ"},
        {"text": ""},
        {"text": "Donaudampfschifffahrtsgesellschaft"},
    ]
    items = [
        {"id": "w1", "title": "The Shoes, THE shoes", "body": "one two three four five six"},
        {"id": "w2", "title": "---", "body": ""},
        {"id": "w3", "title": "ÉCLAIR x 12"},
        {"id": "w4", "title": "東京ｶﾞｲﾄﾞ", "body": None},
    ]
    write_fixture("grams", schema, users, items)


def write_texts():
    """Texts of several fields, of which some or all are missing, with limits that reach into any."""
    zero, default = {"missing": "zero"}, {"missing": {"default": "nothing to read"}}
    both = {"both": {"letters": [3, 4], "words": [1, 3]}}

    def side(first, also):
        features = [
            feature("text", first, "grams", also=also, pooling="sum", **zero),
            feature("text", also[0], "grams", also=[first], grams=both, pooling="sqrtn", **default),
            feature("text", first, "words", also=also, grams={"words": [1, 3]}, limit=4, **zero),
            feature("text", also[1], "words", grams={"words": [2, 2]}, pooling="max", **zero),
        ]
        return tower(features, [dense(6, "tanh"), dense(5)], other_fields="ignore")

    schema = {
        "dimension": 5,
        "metric": "inner_product",
        "tables": {
            "grams": table(4, "hash", buckets=50),
            "words": table(3, "hash", buckets=40, seed=2),
        },
        "user": side("query", ["title", "narrative"]),
        "item": side("title", ["body", "keywords"]),
    }
    users = [
        {},
        {"query": "heat of a thin wing"},
        {"title": "Thin wings", "narrative": "What is known of heat in thin wings?"},
        {"query": None, "title": "", "narrative": "ÉCLAIR"},
        {"query": "one two", "title": "Straße", "narrative": "four five six"},
        {"query": "one two three four five", "title": "six", "narrative": "seven"},
    ]
    items = [
        {"id": "1", "title": "Red shoes", "body": "For running. In red."},
        {"id": "2", "title": "Sofa", "body": None, "keywords": "couch seat cushions velvet"},
        {"id": "3", "keywords": "kettle, steel"},
        {"id": "4", "body": "– –", "price": 3},
        {"id": "5", "title": "a ΟΔΟΣ", "body": "c", "keywords": "d e f"},
        {"id": "6"},
    ]
    write_fixture("texts", schema, users, items)


def write_pooling():
    """Poolings with recencies, over lists with ids that are passed over."""
    variants = [
        {"pooling": pooling, **recency}
        for pooling in ["mean", "sum", "sqrtn"]
        for recency in [
            {},
            {"recency": {"decay": 0.7}},
            {"recency": {"weights": [1, 0.5, 0.25, 0]}},
        ]
    ]
    schema = {
        "dimension": 16,
        "metric": "inner_product",
        "tables": {
            "known": table(4, "vocabulary", ids=vocabulary("k", 16), unknown="skip"),
            "twice": table(4, "hash", buckets=40, hashes=2),
        },
        "user": tower(
            [feature("ids", "seen", "known", limit=6, **keys) for keys in variants]
            + [
                feature("ids", "seen", "known", limit=3, pooling="max"),
                feature("ids", "seen", "known", limit=1),
                feature("ids", "seen", "twice", limit=100, recency={"decay": 1}),
                feature("ids", "seen", "twice", limit=5, recency={"weights": [2]}, pooling="sqrtn"),
                feature("ids", "seen", "twice", limit=4, recency={"weights": [3, 0, 1]}),
            ],
            [dense(16)],
        ),
        "item": tower(
            [
                feature("categories", "tags", "known"),
                feature("categories", "tags", "known", pooling="sum"),
                feature("categories", "tags", "known", pooling="sqrtn"),
                feature("categories", "tags", "known", pooling="max"),
                feature("categories", "tags", "twice", pooling="sqrtn"),
            ],
            [dense(16)],
        ),
    }
    users = [
        {"seen": ["k0", "k1", "k2", "k3"]},
        {"seen": ["k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11", "k12"]},
        {"seen": ["k1", "gone", "k2", "k2", "gone", "k3", "gone"]},
        {"seen": ["k15", "k14", "gone"]},
        {"seen": []},
        {"seen": ["gone"]},
        {"seen": ["k13"]},
    ]
    items = [
        {"id": "c1", "tags": ["k0", "k1", "k2"]},
        {"id": "c2", "tags": "k5"},
        {"id": "c3", "tags": ["k5", "k5", "none such"]},
        {"id": "c4", "tags": []},
        {"id": "c5", "tags": ["k7", "k8", "k8", "k9", "k7"]},
    ]
    write_fixture("pooling", schema, users, items)


def write_missing():
    """What each kind does with a field that is absent or null."""
    zero, flag = {"missing": "zero"}, {"missing_flag": True}

    def default(value):
        return {"missing": {"default": value}}

    rome = {"lat": 41.9, "lon": 12.5}
    kinds = [
        lambda m: feature("id", "id_", "t", **m("a")),
        lambda m: feature("ids", "ids", "t", limit=2, **m(["a", "b", "c"])),
        lambda m: feature("items", "items", limit=3, **m(["m1", "m2"])),
        lambda m: feature("categories", "cats", "t", **m("d")),
        lambda m: feature("text", "text", "t", **m("some words")),
        lambda m: feature("number", "n", deviation=2, mean=3, **m(7)),
        lambda m: feature("buckets", "n", "rows", boundaries=[0, 5], **m(5)),
        lambda m: feature("buckets", "n", boundaries=[0, 5], **m(-1)),
        lambda m: feature("geo", "here", "t", scales=[20, 2], **m(rome)),
        lambda m: feature("distance", "here", to=rome, deviation=3000, **m({"lat": 0, "lon": 0})),
        lambda m: feature("hour", "at", **m(1700000000)),
        lambda m: feature("hour", "at", "rows", **m("2024-01-01T04:30:00Z")),
        lambda m: feature("weekday", "at", **m(1700000000)),
        lambda m: feature("weekday", "at", "rows", **m(1700100000)),
        lambda m: feature("age", "at", until=1710000000, deviation=100, **m(1690000000)),
        lambda m: feature("vector", "v", dimension=2, **m([0.5, -0.5])),
    ]
    of_two_fields = [
        cross("id_", "cats", "t", **zero),
        feature("distance", "here", to="there", mean=1, deviation=2000, **zero, **flag),
        feature("age", "at", until="end", mean=1, deviation=200, **zero, **flag),
    ]
    schema = {
        "dimension": 8,
        "metric": "inner_product",
        "tables": {"t": table(3, "hash", buckets=40), "rows": table(3, "index", rows=24)},
        "user": tower(
            [kind(lambda value: zero) for kind in kinds]
            + [kind(default) for kind in kinds]
            + of_two_fields,
            [dense(8)],
        ),
        "item": tower(
            [
                feature("id", "id", "t", missing="error"),
                feature("number", "n", mean=2, **zero, **flag),
                feature("age", "at", until=1710000000, deviation=50, **default(1700000000), **flag),
                feature("distance", "here", to=rome, deviation=2000, **zero, **flag),
            ],
            [dense(8)],
            other_fields="ignore",
        ),
    }
    there = {"lat": -12.05, "lon": -77.04}
    users = [
        {},
        {key: None for key in ["id_", "ids", "cats", "n", "here", "there", "end"]}
        | {"text": "one", "v": [1, 2], "items": ["m3"], "at": 1695000000},
        {"id_": "x", "ids": ["y"], "items": [], "cats": [], "n": 0, "end": 1695500000},
        {"here": there, "there": rome, "v": [0, 0], "text": "", "cats": ["d", "e"]},
        {
            "id_": 5,
            "ids": [],
            "items": ["m2", "gone"],
            "cats": ["q"],
            "text": "all of them",
            "n": 6,
            "here": rome,
            "there": there,
            "at": "2023-10-01T18:45:00Z",
            "end": "2023-12-01T00:00:00Z",
            "v": [-1, 1],
        },
        {"id_": "x", "here": there, "at": 1700050000},
    ]
    items = [
        {"id": "m1"},
        {"id": "m2", "n": 4, "at": None, "here": there},
        {"id": "m3", "n": None, "at": 1709000000, "other": {"deep": [1, None]}},
        {"id": "m4", "n": 2, "here": None},
    ]
    write_fixture("missing", schema, users, items, known=["m1", "m2", "m3"])


def write_crosses():
    """Pairs of strings, numbers, booleans and lists."""
    schema = {
        "dimension": 12,
        "metric": "cosine",
        "tables": {
            "pairs": table(6, "hash", buckets=80, function="farmhash"),
            "twice": table(5, "hash", buckets=50, hashes=2),
            "known": table(
                5,
                "vocabulary",
                ids=["a_X_1", "a_X_2", "b_X_true", "_X_", "-5_X_false", "1_X_a"],
                unknown={"buckets": 5},
            ),
        },
        "user": tower(
            [
                cross("left", "right", "pairs"),
                cross("right", "left", "pairs"),
                cross("left", "right", "pairs", pooling="sum"),
                cross("left", "right", "pairs", pooling="max"),
                cross("left", "right", "twice", pooling="sqrtn"),
                cross("left", "right", "known"),
                cross("right", "left", "known"),
                cross("left", "extra", "pairs", missing="zero"),
            ],
            [dense(12)],
        ),
        "item": tower(
            [
                cross("id", "kinds", "pairs"),
                cross("kinds", "stock", "known", pooling="sum", missing="zero"),
            ],
            [dense(16, "relu"), dense(12)],
        ),
    }
    users = [
        {"left": "a", "right": [1, 2]},
        {"left": ["a", "b", "c"], "right": [True, False, 3], "extra": "x"},
        {"left": -5, "right": False, "extra": []},
        {"left": ["a", "a"], "right": "1", "extra": ["x", "y"]},
        {"left": "", "right": "", "extra": 0},
        {"left": ["b", 12], "right": ["é", "X", "_X_"], "extra": None},
    ]
    items = [
        {"id": "q1", "kinds": ["a", "b"], "stock": True},
        {"id": "q2", "kinds": "a", "stock": 1},
        {"id": "q3", "kinds": ["b", "-5", "x"], "stock": [False, 2]},
        {"id": "q4", "kinds": [0], "name": "zero"},
    ]
    write_fixture("crosses", schema, users, items)


def write_history():
    """Users made of the vectors of items."""
    poolings = [
        {},
        {"pooling": "sum"},
        {"pooling": "sqrtn"},
        {"pooling": "max"},
        {"recency": {"decay": 0.6}},
        {"pooling": "sqrtn", "recency": {"decay": 0.9}},
        {"pooling": "sum", "recency": {"weights": [1, 0.5, 0.1]}},
    ]
    schema = {
        "dimension": 10,
        "metric": "cosine",
        "tables": {"ids": table(12, "hash", buckets=50)},
        "user": tower(
            [feature("items", "bought", limit=4, **keys) for keys in poolings]
            + [
                feature("items", "liked", limit=50, missing="zero"),
                feature("items", "seen", limit=2, missing={"default": ["i4", "i2", "i5"]}),
                feature("number", "age", deviation=40),
            ],
            [dense(24, "tanh"), dense(10)],
        ),
        "item": tower([feature("id", "id", "ids")], [dense(10)]),
    }
    users = [
        {"bought": ["i1", "i2", "i3"], "age": 30},
        {"bought": ["i1", "i2", "i3", "i4", "i5", "i1"], "liked": ["i5"], "age": 41},
        {"bought": ["i9", "i2", "nowhere", "i2", "i4", "i9"], "seen": ["i3"], "age": 8},
        {"bought": [], "liked": [], "seen": [], "age": 77},
        {"bought": ["nowhere"], "liked": ["i9"], "seen": ["i1", "i2", "i3"], "age": 20},
        {"bought": [6, "i6"], "liked": ["i1", "i1", "i4"], "age": 65},
    ]
    items = [{"id": i, "name": "ignored"} for i in ["i1", "i2", "i3", "i4", "i5", "6", "i7"]]
    known = ["i1", "i2", "i3", "i4", "i5", "6"]
    write_fixture("history", schema, users, items, known=known)


def write_bare():
    """No layers at all, and every field read."""
    schema = {
        "dimension": 10,
        "metric": "l2",
        "tables": {
            "topics": table(7, "vocabulary", ids=["a", "b", "c"], unknown={"buckets": 4}),
            "ids": table(9, "hash", buckets=32),
        },
        "user": tower(
            [
                feature("ids", "topics", "topics", limit=3),
                feature("hour", "at"),
                feature("number", "age", mean=40, deviation=20),
            ],
            [],
            other_fields="error",
        ),
        "item": tower(
            [feature("number", "price", log=True), feature("id", "id", "ids")],
            [],
            other_fields="error",
        ),
    }
    users = [
        {"topics": ["a", "b", "c", "zebra"], "at": 1700000000, "age": 30},
        {"topics": ["c", "c", "a"], "at": "2024-05-05T05:05:05Z", "age": 75.5},
        {"topics": [], "at": 1700040000, "age": 40},
        {"topics": ["yak"], "at": 1700060000, "age": 12},
    ]
    items = [{"id": f"b{i}", "price": price} for i, price in enumerate([0, 0.5, 3, 19.99])]
    write_fixture("bare", schema, users, items)


def write_shared():
    """Tables that both towers read, several features, one tower, or none."""
    schema = {
        "dimension": 16,
        "metric": "cosine",
        "tables": {
            "products": table(8, "hash", buckets=48),
            "words": table(6, "hash", buckets=64),
            "only users": table(4, "hash", buckets=20),
            "only items": table(5, "hash", buckets=20),
            "unread": table(3, "index", rows=4),
        },
        "user": tower(
            [
                feature("ids", "viewed", "products", limit=5),
                feature("ids", "bought", "products", limit=3, pooling="sum"),
                feature("text", "query", "words", missing="zero"),
                feature("id", "country", "only users"),
                feature("id", "language", "only users"),
            ],
            [dense(24, "relu"), dense(16)],
            other_fields="ignore",
        ),
        "item": tower(
            [
                feature("id", "id", "products"),
                feature("categories", "related", "products", missing="zero"),
                feature("text", "title", "words"),
                feature("id", "maker", "only items"),
            ],
            [dense(24, "relu"), dense(16)],
            other_fields={"allow": ["price", "never there"]},
        ),
    }
    users = [
        {"viewed": ["p1", "p2"], "bought": ["p1"], "country": "GB", "language": "en"},
        {"viewed": [], "bought": [], "query": "lamp", "country": "FR", "language": "fr", "x": 1},
        {
            "viewed": ["p1", "p2", "p3", "p4", "p5", "p6"],
            "bought": ["p9", "p8", "p7", "p6"],
            "query": "Bike light",
            "country": "fr",
            "language": "fr",
            "session": {"device": "phone"},
        },
        {"viewed": ["p3"], "bought": ["p3"], "country": "GB", "language": "cy", "none": None},
    ]
    items = [
        {"id": "p1", "title": "Desk lamp", "maker": "Acme", "price": 20},
        {"id": "p2", "title": "Bike light", "maker": "Ayup", "related": ["p1", "p3"]},
        {"id": "p3", "title": "", "maker": "Acme", "related": "p2"},
        {"id": "p4", "title": "Lamp oil 1 l", "maker": "", "price": None},
    ]
    write_fixture("shared", schema, users, items)


def write_indices():
    schema = {
        "dimension": 8,
        "metric": "l2",
        "tables": {
            "genre": numbers_of("vocabulary", ids=["drama", "comedy", "war"], unknown="skip"),
            "film": numbers_of("vocabulary", ids=["f1", "f2", "f3"], unknown={"buckets": 2}),
            "page": numbers_of("index", rows=40),
            "word": numbers_of("hash", buckets=30, function="farmhash"),
            "nobody's": numbers_of("hash", buckets=4_000_000_000),
        },
        "user": tower(
            [
                feature("index", "genre", "genre", pad=-1),
                feature("index", "page", "page", first=1, pad=0, missing="zero"),
                feature("index", "word", "word", first=20, missing={"default": "none"}),
                feature("indices", "films", "film", limit=3, pad=0, first=1, missing="zero"),
                feature("indices", "genres", "genre", limit=2, pad=3, pad_at="start"),
            ],
            [dense(8), {"kind": "temperature", "value": 16}],
        ),
        "item": tower(
            [
                feature("index", "id", "film"),
                feature(
                    "indices",
                    "words",
                    "word",
                    limit=4,
                    pad=-2,
                    pad_at="start",
                    missing={"default": ["a", "b"]},
                ),
            ],
            [dense(8), {"kind": "temperature", "value": 16}],
        ),
    }
    users = [
        {"genre": "war", "page": 39, "word": "x", "films": ["f1", "f2", "f3"], "genres": ["war"]},
        {"genre": "western", "page": 0, "films": ["f3"], "genres": []},
        {"genre": "drama", "word": "y", "genres": ["noir", "war", "noir"]},
        {
            "genre": "comedy",
            "page": "7",
            "films": ["f1", "f9", "f2", "f3", "f8"],
            "genres": ["drama", "comedy", "war"],
        },
    ]
    items = [
        {"id": "f1", "words": ["one", "two", 3, True, "five"]},
        {"id": "f2", "words": []},
        {"id": "f9"},
        {"id": "f3", "words": ["z"]},
    ]
    write_fixture("indices", schema, users, items)


def main():
    check_hash_functions()
    write_dssm()
    write_youtube()
    write_ebr()
    write_mobius()
    write_residual()
    write_squeeze_excite()
    write_normalised()
    write_activations()
    write_half()
    write_bfloat()
    write_hashes()
    write_numbers()
    write_times()
    write_places()
    write_grams()
    write_texts()
    write_pooling()
    write_missing()
    write_crosses()
    write_history()
    write_bare()
    write_shared()
    write_indices()


if __name__ == "__main__":
    main()
