"""Makes the files beside it, as the programs that people have write them.

    pip install numpy pyarrow pandas polars duckdb
    python3 tests/vectors/make.py

Made with numpy 2.4, pyarrow 26, pandas 3.1, polars 2.1 and duckdb 2.0; the tests read what is in the
repository and make nothing. Row r has the components r + c / 4 - 1; what is wrong on purpose is called
`bad-` and refused.
"""

import os

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def rows(count, dimension):
    return np.add.outer(np.arange(count), np.arange(dimension) / 4 - 1)


# NumPy.
array = rows(5, 3)
for name, dtype in [("f2", "<f2"), ("f4", "<f4"), ("f8", "<f8"), ("f2-big", ">f2"), ("f4-big", ">f4"),
                    ("f8-big", ">f8"), ("bad-int", "<i8")]:
    np.save(f"{name}.npy", array.astype(dtype))
for version in [(2, 0), (3, 0)]:
    with open(f"version-{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, array.astype("<f4"), version=version)
np.save("none.npy", np.zeros((0, 3), "<f4"))
np.save("bad-fortran.npy", np.asfortranarray(array.astype("<f4")))
np.save("bad-flat.npy", array.astype("<f4").ravel())
np.save("bad-structured.npy", np.zeros(2, [("a", "<f4")]))
np.savez("bad-archive.npz", array.astype("<f4"))
os.replace("bad-archive.npz", "bad-archive.npy")

# pyarrow: every shape of list, encoding and compression.
ids = [f"item-{row}" for row in range(40)]
vectors = rows(40, 4)
floats = pa.array(vectors.tolist(), pa.list_(pa.float32()))
doubles = pa.array(vectors.tolist(), pa.list_(pa.float64()))


def write(name, id=None, vector=None, **options):
    id = pa.array(ids) if id is None else id
    table = pa.table({"id": id, "price": list(range(len(id))), "vector": floats if vector is None else vector})
    pq.write_table(table, f"{name}.parquet", store_schema=False, **options)


write("arrow-plain", compression="none", use_dictionary=False)
write("arrow-default")
write("arrow-double", vector=doubles, compression="zstd")
write("arrow-large", id=pa.array(ids, pa.large_string()), vector=floats.cast(pa.large_list(pa.float32())),
      compression="lz4")
write("arrow-fixed", vector=floats.cast(pa.list_(pa.float32(), 4)), compression="gzip")
write("arrow-gzip-v2", compression="gzip", data_page_version="2.0")
write("arrow-item", use_compliant_nested_type=False, compression="snappy", data_page_version="2.0")
write("arrow-groups", row_group_size=7, data_page_size=64, write_batch_size=5)
write("arrow-pages", data_page_size=32, write_batch_size=3, use_dictionary=False, compression="none")
write("arrow-split", use_dictionary=False,
      column_encoding={"vector.list.element": "BYTE_STREAM_SPLIT", "id": "DELTA_LENGTH_BYTE_ARRAY"})
write("arrow-delta", use_dictionary=False,
      column_encoding={"id": "DELTA_BYTE_ARRAY", "vector.list.element": "PLAIN", "price": "PLAIN"})
for name, dtype in [("int32", pa.int32()), ("int64", pa.int64()), ("uint32", pa.uint32()),
                    ("uint64", pa.uint64())]:
    top = 2 ** 31 if name == "uint32" else 2 ** 63 if name == "uint64" else -20
    numbers = pa.array([top + row for row in range(40)], dtype)
    write(f"arrow-{name}", id=numbers, **({} if name != "int64" else dict(
        use_dictionary=False,
        column_encoding={"id": "DELTA_BINARY_PACKED", "vector.list.element": "PLAIN", "price": "PLAIN"})))
required = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("price", pa.int64()), pa.field(
    "vector", pa.list_(pa.field("element", pa.float32(), nullable=False)), nullable=False)])
pq.write_table(pa.table([pa.array(ids), pa.array(range(40)), pa.array(
    vectors.tolist(), required.field("vector").type)], schema=required), "arrow-required.parquet")
pq.write_table(pa.table({"id": pa.array([], pa.string()), "vector": pa.array([], floats.type)}),
               "arrow-none.parquet")

# What is refused, and rows that are.
wrong = vectors.tolist()
wrong[3], wrong[5], wrong[7], wrong[8] = None, [], [1, None, 2, 3], [1, 2]
wrong[9][2] = float("nan")
write("bad-rows", id=pa.array([None if row == 10 else "" if row == 11 else id for row, id in enumerate(ids)]),
      vector=pa.array(wrong, floats.type))
write("bad-brotli", compression="brotli")
write("bad-half", vector=pa.array(vectors.astype("f2").tolist(), pa.list_(pa.float16())))
write("bad-nested", vector=pa.array([[row] for row in vectors.tolist()]))
write("bad-text", vector=pa.array(["[0.5]"] * 40))
write("bad-id", id=pa.array(range(40), pa.timestamp("ns")))

# pandas, polars, DuckDB.
frame = pd.DataFrame({"id": ids, "vector": list(vectors.astype("f4"))})
frame.to_parquet("pandas.parquet")
for name, dtype in [("list", pl.List(pl.Float32)), ("array", pl.Array(pl.Float32, 4))]:
    polars = pl.DataFrame({"id": ids, "vector": pl.Series(vectors.tolist(), dtype=dtype)})
    polars.write_parquet(f"polars-{name}.parquet")
    polars.write_parquet(f"polars-{name}-pages.parquet", row_group_size=9, data_page_size=64, compression="lz4")
for name, kind, options in [("list", "FLOAT[]", ""), ("array", "FLOAT[4]", ""), ("double", "DOUBLE[]", ""),
                            ("v2", "FLOAT[4]", ", PARQUET_VERSION V2, COMPRESSION ZSTD")]:
    duckdb.sql(f"COPY (SELECT id, vector::{kind} AS vector FROM frame) TO 'duckdb-{name}.parquet' "
               f"(FORMAT parquet{options})")
