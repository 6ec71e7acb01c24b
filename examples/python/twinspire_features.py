"""The text grams and hash functions of tower.json, in plain Python.

A reference for exports: whoever trains towers elsewhere computes table rows with these functions, and gets the rows
that Twinspire reads. storage-format.md defines them; golden.json beside this file holds values that the tests of
Twinspire compare with its own, and `python3 twinspire_features.py` compares with these functions. No dependencies.

    >>> grams("Red wing", letters=(3, 3))
    ['#re', 'red', 'ed#', '#wi', 'win', 'ing', 'ng#']
    >>> row("red", {"hash": {"buckets": 1000}})  # XXH3 modulo the number of rows
    101
"""

import json
import os
import sys
import unicodedata

U64 = (1 << 64) - 1
U32 = (1 << 32) - 1


# Grams of a text


def is_word(character):
    """Whether a character belongs to a word: Unicode's Alphabetic, Nd, Nl and No.

    Python has no property Alphabetic. The letters (L*), Nl and the marks that are alphabetic (Mn and Mc with the
    property Other_Alphabetic) are needed; marks are told by `isalpha` of nothing, so the few that occur in words of
    Indic scripts are approximated by Mc. Latin, Greek, Cyrillic, Hebrew letters, Han and Kana are exact.
    """
    return unicodedata.category(character) in {
        "Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mc",
    } or "\u24b6" <= character <= "\u24e9"


def words(text):
    """The words of a text, in lower case: its longest runs of letters and digits."""
    found, word = [], []
    for character in text.lower() + " ":
        if is_word(character):
            word.append(character)
        elif word:
            found.append("".join(word))
            word = []
    return found


def grams(text, letters=(3, 3), word_range=None):
    """The grams of a text. `letters` are letter n-grams of the words, `word_range` word n-grams; with both, the
    latter are put between two #."""
    found = []
    all_words = words(text)
    if letters:
        for word in all_words:
            marked = f"#{word}#"
            if len(marked) < letters[0]:
                found.append(marked)
            for n in range(letters[0], letters[1] + 1):
                found.extend(marked[at : at + n] for at in range(len(marked) - n + 1))
    if word_range:
        mark = "#" if letters else ""
        for n in range(word_range[0], word_range[1] + 1):
            runs = (" ".join(all_words[at : at + n]) for at in range(len(all_words) - n + 1))
            found.extend(f"{mark}{run}{mark}" for run in runs)
    return found


# XXH3, 64 bits, with a seed

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1, P64_2, P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P64_4, P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
MX1, MX2 = 0x165667919E3779F9, 0x9FB21C651E98DF25


def u32(data, at=0):
    return int.from_bytes(data[at : at + 4], "little")


def u64(data, at=0):
    return int.from_bytes(data[at : at + 8], "little")


def fold(a, b):
    product = a * b
    return (product & U64) ^ (product >> 64)


def rotate(x, bits):
    return ((x << bits) | (x >> (64 - bits))) & U64


def xxh64_avalanche(h):
    h = ((h ^ (h >> 33)) * P64_2) & U64
    h = ((h ^ (h >> 29)) * P64_3) & U64
    return h ^ (h >> 32)


def xxh3_avalanche(h):
    h = ((h ^ (h >> 37)) * MX1) & U64
    return h ^ (h >> 32)


def mix16(data, at, secret, seed):
    low = u64(data, at) ^ ((u64(SECRET, secret) + seed) & U64)
    high = u64(data, at + 8) ^ ((u64(SECRET, secret + 8) - seed) & U64)
    return fold(low, high)


def xxh3(data, seed=0):
    """XXH3 of bytes, 64 bits."""
    n = len(data)
    if n == 0:
        return xxh64_avalanche(seed ^ u64(SECRET, 56) ^ u64(SECRET, 64))
    if n <= 3:
        combined = (data[0] << 16) | (data[n >> 1] << 24) | data[n - 1] | (n << 8)
        return xxh64_avalanche(combined ^ ((u32(SECRET) ^ u32(SECRET, 4)) + seed & U64))
    if n <= 8:
        swapped = int.from_bytes((seed & U32).to_bytes(4, "little"), "big")
        seed ^= swapped << 32
        flip = ((u64(SECRET, 8) ^ u64(SECRET, 16)) - seed) & U64
        h = (u32(data, n - 4) + (u32(data) << 32)) ^ flip
        h ^= rotate(h, 49) ^ rotate(h, 24)
        h = (h * MX2) & U64
        h ^= (h >> 35) + n
        h = (h * MX2) & U64
        return h ^ (h >> 28)
    if n <= 16:
        low = u64(data) ^ (((u64(SECRET, 24) ^ u64(SECRET, 32)) + seed) & U64)
        high = u64(data, n - 8) ^ (((u64(SECRET, 40) ^ u64(SECRET, 48)) - seed) & U64)
        swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
        return xxh3_avalanche((n + swapped + high + fold(low, high)) & U64)
    if n <= 128:
        h = (n * P64_1) & U64
        for at in reversed(range((n - 1) // 32 + 1)):
            h += mix16(data, 16 * at, 32 * at, seed)
            h += mix16(data, n - 16 * (at + 1), 32 * at + 16, seed)
        return xxh3_avalanche(h & U64)
    if n <= 240:
        h = (n * P64_1) & U64
        for at in range(8):
            h += mix16(data, 16 * at, 16 * at, seed)
        h = xxh3_avalanche(h & U64)
        for at in range(8, n // 16):
            h += mix16(data, 16 * at, 16 * (at - 8) + 3, seed)
        h += mix16(data, n - 16, 136 - 17, seed)
        return xxh3_avalanche(h & U64)
    return xxh3_long(data, seed)


def xxh3_long(data, seed):
    n = len(data)
    secret = b"".join(
        ((u64(SECRET, 16 * at) + seed) & U64).to_bytes(8, "little")
        + ((u64(SECRET, 16 * at + 8) - seed) & U64).to_bytes(8, "little")
        for at in range(12)
    )
    acc = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]

    def accumulate(stripe, key):
        for lane in range(8):
            value = u64(data, stripe + 8 * lane)
            keyed = value ^ u64(secret, key + 8 * lane)
            acc[lane ^ 1] = (acc[lane ^ 1] + value) & U64
            acc[lane] = (acc[lane] + (keyed & U32) * (keyed >> 32)) & U64

    stripes = (len(secret) - 64) // 8
    block = 64 * stripes
    blocks = (n - 1) // block
    for number in range(blocks):
        for stripe in range(stripes):
            accumulate(number * block + 64 * stripe, 8 * stripe)
        for lane in range(8):
            a = acc[lane] ^ (acc[lane] >> 47) ^ u64(secret, len(secret) - 64 + 8 * lane)
            acc[lane] = (a * P32_1) & U64
    for stripe in range((n - 1 - block * blocks) // 64):
        accumulate(blocks * block + 64 * stripe, 8 * stripe)
    accumulate(n - 64, len(secret) - 64 - 7)
    h = (n * P64_1) & U64
    for lane in range(0, 8, 2):
        h += fold(acc[lane] ^ u64(secret, 11 + 8 * lane), acc[lane + 1] ^ u64(secret, 19 + 8 * lane))
    return xxh3_avalanche(h & U64)


# Fingerprint64 of FarmHash

K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def right(x, bits):
    return ((x >> bits) | (x << (64 - bits))) & U64


def shift(x):
    return x ^ (x >> 47)


def hash16(u, v, factor):
    a = shift(((u ^ v) * factor) & U64)
    b = shift(((v ^ a) * factor) & U64)
    return (b * factor) & U64


def weak32(data, at, a, b):
    w, x, y, z = (u64(data, at + 8 * word) for word in range(4))
    a = (a + w) & U64
    b = right((b + a + z) & U64, 21)
    c = a
    a = (a + x + y) & U64
    b = (b + right(a, 44)) & U64
    return (a + z) & U64, (b + c) & U64


def farmhash(data):
    """Fingerprint64 of bytes, as TensorFlow's `to_hash_bucket_fast` and the layers of Keras."""
    n = len(data)
    factor = (K2 + 2 * n) & U64
    if n == 0:
        return K2
    if n <= 3:
        y = data[0] + (data[n >> 1] << 8)
        z = n + (data[n - 1] << 2)
        return (shift((y * K2 ^ z * K0) & U64) * K2) & U64
    if n <= 7:
        return hash16(n + (u32(data) << 3), u32(data, n - 4), factor)
    if n <= 16:
        a, b = (u64(data) + K2) & U64, u64(data, n - 8)
        c = (right(b, 37) * factor + a) & U64
        d = ((right(a, 25) + b) * factor) & U64
        return hash16(c, d, factor)
    if n <= 32:
        a, b = (u64(data) * K1) & U64, u64(data, 8)
        c, d = (u64(data, n - 8) * factor) & U64, (u64(data, n - 16) * K2) & U64
        return hash16(
            (right((a + b) & U64, 43) + right(c, 30) + d) & U64,
            (a + right((b + K2) & U64, 18) + c) & U64,
            factor,
        )
    if n <= 64:
        a, b = (u64(data) * K2) & U64, u64(data, 8)
        c, d = (u64(data, n - 8) * factor) & U64, (u64(data, n - 16) * K2) & U64
        y = (right((a + b) & U64, 43) + right(c, 30) + d) & U64
        z = hash16(y, (a + right((b + K2) & U64, 18) + c) & U64, factor)
        e, f = (u64(data, 16) * factor) & U64, u64(data, 24)
        g, h = ((y + u64(data, n - 32)) * factor) & U64, ((z + u64(data, n - 24)) * factor) & U64
        return hash16(
            (right((e + f) & U64, 43) + right(g, 30) + h) & U64,
            (e + right((f + a) & U64, 18) + g) & U64,
            factor,
        )
    seed = 81
    x = seed
    y = (seed * K1 + 113) & U64
    z = (shift((y * K2 + 113) & U64) * K2) & U64
    v, w = (0, 0), (0, 0)
    x = (x * K2 + u64(data)) & U64
    end = (n - 1) // 64 * 64
    last = n - 64
    at = 0
    while at < end:
        x = (right((x + y + v[0] + u64(data, at + 8)) & U64, 37) * K1) & U64
        y = (right((y + v[1] + u64(data, at + 48)) & U64, 42) * K1) & U64
        x ^= w[1]
        y = (y + v[0] + u64(data, at + 40)) & U64
        z = (right((z + w[0]) & U64, 33) * K1) & U64
        v = weak32(data, at, (v[1] * K1) & U64, (x + w[0]) & U64)
        w = weak32(data, at + 32, (z + w[1]) & U64, (y + u64(data, at + 16)) & U64)
        z, x = x, z
        at += 64
    factor = (K1 + ((z & 0xFF) << 1)) & U64
    at = last
    w = ((w[0] + ((n - 1) & 63)) & U64, w[1])
    v = ((v[0] + w[0]) & U64, v[1])
    w = ((w[0] + v[0]) & U64, w[1])
    x = (right((x + y + v[0] + u64(data, at + 8)) & U64, 37) * factor) & U64
    y = (right((y + v[1] + u64(data, at + 48)) & U64, 42) * factor) & U64
    x ^= (w[1] * 9) & U64
    y = (y + v[0] * 9 + u64(data, at + 40)) & U64
    z = (right((z + w[0]) & U64, 33) * factor) & U64
    v = weak32(data, at, (v[1] * factor) & U64, (x + w[0]) & U64)
    w = weak32(data, at + 32, (z + w[1]) & U64, (y + u64(data, at + 16)) & U64)
    z, x = x, z
    return hash16(
        (hash16(v[0], w[0], factor) + shift(y) * K0 + z) & U64,
        (hash16(v[1], w[1], factor) + x) & U64,
        factor,
    )


# SipHash-2-4


def siphash(data, key):
    """SipHash-2-4 of bytes with a key of two numbers, as TensorFlow's `to_hash_bucket_strong`."""
    k0, k1 = key
    v = [
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    ]

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & U64
            v[1] = rotate(v[1], 13) ^ v[0]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[3]) & U64
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & U64
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & U64
            v[1] = rotate(v[1], 17) ^ v[2]
            v[2] = rotate(v[2], 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for at in range(0, len(padded), 8):
        word = u64(padded, at)
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


# MurmurHash3, 32 bits


def murmur3(data, seed=0):
    """The absolute value of MurmurHash3 (x86, 32 bits) of bytes, as scikit-learn's `FeatureHasher`."""

    def left(x, bits):
        return ((x << bits) | (x >> (32 - bits))) & U32

    def scramble(k):
        return (left((k * 0xCC9E2D51) & U32, 15) * 0x1B873593) & U32

    h, n = seed, len(data)
    for at in range(0, n - n % 4, 4):
        h = (left(h ^ scramble(u32(data, at)), 13) * 5 + 0xE6546B64) & U32
    if n % 4:
        h ^= scramble(int.from_bytes(data[n - n % 4 :], "little"))
    h ^= n
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & U32
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & U32
    h ^= h >> 16
    return 2**32 - h if h >= 2**31 else h


# Rows of tables


def hash_of(text, function="xxh3", seed=0):
    """The hash of a text by a `function` of tower.json."""
    data = text.encode()
    if function == "xxh3":
        return xxh3(data, seed)
    if function == "farmhash":
        return farmhash(data)
    if function == "murmur3":
        return murmur3(data, seed)
    return siphash(data, function["siphash"])


def row(text, lookup):
    """The row of a text by a `lookup` of tower.json; None if it is skipped. With several `hashes`, the first."""
    if "hash" in lookup:
        of = lookup["hash"]
        return hash_of(text, of.get("function", "xxh3"), of.get("seed", 0)) % of["buckets"]
    if "index" in lookup:
        return int(text)
    vocabulary = lookup["vocabulary"]
    ids, unknown = vocabulary["ids"], vocabulary.get("unknown", "error")
    if isinstance(unknown, dict) and "hash" in unknown:
        unknown = unknown["hash"]
    buckets = unknown["buckets"] if isinstance(unknown, dict) else 0
    at_start = isinstance(unknown, dict) and unknown.get("at") == "start"
    if text in ids:
        return ids.index(text) + (buckets if at_start else 0)
    if unknown == "skip":
        return None
    if unknown == "error":
        raise KeyError(text)
    bucket = hash_of(text, unknown.get("function", "xxh3")) % buckets
    return bucket if at_start else len(ids) + bucket


def check(path):
    """Compares these functions with golden values."""
    with open(path, encoding="utf-8") as file:
        golden = json.load(file)
    for case in golden["hashes"]:
        text = case["text"]
        for name, function, seed in [
            ("xxh3", "xxh3", 0),
            ("xxh3_seed_7", "xxh3", 7),
            ("farmhash", "farmhash", 0),
            ("siphash_1_2", {"siphash": [1, 2]}, 0),
            ("murmur3", "murmur3", 0),
            ("murmur3_seed_42", "murmur3", 42),
        ]:
            found = str(hash_of(text, function, seed))
            assert found == case[name], (name, text, found, case[name])
    for case in golden["grams"]:
        spec = case["grams"]
        spec = {"letters": [3, 3]} if spec == "trigrams" else spec.get("both", spec)
        found = grams(case["text"], spec.get("letters"), spec.get("words"))
        rows = sorted(xxh3(gram.encode()) % 1048576 for gram in found)
        assert rows == case["rows"], (case["text"], found)
    for case in golden["rows"]:
        found = row(case["text"], case["lookup"])
        assert found == case["row"], (case, found)
    return sum(len(golden[kind]) for kind in ("hashes", "grams", "rows"))


if __name__ == "__main__":
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.json")
    count = check(sys.argv[1] if len(sys.argv) > 1 else beside)
    print(f"{count} golden values agree")
